"""Reads that see whole commits: the Gate before, the statement, the Gate after; again where something moved."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from kg.errors import QueryError, StoreBusy
from kg.store.neo4j.commit import settle
from kg.store.neo4j.gate import HEAD, Head, Statement, guarded

if TYPE_CHECKING:
    from collections.abc import Callable

    from kg.store.neo4j.connection import Link

_TRIES_OF_THE_PRESENT: Final = 3
_PAUSE_SECONDS: Final = 0.01
_STALE_SECONDS: Final = 5.0
_KEPT: Final = 128
_KEPT_SIZE: Final = 1000


class Asker:
    """One process's reads. It remembers the Gate as it last was, and asks for it anew only when that was not so."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self._head: Head | None = None
        self._made: dict[tuple[int, bool, str], Any] = {}
        self._behind: tuple[int, float] | None = None  # an announcement that nothing followed yet, and since when

    async def head(self) -> Head:
        """The Gate as it is now, once no row is being rewritten in place."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.link.access.patience_seconds
        while True:
            (found,) = await self.link.read(HEAD)
            head = self._head = Head(*found)
            await self._settle_if_stale(head)
            if head.rewriting <= head.written:
                return head
            if loop.time() > until:
                raise StoreBusy(
                    "Rows are being rewritten (an erasure, a pruning or a migration)", where=self.link.url,
                    remedy="Send the request again when that is done.",
                )  # fmt: skip
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _settle_if_stale(self, head: Head) -> None:
        """Publish for a writer that died between announcing and publishing."""
        if head.quiet:
            self._behind = None
            return
        now = asyncio.get_running_loop().time()
        if self._behind is None or self._behind[0] != head.writing:
            self._behind = (head.writing, now)
        elif now - self._behind[1] > _STALE_SECONDS:
            self._behind = None
            await self.link.again(lambda: settle(self.link))

    async def ask(self, choose: Callable[[Head], Statement]) -> tuple[Any, Head]:
        """The answer of the statement that `choose` makes for the latest commit, and the Gate that it belongs to.

        `choose` may be called several times; with a head that is not quiet it may not read the present.
        """
        head, cached = self._head, True
        if head is None or not head.quiet:
            head, cached = await self.head(), False
        tries = 0
        while True:
            try:
                statement = choose(head)
            except QueryError:  # an instant that the Gate did not know of when it was last read, perhaps
                if not cached:
                    raise
                head, cached = await self.head(), False
                continue
            whole, answer = await self._whole(statement, head, cached=cached)
            if whole:
                return answer, head
            tries += 1
            head, cached = await self.head(), False
            if tries >= _TRIES_OF_THE_PRESENT:
                head = replace(head, writing=head.written + 1)  # commits follow too closely: read beside them

    def _keep(self, key: tuple[int, bool, str], made: Any) -> None:
        """What was made of the answer of a statement before another; of earlier commits it is no longer asked for."""
        if len(self._made) >= _KEPT:
            self._made.pop(next(iter(self._made)))
        self._made[key] = made

    async def unchanged(self, head: Head) -> None:
        """StoreBusy where rows were rewritten in place since `head` was read: what was read may be of both sides."""
        if (await self.head()).rewriting != head.rewriting:
            raise StoreBusy(
                "Rows were rewritten while they were read (an erasure, a pruning or a migration)", where=self.link.url,
                remedy="Read them again from the start.",
            )  # fmt: skip

    async def _whole(self, statement: Statement, head: Head, *, cached: bool) -> tuple[bool, Any]:
        """Whether nothing changed beneath the statement, and its answer."""
        parameters = dict(statement.parameters)
        for before in statement.before:
            known = self._made.get((head.written, statement.current, before.key))
            if known is not None:
                parameters[before.parameter] = known
                continue
            first = Statement(before.text, parameters, statement.current)
            rows = await self.link.read(*guarded(first, head, cached=cached))
            if not rows or not rows[0][1]:
                return False, None
            made = parameters[before.parameter] = before.make(rows[0][0])
            if head.quiet and len(made) <= _KEPT_SIZE:
                self._keep((head.written, statement.current, before.key), made)
        last = Statement(statement.text, parameters, statement.current)
        rows = await self.link.read(*guarded(last, head, cached=cached))
        return bool(rows and rows[0][1]), rows[0][0] if rows else None
