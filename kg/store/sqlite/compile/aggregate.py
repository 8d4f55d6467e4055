# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Aggregates: one pass that groups, one that prints."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kg.errors import QueryError
from kg.query.algebra import Comparison, MetricOp
from kg.schema.types import Datatype
from kg.store.sqlite.compile.context import Ex, conditions
from kg.store.sqlite.compile.drivers import drive
from kg.store.sqlite.compile.expressions import NUMBERS, expression, json_text
from kg.store.sqlite.compile.shapes import concatenated, text_of_key
from kg.store.sqlite.compile.sources import source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.query import algebra as a
    from kg.store.lift import Hole
    from kg.store.sqlite.compile.context import At, Row
    from kg.store.sqlite.compile.plan import Compiler

_OPERATORS = {
    Comparison.EQ: "=", Comparison.NE: "<>", Comparison.LT: "<", Comparison.LE: "<=", Comparison.GT: ">",
    Comparison.GE: ">=",
}  # fmt: skip


def aggregate(c: Compiler, agg: a.Aggregate, outer: Row | None, at: At) -> str:
    """SQL of the JSON list of groups."""
    inner = c.times.inner(at, agg.time)
    found = drive(c, source(c, agg.source, outer, inner), agg.source, agg.where, None)
    groups = [expression(c, g, found.row) for g in agg.group]
    keys = [Ex("null") if g.many else g for g in groups]
    metrics = [metric(c, m, found.row) for m in agg.metrics]
    columns = [f"{g.sql} as g{i}" for i, g in enumerate(keys)] + [f"{m.sql} as m{i}" for i, m in enumerate(metrics)]
    grouped = f" group by {', '.join(f'g{i}' for i in range(len(keys)))}" if keys else ""
    rows = f"from {found.tables} where {conditions(found.where)}{grouped}"
    body = f"{c.with_clause(found)}select {', '.join(columns) or '1'} {rows}"
    shown_keys = [replace(g, sql=f"g{i}", variants=()) if g.sql != "null" else g for i, g in enumerate(keys)]
    shown = [replace(m, sql=f"m{i}", variants=()) for i, m in enumerate(metrics)]
    text = concatenated(out_object(c, agg.out, shown_keys, shown))
    having = " and ".join(_having(c, h, shown) for h in agg.having)
    order = [f"{kind[0]}{index}{' desc' if descending else ''} nulls last" for kind, index, descending in agg.order]
    order += [f"g{i} nulls last" for i in range(len(keys))]
    rows = f"select {text} as j from ({body})"
    rows += f" where {having}" if having else ""
    rows += f" order by {', '.join(order)}" if order else ""
    first: Hole = agg.first  # type: ignore[assignment]
    if first.kind != "NoneType":
        rows += f" limit {c.params.add(first)}"
    return f"(select '[' || coalesce(group_concat(j), '') || ']' from ({rows}))"


def _having(c: Compiler, h: a.Having, metrics: Sequence[Ex]) -> str:
    if h.op not in _OPERATORS:
        raise QueryError(f"A group cannot be filtered by {h.op.value}", remedy="Compare the metric with a number.")
    value: Hole = h.value  # type: ignore[assignment]
    return f"{metrics[h.metric].sql} {_OPERATORS[h.op]} {c.params.add(value)}"


def metric(c: Compiler, m: a.Metric, row: Row) -> Ex:
    if m.expr is None:
        if m.op is not MetricOp.COUNT:
            raise QueryError(f"{m.op.value} needs an expression", remedy="Name what to aggregate.")
        return Ex("count(*)", Datatype.LONG)
    ex = expression(c, m.expr, row)
    if m.op is MetricOp.COUNT:
        counted = f"nullif({ex.sql}, '[]')" if ex.many else ex.sql
        return Ex(f"count({counted})", Datatype.LONG)
    if ex.many:
        ex = Ex("null")
    match m.op:
        case MetricOp.DISTINCT:
            return Ex(f"count(distinct {ex.sql})", Datatype.LONG)
        case MetricOp.SUM | MetricOp.AVG:
            if ex.sql == "null":
                return ex
            if ex.datatype not in NUMBERS:
                raise QueryError(f"{m.op.value} of {ex.datatype.value}", remedy="Only numbers add up.")
            if m.op is MetricOp.SUM and ex.datatype is Datatype.INTEGER:
                return Ex(f"sum({ex.sql})", Datatype.LONG)
            if m.op is MetricOp.SUM and ex.datatype is Datatype.LONG:
                return Ex(f"jw_sum({ex.sql})", Datatype.LONG)  # sum() fails where 64 bits are left
            return Ex(f"jw_round12({m.op.value}({ex.sql}))", Datatype.DOUBLE)
        case _:
            return Ex(f"{m.op.value}({ex.sql})", ex.datatype, shown=ex.shown)


def out_object(c: Compiler, outs: Sequence[a.Out], keys: Sequence[Ex], metrics: Sequence[Ex]) -> list[str]:
    parts: list[str] = ["'{'"]
    for i, out in enumerate(outs):
        parts += [*(["','"] if i else []), text_of_key(out.key)]
        match out.kind:
            case "group":
                parts.append(json_text(keys[out.index]))
            case "metric":
                parts.append(json_text(metrics[out.index]))
            case "object":
                parts += out_object(c, out.fields, keys, metrics)
            case "fixed":
                parts.append(c.fixed_value(out.value))
    return [*parts, "'}'"]
