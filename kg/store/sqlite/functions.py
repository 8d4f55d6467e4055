"""Functions that statements call: exact geometry, text and dates as everywhere else in Jingwei.

All are deterministic and give null for null, so that a statement needs no case around them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import orjson

from kg.geo import beidou, geometry
from kg.query.algebra import After, Op, Range, Time
from kg.query.cursor import Token
from kg.query.values import bucket, instant_text, significant
from kg.store.sqlite.compile import rank

if TYPE_CHECKING:
    from collections.abc import Callable

    import apsw

    from kg.query.cursor import CursorCodec


@lru_cache(maxsize=65536)
def _text(instant: int) -> str:
    return instant_text(instant)


def _instant(instant: int | None) -> str:
    """JSON of an instant."""
    return "null" if instant is None else f'"{_text(instant)}"'


def _instants(array: str | None) -> str:
    return "[]" if array is None else "[" + ",".join(_instant(i) for i in orjson.loads(array)) + "]"


def _round12(value: float | None) -> float | None:
    if value is None or type(value) is int:
        return value
    return significant(value, 12) if math.isfinite(value) else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _shown(value: float | None) -> str:
    """JSON of a calculated number: 15 digits."""
    if value is None:
        return "null"
    return str(value) if type(value) is int else repr(significant(value, 15))


def _bucket(op: Op) -> Callable[[str | int | None], str | int | None]:
    def function(value: str | int | None) -> str | int | None:
        return None if value is None else bucket(op, value)

    return function


def _distance(text: str | None, lon: float, lat: float) -> float | None:
    return None if text is None else geometry.distance_m(text, lon, lat)


def _area(text: str | None) -> float | None:
    return None if text is None else geometry.area_m2(text)


@lru_cache(maxsize=8192)
def _grid(text: str | None, level: int) -> str | None:
    return None if text is None else beidou.grid_of(*geometry.point_of(text), level)


def _within(text: str | None, query: str) -> int | None:
    return None if text is None else int(geometry.within(text, query))


def _intersects(text: str | None, query: str) -> int | None:
    return None if text is None else int(geometry.intersects(text, query))


@lru_cache(maxsize=64)
def _bbox(text: str) -> tuple[float, float, float, float]:
    return geometry.parse_bbox(text)


def _meets(text: str | None, box: str) -> int | None:
    return None if text is None else int(geometry.meets_bbox(text, _bbox(box)))


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _length(text: str | None) -> int | None:
    return None if text is None else len(text)


def _only_known(text: str | None, names: str, gone: str) -> str | None:
    """A JSON object's members: of `names` (JSON list; null is all), without those of `gone`, sorted."""
    if text is None:
        return None
    keep, drop = orjson.loads(names), set(orjson.loads(gone))
    shown = {n: v for n, v in sorted(orjson.loads(text).items()) if n not in drop and (keep is None or n in keep)}
    return orjson.dumps(shown).decode()


@lru_cache(maxsize=512)
def _kinds(text: str) -> dict[str, str]:
    found: dict[str, str] = orjson.loads(text)
    return found


def _claimed(text: str, kinds: str) -> str:
    """A claim's properties as an answer shows them: those of `kinds` (JSON: name → "", "instant" or "json"), sorted."""
    shown = _kinds(kinds)
    members = []
    for name, value in sorted(orjson.loads(text).items()):
        if name in shown:
            members.append(f'"{name}":{_claim_value(value, shown[name])}')
    return "{" + ",".join(members) + "}"


def _claim_value(value: Any, kind: str) -> str:
    if isinstance(value, list):
        return "[" + ",".join(_claim_value(one, kind) for one in value) + "]"
    if value is not None and kind == "instant":
        return _instant(value)
    if value is not None and kind == "json":
        return str(value)
    return orjson.dumps(value).decode()


FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    "jw_instant": (_instant, 1),
    "jw_instants": (_instants, 1),
    "jw_round12": (_round12, 1),
    "jw_finite": (_finite, 1),
    "jw_shown": (_shown, 1),
    **{f"jw_{op.value}": (_bucket(op), 1) for op in (Op.YEAR, Op.QUARTER, Op.MONTH, Op.WEEK, Op.DAY)},
    "jw_only": (_only_known, 3),
    "jw_claimed": (_claimed, 2),
    "jw_distance": (_distance, 3),
    "jw_area": (_area, 1),
    "jw_grid": (_grid, 2),
    "jw_within": (_within, 2),
    "jw_intersects": (_intersects, 2),
    "jw_meets": (_meets, 2),
    "jw_lower": (_lower, 1),
    "jw_length": (_length, 1),
    rank.FUNCTION: (rank.rank_function, -1),
}


class _Sum:
    """sum() of whole numbers that goes on as a double where 64 bits are left; null over nothing."""

    def __init__(self) -> None:
        self.total: int | None = None

    def step(self, value: int | None) -> None:
        if value is not None:
            self.total = value if self.total is None else self.total + value

    def final(self) -> int | float | None:
        total = self.total
        return total if total is None or -(2**63) <= total < 2**63 else significant(float(total), 12)


def register(db: apsw.Connection) -> None:
    """Puts them into a connection."""
    db.create_aggregate_function("jw_sum", cast("Any", _Sum), 1)
    for name, (function, arity) in FUNCTIONS.items():
        db.create_scalar_function(name, function, arity, deterministic=True)


def register_cursor(db: apsw.Connection, codec: CursorCodec) -> None:
    """The store's cursors: they need its secret."""

    def cursor(
        binding: str,
        valid: int | str,
        system: int | str,
        row: str,
        edge: str,
        sf: int | None,
        vf: int | None,
        *keys: Any,
    ) -> str:
        values = tuple(key == b"\x01" if isinstance(key, bytes) else key for key in keys)
        token = Token(Time(_when(valid), _when(system)), After(values, row, sf, vf, edge))
        return codec.encode(token, binding)

    db.create_scalar_function("jw_cursor", cast("Any", cursor), -1, deterministic=True)


def _when(value: int | str) -> int | Range:
    return Range(*orjson.loads(value)) if isinstance(value, str) else value
