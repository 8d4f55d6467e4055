"""One commit: announce, facts, publish. What a lost connection left open is settled by whoever comes next.

See docs/decisions/190-neo4j-layout.md.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from kg.errors import StoreBusy
from kg.store.commit.envelope import KEPT_MICROSECONDS, content_hash, same_content, system_instant
from kg.store.commit.plan import plan
from kg.store.neo4j.clock import ANNOUNCE, PUBLISH, Ticks, keep, lock
from kg.store.neo4j.layout import KEY, TX
from kg.store.neo4j.reading import WriteReading
from kg.store.neo4j.receipts import RECEIPT, receipt_from, record_key, record_tx
from kg.store.neo4j.work import Work
from kg.store.neo4j.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from kg.model.changes import ChangeSet, Receipt
    from kg.model.rows import VersionRow
    from kg.store.commit.rows import Delta
    from kg.store.neo4j.connection import Link
    from kg.store.neo4j.values import Shapes


@dataclass(slots=True)
class Attempts:
    """What one change knows over all its attempts: under which name, and as which commit, it may have been written."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    receipt: Receipt | None = None
    epoch: int = -1


@dataclass(slots=True)
class Turn:
    """A writer's turn: the open transaction, and the Clock whose lock it holds."""

    link: Link
    work: Work
    ticks: Ticks

    async def commit(self, *, attempt: str, visible: bool) -> None:
        """Write the Clock and commit; where anything a reader sees has changed, announce before and publish after."""
        ticks = self.ticks
        if visible:
            ticks.epoch += 1
            ticks.attempt = attempt
        await keep(self.work, ticks)
        if visible:
            await self.link.write(ANNOUNCE, {"epoch": ticks.epoch})
        await self.work.commit()


RESTORING: Final = "restoring"
"""In the place of the latest attempt while a restore is filling the store, or was cut off."""


@asynccontextmanager
async def turn(link: Link, *, restoring: bool = False) -> AsyncIterator[Turn]:
    """Open a transaction that holds the Clock's lock, with everything before it published.

    StoreBusy in the midst of a restore, unless it is the restore's.
    """
    known = link.known()
    async with link.session(write=True) as session:
        async with await session.begin_transaction(timeout=link.access.write_seconds) as tx:
            work = Work(tx)
            ticks, written = await lock(work)
            if ticks.attempt == RESTORING and not restoring:
                raise StoreBusy(
                    "The store is being filled from a backup", where=link.url,
                    remedy="Wait; if that was cut off, restore again.",
                )  # fmt: skip
            if written < ticks.epoch:
                await publish(link, ticks)
            yield Turn(link, work, ticks)
        await link.passed(session, known)


async def publish(link: Link, ticks: Ticks) -> None:
    """Let readers see what was committed."""
    await link.write(PUBLISH, {"epoch": ticks.epoch, "values": ticks.published()})


async def commit(
    link: Link,
    shapes: Callable[[int], Any],
    change_set: ChangeSet,
    *,
    now: int,
    check: Callable[[VersionRow], str] | None,
) -> Receipt:
    """One ChangeSet. `shapes`: awaitable of the Shapes for a Schema's ordinal."""
    attempts = Attempts()
    digest = content_hash(change_set) if change_set.key else ""

    async def once() -> Receipt:
        async with turn(link) as mine:
            if attempts.receipt is not None and await _arrived(mine, attempts):
                return attempts.receipt
            found: Shapes = await shapes(mine.ticks.schema)
            receipt, visible = await _facts(mine, found, change_set, digest, now, check, attempts)
            if not visible:
                return receipt
        await publish(link, mine.ticks)
        return receipt

    return await link.again(once)


async def _arrived(mine: Turn, attempts: Attempts) -> bool:
    """Whether an attempt whose reply was lost did commit. Its turn published it."""
    if mine.ticks.attempt == attempts.name:
        return True
    assert attempts.receipt is not None
    found = await mine.work.rows(
        f"MATCH (t:`{TX}` {{seq: $seq}}) RETURN t.attempt = $name", seq=attempts.receipt.seq, name=attempts.name
    )
    return bool(found and found[0][0])


async def _facts(
    mine: Turn,
    shapes: Shapes,
    change_set: ChangeSet,
    digest: str,
    now: int,
    check: Callable[[VersionRow], str] | None,
    attempts: Attempts,
) -> tuple[Receipt, bool]:
    """Plan, write, commit; the receipt, and whether there is anything to publish."""
    work, ticks = mine.work, mine.ticks
    if change_set.key:
        earlier = await _replayed(work, change_set.key, digest, now)
        if earlier is not None:
            return earlier, False
    system = system_instant(ticks.system, now, change_set.recorded_at)
    writer = Writer(work, shapes, ticks)
    moved = await writer.present.advance(now)  # first: rows may move, and what the plan reads tells where they lie
    reading = WriteReading(work, shapes.layout, moved=ticks.moved)
    delta = await asyncio.to_thread(plan, change_set, reading, shapes.layout.schema, system, check=check)
    assert delta.receipt is not None
    receipt = delta.receipt
    visible = delta.writes or bool(change_set.key)
    if not visible and not moved and not _notes(delta):
        return receipt, False
    if visible:
        ticks.system, ticks.seq = system, ticks.seq + 1
        receipt = replace(receipt, system=system, seq=ticks.seq)
    await writer.apply(delta, reading.held)
    if visible:
        await record_tx(work, receipt, change_set.author, change_set.reason, "commit", attempts.name)
        if change_set.key:
            await record_key(work, change_set, digest, receipt)
        attempts.receipt = receipt
    await mine.commit(attempt=attempts.name, visible=visible or moved)
    return receipt, visible or moved


def _notes(delta: Delta) -> bool:
    """Whether there is bookkeeping to write though no fact changes."""
    return any(ops or ops.anchors or ops.affirm for ops in (delta.claims, delta.relation_claims))


async def _replayed(work: Work, key: str, digest: str, now: int) -> Receipt | None:
    await work.rows(
        f"MATCH (k:`{KEY}`) WHERE k.system <= $before AND NOT k.recorded DELETE k", before=now - KEPT_MICROSECONDS
    )
    found = await work.rows(RECEIPT, key=key)
    if not found:
        return None
    same_content(key, found[0][0], digest)
    return replace(receipt_from(found[0][1]), replayed=True)
