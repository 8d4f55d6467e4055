"""Aggregate fields → `Aggregate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from api.graphql import meaning as m
from api.graphql.aggregates import GroupKey, countables, group_keys, numbers
from api.graphql.filters import stored, unknown
from kg.errors import QueryError
from kg.query.algebra import Aggregate, Comparison, Edge, Having, Metric, MetricOp, Out, Prop

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from api.graphql.collect import Selected
    from api.graphql.compile import Compiler, Context
    from kg.query.algebra import Expr, Predicate, Source
    from kg.schema.types import Property

ASSUMED_GROUPS: Final = 100
_HAVING: Final = {
    "eq": Comparison.EQ,
    "ne": Comparison.NE,
    "lt": Comparison.LT,
    "lte": Comparison.LE,
    "gt": Comparison.GT,
    "gte": Comparison.GE,
}
_OUT_OF_PART: Final = {
    "sum": "sum",
    "avg": "avg",
    "min": "min",
    "max": "max",
    "distinct": "distinct",
    "countOf": "count",
}


def aggregate(
    compiler: Compiler,
    selected: Selected,
    source: Source,
    properties: Iterable[Property],
    args: Mapping[str, Any],
    ctx: Context,
    where: Predicate | None,
    *,
    edge: bool,
    classes: bool = False,
) -> Aggregate:
    """The aggregate of `source` that a field asks for."""
    keys = group_keys(compiler.api.names, properties := tuple(properties), edge=edge, classes=classes)
    work = _Work(compiler, properties, keys, edge=edge, place=ctx.place)
    work.groups = [stored(name) for name in args.get("groupBy") or ()]
    if len(set(work.groups)) < len(work.groups):
        raise QueryError("A group key is named twice", where=f"{ctx.place}.groupBy", remedy="Name each once.")
    first = args.get("first")
    if first is not None and first < 0:
        raise QueryError(
            "A page size is not negative", where=ctx.place, field="first", value=first, remedy="Give 0 or more."
        )
    rows = ctx.rows * (1 if not work.groups else ASSUMED_GROUPS if first is None else max(first, 1))
    out = work.outs(selected, rows)
    having = tuple(h for given in args.get("having") or () for h in work.having(given))
    order = tuple(work.order(given) for given in args.get("orderBy") or ())
    return Aggregate(
        source,
        tuple(out),
        tuple(keys[name].at(work.level(args.get("gridLevel"), keys[name])) for name in work.groups),
        tuple(work.metrics),
        where,
        having,
        order,
        first,
        compiler.instants(args),
    )


class _Work:
    def __init__(
        self,
        compiler: Compiler,
        properties: tuple[Property, ...],
        keys: Mapping[str, GroupKey],
        *,
        edge: bool,
        place: str,
    ) -> None:
        self.compiler = compiler
        self.properties = {p.name: p for p in properties}
        self.keys = keys
        self.edge = edge
        self.place = place
        self.groups: list[str] = []
        self.metrics: list[Metric] = []

    def level(self, given: int | None, key: GroupKey) -> int | None:
        from api.graphql.compile import grid_level

        if not key.grid:
            return None
        if given is None:
            raise QueryError(
                "Grouping by grid cells needs gridLevel", where=self.place, remedy="Add `gridLevel: 6` (1 to 10)."
            )
        return grid_level(given, f"{self.place}.gridLevel")

    def metric(self, op: str, name: str | None) -> int:
        """Index of the metric, made where it is new."""
        expr: Expr | None = None
        if name is not None:
            expr = Edge(name) if self.edge else Prop(name)
        metric = Metric(MetricOp(op), expr)
        if metric not in self.metrics:
            self.metrics.append(metric)
        return self.metrics.index(metric)

    def outs(self, selected: Selected, rows: int) -> list[Out]:
        out = []
        type_: Any = self.compiler.type_of(selected)
        for part in self.compiler.collector.collect(selected.selections, ("",)):
            self.compiler.spend(rows, self.place)
            if part.name == "__typename":
                out.append(Out(part.key, "fixed", value=type_.name))
            elif part.name == "count":
                out.append(Out(part.key, "metric", self.metric("count", None)))
            else:
                inner = type_.fields[part.name].type
                while hasattr(inner, "of_type"):
                    inner = inner.of_type
                out.append(Out(part.key, "object", fields=tuple(self._parts(part, inner, rows))))
        return out

    def _parts(self, part: Selected, type_: Any, rows: int) -> Iterable[Out]:
        for item in self.compiler.collector.collect(part.selections, ("",)):
            self.compiler.spend(rows, self.place)
            if item.name == "__typename":
                yield Out(item.key, "fixed", value=type_.name)
                continue
            meaning = self.compiler.api.meaning(type_.fields[item.name])
            if isinstance(meaning, m.Figure):
                yield Out(item.key, "metric", self.metric(_OUT_OF_PART[part.name], meaning.name))
                continue
            if item.name not in self.groups:
                raise QueryError(
                    f"The answer is not grouped by {item.name}",
                    where=f"{self.place}.{part.key}.{item.key}",
                    remedy=f"Add it: groupBy: [{', '.join([*self.groups, item.name])}].",
                )
            yield Out(item.key, "group", self.groups.index(item.name))

    def figure(self, given: Mapping[str, Any], place: str) -> int:
        op, of = stored(given["figure"]), given.get("of")
        name = stored(of) if of is not None else None
        if name is None and op != "count":
            raise QueryError(f"{op} needs a property", where=place, remedy="Add `of: …`.")
        if name is not None:
            known = numbers(self.properties.values()) if op in {"sum", "avg"} else countables(self.properties.values())
            if name not in {p.name for p in known}:
                raise unknown(f"property for {op}", name, [p.name for p in known], place)
        return self.metric(op, name)

    def having(self, given: Mapping[str, Any]) -> Iterable[Having]:
        place = f"{self.place}.having"
        index = self.figure(given, place)
        bounds = [(name, given[name]) for name in _HAVING if given.get(name) is not None]
        if not bounds:
            raise QueryError(
                "A condition on a figure compares it with nothing", where=place, remedy="Add e.g. `gte: 5`."
            )
        for name, value in bounds:
            whole = int(value) if float(value).is_integer() and abs(value) < 2**53 else value
            yield Having(_HAVING[name], index, whole)

    def order(self, given: Mapping[str, Any]) -> tuple[Literal["group", "metric"], int, bool]:
        place = f"{self.place}.orderBy"
        descending = stored(given["direction"]) == "desc"
        group = given.get("group")
        if (group is None) == (given.get("figure") is None):
            raise QueryError(
                "An order names a group or a figure", where=place, remedy="Write {figure: count, direction: desc}."
            )
        if group is None:
            return "metric", self.figure(given, place), descending
        name = stored(group)
        if name not in self.groups:
            raise QueryError(
                f"The answer is not grouped by {name}",
                where=place,
                remedy=f"Add {name} to groupBy, or order by another.",
            )
        return "group", self.groups.index(name), descending
