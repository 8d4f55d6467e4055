"""The production store."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError, ScopeDenied, StoreError
from kg.store.archive import Archive, write_archive
from kg.store.base import Clock, Position, Store
from kg.store.commit.envelope import shape_check
from kg.store.memory import runs_of
from kg.store.neo4j import migrations
from kg.store.neo4j.answering import Answers, Moved
from kg.store.neo4j.asking import Asker
from kg.store.neo4j.bookmarks import Seal, caused
from kg.store.neo4j.commit import commit, turn
from kg.store.neo4j.connection import Access, Link
from kg.store.neo4j.faults import faults
from kg.store.neo4j.feed import entries_after
from kg.store.neo4j.inspect import present_findings, row_findings
from kg.store.neo4j.layout import TX, Layout
from kg.store.neo4j.receipts import COMMITS, RECEIPT, SOURCES, commits_of, receipt_from
from kg.store.neo4j.removing import erase, prune
from kg.store.neo4j.values import Shapes, source_of
from kg.store.neo4j.whole import Filling, GraphRows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    import pyarrow as pa

    from kg.model.changes import ChangeSet, Receipt, Source
    from kg.model.rows import VersionRow
    from kg.query.algebra import Query
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.base import ChangeEntry, EraseRequest, Finding, Scan
    from kg.store.neo4j.commit import Turn
    from kg.store.tables import TxRow


def _wall_clock() -> int:
    return time.time_ns() // 1000


class Neo4jStore(Store):
    """One database of a Neo4j server, 5.26 or later. Use it in one event loop.

    `check` judges resolved versions in commits ("" is right; None: by the Schema's shapes). A database that has a
    Schema is opened with it by `open`; `migrate` makes any fit one.
    """

    def __init__(
        self, url: str, access: Access | None = None, *, check: Callable[[VersionRow], str] | None = None
    ) -> None:
        self.url = url
        self.link = Link(url, access or Access())
        self.asker = Asker(self.link)
        self._check = check
        self._writing = asyncio.Lock()  # writers of this process wait here, not each in a connection
        self._shapes: Shapes | None = None
        self._ordinal = 0
        self._opened = False
        self._answers: Answers | None = None
        self._sealed = b""
        self._judge: Callable[[VersionRow], str] | None = None

    # ---------------------------------------------------------------- the Schema

    async def open(self) -> bool:
        """Take over the Schema that the database fits; False where it has none."""
        found = await migrations.opened(self.link)
        if found is None or not found[1]:
            return False
        secret, ordinal = found
        if not self._opened:
            self.cursor_secret = secret  # whoever opened the store may have given it another one since
            self._opened = True
        *earlier, schema = await migrations.schemas(self.link)
        self.schema = schema
        self._ordinal = ordinal
        self._shapes = Shapes(Layout(schema, tuple(earlier)))
        self._answers = None
        self._judge = None
        return True

    async def fitted(self, ordinal: int | None = None) -> Shapes:
        """How rows lie under the Schema of an ordinal (None: the one known here); another process may have migrated."""
        stale = self._shapes is None or ordinal not in {None, self._ordinal}
        if stale and not await self.open():
            raise StoreError("The store has no schema yet", where=self.url, remedy="Migrate it to one first.")
        assert self._shapes is not None
        return self._shapes

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """No other writer of this process, and no error of the driver's."""
        async with self._writing:
            with faults(self.url):
                yield

    def _judged(self, row: VersionRow) -> str:
        if self._judge is None:
            assert self._shapes is not None
            self._judge = shape_check(self.schema, self._shapes.layout.earlier)
        return self._judge(row)

    @contextmanager
    def since(self, bookmark: str) -> Iterator[Callable[[], str]]:
        with caused(Seal(self.cursor_secret).open(bookmark) if bookmark else frozenset()) as cause:
            yield lambda: Seal(self.cursor_secret).seal(cause.held)

    # ---------------------------------------------------------------- verbs

    async def migrate(self, schema: Schema) -> tuple[str, ...]:
        async with self._alone():
            done = await migrations.migrate(self.link, schema)
        if done or self._shapes is None:
            await self.open()
        return done

    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        await self.fitted()
        async with self._writing:
            return await commit(
                self.link, self.fitted, change_set, now=_wall_clock() if now is None else now,
                check=self._check or self._judged,
            )  # fmt: skip

    async def execute(self, query: Query, scope: Scope) -> bytes:
        while True:
            answers = await self._answering()
            try:
                return await answers.execute(self.asker, query, scope)
            except Moved:
                await self.open()
            except (QueryError, ScopeDenied):
                # What is unknown here may be known to the Schema that another process brought meanwhile.
                if (await self.asker.head()).schema == answers.ordinal:
                    raise
                await self.open()

    async def _answering(self) -> Answers:
        shapes = await self.fitted()
        if self._answers is None or self._sealed != self.cursor_secret:
            self._sealed = self.cursor_secret
            self._answers = Answers(self.schema, shapes.layout, self._ordinal, self._sealed)
        return self._answers

    async def scan(self, scan: Scan, scope: Scope) -> AsyncIterator[pa.RecordBatch]:
        from kg.store.arrow import batch, scan_columns, scan_query

        await self.fitted((await self.asker.head()).schema)
        columns, query = scan_columns(self.schema, scan), scan_query(self.schema, scan)
        rows: list[dict[str, Any]] = []
        answers = await self._answering()
        async for row in answers.stream(self.asker, query, scope):
            rows.append(row)
            if len(rows) == scan.batch:
                yield batch(columns, rows)
                rows = []
        if rows:
            yield batch(columns, rows)

    async def clock(self) -> Clock:
        head = await self.asker.head()
        return Clock(head.system, head.seq)

    async def receipt(self, key: str) -> Receipt | None:
        found = await self.link.read(RECEIPT, {"key": key})
        return receipt_from(found[0][1]) if found else None

    async def runs(self) -> tuple[dict[str, Any], ...]:
        return runs_of([tx async for tx in self._commits()])

    async def sources(self, scope: Scope) -> tuple[Source, ...]:
        return tuple(source_of(found) for (found,) in await self.link.read(SOURCES, {"level": scope.level}))

    async def _commits(self) -> AsyncIterator[TxRow]:
        until = (await self.asker.head()).seq
        after = 0
        while after < until:
            found = list(commits_of(await self.link.read(COMMITS, {"after": after, "limit": 1000})))
            for tx in found:
                if tx.seq <= until:
                    yield tx
            if not found:
                return
            after = found[-1].seq

    async def changes(self, after: Position, scope: Scope, *, limit: int = 1000) -> tuple[ChangeEntry, ...]:
        from kg.store.feed import visible

        out: list[ChangeEntry] = []
        at = after
        head = await self.asker.head()
        layout = (await self.fitted(head.schema)).layout
        while len(out) < limit:
            found = await self.asker.steady(partial(entries_after, self.link, layout, at, head.seq))
            if found is None:
                break
            out += await visible(found.entries, self.schema, scope, self.execute)
            out += found.erased
            at = Position(found.seq + 1, 0)
        return tuple(out[:limit])

    async def backup(self, path: Path) -> None:
        """Commits wait meanwhile."""
        await self.fitted()
        async with self._alone(), turn(self.link) as mine:
            rows = await self._rows(mine)
            await asyncio.to_thread(write_archive, path, self.schema, rows)

    async def _rows(self, mine: Turn) -> GraphRows:
        shapes = await self.fitted(mine.ticks.schema)
        return GraphRows(mine.work, shapes.layout, mine.ticks.pruned)

    async def restore(self, path: Path) -> None:
        """In many transactions, and seen with the last. One that did not end is begun anew by calling this again."""
        async with self._alone():
            if await self.link.read(f"MATCH (t:`{TX}`) RETURN 1 LIMIT 1"):
                raise QueryError("The store is not empty", where=self.url, remedy="Restore into a new store.")
            archive = await asyncio.to_thread(Archive, path)
            try:
                for schema in (*archive.earlier(), archive.schema):
                    await migrations.migrate(self.link, schema, restoring=True)
                await self.open()
                await Filling(self.link, await self.fitted(), archive, _wall_clock()).run()
            finally:
                archive.close()

    async def check(self) -> tuple[Finding, ...]:
        """Commits wait meanwhile."""
        await self.fitted()
        async with self._alone(), turn(self.link) as mine:
            rows = await self._rows(mine)
            return (
                *await present_findings(mine.work, rows.layout, mine.ticks),
                *await asyncio.to_thread(row_findings, self.schema, rows),
            )

    async def erase(self, request: EraseRequest, *, now: int | None = None) -> Receipt:
        instant = _wall_clock() if now is None else now
        shapes = await self.fitted()
        async with self._alone():
            return await erase(self.link, shapes, self.schema, request, instant, uuid.uuid4().hex)

    async def prune(self, before: int) -> int:
        layout = (await self.fitted()).layout
        async with self._alone():
            return await prune(self.link, layout, before)

    async def close(self) -> None:
        await self.link.close()
