"""What must hold in every store, checked on rows."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kg.model.intervals import OPEN, Interval, intersect, union
from kg.store.base import Finding

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from kg.model.rows import EdgeRow, IdentifierRow, VersionRow
    from kg.schema.types import Relation, Schema
    from kg.store.tables import Tables


def check_tables(schema: Schema, tables: Tables) -> Iterator[Finding]:
    """All findings; none is a clean store."""
    yield from overlaps("entity versions", ((r.entity, r) for r in tables.versions.values()))
    yield from overlaps("relations", ((r.edge, r) for r in tables.edges.values()))
    yield from overlaps("record facts", (((r.source, r.local), r) for r in tables.records.values()))
    yield from overlaps("claims", (((r.source, r.local, r.level), r) for r in tables.claims.values()), leveled=False)
    yield from overlaps(
        "relation claims", (((r.line, r.level), r) for r in tables.relation_claims.values()), leveled=False
    )
    identifying = {name for name, scheme in schema.schemes.items() if scheme.identifying}
    yield from overlaps(
        "identifiers",
        (((r.scheme, r.value), r) for r in tables.identifiers.values() if r.scheme in identifying),
    )
    yield from _inside_existence(tables)
    yield from _resolved(schema, tables)
    yield from _identified(schema, tables)
    yield from _counted(schema, tables)


def overlaps(name: str, rows: Iterable[tuple[Hashable, Any]], *, leveled: bool = True) -> Iterator[Finding]:
    """Boxes of one key that meet in valid × system × level."""
    groups: dict[Hashable, list[Any]] = defaultdict(list)
    for key, row in rows:
        groups[key].append(row)
    for key, members in groups.items():
        if len(members) < 2:
            continue
        for i, a in enumerate(members):
            for b in members[i + 1 :]:
                if _meet(a, b, leveled=leveled):
                    yield Finding(f"{name} overlap", str(key), f"rows {a.row} and {b.row} hold at one point")


def _meet(a: Any, b: Any, *, leveled: bool) -> bool:
    valid = not hasattr(a, "valid_from") or (a.valid_from < b.valid_to and b.valid_from < a.valid_to)
    level = not leveled or (a.level_from < b.level_to and b.level_from < a.level_to)
    return bool(valid and level and a.system_from < b.system_to and b.system_from < a.system_to)


def _inside_existence(tables: Tables) -> Iterator[Finding]:
    versions: dict[str, list[VersionRow]] = defaultdict(list)
    for row in tables.versions.values():
        versions[row.entity].append(row)
    for edge in tables.edges.values():
        for entity in (edge.start, edge.end):
            if not _covered(edge, versions[entity]):
                yield Finding(
                    "relation outside its end's existence", edge.edge,
                    f"{edge.relation} row {edge.row} and entity {entity}",
                )  # fmt: skip


def _covered(edge: EdgeRow, rows: list[VersionRow]) -> bool:
    """At every system instant and level of the edge row, its valid interval lies inside the entity's existence."""
    systems = {edge.system_from}
    levels = {edge.level_from}
    for row in rows:
        systems.update(i for i in (row.system_from, row.system_to) if edge.system_from <= i < edge.system_to)
        levels.update(i for i in (row.level_from, row.level_to) if edge.level_from <= i < edge.level_to)
    whole = (Interval(edge.valid_from, edge.valid_to),)
    for system in systems:
        for level in levels:
            held = union(
                row.valid
                for row in rows
                if row.system_from <= system < row.system_to and row.level_from <= level < row.level_to
            )
            if intersect(whole, held) != whole:
                return False
    return True


def _resolved(schema: Schema, tables: Tables) -> Iterator[Finding]:
    """Current resolved rows are what the current claims give."""
    from kg.store.commit.entities import Entities
    from kg.store.commit.working import Working
    from kg.store.tables import TablesReading

    working = Working(schema, TablesReading(tables), "", ())
    entities = Entities(working, None)
    ids = {r.entity for r in tables.records.values() if r.system_to == OPEN}
    ids |= {r.entity for r in tables.versions.values() if r.system_to == OPEN}
    entities.recompute(ids)
    for entity in sorted(ids):
        want = _flat(entities.new[entity])
        have = _flat(tables.versions.current("entity", entity))
        if want != have:
            yield Finding("resolved version differs from the claims", entity, f"stored {have}, claimed {want}")


