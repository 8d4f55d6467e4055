"""The embedded default store."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock, local
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import apsw
import orjson

from kg.errors import QueryError, StoreError
from kg.query.cursor import CursorCodec
from kg.store.archive import Archive, batches, write_archive
from kg.store.base import Clock, Position, Store
from kg.store.commit.envelope import shape_check
from kg.store.memory import runs_of
from kg.store.sqlite import layout as layouts
from kg.store.sqlite import migrations
from kg.store.sqlite.commit import commit
from kg.store.sqlite.connection import PAGE_BYTES, connect, head, path_of, snapshot, writing
from kg.store.sqlite.faults import faults
from kg.store.sqlite.feed import entries_after
from kg.store.sqlite.functions import register_cursor
from kg.store.sqlite.inspect import findings
from kg.store.sqlite.receipts import commits, receipt_of, sources
from kg.store.sqlite.removing import erase, prune
from kg.store.sqlite.run import Runner
from kg.store.sqlite.whole import FileRows, fill
from kg.store.sqlite.writer import Writers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator

    import pyarrow as pa

    from kg.model.changes import ChangeSet, Receipt, Source
    from kg.model.rows import VersionRow
    from kg.query.algebra import Query
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.base import ChangeEntry, EraseRequest, Finding, Scan
    from kg.store.sqlite.connection import Head
    from kg.store.sqlite.feed import Found

P = ParamSpec("P")
T = TypeVar("T")


def _wall_clock() -> int:
    return time.time_ns() // 1000


class _Asked:
    """One question on its way to a reader thread: it can be stopped before, in, and after its statement."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._db: apsw.Connection | None = None
        self._stopped = False

    def begin(self, db: apsw.Connection) -> bool:
        """False where it was stopped already."""
        with self._lock:
            self._db = None if self._stopped else db
            return not self._stopped

    def end(self) -> None:
        with self._lock:
            self._db = None

    def stop(self) -> None:
        """Interrupt the statement if it runs; never another one of the same thread."""
        with self._lock:
            self._stopped = True
            if self._db is not None:
                self._db.interrupt()


