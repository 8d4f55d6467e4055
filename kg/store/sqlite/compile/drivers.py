# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Where to start: an index that SQLite's planner, which has no statistics here, would not put first by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kg.geo.geometry import EARTH_RADIUS_M
from kg.query import algebra as a
from kg.query.algebra import Comparison
from kg.schema.types import Datatype
from kg.store.boxes import MARGIN_DEGREES
from kg.store.sqlite.compile.context import version_columns
from kg.store.sqlite.compile.expressions import expression, haversine_or_exact
from kg.store.sqlite.compile.predicates import box_candidates, boxed_columns, conjuncts, predicate, space_test

if TYPE_CHECKING:
    from kg.store.lift import Hole
    from kg.store.sqlite.compile.context import From, Row
    from kg.store.sqlite.compile.plan import Compiler

_FIRST_RADIUS_M = 100.0
_EARTH_M = 2.1e7  # no two places are farther apart


def drive(c: Compiler, found: From, s: a.Source, where: a.Predicate | None, select: a.Select | None) -> From:
    """The rows of `found` that satisfy `where`; of `select`, where given, all that may stand on its page."""
    if select is not None and isinstance(s, a.Extent):
        driven = nearest(c, found, select)
        if driven is not None:
            return driven
    if where is None:
        return found
    items = list(conjuncts(where))
    if isinstance(s, a.Extent):
        for i, item in enumerate(items):
            rows = _candidates(c, item, found.row)
            if rows is not None:
                select_rows, test = rows
                rest = [predicate(c, other, found.row) for j, other in enumerate(items) if j != i]
                d = c.names.fresh("d")
                v = found.row.alias
                tables = f"({select_rows}) {d} cross join version {v} on {v}.row = {d}.row"
                return replace(found, tables=tables, where=[*found.where, *([test] if test else []), *rest])
        items, weak = by_selectivity(c, items, found.row)
        # A plus takes an index away from a condition: without statistics SQLite may take the worst of several.
        tests = [("+" if item in weak else "") + predicate(c, item, found.row) for item in items]
        # Conditions run as they stand: a plain comparison leaves out more rows than the instants do.
        early = [test for item, test in zip(items, tests, strict=True) if isinstance(item, a.Cmp)]
        late = [test for item, test in zip(items, tests, strict=True) if not isinstance(item, a.Cmp)]
        return replace(found, where=[*found.where[:1], *early, *found.where[1:], *late])
    return replace(found, where=[*found.where, *(predicate(c, item, found.row) for item in items)])


def by_selectivity(c: Compiler, items: list[a.Predicate], row: Row) -> tuple[list[a.Predicate], list[a.Predicate]]:
    """All conditions, and the equalities on indexed properties that say less than another one does: an identifier
    says most, a value out of a declared list or a boolean least."""
    ranked: list[tuple[int, a.Predicate]] = []
    for item in items:
        if isinstance(item, a.Cmp) and item.op is Comparison.EQ and isinstance(item.left, a.Prop):
            name = item.left.name
            found = [p for cls in row.classes if (p := c.schema.classes[cls].property(name)) is not None]
            single = version_columns(c.schema, c.layout, row.classes, name).single
            if found and single is not None and not found[0].many and c.indexed(row.classes, name):
                coarse = bool(found[0].values) or found[0].datatype is Datatype.BOOLEAN
                ranked.append((0 if found[0].scheme else 2 if coarse else 1, item))
    if len(ranked) < 2:
        return items, []
    best = min(rank for rank, _ in ranked)
    return items, [item for rank, item in ranked if rank > best]


