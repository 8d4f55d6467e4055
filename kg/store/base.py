"""The store port: few verbs, each reading one with a Scope.

A store holds the rows of `kg.model.rows`. Its conformance suite is `kg.testing`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path
    from types import TracebackType

    import pyarrow as pa

    from kg.model.changes import ChangeSet, Receipt, Source
    from kg.query.algebra import Predicate, Query, Time
    from kg.query.secure import Scope
    from kg.schema.types import Schema


@dataclass(frozen=True, slots=True)
class Clock:
    """The latest visible commit. `system` is 0 in an empty store."""

    system: int
    seq: int


@dataclass(frozen=True, slots=True)
class Scan:
    """A whole extent as Arrow: properties of `cls` (None: all, subclasses' too), or a relation's rows.

    Exactly one of `cls` and `relation` is set. Columns for a class: id, class, validFrom, validTo, systemFrom,
    systemTo, then properties; for a relation: edge, start, end, the four instants, then properties.
    """

    now: int
    cls: str = ""
    relation: str = ""
    properties: tuple[str, ...] | None = None
    where: Predicate | None = None
    time: Time | None = None
    batch: int = 8192


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the change feed: after entry `offset` of commit `seq`. (0, 0) is the beginning."""

    seq: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """One entity or relation row that a commit opened or closed, as a reader of the Scope sees it.

    `op`: "open" | "close" (the row ceased to be what is known), "erased". `kind`: "entity" | "relation".
    """

    position: Position
    system: int
    op: str
    kind: str
    id: str  # entity id or edge id
    name: str  # class or relation
    valid_from: int
    valid_to: int
    properties: dict[str, Any]  # unmasked ones, for "open"
    start: str = ""
    end: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something `check` found wrong."""

    check: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """Whose values go, everywhere and for ever. `property` "" means the entity with all it has."""

    entity: str
    reason: str
    property: str = ""
    author: str = ""


class Store(ABC):
    """A place where the graph is kept. Use it as an async context manager."""

    url: str
    schema: Schema
    cursor_secret: bytes  # 32 bytes of the store's own, with which its cursors are sealed

    @abstractmethod
    async def migrate(self, schema: Schema) -> tuple[str, ...]:
        """Make the store fit `schema`; what was done, a line each. Idempotent. Sets `self.schema`.

        Properties that are gone stay stored and readable as `raw`; a changed datatype is converted where every
        value converts without loss, else SchemaError names the values. Raises StoreError family.
        """

    @abstractmethod
    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        """Apply all of it or nothing, durably. `now`: the store's clock reading, for tests and replays.

        Raises ValidationError, IdentityConflict, StaleExpectation, IdempotencyConflict, NotFound, StoreError family.
        """

    @abstractmethod
    async def execute(self, query: Query, scope: Scope) -> bytes:
        """The answer's JSON (UTF-8). Raises QueryError, ScopeDenied, LimitExceeded, StoreError family."""

    @abstractmethod
    def scan(self, scan: Scan, scope: Scope) -> AsyncIterator[pa.RecordBatch]:
        """Rows in batches, in order of id."""

    @abstractmethod
    async def changes(self, after: Position, scope: Scope, *, limit: int = 1000) -> tuple[ChangeEntry, ...]:
        """What happened after a position, in order, at most `limit` entries: go on from the last one's position."""

    @abstractmethod
    async def clock(self) -> Clock:
        """The latest visible commit."""

    @abstractmethod
    async def receipt(self, key: str) -> Receipt | None:
        """The receipt stored under an idempotency key."""

    @abstractmethod
    async def runs(self) -> tuple[dict[str, Any], ...]:
        """Commits by run: run, author, reason, first and last system instant, seqs, counts."""

    @abstractmethod
    async def sources(self, scope: Scope) -> tuple[Source, ...]:
        """Sources of a level that the scope reads, by id."""

    @abstractmethod
    async def backup(self, path: Path) -> None:
        """A portable archive of everything; restores into any store."""

    @abstractmethod
    async def restore(self, path: Path) -> None:
        """Fill this empty store from an archive; refuses one that is not empty. Erasures recorded here stay erased."""

    @abstractmethod
    async def check(self) -> tuple[Finding, ...]:
        """Verify invariants: no overlapping boxes, resolved = claims, relations inside existence, indexes complete."""

    @abstractmethod
    async def erase(self, request: EraseRequest, *, now: int | None = None) -> Receipt:
        """Remove values everywhere and leave a tombstone. The only verb that changes the past."""

    @abstractmethod
    async def prune(self, before: int) -> int:
        """Drop what was superseded before a system instant; rows dropped. Reads before it are then refused."""

    @abstractmethod
    async def close(self) -> None:
        """Release everything. Idempotent."""

    @contextmanager
    def since(self, bookmark: str) -> Iterator[Callable[[], str]]:
        """What this task reads and writes inside sees at least what the bookmark stands for.

        Gives a function that tells the bookmark of all that was read and written inside so far: "" where whoever
        opens the store sees the same anyway, as here. Raises QueryError for what is no bookmark.
        """
        del bookmark
        yield lambda: ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
