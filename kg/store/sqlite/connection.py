"""Connections: how they are opened, and what a read begins with."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import apsw

from kg.errors import StoreError
from kg.store.sqlite.functions import register

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_MS = 60_000
"""How long a writer waits for another one."""
PAGE_BYTES = 16_384
"""Of new files. Entries of an index that a commit writes lie apart: larger pages are fewer to write, up to a point."""
# In pages: SQLite reckons what is said in bytes by the size that pages have before the file is read, a quarter of ours.
_CACHE_PAGES = 1_536
_WRITER_CACHE_PAGES, _LOAD_CACHE_PAGES = 2_048, 4_096
"""A commit touches a page of each index for nearly every row: pages that do not fit are written several times. One that
only compares needs less, and a load of what is known already shall not take more and more."""
_MUCH = 1_000
"""Rows that are worth the larger cache."""
_CHECKPOINT_PAGES = 4_000
"""How far the log grows (64 MB) before its pages go into the file. A page that several commits change goes once."""


def path_of(url: str) -> str:
    """The file of `sqlite:///relative.db` or `sqlite:////absolute.db`. StoreError for other addresses."""
    parts = urlsplit(url)
    if parts.scheme != "sqlite" or parts.netloc or not parts.path.strip("/"):
        raise StoreError(
            "Not the address of an embedded store", value=url,
            remedy="Write sqlite:///park.db for a file here, sqlite:////srv/park.db for an absolute path.",
        )  # fmt: skip
    return unquote(parts.path[1:])


def connect(path: str, *, writer: bool = False) -> apsw.Connection:
    """A connection with our functions; the caller translates apsw's errors. A `writer` makes the file if it must."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if writer else 0)
    db = apsw.Connection(path, flags=flags, statementcachesize=256)
    try:
        db.set_busy_timeout(BUSY_MS)
        # Without it SQLite looks at a LIMIT parameter's value, and prepares the statement again at every binding.
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        db.pragma("cache_size", _WRITER_CACHE_PAGES if writer else _CACHE_PAGES)
        db.pragma("wal_autocheckpoint", _CHECKPOINT_PAGES)
        db.pragma("temp_store", 2)
        db.pragma("synchronous", 2)
        db.pragma("secure_delete", 1)
        register(db)
    except BaseException:
        db.close()
        raise
    return db


def make_room(db: apsw.Connection, rows: int) -> None:
    """The writer's cache for a commit that writes so many versions and relations; what a smaller one has not room for
    is given back."""
    db.pragma("cache_size", _LOAD_CACHE_PAGES if rows >= _MUCH else _WRITER_CACHE_PAGES)


@dataclass(frozen=True, slots=True)
class Head:
    """The latest commit of a snapshot, and which stored Schema it is under."""

    seq: int
    system: int
    layout: int
    pruned: int  # reads before this system instant are refused


_HEAD = (
    "select coalesce(t.seq, 0), coalesce(t.system, 0), (select value from meta where name = 'layout'), "
    "coalesce((select value from meta where name = 'pruned'), 0) "
    "from (select max(seq) as seq from tx) m left join tx t on t.seq = m.seq"
)


def head(db: apsw.Connection) -> Head:
    row: Any = db.execute(_HEAD).fetchone()
    return Head(*row)


@contextmanager
def snapshot(db: apsw.Connection) -> Iterator[Head]:
    """A read transaction: every statement inside sees one state of the file."""
    db.execute("begin")
    try:
        yield head(db)
    finally:
        if db.in_transaction:
            db.execute("rollback")


@contextmanager
def writing(db: apsw.Connection) -> Iterator[None]:
    """A write transaction: committed at the end, rolled back where anything is raised."""
    db.execute("begin immediate")
    try:
        yield
        db.execute("commit")
    except BaseException:
        if db.in_transaction:  # a full disk has rolled back already
            db.execute("rollback")
        raise
