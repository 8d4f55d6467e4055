"""Reads that see whole commits: the Gate before, the statement, the Gate after; again where something moved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kg.errors import QueryError, StoreBusy
from kg.store.neo4j.clock import SETTLE
from kg.store.neo4j.commit import turn
from kg.store.neo4j.gate import HEAD, Head, Statement, guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kg.store.neo4j.commit import Turn
    from kg.store.neo4j.connection import Link

T = TypeVar("T")

_TRIES: Final = 4
"""Beside commits; then they wait for the read."""
_PAUSE_SECONDS: Final = 0.005
_PATIENCE_SECONDS: Final = 1.0
"""With commits that follow each other, and with writers that may have died; then they wait for the reader."""
_KEPT: Final = 128
_KEPT_SIZE: Final = 1000


class Asker:
    """One process's reads. It remembers the Gate as it last was, and asks for it anew only when that was not so."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._head: Head | None = None
        self._made: dict[tuple[int, bool, str], Any] = {}

    async def head(self) -> Head:
        """The Gate as it is now, once no commit stands between being announced and being published."""
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE_SECONDS
        while True:
            (found,) = await self.link.read(HEAD)
            head = Head(*found)
            if head.quiet:
                self._head = head
                return head
            if loop.time() >= until:  # one follows the other, or a writer died between
                return await self.link.again(self._held)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _held(self) -> Head:
        async with turn(self.link) as mine:
            return await self._settled(mine)

    async def _settled(self, mine: Turn) -> Head:
        """The Gate while no writer has a turn: what is committed is published, and an announcement whose facts never
        came is taken back."""
        await self.link.write(SETTLE, {"epoch": mine.ticks.epoch, "values": mine.ticks.published()})
        (found,) = await self.link.read(HEAD)
        self._head = Head(*found)
        return self._head

    async def ask(self, choose: Callable[[Head], Statement], seconds: float | None = None) -> tuple[Any, Head]:
        """The answer of the statement that `choose` makes for the latest commit, and the Gate that it belongs to.

        `choose` may be called several times. `seconds`: when the server stops a statement, if not as others are.
        """
        head, cached = self._head, True
        if head is None:
            head, cached = await self.head(), False
        for _ in range(_TRIES):
            try:
                statement = choose(head)
            except QueryError:  # an instant that the Gate did not know of when it was last read, perhaps
                if not cached:
                    raise
            else:
                whole, answer = await self._whole(statement, head, seconds)
                if whole:
                    return answer, head
            head, cached = await self.head(), False
        return await self._alone(lambda head: self._answer(choose, head, seconds))

    async def _answer(self, choose: Callable[[Head], Statement], head: Head, seconds: float | None) -> tuple[Any, Head]:
        whole, answer = await self._whole(choose(head), head, seconds)
        if not whole:
            raise StoreBusy(
                "Rows moved though no commit may", where=self.link.url, remedy="Send the request again."
            )  # fmt: skip
        return answer, head

    async def steady(self, read: Callable[[], Awaitable[T]]) -> T:
        """What several statements give between which nothing moved. `read` may be called several times."""
        for _ in range(_TRIES):
            head = await self.head()
            found = await read()
            if (await self.head()).writing == head.writing:
                return found
        return await self._alone(lambda _: read())

    async def _alone(self, read: Callable[[Head], Awaitable[T]]) -> T:
        """Commits follow each other too closely for this read: they wait for it."""

        async def once() -> T:
            async with turn(self.link) as mine:
                return await read(await self._settled(mine))

        return await self.link.again(once)

    def _keep(self, key: tuple[int, bool, str], made: Any) -> None:
        """What was made of the answer of a statement before another; of earlier commits it is no longer asked for."""
        if len(self._made) >= _KEPT:
            self._made.pop(next(iter(self._made)))
        self._made[key] = made

    async def _whole(self, statement: Statement, head: Head, seconds: float | None) -> tuple[bool, Any]:
        """Whether nothing moved beneath the statement, and its answer."""
        parameters = dict(statement.parameters)
        for before in statement.before:
            known = self._made.get((head.written, statement.current, before.key))
            if known is not None:
                parameters[before.parameter] = known
                continue
            first = Statement(before.text, parameters, statement.current)
            rows = await self.link.read(*guarded(first, head), seconds)
            if not rows or not rows[0][1]:
                return False, None
            made = parameters[before.parameter] = before.make(rows[0][0])
            if len(made) <= _KEPT_SIZE:
                self._keep((head.written, statement.current, before.key), made)
        last = Statement(statement.text, parameters, statement.current)
        rows = await self.link.read(*guarded(last, head), seconds)
        return bool(rows and rows[0][1]), rows[0][0] if rows else None
