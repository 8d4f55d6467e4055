"""In which order rows stand: the keys that a query names, what decides ties, and what comes behind a cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.query import algebra as a
from kg.store.neo4j.compile.calculations import distance, has_point, millimetres
from kg.store.neo4j.compile.expressions import expression
from kg.store.neo4j.compile.predicates import ordered
from kg.store.neo4j.compile.texts import corrected, detours, sort_key
from kg.store.neo4j.layout import point, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.query.algebra import After
    from kg.store.lift import Hole
    from kg.store.neo4j.compile.context import Row
    from kg.store.neo4j.compile.plan import Compiler


@dataclass(frozen=True, slots=True)
class Sort:
    """One order key. `text` gives the value in stored form, `key` what it is sorted by; `name` its alias once sorted.

    `made`: the key is a calculated text's, sorted by `sort_key`. `needless`: it never decides, but cursors hold it.
    `ahead`: what the key reads and a clause before must name. `number`: a number as it is stored.
    """

    text: str
    key: str
    name: str
    descending: bool = False
    textual: bool = False
    made: bool = False
    needless: bool = False
    ahead: str = ""
    number: bool = False


def sort_of(c: Compiler, order: a.Order, row: Row) -> Sort:
    ex = expression(c, order.expr, row)
    name = c.names.fresh("k")
    if ex.many or ex.null or any(one.many for _, one in ex.variants):
        text = "null"
        if ex.variants:  # a many-valued one orders by nothing
            cases = " ".join(f"WHEN {test} THEN {one.text}" for test, one in ex.variants if not one.many)
            text = f"CASE {cases} END" if cases else "null"
        return Sort(text, text, name, order.descending, ex.textual)
    if isinstance(order.expr, a.Calc) and order.expr.op is a.Op.DISTANCE and has_point(c, order.expr.args[0], row):
        return _by_distance(c, ex.text, order, row, name)
    made = ex.textual and not ex.stored
    number = isinstance(order.expr, a.Prop | a.Edge) and not ex.textual and not ex.variants
    key = ordered(c, ex) if made else ex.text
    return Sort(ex.text, key, name, order.descending, ex.textual, made, number=number)


def _by_distance(c: Compiler, text: str, order: a.Order, row: Row, name: str) -> Sort:
    """By a distance from a point, which is measured once a row."""
    assert isinstance(order.expr, a.Calc)
    place, *to = order.expr.args
    assert isinstance(place, a.Prop)
    lon, lat = (one.value for one in to if isinstance(one, a.Const))
    one = c.names.fresh("x")
    measured = millimetres(c, f"{row.alias}.{quoted(point(place.name))}", lon, lat)  # type: ignore[arg-type]
    key = distance(c, place, row, lon, lat, one)  # type: ignore[arg-type]
    assert key is not None
    return Sort(text, key, name, order.descending, ahead=f"{measured} AS {one}")


def tie_keys(c: Compiler, s: a.Select, row: Row) -> list[Sort]:
    # Without key properties two entities have one relation of a type at most.
    single = isinstance(s.source, a.Step) and row.relation is not None and not row.relation.key
    single = single and row.relation is not None and not row.relation.symmetric
    edge = f"{row.edge}.edge"
    return [Sort(text, text, c.names.fresh("t"), needless=single and text == edge) for text in tie_texts(row)]


def tie_texts(row: Row) -> list[str]:
    out = [f"{row.alias}.id"]
    if row.edge:
        out.append(f"{row.edge}.edge")
    if row.at.ranged:
        out += [f"{row.alias}.systemFrom", f"{row.alias}.validFrom", f"coalesce({row.alias}._levelFrom, 0)"]
    return out


def order_by(sorts: Sequence[Sort], ties: Sequence[Sort]) -> str:
    parts = []
    for s in sorts:
        if s.key != "null":
            # Nulls come last by themselves where the order ascends.
            parts += [f"{s.name} IS NULL", f"{s.name} DESC"] if s.descending else [s.name]
    return ", ".join([*parts, *(t.name for t in ties if not t.needless)])


def naming(sorts: Sequence[Sort], ties: Sequence[Sort]) -> str:
    """A clause that names what rows are ordered by."""
    keys = ", ".join(f"{one.key} AS {one.name}" for one in (*sorts, *ties) if not one.needless)
    ahead = ", ".join(one.ahead for one in sorts if one.ahead)
    return f"WITH *, {f'{ahead} WITH *, ' if ahead else ''}{keys}"


def behind(c: Compiler, after: After, sorts: list[Sort], ties: list[Sort], row: Row) -> str:
    """The row comes behind the one that `after` describes."""
    bounds: list[Any] = [*after.values]
    if len(bounds) != len(sorts):
        raise QueryError("The cursor has other order values than the query", remedy="Start again from the first page.")
    ends: list[Any] = [after.id]
    if row.edge:
        ends.append(after.edge)
    if row.at.ranged:
        ends += [after.system_from, after.valid_from]
    test = "false"
    for tie, end in reversed([*zip(ties, ends, strict=False)]):
        if end.kind == "NoneType" or tie.needless:
            continue
        bound = c.params.add(end)
        test = f"({tie.name} > {bound} OR ({tie.name} = {bound} AND {test}))"
    for sort, bound in reversed([*zip(sorts, bounds, strict=True)]):
        test = _behind(c, sort, bound, test)
    return test


def _behind(c: Compiler, sort: Sort, bound: Hole, rest: str) -> str:
    if bound.kind == "NoneType":
        return f"({sort.name} IS NULL AND {rest})"
    if sort.key == "null":
        return f"({rest})"
    value = c.params.add(bound, by=sort_key if sort.made else None)
    beyond = f"{sort.name} {'<' if sort.descending else '>'} {value}"
    if sort.textual and not sort.made:
        beyond = corrected(f"({beyond})", sort.name, c.params.add(bound, by=detours), c.names.fresh("x"))
    return f"({beyond} OR {sort.name} IS NULL OR ({sort.name} = {value} AND {rest}))"
