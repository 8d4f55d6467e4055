"""A row of a select, and the value of an expression on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.model.intervals import MIN, OPEN
from kg.query.algebra import Calc, Const, Edge, Meta, MetaName, Prop
from kg.query.values import calculate, json_value, significant
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.model.rows import ClaimRow, EdgeRow, VersionRow
    from kg.query.algebra import Expr
    from kg.query.interpreter.world import At, World
    from kg.query.values import Stored
    from kg.schema.types import Property, Schema


@dataclass(frozen=True, slots=True)
class Conflict:
    """One record's value of a property on which records differ."""

    property: str
    value: Stored
    chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """An entity's version as its select read it, and how it was reached.

    `path`, `via`: of a Walk. `claim`: the row is what a record says (of ClaimsOf, ConflictsOf).
    """

    at: At
    version: VersionRow
    edge: EdgeRow | None = None
    depth: int | None = None
    path: tuple[str, ...] = ()
    via: tuple[str, ...] = ()
    rank: int | None = None
    claim: ClaimRow | None = None
    conflict: Conflict | None = None

    @property
    def id(self) -> str:
        return self.version.entity

    @property
    def cls(self) -> str:
        return self.claim.cls if self.claim else self.version.cls

    @property
    def properties(self) -> Mapping[str, Any]:
        return self.claim.properties if self.claim else self.version.properties

    @property
    def ties(self) -> tuple[str, str, int, int]:
        """What orders rows whose order values are equal."""
        if self.claim:
            return self.claim.source, self.claim.local, self.claim.system_from, self.claim.valid_from
        if self.at.ranged:
            return self.id, "", self.version.system_from, self.version.valid_from
        return self.id, self.edge.edge if self.edge else "", 0, 0


def declared(schema: Schema, expr: Expr, row: Row) -> Property | None:
    """The property that an expression reads on this row."""
    if isinstance(expr, Prop):
        return schema.classes[row.cls].property(expr.name)
    if isinstance(expr, Edge) and row.edge:
        return schema.relations[row.edge.relation].property(expr.name)
    return None


def value(world: World, expr: Expr, row: Row) -> Stored:
    """In stored form."""
    match expr:
        case Prop(name):
            return row.properties.get(name) if declared(world.schema, expr, row) else None
        case Edge(name):
            return row.edge.properties.get(name) if row.edge and declared(world.schema, expr, row) else None
        case Const(found):
            return found
        case Calc(op, args):
            return calculate(op, tuple(value(world, arg, row) for arg in args))
        case Meta():
            found = meta(world, expr, row)
            return None if isinstance(found, (dict, list)) else found


INSTANTS = frozenset(
    {
        MetaName.VALID_FROM,
        MetaName.VALID_TO,
        MetaName.SYSTEM_FROM,
        MetaName.SYSTEM_TO,
        MetaName.EDGE_VALID_FROM,
        MetaName.EDGE_VALID_TO,
        MetaName.EDGE_SYSTEM_FROM,
        MetaName.EDGE_SYSTEM_TO,
        MetaName.STATED,
    }
)
_TIMES = {
    "validFrom": "valid_from",
    "validTo": "valid_to",
    "systemFrom": "system_from",
    "systemTo": "system_to",
}


def meta(world: World, expr: Meta, row: Row) -> Any:
    """A Meta's value: in stored form, or a dict or list for those that are JSON."""
    name = expr.name
    if name.value.startswith("edge."):
        return _edge_meta(expr, row.edge) if row.edge else None
    if name in INSTANTS and name is not MetaName.STATED:
        held = row.claim or row.version
        return _instant(getattr(held, _TIMES[name.value]))
    match name:
        case MetaName.ID:
            return row.id
        case MetaName.CLASS:
            return row.cls
        case MetaName.PROVENANCE:
            return "mentioned" if (row.claim or row.version).mentioned else "stated"
        case MetaName.SOURCES:
            return {n: s for n, s in sorted(row.version.sources.items()) if n not in expr.without}
        case MetaName.RAW:
            return _raw(world, expr, row)
        case MetaName.MERGED_FROM:
            return world.merged_from(row.id, row.at)
        case MetaName.DEPTH:
            return row.depth
        case MetaName.PATH:
            return list(row.path) if row.depth is not None else None
        case MetaName.VIA:
            return list(row.via) if row.depth is not None else None
        case MetaName.RANK:
            return row.rank
        case _:
            return _claim_meta(world, expr, row)


def _instant(instant: int) -> int | None:
    return None if instant in {OPEN, MIN} else instant


def _edge_meta(expr: Meta, edge: EdgeRow) -> Any:
    match expr.name:
        case MetaName.EDGE_ID:
            return edge.edge
        case MetaName.EDGE_SOURCES:
            return {n: s for n, s in sorted(edge.sources.items()) if n not in expr.without}
        case MetaName.EDGE_START:
            return edge.start
        case MetaName.EDGE_END:
            return edge.end
        case _:
            return _instant(getattr(edge, _TIMES[expr.name.value.removeprefix("edge.")]))


def _raw(world: World, expr: Meta, row: Row) -> dict[str, Any]:
    known = {p.name for p in world.schema.classes[row.cls].properties} | set(expr.without)
    return {n: _plain(v) for n, v in sorted(row.properties.items()) if n not in known}


def _plain(found: Any) -> Any:
    return list(found) if isinstance(found, tuple) else found


def _claim_meta(world: World, expr: Meta, row: Row) -> Any:
    claim = row.claim
    if claim is None:
        return None
    match expr.name:
        case MetaName.SOURCE:
            return claim.source
        case MetaName.RECORD:
            return claim.local
        case MetaName.LEVEL:
            return claim.level
        case MetaName.CONFIDENCE:
            return claim.confidence
        case MetaName.STATED:
            return claim.stated
        case MetaName.RUN:
            return claim.run
        case MetaName.PROPERTIES:
            shown = {p.name: p for p in world.schema.classes[claim.cls].properties if p.name not in expr.without}
            return {n: json_value(v, shown[n].datatype) for n, v in sorted(claim.properties.items()) if n in shown}
    if row.conflict is None:
        return None
    match expr.name:
        case MetaName.PROPERTY:
            return row.conflict.property
        case MetaName.CHOSEN:
            return row.conflict.chosen
        case MetaName.VALUE:
            # Wrapped by `leaf`: a JSON value of any type.
            return row.conflict.value
    return None


def leaf(world: World, expr: Expr, row: Row) -> Any:
    """What an expression gives in the answer."""
    if isinstance(expr, Meta):
        found = meta(world, expr, row)
        if expr.name is MetaName.VALUE and row.conflict and row.claim:
            prop = world.schema.classes[row.claim.cls].property(row.conflict.property)
            return json_value(found, prop.datatype if prop else None)
        return json_value(found, Datatype.INSTANT) if expr.name in INSTANTS else found
    found = value(world, expr, row)
    if isinstance(expr, Calc):
        return significant(found, 15) if isinstance(found, float) else found
    prop = declared(world.schema, expr, row)
    if found is None:
        return [] if prop and prop.many else None
    return json_value(found, prop.datatype if prop else None)
