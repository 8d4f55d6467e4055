"""Hypothesis strategies: small Schemas, stored values, Scopes and Queries.

Everything is drawn from small pools, so that values tie, texts overlap and questions find something. Text holds
characters of U+E000-U+FFFF beside astral ones, whose order by UTF-16 differs from that by code point. Queries are valid
for their schema; under a Scope they may be ScopeDenied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from kg.geo.geometry import canonical, point
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
    EdgeField,
    Edges,
    Exists,
    Extent,
    Field,
    Fixed,
    Having,
    Ids,
    InfoPart,
    IsA,
    Join,
    Keys,
    Leaf,
    Match,
    Meta,
    MetaName,
    Metric,
    MetricOp,
    Near,
    Not,
    Obj,
    One,
    Op,
    Or,
    Order,
    Out,
    Page,
    PageField,
    PageOf,
    PagePart,
    Prop,
    Query,
    Range,
    Root,
    Rows,
    Select,
    Self,
    Spatial,
    Step,
    Time,
    Trail,
    Walk,
)
from kg.query.contexts import RowContext, context, of_class
from kg.query.secure import Scope
from kg.schema.types import ROOT_CLASS, Datatype, Scheme
from kg.testing.schemas import BASE, ClassSpec, RelationSpec, build_schema, prop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

    from kg.query.algebra import EdgeField as EdgePart
    from kg.query.algebra import Expr, Predicate, Source
    from kg.schema.types import Label, Property, Relation, Schema

D = Datatype

# ---------------------------------------------------------------- values

TEXTS = (
    "a", "A", "ab", "b", "甲", "甲乙", "中芯国际", "重庆长江", "Ｚx", "\ue000", "\uffee", "\U00020bb7", "\U0001f600z",
    "zx", "é", "'\"\\%_", " ",
)  # fmt: skip
"""In code point order U+FFEE stands before U+20BB7; in UTF-16 behind it."""
ALPHABET = "abAB甲乙中芯重庆zx \ue000\uffee\U00020bb7é'%_"
NUMBERS = (-2, 0, 1, 2, 3, 20, 2**31 - 1)
LONGS = (*NUMBERS, 2**53 + 1, -(2**62))
DOUBLES = (-1.5, 0.0, 0.1, 0.25, 1.0, 2.5, 3.0, 1e-7, 123456789.125)
DATES = ("2024", "2024-05", "2024-05-01", "2023-12-31", "2024-12-30", "1999")
INSTANTS = (0, 1, 1_000, 1_000_000, 1_714_521_600_000_000, 1_714_521_600_123_000, 1_735_689_599_999_999)
POSITIONS = ((121.0, 31.0), (121.5, 31.5), (121.5, 31.501), (122.0, 31.0), (120.0, 30.0), (-0.5, -0.5), (179.9, 0.0))
GEOMETRIES = (
    *(point(lon, lat) for lon, lat in POSITIONS),
    canonical({"type": "Polygon", "coordinates": [[[121, 31], [122, 31], [122, 32], [121, 32]]]}),
    canonical({"type": "LineString", "coordinates": [[121, 31], [121.5, 31.5], [123, 31.5]]}),
    canonical({"type": "MultiPoint", "coordinates": [[120, 30], [122, 31]]}),
)
AREAS = (
    GEOMETRIES[len(POSITIONS)],
    canonical({"type": "Polygon", "coordinates": [[[119, 29], [121.5, 29], [121.5, 31.5], [119, 31.5]]]}),
)
BOXES = ("[121.0,31.0,121.5,31.5]", "[-180,-90,180,90]", "[179,-1,-179,1]", "[0,0,1,1]")
DOCUMENTS = ('{"a":1}', "[]", '"x"', "null")


def texts() -> SearchStrategy[str]:
    """Short text, often from a small pool."""
    return st.sampled_from(TEXTS) | st.text(ALPHABET, min_size=1, max_size=4)


def scalars(declared: Property) -> SearchStrategy[Any]:
    """One stored value of a property's datatype, keeping to its `values`; ENTITY is the caller's to choose."""
    if declared.values:
        return st.sampled_from(declared.values)
    match declared.datatype:
        case D.STRING:
            return texts()
        case D.BOOLEAN:
            return st.booleans()
        case D.INTEGER:
            return st.sampled_from(NUMBERS)
        case D.LONG:
            return st.sampled_from(LONGS)
        case D.DOUBLE:
            return st.sampled_from(DOUBLES)
        case D.DATE:
            return st.sampled_from(DATES)
        case D.INSTANT:
            return st.sampled_from(INSTANTS)
        case D.GEOMETRY:
            return st.sampled_from(GEOMETRIES)
        case D.JSON:
            return st.sampled_from(DOCUMENTS)
        case D.ENTITY:
            raise ValueError(f"{declared.name} names an entity: draw it among the entities that there are")


def stored_values(declared: Property) -> SearchStrategy[Any]:
    """A property's whole value in stored form: for many a sorted tuple without duplicates, never empty."""
    one = scalars(declared)
    if not declared.many:
        return one
    return st.lists(one, min_size=1, max_size=3).map(lambda found: tuple(sorted(set(found))))


