"""Predicates, and the rows of each source: they need each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.geo import geometry
from kg.query import text
from kg.query.algebra import (
    And,
    ClaimsOf,
    Cmp,
    ConflictsOf,
    Edges,
    Exists,
    Extent,
    Ids,
    IsA,
    Keys,
    Match,
    Near,
    Not,
    Or,
    Prop,
    Self,
    Spatial,
    Step,
    Walk,
)
from kg.query.interpreter.rows import Conflict, Row, value
from kg.query.values import compare
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kg.model.rows import ClaimRow, VersionRow
    from kg.query.algebra import Predicate, Source
    from kg.query.interpreter.world import At, World


# ---------------------------------------------------------------- predicates


def holds(world: World, where: Predicate | None, row: Row) -> bool:
    """Whether a predicate is true of a row; None is no condition."""
    match where:
        case None:
            return True
        case Cmp(op, left, right):
            return compare(op, value(world, left, row), value(world, right, row))
        case And(items):
            return all(holds(world, item, row) for item in items)
        case Or(items):
            return any(holds(world, item, row) for item in items)
        case Not(item):
            return not holds(world, item, row)
        case IsA(cls):
            return world.schema.is_a(row.cls, cls)
        case Exists(step, inner, least, most):
            count = sum(holds(world, inner, found) for found in rows(world, step, row, row.at))
            return least <= count and (most is None or count <= most)
        case Near(prop, lon, lat, metres):
            return any(geometry.distance_m(g, lon, lat) <= metres for g in _geometries(world, prop, row))
        case Spatial(op, prop, query):
            return any(_spatial(op, g, query) for g in _geometries(world, prop, row))


def _geometries(world: World, prop: str, row: Row) -> tuple[str, ...]:
    found = value(world, Prop(prop), row)
    if isinstance(found, tuple):
        return found
    return (found,) if isinstance(found, str) else ()


def _spatial(op: str, found: str, query: str) -> bool:
    if op == "bbox":
        return geometry.meets_bbox(found, geometry.parse_bbox(query))
    return geometry.within(found, query) if op == "within" else geometry.intersects(found, query)


# ---------------------------------------------------------------- sources


def rows(world: World, source: Source, outer: Row | None, at: At) -> Iterable[Row]:
    """The rows of a source, in no order. `outer` is the enclosing row."""
    match source:
        case Extent(cls):
            return [Row(at, version) for version in world.extent(cls, at)]
        case Ids() | Keys():
            ids = dict.fromkeys(found for found in aligned_ids(world, source, at) if found is not None)
            return [Row(at, version) for found in ids for version in world.versions(found, source.cls, at)]
        case Match():
            return _matching(world, source, at)
        case Edges(relation, cls, end_where):
            return _edges(world, relation, cls, end_where, at)
        case Walk():
            return _walk(world, source, outer, at)
    assert outer is not None, "a source that starts from a row stands below one"
    match source:
        case Step(relation, out, cls, where):
            return _related(world, relation, out, cls, where, outer, at)
        case Self(cls):
            return [Row(at, version) for version in world.versions(outer.id, cls, at)]
        case ClaimsOf():
            return [Row(at, outer.version, claim=claim) for claim in _claims(world, source, outer, at)]
        case ConflictsOf():
            return _conflicts(world, source, outer, at)


def aligned_ids(world: World, source: Ids | Keys, at: At) -> list[str | None]:
    """For each id or key the entity that answers to it; None where nobody holds the key."""
    if isinstance(source, Ids):
        return [world.survivor(found, at) for found in source.ids]
    return [next(iter(world.holders(key, at)), None) for key in source.keys]


def searchable_values(world: World, version: VersionRow, without: tuple[tuple[str, str], ...] = ()) -> list[str]:
    """What text search reads of a row."""
    out: list[str] = []
    for prop in world.schema.classes[version.cls].properties:
        found = version.properties.get(prop.name)
        searched = prop.searchable and prop.datatype is Datatype.STRING and (version.cls, prop.name) not in without
        if searched and found is not None:
            out += [str(one) for one in found] if isinstance(found, tuple) else [str(found)]
    return out


def _matching(world: World, source: Match, at: At) -> list[Row]:
    out: list[Row] = []
    for version in world.extent(source.cls, at):
        found = text.rank(searchable_values(world, version, source.without), source.text)
        if found is not None:
            out.append(Row(at, version, rank=found))
    return out


def _edges(world: World, relation: str, cls: str, end_where: Predicate | None, at: At) -> list[Row]:
    out: list[Row] = []
    for edge in world.relations(relation, at):
        for version in world.versions(edge.start, cls, at):
            ends = world.versions(edge.end, ROOT_CLASS, at)
            if any(holds(world, end_where, Row(at, end, edge)) for end in ends):
                out.append(Row(at, version, edge))
    return out


def _related(
    world: World, relation: str, out: bool, cls: str, where: Predicate | None, outer: Row, at: At
) -> list[Row]:
    found: list[Row] = []
    for edge in world.edges_of(relation, out, outer.id, at):
        for version in world.versions(edge.end if out else edge.start, cls, at):
            row = Row(at, version, edge)
            if holds(world, where, row):
                found.append(row)
    return found


# ---------------------------------------------------------------- walks


def _walk(world: World, walk: Walk, outer: Row | None, at: At) -> list[Row]:
    levels = _levels(world, walk, _starts(world, walk, outer, at), at)
    depth_of = {entity: depth for depth, level in enumerate(levels) for entity in level}
    out: list[Row] = []
    for depth, level in enumerate(levels):
        if depth < walk.min:
            continue
        for entity, version in level.items():
            if world.schema.is_a(version.cls, walk.cls):
                path, via = _path(world, walk, entity, depth, depth_of, at)
                out.append(Row(at, version, depth=depth, path=path, via=via))
    return out


def _starts(world: World, walk: Walk, outer: Row | None, at: At) -> dict[str, VersionRow]:
    if walk.start is None:
        assert outer is not None, "a walk without a start of its own stands below a row"
        # The enclosing row's entity, as it is at this select's instants.
        return {v.entity: v for v in world.versions(outer.id, ROOT_CLASS, at)}
    found = rows(world, walk.start, None, at)
    return {row.id: row.version for row in found if holds(world, walk.start_where, row)}


def _levels(world: World, walk: Walk, starts: dict[str, VersionRow], at: At) -> list[dict[str, VersionRow]]:
    """Entities by their least depth."""
    levels = [starts]
    seen = set(starts)
    while levels[-1] and len(levels) <= walk.max:
        reached: dict[str, VersionRow] = {}
        for entity in levels[-1]:
            for _, neighbour in _neighbours(world, walk, entity, at):
                if neighbour in seen or neighbour in reached:
                    continue
                for version in world.versions(neighbour, ROOT_CLASS, at):
                    if holds(world, walk.through, Row(at, version)):
                        reached[neighbour] = version
        seen |= reached.keys()
        levels.append(reached)
    return levels


def _neighbours(world: World, walk: Walk, entity: str, at: At, *, backwards: bool = False) -> Iterable[tuple[int, str]]:
    """(number of the step, entity at its other end)"""
    for number, (relation, out) in enumerate(walk.steps):
        outward = out is not backwards
        for edge in world.edges_of(relation, outward, entity, at):
            yield number, edge.end if outward else edge.start


def _path(
    world: World, walk: Walk, entity: str, depth: int, depth_of: dict[str, int], at: At
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Backwards from the end: each time the predecessor of least id, and the first step that leads from it."""
    path, via = [entity], list[str]()
    for below in range(depth - 1, -1, -1):
        before = [
            (found, number)
            for number, found in _neighbours(world, walk, path[-1], at, backwards=True)
            if depth_of.get(found) == below
        ]
        found, number = min(before)
        path.append(found)
        via.append(_step_name(world, *walk.steps[number]))
    return tuple(reversed(path)), tuple(reversed(via))


def _step_name(world: World, relation: str, out: bool) -> str:
    return relation if out else world.schema.relations[relation].inverse or relation


# ---------------------------------------------------------------- claims


def _claims(world: World, source: ClaimsOf | ConflictsOf, outer: Row, at: At) -> list[ClaimRow]:
    found = [claim for record in world.records_of(outer.id, at) for claim in world.claims(record, at)]
    return [claim for claim in found if source.classes is None or claim.cls in source.classes]


def _conflicts(world: World, source: ConflictsOf, outer: Row, at: At) -> list[Row]:
    claims = _claims(world, source, outer, at)
    resolved = next(iter(world.versions(outer.id, ROOT_CLASS, at)), outer.version)
    out: list[Row] = []
    for name in sorted({name for claim in claims for name in claim.properties} - set(source.without)):
        said = [claim for claim in claims if name in claim.properties]
        if len({claim.properties[name] for claim in said}) > 1:
            for claim in said:
                found = claim.properties[name]
                chosen = resolved.properties.get(name) == found
                out.append(Row(at, resolved, claim=claim, conflict=Conflict(name, found, chosen)))
    return out
