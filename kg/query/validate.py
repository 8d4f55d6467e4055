"""A Query against a Schema: names that exist, and parts that fit together."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NoReturn, assert_never

from kg.errors import QueryError
from kg.geo.geometry import canonical, parse_bbox
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
    MetaName,
    MetricOp,
    Near,
    Not,
    Obj,
    Op,
    Or,
    PageOf,
    Prop,
    Range,
    Select,
    Self,
    Spatial,
    Step,
    Trail,
    Walk,
)
from kg.query.contexts import RowContext, context, of_class
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kg.query.algebra import Expr, Field, Out, Predicate, Query, Scalar, Source, Time
    from kg.schema.types import Schema

_WALK = frozenset({MetaName.DEPTH, MetaName.PATH, MetaName.VIA})
_CLAIM = frozenset(
    {
        MetaName.SOURCE, MetaName.RECORD, MetaName.LEVEL, MetaName.CONFIDENCE, MetaName.STATED, MetaName.RUN,
        MetaName.PROPERTIES,
    }
)  # fmt: skip
_CONFLICT = frozenset({MetaName.PROPERTY, MetaName.VALUE, MetaName.CHOSEN})
_JSON = frozenset(
    {
        MetaName.SOURCES, MetaName.RAW, MetaName.MERGED_FROM, MetaName.EDGE_SOURCES, MetaName.PATH, MetaName.VIA,
        MetaName.PROPERTIES, MetaName.VALUE,
    }
)  # fmt: skip
_NUMBERS = frozenset({Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE})
_TEXT = frozenset({Datatype.STRING, Datatype.DATE, Datatype.ENTITY, Datatype.GEOMETRY, Datatype.JSON})
_ARITY = {
    Op.ADD: 2, Op.SUBTRACT: 2, Op.MULTIPLY: 2, Op.DIVIDE: 2, Op.LOWER: 1, Op.LENGTH: 1, Op.YEAR: 1, Op.QUARTER: 1,
    Op.MONTH: 1, Op.WEEK: 1, Op.DAY: 1, Op.DISTANCE: 3, Op.AREA: 1, Op.GRID: 2,
}  # fmt: skip
_ARGUMENT: dict[Op, frozenset[Datatype]] = {
    **dict.fromkeys((Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE), _NUMBERS),
    **dict.fromkeys((Op.LOWER, Op.LENGTH), frozenset({Datatype.STRING, Datatype.ENTITY})),
    **dict.fromkeys((Op.YEAR, Op.QUARTER, Op.MONTH, Op.WEEK, Op.DAY), frozenset({Datatype.DATE, Datatype.INSTANT})),
    **dict.fromkeys((Op.DISTANCE, Op.AREA, Op.GRID), frozenset({Datatype.GEOMETRY})),
}
_META_TYPES = {
    MetaName.DEPTH: Datatype.INTEGER, MetaName.RANK: Datatype.INTEGER, MetaName.LEVEL: Datatype.INTEGER,
    MetaName.CONFIDENCE: Datatype.DOUBLE, MetaName.STATED: Datatype.INSTANT, MetaName.CHOSEN: Datatype.BOOLEAN,
    **dict.fromkeys(
        (
            MetaName.VALID_FROM, MetaName.VALID_TO, MetaName.SYSTEM_FROM, MetaName.SYSTEM_TO,
            MetaName.EDGE_VALID_FROM, MetaName.EDGE_VALID_TO, MetaName.EDGE_SYSTEM_FROM, MetaName.EDGE_SYSTEM_TO,
        ),
        Datatype.INSTANT,
    ),
}  # fmt: skip


def validate(query: Query, schema: Schema) -> None:
    """QueryError, with a suggestion where a name is near to one that exists, for a query that has no meaning.

    Unknown classes, relations, properties, schemes; a Range, a source, a shape or a Meta where it cannot stand;
    comparisons and calculations of unlike types.
    """
    checker = _Checker(schema)
    if isinstance(query.time.valid, Range) or isinstance(query.time.system, Range):
        _wrong("A whole query is read at instants", "time", "Put the range on one select.")
    _different((root.key for root in query.roots), "root")
    for root in query.roots:
        if not isinstance(root.action, Fixed):
            checker.action(root.action, outer=None, ranged=False)


def validate_predicate(where: Predicate, schema: Schema, cls: str) -> None:
    """The same of a predicate on rows of a class that reads what every instance has."""
    _Checker(schema).predicate(where, RowContext(cls, (cls,)))


def suggestion(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not among the known ones."""
    options = sorted(known)
    close = difflib.get_close_matches(name, options, n=1)
    if close:
        return f"Did you mean {close[0]}?"
    return f"There are: {', '.join(options[:20])}." if options else "There is none."