# ---------------------------------------------------------------- schemas

_DATATYPES = (D.STRING, D.STRING, D.INTEGER, D.DOUBLE, D.DATE, D.GEOMETRY, D.BOOLEAN, D.LONG, D.INSTANT, D.JSON)
_MANY = (D.STRING, D.INTEGER, D.DATE, D.INSTANT)


@st.composite
def properties(draw: DrawFn, name: str, *, sensitive: bool = True) -> Property:
    """A property of any datatype but ENTITY, without an owner."""
    datatype = draw(st.sampled_from(_DATATYPES))
    text = datatype is D.STRING
    return prop(
        name,
        datatype,
        many=datatype in _MANY and draw(st.integers(0, 3)) == 0,
        indexed=draw(st.booleans()),
        searchable=text and draw(st.booleans()),
        values=("a", "b", "甲") if text and draw(st.integers(0, 5)) == 0 else (),
        sensitivity=draw(st.sampled_from((0, 0, 0, 0, 1, 2))) if sensitive else 0,
    )


@st.composite
def schemas(draw: DrawFn, *, max_classes: int = 5, max_relations: int = 3) -> Schema:
    """A small Schema: inheritance (also from two parents), abstract classes, relations with key and entity-valued
    properties, inverses, an identifier scheme, sensitivities.

    `Thing` has a searchable `name` and a `code` of the scheme `code`.
    """
    root = ClassSpec(
        ROOT_CLASS,
        "事物",
        abstract=draw(st.booleans()),
        properties=(
            prop("name", D.STRING, indexed=True, searchable=True),
            prop("code", D.STRING, scheme="code", indexed=True),
        ),
    )
    classes = [root]
    for number in range(draw(st.integers(2, max_classes))):
        names = [spec.name for spec in classes]
        parents = tuple(sorted(set(draw(st.lists(st.sampled_from(names), min_size=1, max_size=2)))))
        own = tuple(draw(properties(f"p{number}{i}")) for i in range(draw(st.integers(0, 3))))
        last = number == 1  # one class at least has instances
        classes.append(
            ClassSpec(
                f"C{number}", f"类{number}", parents, own,
                abstract=not last and draw(st.integers(0, 4)) == 0,
                sensitivity=draw(st.sampled_from((0,) * 8 + (1, 2))) if not last else 0,
            )
        )  # fmt: skip
    names = [spec.name for spec in classes]
    relations = [draw(_relations(f"r{i}", names)) for i in range(draw(st.integers(1, max_relations)))]
    scheme = Scheme("code", BASE + "code", _label("code"), pattern="[A-Z0-9]+", upper=True, strip=" ")
    return build_schema(classes, relations, (scheme,))


def _label(text: str) -> Label:
    from kg.schema.types import Label

    return Label(text, text)


