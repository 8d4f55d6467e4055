"""What surrounds a commit in every store: its system instant, its idempotency key, its check of shapes."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from kg.errors import IdempotencyConflict, ValidationError
from kg.model.changes import Put
from kg.store.readable import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kg.model.changes import ChangeSet
    from kg.model.rows import VersionRow
    from kg.schema.types import Schema

KEPT_MICROSECONDS = 30 * 24 * 3600 * 1_000_000
"""How long idempotency keys are kept."""


def system_instant(last: int, now: int, recorded_at: int | None) -> int:
    """The commit's instant: the store's clock, always after the last commit; or the replayed recording instant."""
    if recorded_at is None:
        return max(last + 1, now)
    if recorded_at > now:
        raise ValidationError(
            "A recording instant lies in the future", field="recorded_at", value=shown(recorded_at),
            remedy="Give the instant at which this was really recorded.",
        )  # fmt: skip
    if recorded_at < last:
        raise ValidationError(
            "A recording instant lies before what the store has recorded already", field="recorded_at",
            value=shown(recorded_at), remedy="Replay history in the order of recording, into a new store.",
        )  # fmt: skip
    return max(last + 1, recorded_at)


def content_hash(change_set: ChangeSet) -> str:
    """Of what the ChangeSet says; its key and recording instant left out."""
    said = [
        [_put(change) if type(change) is Put else repr(change) for change in change_set.changes],
        change_set.run, repr(change_set.sources), repr(change_set.expect), change_set.author,
    ]  # fmt: skip
    try:
        text = orjson.dumps(said, default=dict)
    except orjson.JSONEncodeError:  # lone surrogates, or integers that no store keeps: refused later, with their name
        text = repr(said).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=20).hexdigest()


def _put(put: Put) -> tuple[object, ...]:
    """What a Put says, in the order of its fields: JSON of it is a third of the work of its `repr`."""
    return (
        put.record.source, put.record.local, put.cls, put.properties, put.valid.start, put.valid.end, put.patch,
        put.until_next, put.level, put.confidence, put.stated, put.entity and repr(put.entity), put.mentioned,
    )  # fmt: skip


def same_content(key: str, stored: str, content: str) -> None:
    """Raises IdempotencyConflict where a key comes back with other content."""
    if stored != content:
        raise IdempotencyConflict(
            "This idempotency key was used for another change set", field="key", value=key,
            remedy="Use a new key, or send what was sent the first time.",
        )  # fmt: skip


def shape_check(schema: Schema, earlier: Iterable[Schema] = ()) -> Callable[[VersionRow], str]:
    """What is wrong with a resolved version, "" for nothing.

    A property that the class had under an `earlier` Schema and has no more may stay.
    """
    from kg.schema.checks import compile_checks

    checks = compile_checks(schema)
    gone: dict[str, set[str]] = {}
    for one in earlier:
        for name, cls in one.classes.items():
            gone.setdefault(name, set()).update(p.name for p in cls.properties)
    for name, cls in schema.classes.items():
        gone.get(name, set()).difference_update(p.name for p in cls.properties)

    def check(row: VersionRow) -> str:
        properties = row.properties
        left = gone.get(row.cls)
        if left and not left.isdisjoint(properties):
            properties = {n: v for n, v in properties.items() if n not in left}
        found = checks.resolved(row.cls, properties)
        return "; ".join(str(problem) for problem in found) if found else ""

    return check
