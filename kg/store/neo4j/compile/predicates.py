"""Predicates → Cypher conditions. Unknown is null, which WHERE takes as false; `Not` of it is true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.geo import geometry
from kg.geo.geometry import bounds, parse_bbox
from kg.query import algebra as a
from kg.query.algebra import Comparison
from kg.schema.types import Datatype
from kg.store.boxes import MARGIN_DEGREES, east_of, north_of, south_of, west_of
from kg.store.neo4j.compile.calculations import NEO4J_RADIUS_M, distance, has_point, here
from kg.store.neo4j.compile.context import Ex, of_classes
from kg.store.neo4j.compile.expressions import expression
from kg.store.neo4j.compile.sources import source
from kg.store.neo4j.compile.texts import corrected, detours, sort_key_of
from kg.store.neo4j.layout import box, point, quoted

if TYPE_CHECKING:
    from kg.store.lift import Hole
    from kg.store.neo4j.compile.context import Row
    from kg.store.neo4j.compile.plan import Compiler

_OPERATORS = {
    Comparison.EQ: "=", Comparison.NE: "<>", Comparison.LT: "<", Comparison.LE: "<=", Comparison.GT: ">",
    Comparison.GE: ">=",
}  # fmt: skip
_UNEQUAL = ("<", "<=", ">", ">=")


def predicate(c: Compiler, p: a.Predicate, row: Row) -> str:
    match p:
        case a.Cmp(op, left, right):
            return compare(c, op, left, right, row)
        case a.And(items):
            return "(" + " AND ".join(predicate(c, item, row) for item in items) + ")" if items else "true"
        case a.Or(items):
            return "(" + " OR ".join(predicate(c, item, row) for item in items) + ")" if items else "false"
        case a.Not(item):
            return f"NOT coalesce({predicate(c, item, row)}, false)"
        case a.IsA(cls):
            return is_a(c, cls, row)
        case a.Exists():
            return exists(c, p, row)
        case a.Near():
            return near(c, p, row)
        case a.Spatial():
            return spatial(c, p, row)


def is_a(c: Compiler, cls: str, row: Row) -> str:
    wanted = set(c.schema.concrete(cls))
    if wanted.issuperset(row.classes):
        return "true"
    both = [name for name in row.classes if name in wanted]
    return of_classes(row.alias, both) if both else "false"


# ---------------------------------------------------------------- comparisons


def compare(c: Compiler, op: Comparison, left: a.Expr, right: a.Expr, row: Row) -> str:
    one = expression(c, left, row)
    if op is Comparison.IS_NULL:
        return is_null(one, wanted=bool(getattr(right, "value", True)))
    other = expression(c, right, row)
    if one.null or other.null:
        return "false"
    tests = [
        _guarded([first, second], _compare(c, op, ex, to, right))
        for first, ex in _variants(one)
        for second, to in _variants(other)
    ]
    return tests[0] if len(tests) == 1 else "(" + " OR ".join(tests) + ")"


def _variants(ex: Ex) -> tuple[tuple[str, Ex], ...]:
    return ex.variants or (("", ex),)


def _guarded(guards: list[str], test: str) -> str:
    said = [guard for guard in guards if guard]
    return f"({' AND '.join([*said, test])})" if said else test


def is_null(one: Ex, *, wanted: bool) -> str:
    """Many values may be none."""
    if one.null:
        return "true" if wanted else "false"
    if one.variants:
        some = " OR ".join(f"({test} AND {is_null(ex, wanted=False)})" for test, ex in one.variants)
        return f"NOT ({some})" if wanted else f"({some})"
    if one.many:
        return f"size(coalesce({one.text}, [])) {'=' if wanted else '>'} 0"
    return f"{one.text} IS {'' if wanted else 'NOT '}NULL"


def _compare(c: Compiler, op: Comparison, one: Ex, other: Ex, right: a.Expr) -> str:
    if op is Comparison.IN and not other.many:
        op = Comparison.EQ
    if one.many:
        item = c.names.fresh("x")
        inner = _compare(c, op, replace(one, text=item, many=False, stored=False), other, right)
        return f"any({item} IN {one.text} WHERE {inner})"
    if op is Comparison.IN:
        return f"{one.text} IN {other.text}"
    if other.many:
        item = c.names.fresh("x")
        inner = _compare(c, op, one, replace(other, text=item, many=False, stored=False), right)
        return f"any({item} IN {other.text} WHERE {inner})"
    return _test(c, op, one, other, right)


def _test(c: Compiler, op: Comparison, one: Ex, other: Ex, right: a.Expr) -> str:
    if one.textual != other.textual:
        return "false"  # text and numbers do not compare
    if op in _OPERATORS:
        sign = _OPERATORS[op]
        if not one.textual or sign not in _UNEQUAL or (one.stored and other.stored):
            return f"{one.text} {sign} {other.text}"
        if isinstance(right, a.Const) and other.text.startswith("$"):
            return corrected(
                f"({one.text} {sign} {other.text})", one.text, c.params.add(right.value, by=detours),  # type: ignore[arg-type]
                c.names.fresh("x"),
            )  # fmt: skip
        return f"{ordered(c, one)} {sign} {ordered(c, other)}"
    if not one.textual:
        return "false"
    if op is Comparison.CONTAINS:
        return f"{one.text} CONTAINS {other.text}"
    if op is Comparison.STARTS_WITH:
        return f"{one.text} STARTS WITH {other.text}"
    raise QueryError(f"No such comparison: {op}", remedy="Use one of the comparisons of the query algebra.")


def ordered(c: Compiler, ex: Ex) -> str:
    """A text so that its order is that by code point, whatever it is compared with of this kind."""
    if not ex.textual or ex.null:
        return ex.text
    x = c.names.fresh("x")
    made = sort_key_of(x, c.names.fresh("x"), c.names.fresh("x"), c.names.fresh("x"))
    return f"[{x} IN [{ex.text}] | CASE WHEN {x} IS NOT NULL THEN {made} END][0]"


# ---------------------------------------------------------------- relations


def exists(c: Compiler, p: a.Exists, row: Row) -> str:
    least, most = p.min, p.max
    if least <= 0 and most is None:
        return "true"
    found = source(c, p.step, row, row.at, paths=False)
    tests = [predicate(c, p.where, found.row)] if p.where is not None else []
    text = f"{found.text(*tests)} RETURN 1 AS one"
    if (least, most) == (1, None):
        return f"EXISTS {{ {text} }}"
    if most == 0:
        return f"NOT EXISTS {{ {text} }}"
    # Counting stops where the answer is known.
    count = f"COUNT {{ {text} LIMIT {int(least if most is None else most + 1)} }}"
    return f"{count} >= {int(least)}" if most is None else f"{int(least)} <= {count} <= {int(most)}"


# ---------------------------------------------------------------- places


def _reach(metres: float) -> float:
    """A radius for point.distance, whose sphere is larger, that leaves nothing out."""
    return float(metres) * (NEO4J_RADIUS_M / geometry.EARTH_RADIUS_M) * 1.000001 + 0.01


def _well_within(metres: float) -> float:
    """A radius for point.distance within which nothing is that lies farther; none where it is too small for that."""
    return float(metres) * (NEO4J_RADIUS_M / geometry.EARTH_RADIUS_M) * 0.999999 - 0.01


def near(c: Compiler, p: a.Near, row: Row, *, reached: bool = False) -> str:
    """`reached`: only places are asked about that an index found near enough."""
    lon, lat, metres = _holes(p.lon, p.lat, p.metres)
    ex = expression(c, a.Prop(p.prop), row)
    if ex.null:
        return "false"
    limit = c.params.add(metres, by=float)
    if ex.many or ex.variants:
        table = c.table(a.Prop(p.prop), row, _is_near, lon, lat, metres)
        return _some(c, ex, table)
    exact = f"{distance(c, a.Prop(p.prop), row, lon, lat)} <= {limit}"
    if not has_point(c, a.Prop(p.prop), row):
        return exact
    there = f"{row.alias}.{quoted(point(p.prop))}"
    if reached:  # most lie within by more than spheres and rounding could change
        return f"({sure_test(c, there, lon, lat, metres)} OR {exact})"
    return f"(({reach_test(c, there, lon, lat, metres)} OR {there} IS NULL) AND {exact})"


def reach_test(c: Compiler, there: str, lon: Hole, lat: Hole, metres: Hole) -> str:
    """A point lies near enough, by an index of points: candidates."""
    return f"point.distance({there}, {here(c, lon, lat)}) <= {c.params.add(metres, by=_reach)}"


def sure_test(c: Compiler, there: str, lon: Hole, lat: Hole, metres: Hole) -> str:
    """A point lies near enough, whatever spheres and rounding change."""
    return f"point.distance({there}, {here(c, lon, lat)}) <= {c.params.add(metres, by=_well_within)}"


def near_box(c: Compiler, sides: tuple[str, ...], lon: Hole, lat: Hole, metres: Hole) -> str:
    """A box, given by its sides, meets that around a circle: candidates."""
    west, south, east, north = sides
    circle = (lon, lat, metres)
    return (
        f"{west} <= {c.params.add(*circle, by=east_of)} AND {east} >= {c.params.add(*circle, by=west_of)} "
        f"AND {south} <= {c.params.add(lat, metres, by=north_of)} "
        f"AND {north} >= {c.params.add(lat, metres, by=south_of)}"
    )


def candidates_inside(there: str, around_: str) -> str:
    """A point lies in the box of a geometry, by an index of points."""
    low = f"point({{longitude: {around_}[0], latitude: {around_}[1]}})"
    high = f"point({{longitude: {around_}[2], latitude: {around_}[3]}})"
    return f"point.withinBBox({there}, {low}, {high})"


def _is_near(text: str, lon: float, lat: float, metres: float) -> bool:
    return geometry.distance_m(text, float(lon), float(lat)) <= metres


def spatial(c: Compiler, p: a.Spatial, row: Row) -> str:
    ex = expression(c, a.Prop(p.prop), row)
    (query,) = _holes(p.geometry)
    if ex.null:
        return "false"
    if ex.many or ex.variants or not has_point(c, a.Prop(p.prop), row):
        function = {"within": geometry.within, "intersects": geometry.intersects, "bbox": _meets}[p.op]
        return _some(c, ex, c.table(a.Prop(p.prop), row, function, query))
    if p.op == "bbox":
        return _meets_box(c, query, row, p.prop)
    function = geometry.within if p.op == "within" else geometry.intersects
    boxed = _candidates(c, query, row, p.prop)
    table = c.table(a.Prop(p.prop), row, function, query, narrowed=lambda other: _candidates(c, query, other, p.prop))
    return f"({boxed} AND coalesce({table}[{ex.text}], false))"


def _some(c: Compiler, ex: Ex, table: str) -> str:
    """Some geometry of the row is true in the table."""
    if ex.variants:
        places = [(test, one) for test, one in ex.variants if one.datatype is Datatype.GEOMETRY]
        return "(" + " OR ".join(f"({test} AND {_some(c, one, table)})" for test, one in places) + ")"
    if ex.datatype is not Datatype.GEOMETRY:
        return "false"
    if ex.many:
        item = c.names.fresh("x")
        return f"any({item} IN {ex.text} WHERE {table}[{item}])"
    return f"{table}[{ex.text}]"


def _meets(text: str, query: str) -> bool:
    return geometry.meets_bbox(text, parse_bbox(query))


def _sides(text: str) -> list[list[float]]:
    """[west, south, east, north], twice where the box crosses the antimeridian."""
    west, south, east, north = parse_bbox(text)
    if west <= east:
        return [[west, south, east, north]]
    return [[west, south, 180.0, north], [-180.0, south, east, north]]


def _meets_box(c: Compiler, query: Any, row: Row, name: str) -> str:
    x = c.names.fresh("x")
    return f"any({x} IN {c.params.add(query, by=_sides)} WHERE {_overlaps(row, name, x)})"


def _overlaps(row: Row, name: str, x: str) -> str:
    there = f"{row.alias}.{quoted(point(name))}"
    west, south, east, north = (f"{row.alias}.{quoted(side)}" for side in box(name))
    return (
        f"(({there}.x >= {x}[0] AND {there}.x <= {x}[2] AND {there}.y >= {x}[1] AND {there}.y <= {x}[3]) OR "
        f"({west} <= {x}[2] AND {east} >= {x}[0] AND {south} <= {x}[3] AND {north} >= {x}[1]))"
    )


def around(text: str) -> list[float]:
    """[west, south, east, north] of a geometry, a little widened."""
    west, south, east, north = bounds(text)
    return [
        max(west - MARGIN_DEGREES, -180.0), max(south - MARGIN_DEGREES, -90.0), min(east + MARGIN_DEGREES, 180.0),
        min(north + MARGIN_DEGREES, 90.0),
    ]  # fmt: skip


def _candidates(c: Compiler, query: Any, row: Row, name: str) -> str:
    """The geometry's box meets that of the query."""
    return _overlaps(row, name, c.params.add(query, by=around))


def _holes(*values: object) -> tuple[Any, ...]:
    return values