@st.composite
def _relations(draw: DrawFn, name: str, classes: Sequence[str]) -> RelationSpec:
    own = [draw(properties(f"{name}p{i}")) for i in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        own.append(prop(f"{name}e", D.ENTITY, target=draw(st.sampled_from(classes))))
    keyable = [p.name for p in own if not p.many and p.datatype not in {D.DOUBLE, D.GEOMETRY, D.JSON}]
    key = draw(st.lists(st.sampled_from(keyable), unique=True, max_size=1)) if keyable else []
    return RelationSpec(
        name, f"关系{name}", draw(st.sampled_from(classes)), draw(st.sampled_from(classes)),
        f"{name}Of" if draw(st.booleans()) else "", "", tuple(own), tuple(key),
        sensitivity=draw(st.sampled_from((0,) * 8 + (1,))),
    )  # fmt: skip


# ---------------------------------------------------------------- scopes


@st.composite
def scopes(draw: DrawFn, schema: Schema) -> Scope:
    """Any level; sometimes some classes only, row predicates, masks."""
    names = sorted(schema.classes)
    classes = None
    if draw(st.integers(0, 3)) == 0:
        classes = frozenset(draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)))
    rows: dict[str, Predicate] = {}
    if draw(st.integers(0, 2)) == 0:
        maker = _Maker(draw, schema, Known(), 0)
        for cls in draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)):
            if schema.concrete(cls):
                rows[cls] = maker.predicate(RowContext(cls, (cls,)), 1)  # of what every instance has
    masks: dict[str, frozenset[str]] = {}
    if draw(st.integers(0, 2)) == 0:
        cls = draw(st.sampled_from(names))
        masks[cls] = frozenset(draw(st.lists(st.sampled_from(_names(schema, of_class(schema, cls))), max_size=2)))
    return Scope(draw(st.integers(0, 3)), classes, rows, masks)


def _names(schema: Schema, ctx: RowContext) -> list[str]:
    found = {p.name for cls in (*ctx.classes, ctx.cls) for p in schema.classes[cls].properties}
    return sorted(found)


# ---------------------------------------------------------------- queries


@dataclass(frozen=True, slots=True)
class Known:
    """What a query may name: entity ids, (scheme, value) keys, instants of both clocks."""

    entities: tuple[str, ...] = ("nobody",)
    keys: tuple[tuple[str, str], ...] = (("code", "NONE"),)
    valid: tuple[int, ...] = (0,)
    system: tuple[int, ...] = ()
    now: int = 0


@st.composite
def queries(draw: DrawFn, schema: Schema, known: Known, *, depth: int = 3, roots: int = 2) -> Query:
    """A valid Query of one or more roots, not yet secured."""
    maker = _Maker(draw, schema, known, depth)
    made = tuple(Root(f"root{i}", maker.action(None, depth)) for i in range(draw(st.integers(1, roots))))
    return Query(made, known.now, maker.time() if maker.rarely() else Time())


@st.composite
def predicates(draw: DrawFn, schema: Schema, cls: str, known: Known | None = None, *, depth: int = 2) -> Predicate:
    """A valid predicate on rows of a class."""
    return _Maker(draw, schema, known or Known(), depth).predicate(of_class(schema, cls), depth)


@st.composite
def pages(draw: DrawFn, schema: Schema, known: Known) -> Select:
    """A root select whose shape is a page of a few rows with cursors, total and page info: to walk through pages."""
    maker = _Maker(draw, schema, known, 1)
    source = maker.root_source()
    ctx = context(schema, source)
    info = PageField("info", PagePart.INFO, info=(("next", InfoPart.HAS_NEXT), ("end", InfoPart.END)))
    parts = (
        PageField("edges", PagePart.EDGES, edge=(EdgeField("cursor", Cursor()), EdgeField("node", maker.obj(ctx, 0)))),
        PageField("total", PagePart.TOTAL),
        info,
    )
    first = draw(st.integers(1, 3))
    time = maker.select_time(source)
    ranged = isinstance(time.valid, Range) or isinstance(time.system, Range)
    where = maker.where(ctx, 0 if ranged else 1)
    return Select(source, PageOf(parts), where, maker.orders(ctx), Page(first, None, "b"), time)


