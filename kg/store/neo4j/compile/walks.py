"""Walks: breadth first, a subquery a level, so that each entity is reached once and at its least depth.

A variable-length pattern would pass every path, and their number grows without bound where relations form cycles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.errors import QueryError
from kg.schema.types import ROOT_CLASS
from kg.store.neo4j.compile import sources
from kg.store.neo4j.compile.context import From, Row

if TYPE_CHECKING:
    from kg.query import algebra as a
    from kg.store.neo4j.compile.context import At
    from kg.store.neo4j.compile.plan import Compiler


def walk(c: Compiler, w: a.Walk, outer: Row | None, at: At, *, paths: bool = True) -> From:
    """`paths`: whether the rows' paths are asked for."""
    ways = {out for _, out in w.steps}
    if at.present and not paths and w.through is None and len(ways) == 1 and w.min >= 1:
        return _pruned(c, w, outer, at, out=ways.pop())
    return _by_levels(c, w, outer, at)


def _pruned(c: Compiler, w: a.Walk, outer: Row | None, at: At, *, out: bool) -> From:
    """Least depths by a pattern of variable length, which Neo4j follows breadth first where nothing else is asked."""
    kinds = "|".join(dict.fromkeys(c.layout.relation(sources.relation_of(c, name).name) for name, _ in w.steps))
    start, node = _start(c, w, outer, at)
    starts, s, p, n = (c.names.fresh(prefix) for prefix in ("s", "n", "p", "n"))
    depth, row = c.names.fresh("x"), c.names.fresh("w")
    left, right = ("-", "->") if out else ("<-", "-")
    text = (
        f"{start} WITH collect(DISTINCT {node}) AS {starts} UNWIND {starts} AS {s} "
        f"MATCH {p} = ({s}){left}[:{kinds}*1..{int(w.max)}]{right}({n}:{c.layout.label(w.cls)}) "
        f"WITH {starts}, {n}, min(length({p})) AS {depth} WHERE {depth} >= {int(w.min)} AND NOT {n} IN {starts} "
        f"WITH {n}, [{depth}] AS {row}"
    )
    return From(text, [], Row(n, n, c.concrete(w.cls), at, walk=row))


def _by_levels(c: Compiler, w: a.Walk, outer: Row | None, at: At) -> From:
    steps = tuple((sources.relation_of(c, name), out) for name, out in w.steps)
    names = tuple(relation.name if out else relation.inverse or relation.name for relation, out in steps)
    level, seen = c.names.fresh("l"), c.names.fresh("s")
    start, node = _start(c, w, outer, at)
    x = c.names.fresh("x")
    parts = [
        f"{start} WITH collect(DISTINCT {node}) AS {seen} WITH {seen}, [{x} IN {seen} | [{x}, [{x}.id], []]] AS {level}"
    ]
    levels = [level]
    for _ in range(w.max if steps else 0):
        before, known = levels[-1], seen
        level, seen = c.names.fresh("l"), c.names.fresh("s")
        hop = _hop(c, w, before, known, level, at)
        parts.append(f"CALL ({before}, {known}) {{ {hop} }}")
        fresh = c.names.fresh("x")
        parts.append(f"WITH {', '.join([*levels, level])}, {known} + [{fresh} IN {level} | {fresh}[0]] AS {seen}")
        levels.append(level)
    entry, row, item = c.names.fresh("w"), c.names.fresh("w"), c.names.fresh("n")
    reached = " + ".join(
        f"[{x} IN {levels[depth]} | [{depth}, {x}[1], {x}[2], {x}[0]]]" for depth in _depths(w, levels)
    )
    parts.append(f"UNWIND {reached or '[]'} AS {entry} WITH {entry} AS {row}, {entry}[3] AS {item}")
    found = sources.version(c, item, w.cls, at)
    on_walk = Row(found.row.alias, item, c.concrete(w.cls), at, walk=row, names=names)
    return From(f"{' '.join(parts)} {found.clauses}", found.where, on_walk)


def _depths(w: a.Walk, levels: list[str]) -> range:
    return range(w.min, len(levels))


def _start(c: Compiler, w: a.Walk, outer: Row | None, at: At) -> tuple[str, str]:
    """Clauses that give the nodes from which the walk starts, and their alias."""
    if w.start is not None:
        found = sources.listed(c, w.start, at)[0]
        tests = [c.predicate(w.start_where, found.row)] if w.start_where is not None else []
        return found.text(*tests), found.row.node
    if outer is None:
        raise QueryError("A walk needs a start", remedy="Give one, or put the walk below a select of entities.")
    before, node = sources.entity_of(c, outer)
    n = c.names.fresh("n")
    found = sources.version(c, n, ROOT_CLASS, at)
    return f"{before}WITH {node} AS {n} {found.text()}", n


def _hop(c: Compiler, w: a.Walk, before: str, known: str, level: str, at: At) -> str:
    """Entities one step behind those of a level: each with the path that comes through the predecessor of least id,
    by the first step that leads from it."""
    e, from_, to, number, best = (c.names.fresh(p) for p in ("x", "n", "n", "x", "x"))
    ways = []
    for i, (name, out) in enumerate(w.steps):
        r = c.names.fresh("e")
        text = sources.related(c, name, r, from_, to, out=out, at=at)
        ways.append(f"{text} RETURN {to}, {i} AS {number}")
    there = sources.version(c, to, ROOT_CLASS, at)
    tests = []
    if w.through is not None:
        tests.append(c.predicate(w.through, there.row))
    return (
        f"UNWIND {before} AS {e} WITH {e}, {e}[0] AS {from_}, {known} "
        f"CALL ({from_}) {{ {' UNION ALL '.join(ways)} }} "
        f"WITH {e}, {to}, {number}, {known} WHERE NOT {to} IN {known} "
        f"WITH {e}, {to}, {number} ORDER BY {e}[0].id, {number} "
        f"WITH {to}, collect([{e}, {number}])[0] AS {best} "
        f"{there.text(*tests)} "
        f"RETURN collect([{to}, {best}[0][1] + {to}.id, {best}[0][2] + {best}[1]]) AS {level}"
    )
