"""Groups, metrics, having, and the order of groups."""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from kg.query.algebra import Edge, Meta, MetricOp
from kg.query.interpreter.rows import INSTANTS, declared, value
from kg.query.values import compare, json_value, order_key, significant
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.query.algebra import Aggregate, Expr, Metric, Out
    from kg.query.interpreter.rows import Row
    from kg.query.interpreter.world import World
    from kg.query.values import Stored

Group = tuple[tuple["Stored", ...], tuple["Stored", ...]]
"""Group keys and metrics."""


def aggregated(world: World, action: Aggregate, found: Sequence[Row]) -> list[dict[str, Any]]:
    """The list of result objects."""
    by_key: dict[tuple[Any, ...], list[Row]] = {} if action.group else {(): list(found)}
    keys: dict[tuple[Any, ...], tuple[Stored, ...]] = {(): ()}
    if action.group:
        for row in found:
            key = tuple(_scalar(value(world, expr, row)) for expr in action.group)
            # Python takes true for 1; order_key keeps text and numbers apart, and one expression has one type.
            tagged = tuple(order_key(one) for one in key)
            keys.setdefault(tagged, key)
            by_key.setdefault(tagged, []).append(row)
    groups: list[Group] = []
    for tagged, members in by_key.items():
        metrics = tuple(_metric(world, metric, members) for metric in action.metrics)
        if all(compare(h.op, metrics[h.metric], h.value) for h in action.having):
            groups.append((keys[tagged], metrics))

    def order(a: Group, b: Group) -> int:
        return compared(action, a, b)

    groups.sort(key=cmp_to_key(order))
    kinds = _Kinds(world, action, found)
    return [_object(kinds, action.out, group) for group in groups[: action.first]]


def _scalar(found: Stored) -> Stored:
    return None if isinstance(found, tuple) else found


def _metric(world: World, metric: Metric, members: Sequence[Row]) -> Stored:
    if metric.expr is None:
        return len(members)
    values = [found for row in members if (found := value(world, metric.expr, row)) not in {None, ()}]
    if metric.op is MetricOp.COUNT:
        return len(values)
    single: list[Any] = [found for found in values if not isinstance(found, tuple)]
    if metric.op is MetricOp.DISTINCT:
        return len({order_key(found) for found in single})
    if not single:
        return None
    if metric.op is MetricOp.MIN:
        return min(single)  # type: ignore[no-any-return]
    if metric.op is MetricOp.MAX:
        return max(single)  # type: ignore[no-any-return]
    return _total(single, average=metric.op is MetricOp.AVG)


def _total(values: list[int | float], *, average: bool) -> int | float | None:
    whole = all(isinstance(one, int) for one in values)
    try:
        total: int | float = sum(values) if whole else math.fsum(values)
    except OverflowError:  # not finite
        return None
    if average:
        return significant(total / len(values), 12)
    if whole and -(2**63) <= total < 2**63:
        return total
    return significant(float(total), 12)


def compared(action: Aggregate, a: Group, b: Group) -> int:
    """-1, 0 or 1: by the order asked for, then by the group keys; nulls last."""
    order = [*action.order, *(("group", i, False) for i in range(len(action.group)))]
    for kind, index, descending in order:
        side = 0 if kind == "group" else 1
        left, right = order_key(a[side][index]), order_key(b[side][index])
        if left == right:
            continue
        if left is None or right is None:
            return 1 if left is None else -1
        return (-1 if left < right else 1) * (-1 if descending else 1)
    return 0


class _Kinds:
    """The datatypes in which group keys and metrics are shown: those of the rows that were met."""

    def __init__(self, world: World, action: Aggregate, found: Sequence[Row]) -> None:
        self.groups = [_datatype(world, expr, found) for expr in action.group]
        self.metrics = [
            _datatype(world, metric.expr, found) if metric.op in {MetricOp.MIN, MetricOp.MAX} else None
            for metric in action.metrics
        ]


def _datatype(world: World, expr: Expr | None, found: Sequence[Row]) -> Datatype | None:
    if isinstance(expr, Meta):
        return Datatype.INSTANT if expr.name in INSTANTS else None
    if expr is None:
        return None
    for row in found:
        prop = declared(world.schema, expr, row)
        if prop is not None:
            return prop.datatype
        if isinstance(expr, Edge):
            return None
    return None


def _object(kinds: _Kinds, out: Sequence[Out], group: Group) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for item in out:
        match item.kind:
            case "group":
                made[item.key] = shown_value(group[0][item.index], kinds.groups[item.index])
            case "metric":
                made[item.key] = shown_value(group[1][item.index], kinds.metrics[item.index])
            case "object":
                made[item.key] = _object(kinds, item.fields, group)
            case "fixed":
                made[item.key] = item.value
    return made


def shown_value(found: Stored, datatype: Datatype | None) -> Any:
    """A group key or metric as it stands in the answer; `datatype` is that of a property, None of a calculation."""
    if isinstance(found, float) and datatype is None:
        return significant(found, 15)
    return json_value(found, datatype)
