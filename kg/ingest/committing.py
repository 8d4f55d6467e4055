"""Batches of rows → atomic commits. What the store refuses for one row costs that row and no other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kg.errors import IdentityConflict, NotFound, ValidationError
from kg.model.changes import ChangeSet, Rejection
from kg.model.ids import content_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kg.errors import JingweiError
    from kg.ingest.building import Built
    from kg.model.changes import End, Put, Receipt, Source
    from kg.model.records import Record
    from kg.store.base import Store

_CHANGE: Final = re.compile(r"change (\d+)")
_FIRST_AFTER_FAULT: Final = 64
ENDED_AT_ONCE: Final = 1000
MOST_KEPT: Final = 10_000
"""Rows kept for a second try at the end, because they name an entity that may come later in the file."""


@dataclass(frozen=True, slots=True)
class Batched:
    """A record with its changes."""

    record: Record
    built: Built


@dataclass(frozen=True, slots=True)
class Absent:
    """What a whole file has no more, and the fact that it came."""

    ends: tuple[End, ...]
    marker: Put

    @property
    def count(self) -> int:
        return len(self.ends)


@dataclass(slots=True)
class Counts:
    """Rows by what became of them."""

    read: int = 0
    loaded: int = 0
    merged: int = 0
    unchanged: int = 0
    rejected: int = 0


class Committer:
    """Commits rows in order. `refuse` is told of each row that the store does not take."""

    def __init__(
        self, store: Store, run: str, *, sources: tuple[Source, ...], author: str, reason: str, recorded_at: int | None,
        now: int, refuse: Callable[[Record, Rejection], None], where: str,
    ) -> None:  # fmt: skip
        self.store = store
        self.run = run
        self.sources = sources
        self.author = author
        self.reason = reason
        self.recorded_at = recorded_at
        self.now = now
        self.refuse = refuse
        self.where = where
        self.counts = Counts()
        self.later: list[Batched] = []
        self.last: Receipt | None = None
        self.first_seq: int | None = None
        self._touched = bytearray()  # entity ids, 12 bytes each

    async def commit(self, batch: Sequence[Batched], name: str, *, again: bool = False) -> None:
        """Commit a batch. `name` is its place in the load, the same whenever the load is repeated."""
        rows = list(batch)
        size = len(rows)
        while rows:
            part = rows[:size]
            try:
                await self._one(part, f"{name}:{part[0].record.row}-{part[-1].record.row}:{len(part)}")
            except (ValidationError, IdentityConflict, NotFound) as error:
                culprit = _culprit(error, part)
                if len(part) > 1:
                    # All before the culprit, then it alone.
                    size = culprit or (1 if culprit == 0 else len(part) // 2)
                    continue
                self._refused(part[0], error, again=again)
            rows = rows[len(part) :]
            size = max(_FIRST_AFTER_FAULT, 2 * size)

    async def _one(self, part: Sequence[Batched], key: str) -> None:
        changes = [change for row in part for change in row.built.entities]
        changes += [change for row in part for change in row.built.relations]
        receipt = await self._send(tuple(changes), key)
        if receipt.loaded or receipt.merged:
            self._touched += bytes.fromhex("".join(receipt.entities))
        at, after = 0, sum(len(row.built.entities) for row in part)
        letters = receipt.outcomes
        for row in part:
            entities, relations = len(row.built.entities), len(row.built.relations)
            said = letters[at : at + entities] + letters[after : after + relations]
            at, after = at + entities, after + relations
            if said[:1] == "m" and entities:
                self.counts.merged += 1
            elif "l" in said or "m" in said:
                self.counts.loaded += 1
            else:
                self.counts.unchanged += 1

    def touched(self) -> set[str]:
        """Entities of which rows of batches that changed something said anything."""
        ids = self._touched.hex()
        return {ids[at : at + 24] for at in range(0, len(ids), 24)}

    async def _send(self, changes: tuple[object, ...], key: str) -> Receipt:
        receipt = await self.store.commit(
            ChangeSet(
                changes, run=self.run, key=f"{self.run}/{key}", sources=self.sources, author=self.author,  # type: ignore[arg-type]
                reason=self.reason, recorded_at=self.recorded_at,
            ),
            now=self.now,
        )  # fmt: skip
        if receipt.system is not None:
            if self.recorded_at is not None:
                # The store takes no commit from before its last one.
                self.recorded_at = max(self.recorded_at, receipt.system)
            self.last = receipt
            self.first_seq = self.first_seq or receipt.seq
        return receipt

    async def finish(self, absent: Absent | None = None) -> None:
        """Try once more what was put off, end what is absent, then mark the load as done.

        After that the same load again is a new run.
        """
        later, self.later = self.later, []
        if later:
            await self.commit(later, "later", again=True)
        if absent is not None:
            for at in range(0, absent.count, ENDED_AT_ONCE):
                part = absent.ends[at : at + ENDED_AT_ONCE]
                # After a crash fewer are left to end: the key is of what is ended, not of where it stands.
                await self._send(part, f"absent:{content_hash([[e.record.local for e in part]])}")
            await self._send((absent.marker,), "delivered")
        await self._send((), "end")

    def _refused(self, row: Batched, error: JingweiError, *, again: bool) -> None:
        if isinstance(error, NotFound) and not again and len(self.later) < MOST_KEPT:
            self.later.append(row)
            return
        where = f"{self.where}:{row.record.row}"
        self.counts.rejected += 1
        self.refuse(row.record, Rejection(where, error.field, error.value, error.message, error.remedy))


def _culprit(error: JingweiError, part: Sequence[Batched]) -> int | None:
    """Index of the row whose change the store names; None if it names none."""
    match = _CHANGE.fullmatch(error.where)
    if match is None:
        return None
    number = int(match[1]) - 1
    for kind in ("entities", "relations"):
        for index, row in enumerate(part):
            size = len(getattr(row.built, kind))
            if number < size:
                return index
            number -= size
    return None
