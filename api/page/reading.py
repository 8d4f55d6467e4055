"""One visitor's reading: every section asks the store for one Query under the visitor's Scope."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kg.errors import LimitExceeded
from kg.query.algebra import Query, Root, Time
from kg.query.cursor import CursorCodec, Token, binding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.page.moment import Moment
    from api.page.voice import Voice
    from kg.query.algebra import Aggregate, Fixed, Select
    from kg.query.secure import Limits, Scope
    from kg.schema.types import Schema
    from kg.store.base import Store


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks at what: language, point in time, what may be seen."""

    store: Store
    scope: Scope
    limits: Limits  # the same scope, worked out
    moment: Moment
    voice: Voice
    now: int
    timeout: float
    labels: Mapping[str, str]  # source id → its label
    path: str = "/"
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> Schema:
        return self.store.schema

    async def ask(self, *roots: tuple[str, Select | Aggregate | Fixed], time: Time | None = None) -> dict[str, Any]:
        """The answer of one statement, at this visit's instants or at `time`."""
        made = tuple(Root(key, action) for key, action in roots)
        found: dict[str, Any] = orjson.loads(await self.run(Query(made, self.now, time or self.moment.time)))
        return found

    async def run(self, query: Query) -> bytes:
        """Raises what the store raises, and LimitExceeded after the time allowed."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self.store.execute(query, self.scope)
        except TimeoutError:
            raise LimitExceeded(
                f"The answer took longer than {self.timeout:g} s",
                remedy="Filter more, or raise the setting statement_timeout_seconds.",
            ) from None

    # ------------------------------------------------------------ pages

    def binding(self, select: Select) -> str:
        return binding(select, self.schema.hash, self.scope)

    def token(self, text: str, bound: str) -> Token:
        """Raises CursorError."""
        return CursorCodec(self.store.cursor_secret).decode(text, bound)

    # ------------------------------------------------------------ what may be seen

    def relations(self) -> Sequence[str]:
        """Names of the relations that the scope reaches, whose ends it sees."""
        limits, schema = self.limits, self.schema
        return [
            relation.name
            for relation in schema.relations.values()
            if limits.sees_relation(relation) and limits.classes(relation.domain) and limits.classes(relation.range)
        ]

    def masked(self, cls: str) -> frozenset[str]:
        """Properties that are hidden on some class at or below this one."""
        return frozenset().union(*(self.limits.masked(name) for name in self.limits.classes(cls)))

    def source(self, source: str) -> str:
        """A source's label, else its id."""
        return self.labels.get(source) or source
