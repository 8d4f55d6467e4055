# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Where to start: an index that SQLite's planner, which has no statistics here, would not put first by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kg.model.intervals import OPEN
from kg.query import algebra as a
from kg.query.algebra import Comparison
from kg.store.sqlite.compile.context import version_columns
from kg.store.sqlite.compile.expressions import expression
from kg.store.sqlite.compile.predicates import box_candidates, boxed_columns, conjuncts, predicate, space_test

if TYPE_CHECKING:
    from kg.store.sqlite.compile.context import From, Row
    from kg.store.sqlite.compile.plan import Compiler


def drive(c: Compiler, found: From, s: a.Source, where: a.Predicate | None, _select: object) -> From:
    """The rows of `found` that satisfy `where`."""
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
    return replace(found, where=[*found.where, *(predicate(c, item, found.row) for item in items)])


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
    if row.at.current:
        return None  # the partial index is found without help
    numbers = ", ".join(map(str, columns.by_column[column]))
    branches = [
        f"select row from version where t in ({numbers}) and {column} {test} and st {end}"
        for end in (f"= {OPEN}", f"< {OPEN}")
    ]
    return " union all ".join(branches), ""