_ORDERED = frozenset({D.STRING, D.BOOLEAN, D.INTEGER, D.LONG, D.DOUBLE, D.DATE, D.INSTANT})
_NUMERIC = frozenset({D.INTEGER, D.LONG, D.DOUBLE})
_METAS = (
    MetaName.ID, MetaName.CLASS, MetaName.VALID_FROM, MetaName.VALID_TO, MetaName.SYSTEM_FROM, MetaName.SYSTEM_TO,
    MetaName.PROVENANCE, MetaName.SOURCES, MetaName.MERGED_FROM,
)  # fmt: skip
_EDGE_METAS = (
    MetaName.EDGE_ID, MetaName.EDGE_VALID_FROM, MetaName.EDGE_VALID_TO, MetaName.EDGE_SYSTEM_FROM,
    MetaName.EDGE_SYSTEM_TO, MetaName.EDGE_SOURCES, MetaName.EDGE_START, MetaName.EDGE_END,
)  # fmt: skip
_CLAIM_METAS = (
    MetaName.SOURCE, MetaName.RECORD, MetaName.LEVEL, MetaName.CONFIDENCE, MetaName.STATED, MetaName.RUN,
    MetaName.PROPERTIES, MetaName.CLASS, MetaName.VALID_FROM, MetaName.VALID_TO, MetaName.SYSTEM_FROM,
)  # fmt: skip
_CONFLICT_METAS = (
    MetaName.PROPERTY, MetaName.VALUE, MetaName.SOURCE, MetaName.RECORD, MetaName.LEVEL, MetaName.CHOSEN,
)  # fmt: skip
_WALK_METAS = (MetaName.DEPTH, MetaName.PATH, MetaName.VIA)
_COMPARED = (Comparison.EQ, Comparison.NE, Comparison.LT, Comparison.LE, Comparison.GT, Comparison.GE)
_BUCKETS = (Op.YEAR, Op.QUARTER, Op.MONTH, Op.WEEK, Op.DAY)


