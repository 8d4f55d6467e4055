# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Predicates → SQL conditions. Unknown is null, which WHERE takes as false; `Not` of it is true."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kg.errors import QueryError
from kg.geo.geometry import bounds, parse_bbox
from kg.query import algebra as a
from kg.query.algebra import Comparison
from kg.schema.types import Datatype
from kg.store.boxes import MARGIN_DEGREES, east_of, north_of, south_of, west_of
from kg.store.sqlite.compile.context import kinds_of, version_columns
from kg.store.sqlite.compile.expressions import distance_sql, expression
from kg.store.sqlite.compile.sources import source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.store.lift import Hole
    from kg.store.sqlite.compile.context import Ex, Row
    from kg.store.sqlite.compile.plan import Compiler

_OPERATORS = {
    Comparison.EQ: "=", Comparison.NE: "<>", Comparison.LT: "<", Comparison.LE: "<=", Comparison.GT: ">",
    Comparison.GE: ">=",
}  # fmt: skip


def predicate(c: Compiler, p: a.Predicate, row: Row) -> str:
    match p:
        case a.Cmp(op, left, right):
            return compare(c, op, left, right, row)
        case a.And(items):
            return "(" + " and ".join(predicate(c, item, row) for item in items) + ")" if items else "1"
        case a.Or(items):
            return "(" + " or ".join(predicate(c, item, row) for item in items) + ")" if items else "0"
        case a.Not(item):
            return f"not coalesce({predicate(c, item, row)}, 0)"
        case a.IsA(cls):
            return is_a(c, cls, row)
        case a.Exists():
            return exists(c, p, row)
        case a.Near():
            return near(c, p, row)
        case a.Spatial():
            return spatial(c, p, row)


def conjuncts(p: a.Predicate | None) -> Iterator[a.Predicate]:
    if isinstance(p, a.And):
        for item in p.items:
            yield from conjuncts(item)
    elif p is not None:
        yield p


# ---------------------------------------------------------------- comparisons


def compare(c: Compiler, op: Comparison, left: a.Expr, right: a.Expr, row: Row) -> str:
    one = expression(c, left, row)
    if one.variants:
        tests = (f"({test} and {_compare(c, op, ex, left, right, row)})" for test, ex in one.variants)
        missing = f"not ({' or '.join(test for test, _ in one.variants)})"
        absent = [missing] if op is Comparison.IS_NULL and getattr(right, "value", True) else []
        return "(" + " or ".join([*tests, *absent]) + ")"
    return _compare(c, op, one, left, right, row)


def _compare(c: Compiler, op: Comparison, one: Ex, left: a.Expr, right: a.Expr, row: Row) -> str:
    if op is Comparison.IS_NULL:
        wanted = bool(getattr(right, "value", True))
        if one.many:
            return f"coalesce({one.sql}, '[]') {'=' if wanted else '<>'} '[]'"
        return f"{one.sql} is {'' if wanted else 'not '}null"
    other = expression(c, right, row)
    if op is Comparison.IN and not other.many:
        op = Comparison.EQ
    if op is Comparison.IN:
        members = f"(select value from json_each({other.sql}))"
        if one.many:
            return _some(c, left, one, row, f"value in {members}")
        return f"{one.sql} in {members}"
    if one.many:
        return _some(c, left, one, row, _test(op, replace(one, sql="value", many=False), other, right, c))
    if other.many:
        each = replace(other, sql="value", many=False)
        return f"exists (select 1 from json_each({other.sql}) where {_test(op, one, each, right, c)})"
    return _test(op, one, other, right, c)


def _some(c: Compiler, left: a.Expr, one: Ex, row: Row, test: str) -> str:
    """Some value satisfies: by the side index where the property has one."""
    alias, _, column = one.sql.partition(".")
    if isinstance(left, a.Prop) and alias == row.alias and not row.claim and c.has_side_index(column):
        return f"{alias}.row in (select row from some_{column} where {test})"
    return f"exists (select 1 from json_each({one.sql}) where {test})"


def _test(op: Comparison, one: Ex, other: Ex, right: a.Expr, c: Compiler) -> str:
    if one.sql != "null" and other.sql != "null" and one.textual != other.textual:
        return "0"  # text and numbers do not compare
    if op in _OPERATORS:
        return f"{one.sql} {_OPERATORS[op]} {other.sql}"
    if not one.textual:
        return "0"
    if op is Comparison.CONTAINS:
        return f"instr({one.sql}, {other.sql}) > 0"
    if op is Comparison.STARTS_WITH:
        if isinstance(right, a.Const) and other.sql != "null":
            hole: Hole = right.value  # type: ignore[assignment]
            return f"({one.sql} >= {other.sql} and {one.sql} < {c.params.add(hole, by=beyond_prefix)})"
        return f"substr({one.sql}, 1, length({other.sql})) = {other.sql}"
    raise QueryError(f"No such comparison: {op}", remedy="Use one of the comparisons of the query algebra.")


