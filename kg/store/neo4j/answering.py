"""Queries against one Schema: secured, compiled once a shape and plan, asked until no commit came between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kg.query.cursor import CursorCodec
from kg.store.lift import holed, lift, lift_at
from kg.store.neo4j.compile.context import Answering
from kg.store.neo4j.compile.plan import Compiler, Plan
from kg.store.readable import check_readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kg.query.algebra import Query
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.neo4j.asking import Asker
    from kg.store.neo4j.connection import Link
    from kg.store.neo4j.gate import Head, Statement
    from kg.store.neo4j.layout import Layout

_PLANS = 2048
"""Plans kept; the oldest goes first."""


class Moved(Exception):
    """The graph fits another Schema by now."""

    def __init__(self, ordinal: int) -> None:
        super().__init__(ordinal)
        self.ordinal = ordinal


class Answers:
    """Plans of one Schema that the graph fits, by its ordinal."""

    def __init__(self, schema: Schema, layout: Layout, ordinal: int, cursor_secret: bytes) -> None:
        self.schema = schema
        self.layout = layout
        self.ordinal = ordinal
        self._codec = CursorCodec(cursor_secret)
        self._plans: dict[object, Plan] = {}

    async def execute(self, asker: Asker, query: Query, scope: Scope) -> bytes:
        """The answer's JSON to a query as it was made. Moved where another process migrated the graph."""
        from kg.query.secure import secure

        return await self.run(asker, secure(query, self.schema, scope))

    async def run(self, asker: Asker, query: Query) -> bytes:
        """The same for a secured query."""
        chosen: list[tuple[Plan, Sequence[Any]]] = []

        def choose(head: Head) -> Statement:
            chosen[:] = [self.plan(head, query)]
            plan, constants = chosen[0]
            return plan.statement(constants)

        found, _ = await asker.ask(choose)
        plan, constants = chosen[0]
        return plan.answer(found, constants, self._codec)

    def plan(self, head: Head, query: Query) -> tuple[Plan, Sequence[Any]]:
        """The statements for a query, and its constants. QueryError for instants that the store cannot answer."""
        if head.schema != self.ordinal:
            raise Moved(head.schema)
        key, constants, systems, valids = lift_at(query, head.system)
        for instant in systems:
            check_readable(instant, head.system, head.pruned)
        current = all(head.present(valid, head.system, query.level) for valid in valids)
        name = (key, current, head.moved)
        plan = self._plans.get(name)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)), None)
            plan = Compiler(self.schema, self.layout, holed(query, head.system), current, head.moved).compile()
            self._plans[name] = plan
        return plan, constants

    async def stream(self, asker: Asker, link: Link, query: Query, scope: Scope) -> AsyncIterator[Any]:
        """The objects of the query's one root, a list, as they come: from the layer of all rows, beside writers.

        Moved where another process migrated the graph before the first one.
        """
        from kg.query.secure import secure

        head = await asker.head()
        if head.schema != self.ordinal:
            raise Moved(head.schema)
        secured = secure(query, self.schema, scope)
        _, constants, systems = lift(secured, head.system)
        for instant in systems:
            check_readable(instant, head.system, head.pruned)
        plan = Compiler(self.schema, self.layout, holed(secured, head.system), False, head.moved).compile_rows()
        statement = plan.statement(constants)
        parameters = dict(statement.parameters)
        for before in statement.before:
            ((found,),) = await link.read(before.text, parameters)
            parameters[before.parameter] = before.make(found)
        answering = Answering(constants, self._codec)
        async for row in link.stream(plan.text, parameters):
            yield orjson.loads(orjson.dumps(plan.read(row[0], answering)))
        await asker.unchanged(head)
