"""Receipts, commits and sources in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from kg.model.changes import Receipt, Source
from kg.store import archive
from kg.store.tables import TxRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw


def receipt_text(receipt: Receipt) -> str:
    """JSON of all of it."""
    return orjson.dumps(receipt, default=list).decode()


def receipt_from(text: str) -> Receipt:
    """The reverse."""
    return archive.receipt_from(orjson.loads(text))


def receipt_of(db: apsw.Connection, key: str) -> Receipt | None:
    """What is stored under an idempotency key."""
    text = db.execute("select receipt from idempotency where key = ?", (key,)).get
    return None if text is None else receipt_from(text)


def commits(db: apsw.Connection) -> Iterator[TxRow]:
    """All commits in order; of one without a key the receipt has its counts alone."""
    for seq, system, run, author, reason, counts, key, digest, receipt, recorded in db.execute(
        "select t.seq, t.system, t.run, t.author, t.reason, t.counts, coalesce(i.key, ''), coalesce(i.hash, ''), "
        "i.receipt, coalesce(i.recorded, 0) from tx t left join idempotency i on i.system = t.system order by t.seq"
    ):
        found = receipt_from(receipt) if receipt else Receipt(**orjson.loads(counts), system=system, seq=seq, run=run)
        yield TxRow(seq, system, run, key, digest, author, reason, found, bool(recorded))


def sources(db: apsw.Connection, level: int) -> Iterator[Source]:
    """Those of up to a level, by id; the store's own, which has no id, is none."""
    for row in db.execute(
        "select id, label, priority, level, timezone from source where id <> '' and level <= ? order by id", (level,)
    ):
        yield Source(*row)
