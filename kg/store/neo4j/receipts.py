"""Receipts, idempotency keys, commits and sources in the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.model.changes import Receipt
from kg.store import archive
from kg.store.neo4j.layout import KEY, SOURCE, TX
from kg.store.tables import TxRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kg.model.changes import ChangeSet
    from kg.store.neo4j.work import Work

_COUNTS: Final = ("read", "loaded", "merged", "unchanged", "rejected")
RECEIPT: Final = f"MATCH (k:`{KEY}` {{key: $key}}) RETURN k.hash, k.receipt, k.system, k.recorded"
COMMITS: Final = (
    f"MATCH (t:`{TX}`) WHERE t.seq > $after WITH t ORDER BY t.seq LIMIT $limit "
    f"OPTIONAL MATCH (k:`{KEY}` {{system: t.system}}) "
    "RETURN t.seq, t.system, t.run, t.author, t.reason, t.counts, k.key, k.hash, k.receipt, k.recorded"
)
"""In order, a batch of them; `commit_of` makes a row of each."""
SOURCES: Final = f"MATCH (s:`{SOURCE}`) WHERE s.id <> '' AND s.level <= $level RETURN properties(s) ORDER BY s.id"


def receipt_text(receipt: Receipt) -> str:
    """JSON of all of it."""
    return orjson.dumps(receipt, default=list).decode()


def receipt_from(text: str) -> Receipt:
    """The reverse."""
    return archive.receipt_from(orjson.loads(text))


def commit_of(row: list[Any]) -> TxRow:
    """One row of COMMITS; of a commit without a key the receipt has its counts alone."""
    seq, system, run, author, reason, counts, key, digest, receipt, recorded = row
    found = receipt_from(receipt) if receipt else Receipt(**orjson.loads(counts), system=system, seq=seq, run=run)
    return TxRow(seq, system, run, key or "", digest or "", author, reason, found, bool(recorded))


def counts_text(receipt: Receipt) -> str:
    """What remains of a receipt without a key."""
    return orjson.dumps({n: getattr(receipt, n) for n in _COUNTS}).decode()


def commits_of(rows: Iterable[list[Any]]) -> Iterator[TxRow]:
    return map(commit_of, rows)


async def record_tx(work: Work, receipt: Receipt, author: str, reason: str, kind: str, attempt: str) -> None:
    """The commit's own node."""
    await work.rows(
        f"CREATE (t:`{TX}`) SET t = $tx",
        tx={
            "seq": receipt.seq, "system": receipt.system, "run": receipt.run, "author": author, "reason": reason,
            "kind": kind, "counts": counts_text(receipt),
            "attempt": attempt,
        },
    )  # fmt: skip


async def record_key(work: Work, change_set: ChangeSet, digest: str, receipt: Receipt) -> None:
    """The receipt under the ChangeSet's key."""
    await work.rows(
        f"MERGE (k:`{KEY}` {{key: $key}}) SET k.hash = $hash, k.receipt = $receipt, k.system = $system, "
        "k.recorded = $recorded",
        key=change_set.key, hash=digest, receipt=receipt_text(receipt), system=receipt.system,
        recorded=change_set.recorded_at is not None,
    )  # fmt: skip