def _identified(schema: Schema, tables: Tables) -> Iterator[Finding]:
    """Current identifier rows are what the current resolved rows give."""
    from kg.store.commit.entities import identifier_rows

    schemes = {c.name: tuple((p.name, p.scheme) for p in c.properties if p.scheme) for c in schema.classes.values()}
    entities = {row.entity for row in tables.versions.values()} | {row.entity for row in tables.identifiers.values()}
    for entity in sorted(entities):
        rows = tables.versions.current("entity", entity)
        if any(row.cls not in schemes for row in rows):
            continue  # a class that the ontology has no more
        held = tables.identifiers.current("entity", entity)
        for level in _levels(rows, held):
            want = _values(identifier_rows(entity, _at(rows, level), schemes))
            have = _values(_at(held, level))
            if want != have:
                yield Finding("identifiers differ from the resolved version", entity, f"stored {have}, resolved {want}")
                break


def _values(rows: Iterable[IdentifierRow]) -> dict[tuple[str, str], tuple[Interval, ...]]:
    out: dict[tuple[str, str], list[Interval]] = defaultdict(list)
    for row in rows:
        out[row.scheme, row.value].append(Interval(row.valid_from, row.valid_to))
    return {key: union(intervals) for key, intervals in sorted(out.items())}


def _counted(schema: Schema, tables: Tables) -> Iterator[Finding]:
    """As many relations of an entity as the ontology allows, at each instant that it exists. Several sources may each
    keep to that and not together, so that no commit is refused for it."""
    limited = {r.name: r for r in schema.relations.values() if r.min_count or r.max_count is not None}
    if not limited:
        return
    leaving: dict[tuple[str, str], list[EdgeRow]] = defaultdict(list)
    for edge in tables.edges.values():
        if edge.system_to == OPEN and edge.relation in limited:
            leaving[edge.relation, edge.start].append(edge)
    subjects: dict[str, list[VersionRow]] = defaultdict(list)
    for row in tables.versions.values():
        if row.system_to == OPEN and not row.mentioned:
            subjects[row.entity].append(row)
    for name, relation in sorted(limited.items()):
        domain = set(schema.concrete(relation.domain))
        for entity, rows in sorted(subjects.items()):
            bearing = [row for row in rows if row.cls in domain]
            found = _miscounted(relation, bearing, leaving.get((name, entity), []))
            if found:
                yield Finding("another number of relations than the ontology allows", entity, found)


def _miscounted(relation: Relation, rows: list[VersionRow], edges: list[EdgeRow]) -> str:
    most = relation.max_count
    for level in _levels(rows, edges):
        held, leaving = _at(rows, level), _at(edges, level)
        for instant in sorted({at for r in (*held, *leaving) for at in (r.valid_from, r.valid_to)}):
            if not any(r.valid_from <= instant < r.valid_to for r in held):
                continue
            count = sum(1 for e in leaving if e.valid_from <= instant < e.valid_to)
            if count < relation.min_count or (most is not None and count > most):
                allowed = f"{relation.min_count} to {'any number' if most is None else most}"
                return f"{relation.name}: {count} from {instant} on for readers of level {level}, allowed are {allowed}"
    return ""


def _levels(*tables: Iterable[Any]) -> list[int]:
    """Levels at which what is seen may change."""
    return sorted({level for rows in tables for r in rows for level in (r.level_from, r.level_to) if level < OPEN})


def _at(rows: Iterable[Any], level: int) -> list[Any]:
    return [row for row in rows if row.level_from <= level < row.level_to]


def _flat(rows: Iterable[VersionRow]) -> dict[tuple[int, int], list[tuple[Any, ...]]]:
    """Content by level slab, so that division by level makes no difference."""
    rows = list(rows)
    bounds = sorted({b for r in rows for b in (r.level_from, r.level_to)})
    out: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for low, high in pairwise(bounds):
        here = [
            (r.valid_from, r.valid_to, r.cls, sorted(r.properties.items()), sorted(r.sources.items()), r.mentioned)
            for r in rows
            if r.level_from <= low and high <= r.level_to
        ]
        out[low, high] = sorted(here, key=lambda item: item[0])
    return _merged(out)


def _merged(slabs: dict[tuple[int, int], list[tuple[Any, ...]]]) -> dict[tuple[int, int], list[tuple[Any, ...]]]:
    out: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for (low, high), content in slabs.items():
        last = next(reversed(out), None)
        if last is not None and last[1] == low and out[last] == content:
            out[last[0], high] = out.pop(last)
        elif content:
            out[low, high] = content
    return out
