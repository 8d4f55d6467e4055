"""Connections: the parts of a page that are selected, its cursors and its edges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from api.graphql import meaning as m
from kg.errors import QueryError
from kg.query.algebra import (
    Cursor,
    EdgeField,
    Fixed,
    InfoPart,
    Join,
    Leaf,
    Page,
    PageField,
    PageOf,
    PagePart,
    Select,
    Time,
)
from kg.query.cursor import resume
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from api.graphql.collect import Selected
    from api.graphql.compile import Compiler, Context
    from kg.query.algebra import Order, Predicate, Source

_ONE = ("",)  # in place of classes, for objects that are no entities


class PageCompiler:
    """Compiles connections for a Compiler. `time`: of the whole request, by its header."""

    def __init__(self, compiler: Compiler, time: Time) -> None:
        self.compiler = compiler
        self._time = time

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
        first = self.compiler.page_size(args["first"], ctx)
        time = self.compiler.instants(args)
        if args.get("after") is not None and ctx.rows > 1:
            raise QueryError(
                "A cursor goes on in one list, and here are many",
                where=f"{ctx.place}.after",
                remedy="Ask for the one parent by id, and for the next page below it.",
            )
        inner = replace(ctx, cls=cls, rows=ctx.rows * max(first, 1))
        type_ = self.compiler.type_of(selected)
        fields = [
            self._page_field(part, type_, cls, inner)
            for part in self.compiler.collector.collect(selected.selections, _ONE)
        ]
        self.compiler.spend(ctx.rows, ctx.place)
        select = Select(source, PageOf(tuple(fields)), where, order, time=time)
        asked = Time(*(outer if own is None else own for own, outer in self._both(time)))
        binding = self.compiler.cursors.binding(replace(select, time=asked))
        select = replace(select, page=Page(first, None, binding))
        return (
            select
            if args.get("after") is None
            else resume(select, self.compiler.cursors.decode(args["after"], binding), first)
        )

    def _both(self, time: Time) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        return (time.valid, self._time.valid), (time.system, self._time.system)

    def _page_field(self, part: Selected, type_: Any, cls: str, ctx: Context) -> PageField:
        ctx = ctx.at(part.key)
        if part.name == "__typename":
            return PageField(part.key, "__typename", typename=type_.name)
        if part.name == "nodes":
            return PageField(
                part.key,
                PagePart.NODES,
                obj=self.compiler.entity(part.selections, self.compiler.schema.concrete(cls), ctx),
            )
        if part.name == "totalCount":
            return PageField(part.key, PagePart.TOTAL)
        if part.name == "edges":
            edge_type = type_.fields["edges"].type
            while hasattr(edge_type, "of_type"):
                edge_type = edge_type.of_type
            edges = [
                self._edge_field(e, edge_type, cls, ctx) for e in self.compiler.collector.collect(part.selections, _ONE)
            ]
            return PageField(part.key, PagePart.EDGES, edge=tuple(edges))
        info: tuple[tuple[str, InfoPart | Fixed], ...] = tuple(
            (item.key, Fixed("PageInfo") if item.name == "__typename" else InfoPart(item.name))
            for item in self.compiler.collector.collect(part.selections, _ONE)
        )
        return PageField(part.key, PagePart.INFO, info=info)

    def _edge_field(self, part: Selected, type_: Any, cls: str, ctx: Context) -> EdgeField:
        if part.name == "__typename":
            return EdgeField(part.key, Fixed(type_.name))
        if part.name == "cursor":
            self.compiler.spend(ctx.rows, ctx.place)
            return EdgeField(part.key, Cursor())
        if part.name == "node":
            return EdgeField(
                part.key, self.compiler.entity(part.selections, self.compiler.schema.concrete(cls), ctx.at(part.key))
            )
        meaning = self.compiler.api.meaning(type_.fields[part.name])
        self.compiler.spend(ctx.rows, ctx.place)
        if isinstance(meaning, m.Value):
            return EdgeField(part.key, Leaf(meaning.expr))
        assert isinstance(meaning, m.Reference)
        target = meaning.prop.target or ROOT_CLASS
        inner = replace(self.compiler.enter(ctx.at(part.key)), cls=target)
        obj = self.compiler.entity(part.selections, self.compiler.schema.concrete(target), inner)
        return EdgeField(part.key, Join(meaning.prop.name, target, obj))