class _Maker:
    """Draws the parts of a query, by recursion on what a row is."""

    def __init__(self, draw: DrawFn, schema: Schema, known: Known, depth: int) -> None:
        self.draw = draw
        self.schema = schema
        self.known = known
        self.depth = depth
        self.peopled = [name for name in sorted(schema.classes) if schema.concrete(name)]

    def pick(self, options: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(list(options)))

    def rarely(self) -> bool:
        return self.pick((False, False, False, True)) is True

    def often(self) -> bool:
        return self.pick((True, True, False)) is True

    # ------------------------------------------------------------ times

    def time(self) -> Time:
        valid = self.pick((None, *self.known.valid))
        return Time(valid, self.pick((None, *self.known.system)))

    def select_time(self, source: Source) -> Time:
        if not self.rarely():
            return Time()
        if isinstance(source, (Extent, Ids, Keys, Match, Self, ClaimsOf)) and self.pick((True, False)):
            return self.range()
        return self.time()

    def range(self) -> Time:
        def bounds(instants: Sequence[int]) -> Range:
            start, end = self.pick((None, *instants)), self.pick((None, *instants))
            if start is not None and end is not None and start > end:
                start, end = end, start
            return Range(start, end)

        which = self.pick(("valid", "system", "both"))
        valid = bounds(self.known.valid) if which != "system" else None
        return Time(valid, bounds(self.known.system) if which != "valid" else None)

    # ------------------------------------------------------------ actions

    def action(self, outer: RowContext | None, depth: int) -> Select | Aggregate:
        source = self.source(outer)
        if not isinstance(source, (ClaimsOf, ConflictsOf)) and self.rarely():
            return self.aggregate(source, depth)
        return self.select(source, depth)

    def select(self, source: Source, depth: int) -> Select:
        ctx = context(self.schema, source)
        time = self.select_time(source)
        ranged = isinstance(time.valid, Range) or isinstance(time.system, Range)
        inner = 0 if ranged else depth
        if isinstance(source, (ClaimsOf, ConflictsOf)):
            return Select(source, Rows(self.obj(ctx, 0)), time=time)
        where = self.where(ctx, inner)
        if isinstance(source, (Ids, Keys)) and not ranged and self.often():
            return Select(source, Aligned(self.obj(ctx, inner)), where, time=time)
        first = self.pick((None, 0, 1, 2, 5))
        shape = self.pick(("rows", "rows", "one", "page"))
        made: Rows | One | PageOf
        if shape == "page":
            made = self.page(ctx, inner)
        else:
            made = One(self.obj(ctx, inner)) if shape == "one" else Rows(self.obj(ctx, inner))
        return Select(source, made, where, self.orders(ctx), Page(first, None, "b"), time)

    def page(self, ctx: RowContext, depth: int) -> PageOf:
        node = EdgeField("node", self.obj(ctx, depth))
        edge: list[EdgePart] = [EdgeField("cursor", Cursor()), node]
        if ctx.relation is not None:
            edge.append(EdgeField("via", Leaf(self.edge_leaf(ctx.relation))))
        info = (
            ("next", InfoPart.HAS_NEXT),
            ("prev", InfoPart.HAS_PREVIOUS),
            ("a", InfoPart.START),
            ("z", InfoPart.END),
        )
        parts = (
            PageField("nodes", PagePart.NODES, self.obj(ctx, depth)),
            PageField("edges", PagePart.EDGES, edge=tuple(edge)),
            PageField("total", PagePart.TOTAL),
            PageField("info", PagePart.INFO, info=(*info, ("t", Fixed("PageInfo")))),
            PageField("__typename", "__typename", typename="Page"),
        )
        return PageOf(tuple(part for part in parts if self.often()) or parts[2:3])

    def aggregate(self, source: Source, depth: int) -> Aggregate:
        ctx = context(self.schema, source)
        group = tuple(self.group(ctx) for _ in range(self.pick((0, 1, 1, 2))))
        metrics = (Metric(MetricOp.COUNT), *(self.metric(ctx) for _ in range(self.pick((0, 1, 2)))))
        out: list[Out] = [Out(f"g{i}", "group", i) for i in range(len(group))]
        inner = tuple(Out(f"m{i}", "metric", i) for i in range(len(metrics)))
        out += [Out("metrics", "object", fields=(*inner, Out("t", "fixed", value="Metrics")))]
        having = (Having(self.pick(_COMPARED), 0, self.pick((1, 2))),) if self.rarely() else ()
        order = (("metric", self.pick(range(len(metrics))), self.pick((True, False))),) if self.rarely() else ()
        first = self.pick((None, None, 1, 2))
        return Aggregate(source, tuple(out), group, metrics, self.where(ctx, min(depth, 1)), having, order, first)  # type: ignore[arg-type]

    def metric(self, ctx: RowContext) -> Metric:
        op = self.pick(tuple(MetricOp))
        allowed = _NUMERIC if op in {MetricOp.SUM, MetricOp.AVG} else _ORDERED - {D.BOOLEAN}
        found = self.values(ctx, allowed, many=op in {MetricOp.COUNT, MetricOp.DISTINCT})
        return Metric(op, self.pick(found)) if found else Metric(MetricOp.COUNT)

    def group(self, ctx: RowContext) -> Expr:
        found = [*self.values(ctx, _ORDERED, many=True), Meta(MetaName.CLASS)]
        dated = self.values(ctx, frozenset({D.DATE, D.INSTANT}))
        placed = self.values(ctx, frozenset({D.GEOMETRY}))
        found += [Calc(self.pick(_BUCKETS), (expr,)) for expr in dated]
        found += [Calc(Op.GRID, (expr, Const(self.pick((1, 3, 5))))) for expr in placed]
        return self.pick(found)  # type: ignore[no-any-return]

    # ------------------------------------------------------------ sources

    def root_source(self) -> Source:
        cls = self.pick(self.peopled)
        kind = self.pick(("extent", "extent", "ids", "keys", "match", "walk", "edges"))
        ids = tuple(self.draw(st.lists(st.sampled_from(self.known.entities), max_size=4)))
        match kind:
            case "ids":
                return Ids(cls, ids)
            case "keys":
                return Keys(cls, tuple(self.draw(st.lists(st.sampled_from(self.known.keys), max_size=3))))
            case "match":
                return Match(cls, self.draw(texts()))
            case "walk":
                return self.walk(cls, Ids(self.pick(self.peopled), ids[:2]))
            case "edges":
                relation = self.pick(self._peopled_relations())
                return Edges(relation.name, relation.domain) if relation else Extent(cls)
        return Extent(cls)

    def _peopled_relations(self) -> list[Relation | None]:
        concrete = self.schema.concrete
        found = [r for r in self.schema.relations.values() if concrete(r.domain) and concrete(r.range)]
        return [*found] or [None]

    def source(self, outer: RowContext | None) -> Source:
        if outer is None or outer.kind in {"claim", "conflict"}:
            return self.root_source()
        kind = self.pick(("step", "step", "step", "walk", "self", "claims", "conflicts", "root"))
        step = self.step(outer)
        if kind == "step" and step is not None:
            return step
        match kind:
            case "walk":
                return self.walk(self.pick(self.peopled), None)
            case "claims":
                return ClaimsOf(outer.cls)
            case "conflicts":
                return ConflictsOf(outer.cls)
            case "root":
                return self.root_source()
        return Self(outer.cls)

    def step(self, outer: RowContext) -> Step | None:
        """A relation that rows of the context may have, in either direction."""
        found = []
        for relation in self.schema.relations.values():
            for out, near, far in ((True, relation.domain, relation.range), (False, relation.range, relation.domain)):
                near_classes = set(self.schema.concrete(near))
                if near_classes.intersection(outer.classes) and self.schema.concrete(far):
                    found.append(Step(relation.name, out, far))
        return self.pick(found) if found else None

    def walk(self, cls: str, start: Ids | None) -> Walk:
        options = [(name, out) for name in sorted(self.schema.relations) for out in (True, False)]
        steps = tuple(self.draw(st.lists(st.sampled_from(options), min_size=1, max_size=2, unique=True)))
        least = self.pick((0, 1, 1, 2))
        through = self.predicate(of_class(self.schema, ROOT_CLASS), 0) if self.rarely() else None
        return Walk(steps, cls, least, max(least, self.pick((1, 2, 4))), start, through)

    # ------------------------------------------------------------ expressions

    def values(self, ctx: RowContext, allowed: frozenset[Datatype], *, many: bool = False) -> list[Expr]:
        """Properties of the row and of its relation that hold such values."""
        if ctx.kind == "conflict":
            return []
        declared = {p.name: p for cls in ctx.classes for p in self.schema.classes[cls].properties}
        found: list[Expr] = [Prop(p.name) for p in declared.values() if p.datatype in allowed and (many or not p.many)]
        if ctx.relation is not None:
            own = ctx.relation.properties
            found += [Edge(p.name) for p in own if p.datatype in allowed and (many or not p.many)]
        return found

    def ordered(self, ctx: RowContext) -> Expr:
        found = [*self.values(ctx, _ORDERED, many=True), Meta(MetaName.VALID_FROM), Meta(MetaName.VALID_TO)]
        if ctx.kind == "walk":
            found.append(Meta(MetaName.DEPTH))
        if ctx.kind == "match":
            found.append(Meta(MetaName.RANK))
        if ctx.kind == "relation":
            found.append(Meta(MetaName.EDGE_VALID_TO))
        found += [
            Calc(Op.DISTANCE, (expr, Const(121.5), Const(31.4))) for expr in self.values(ctx, frozenset({D.GEOMETRY}))
        ]
        return self.pick(found)  # type: ignore[no-any-return]

    def orders(self, ctx: RowContext) -> tuple[Order, ...]:
        if ctx.kind in {"claim", "conflict"}:
            return ()
        return tuple(Order(self.ordered(ctx), self.pick((True, False))) for _ in range(self.pick((0, 0, 1, 2))))

    def edge_leaf(self, relation: Relation) -> Expr:
        options: list[Expr] = [Edge(p.name) for p in relation.properties]
        return self.pick([*options, *(Meta(name) for name in _EDGE_METAS)])  # type: ignore[no-any-return]

    def calculated(self, ctx: RowContext) -> Expr | None:
        numbers = self.values(ctx, _NUMERIC)
        texts_ = self.values(ctx, frozenset({D.STRING}))
        places = self.values(ctx, frozenset({D.GEOMETRY}))
        dates = self.values(ctx, frozenset({D.DATE, D.INSTANT}))
        found: list[Expr] = []
        for expr in numbers:
            op = self.pick((Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE))
            found.append(Calc(op, (expr, self.pick((*numbers, Const(2), Const(0), Const(0.5))))))
        found += [Calc(self.pick((Op.LOWER, Op.LENGTH)), (expr,)) for expr in texts_]
        found += [Calc(self.pick(_BUCKETS), (expr,)) for expr in dates]
        for expr in places:
            found += [Calc(Op.AREA, (expr,)), Calc(Op.GRID, (expr, Const(4)))]
        return self.pick(found) if found else None

    # ------------------------------------------------------------ predicates

    def where(self, ctx: RowContext, depth: int) -> Predicate | None:
        if ctx.kind in {"claim", "conflict"} or self.often():
            return None
        return self.predicate(ctx, depth)

    def predicate(self, ctx: RowContext, depth: int) -> Predicate:
        kind = self.pick(("cmp", "cmp", "cmp", "place", "isA", "calc", "and", "or", "not", "exists", "exists"))
        if depth > 0:
            match kind:
                case "and" | "or":
                    items = tuple(self.predicate(ctx, depth - 1) for _ in range(self.pick((0, 1, 2, 2))))
                    return And(items) if kind == "and" else Or(items)
                case "not":
                    return Not(self.predicate(ctx, depth - 1))
                case "exists":
                    found = self.exists(ctx, depth)
                    if found is not None:
                        return found
        if kind == "isA":
            return IsA(self.pick(sorted(self.schema.classes)))
        if kind == "place":
            found_place = self.place(ctx)
            if found_place is not None:
                return found_place
        if kind == "calc":
            distances = [
                Calc(Op.DISTANCE, (e, Const(121.0), Const(31.0))) for e in self.values(ctx, frozenset({D.GEOMETRY}))
            ]
            if distances:
                return Cmp(self.pick(_COMPARED), self.pick(distances), Const(self.pick((0.0, 50_000.0, 150_000.0))))
        return self.comparison(ctx)

    def exists(self, ctx: RowContext, depth: int) -> Exists | None:
        step: Step | Walk | None = self.step(ctx) if self.often() else self.walk(self.pick(self.peopled), None)
        if step is None:
            return None
        inner = self.predicate(context(self.schema, step), depth - 1) if self.often() else None
        least, most = self.pick(((1, None), (1, None), (0, 0), (2, None), (0, 1), (1, 1)))
        return Exists(step, inner, least, most)

    def place(self, ctx: RowContext) -> Predicate | None:
        found = [expr for expr in self.values(ctx, frozenset({D.GEOMETRY})) if isinstance(expr, Prop)]
        if not found:
            return None
        name = self.pick(found).name
        match self.pick(("near", "within", "intersects", "bbox")):
            case "near":
                lon, lat = self.pick(POSITIONS)
                return Near(name, lon, lat, self.pick((0.0, 1000.0, 60_000.0, 2e7)))
            case "bbox":
                return Spatial("bbox", name, self.pick(BOXES))
            case op:
                return Spatial(op, name, self.pick(AREAS))

    def comparison(self, ctx: RowContext) -> Predicate:
        options = self.values(ctx, _ORDERED | {D.ENTITY}, many=True)
        if not options:
            return Cmp(self.pick(_COMPARED), Meta(MetaName.ID), Const(self.pick(self.known.entities)))
        left = self.pick(options)
        declared = self.declared(ctx, left)
        if self.rarely():
            return Cmp(Comparison.IS_NULL, left, Const(self.pick((True, False))))
        if declared.datatype is D.ENTITY:
            return Cmp(Comparison.EQ, left, Const(self.pick(self.known.entities)))
        if declared.datatype is D.STRING and self.rarely():
            op = self.pick((Comparison.CONTAINS, Comparison.STARTS_WITH))
            return Cmp(op, left, Const(self.draw(texts())))
        if self.rarely():
            return Cmp(Comparison.IN, left, Const(tuple(self.draw(st.lists(scalars(declared), max_size=3)))))
        same = [e for e in options if self.declared(ctx, e).datatype is declared.datatype and e != left]
        if same and self.rarely():
            return Cmp(self.pick(_COMPARED), left, self.pick(same))
        return Cmp(self.pick(_COMPARED), left, Const(self.draw(scalars(declared))))

    def declared(self, ctx: RowContext, expr: Expr) -> Property:
        if isinstance(expr, Edge):
            assert ctx.relation is not None
            found = ctx.relation.property(expr.name)
            assert found is not None
            return found
        assert isinstance(expr, Prop)
        return ctx.properties(self.schema, expr.name)[0]

    # ------------------------------------------------------------ shapes

    def obj(self, ctx: RowContext, depth: int) -> Obj:
        fields = [self.field(f"f{i}", ctx, depth) for i in range(self.pick((1, 2, 3)))]
        if ctx.kind not in {"claim", "conflict"}:
            fields.insert(0, Field("id", Leaf(Meta(MetaName.ID))))
            if len(ctx.classes) > 1 and self.rarely():
                split = self.pick(range(1, len(ctx.classes)))
                fields += [
                    Field("of", Leaf(Meta(MetaName.CLASS)), ctx.classes[:split]),
                    Field("of", Fixed("rest"), ctx.classes[split:]),
                ]
        return Obj(tuple(fields))

    def field(self, key: str, ctx: RowContext, depth: int) -> Field:
        if ctx.kind == "conflict":
            return Field(key, Leaf(Meta(self.pick(_CONFLICT_METAS))))
        if ctx.kind == "claim":
            names: list[Expr] = [Prop(name) for name in _names(self.schema, ctx)]
            return Field(key, Leaf(self.pick([*names, *(Meta(m) for m in _CLAIM_METAS)])))
        if depth > 0 and self.often():
            return Field(key, self.action(ctx, depth - 1))
        kind = self.pick(("prop", "prop", "prop", "meta", "calc", "reached", "obj"))
        if kind == "obj" and depth > 0:
            return Field(key, self.obj(ctx, depth - 1))
        if kind == "reached":
            found = self.reached(ctx)
            if found is not None:
                return Field(key, found)
        if kind == "calc":
            calculated = self.calculated(ctx)
            if calculated is not None:
                return Field(key, Leaf(calculated))
        if kind == "meta":
            return Field(key, Leaf(Meta(self.pick(_METAS))))
        return Field(key, Leaf(Prop(self.pick(_names(self.schema, ctx)))))

    def reached(self, ctx: RowContext) -> Leaf | Join | Trail | None:
        """What is read of the relation, walk or match by which the row was reached."""
        if ctx.kind == "walk":
            trail = Trail(Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("name", Leaf(Prop("name"))))))
            return self.pick((trail, *(Leaf(Meta(name)) for name in _WALK_METAS)))  # type: ignore[no-any-return]
        if ctx.kind == "match":
            return Leaf(Meta(MetaName.RANK))
        if ctx.relation is None:
            return None
        entities = [p for p in ctx.relation.properties if p.datatype is D.ENTITY and self.schema.concrete(p.target)]
        if entities and self.often():
            named = self.pick(entities)
            return Join(named.name, named.target, self.obj(of_class(self.schema, named.target), 0))
        return Leaf(self.edge_leaf(ctx.relation))
