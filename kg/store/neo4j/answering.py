"""Queries against one Schema: secured, compiled once a shape and plan, asked until no commit came between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from kg.query.cursor import CursorCodec
from kg.store.lift import holed, lift_at
from kg.store.neo4j.compile.context import Answering
from kg.store.neo4j.compile.plan import Compiler, Plan
from kg.store.readable import check_readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from kg.query.algebra import Query
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.neo4j.asking import Asker
    from kg.store.neo4j.gate import Head, Statement
    from kg.store.neo4j.layout import Layout

_ENTITIES = 2000
"""Looked at in one statement of a stream."""
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

    async def stream(self, asker: Asker, query: Query, scope: Scope) -> AsyncIterator[Any]:
        """The objects of the query's one root, a list, as they come, as of the commit that is the latest at the start.

        Some thousand entities at a time, each time between commits; a change of the facts meanwhile is not seen. Moved
        where another process migrated the graph before the first one.
        """
        from kg.query.secure import secure

        secured = secure(query, self.schema, scope)
        pinned = (await asker.head()).system
        _, constants, systems, valids = lift_at(secured, pinned)
        plans: dict[tuple[bool, bool], Plan] = {}
        chosen: list[Plan] = []
        after = ""

        def choose(head: Head) -> Statement:
            if head.schema != self.ordinal:
                raise Moved(head.schema)
            for instant in systems:
                check_readable(instant, head.system, head.pruned)
            latest = head.system == pinned
            current = latest and all(head.present(valid, head.system, secured.level) for valid in valids)
            if (current, head.moved) not in plans:
                compiler = Compiler(self.schema, self.layout, holed(secured, pinned), current, head.moved)
                plans[current, head.moved] = compiler.compile_part()
            chosen[:] = [plans[current, head.moved]]
            statement = chosen[0].statement(constants)
            return replace(statement, parameters={**statement.parameters, "after": after, "entities": _ENTITIES})

        answering = Answering(constants, self._codec)
        while True:
            (last, rows), _ = await asker.ask(choose, asker.link.access.scan_seconds)
            for row in rows:
                yield orjson.loads(orjson.dumps(chosen[0].read(row, answering)))
            if last is None:
                return
            after = last