class SqliteStore(Store):
    """One file. Commits run on one thread of their own, reads on `readers` others, each with its connection.

    `check` judges resolved versions in commits ("" is right; None: by the Schema's shapes). Opening makes an empty
    file where there is none; `migrate` makes it fit a Schema, and a file that has one opens with it.
    """

    def __init__(self, url: str, *, readers: int = 2, check: Callable[[VersionRow], str] | None = None) -> None:
        self.url = url
        self._path = path_of(url)
        self._check = check
        self._shapes: Callable[[VersionRow], str] | None = None
        self._closed = False
        self._local = local()
        self._connections: list[apsw.Connection] = []
        self._runner: Runner | None = None
        with faults(self._path):
            self._db = self._open()
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="jingwei-write")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="jingwei-read")

    def _open(self) -> apsw.Connection:
        fresh = not Path(self._path).exists()
        db = connect(self._path, writer=True)
        try:
            if fresh or not migrations.is_store(db):
                db.pragma("page_size", PAGE_BYTES)
                db.pragma("journal_mode", "wal")
                with writing(db):
                    if not migrations.is_store(db):
                        migrations.create(db)
            self.cursor_secret = db.execute("select value from meta where name = 'cursor_secret'").get
            self._adopt(db)
        except BaseException:
            db.close()
            raise
        return db

    def _adopt(self, db: apsw.Connection) -> None:
        """Takes over the Schema and layout that the file has now."""
        schema = migrations.stored_schema(db)
        if schema is None:
            return
        self.schema = schema
        self._ordinal = head(db).layout
        self._shapes = None
        self._writers = Writers(layouts.read(db), schema)
        self._runner = Runner(schema, self._writers.layout, self._ordinal)

    # ---------------------------------------------------------------- threads

    async def _write(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._on(self._write_thread, function, *args, **kwargs)

    async def _read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._on(self._read_threads, function, *args, **kwargs)

    async def _on(self, threads: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed:
            raise StoreError("The store is closed", where=self.url, remedy="Open it again.")

        def run() -> T:
            with faults(self._path):
                return function(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(threads, run)

    def _reader(self) -> apsw.Connection:
        """This thread's connection."""
        db: apsw.Connection | None = getattr(self._local, "db", None)
        if db is None:
            db = connect(self._path)
            register_cursor(db, CursorCodec(self.cursor_secret))
            self._local.db = db
            self._connections.append(db)
        return db

    def _fitted(self) -> Runner:
        if self._runner is None:
            raise StoreError("The store has no schema yet", where=self.url, remedy="Migrate it to one first.")
        return self._runner

    # ---------------------------------------------------------------- verbs

    async def migrate(self, schema: Schema) -> tuple[str, ...]:
        def run() -> tuple[str, ...]:
            with writing(self._db):
                done = migrations.migrate(self._db, schema)
            if done or self._runner is None:
                self._adopt(self._db)
            return done

        return await self._write(run)

    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        return await self._write(self.commit_here, change_set, now=now)

    def commit_here(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        """The same on the caller's thread; not beside other commits of this object."""
        self._fitted()
        with writing(self._db):
            if head(self._db).layout != self._ordinal:  # another process migrated
                self._adopt(self._db)
            return commit(
                self._db, change_set, self._writers, now=_wall_clock() if now is None else now,
                check=self._check or self._shape(),
            )  # fmt: skip

    def _shape(self) -> Callable[[VersionRow], str]:
        """Made with the first commit: a reader needs none."""
        if self._shapes is None:
            self._shapes = shape_check(self.schema, layouts.stored_schemas(self._db)[:-1])
        return self._shapes

    async def execute(self, query: Query, scope: Scope) -> bytes:
        asked = _Asked()
        try:
            return await self._read(self._answer, asked, query, scope)
        except asyncio.CancelledError:
            asked.stop()  # else the statement would hold its reader thread to the end
            raise

    def _answer(self, asked: _Asked, query: Query, scope: Scope) -> bytes:
        if not asked.begin(self._reader()):
            return b""  # nobody waits any more
        try:
            return self.execute_here(query, scope)
        finally:
            asked.end()

    def execute_here(self, query: Query, scope: Scope) -> bytes:
        """The same on the caller's thread, with a connection of that thread."""
        db = self._reader()
        with snapshot(db) as at:
            return self._current(db, at).answer(db, at, query, scope)

    def _current(self, db: apsw.Connection, at: Head) -> Runner:
        """The plans of the Schema that the snapshot is under; another process may have migrated."""
        runner = self._fitted()
        if at.layout != runner.ordinal:
            schema = migrations.stored_schema(db)
            assert schema is not None
            runner = self._runner = Runner(schema, layouts.read(db), at.layout)
            self.schema = schema
        return runner

    async def clock(self) -> Clock:
        def run() -> Clock:
            with snapshot(self._reader()) as at:
                return Clock(at.system, at.seq)

        return await self._read(run)

    async def receipt(self, key: str) -> Receipt | None:
        return await self._read(lambda: receipt_of(self._reader(), key))

    async def runs(self) -> tuple[dict[str, Any], ...]:
        return await self._read(lambda: runs_of(list(commits(self._reader()))))

    async def sources(self, scope: Scope) -> tuple[Source, ...]:
        return await self._read(lambda: tuple(sources(self._reader(), scope.level)))

    async def scan(self, scan: Scan, scope: Scope) -> AsyncIterator[pa.RecordBatch]:
        from kg.store.arrow import batch, scan_columns, scan_query

        columns = scan_columns(self.schema, scan)
        query = scan_query(self.schema, scan)
        with ThreadPoolExecutor(1, thread_name_prefix="jingwei-scan") as thread:
            # A thread of its own: the snapshot stays open between batches.
            rows = await self._on(thread, lambda: self._scanned(query, scope, scan.batch))
            try:
                while (found := await self._on(thread, lambda: next(rows, None))) is not None:
                    yield batch(columns, found)
            finally:
                await self._on(thread, rows.close)

    def _scanned(self, query: Query, scope: Scope, size: int) -> Generator[list[dict[str, Any]], None, None]:
        db = connect(self._path)
        # Each page is read once, and what is sorted beyond this goes to a temporary file.
        db.execute("pragma cache_size = -8192; pragma temp_store = file")
        try:
            with snapshot(db) as at:
                for texts in batches(self._current(db, at).stream(db, at, query, scope), size):
                    yield orjson.loads(f"[{','.join(texts)}]")
        finally:
            db.close()

    async def changes(self, after: Position, scope: Scope, *, limit: int = 1000) -> tuple[ChangeEntry, ...]:
        from kg.store.feed import visible

        out: list[ChangeEntry] = []
        at = after
        while len(out) < limit:
            found = await self._read(self._entries_after, at)
            if found is None:
                break
            out += await visible(found.entries, self.schema, scope, self.execute)
            out += found.erased
            at = Position(found.seq + 1, 0)
        return tuple(out[:limit])

    def _entries_after(self, after: Position) -> Found | None:
        return entries_after(self._reader(), self._fitted(), after)

    async def backup(self, path: Path) -> None:
        def run() -> None:
            db = self._reader()
            with snapshot(db) as at:
                runner = self._current(db, at)
                write_archive(path, runner.schema, FileRows(db, runner.layout, runner.schema))

        await self._read(run)

    async def restore(self, path: Path) -> None:
        def run() -> None:
            if self._db.execute("select count(*) from tx").get:
                raise QueryError("The store is not empty", where=self.url, remedy="Restore into a new store.")
            archive = Archive(path)
            try:
                with writing(self._db):
                    for schema in (*archive.earlier(), archive.schema):
                        migrations.migrate(self._db, schema)
                    fill(self._db, Writers(layouts.read(self._db), archive.schema), archive)
            finally:
                archive.close()
            self._adopt(self._db)

        await self._write(run)

    async def check(self) -> tuple[Finding, ...]:
        def run() -> tuple[Finding, ...]:
            db = self._reader()
            with snapshot(db) as at:
                runner = self._current(db, at)
                return tuple(findings(db, runner.layout, runner.schema))

        return await self._read(run)

    async def erase(self, request: EraseRequest, *, now: int | None = None) -> Receipt:
        def run() -> Receipt:
            self._fitted()
            with writing(self._db):
                receipt = erase(self._db, self._writers, request, _wall_clock() if now is None else now)
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)  # the log still holds the values
            return receipt

        return await self._write(run)

    async def prune(self, before: int) -> int:
        def run() -> int:
            self._fitted()
            with writing(self._db):
                count = prune(self._db, self._writers, before)
            self._db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return count

        return await self._write(run)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for threads in (self._write_thread, self._read_threads):
            threads.shutdown(wait=True)
        for db in (*self._connections, self._db):
            db.close()
