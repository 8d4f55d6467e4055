"""A GraphQL operation → one `kg.query.algebra.Query`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from graphql import FieldNode, FragmentDefinitionNode, GraphQLError
from graphql.execution.values import get_argument_values

from api.graphql import meaning as m
from api.graphql.collect import Collector, Selected
from api.graphql.compile_aggregate import aggregate
from api.graphql.compile_pages import PageCompiler
from api.graphql.compile_roots import RootCompiler
from api.graphql.filters import Filters, both
from api.graphql.types import TYPENAME_KEY
from kg.errors import JingweiError, LimitExceeded, QueryError
from kg.query.algebra import (
    Calc,
    ClaimsOf,
    ConflictsOf,
    Const,
    Field,
    Fixed,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Op,
    Page,
    Prop,
    Query,
    Range,
    Root,
    Rows,
    Select,
    Self,
    Step,
    Time,
    Walk,
)
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import OperationDefinitionNode, SelectionSetNode
    from graphql.execution.values import VariableValues

    from api.graphql.learned import Answers
    from api.graphql.schema import GraphQLApi
    from kg.query.algebra import Order, Predicate, Source
    from kg.query.cursor import Token

ASSUMED_ROWS: Final = 20
"""Rows reckoned with, for the cost, where a list has no page size."""
_ONE: Final = ("",)  # in place of classes, for objects that are no entities


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request; see `kg.settings`."""

    depth: int = 12
    cost: int = 200_000
    page_size: int = 1000
    representations: int = 1000
    fields: int = 10_000


