"""Calculations → Cypher: in Cypher what it does as Jingwei does, by tables of values what it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from neo4j.spatial import WGS84Point

from kg.geo import beidou, geometry
from kg.geo.geometry import EARTH_RADIUS_M
from kg.query import algebra as a
from kg.query.algebra import Op
from kg.schema.types import Datatype
from kg.store.neo4j.compile import expressions
from kg.store.neo4j.compile.context import NOTHING, Ex, kinds_of
from kg.store.neo4j.layout import point, quoted

if TYPE_CHECKING:
    from kg.store.lift import Hole
    from kg.store.neo4j.compile.context import Row
    from kg.store.neo4j.compile.plan import Compiler

_SIGNS = {Op.ADD: "+", Op.SUBTRACT: "-", Op.MULTIPLY: "*"}
_GREATEST = 2**63 - 1
NEO4J_RADIUS_M = 6_378_140.0
_LARGEST = "1.7976931348623157e308"


def calc(c: Compiler, op: Op, args: tuple[a.Expr, ...], row: Row) -> Ex:
    if op in (Op.DISTANCE, Op.AREA, Op.GRID):
        return _of_place(c, op, args, row)
    given = [expressions.expression(c, arg, row) for arg in args]
    if any(g.many or g.null for g in given):
        return NOTHING
    first = given[0].text
    if op is Op.DIVIDE:
        return Ex(_quotient(c, first, given[1].text), Datatype.DOUBLE, shown=True)
    if op in _SIGNS:
        whole = all(g.datatype in (Datatype.INTEGER, Datatype.LONG) for g in given)
        made = _whole(c, op, first, given[1].text) if whole else _real(c, op, first, given[1].text)
        return Ex(made, Datatype.LONG if whole else Datatype.DOUBLE, shown=True)
    if op is Op.LOWER:
        return Ex(f"toLower({first})")
    if op is Op.LENGTH:
        return Ex(f"size({first})", Datatype.INTEGER, shown=True)
    made = _of_instant(c, op, first) if given[0].datatype is Datatype.INSTANT else _of_date(c, op, first)
    return Ex(made, Datatype.INTEGER if op is Op.YEAR else Datatype.STRING, shown=op is Op.YEAR)


# ---------------------------------------------------------------- arithmetic


def _real(c: Compiler, op: Op, left: str, right: str) -> str:
    return _finite(c, f"toFloat({left}) {_SIGNS[op]} toFloat({right})")


def _finite(c: Compiler, value: str) -> str:
    x = c.names.fresh("x")
    return f"[{x} IN [{value}] | CASE WHEN abs({x}) <= {_LARGEST} THEN {x} END][0]"


def _quotient(c: Compiler, left: str, right: str) -> str:
    return _finite(c, f"CASE WHEN {right} <> 0 THEN toFloat({left}) / toFloat({right}) END")


def _whole(c: Compiler, op: Op, left: str, right: str) -> str:
    """Neo4j refuses what leaves 64 bits; there it goes on as a double."""
    pair = c.names.fresh("x")
    x, y = f"{pair}[0]", f"{pair}[1]"
    least = f"(-{_GREATEST} - 1)"
    if op is Op.ADD:
        fits = f"({y} >= 0 AND {x} <= {_GREATEST} - {y}) OR ({y} < 0 AND {x} >= {least} - {y})"
    elif op is Op.SUBTRACT:
        fits = f"({y} <= 0 AND {x} <= {_GREATEST} + {y}) OR ({y} > 0 AND {x} >= {least} + {y})"
    else:
        fits = (
            f"{x} = 0 OR {y} = 0 OR ({x} > 0 AND {y} > 0 AND {x} <= {_GREATEST} / {y}) "
            f"OR ({x} > 0 AND {y} < 0 AND {y} >= {least} / {x}) OR ({x} < 0 AND {y} > 0 AND {x} >= {least} / {y}) "
            f"OR ({x} < 0 AND {y} < 0 AND {x} > {least} AND {y} > {least} AND -{x} <= {_GREATEST} / -{y})"
        )
    sign = _SIGNS[op]
    return (
        f"[{pair} IN [[{left}, {right}]] | CASE WHEN {x} IS NULL OR {y} IS NULL THEN null "
        f"WHEN {fits} THEN {x} {sign} {y} ELSE toFloat({x}) {sign} toFloat({y}) END][0]"
    )


# ---------------------------------------------------------------- dates


def _padded(number: str, digits: int) -> str:
    return f"right('{'0' * (digits - 1)}' + toString({number}), {digits})"


def _week(moment: str) -> str:
    return f"{_padded(f'{moment}.weekYear', 4)} + '-W' + {_padded(f'{moment}.week', 2)}"


def _of_date(c: Compiler, op: Op, text: str) -> str:
    """Null where the date is less precise."""
    x = c.names.fresh("x")
    match op:
        case Op.YEAR:
            return f"toInteger(left({text}, 4))"
        case Op.QUARTER:
            quarter = f"toString((toInteger(substring({x}, 5, 2)) + 2) / 3)"
            made, least = f"left({x}, 4) + '-Q' + {quarter}", 7
        case Op.MONTH:
            made, least = f"left({x}, 7)", 7
        case Op.WEEK:
            made, least = _week(f"date({x})"), 10
        case _:
            made, least = x, 10
    return f"[{x} IN [{text}] | CASE WHEN size({x}) >= {least} THEN {made} END][0]"


def _of_instant(c: Compiler, op: Op, instant: str) -> str:
    x, micros = c.names.fresh("x"), c.names.fresh("x")
    seconds = f"({micros} - (({micros} % 1000000) + 1000000) % 1000000) / 1000000"
    match op:
        case Op.YEAR:
            made = f"{x}.year"
        case Op.QUARTER:
            made = f"{_padded(f'{x}.year', 4)} + '-Q' + toString({x}.quarter)"
        case Op.MONTH:
            made = f"{_padded(f'{x}.year', 4)} + '-' + {_padded(f'{x}.month', 2)}"
        case Op.WEEK:
            made = _week(x)
        case _:
            parts = (_padded(f"{x}.year", 4), _padded(f"{x}.month", 2), _padded(f"{x}.day", 2))
            made = " + '-' + ".join(parts)
    moments = (
        f"[{micros} IN [{instant}] | CASE WHEN {micros} IS NOT NULL THEN datetime({{epochSeconds: {seconds}}}) END]"
    )
    return f"[{x} IN {moments} | CASE WHEN {x} IS NOT NULL THEN {made} END][0]"


# ---------------------------------------------------------------- places


def _of_place(c: Compiler, op: Op, args: tuple[a.Expr, ...], row: Row) -> Ex:
    place, *rest = args
    holes: list[Any] = [arg.value for arg in rest if isinstance(arg, a.Const)]
    made: str | None
    if op is Op.DISTANCE:
        made = distance(c, place, row, *holes)
    elif op is Op.AREA:
        made = _table_of(c, place, row, geometry.area_m2)
    else:
        made = _table_of(c, place, row, _grid, *holes)
    if made is None:
        return NOTHING
    return Ex(made, Datatype.STRING if op is Op.GRID else Datatype.DOUBLE, shown=op is not Op.GRID)


def _grid(text: str, level: int) -> str | None:
    return beidou.grid_of(*geometry.point_of(text), int(level))


def _table_of(c: Compiler, place: a.Expr, row: Row, function: Any, *holes: Hole) -> str | None:
    ex = expressions.expression(c, place, row)
    if ex.null or ex.many or ex.datatype is not Datatype.GEOMETRY:
        return None
    return f"{c.table(place, row, function, *holes)}[{ex.text}]"


def has_point(c: Compiler, place: a.Expr, row: Row) -> bool:
    """Whether the geometry has a point or box beside it in the graph."""
    if not isinstance(place, a.Prop) or len(kinds_of(c.schema, row.classes, place.name)) != 1:
        return False
    having = [cls for cls in row.classes if c.schema.classes[cls].property(place.name) is not None]
    return all(place.name in c.layout.placed(cls) for cls in having)


def distance(c: Compiler, place: a.Expr, row: Row, lon: Hole, lat: Hole, measured: str = "") -> str | None:
    """Of a point by its coordinates, of anything else by a table; None where the row has no such place.

    `measured`: the alias of `millimetres`, where a clause before gave it one.
    """
    ex = expressions.expression(c, place, row)
    if ex.null or ex.many or ex.datatype is not Datatype.GEOMETRY:
        return None
    if not has_point(c, place, row):
        return f"{c.table(place, row, _distance, lon, lat)}[{ex.text}]"
    assert isinstance(place, a.Prop)
    there = f"{row.alias}.{quoted(point(place.name))}"
    others = f"{c.table(place, row, _distance, lon, lat, points=False)}[{ex.text}]"
    exact = haversine(c, there, lon, lat, measured or millimetres(c, there, lon, lat))
    return f"CASE WHEN {measured or there} IS NULL THEN {others} {exact} END"


def millimetres(c: Compiler, there: str, lon: Hole, lat: Hole) -> str:
    """Between points, not rounded, by compiled code: `point.distance` is our formula on another sphere."""
    return f"point.distance({there}, {here(c, lon, lat)}) * {1000.0 * EARTH_RADIUS_M / NEO4J_RADIUS_M}"


def _distance(text: str, lon: float, lat: float) -> float:
    return geometry.distance_m(text, float(lon), float(lat))


def here(c: Compiler, lon: Hole, lat: Hole) -> str:
    """The point as a parameter: made once, not once a row."""
    return c.params.add(lon, lat, by=_point)


def _point(lon: float, lat: float) -> WGS84Point:
    return WGS84Point((float(lon), float(lat)))


def haversine(c: Compiler, there: str, lon_: Hole, lat_: Hole, near: str) -> str:
    """The cases of `kg.geo.geometry.haversine_m` and `round_mm` in Cypher; `near` is `millimetres`.

    That is right wherever what is to be rounded lies clear of a half. Beside a half, and beyond 10,000 km, where the
    arc loses digits, the formula is followed operation by operation.
    """
    lon, lat, x = c.params.add(lon_, by=float), c.params.add(lat_, by=float), c.names.fresh("x")
    half_phi = f"sin((radians({lat}) - radians({there}.y)) / 2.0)"
    half_lambda = f"sin(radians({lon} - {there}.x) / 2.0)"
    a_ = f"{half_phi} * {half_phi} + cos(radians({there}.y)) * cos(radians({lat})) * {half_lambda} * {half_lambda}"
    arc = f"[{x} IN [{a_}] | asin(sqrt(CASE WHEN {x} > 1.0 THEN 1.0 ELSE {x} END))][0]"
    return (
        f"WHEN {near} < 1.0e10 AND floor({near} + 0.49) = floor({near} + 0.51) THEN floor({near} + 0.5) / 1000.0 "
        f"ELSE floor(2.0 * {EARTH_RADIUS_M} * {arc} * 1000.0 + 0.5) / 1000.0"
    )