def beyond_prefix(prefix: str) -> str | bytes:
    """The least text after all that begin with `prefix`; a blob, which sorts behind every text, where there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        code = ord(prefix[at])
        if code < 0x10FFFF:
            return prefix[:at] + chr(0xE000 if code == 0xD7FF else code + 1)
    return b""


# ---------------------------------------------------------------- classes and relations


def is_a(c: Compiler, cls: str, row: Row) -> str:
    wanted = set(c.concrete(cls))
    if wanted.issuperset(row.classes):
        return "1"
    both = sorted(c.layout.types[n] for n in wanted.intersection(row.classes))
    if not both:
        return "0"
    return f"{row.alias}.t in ({', '.join(map(str, both))})"


def exists(c: Compiler, p: a.Exists, row: Row) -> str:
    least, most = p.min, p.max
    if most is not None and most < least:
        return "0"
    if least <= 0 and most is None:
        return "1"
    found = source(c, p.step, row, row.at)
    if p.where is not None:
        found.where.append(predicate(c, p.where, found.row))
    ctes = c.with_clause(found)
    where = " and ".join(found.where)
    if (least, most) == (1, None):
        return f"exists ({ctes}select 1 from {found.tables} where {where})"
    if most == 0:
        return f"not exists ({ctes}select 1 from {found.tables} where {where})"
    # Counting stops where the answer is known.
    enough = least if most is None else most + 1
    count = f"(select count(*) from ({ctes}select 1 from {found.tables} where {where} limit {int(enough)}))"
    if most is None:
        return f"{count} >= {int(least)}"
    return f"{count} between {int(least)} and {int(most)}"


# ---------------------------------------------------------------- space


def _side(index: int, margin: float, text: str) -> float:
    return bounds(text)[index] + margin


def _box_sides(text: str) -> tuple[float, float, float, float]:
    west, south, east, north = parse_bbox(text)
    return (west, south, east, north) if west <= east else (-180.0, south, 180.0, north)


def _geometry_west(text: str) -> float:
    return _side(0, -MARGIN_DEGREES, text)


def _geometry_south(text: str) -> float:
    return _side(1, -MARGIN_DEGREES, text)


def _geometry_east(text: str) -> float:
    return _side(2, MARGIN_DEGREES, text)


def _geometry_north(text: str) -> float:
    return _side(3, MARGIN_DEGREES, text)


def _box_west(text: str) -> float:
    return _box_sides(text)[0] - MARGIN_DEGREES


def _box_south(text: str) -> float:
    return _box_sides(text)[1] - MARGIN_DEGREES


def _box_east(text: str) -> float:
    return _box_sides(text)[2] + MARGIN_DEGREES


def _box_north(text: str) -> float:
    return _box_sides(text)[3] + MARGIN_DEGREES


def box_candidates(c: Compiler, p: a.Near | a.Spatial, column: str) -> str:
    """A select of the rows whose boxes are near enough."""
    if isinstance(p, a.Near):
        lon, lat, metres = _holes(p.lon, p.lat, p.metres)
        sides = (
            c.params.add(lon, lat, metres, by=west_of), c.params.add(lat, metres, by=south_of),
            c.params.add(lon, lat, metres, by=east_of), c.params.add(lat, metres, by=north_of),
        )  # fmt: skip
    else:
        (text,) = _holes(p.geometry)
        makers = (
            (_box_west, _box_south, _box_east, _box_north)
            if p.op == "bbox"
            else (_geometry_west, _geometry_south, _geometry_east, _geometry_north)
        )
        west, south, east, north = (c.params.add(text, by=maker) for maker in makers)
        sides = (west, south, east, north)
    return (
        f"select row from box_{column} where west <= {sides[2]} and east >= {sides[0]} "
        f"and south <= {sides[3]} and north >= {sides[1]}"
    )


def _holes(*values: object) -> tuple[Hole, ...]:
    return values  # type: ignore[return-value]


def space_test(c: Compiler, p: a.Near | a.Spatial, row: Row) -> str:
    """The exact test alone."""
    if expression(c, a.Prop(p.prop), row).many:
        one = space_test_of(c, p, "value")
        return f"exists (select 1 from json_each({expression(c, a.Prop(p.prop), row).sql}) where {one})"
    if isinstance(p, a.Near):
        lon, lat, metres = (c.params.add(h) for h in _holes(p.lon, p.lat, p.metres))
        return f"{distance_sql(c, a.Prop(p.prop), row, lon, lat)} <= {metres}"
    found = expression(c, a.Prop(p.prop), row)
    if found.datatype is not Datatype.GEOMETRY:
        return "0"
    function = {"within": "jw_within", "intersects": "jw_intersects", "bbox": "jw_meets"}[p.op]
    return f"{function}({found.sql}, {c.params.add(*_holes(p.geometry))})"


def space_test_of(c: Compiler, p: a.Near | a.Spatial, text: str) -> str:
    """The exact test of a geometry's text."""
    if isinstance(p, a.Near):
        lon, lat, metres = (c.params.add(h) for h in _holes(p.lon, p.lat, p.metres))
        return f"jw_distance({text}, {lon}, {lat}) <= {metres}"
    function = {"within": "jw_within", "intersects": "jw_intersects", "bbox": "jw_meets"}[p.op]
    return f"{function}({text}, {c.params.add(*_holes(p.geometry))})"


def boxed_columns(c: Compiler, name: str, row: Row) -> tuple[str, ...]:
    """Columns with an R*Tree that hold the property; () where there is none to use."""
    if row.claim:
        return ()
    if len(kinds_of(c.schema, row.classes, name)) != 1:
        return ()
    columns = version_columns(c.schema, c.layout, row.classes, name)
    names = tuple(columns.by_column)
    return names if all(c.layout.columns["version", n].boxed for n in names) else ()


def near(c: Compiler, p: a.Near, row: Row) -> str:
    return _candidates_and_test(c, p, row)


def spatial(c: Compiler, p: a.Spatial, row: Row) -> str:
    return _candidates_and_test(c, p, row)


def _candidates_and_test(c: Compiler, p: a.Near | a.Spatial, row: Row) -> str:
    columns = boxed_columns(c, p.prop, row)
    test = space_test(c, p, row)
    if not columns:
        return test
    candidates = " union all ".join(box_candidates(c, p, column) for column in columns)
    return f"({row.alias}.row in ({candidates}) and {test})"
