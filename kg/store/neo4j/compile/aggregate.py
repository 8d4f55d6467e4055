"""Aggregates: Cypher groups and counts; sums are finished here, exactly, and groups put in order."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.query import algebra as a
from kg.query.algebra import MetricOp
from kg.query.interpreter.aggregation import compared, shown_value
from kg.query.values import compare, significant
from kg.schema.types import Datatype
from kg.store.neo4j.compile import claims
from kg.store.neo4j.compile.context import NOTHING, Ex, Made, as_it_is
from kg.store.neo4j.compile.drivers import drive
from kg.store.neo4j.compile.expressions import NUMBERS, expression
from kg.store.neo4j.compile.shapes import fixed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kg.store.neo4j.compile.context import Answering, At, Row
    from kg.store.neo4j.compile.plan import Compiler

_HALF = 2**32
_NOTHING = {"count": 0, "collect": [], "[sum": [0, 0, 0]}


def aggregate(c: Compiler, agg: a.Aggregate, outer: Row | None, at: At) -> Made:
    """The list of groups."""
    inner = c.times.inner(at, agg.time)
    if isinstance(agg.source, a.ClaimsOf | a.ConflictsOf):
        return claims.aggregate(c, agg, outer, inner)
    found = drive(c, agg.source, agg.where, outer, inner)
    groups = [single(expression(c, g, found.row)) for g in agg.group]
    metrics = [_metric(c, m, found.row) for m in agg.metrics]
    names = [c.names.fresh("g") for _ in groups]
    counted = [c.names.fresh("m") for _ in metrics]
    columns = [f"{g.text} AS {name}" for g, name in zip(groups, names, strict=True)]
    columns += [f"{m.text} AS {name}" for (m, _), name in zip(metrics, counted, strict=True)]
    columns = columns or ["count(*) AS one"]
    text = f"COLLECT {{ {found.text()} WITH {', '.join(columns)} RETURN [{', '.join([*names, *counted])}] }}"
    return Made(text, _finish(agg, [_shown_kind(g) for g in groups], metrics))


def single(ex: Ex) -> Ex:
    """A many-valued property groups and orders by nothing."""
    if not ex.variants:
        return NOTHING if ex.many else ex
    cases = " ".join(f"WHEN {test} THEN {one.text}" for test, one in ex.variants if not one.many)
    return Ex(f"CASE {cases} END", ex.datatype) if cases else NOTHING


def _shown_kind(ex: Ex) -> Datatype | None:
    return None if ex.shown else ex.datatype


# ---------------------------------------------------------------- metrics


def _metric(c: Compiler, m: a.Metric, row: Row) -> tuple[Made, Datatype | None]:
    """What Cypher counts, with the reader that finishes it, and the datatype in which it is shown."""
    if m.expr is None:
        if m.op is not MetricOp.COUNT:
            raise QueryError(f"{m.op.value} needs an expression", remedy="Name what to aggregate.")
        return Made("count(*)"), None
    ex = expression(c, m.expr, row)
    if m.op is MetricOp.COUNT:
        return Made(f"count({_present(ex)})"), None
    ex = single(ex)
    match m.op:
        case MetricOp.DISTINCT:
            return Made(f"count(DISTINCT {ex.text})"), None
        case MetricOp.SUM | MetricOp.AVG:
            return _sum(ex, average=m.op is MetricOp.AVG), None
    if ex.null:
        return Made("null"), None
    shown = _shown_kind(ex) if isinstance(m.expr, a.Prop | a.Edge | a.Meta) else None
    if ex.textual and not ex.stored:  # calculated text compares by UTF-16
        pick: Callable[[Any], Any] = min if m.op is MetricOp.MIN else max
        return Made(f"collect(DISTINCT {ex.text})", lambda found, _: pick(found) if found else None), shown
    return Made(f"{m.op.value}({ex.text})"), shown


def _present(ex: Ex) -> str:
    """Null where there is no value; many values may be none."""
    if ex.variants:
        cases = " ".join(f"WHEN {test} THEN {_present(one)}" for test, one in ex.variants)
        return f"CASE {cases} END"
    return f"CASE WHEN size({ex.text}) > 0 THEN 1 END" if ex.many else ex.text


def _sum(ex: Ex, *, average: bool) -> Made:
    """Doubles are added up here, without error; whole numbers there, in two halves that cannot overflow."""
    if ex.null:
        return Made("null")
    if ex.datatype not in NUMBERS:
        raise QueryError(f"Sum of {ex.datatype.value}", remedy="Only numbers add up.")
    if ex.datatype is Datatype.DOUBLE or ex.shown or ex.variants:
        return Made(f"collect({ex.text})", lambda found, _: total(found, average=average))
    text = f"[sum({ex.text} / {_HALF}), sum({ex.text} % {_HALF}), count({ex.text})]"

    def read(found: Any, _: Answering) -> int | float | None:
        high, low, count = found
        if not count:
            return None
        whole: int = high * _HALF + low
        if average:
            return significant(whole / count, 12)
        return whole if -(2**63) <= whole < 2**63 else significant(float(whole), 12)

    return Made(text, read)


def total(values: Sequence[int | float], *, average: bool) -> int | float | None:
    """As `kg.query.interpreter.aggregation` adds up."""
    if not values:
        return None
    whole = all(isinstance(one, int) for one in values)
    try:
        found: int | float = sum(values) if whole else math.fsum(values)
    except OverflowError:  # not finite
        return None
    if average:
        return significant(found / len(values), 12)
    if whole and -(2**63) <= found < 2**63:
        return found
    return significant(float(found), 12)


# ---------------------------------------------------------------- groups


def _finish(agg: a.Aggregate, kinds: list[Datatype | None], metrics: list[tuple[Made, Datatype | None]]) -> Any:
    size = len(kinds)
    readers = [made.read for made, _ in metrics]
    shown = [datatype for _, datatype in metrics]
    first: Any = agg.first
    holes: list[Any] = [h.value for h in agg.having]
    limited = [hole.index for hole in holes]
    nothing = [_NOTHING.get(made.text.split("(", 1)[0]) for made, _ in metrics]

    def order(one: Any, other: Any) -> int:
        return compared(agg, one, other)

    def read(found: Any, at: Answering) -> Any:
        limits = [at.constants[index] for index in limited]
        groups = []
        if not found and not size:
            # Neo4j gives no row for a COLLECT that aggregates nothing below another row.
            found = [nothing]
        for row in found:
            counted = tuple(
                value if one is as_it_is else one(value, at) for one, value in zip(readers, row[size:], strict=True)
            )
            if all(compare(h.op, counted[h.metric], limit) for h, limit in zip(agg.having, limits, strict=True)):
                groups.append((tuple(row[:size]), counted))
        groups.sort(key=cmp_to_key(order))
        if first.kind != "NoneType":
            groups = groups[: at.constants[first.index]]
        return [_object(agg.out, group, kinds, shown, at) for group in groups]

    return read


def _object(
    outs: Sequence[a.Out], group: Any, kinds: list[Datatype | None], shown: list[Datatype | None], at: Answering
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for out in outs:
        match out.kind:
            case "group":
                made[out.key] = shown_value(group[0][out.index], kinds[out.index])
            case "metric":
                made[out.key] = shown_value(group[1][out.index], shown[out.index])
            case "object":
                made[out.key] = _object(out.fields, group, kinds, shown, at)
            case "fixed":
                made[out.key] = fixed(out.value).read(None, at)
    return made
