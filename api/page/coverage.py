"""How much of what a question asks is known: for each property and relation in it, how many have one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kg.query.algebra import (
    Aggregate,
    And,
    Calc,
    Cmp,
    Comparison,
    Const,
    Edge,
    Edges,
    Exists,
    Extent,
    Join,
    Leaf,
    Metric,
    MetricOp,
    Near,
    Not,
    Obj,
    Or,
    Out,
    PageOf,
    Prop,
    Select,
    Spatial,
    Step,
    Trail,
    Walk,
)
from kg.query.contexts import context, of_class

if TYPE_CHECKING:
    from api.page.reading import Visit
    from kg.query.algebra import Expr, Predicate, Query, Source, Time
    from kg.query.contexts import RowContext
    from kg.schema.types import Property, Schema

_COUNT = (Out("n", "metric"),)


@dataclass(frozen=True, slots=True)
class Known:
    """`have` of `of` entities or relations have a value."""

    label: str
    have: int
    of: int

    @property
    def whole(self) -> bool:
        return self.have == self.of


@dataclass(slots=True)
class _Asked:
    """What a Query reads: (class, property), (class, step, outward), (relation, property), in order, each once."""

    schema: Schema
    properties: dict[tuple[str, str], None] = field(default_factory=dict)
    steps: dict[tuple[str, str, bool], None] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)

    def action(self, action: Select | Aggregate, outer: RowContext | None = None) -> None:
        self.source(action.source, outer)
        ctx = context(self.schema, action.source)
        self.predicate(action.where, ctx)
        if isinstance(action, Aggregate):
            for expr in (*action.group, *(m.expr for m in action.metrics if m.expr is not None)):
                self.expr(expr, ctx)
            return
        for order in action.order:
            self.expr(order.expr, ctx)
        if not isinstance(action.shape, PageOf):
            self.obj(action.shape.obj, ctx)
            return
        for part in action.shape.fields:
            if part.obj is not None:
                self.obj(part.obj, ctx)
            for item in part.edge:
                self.shape(item.shape, ctx)

    def source(self, source: Source, outer: RowContext | None) -> None:
        if outer is None:
            return
        steps = source.steps if isinstance(source, Walk) else ()
        for name, out in ((source.relation, source.out),) if isinstance(source, Step) else steps:
            relation = self.schema.relations[name]
            near = relation.domain if out else relation.range
            # Of all things only those that may have the relation count.
            cls = _narrow(outer)
            self.steps[near if self.schema.is_a(near, cls) else cls, name, out] = None

    def obj(self, obj: Obj, ctx: RowContext) -> None:
        for part in obj.fields:
            self.shape(part.shape, ctx.narrowed(part.only))

    def shape(self, shape: object, ctx: RowContext) -> None:
        match shape:
            case Leaf(expr):
                self.expr(expr, ctx)
            case Obj():
                self.obj(shape, ctx)
            case Join(name, cls, obj):
                self.expr(Edge(name), ctx)
                self.obj(obj, of_class(self.schema, cls))
            case Trail():
                pass
            case Select() | Aggregate():
                self.action(shape, ctx)

    def predicate(self, where: Predicate | None, ctx: RowContext) -> None:
        match where:
            case Cmp(_, left, right):
                self.expr(left, ctx)
                self.expr(right, ctx)
            case And(items) | Or(items):
                for item in items:
                    self.predicate(item, ctx)
            case Not(item):
                self.predicate(item, ctx)
            case Near(prop):
                self.expr(Prop(prop), ctx)
            case Spatial(_, prop):
                self.expr(Prop(prop), ctx)
            case Exists(step, inner):
                self.source(step, ctx)
                self.predicate(inner, context(self.schema, step))

    def expr(self, expr: Expr, ctx: RowContext) -> None:
        match expr:
            case Prop(name) if ctx.kind not in {"claim", "conflict"}:
                for cls in self._holders(name, ctx):
                    self.properties[cls, name] = None
            case Edge(name) if ctx.relation is not None:
                self.edges[ctx.relation.name, name] = None
            case Calc(_, args):
                for arg in args:
                    self.expr(arg, ctx)

    def _holders(self, name: str, ctx: RowContext) -> tuple[str, ...]:
        """The row's class where it has the property, else the concrete ones that do."""
        cls = _narrow(ctx)
        if self.schema.classes[cls].property(name) is not None:
            return (cls,)
        return tuple(cls for cls in ctx.classes if self.schema.classes[cls].property(name) is not None)


