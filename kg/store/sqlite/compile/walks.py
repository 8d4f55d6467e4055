# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Walks: breadth first by a recursive CTE over (entity, depth), then each entity at its least depth.

The CTE ends by itself: depth is bounded, and UNION drops what was reached before at the same depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.errors import QueryError
from kg.query import algebra as a
from kg.query.algebra import MetaName
from kg.schema.types import ROOT_CLASS
from kg.store.sqlite.compile.context import From, Row, WalkRow, conditions, quoted
from kg.store.sqlite.compile.shapes import obj
from kg.store.sqlite.compile.sources import class_test, id_keys, identifier_keys, relation_of

if TYPE_CHECKING:
    from kg.schema.types import Relation
    from kg.store.sqlite.compile.context import At
    from kg.store.sqlite.compile.plan import Compiler

_STEP_BITS = 8


def walk(c: Compiler, w: a.Walk, outer: Row | None, at: At) -> From:
    reached, levels, v = c.names.fresh("w"), c.names.fresh("l"), c.names.fresh("v")
    steps = tuple((relation_of(c, name), out) for name, out in w.steps)
    terms = [_start(c, w, outer, at)]
    terms += [_term(c, w, relation, out, reached, at) for relation, out in steps]
    ctes = [
        f"{reached}(node, depth) as ({' union '.join(terms)})",
        f"{levels}(node, depth) as materialized (select node, min(depth) from {reached} group by node)",
    ]
    numbered = tuple((c.layout.relations[relation.name], out) for relation, out in steps)
    names = tuple(relation.name if out else relation.inverse or relation.name for relation, out in steps)
    depth = f"{levels}.depth"
    row = Row(v, c.concrete(w.cls), at, walk=WalkRow(levels, depth, numbered, names, at))
    where = [f"{depth} between {int(w.min)} and {int(w.max)}", *class_test(c, v, w.cls), *at.holds(v)]
    tables = f"{levels} cross join version {v} on {v}.entity = {levels}.node"
    return From(tables, where, row, ctes=ctes, recursive=True, keys=(f"{v}.row",))


def _start(c: Compiler, w: a.Walk, outer: Row | None, at: At) -> str:
    if w.start is None:
        if outer is None:
            raise QueryError("A walk needs a start", remedy="Give one, or put the walk below a select of entities.")
        if at == outer.at:
            return f"select {outer.alias}.entity, 0"
        v = c.names.fresh("v")
        there = [f"{v}.entity = {outer.alias}.entity", *at.holds(v)]
        return f"select {outer.alias}.entity, 0 where exists (select 1 from version {v} where {conditions(there)})"
    keys = id_keys(c, w.start.ids, at) if isinstance(w.start, a.Ids) else identifier_keys(c, w.start.keys, at)
    v = c.names.fresh("v")
    seen = [f"{v}.entity = s.k", *class_test(c, v, w.start.cls), *at.holds(v)]
    if w.start_where is not None:
        seen.append(c.predicate(w.start_where, Row(v, c.concrete(w.start.cls), at)))
    return f"select s.k, 0 from ({keys}) s where exists (select 1 from version {v} where {conditions(seen)})"


def _term(c: Compiler, w: a.Walk, relation: Relation, out: bool, reached: str, at: At) -> str:
    e = c.names.fresh("e")
    near, far = ("src", "dst") if out else ("dst", "src")
    number = c.layout.relations[relation.name]
    # Two inequalities: on an equality SQLite may build a Bloom filter over all edges at every step.
    where = [f"{e}.{near} = {reached}.node", f"{e}.rel = {number}", *at.holds(e)]
    where.append(f"{reached}.depth < {int(w.max)}")
    if w.through is not None:
        v = c.names.fresh("v")
        through = Row(v, c.concrete(relation.range if out else relation.domain), at)
        tests = [f"{v}.entity = {e}.{far}", *at.holds(v), c.predicate(w.through, through)]
        where.append(f"exists (select 1 from version {v} where {conditions(tests)})")
    return f"select {e}.{far}, {reached}.depth + 1 from {reached} cross join edge {e} where {conditions(where)}"


# ---------------------------------------------------------------- paths


def _backwards(c: Compiler, row: Row) -> tuple[str, str]:
    """A recursive CTE from the row back to the start: (place, depth). `place` packs an entity and the step that was
    taken from it; SQLite lets a recursion read its own table only at the outermost FROM, so one scalar has to do."""
    w = row.walk
    assert w is not None
    back = c.names.fresh("b")
    options = []
    for i, (number, out) in enumerate(w.steps):
        e = c.names.fresh("e")
        near, far = ("src", "dst") if out else ("dst", "src")
        options.append(
            f"select {e}.{near} as k, {i} as step from edge {e} "
            f"where {e}.{far} = {back}.place >> {_STEP_BITS} and {e}.rel = {number} and {' and '.join(w.at.holds(e))}"
        )
    if not options:  # a walk of which no step may be seen stays at its start
        return back, f"{back}(place, depth) as (select {row.alias}.entity << {_STEP_BITS}, 0)"
    best = (
        f"(select o.k << {_STEP_BITS} | o.step from ({' union all '.join(options)}) o "
        f"cross join entity n on n.key = o.k where exists (select 1 from {w.levels} x where x.node = o.k "
        f"and x.depth = {back}.depth - 1) order by n.id, o.step limit 1)"
    )
    cte = (
        f"{back}(place, depth) as (select {row.alias}.entity << {_STEP_BITS}, {w.depth} "
        f"union all select {best}, {back}.depth - 1 from {back} where {back}.depth > 0)"
    )
    return back, cte


def path(c: Compiler, row: Row, name: MetaName) -> str:
    """SQL of the JSON list of ids, or of the steps between them."""
    if row.walk is None:
        return "null"
    if name is MetaName.VIA and not row.walk.steps:
        return "'[]'"
    back, cte = _backwards(c, row)
    if name is MetaName.PATH:
        body = (
            f"select json_quote(n.id) as j from {back} cross join entity n on n.key = {back}.place >> {_STEP_BITS} "
            f"order by {back}.depth"
        )
    else:
        cases = " ".join(f"when {i} then {quoted(_json(n))}" for i, n in enumerate(row.walk.names))
        step = f"{back}.place & {(1 << _STEP_BITS) - 1}"
        body = f"select case {step} {cases} end as j from {back} where {back}.depth < {row.walk.depth}"
        body += f" order by {back}.depth"
    return f"(with recursive {cte} select '[' || coalesce(group_concat(j), '') || ']' from ({body}))"


def _json(name: str) -> str:
    return f'"{name}"'


def trail(c: Compiler, o: a.Obj, row: Row) -> str:
    """The entities along the path as objects."""
    if row.walk is None:
        raise QueryError("A trail needs a walk", remedy="Ask for it on the rows of a walk.")
    back, cte = _backwards(c, row)
    v = c.names.fresh("v")
    on_path = Row(v, c.concrete(ROOT_CLASS), row.at, position=f"{back}.depth")
    body = (
        f"select {obj(c, o, on_path)} as j from {back} cross join version {v} "
        f"on {v}.entity = {back}.place >> {_STEP_BITS} where {conditions(row.at.holds(v))} order by {back}.depth"
    )
    return f"(with recursive {cte} select '[' || coalesce(group_concat(j), '') || ']' from ({body}))"