def nearest(c: Compiler, found: From, s: a.Select) -> From | None:
    """For the first few rows by distance: rows within a circle that holds enough of them, found by widening it.

    None where the select asks for something else. Rows without a place come last, and where too few have one, all rows
    are candidates.
    """
    target = _distance_order(c, found, s)
    if target is None:
        return None
    column, lon, lat = target
    row, v = found.row, found.row.alias
    first: Hole = s.page.first  # type: ignore[assignment]
    enough = f"({c.params.add(first)} + 1)"
    tests = [*found.where, *(predicate(c, item, row) for item in conjuncts(s.where))]
    metres = haversine_or_exact(f"{v}.{column}", lon, lat)
    r, f, d = c.names.fresh("r"), c.names.fresh("f"), c.names.fresh("d")

    def within(dy: str, dx: str) -> str:
        inside = f"{lon} - {dx} >= -180.0 and {lon} + {dx} <= 180.0"  # else all longitudes are candidates
        return (
            f"west <= iif({inside}, {lon} + {dx}, 180.0) and east >= iif({inside}, {lon} - {dx}, -180.0) "
            f"and south <= {lat} + {dy} and north >= {lat} - {dy}"
        )

    def reach(radius: str) -> tuple[str, str]:
        """Degrees of latitude and of longitude that a circle reaches to either side; 360 where it may hold a pole."""
        dy = f"degrees({radius} / {EARTH_RADIUS_M}) + {MARGIN_DEGREES}"
        dx = f"degrees(asin(sin(radians({dy})) / cos(radians({lat})))) + {MARGIN_DEGREES}"
        return dy, f"iif(abs({lat}) + {dy} >= 89.99999, 360.0, {dx})"

    circle = f"(select row from box_{column} where {within(f'{r}.dy', f'{r}.dx')})"
    boxes = f"{circle} b cross join version {v} on {v}.row = b.row"
    near = " and ".join([*tests, f"{metres} <= {r}.radius"])
    count = f"(select count(*) from (select 1 from {boxes} where {near} limit {first_rows(c, first)}))"
    aimed = f"min({r}.radius * 3, max({r}.radius * 1.2, {r}.radius * sqrt(1.5 * {enough} / {r}.n)))"
    wider = f"iif({r}.n = 0, {r}.radius * 4, {aimed})"
    dy, dx = reach(wider)
    # In turns: a circle's rows are counted, and the next circle is drawn. Its reach is worked out once, and not by
    # functions of ours, which took a third of the statement's time.
    first_reach = ", ".join(reach(str(_FIRST_RADIUS_M)))
    growing = (
        f"{r}(radius, dy, dx, n) as (select {_FIRST_RADIUS_M}, {first_reach}, null union all "
        f"select iif({r}.n is null, {r}.radius, {wider}), iif({r}.n is null, {r}.dy, {dy}), "
        f"iif({r}.n is null, {r}.dx, {dx}), iif({r}.n is null, {count}, null) "
        f"from {r} where {r}.n is null or ({r}.n < {enough} and {r}.radius < {_EARTH_M}))"
    )
    final = (
        f"{f}(radius, dy, dx, n) as materialized (select radius, dy, dx, n from {r} where n is not null "
        "order by radius desc limit 1)"
    )
    of_class = (item for item in found.where if item.startswith((f"{v}.t ", f"({v}.row", f"(({v}.row")))
    plain = " and ".join(of_class) or "1"
    rows = (
        f"select b.row as row from {f} cross join box_{column} b where {f}.n >= {enough} "
        f"and {within(f'{f}.dy', f'{f}.dx')} "
        f"union all select {v}.row from {f} cross join version {v} where {f}.n < {enough} and {plain}"
    )
    tables = f"({rows}) {d} cross join version {v} on {v}.row = {d}.row"
    return replace(found, tables=tables, where=tests, ctes=[*found.ctes, growing, final], recursive=True)


def first_rows(c: Compiler, first: Hole) -> str:
    return f"{c.params.add(first)} + 1"


def _distance_order(c: Compiler, found: From, s: a.Select) -> tuple[str, str, str] | None:
    """(column of the geometry, longitude, latitude) where the select wants a few rows by distance from a point."""
    first: Hole = s.page.first  # type: ignore[assignment]
    if first.kind == "NoneType" or s.page.after is not None or not s.order or s.order[0].descending:
        return None
    if isinstance(s.shape, a.PageOf) and any(f.part == a.PagePart.TOTAL for f in s.shape.fields):
        return None
    expr = s.order[0].expr
    if not isinstance(expr, a.Calc) or expr.op is not a.Op.DISTANCE:
        return None
    geometry, lon, lat = expr.args
    if not (isinstance(geometry, a.Prop) and isinstance(lon, a.Const) and isinstance(lat, a.Const)):
        return None
    columns = boxed_columns(c, geometry.name, found.row)
    if len(columns) != 1 or any(isinstance(item, a.Near | a.Spatial) for item in conjuncts(s.where)):
        return None
    return columns[0], expression(c, lon, found.row).sql, expression(c, lat, found.row).sql


def _candidates(c: Compiler, item: a.Predicate, row: Row) -> tuple[str, str] | None:
    """A select of row numbers without duplicates that holds all rows satisfying `item`, and what is left to test."""
    if isinstance(item, a.Near | a.Spatial):
        columns = boxed_columns(c, item.prop, row)
        if len(columns) == 1:
            return box_candidates(c, item, columns[0]), space_test(c, item, row)
        return None
    if isinstance(item, a.Cmp) and isinstance(item.left, a.Prop) and isinstance(item.right, a.Const):
        return _by_value(c, item, item.left, row)
    return None


def _by_value(c: Compiler, item: a.Cmp, prop: a.Prop, row: Row) -> tuple[str, str] | None:
    if item.op not in (Comparison.EQ, Comparison.IN):
        return None
    columns = version_columns(c.schema, c.layout, row.classes, prop.name)
    column = columns.single
    if column is None or not c.indexed(row.classes, prop.name):
        return None
    value = expression(c, item.right, row).sql
    test = f"= {value}" if item.op is Comparison.EQ else f"in (select value from json_each({value}))"
    if columns.slot is not None and columns.slot.many:
        distinct = "distinct " if item.op is Comparison.IN else ""
        return f"select {distinct}row from some_{column} where value {test}", ""
    return None  # SQLite finds the index itself
