"""One open transaction.

The planner is not asynchronous and runs on a thread; each question goes to the event loop that the driver lives in.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from kg.store.archive import batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import neo4j

BATCH: Final = 500
"""Rows in one statement: the server works on some while the next are made ready."""


class Work:
    """One open transaction: statements from the event loop, and questions from the planner's thread."""

    def __init__(self, tx: neo4j.AsyncTransaction) -> None:
        self.tx = tx
        self.loop = asyncio.get_running_loop()
        self._sent: list[neo4j.AsyncResult] = []

    async def rows(self, text: str, /, **parameters: Any) -> list[list[Any]]:
        await self.done()
        result = await self.tx.run(text, parameters)
        return await result.values()

    async def send(self, text: str, /, **parameters: Any) -> None:
        """A statement that gives no rows: the server works on it while the next one is made ready here.

        What is wrong with it is raised by whatever is asked or sent next, or by `done`.
        """
        self._sent.append(await self.tx.run(text, parameters))

    async def send_each(self, text: str, rows: Sequence[Any], /, **more: Any) -> None:
        """The statement for each of the rows, `r` in it, some hundred at a time."""
        for some in batches(rows, BATCH):
            await self.send(f"UNWIND $rows AS r {text}", rows=some, **more)

    async def done(self) -> None:
        """All that was sent has happened."""
        while self._sent:
            await self._sent.pop(0).consume()

    async def commit(self) -> None:
        await self.done()
        await self.tx.commit()

    def ask(self, text: str, /, **parameters: Any) -> list[list[Any]]:
        """From another thread than the event loop's."""
        return asyncio.run_coroutine_threadsafe(self.rows(text, **parameters), self.loop).result()
