# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""One commit: idempotency, the clock, the planner, the rows, the receipt. Inside the caller's write transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from kg.errors import ValidationError
from kg.store.commit.envelope import KEPT_MICROSECONDS, content_hash, same_content, system_instant
from kg.store.commit.plan import plan
from kg.store.sqlite.connection import head, make_room
from kg.store.sqlite.names import Names
from kg.store.sqlite.reading import WriteReading
from kg.store.sqlite.receipts import receipt_from, receipt_text
from kg.store.sqlite.values import dump
from kg.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

    from kg.model.changes import ChangeSet, Receipt
    from kg.model.rows import VersionRow
    from kg.store.sqlite.writer import Writers

SPANS = ("claim", "relation_claim", "version", "edge")
"""Tables whose rows of one commit are named by its `tx` row: from, to (exclusive)."""


def commit(
    db: apsw.Connection,
    change_set: ChangeSet,
    writers: Writers,
    *,
    now: int,
    check: Callable[[VersionRow], str] | None,
) -> Receipt:
    try:
        return _commit(db, change_set, writers, now, check)
    except (UnicodeEncodeError, orjson.JSONEncodeError) as error:
        raise ValidationError(
            f"A value cannot be stored: {error}",
            remedy="Texts are Unicode without lone surrogates; integers have 64 bits.",
        ) from error


def _commit(
    db: apsw.Connection,
    change_set: ChangeSet,
    writers: Writers,
    now: int,
    check: Callable[[VersionRow], str] | None,
) -> Receipt:
    digest = ""
    if change_set.key:
        digest = content_hash(change_set)
        earlier = _replayed(db, change_set.key, digest, now)
        if earlier is not None:
            return earlier
    last = head(db)
    system = system_instant(last.system, now, change_set.recorded_at)
    names = Names(db)
    reading = WriteReading(db, writers.layout, writers.schema, names)
    delta = plan(change_set, reading, writers.schema, system, check=check)
    assert delta.receipt is not None
    receipt = delta.receipt
    writer = Writer(db, writers, names)
    make_room(db, len(delta.versions.insert) + len(delta.edges.insert))
    before = {table: writer.next_row(table) for table in SPANS}
    writer.apply(delta)
    if delta.writes or change_set.key:
        receipt = replace(receipt, system=system, seq=last.seq + 1)
        record_tx(db, writer, before, receipt, change_set.author, change_set.reason, kind="commit")
    if change_set.key:
        db.execute(
            "insert into idempotency (key, hash, receipt, system, recorded) values (?, ?, ?, ?, ?)",
            (change_set.key, digest, receipt_text(receipt), system, change_set.recorded_at is not None),
        )
    return receipt


def record_tx(
    db: apsw.Connection,
    writer: Writer,
    before: dict[str, int],
    receipt: Receipt,
    author: str,
    reason: str,
    *,
    kind: str,
) -> None:
    """The commit's own row: its instant, who and why, and which rows it wrote."""
    counts = {n: getattr(receipt, n) for n in ("read", "loaded", "merged", "unchanged", "rejected")}
    spans = [n for table in SPANS for n in (before[table], writer.next_row(table))]
    db.execute(
        f"insert into tx values ({', '.join('?' * 15)})",
        (receipt.seq, receipt.system, receipt.run, author, reason, kind, dump(counts), *spans),
    )


def _replayed(db: apsw.Connection, key: str, digest: str, now: int) -> Receipt | None:
    db.execute("delete from idempotency where not recorded and system <= ?", (now - KEPT_MICROSECONDS,))
    found = db.execute("select hash, receipt from idempotency where key = ?", (key,)).fetchone()
    if found is None:
        return None
    same_content(key, found[0], digest)
    return replace(receipt_from(found[1]), replayed=True)
