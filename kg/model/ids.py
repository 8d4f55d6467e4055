"""Minted ids and derived keys: opaque, ASCII, stable."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kg.model.changes import RecordKey, Value

_BYTES = 12  # 24 hexadecimal characters; two of 10^9 ids meet with a chance of 10^-11


def _digest(*parts: str) -> str:
    text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
    return blake2b(text, digest_size=_BYTES).hexdigest()


def entity_id(kind: str, *parts: str) -> str:
    """An entity's id from what it was first known by: ("identifier", scheme, value) or ("record", source, local)."""
    return _digest("entity", kind, *parts)


def line_id(
    source: str,
    relation: str,
    start: RecordKey,
    end: RecordKey,
    key: Mapping[str, Value],
    references: Mapping[str, RecordKey],
) -> str:
    """One source's claim line about one relation; `key`, `references`: the key properties alone."""
    return _digest(
        "line", source, relation, start.source, start.local, end.source, end.local, _canonical(key),
        *(f"{name}\x1e{ref.source}\x1e{ref.local}" for name, ref in sorted(references.items())),
    )  # fmt: skip


def edge_id(relation: str, start: str, end: str, key: Mapping[str, Value]) -> str:
    """A resolved relation's identity; entity-valued key properties as ids."""
    return _digest("edge", relation, start, end, _canonical(key))


def content_hash(parts: Sequence[object]) -> str:
    """Of anything that orjson writes; for idempotency keys."""
    return blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=20).hexdigest()


def _canonical(values: Mapping[str, Value]) -> str:
    return orjson.dumps(dict(values), option=orjson.OPT_SORT_KEYS).decode() if values else ""
