"""Where to start: an index, or the selective end of a relation, that Neo4j's planner would not put first by itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from kg.query import algebra as a
from kg.query.algebra import Comparison
from kg.store.neo4j.compile.calculations import has_point, here
from kg.store.neo4j.compile.context import From, Row, mentions
from kg.store.neo4j.compile.predicates import (
    around,
    candidates_inside,
    near,
    near_box,
    predicate,
    reach_test,
    sure_test,
)
from kg.store.neo4j.compile.sources import related, relation_of, source
from kg.store.neo4j.layout import ENTITY, box, point, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kg.store.lift import Hole
    from kg.store.neo4j.compile.context import At
    from kg.store.neo4j.compile.plan import Compiler

_SOUGHT = (
    Comparison.EQ, Comparison.IN, Comparison.LT, Comparison.LE, Comparison.GT, Comparison.GE, Comparison.STARTS_WITH,
)  # fmt: skip


def drive(c: Compiler, s: a.Source, where: a.Predicate | None, outer: Row | None, at: At, shown: object = None) -> From:
    """The rows of the source that satisfy `where`. `shown`: what is made of them, where that may be paths of a walk."""
    items = list(conjuncts(where))
    if isinstance(s, a.Extent):
        nearest = _nearest(c, s.cls, items, shown, at) if isinstance(shown, a.Select) else None
        if nearest is not None:
            return nearest
        for item in items:
            found = _started(c, s.cls, item, items, at)
            if found is not None:
                return found
        found = _sought(c, s.cls, items, at)
    else:
        found = source(c, s, outer, at, paths=mentions(shown, _of_a_path))
    found.where += [predicate(c, item, found.row) for item in items]
    return found


def _of_a_path(node: object) -> bool:
    return isinstance(node, a.Trail) or (isinstance(node, a.Meta) and node.name in (a.MetaName.PATH, a.MetaName.VIA))


def _of_an_edge(node: object) -> bool:
    return isinstance(node, a.Edge) or (isinstance(node, a.Meta) and node.name.value.startswith("edge."))


def conjuncts(p: a.Predicate | None) -> Iterator[a.Predicate]:
    if isinstance(p, a.And):
        for item in p.items:
            yield from conjuncts(item)
    elif p is not None:
        yield p


def _started(c: Compiler, cls: str, item: a.Predicate, items: list[a.Predicate], at: At) -> From | None:
    match item:
        case a.Near() | a.Spatial():
            return _placed(c, cls, item, items, at)
        case a.Exists(a.Step() as step, inner, 1, None) if at.present and inner is not None:
            if any(_selective(c, step.cls, one) for one in conjuncts(inner)):
                return _from_the_far_end(c, cls, step, inner, [one for one in items if one is not item], at)
    return None


def _patterns(c: Compiler, cls: str, v: str, at: At, indexed: Callable[[bool], set[str]]) -> list[str]:
    """MATCHes that together give all rows of the class: of the present, or of it and of what lies beside it.

    `indexed`: further labels for the sake of their indexes, of the present (False) or of what lies beside (True).
    """
    out = []
    for state in (False,) if at.present else (False, True):
        own = c.layout.state_label(cls) if state else c.layout.label(cls)
        out.append(f"MATCH ({v}:{'&'.join([own, *sorted(indexed(state) - {own})])})")
    return out


def _row(c: Compiler, cls: str, v: str, at: At) -> Row:
    return Row(v, v if at.present else "", c.concrete(cls), at)


def _holds(at: At, v: str) -> list[str]:
    return [] if at.present else at.holds(v)


def _sought(c: Compiler, cls: str, items: list[a.Predicate], at: At) -> From:
    """By the index of a property where a condition has one."""
    sought: list[tuple[a.Cmp, str]] = []
    named = False
    for item in items:
        if isinstance(item, a.Cmp) and item.op in _SOUGHT and isinstance(item.right, a.Const):
            if isinstance(item.left, a.Prop):
                if c.layout.seek_label(cls, item.left.name) is not None:
                    sought.append((item, item.left.name))
            elif item.left == a.Meta(a.MetaName.ID) and item.op in (Comparison.EQ, Comparison.IN) and at.present:
                named = True

    def indexed(state: bool) -> set[str]:
        labels = {c.layout.seek_label(cls, name, state=state) for _, name in sought}
        return {label for label in labels if label} | ({quoted(ENTITY)} if named else set())

    v = c.names.fresh("n")
    row = _row(c, cls, v, at)
    if at.present:
        (text,) = _patterns(c, cls, v, at, indexed)
        return From(text, [], row)
    if not sought:
        return From(f"MATCH ({v}:{c.layout.row_labels(cls)})", at.holds(v), row)
    tests = " AND ".join([*(predicate(c, item, row) for item, _ in sought), *at.holds(v)])
    either = " UNION ALL ".join(f"{text} WHERE {tests} RETURN {v}" for text in _patterns(c, cls, v, at, indexed))
    return From(f"CALL () {{ {either} }} WITH {v}", [], row)


# ---------------------------------------------------------------- relations


def _selective(c: Compiler, cls: str, item: a.Predicate) -> bool:
    if not isinstance(item, a.Cmp) or item.op not in (Comparison.EQ, Comparison.IN):
        return False
    if item.left == a.Meta(a.MetaName.ID):
        return True
    return isinstance(item.left, a.Prop) and c.layout.seek_label(cls, item.left.name) is not None


def _from_the_far_end(c: Compiler, cls: str, step: a.Step, inner: a.Predicate, rest: list[a.Predicate], at: At) -> From:
    """Of rows that are related to few: those few first."""
    relation = relation_of(c, step.relation)
    far = _sought(c, step.cls, list(conjuncts(inner)), at)
    said = list(conjuncts(inner))
    far.where += [predicate(c, item, far.row) for item in said if not mentions(item, _of_an_edge)]
    e, n = c.names.fresh("e"), c.names.fresh("n")
    along = related(c, relation.name, e, far.row.node, f"{n}:{c.layout.label(cls)}", out=not step.out, at=at)
    whole = Row(far.row.alias, far.row.node, far.row.classes, at, edge=e, relation=relation)
    later = [item for item in said if mentions(item, _of_an_edge)] + [step.where] * (step.where is not None)
    tests = [predicate(c, item, whole) for item in later if item is not None]
    seen = f" WHERE {' AND '.join(tests)}" if tests else ""
    row = Row(n, n, c.concrete(cls), at)
    where = [predicate(c, item, row) for item in rest]
    return From(f"{far.text()} {along}{seen} WITH DISTINCT {n}", where, row)


# ---------------------------------------------------------------- places


def _placed(c: Compiler, cls: str, p: a.Near | a.Spatial, items: list[a.Predicate], at: At) -> From | None:
    """By the index of points, and beside it that of boxes, for places that are no points."""
    row = Row("", "", c.concrete(cls), at)
    if not _place_labels(c, cls, p.prop, False) or not has_point(c, a.Prop(p.prop), row):
        return None
    if isinstance(p, a.Spatial) and p.op == "bbox":
        return None
    v = c.names.fresh("n")
    there, boxed = f"{v}.{quoted(point(p.prop))}", tuple(f"{v}.{quoted(side)}" for side in box(p.prop))
    if isinstance(p, a.Near):
        lon, lat, metres = _holes(p.lon, p.lat, p.metres)
        points = reach_test(c, there, lon, lat, metres)
        boxes = near_box(c, boxed, lon, lat, metres)
    else:
        (query,) = _holes(p.geometry)
        points, boxes = candidates_inside(there, c.params.add(query, by=around)), _meets(c, query, boxed)
    tests = "".join(f" AND {test}" for test in _holds(at, v))
    either = " UNION ALL ".join(
        f"{base} WHERE {candidates}{tests} RETURN {v}"
        for base in _patterns(c, cls, v, at, partial(_place_labels, c, cls, p.prop))
        for candidates in (points, boxes)
    )
    found = From(f"CALL () {{ {either} }} WITH {v}", [], _row(c, cls, v, at))
    where = [
        near(c, item, found.row, reached=True)
        if item is p and isinstance(item, a.Near)
        else predicate(c, item, found.row)
        for item in items
    ]
    found.where += where
    return found


def _place_labels(c: Compiler, cls: str, name: str, state: bool) -> set[str]:
    """The label with the index of a geometry, if there is one."""
    label = c.layout.place_label(cls, name, state=state)
    return {label} if label else set()


_RADII_M = tuple(100.0 * 4**k for k in range(9))
"""Up to 6,500 km; where too few places lie within, all rows are candidates."""


@dataclass(frozen=True, slots=True)
class _Nearest:
    """The first few rows of a class by distance from a point, in an order of the property `name`, which has an index.
    `within`: the condition, if any, that they lie within a radius of a point, not necessarily the same."""

    name: str
    lon: Hole
    lat: Hole
    within: a.Near | None


def _nearest(c: Compiler, cls: str, items: list[a.Predicate], s: a.Select, at: At) -> From | None:
    """Those within the distance of the last of as many points, and all that have a place and are no points. None where
    the select asks for something else."""
    target = _by_distance(c, cls, items, s, at)
    if target is None:
        return None
    v, r = c.names.fresh("n"), c.names.fresh("r")
    row = _row(c, cls, v, at)
    bases = _patterns(c, cls, v, at, partial(_place_labels, c, cls, target.name))
    there = f"{v}.{quoted(point(target.name))}"
    away = f"point.distance({there}, {here(c, target.lon, target.lat)})"
    tests = [*_holds(at, v), *(predicate(c, item, row) for item in items if item is not target.within)]
    first: Any = s.page.first
    enough = c.params.add(first, by=_and_one)
    only = ""
    if target.within is None:
        radius = _least_radius(c, bases, away, tests, enough)
        only = f"{_only_where(f'{r} IS NOT NULL', c)} "
        boxes = " AND ".join([f"{v}.{quoted(box(target.name)[0])} IS NOT NULL", *tests])
        too_few = " AND ".join(tests)
    else:
        circle = _holes(target.within.lon, target.within.lat, target.within.metres)
        sides = tuple(f"{v}.{quoted(side)}" for side in box(target.name))
        radius = _last_distance(c, bases, away, [sure_test(c, there, *circle), *tests], enough)
        tests.append(near(c, target.within, row, reached=True))
        boxes = " AND ".join([near_box(c, sides, *circle), *tests])
        too_few = " AND ".join([reach_test(c, there, *circle), *tests])
    # A little wider: distances are compared in whole millimetres.
    inside = " AND ".join([f"{away} <= {r} * 1.000001 + 1.0", *tests])
    parts = [f"{base} WHERE {inside} RETURN {v}" for base in bases]
    parts += [f"{only}{base} WHERE {boxes} RETURN {v}" for base in bases]
    none = _only_where(f"{r} IS NULL", c)
    parts += [f"{none} {base}{f' WHERE {too_few}' if too_few else ''} RETURN {v}" for base in bases]
    either = " UNION ALL ".join(parts)
    return From(f"CALL () {{ RETURN {radius} AS {r} }} CALL ({r}) {{ {either} }} WITH {v}", [], row)


def _only_where(test: str, c: Compiler) -> str:
    """A clause that lets nothing behind it begin unless the test holds. The planner would put a WHERE behind it."""
    return f"UNWIND CASE WHEN {test} THEN [0] ELSE [] END AS {c.names.fresh('x')}"


def _least_radius(c: Compiler, bases: list[str], away: str, tests: list[str], enough: str) -> str:
    """The least of some radii that holds enough points; null where none does."""
    x = c.names.fresh("x")
    tests = [f"{away} <= {x}", *tests]
    counted = " + ".join(
        f"COUNT {{ {base} WHERE {' AND '.join(tests)} RETURN 1 AS one LIMIT {enough} }}" for base in bases
    )
    return (
        f"COLLECT {{ UNWIND [{', '.join(map(str, _RADII_M))}] AS {x} WITH {x} "
        f"WHERE {counted} >= {enough} RETURN {x} LIMIT 1 }}[0]"
    )


def _last_distance(c: Compiler, bases: list[str], away: str, tests: list[str], enough: str) -> str:
    """The distance of the last of enough points; null where there are fewer."""
    x = c.names.fresh("x")
    ways = [f"{base} WHERE {' AND '.join(tests)}" for base in bases]
    if len(ways) == 1:
        found = f"{ways[0]} WITH {away} AS {x}"
    else:
        found = f"CALL () {{ {' UNION ALL '.join(f'{way} RETURN {away} AS {x}' for way in ways)} }} WITH {x}"
    return f"COLLECT {{ {found} ORDER BY {x} LIMIT {enough} RETURN {x} }}[{enough} - 1]"


def _and_one(first: int) -> int:
    return first + 1


def _by_distance(c: Compiler, cls: str, items: list[a.Predicate], s: a.Select, at: At) -> _Nearest | None:
    first: Any = s.page.first
    if first.kind == "NoneType" or s.page.after is not None or not s.order or s.order[0].descending:
        return None
    if isinstance(s.shape, a.PageOf) and any(f.part == a.PagePart.TOTAL for f in s.shape.fields):
        return None
    expr = s.order[0].expr
    if not isinstance(expr, a.Calc) or expr.op is not a.Op.DISTANCE or not isinstance(expr.args[0], a.Prop):
        return None
    name = expr.args[0].name
    lon, lat = _holes(*(getattr(arg, "value", None) for arg in expr.args[1:]))
    if not _place_labels(c, cls, name, False) or not has_point(c, expr.args[0], Row("", "", c.concrete(cls), at)):
        return None
    placed = [item for item in items if isinstance(item, a.Near | a.Spatial)]
    if not placed:
        return _Nearest(name, lon, lat, None)
    within = placed[0]
    if len(placed) > 1 or not isinstance(within, a.Near) or within.prop != name:
        return None
    return _Nearest(name, lon, lat, within)


def _meets(c: Compiler, query: Any, sides: tuple[str, ...]) -> str:
    west, south, east, north = sides
    x = c.params.add(query, by=around)
    return f"{west} <= {x}[2] AND {east} >= {x}[0] AND {south} <= {x}[3] AND {north} >= {x}[1]"


def _holes(*values: object) -> tuple[Any, ...]:
    return values
