"""The floor of a commit in SQLite: the writing statements of the store's commits, with the same rows, alone."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from kg.store.sqlite.connection import connect, path_of
from kg.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import apsw

    from kg.schema.types import Schema


class _Recording:
    """A connection that remembers what is written through `executemany`."""

    def __init__(self, db: apsw.Connection, written: list[tuple[str, Sequence[Any]]]) -> None:
        self._db = db
        self._written = written

    def executemany(self, sql: str, rows: Sequence[Any]) -> Any:
        self._written.append((sql, rows))
        return self._db.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)


class BareWrites:
    """A second file with the same tables and indexes; after a commit of the store, `replay` writes its rows there."""

    def __init__(self, store: SqliteStore, schema: Schema, path: Path) -> None:
        url = f"sqlite:///{path.absolute()}"
        other = SqliteStore(url)
        asyncio.run(other.migrate(schema))
        asyncio.run(other.close())
        self._written: list[tuple[str, Sequence[Any]]] = []
        self._db = connect(path_of(url), writer=True)
        store._db = _Recording(store._db, self._written)  # type: ignore[assignment]  # noqa: SLF001 - it is measured

    def replay(self) -> float:
        """Seconds of processor time for one durable transaction."""
        begun = time.thread_time()
        self._db.execute("begin immediate")
        for sql, rows in self._written:
            self._db.executemany(sql, rows)
        self._db.execute("commit")
        spent = time.thread_time() - begun
        self._written.clear()
        return spent
