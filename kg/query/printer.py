"""A Query as readable text: deterministic, for documentation, logs at debug level, and failing tests.

Constants of callers are shown, so that a text is no less confidential than its query.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, assert_never

from kg.query.algebra import (
    Aggregate,
    Aligned,
    And,
    Calc,
    ClaimsOf,
    Cmp,
    Comparison,
    ConflictsOf,
    Const,
    Cursor,
    Edge,
    Edges,
    Exists,
    Extent,
    Fixed,
    Ids,
    IsA,
    Join,
    Keys,
    Leaf,
    Match,
    Meta,
    Near,
    Not,
    Obj,
    One,
    Op,
    Or,
    PageOf,
    Prop,
    Range,
    Rows,
    Select,
    Self,
    Spatial,
    Step,
    Trail,
    Walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kg.query.algebra import Expr, Field, Out, PageField, Predicate, Query, Source, Time

_INDENT = "  "
_SIGNS = {
    Comparison.EQ: "=",
    Comparison.NE: "!=",
    Comparison.LT: "<",
    Comparison.LE: "<=",
    Comparison.GT: ">",
    Comparison.GE: ">=",
    Comparison.IN: "in",
    Comparison.CONTAINS: "contains",
    Comparison.STARTS_WITH: "starts with",
}
_ARITHMETIC = {Op.ADD: "+", Op.SUBTRACT: "-", Op.MULTIPLY: "*", Op.DIVIDE: "/"}


def text(query: Query) -> str:
    """The whole query, a line a clause."""
    state = f"secured for level {query.level}" if query.secured else "not secured"
    lines = [f"query now {query.now}{_time(query.time)} ({state})"]
    for root in query.roots:
        lines += _headed(f"{root.key}: ", _shape(root.action))
    return "\n".join(lines)


def _indented(lines: Iterable[str]) -> list[str]:
    return [_INDENT + line for line in lines]


def _headed(head: str, lines: list[str]) -> list[str]:
    return [_INDENT + head + lines[0], *_indented(lines[1:])]


def _constant(value: object) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_constant(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _when(when: int | Range) -> str:
    if isinstance(when, Range):
        return f"[{'' if when.start is None else when.start}..{'' if when.end is None else when.end})"
    return str(when)


def _time(time: Time) -> str:
    valid = "" if time.valid is None else f" valid {_when(time.valid)}"
    return valid + ("" if time.system is None else f" system {_when(time.system)}")


# ---------------------------------------------------------------- expressions and predicates


def expression(expr: Expr) -> str:
    """One line."""
    match expr:
        case Prop(name):
            return name
        case Edge(name):
            return f"edge {name}"
        case Meta(name, without):
            return f"@{name.value}" + (f" without {', '.join(without)}" if without else "")
        case Const(value):
            return _constant(value)
        case Calc(op, args):
            inner = [expression(arg) for arg in args]
            if op in _ARITHMETIC:
                return "(" + f" {_ARITHMETIC[op]} ".join(inner) + ")"
            return f"{op.value}({', '.join(inner)})"


def predicate(where: Predicate) -> str:
    """One line; `and` binds before `or`, and everything compound stands in parentheses."""
    match where:
        case Cmp(Comparison.IS_NULL, left, right):
            negated = isinstance(right, Const) and not right.value
            return f"{expression(left)} is {'not ' if negated else ''}null"
        case Cmp(op, left, right):
            return f"{expression(left)} {_SIGNS[op]} {expression(right)}"
        case And(items):
            return "(" + " and ".join(map(predicate, items)) + ")" if items else "true"
        case Or(items):
            return "(" + " or ".join(map(predicate, items)) + ")" if items else "false"
        case Not(item):
            return f"not {predicate(item)}"
        case IsA(cls):
            return f"is a {cls}"
        case Exists(step, inner, least, most):
            condition = "" if inner is None else f" where {predicate(inner)}"
            return f"{_count(least, most)} ({source(step)}{condition})"
        case Near(prop, lon, lat, metres):
            return f"{prop} within {metres} m of ({lon}, {lat})"
        case Spatial(op, prop, geometry):
            return f"{prop} {op} {geometry}"
        case _:
            assert_never(where)


def _count(least: int, most: int | None) -> str:
    if (least, most) == (0, 0):
        return "none"
    if most is None:
        return "some" if least == 1 else f"at least {least}"
    return f"{least} to {most}"


# ---------------------------------------------------------------- sources


def source(found: Source) -> str:
    """One line."""
    match found:
        case Extent(cls):
            return f"all {cls}"
        case Ids(cls, ids):
            return f"{cls} by id {_constant(ids)}"
        case Keys(cls, keys):
            return f"{cls} by {', '.join(f'{scheme} {_constant(value)}' for scheme, value in keys) or 'no identifier'}"
        case Step(relation, out, cls, where):
            return f"{_hop(relation, out)} {cls}" + _where(where)
        case Walk():
            return _walk(found)
        case Match(cls, sought, without):
            hidden = f" without {', '.join(f'{c}.{name}' for c, name in without)}" if without else ""
            return f"{cls} matching {_constant(sought)}{hidden}"
        case Edges(relation, cls, end_where):
            end = "" if end_where is None else f" with end where {predicate(end_where)}"
            return f"every {relation} from {cls}{end}"
        case Self(cls):
            return f"itself as {cls}"
        case ClaimsOf(cls, without, classes):
            return f"claims of {cls}{_hidden(without, classes)}"
        case ConflictsOf(cls, without, classes):
            return f"conflicts of {cls}{_hidden(without, classes)}"
        case _:
            assert_never(found)


def _hop(relation: str, out: bool) -> str:
    return f"-{relation}->" if out else f"<-{relation}-"


def _where(where: Predicate | None) -> str:
    return "" if where is None else f" where {predicate(where)}"


def _walk(walk: Walk) -> str:
    hops = " | ".join(_hop(*step) for step in walk.steps) or "no step"
    start = "" if walk.start is None else f" from {source(walk.start)}{_where(walk.start_where)}"
    through = "" if walk.through is None else f" through {predicate(walk.through)}"
    return f"walk {hops} {walk.min}..{walk.max} to {walk.cls}{start}{through}"


def _hidden(without: tuple[str, ...], classes: tuple[str, ...] | None) -> str:
    properties = f" without {', '.join(without)}" if without else ""
    return properties + ("" if classes is None else f" said of {', '.join(classes) or 'no class'}")


# ---------------------------------------------------------------- shapes


def _shape(shape: Any) -> list[str]:
    match shape:
        case Leaf(expr):
            return [expression(expr)]
        case Fixed(value):
            return [_constant(value)]
        case Cursor():
            return ["cursor"]
        case Obj(fields):
            return ["{", *(line for item in fields for line in _field(item)), "}"]
        case Join(name, cls, obj, where):
            return _after(f"edge {name} as {cls}{_where(where)} ", obj)
        case Trail(obj):
            return _after("trail ", obj)
        case Select():
            return _select(shape)
        case Aggregate():
            return _aggregate(shape)
    raise AssertionError(shape)


def _after(head: str, obj: Obj) -> list[str]:
    lines = _shape(obj)
    return [head + lines[0], *lines[1:]]


def _field(item: Field) -> list[str]:
    only = "" if item.only is None else f" on {', '.join(item.only) or 'no class'}"
    return _headed(f"{item.key}{only}: ", _shape(item.shape))


def _select(select: Select) -> list[str]:
    lines = [source(select.source) + _time(select.time)]
    if select.where is not None:
        lines.append(f"{_INDENT}where {predicate(select.where)}")
    if select.order:
        orders = (expression(item.expr) + (" desc" if item.descending else "") for item in select.order)
        lines.append(f"{_INDENT}order by {', '.join(orders)}")
    page = select.page
    if page.first is not None or page.after is not None:
        size = "" if page.first is None else f" first {page.first}"
        after = page.after
        behind = "" if after is None else f" after {_constant((*after.values, after.id, after.edge))}"
        lines.append(f"{_INDENT}page{size}{behind}")
    return lines + _indented(_body(select))


def _body(select: Select) -> list[str]:
    match select.shape:
        case Rows(obj):
            return _after("rows ", obj)
        case One(obj):
            return _after("one ", obj)
        case Aligned(obj):
            return _after("aligned ", obj)
        case PageOf(fields):
            return ["page {", *(line for part in fields for line in _page_field(part)), "}"]


def _page_field(part: PageField) -> list[str]:
    if part.obj is not None:
        return _headed(f"{part.key}: ", _after("nodes ", part.obj))
    if part.edge:
        inner = [line for item in part.edge for line in _headed(f"{item.key}: ", _shape(item.shape))]
        return _headed(f"{part.key}: ", ["edges {", *inner, "}"])
    if part.info:
        named = (f"{key} = {_constant(i.value) if isinstance(i, Fixed) else i.value}" for key, i in part.info)
        return [f"{_INDENT}{part.key}: info {{ {', '.join(named)} }}"]
    return [f"{_INDENT}{part.key}: {_constant(part.typename) if part.part == '__typename' else part.part.value}"]


def _aggregate(action: Aggregate) -> list[str]:
    metrics = [m.op.value + ("" if m.expr is None else f"({expression(m.expr)})") for m in action.metrics]
    groups = [expression(expr) for expr in action.group]
    lines = [f"aggregate {source(action.source)}{_time(action.time)}"]
    if action.where is not None:
        lines.append(f"{_INDENT}where {predicate(action.where)}")
    if groups:
        lines.append(f"{_INDENT}group by {', '.join(groups)}")
    lines += [f"{_INDENT}having {metrics[h.metric]} {_SIGNS[h.op]} {_constant(h.value)}" for h in action.having]
    if action.order:
        named = (
            (groups if kind == "group" else metrics)[index] + (" desc" if descending else "")
            for kind, index, descending in action.order
        )
        lines.append(f"{_INDENT}order by {', '.join(named)}")
    if action.first is not None:
        lines.append(f"{_INDENT}first {action.first}")
    return [*lines, *_indented(["{", *(_INDENT + _out(item, groups, metrics) for item in action.out), "}"])]


def _out(item: Out, groups: list[str], metrics: list[str]) -> str:
    match item.kind:
        case "group":
            return f"{item.key}: {groups[item.index]}"
        case "metric":
            return f"{item.key}: {metrics[item.index]}"
        case "object":
            return f"{item.key}: {{ {', '.join(_out(inner, groups, metrics) for inner in item.fields)} }}"
        case "fixed":
            return f"{item.key}: {_constant(item.value)}"
