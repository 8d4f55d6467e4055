"""Root fields → roots of a Query; `_entities` of several classes come from several roots."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from api.graphql import meaning as m
from api.graphql.compile_aggregate import aggregate
from api.graphql.filters import both, stored, unknown
from api.graphql.learned import LearnedRoot
from kg.errors import LimitExceeded, QueryError
from kg.query.algebra import (
    Aligned,
    Cmp,
    Comparison,
    Const,
    Edges,
    Extent,
    Field,
    Fixed,
    Ids,
    Keys,
    Leaf,
    Match,
    Meta,
    MetaName,
    Obj,
    One,
    Order,
    Page,
    Root,
    Rows,
    Select,
    Trail,
    Walk,
)
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from api.graphql.collect import Selected
    from api.graphql.compile import Compiler, Context
    from kg.query.algebra import Source


class RootCompiler:
    """Compiles roots with a Compiler; remembers how `_entities` are put together."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler
        self.schema = compiler.schema
        self._splits: list[tuple[str, list[tuple[str, int]]]] = []
        self._learned: dict[str, LearnedRoot] = {}

    def root(self, selected: Selected, meaning: m.Meaning, args: dict[str, Any], ctx: Context) -> Sequence[Root]:
        match meaning:
            case m.RootOne(cls):
                return [Root(selected.key, self._one(cls, selected, args, ctx))]
            case m.RootPage(cls):
                return [Root(selected.key, self._page(cls, selected, args, ctx))]
            case m.RootAggregate(cls):
                where = self.compiler.filters.entity(cls, args.get("where"), f"{ctx.place}.where")
                entity = self.schema.classes[cls]
                classes = self.compiler.api.names.has_subclasses(entity)
                made = aggregate(
                    self.compiler,
                    selected,
                    Extent(cls),
                    entity.properties,
                    args,
                    ctx,
                    where,
                    edge=False,
                    classes=classes,
                )
                return [Root(selected.key, made)]
            case m.RootRelationAggregate(relation):
                return [Root(selected.key, self._edges(relation, selected, args, ctx))]
            case m.RootSpecial("_entities"):
                return self._entities(selected, args, ctx)
            case m.RootSpecial("linkPredictions" | "siteScores"):
                learned = LearnedRoot(self.compiler, selected, args, ctx)
                self._learned[selected.key] = learned
                return learned.roots
            case m.RootSpecial(kind):
                make: Callable[..., Any] = getattr(self, f"_{kind}")
                return [Root(selected.key, make(selected, args, ctx))]
        raise AssertionError(meaning)

    # ------------------------------------------------------------ classes

    def _one(self, cls: str, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        given = {k: v for k, v in args.items() if k != "asOf" and v is not None}
        if len(given) != 1:
            names = ", ".join(["id", *(p.name for p in self.compiler.api.identifiers(self.schema.classes[cls]))])
            raise QueryError(
                "One entity is found by exactly one of its identifiers",
                where=ctx.place,
                remedy=f"Give one of: {names}.",
            )
        ((name, value),) = given.items()
        source: Source = Ids(cls, (value,)) if name == "id" else Keys(cls, (self._key(cls, name, value),))
        return Select(source, One(self._object(selected, cls, ctx)), time=self.compiler.instants(args))

    def _key(self, cls: str, name: str, value: str) -> tuple[str, str]:
        prop = self.schema.classes[cls].property(name)
        assert prop is not None
        return self._identifier(prop.scheme, value)

    def _identifier(self, scheme: str, value: str) -> tuple[str, str]:
        from kg.schema.identifiers import normalise

        return scheme, normalise(self.schema.schemes[scheme], value)

    def _object(self, selected: Selected, cls: str, ctx: Context) -> Obj:
        return self.compiler.entity(selected.selections, self.schema.concrete(cls), replace(ctx, cls=cls))

    def _page(self, cls: str, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        where = self.compiler.filters.entity(cls, args.get("where"), f"{ctx.place}.where")
        order = self.compiler.filters.orders(args.get("orderBy"), f"{ctx.place}.orderBy")
        return self.compiler.connection(selected, Extent(cls), cls, args, ctx, where, order)

    def _edges(self, relation: Any, selected: Selected, args: dict[str, Any], ctx: Context) -> Any:
        filters = self.compiler.filters
        parts = (
            filters.entity(relation.domain, args.get("where"), f"{ctx.place}.where"),
            filters.edge(relation, args.get("edgeWhere"), f"{ctx.place}.edgeWhere"),
        )
        where = both(p for p in parts if p is not None)
        source = Edges(relation.name, relation.domain)
        return aggregate(self.compiler, selected, source, relation.properties, args, ctx, where, edge=True)

    # ------------------------------------------------------------ by id, identifier, text

    def _node(self, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        shape = One(self._object(selected, ROOT_CLASS, ctx))
        return Select(Ids(ROOT_CLASS, (args["id"],)), shape, time=self.compiler.instants(args))

    def _nodes(self, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        return self._aligned(Ids(ROOT_CLASS, tuple(args["ids"])), len(args["ids"]), ROOT_CLASS, selected, args, ctx)

    def _lookup(self, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        keys = []
        for i, item in enumerate(args["identifiers"]):
            scheme = stored(item["scheme"])
            if scheme not in self.schema.schemes:
                raise unknown("identifier scheme", scheme, self.schema.schemes, f"{ctx.place}.identifiers.{i}")
            keys.append(self._identifier(scheme, item["value"]))
        return self._aligned(Keys(ROOT_CLASS, tuple(keys)), len(keys), ROOT_CLASS, selected, args, ctx)

    def _aligned(
        self, source: Source, size: int, cls: str, selected: Selected, args: Mapping[str, Any], ctx: Context
    ) -> Select:
        self._check_size(size, ctx)
        shape = Aligned(self._object(selected, cls, replace(ctx, rows=max(size, 1))))
        return Select(source, shape, time=self.compiler.instants(args))

    def _check_size(self, size: int, ctx: Context) -> None:
        most = self.compiler.limits.representations
        if size > most:
            raise LimitExceeded(
                f"One request looks up at most {most}",
                where=ctx.place,
                value=size,
                remedy=f"Send at most {most} at a time.",
            )

    def _search(self, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        cls = stored(args["in"])
        if not args["text"].strip():
            raise QueryError(
                "There is no text to search for", where=f"{ctx.place}.text", remedy="Give at least one character."
            )
        where = self.compiler.filters.entity(ROOT_CLASS, args.get("where"), f"{ctx.place}.where")
        order = (Order(Meta(MetaName.RANK)),)
        return self.compiler.connection(selected, Match(cls, args["text"]), cls, args, ctx, where, order)

    # ------------------------------------------------------------ paths

    def _paths(self, selected: Selected, args: dict[str, Any], ctx: Context) -> Select:
        named = args.get("relations")
        steps = self._steps([stored(n) for n in named]) if named is not None else self._steps(None)
        if not steps:
            raise QueryError(
                "No relation is left to follow", where=f"{ctx.place}.relations", remedy="Name one, or leave it out."
            )
        ends = tuple(args["to"])
        self._check_size(len(ends), ctx)
        _, most = self.compiler.hops(0, args["maxDepth"], ctx)
        walk = Walk(steps, ROOT_CLASS, 0, most, Ids(ROOT_CLASS, (args["from"],)))
        inner = replace(ctx, cls=ROOT_CLASS, rows=max(len(ends), 1))
        where = Cmp(Comparison.IN, Meta(MetaName.ID), Const(ends))
        time = self.compiler.instants(args)
        return Select(walk, Rows(self._path(selected, inner)), where, (Order(Meta(MetaName.DEPTH)),), Page(), time)

    def _steps(self, named: Sequence[str] | None) -> tuple[tuple[str, bool], ...]:
        if named is None:
            return tuple((r, out) for r in sorted(self.schema.relations) for out in (True, False))
        found = []
        for name in named:
            step = self.schema.step(name)
            assert step is not None  # the enum holds no other
            found.append((step[0].name, step[1]))
        return tuple(dict.fromkeys(found))

    def _path(self, selected: Selected, ctx: Context) -> Obj:
        fields = []
        concrete = self.schema.concrete(ROOT_CLASS)
        type_name = self.compiler.api.names.type_prefix + "Path"
        type_: Any = self.compiler.api.core.type_map[type_name]
        for part in self.compiler.collector.collect(selected.selections, ("",)):
            self.compiler.spend(ctx.rows, ctx.place)
            meaning = None if part.name == "__typename" else self.compiler.api.meaning(type_.fields[part.name])
            if isinstance(meaning, m.OfClaim):
                fields.append(Field(part.key, Leaf(Meta(meaning.meta))))
            elif part.name == "nodes":
                inner = replace(ctx.at(part.key), rows=ctx.rows * self.compiler.limits.depth)
                fields.append(Field(part.key, Trail(self.compiler.entity(part.selections, concrete, inner))))
            elif part.name == "end":
                fields.append(Field(part.key, self.compiler.entity(part.selections, concrete, ctx.at(part.key))))
            else:
                fields.append(Field(part.key, Fixed(type_name)))
        return Obj(tuple(fields))

    # ------------------------------------------------------------ federation

    def _entities(self, selected: Selected, args: dict[str, Any], ctx: Context) -> Sequence[Root]:
        """A root for each (class, kind of key); one root where there is one, so that its bytes can go through."""
        given = args["representations"]
        self._check_size(len(given), ctx)
        groups: dict[tuple[str, str], list[tuple[int, str]]] = {}
        for i, item in enumerate(given):
            cls, key, value = self._representation(item, f"{ctx.place}.representations.{i}")
            groups.setdefault((cls, key), []).append((i, value))
        roots: list[Root] = []
        where_from: list[tuple[str, int]] = [("", 0)] * len(given)
        for number, ((cls, key), members) in enumerate(groups.items()):
            values = [value for _, value in members]
            source: Source = (
                Ids(cls, tuple(values)) if key == "id" else Keys(cls, tuple(self._key(cls, key, v) for v in values))
            )
            name = selected.key if len(groups) == 1 else f" {selected.key} {number}"
            roots.append(Root(name, self._aligned(source, len(values), cls, selected, {}, ctx)))
            for row, (i, _) in enumerate(members):
                where_from[i] = (name, row)
        if not roots:
            return [Root(selected.key, Select(Ids(ROOT_CLASS, ()), Aligned(Obj(()))))]
        if len(roots) > 1:
            self._splits.append((selected.key, where_from))
        return roots

    def _representation(self, item: Any, place: str) -> tuple[str, str, str]:
        name = item.get("__typename") if isinstance(item, dict) else None
        classes = self.compiler.api.classes
        if name not in classes:
            raise unknown("entity type", str(name), classes, place)
        cls = classes[name]
        for key in ("id", *(p.name for p in self.compiler.api.identifiers(self.schema.classes[cls]))):
            value = item.get(key)
            if isinstance(value, str):
                return cls, key, value
        raise QueryError(
            "A representation has no key of its type",
            where=place,
            remedy=f"Give `id` or an identifier of {name}, as a string.",
        )

    def assembler(self) -> Callable[[bytes], bytes] | None:
        """What makes lists in the order of representations out of the split roots, and answers of models out of what
        was read for them; None where the statement's answer is the whole."""
        if not self._splits and not self._learned:
            return None
        splits = list(self._splits)
        learned = dict(self._learned)

        def assemble(answer: bytes) -> bytes:
            data: dict[str, Any] = orjson.loads(answer)
            out: dict[str, Any] = {}
            for key, value in data.items():
                if not key.startswith(" "):
                    out[key] = learned[key].filled(data) if key in learned else value
                    continue
                for name, where_from in splits:
                    if key.startswith(f" {name} ") and name not in out:
                        out[name] = [data[root][row] for root, row in where_from]
            return orjson.dumps(out)

        return assemble
