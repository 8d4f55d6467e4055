"""What stored values mean in queries: comparison, order, calculation, buckets, and their JSON.

Used by the reference interpreter, and by compilers for what they compute outside their engine.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import orjson

from kg.geo import beidou, geometry
from kg.model.intervals import MIN, OPEN
from kg.query.algebra import Comparison, Op
from kg.schema.types import Datatype

Stored: TypeAlias = "str | bool | int | float | tuple[Any, ...] | None"
"""A value in stored form; None is absent, a tuple many values."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = 2**63


# ---------------------------------------------------------------- JSON


def instant_text(instant: int) -> str:
    """ISO 8601 in UTC with 0, 3 or 6 fractional digits. OverflowError outside the years 1 to 9999."""
    seconds, micros = divmod(instant, 1_000_000)
    moment = _EPOCH + timedelta(seconds=seconds)
    text = f"{moment.year:04d}-{moment.month:02d}-{moment.day:02d}T{moment:%H:%M:%S}"
    if not micros:
        return f"{text}Z"
    return f"{text}.{micros:06d}Z" if micros % 1000 else f"{text}.{micros // 1000:03d}Z"


def json_value(value: Stored, datatype: Datatype | None) -> Any:
    """What stands in the answer for one stored value, or for each of many. None for an open instant."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return [json_value(one, datatype) for one in value]
    if datatype is Datatype.INSTANT:
        assert isinstance(value, int)
        return None if value in {OPEN, MIN} else instant_text(value)
    if datatype in {Datatype.GEOMETRY, Datatype.JSON}:
        assert isinstance(value, str)
        return orjson.loads(value)
    return value


def significant(value: float, digits: int) -> float:
    """Rounded to so many significant decimal digits; never -0.0, which engines lose where they write rows down."""
    return float(f"{value:.{digits}g}") + 0.0


# ---------------------------------------------------------------- order and comparison


def order_key(value: Stored) -> tuple[int, Any] | None:
    """Sorts values of one expression; None for null (last either way), which a many-valued one counts as."""
    if value is None or isinstance(value, tuple):
        return None
    return (1, value) if isinstance(value, str) else (0, value)


def compare(op: Comparison, left: Stored, right: Stored) -> bool:
    """Whether a comparison holds for some of the values on either side; unknown is false."""
    if op is Comparison.IS_NULL:
        absent = left is None or left == ()
        return absent is bool(right)
    if op is Comparison.IN:
        options = right if isinstance(right, tuple) else (right,)
        return any(_holds(Comparison.EQ, one, option) for one in _each(left) for option in options)
    return any(_holds(op, one, other) for one in _each(left) for other in _each(right))


def _each(value: Stored) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _holds(op: Comparison, left: Any, right: Any) -> bool:
    if left is None or right is None or isinstance(left, str) is not isinstance(right, str):
        return False
    match op:
        case Comparison.EQ:
            return bool(left == right)
        case Comparison.NE:
            return bool(left != right)
        case Comparison.LT:
            return bool(left < right)
        case Comparison.LE:
            return bool(left <= right)
        case Comparison.GT:
            return bool(left > right)
        case Comparison.GE:
            return bool(left >= right)
        case Comparison.CONTAINS:
            return isinstance(left, str) and right in left
        case Comparison.STARTS_WITH:
            return isinstance(left, str) and left.startswith(right)
    raise AssertionError(op)


# ---------------------------------------------------------------- calculation


def calculate(op: Op, args: tuple[Stored, ...]) -> Stored:
    """The value of a calculation; null where an argument is null or many-valued, or the result is not finite."""
    if any(arg is None or isinstance(arg, tuple) for arg in args):
        return None
    given: tuple[Any, ...] = args
    match op:
        case Op.ADD | Op.SUBTRACT | Op.MULTIPLY | Op.DIVIDE:
            return _arithmetic(op, given[0], given[1])
        case Op.LOWER:
            return str(given[0]).lower()
        case Op.LENGTH:
            return len(given[0])
        case Op.DISTANCE:
            return geometry.distance_m(given[0], float(given[1]), float(given[2]))
        case Op.AREA:
            return geometry.area_m2(given[0])
        case Op.GRID:
            return beidou.grid_of(*geometry.point_of(given[0]), int(given[1]))
        case _:
            return bucket(op, given[0])


def _arithmetic(op: Op, left: float, right: float) -> int | float | None:
    if op is Op.DIVIDE:
        if not right:
            return None
        result: int | float = float(left) / float(right)
    elif op is Op.ADD:
        result = left + right
    elif op is Op.SUBTRACT:
        result = left - right
    else:
        result = left * right
    if isinstance(result, int) and not -_INT64 <= result < _INT64:
        result = float(result)
    return result if isinstance(result, int) or math.isfinite(result) else None


def bucket(op: Op, value: str | int) -> str | int | None:
    """The year, quarter, month, week or day of a Date (None where it is less precise) or of an instant, in UTC."""
    text = value if isinstance(value, str) else instant_text(value)[:10]
    year, month, day = text[:4], text[5:7], text[8:10]
    if op is Op.YEAR:
        return int(year)
    if not month:
        return None
    if op is Op.QUARTER:
        return f"{year}-Q{(int(month) + 2) // 3}"
    if op is Op.MONTH:
        return f"{year}-{month}"
    if not day:
        return None
    if op is Op.DAY:
        return text
    iso = date(int(year), int(month), int(day)).isocalendar()
    return f"{iso.year:04d}-W{iso.week:02d}"
