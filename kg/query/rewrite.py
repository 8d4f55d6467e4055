"""The rewriting of `kg.query.secure`, node by node."""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn, TypeVar

from kg.errors import ScopeDenied
from kg.query.algebra import (
    Aggregate,
    Aligned,
    And,
    Calc,
    ClaimsOf,
    Cmp,
    ConflictsOf,
    Cursor,
    Edge,
    Edges,
    Exists,
    Field,
    Fixed,
    Join,
    Keys,
    Leaf,
    Match,
    Meta,
    MetaName,
    Near,
    Not,
    Obj,
    One,
    Or,
    PageOf,
    Prop,
    Range,
    Rows,
    Select,
    Spatial,
    Step,
    Time,
    Trail,
    Walk,
)
from kg.query.contexts import RowContext, context, of_class
from kg.query.secure import NOTHING, RAW_LEVEL, both
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from kg.query.algebra import EdgeField, Expr, PageField, Predicate, Source
    from kg.query.secure import Limits

A = TypeVar("A", Select, Aggregate)
NULL = Fixed(None)
_WITHOUT_SOURCES = frozenset({MetaName.SOURCES, MetaName.RAW})


class Rewriter:
    """Rewrites for one scope."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.schema = limits.schema

    # ------------------------------------------------------------ actions

    def root(self, action: Select | Aggregate | Fixed) -> Select | Aggregate | Fixed:
        if isinstance(action, Fixed):
            return action
        source = action.source
        if not self.limits.classes(source.cls):
            _deny_class(source.cls)
        if isinstance(source, Edges) and not self.limits.sees_relation(self.schema.relations[source.relation]):
            _deny("The scope does not reach this relation", source.relation)
        return self.action(action)

    def action(self, action: Select | Aggregate) -> Select | Aggregate:
        self._check_claims(action)
        source, seen = self.source(action.source)
        if isinstance(action.time.valid, Range) or isinstance(action.time.system, Range):
            self._check_range(seen, action.source.cls)
        ctx = context(self.schema, action.source)
        where = self._condition(action.where, ctx)
        if seen is not None:
            where = both(where, seen)
        if isinstance(action, Aggregate):
            for expr in (*action.group, *(m.expr for m in action.metrics if m.expr is not None)):
                self._readable(expr, ctx, "group or add up by")
            if source is action.source and where is action.where:
                return action
            return replace(action, source=source, where=where)
        for item in action.order:
            self._readable(item.expr, ctx, "order by")
        shape = self._shape(action.shape, ctx)
        if source is action.source and where is action.where and shape is action.shape:
            return action
        return replace(action, source=source, where=where, shape=shape)

    def _check_claims(self, action: Select | Aggregate) -> None:
        source = action.source
        if (
            isinstance(source, (ClaimsOf, ConflictsOf))
            and action.time != Time()
            and self.limits.limits_rows(source.cls)
        ):
            raise ScopeDenied(
                "The scope shows some rows of the class only, and claims of other instants may be of others",
                field="claims",
                value=source.cls,
                remedy="Ask for the claims at the instants of the entity, without instants of their own.",
            )

    def _check_range(self, seen: Predicate | None, cls: str) -> None:
        if _follows(seen):
            raise ScopeDenied(
                "The scope's condition on the class follows relations, and versions in a range have none",
                field="time",
                value=cls,
                remedy="Ask for one instant at a time.",
            )

    # ------------------------------------------------------------ sources

    def source(self, source: Source) -> tuple[Source, Predicate | None]:
        """The source, and what its rows must satisfy besides."""
        seen = self.limits.seen(source.cls)
        match source:
            case Keys():
                self._check_schemes(source)
            case Match(cls):
                unsearched = self._unsearched(cls)
                return replace(source, without=unsearched) if unsearched else source, seen
            case Step(relation):
                hidden = not self.limits.sees_relation(self.schema.relations[relation])
                condition = both(self._condition(source.where, context(self.schema, source)), seen)
                plain = source if source.where is None else replace(source, where=None)
                return plain, NOTHING if hidden else condition
            case Walk():
                return self._walk(source), None
            case Edges(relation, _, end_where):
                rel = self.schema.relations[relation]
                kept = self._condition(
                    end_where, RowContext(rel.range, self.schema.concrete(rel.range), "relation", rel)
                )
                end = both(kept, self.limits.seen(rel.range))
                return replace(source, end_where=end), seen if self.limits.sees_relation(rel) else NOTHING
            case ClaimsOf() | ConflictsOf():
                without = tuple(sorted(self.limits.masked_anywhere))
                return replace(source, without=without, classes=self.limits.claim_classes), None
        return source, seen

    def _walk(self, walk: Walk) -> Walk:
        steps = tuple(s for s in walk.steps if self.limits.sees_relation(self.schema.relations[s[0]]))
        anything = of_class(self.schema, ROOT_CLASS)
        through = both(self._condition(walk.through, anything), self.limits.seen(ROOT_CLASS))
        start_where = None
        if walk.start is not None:
            if isinstance(walk.start, Keys):
                self._check_schemes(walk.start)
            start = of_class(self.schema, walk.start.cls)
            start_where = both(self._condition(walk.start_where, start), self.limits.seen(walk.start.cls))
        return replace(walk, steps=steps, through=through, start_where=start_where)

    def _check_schemes(self, source: Keys) -> None:
        for scheme in sorted({scheme for scheme, _ in source.keys}):
            bearers = (
                prop.name in self.limits.masked(cls)
                for cls in self.schema.concrete(source.cls)
                for prop in self.schema.classes[cls].properties
                if prop.scheme == scheme
            )
            if not self.limits.sees_scheme(scheme) or any(bearers):
                _deny("The scope does not look entities up by this identifier", scheme)

    def _unsearched(self, cls: str) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, prop.name)
            for name in self.schema.concrete(cls)
            for prop in self.schema.classes[name].properties
            if prop.searchable and prop.name in self.limits.masked(name)
        )

    # ------------------------------------------------------------ predicates

    def _condition(self, where: Predicate | None, ctx: RowContext) -> Predicate | None:
        match where:
            case Cmp(_, left, right):
                self._readable(left, ctx, "filter by")
                self._readable(right, ctx, "filter by")
            case And(items) | Or(items):
                inner = tuple([self._inner(item, ctx) for item in items])
                return where if _same(inner, items) else type(where)(inner)
            case Not(item):
                negated = self._inner(item, ctx)
                return where if negated is item else Not(negated)
            case Near(prop) | Spatial(_, prop):
                self._readable(Prop(prop), ctx, "filter by")
            case Exists():
                return self._exists(where)
        return where

    def _inner(self, where: Predicate, ctx: RowContext) -> Predicate:
        found = self._condition(where, ctx)
        assert found is not None
        return found

    def _exists(self, where: Exists) -> Exists:
        step, seen = self.source(where.step)
        names = [name for name, _ in where.step.steps] if isinstance(where.step, Walk) else [where.step.relation]
        for name in names:
            if not self.limits.sees_relation(self.schema.relations[name]):
                _deny("The scope does not filter by this relation", name)
        if not self.limits.classes(where.step.cls):
            _deny_class(where.step.cls)
        inner = self._condition(where.where, context(self.schema, where.step))
        if isinstance(step, Step):
            return replace(where, step=replace(step, where=seen), where=inner)
        assert isinstance(step, Walk)
        return replace(where, step=step, where=inner)

    # ------------------------------------------------------------ expressions

    def _readable(self, expr: Expr, ctx: RowContext, verb: str) -> None:
        if self._hidden(expr, ctx):
            name = _first_name(expr)
            _deny(f"The scope masks this property: it cannot {verb} it", name)

    def _hidden(self, expr: Expr, ctx: RowContext) -> frozenset[str]:
        """The classes on which an expression reads something masked."""
        everywhere = frozenset(ctx.classes)
        match expr:
            case Prop(name) if ctx.kind in {"claim", "conflict"}:
                return everywhere if name in self.limits.masked_anywhere else frozenset()
            case Prop(name):
                return frozenset(cls for cls in ctx.classes if name in self.limits.masked(cls))
            case Edge(name) if ctx.relation is not None:
                prop = ctx.relation.property(name)
                hidden = name in self.limits.masked_edge(ctx.relation) or (prop and self.limits.hides_id(prop))
                return everywhere if hidden else frozenset()
            case Meta(MetaName.RAW) if self.limits.scope.level < RAW_LEVEL:
                return everywhere
            case Calc(_, args):
                return frozenset().union(*(self._hidden(arg, ctx) for arg in args))
        return frozenset()

    def _expr(self, expr: Expr, ctx: RowContext) -> Expr:
        if not isinstance(expr, Meta):
            return expr
        without: frozenset[str] = frozenset()
        if expr.name in _WITHOUT_SOURCES:
            without = frozenset().union(*(self.limits.masked(cls) for cls in ctx.classes))
        elif expr.name is MetaName.EDGE_SOURCES and ctx.relation is not None:
            without = self.limits.masked_edge(ctx.relation)
        elif expr.name is MetaName.PROPERTIES:
            without = self.limits.masked_anywhere
        return replace(expr, without=tuple(sorted(without))) if without else expr

    # ------------------------------------------------------------ shapes

    def _shape(self, shape: Rows | One | Aligned | PageOf, ctx: RowContext) -> Rows | One | Aligned | PageOf:
        if isinstance(shape, PageOf):
            parts = tuple([self._page_field(part, ctx) for part in shape.fields])
            return shape if _same(parts, shape.fields) else PageOf(parts)
        obj = self._obj(shape.obj, ctx)
        return shape if obj is shape.obj else replace(shape, obj=obj)

    def _page_field(self, part: PageField, ctx: RowContext) -> PageField:
        obj = None if part.obj is None else self._obj(part.obj, ctx)
        edge = tuple([self._edge_field(item, ctx) for item in part.edge])
        return part if obj is part.obj and _same(edge, part.edge) else replace(part, obj=obj, edge=edge)

    def _edge_field(self, item: EdgeField, ctx: RowContext) -> EdgeField:
        shape: Cursor | Obj | Leaf | Join | Fixed = item.shape
        match item.shape:
            case Obj():
                shape = self._obj(item.shape, ctx)
            case Leaf(expr):
                shape = NULL if self._hidden(expr, ctx) else self._shown(item.shape, ctx)
            case Join():
                shape = self._join(item.shape, ctx)
        return item if shape is item.shape else replace(item, shape=shape)

    def _shown(self, leaf: Leaf, ctx: RowContext) -> Leaf:
        expr = self._expr(leaf.expr, ctx)
        return leaf if expr is leaf.expr else Leaf(expr)

    def _obj(self, obj: Obj, ctx: RowContext) -> Obj:
        fields = tuple([part for item in obj.fields for part in self._field(item, ctx)])
        return obj if _same(fields, obj.fields) else Obj(fields)

    def _field(self, item: Field, ctx: RowContext) -> list[Field]:
        """One field, or two on disjoint classes where the property is masked on some."""
        ctx = ctx.narrowed(item.only)
        shape: Fixed | Obj | Join | Trail | Select | Aggregate
        match item.shape:
            case Leaf():
                return self._leaf(item, item.shape, ctx)
            case Fixed():
                return [item]
            case Obj():
                shape = self._obj(item.shape, ctx)
            case Join():
                shape = self._join(item.shape, ctx)
            case Trail(obj):
                inner = self._obj(obj, of_class(self.schema, ROOT_CLASS))
                shape = item.shape if inner is obj else Trail(inner)
            case Select() | Aggregate():
                shape = self.action(item.shape)
        return [item if shape is item.shape else replace(item, shape=shape)]

    def _leaf(self, item: Field, leaf: Leaf, ctx: RowContext) -> list[Field]:
        hidden = self._hidden(leaf.expr, ctx)
        shown = self._shown(leaf, ctx)
        if not hidden:
            return [item if shown is leaf else replace(item, shape=shown)]
        rest = tuple(cls for cls in ctx.classes if cls not in hidden)
        if not rest:
            return [replace(item, shape=NULL)]
        masked = tuple(cls for cls in ctx.classes if cls in hidden)
        return [replace(item, shape=NULL, only=masked), replace(item, shape=shown, only=rest)]

    def _join(self, join: Join, ctx: RowContext) -> Join | Fixed:
        if ctx.relation is not None and join.name in self.limits.masked_edge(ctx.relation):
            return NULL
        inner = of_class(self.schema, join.cls)
        where = both(self._condition(join.where, inner), self.limits.seen(join.cls))
        obj = self._obj(join.obj, inner)
        return join if obj is join.obj and where is join.where else replace(join, obj=obj, where=where)


def _same(made: tuple[object, ...], given: tuple[object, ...]) -> bool:
    return len(made) == len(given) and all(map(operator.is_, made, given))


def _follows(where: Predicate | None) -> bool:
    match where:
        case Exists():
            return True
        case And(items) | Or(items):
            return any(map(_follows, items))
        case Not(item):
            return _follows(item)
    return False


def _first_name(expr: Expr) -> str:
    match expr:
        case Prop(name) | Edge(name):
            return name
        case Meta(name):
            return name.value
        case Calc(_, args):
            return next((name for name in map(_first_name, args) if name), "")
    return ""


def _deny(message: str, name: str) -> NoReturn:
    raise ScopeDenied(message, field=name, remedy="Leave it out, or ask for a grant that reaches it.")


def _deny_class(cls: str) -> NoReturn:
    _deny("The scope does not reach this class", cls)
