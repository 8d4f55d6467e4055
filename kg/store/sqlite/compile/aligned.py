# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Lookups: one object or null for each id or key, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.errors import QueryError
from kg.query import algebra as a
from kg.store.sqlite.compile.context import From, Row, conditions
from kg.store.sqlite.compile.pages import order_by, ties
from kg.store.sqlite.compile.shapes import obj
from kg.store.sqlite.compile.sources import class_test, holder, ids_json, survivor

if TYPE_CHECKING:
    from kg.store.lift import Hole
    from kg.store.sqlite.compile.context import At
    from kg.store.sqlite.compile.plan import Compiler


def aligned(c: Compiler, s: a.Select, shape: a.Aligned, outer: Row | None, at: At) -> str:
    """SQL of the JSON list."""
    del outer
    if not isinstance(s.source, a.Ids | a.Keys):
        raise QueryError("Only a lookup keeps the order of what was asked", remedy="Ask by ids or by identifiers.")
    v, j = c.names.fresh("v"), c.names.fresh("j")
    row = Row(v, c.concrete(s.source.cls), at)
    if isinstance(s.source, a.Ids):
        hole: Hole = s.source.ids  # type: ignore[assignment]
        listed = f"json_each({c.params.add(hole, by=ids_json)}) {j}"
        key = f"(select {survivor(at, 'n.key')} from entity n where n.id = {j}.value)"
    else:
        hole = s.source.keys  # type: ignore[assignment]
        listed = f"json_each({c.params.add(hole, by=ids_json)}) {j}"
        key = holder(j, at)
    where = [f"{v}.entity = {key}", *class_test(c, v, s.source.cls), *at.holds(v)]
    if s.where is not None:
        where.append(c.predicate(s.where, row))
    order = order_by(ties(From("", [], row)))
    one = f"select {obj(c, shape.obj, row)} from version {v} where {conditions(where)}"
    # At one instant there is one version at most; a range gives the first.
    one += f" order by {order} limit 1" if at.ranged else " limit 1"
    return f"(select '[' || coalesce(group_concat(coalesce(({one}), 'null')), '') || ']' from {listed})"
