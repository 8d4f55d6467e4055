"""Queries against one Schema and layout: secured, compiled once a shape, run as one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.store.lift import holed, lift
from kg.store.readable import check_readable
from kg.store.sqlite.compile.plan import Compiler, Plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from kg.query.algebra import Query
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.sqlite.connection import Head
    from kg.store.sqlite.layout import Layout

_PLANS = 2048
"""Plans kept; the oldest goes first."""


class Runner:
    """Plans of one stored Schema. Used by several threads: a plan compiled twice is the same plan."""

    def __init__(self, schema: Schema, layout: Layout, ordinal: int) -> None:
        self.schema = schema
        self.layout = layout
        self.ordinal = ordinal
        self._plans: dict[object, Plan] = {}

    def answer(self, db: apsw.Connection, head: Head, query: Query, scope: Scope) -> bytes:
        """Inside a snapshot whose latest commit is `head`."""
        from kg.query.secure import secure

        return self.run(db, head, secure(query, self.schema, scope))

    def run(self, db: apsw.Connection, head: Head, query: Query) -> bytes:
        """The same for a secured query."""
        plan, constants = self.plan(head, query)
        text: Any = db.execute(plan.sql, plan.bind(constants)).get
        return text.encode()  # type: ignore[no-any-return]

    def stream(self, db: apsw.Connection, head: Head, query: Query, scope: Scope) -> Iterator[str]:
        """The objects of the query's one root, a list, each as JSON as it comes."""
        from kg.query.secure import secure

        secured = secure(query, self.schema, scope)
        _, constants, systems = lift(secured, head.system)
        for instant in systems:
            check_readable(instant, head.system, head.pruned)
        plan = Compiler(self.schema, self.layout, holed(secured, head.system)).compile_rows()
        for (text,) in db.execute(plan.sql, plan.bind(constants)):
            yield text

    def plan(self, head: Head, query: Query) -> tuple[Plan, tuple[Any, ...]]:
        """The statement, and the query's constants for it. QueryError for instants that the store cannot answer."""
        key, constants, systems = lift(query, head.system)
        for instant in systems:
            check_readable(instant, head.system, head.pruned)
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.pop(next(iter(self._plans)), None)
            plan = self._plans[key] = Compiler(self.schema, self.layout, holed(query, head.system)).compile()
        return plan, constants