def _narrow(ctx: RowContext) -> str:
    """The row's class, under a condition on its class the one that is left."""
    return ctx.classes[0] if len(ctx.classes) == 1 else ctx.cls


async def coverage(visit: Visit, query: Query, time: Time) -> tuple[Known, ...]:
    """Of all entities of the class that is asked, whatever the question's filters: one statement.

    What the visitor's scope hides is left out. Least known first.
    """
    asked = _Asked(visit.schema)
    for root in query.roots:
        if isinstance(root.action, (Select, Aggregate)):
            asked.action(root.action)
    plan = _Plan(visit)
    for cls, name in asked.properties:
        plan.property(cls, name)
    for cls, relation, out in asked.steps:
        plan.step(cls, relation, outward=out)
    for relation, name in asked.edges:
        plan.edge(relation, name)
    if not plan.roots:
        return ()
    answer = await visit.ask(*plan.roots.items(), time=time)
    found = [Known(label, answer[have][0]["n"], answer[of][0]["n"]) for label, have, of in plan.known]
    return tuple(sorted((one for one in found if one.of), key=lambda one: one.have / one.of))


class _Plan:
    """Counts: of a class or relation, and of those that have something."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.schema = visit.schema
        self.roots: dict[str, Aggregate] = {}
        self.known: list[tuple[str, str, str]] = []
        self._relations = frozenset(visit.relations())

    def property(self, cls: str, name: str) -> None:
        prop = self.schema.classes[cls].property(name)
        if prop is None or not self.visit.limits.classes(cls) or name in self.visit.masked(cls):
            return
        self._add(prop, f"p {cls} {name}", Extent(cls), Prop(name), self._all(cls))

    def step(self, cls: str, relation: str, *, outward: bool) -> None:
        if relation not in self._relations or not self.visit.limits.classes(cls):
            return
        found = self.schema.relations[relation]
        target = found.range if outward else found.domain
        label = self.visit.voice.label(found.label if outward else found.inverse_label)
        key = f"s {cls} {relation} {outward}"
        where = Exists(Step(relation, outward, target))
        self.roots[key] = Aggregate(Extent(cls), _COUNT, metrics=(Metric(MetricOp.COUNT),), where=where)
        self.known.append((label, key, self._all(cls)))

    def edge(self, relation: str, name: str) -> None:
        found = self.schema.relations[relation]
        prop = found.property(name)
        if prop is None or relation not in self._relations or name in self.visit.limits.masked_edge(found):
            return
        if self.visit.limits.hides_id(prop):
            return
        every = f"e {relation}"
        self.roots[every] = Aggregate(Edges(relation, found.domain), _COUNT, metrics=(Metric(MetricOp.COUNT),))
        self._add(prop, f"e {relation} {name}", Edges(relation, found.domain), Edge(name), every)

    def _all(self, cls: str) -> str:
        key = f"c {cls}"
        self.roots[key] = Aggregate(Extent(cls), _COUNT, metrics=(Metric(MetricOp.COUNT),))
        return key

    def _add(self, prop: Property, key: str, source: Source, expr: Expr, every: str) -> None:
        there = Not(Cmp(Comparison.IS_NULL, expr, Const(True)))  # the algebra's own form
        self.roots[key] = Aggregate(source, _COUNT, metrics=(Metric(MetricOp.COUNT),), where=there)
        self.known.append((self.visit.voice.label(prop.label), key, every))