def _wrong(message: str, field: str, remedy: str, value: object = None) -> NoReturn:
    raise QueryError(message, field=field, value=value, remedy=remedy)


def _different(keys: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            _wrong(f"Two {what}s have one key", key, "Give them different keys.")
        seen.add(key)


class _Checker:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    # ------------------------------------------------------------ names

    def cls(self, name: str) -> None:
        if name not in self.schema.classes:
            _wrong("Unknown class", name, suggestion(name, self.schema.classes))

    def relation(self, name: str) -> None:
        if name not in self.schema.relations:
            _wrong("Unknown relation", name, suggestion(name, self.schema.relations))

    # ------------------------------------------------------------ actions

    def action(self, action: Select | Aggregate, outer: RowContext | None, *, ranged: bool) -> None:
        if ranged:
            _wrong("Nothing is nested below a range of versions", "time", "Ask for it at one instant.")
        self.source(action.source, outer)
        ctx = context(self.schema, action.source)
        here = self.ranged(action.source, action.time)
        self.predicate(action.where, ctx, ranged=here)
        if isinstance(action, Aggregate):
            self.aggregate(action, ctx)
            return
        if isinstance(action.shape, Aligned) and not isinstance(action.source, (Ids, Keys)):
            _wrong("A lookup's answer needs a list of ids or identifiers", "source", "Use Rows, One or PageOf.")
        for item in action.order:
            self.scalar(item.expr, ctx, "order by")
        page = action.page
        if page.first is not None and page.first < 0:
            _wrong("A page has a size of 0 or more", "first", "Leave it out to read all.", page.first)
        if page.after is not None:
            if isinstance(action.source, (ClaimsOf, ConflictsOf)):
                _wrong("Claims are read without cursors", "after", "Leave it out.")
            if len(page.after.values) != len(action.order):
                _wrong("The cursor is of another order", "after", "Begin without a cursor.")
        self.shape(action, ctx, ranged=here)

    def ranged(self, source: Source, time: Time) -> bool:
        ranges = [t for t in (time.valid, time.system) if isinstance(t, Range)]
        if ranges and not isinstance(source, (Extent, Ids, Keys, Match, Self, ClaimsOf)):
            _wrong("A range is read of versions and claims alone", "time", "Give an instant here.")
        return bool(ranges)

    def source(self, source: Source, outer: RowContext | None) -> None:
        self.cls(source.cls)
        nested = isinstance(source, (Step, Self, ClaimsOf, ConflictsOf)) or (
            isinstance(source, Walk) and source.start is None
        )
        if nested and (outer is None or outer.kind in {"claim", "conflict"}):
            _wrong(f"A {type(source).__name__} starts from an entity's row", "source", "Put it below one.")
        match source:
            case Step(relation, _, _, where):
                self.relation(relation)
                self.predicate(where, context(self.schema, source))
            case Edges(relation, _, end_where):
                self.relation(relation)
                rel = self.schema.relations[relation]
                inner = RowContext(rel.range, self.schema.concrete(rel.range), "relation", rel)
                self.predicate(end_where, inner)
            case Walk():
                self.walk(source)
            case Keys(_, keys):
                for scheme, _ in keys:
                    if scheme not in self.schema.schemes:
                        _wrong("Unknown identifier scheme", scheme, suggestion(scheme, self.schema.schemes))

    def walk(self, walk: Walk) -> None:
        for name, _ in walk.steps:
            self.relation(name)
        if not 0 <= walk.min <= walk.max:
            _wrong("A walk has 0 <= min <= max hops", "min", "Exchange or correct them.", walk.min)
        self.predicate(walk.through, of_class(self.schema, ROOT_CLASS))
        if walk.start is not None:
            self.source(walk.start, None)
            self.predicate(walk.start_where, of_class(self.schema, walk.start.cls))

    # ------------------------------------------------------------ predicates

    def predicate(self, where: Predicate | None, ctx: RowContext, *, ranged: bool = False) -> None:
        match where:
            case None:
                return
            case Cmp():
                self.comparison(where, ctx)
            case And(items) | Or(items):
                for item in items:
                    self.predicate(item, ctx, ranged=ranged)
            case Not(item):
                self.predicate(item, ctx, ranged=ranged)
            case IsA(cls):
                self.cls(cls)
            case Near(prop):
                self.geometry(prop, ctx)
            case Spatial(op, prop, query):
                self.geometry(prop, ctx)
                parse_bbox(query) if op == "bbox" else canonical(query)
            case Exists(step, inner, least, most):
                if ranged or ctx.kind in {"claim", "conflict"}:
                    _wrong("Versions in a range and claims have no relations", "where", "Filter at an instant.")
                if least < 0 or (most is not None and most < least):
                    _wrong("A count lies between 0 <= min <= max", "min", "Exchange or correct them.", least)
                self.source(step, ctx)
                self.predicate(inner, context(self.schema, step))
            case _:
                assert_never(where)

    def geometry(self, name: str, ctx: RowContext) -> None:
        found = self.datatype(Prop(name), ctx)
        if found is not Datatype.GEOMETRY:
            _wrong("Only geometries have a place", name, "Name a geometry property.")

    def comparison(self, where: Cmp, ctx: RowContext) -> None:
        left = self.scalar(where.left, ctx, "compare", many=True)
        right = self.scalar(where.right, ctx, "compare", many=True)
        if where.op is Comparison.IS_NULL:
            if not (isinstance(where.right, Const) and isinstance(where.right.value, bool)):
                _wrong("isNull asks for true or false", _name(where.left), "Compare with true or false.")
            return
        if where.op in {Comparison.CONTAINS, Comparison.STARTS_WITH} and left not in {None, *_TEXT}:
            _wrong(f"{where.op.value} is for text", _name(where.left), "Compare numbers by eq, lt, ge and so on.")
        if where.op is Comparison.IN and not (isinstance(where.right, Const) and isinstance(where.right.value, tuple)):
            _wrong("`in` takes a list", _name(where.left), "Give a list of values.")
        if isinstance(where.right, Const) and left is not None:
            values = where.right.value if isinstance(where.right.value, tuple) else (where.right.value,)
            for one in values:
                self.fits(one, left, _name(where.left))
        elif left is not None and right is not None and _family(left) != _family(right):
            _wrong(f"{left.value} and {right.value} do not compare", _name(where.left), "Compare like with like.")

    def fits(self, constant: Scalar, datatype: Datatype, name: str) -> None:
        if constant is None:
            return
        family = "boolean" if isinstance(constant, bool) else "text" if isinstance(constant, str) else "number"
        if family != _family(datatype):
            _wrong(f"A {datatype.value} does not compare with this", name, f"Give a {_family(datatype)}.", constant)

    # ------------------------------------------------------------ expressions

    def scalar(self, expr: Expr, ctx: RowContext, verb: str, *, many: bool = False) -> Datatype | None:
        """The datatype of an expression that is more than shown."""
        if isinstance(expr, Meta) and expr.name in _JSON:
            _wrong(f"You cannot {verb} what is an object or a list", expr.name.value, "Name a property.")
        if isinstance(expr, Const) and isinstance(expr.value, tuple) and not many:
            _wrong(f"You cannot {verb} a list", "value", "Give one value.")
        return self.datatype(expr, ctx)

    def datatype(self, expr: Expr, ctx: RowContext) -> Datatype | None:
        """None: unknown, or not of one datatype."""
        match expr:
            case Prop(name):
                if ctx.kind == "conflict":
                    _wrong("A conflict has no properties of its own", name, "Ask for its property and value.")
                found = ctx.properties(self.schema, name)
                if not found and ctx.classes:
                    known = (p.name for cls in ctx.classes for p in self.schema.classes[cls].properties)
                    _wrong(f"No such property of {ctx.cls}", name, suggestion(name, set(known)))
                types = {prop.datatype for prop in found}
                return types.pop() if len(types) == 1 else None
            case Edge(name):
                if ctx.relation is None:
                    _wrong("There is no relation here", name, "Read relation properties where one was followed.")
                prop = ctx.relation.property(name)
                if prop is None:
                    known = (p.name for p in ctx.relation.properties)
                    _wrong(f"No such property of the relation {ctx.relation.name}", name, suggestion(name, known))
                return prop.datatype
            case Meta(name):
                self.meta(name, ctx)
                return _META_TYPES.get(name, None if name in _JSON else Datatype.STRING)
            case Const():
                return _constant(expr)
            case Calc(op, args):
                return self.calculation(op, args, ctx)

    def meta(self, name: MetaName, ctx: RowContext) -> None:
        needs = (
            "relation" if name.value.startswith("edge.")
            else "walk" if name in _WALK
            else "match" if name is MetaName.RANK
            else "conflict" if name in _CONFLICT
            else "claim" if name in _CLAIM
            else ctx.kind
        )  # fmt: skip
        if needs != ctx.kind and not (needs == "claim" and ctx.kind == "conflict"):
            _wrong(f"A row here has no {name.value}", name.value, f"Ask for it on a {needs}.")

    def calculation(self, op: Op, args: tuple[Expr, ...], ctx: RowContext) -> Datatype:
        if len(args) != _ARITY[op]:
            _wrong(f"{op.value} takes {_ARITY[op]} values", op.value, "Correct the calculation.", len(args))
        types = [self.scalar(arg, ctx, "calculate with") for arg in args]
        checked = types if op in {Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE} else types[:1]
        for found, arg in zip(checked, args, strict=False):
            if found is not None and found not in _ARGUMENT[op]:
                _wrong(f"{op.value} is not for a {found.value}", _name(arg), "Choose another property.")
        if op in {Op.DISTANCE, Op.GRID} and not all(isinstance(arg, Const) for arg in args[1:]):
            _wrong(f"{op.value} takes a property and constants", op.value, "Give numbers.")
        if op in {Op.ADD, Op.SUBTRACT, Op.MULTIPLY}:
            return Datatype.DOUBLE if Datatype.DOUBLE in types else Datatype.LONG
        if op in {Op.DIVIDE, Op.DISTANCE, Op.AREA}:
            return Datatype.DOUBLE
        return Datatype.INTEGER if op in {Op.LENGTH, Op.YEAR} else Datatype.STRING

    # ------------------------------------------------------------ shapes

    def shape(self, select: Select, ctx: RowContext, *, ranged: bool) -> None:
        shape = select.shape
        if not isinstance(shape, PageOf):
            self.obj(shape.obj, ctx, ranged=ranged)
            return
        _different((part.key for part in shape.fields), "page field")
        for part in shape.fields:
            if part.obj is not None:
                self.obj(part.obj, ctx, ranged=ranged)
            _different((item.key for item in part.edge), "edge field")
            for item in part.edge:
                if not isinstance(item.shape, Cursor):
                    self.part(item.shape, ctx, ranged=ranged)

    def obj(self, obj: Obj, ctx: RowContext, *, ranged: bool) -> None:
        by_key: dict[str, set[str]] = {}
        for item in obj.fields:
            for cls in item.only or ():
                self.cls(cls)
            standing = set(ctx.classes if item.only is None else item.only)
            if standing & by_key.get(item.key, set()):
                _wrong("Two fields have one key on one class", item.key, "Give them different keys.")
            by_key.setdefault(item.key, set()).update(standing)
            self.field(item, ctx.narrowed(item.only), ranged=ranged)

    def field(self, item: Field, ctx: RowContext, *, ranged: bool) -> None:
        if isinstance(item.shape, (Select, Aggregate)):
            self.action(item.shape, ctx, ranged=ranged)
        else:
            self.part(item.shape, ctx, ranged=ranged)

    def part(self, shape: Leaf | Fixed | Obj | Join | Trail, ctx: RowContext, *, ranged: bool) -> None:
        match shape:
            case Leaf(expr):
                self.datatype(expr, ctx)
            case Obj():
                self.obj(shape, ctx, ranged=ranged)
            case Join(name, cls, obj, where):
                self.cls(cls)
                if self.datatype(Edge(name), ctx) is not Datatype.ENTITY:
                    _wrong("The relation property names no entity", name, "Select its value instead.")
                self.predicate(where, of_class(self.schema, cls))
                self.obj(obj, of_class(self.schema, cls), ranged=False)
            case Trail(obj):
                if ctx.kind != "walk":
                    _wrong("Only a walk has a trail", "trail", "Put it below a Walk.")
                root = of_class(self.schema, ROOT_CLASS)
                self.obj(obj, RowContext(root.cls, root.classes, "walk"), ranged=False)

    def aggregate(self, action: Aggregate, ctx: RowContext) -> None:
        for expr in action.group:
            self.scalar(expr, ctx, "group by")
        for metric in action.metrics:
            if metric.expr is None:
                if metric.op is not MetricOp.COUNT:
                    _wrong(f"{metric.op.value} needs something to work on", metric.op.value, "Name a property.")
                continue
            found = self.scalar(metric.expr, ctx, "add up")
            if metric.op in {MetricOp.SUM, MetricOp.AVG} and found is not None and found not in _NUMBERS:
                _wrong(f"{metric.op.value} is for numbers", _name(metric.expr), "Use count, min or max.")
            if metric.op in {MetricOp.MIN, MetricOp.MAX} and found in {Datatype.BOOLEAN, Datatype.GEOMETRY}:
                _wrong(f"A {found.value} has no least or greatest", _name(metric.expr), "Use count or distinct.")
        for having in action.having:
            self.index(having.metric, len(action.metrics), "having")
        for kind, index, _ in action.order:
            self.index(index, len(action.group if kind == "group" else action.metrics), "order")
        self.outs(action, action.out)

    def outs(self, action: Aggregate, out: tuple[Out, ...]) -> None:
        _different((item.key for item in out), "result field")
        for item in out:
            if item.kind in {"group", "metric"}:
                self.index(item.index, len(action.group if item.kind == "group" else action.metrics), item.key)
            self.outs(action, item.fields)

    def index(self, index: int, size: int, field: str) -> None:
        if not 0 <= index < size:
            _wrong("There is no group or metric of this number", field, "Number them from 0.", index)


def _family(datatype: Datatype) -> str:
    if datatype in _TEXT:
        return "text"
    return "boolean" if datatype is Datatype.BOOLEAN else "number"


def _constant(expr: Const) -> Datatype | None:
    if isinstance(expr.value, bool):
        return Datatype.BOOLEAN
    if isinstance(expr.value, int):
        return Datatype.LONG
    if isinstance(expr.value, float):
        return Datatype.DOUBLE
    return Datatype.STRING if isinstance(expr.value, str) else None


def _name(expr: Expr) -> str:
    match expr:
        case Prop(name) | Edge(name):
            return name
        case Meta(name):
            return name.value
        case Calc(op):
            return op.value
    return "value"
