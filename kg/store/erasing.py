"""Erasing and pruning, on rows: the only verbs that remove what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.errors import NotFound
from kg.model.changes import RecordKey
from kg.schema.problems import suggestion

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import EraseRequest
    from kg.store.tables import Table, Tables


def refuse_unknown(schema: Schema, request: EraseRequest, count: int) -> None:
    """NotFound for a property that no class has and of which `count`, what was erased, found nothing: a slip of the
    pen must not pass for an erasure. One that the ontology has no more is found where there are values of it."""
    if not request.property or count:
        return
    known = {p.name for cls in schema.classes.values() for p in cls.properties}
    if request.property not in known:
        raise NotFound(
            "Nothing was erased: no class has this property, and nothing is kept under it", field="property",
            value=request.property,
            remedy=suggestion(request.property, known) or "`jingwei ontology docs` lists the properties of each class.",
        )  # fmt: skip


def erase_rows(tables: Tables, request: EraseRequest) -> int:
    """Remove an entity's values, or one property's, from every row ever; rows touched."""
    keys = sorted({RecordKey(r.source, r.local) for r in tables.records.ever("entity", request.entity)})
    if request.property:
        return _erase_property(tables, keys, request)
    count = 0
    for key in keys:
        count += _drop(tables.claims, tables.claims.ever("key", key))
        count += _drop(tables.relation_claims, tables.relation_claims.ever("record", key))
    count += _drop(tables.versions, tables.versions.ever("entity", request.entity))
    count += _drop(tables.edges, tables.edges.ever("entity", request.entity))
    count += _drop(tables.identifiers, tables.identifiers.ever("entity", request.entity))
    for key in keys:
        count += _drop(tables.records, tables.records.ever("key", key))
    return count


def _erase_property(tables: Tables, keys: list[RecordKey], request: EraseRequest) -> int:
    name = request.property
    rows: list[Any] = [row for key in keys for row in tables.claims.ever("key", key)]
    rows += tables.versions.ever("entity", request.entity)
    gone: set[str] = set()
    count = 0
    for row in rows:
        if name in row.properties:
            value = row.properties[name]
            gone.update(map(str, value) if isinstance(value, tuple) else (str(value),))
            row.properties = {n: v for n, v in row.properties.items() if n != name}
            count += 1
        if getattr(row, "sources", None):
            row.sources = {n: v for n, v in row.sources.items() if n != name}
    held = [r for r in tables.identifiers.ever("entity", request.entity) if r.value in gone]
    return count + _drop(tables.identifiers, held)


def prune_rows(tables: Tables, before: int) -> int:
    """Drop rows that were superseded at or before an instant; how many."""
    every: tuple[Table[Any], ...] = (
        tables.records, tables.claims, tables.versions, tables.relation_claims, tables.edges, tables.identifiers,
    )  # fmt: skip
    count = sum(_drop(table, [row for row in table.values() if row.system_to <= before]) for table in every)
    for relation, table in ((False, tables.claims), (True, tables.relation_claims)):
        for key in [k for k in tables.affirmed if k[0] is relation and k[1] not in table]:
            del tables.affirmed[key]
    tables.pruned_before = max(tables.pruned_before, before)
    return count


def _drop(table: Table[Any], rows: list[Any]) -> int:
    for number in [row.row for row in rows]:
        if number in table:
            table.drop(number)
    return len(rows)
