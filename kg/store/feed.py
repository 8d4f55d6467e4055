"""The change feed as a reader of a Scope sees it; shared by the stores."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from kg.query.algebra import Field, Ids, Leaf, Meta, MetaName, Obj, Query, Root, Rows, Select, Time
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from kg.model.rows import EdgeRow, VersionRow
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.base import ChangeEntry

    Execute = Callable[[Query, Scope], Awaitable[bytes]]


def entries_of(
    seq: int, system: int, versions: Iterable[VersionRow], edges: Iterable[EdgeRow]
) -> list[tuple[ChangeEntry, int, int]]:
    """All entries of one commit in order, each with its level interval: (entry, level from, level to).

    `versions`, `edges`: rows opened or closed at the commit's instant. Offsets count all, whoever reads.
    """
    from kg.store.base import ChangeEntry, Position

    found: list[tuple[tuple[Any, ...], Any, str, str]] = []
    for kind, rows in (("entity", versions), ("relation", edges)):
        for row in rows:
            ident = getattr(row, "entity" if kind == "entity" else "edge")
            for op, at in (("close", row.system_to), ("open", row.system_from)):
                if at == system:
                    order = (kind, ident, op != "close", row.valid_from, row.level_from)
                    found.append((order, row, kind, op))
    found.sort(key=lambda item: item[0])
    out = []
    for offset, (_, row, kind, op) in enumerate(found, 1):
        entity = kind == "entity"
        entry = ChangeEntry(
            Position(seq, offset), system, op, kind,
            row.entity if entity else row.edge, row.cls if entity else row.relation,
            row.valid_from, row.valid_to, dict(row.properties) if op == "open" else {},
            "" if entity else row.start, "" if entity else row.end,
        )  # fmt: skip
        out.append((entry, row.level_from, row.level_to))
    return out


async def visible(
    entries: Sequence[tuple[ChangeEntry, int, int]], schema: Schema, scope: Scope, execute: Execute
) -> list[ChangeEntry]:
    """Entries that the Scope may see, masked. Entities it may not see at the entry's own instants are left out."""
    from dataclasses import replace

    at_level = [e for e, low, high in entries if low <= scope.level < high]
    known = [e for e in at_level if _class_seen(e, schema, scope)]
    asked: dict[tuple[int, int], set[str]] = defaultdict(set)
    if scope.rows or scope.classes is not None or any(e.kind == "relation" for e in known):
        for entry in known:
            asked[_instants(entry)].update(_entities(entry))
    seen = {key: await _seen(ids, key, scope, execute) for key, ids in asked.items()}
    out = []
    for entry in known:
        if asked and not _entities(entry) <= seen[_instants(entry)]:
            continue
        out.append(replace(entry, properties=_unmasked(entry, schema, scope)) if entry.properties else entry)
    return out


def _instants(entry: ChangeEntry) -> tuple[int, int]:
    return entry.valid_from, entry.system if entry.op == "open" else entry.system - 1


def _entities(entry: ChangeEntry) -> set[str]:
    return {entry.id} if entry.kind == "entity" else {entry.start, entry.end}


def _class_seen(entry: ChangeEntry, schema: Schema, scope: Scope) -> bool:
    if entry.kind == "relation":
        relation = schema.relations.get(entry.name)
        return relation is not None and relation.sensitivity <= scope.level
    cls = schema.classes.get(entry.name)
    if cls is None or cls.sensitivity > scope.level:
        return False
    return scope.classes is None or any(schema.is_a(entry.name, c) for c in scope.classes)


def _unmasked(entry: ChangeEntry, schema: Schema, scope: Scope) -> dict[str, Any]:
    if entry.kind == "relation":
        declared = {p.name: p for p in schema.relations[entry.name].properties}
        masked = scope.masks.get(entry.name, frozenset())
    else:
        cls = schema.classes[entry.name]
        declared = {p.name: p for p in cls.properties}
        masked = frozenset().union(*(scope.masks.get(name, frozenset()) for name in (cls.name, *cls.ancestors)))
    return {
        n: v
        for n, v in entry.properties.items()
        if n in declared and n not in masked and declared[n].sensitivity <= scope.level
    }


async def _seen(ids: set[str], instants: tuple[int, int], scope: Scope, execute: Execute) -> set[str]:
    valid, system = instants
    obj = Obj((Field("id", Leaf(Meta(MetaName.ID))),))
    select = Select(Ids(ROOT_CLASS, tuple(sorted(ids))), Rows(obj), time=Time(valid, system))
    answer = orjson.loads(await execute(Query((Root("rows", select),), now=valid), scope))
    return {row["id"] for row in answer["rows"]}