class PageCursors(Protocol):
    """Binds cursors to what they page through, and reads them."""

    def binding(self, select: Select) -> str:
        """What goes into the page's cursors; `select` has the instants that were asked for."""

    def decode(self, text: str, binding: str) -> Token:
        """Where the page goes on, and the instants of its first page. Raises CursorError."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where the compiler stands: the class around, how deep, how many rows at most, and the path for errors."""

    cls: str = ROOT_CLASS
    depth: int = 0
    rows: int = 1
    in_range: bool = False
    place: str = ""

    def at(self, key: str) -> Context:
        return replace(self, place=f"{self.place}.{key}" if self.place else key)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One operation. `faults`: roots that could not be compiled; they are null in the answer."""

    query: Query
    faults: tuple[tuple[FieldNode, str, JingweiError], ...]
    cost: int
    assemble: Callable[[bytes], bytes] | None = None
    """Puts `_entities` of several classes into one list, from the answer."""


class Compiler:
    """Compiles one operation. `plain`: the answer is read by plain Strawberry, which needs type names."""

    def __init__(
        self,
        api: GraphQLApi,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        limits: Limits,
        cursors: PageCursors,
        plain: bool = False,
    ) -> None:
        self.api = api
        self.schema = api.schema
        self.variables = variables
        self.limits = limits
        self.cursors = cursors
        self.plain = plain
        self.collector = Collector(fragments, variables, api.possible, self._visited)
        self.filters = Filters(api.schema, limits.depth)
        self.cost = 0
        self.learned: Mapping[str, Answers] = {}
        """What models said to roots that they answer, by the answer's key; set before `compile`."""
        self._time = Time()
        self._fields = 0

    # ------------------------------------------------------------ entry

    def compile(self, operation: OperationDefinitionNode, now: int, time: Time) -> Compiled:
        """The whole operation's generated roots. Raises LimitExceeded; other faults null their root."""
        self._time = time
        roots: list[Root] = []
        faults: list[tuple[FieldNode, str, JingweiError]] = []
        made = RootCompiler(self)
        for selected in self.collector.collect([operation.selection_set], _ONE):
            try:
                roots += self._root(made, selected)
            except LimitExceeded:
                raise
            except (JingweiError, GraphQLError) as error:
                faults.append((selected.nodes[0], selected.key, _ours(error)))
                roots.append(Root(selected.key, Fixed(None)))
        return Compiled(Query(tuple(roots), now, time), tuple(faults), self.cost, made.assembler())

    def _root(self, made: RootCompiler, selected: Selected) -> Sequence[Root]:
        if selected.name == "__typename":
            return [Root(selected.key, Fixed("Query"))]
        query = self.api.core.query_type
        assert query is not None
        field = query.fields.get(selected.name)  # None for `__schema` and `__type`
        meaning = None if field is None else self.api.meaning(field)
        if meaning is None:  # answered by Strawberry; see `Engine`
            return []
        return made.root(selected, meaning, self.arguments(query, selected), self.root_context(selected.key))

    def root_context(self, key: str) -> Context:
        return Context(place=key)

    def _visited(self) -> None:
        self._fields += 1
        if self._fields > self.limits.fields:
            raise LimitExceeded(
                f"The request asks for more than {self.limits.fields} fields, fragments counted where they are used",
                remedy="Ask for less in one request.",
            )

    def spend(self, values: int, place: str) -> None:
        self.cost += values
        if self.cost > self.limits.cost:
            raise LimitExceeded(
                f"The request may need more than {self.limits.cost} values",
                where=place,
                remedy="Ask for smaller pages (`first`), fewer fields or levels; costs multiply along nested pages.",
            )

    def arguments(self, parent: Any, selected: Selected) -> dict[str, Any]:
        return get_argument_values(parent.fields[selected.name], selected.nodes[0], self.variables)

    # ------------------------------------------------------------ entities

    def entity(self, selections: Sequence[SelectionSetNode], classes: Sequence[str], ctx: Context) -> Obj:
        """The object of an entity that may be of any of the concrete classes."""
        fields: list[Field] = []
        if self.plain:
            fields += self._typename(TYPENAME_KEY, tuple(classes), None)
        for selected in self.collector.collect(selections, classes):
            whole = len(selected.classes) == len(classes)
            only = None if whole else selected.classes
            if selected.name == "__typename":
                fields += self._typename(selected.key, selected.classes, only)
                self.spend(ctx.rows, ctx.place)
                continue
            fields += self._entity_field(selected, only, ctx)
        return Obj(tuple(fields))

    def _typename(self, key: str, classes: tuple[str, ...], only: tuple[str, ...] | None) -> list[Field]:
        names = self.api.object_types
        if all(names[cls] == cls for cls in classes) and len(classes) > 1:
            return [Field(key, Leaf(Meta(MetaName.CLASS)), only)]
        if len(classes) == 1:
            return [Field(key, Fixed(names[classes[0]]), only)]
        return [Field(key, Fixed(names[cls]), (cls,)) for cls in classes]

    def _entity_field(self, selected: Selected, only: tuple[str, ...] | None, ctx: Context) -> list[Field]:
        """One field a meaning: two classes may mean different things by one name."""
        by_meaning: list[tuple[m.Meaning, Any, list[str]]] = []
        for cls in selected.classes:
            type_: Any = self.api.core.type_map[self.api.object_types[cls]]
            meaning = self.api.meaning(type_.fields[selected.name])
            assert meaning is not None
            same = next((entry for entry in by_meaning if entry[0] is meaning or entry[0] == meaning), None)
            if same is None:
                by_meaning.append((meaning, type_, [cls]))
            else:
                same[2].append(cls)
        out = []
        for meaning, type_, classes in by_meaning:
            args = self.arguments(type_, selected)
            part = only if len(by_meaning) == 1 else tuple(classes)
            out.append(Field(selected.key, self._shape(meaning, selected, args, ctx.at(selected.key)), part))
        return out

    def _shape(self, meaning: m.Meaning, selected: Selected, args: dict[str, Any], ctx: Context) -> Any:
        match meaning:
            case m.Value(expr):
                self.spend(ctx.rows, ctx.place)
                return Leaf(expr)
            case m.Measure():
                self.spend(ctx.rows, ctx.place)
                return Leaf(self._measure(meaning, args, ctx))
            case m.Related():
                return self._related(meaning, selected, args, ctx)
            case m.Closure():
                return self._closure(meaning, selected, args, ctx)
            case m.RelatedAggregate():
                return self._related_aggregate(meaning, selected, args, ctx)
            case m.History():
                return self._history(meaning, selected, args, ctx)
        raise AssertionError(meaning)

    def _measure(self, meaning: m.Measure, args: dict[str, Any], ctx: Context) -> Calc:
        prop = Prop(meaning.prop)
        if meaning.kind == "area":
            return Calc(Op.AREA, (prop,))
        if meaning.kind == "grid":
            return Calc(Op.GRID, (prop, Const(grid_level(args["level"], ctx.place))))
        return Calc(Op.DISTANCE, (prop, Const(args["lon"]), Const(args["lat"])))

    # ------------------------------------------------------------ relations

    def enter(self, ctx: Context) -> Context:
        """One relation deeper. Raises LimitExceeded, and QueryError below a range of instants."""
        if ctx.in_range:
            raise QueryError(
                "Relations cannot be followed from versions, which hold over an interval and not at one instant",
                where=ctx.place,
                remedy="Take an instant out of the version's interval and ask again with `asOf`.",
            )
        if ctx.depth >= self.limits.depth:
            raise LimitExceeded(
                f"The request nests relations deeper than {self.limits.depth}",
                where=ctx.place,
                remedy="Use the relation's …Closure field, or ask again from the ids reached.",
            )
        return replace(ctx, depth=ctx.depth + 1)

    def _related(self, meaning: m.Related, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        ctx = self.enter(ctx)
        where = [
            self.filters.entity(meaning.cls, args.get("where"), f"{ctx.place}.where"),
            self.filters.edge(meaning.relation, args.get("edgeWhere"), f"{ctx.place}.edgeWhere"),
        ]
        order = (
            *self.filters.orders(args.get("edgeOrderBy"), f"{ctx.place}.edgeOrderBy", edge=True),
            *self.filters.orders(args.get("orderBy"), f"{ctx.place}.orderBy"),
        )
        source = Step(meaning.relation.name, meaning.out, meaning.cls)
        return self.connection(selected, source, meaning.cls, args, ctx, both(p for p in where if p is not None), order)

    def _closure(self, meaning: m.Closure, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        ctx = self.enter(ctx)
        walk = Walk(
            ((meaning.relation.name, meaning.out),),
            meaning.cls,
            *self.hops(args["minDepth"], args["maxDepth"], ctx),
            through=self.filters.entity(meaning.cls, args.get("through"), f"{ctx.place}.through"),
        )
        where = self.filters.entity(meaning.cls, args.get("where"), f"{ctx.place}.where")
        order = self.filters.orders(args.get("orderBy"), f"{ctx.place}.orderBy")
        return self.connection(selected, walk, meaning.cls, args, ctx, where, order)

    def hops(self, least: int, most: int, ctx: Context) -> tuple[int, int]:
        if not 0 <= least <= most:
            raise QueryError(
                "The range of hops is empty", where=ctx.place, value=[least, most], remedy="0 ≤ minDepth ≤ maxDepth."
            )
        if most > self.limits.depth:
            raise LimitExceeded(
                f"More than {self.limits.depth} hops are asked for",
                where=ctx.place,
                value=most,
                remedy=f"Lower maxDepth to {self.limits.depth}, or raise the setting max_depth.",
            )
        return least, most

    def _related_aggregate(
        self, meaning: m.RelatedAggregate, selected: Selected, args: dict[str, Any], ctx: Context
    ) -> Any:
        ctx = self.enter(ctx)
        where = [
            self.filters.entity(meaning.cls, args.get("where"), f"{ctx.place}.where"),
            self.filters.edge(meaning.relation, args.get("edgeWhere"), f"{ctx.place}.edgeWhere"),
        ]
        source = Step(meaning.relation.name, meaning.out, meaning.cls)
        return aggregate(
            self,
            selected,
            source,
            meaning.relation.properties,
            args,
            ctx,
            both(p for p in where if p is not None),
            edge=True,
        )

    def _history(self, meaning: m.History, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        if ctx.in_range:
            raise QueryError(
                "Versions, claims and conflicts are asked of an entity at one instant, not of its versions",
                where=ctx.place,
                remedy="Move the field beside `versions`.",
            )
        first = args.get("first")
        page = Page(self.page_size(first, ctx)) if first is not None else Page()
        inner = replace(ctx, rows=ctx.rows * (first or ASSUMED_ROWS), in_range=True)
        # A claim or conflict is a row of the entity around: which class does not matter to its shape.
        if meaning.kind == "conflicts":
            return Select(ConflictsOf(ctx.cls), Rows(self._claim(selected, inner)), page=page, time=self.instants(args))
        time = Time(between(args.get("valid"), ctx, "valid") or Range(), between(args.get("system"), ctx, "system"))
        if meaning.kind == "claims":
            return Select(ClaimsOf(ctx.cls), Rows(self._claim(selected, inner)), page=page, time=time)
        obj = self.entity(selected.selections, selected.classes, inner)
        return Select(Self(ctx.cls), Rows(obj), page=page, time=time)

    def _claim(self, selected: Selected, ctx: Context) -> Obj:
        fields = []
        name = self.api.names.type_prefix + ("Conflict" if selected.name == "conflicts" else "Claim")
        for part in self.collector.collect(selected.selections, _ONE):
            self.spend(ctx.rows, ctx.place)
            fields.append(Field(part.key, Fixed(name) if part.name == "__typename" else self._leaf(name, part)))
        return Obj(tuple(fields))

    def _leaf(self, type_name: str, part: Selected) -> Leaf:
        type_: Any = self.api.core.type_map[type_name]
        meaning = self.api.meaning(type_.fields[part.name])
        assert isinstance(meaning, m.OfClaim)
        return Leaf(Meta(meaning.meta))

    # ------------------------------------------------------------ for the other compilers

    def page_size(self, first: int, ctx: Context) -> int:
        if first < 0:
            raise QueryError(
                "A page size is not negative", where=ctx.place, field="first", value=first, remedy="Give 0 or more."
            )
        if first > self.limits.page_size:
            raise LimitExceeded(
                f"A page holds at most {self.limits.page_size}",
                where=ctx.place,
                field="first",
                value=first,
                remedy=f"Ask for `first: {self.limits.page_size}` and go on with `after: endCursor`.",
            )
        return first

    def instants(self, args: Mapping[str, Any]) -> Time:
        given = args.get("asOf") or {}
        return Time(given.get("valid"), given.get("system"))

    def connection(
        self,
        selected: Selected,
        source: Source,
        cls: str,
        args: dict[str, Any],
        ctx: Context,
        where: Predicate | None,
        order: tuple[Order, ...],
    ) -> Select:
        """A page of `source`: the parts of the connection that are selected."""
        return PageCompiler(self, self._time).connection(selected, source, cls, args, ctx, where, order)

    def type_of(self, selected: Selected) -> Any:
        """The named type of a selected field: any class's will do, since they share it."""
        query: Any = self.api.core.query_type
        cls = selected.classes[0]
        parent: Any = query if cls == "" else self.api.core.type_map[self.api.object_types[cls]]
        found = parent.fields[selected.name].type
        while hasattr(found, "of_type"):
            found = found.of_type
        return found


def grid_level(level: int, place: str) -> int:
    if not 1 <= level <= 10:
        raise QueryError(
            "There is no such grid level", where=place, value=level, remedy="Levels are 1 (6° × 4°) to 10."
        )
    return level


def between(given: Mapping[str, Any] | None, ctx: Context, name: str) -> Range | None:
    """A half-open Range of an Interval input."""
    if given is None:
        return None
    start, end = given.get("from"), given.get("to")
    if start is not None and end is not None and start >= end:
        raise QueryError(
            "The interval is empty",
            where=f"{ctx.place}.{name}",
            remedy="`from` lies before `to`, which is not included.",
        )
    return Range(start, end)


def _ours(error: JingweiError | GraphQLError) -> JingweiError:
    """Faults of arguments that arrive in variables are graphql-core's."""
    if isinstance(error, JingweiError):
        return error
    original = error.original_error
    return original if isinstance(original, JingweiError) else QueryError(error.message)


__all__ = ["Compiled", "Compiler", "Context", "Limits", "PageCursors"]
