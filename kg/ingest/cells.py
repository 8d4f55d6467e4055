"""Cells: a text or JSON value → what the property's check takes. One closure a column, made once.

What a person writes is understood where it can mean one thing only: 1,200 万元, 12.5%, 是, 存续, 2024年5月1日.
The check of the schema has the last word.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import orjson
import shapely

from kg.ingest import dates
from kg.ingest.units import factor, known_units
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kg.schema.types import Property

LIST_SEPARATORS: Final = "；;|"
_YES: Final = frozenset({"true", "yes", "y", "1", "是", "有", "√", "✓", "真", "t"})
_NO: Final = frozenset({"false", "no", "n", "0", "否", "无", "×", "假", "f"})
_NUMBER: Final = re.compile(
    r"([^\d+\-.,\s]{0,3})\s*([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*([^\d,.].*)?", re.ASCII
)
_CHINESE_INSTANT: Final = re.compile(
    r"(\d{4})[年/](\d{1,2})[月/](\d{1,2})日?\s*(\d{1,2})(?:时|:)(\d{1,2})(?:(?:分|:)(\d{1,2})?秒?)?", re.ASCII
)
_EMPTY: Final = frozenset({"", "-", "--", "—", "——", "/", "n/a", "null", "nan", "无数据", "不详"})


@dataclass(slots=True)
class CellError(Exception):
    """A cell that means nothing, and what to write instead."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How the cells of a column are read: its unit, what splits a list, words that stand for values."""

    unit: str = ""
    split: str = ""
    words: Mapping[str, str | bool | int | float] | None = None


def reader(declared: Property, how: Reading) -> Callable[[Any], Any]:
    """A function from a cell to a value, None where the cell is empty. It raises CellError."""
    one = _single(declared, how)
    words = _words(declared, how)
    if words:
        plain, known = one, words

        def one(cell: Any) -> Any:
            return known[cell] if isinstance(cell, str) and cell in known else plain(cell)

    if not declared.many:
        return one
    separators = how.split or LIST_SEPARATORS
    pattern = re.compile(f"[{re.escape(separators)}]")

    def several(cell: Any) -> Any:
        parts = cell if isinstance(cell, list | tuple) else pattern.split(cell) if isinstance(cell, str) else [cell]
        values = [value for part in parts if (value := one(part)) is not None]
        return values or None

    return several


def _words(declared: Property, how: Reading) -> dict[str, Any]:
    """Words that stand for values: those of the mapping, and the ontology's labels of an enumeration."""
    words: dict[str, Any] = {}
    for value, label in zip(declared.values, declared.value_labels, strict=False):
        words |= {text: value for text in (label.zh, label.en) if text}
    words |= {value.lower(): value for value in declared.values}
    return words | dict(how.words or {})


def _single(declared: Property, how: Reading) -> Callable[[Any], Any]:
    kind = declared.datatype
    if kind in {Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE}:
        return _number(declared, how.unit)
    if kind is Datatype.DATE:
        return _date
    if kind is Datatype.INSTANT:
        return _instant
    if kind is Datatype.BOOLEAN:
        return _boolean
    if kind is Datatype.GEOMETRY:
        return _geometry
    if kind is Datatype.JSON:
        return _json
    return _text


def _text(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell.strip() or None
    return cell


def _date(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    if cell.strip().lower() in _EMPTY:
        return None
    try:
        return dates.date_of(cell)
    except dates.NoDate as error:
        raise CellError(str(error), dates.REMEDY) from None


def _instant(cell: Any) -> Any:
    """ISO text of 2024年5月1日8时30分 and the like; the check reads it, in the source's zone where it names none."""
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if text.lower() in _EMPTY:
        return None
    match = _CHINESE_INSTANT.fullmatch(unicodedata.normalize("NFKC", text))
    if match is None:
        return text
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"


def _boolean(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    word = unicodedata.normalize("NFKC", cell).strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    if word in _EMPTY:
        return None
    raise CellError("neither yes nor no", "Write true or false, 是 or 否.")


_LONGEST: Final = 19  # digits that surely fit 64 bits


def _number(declared: Property, unit: str) -> Callable[[Any], Any]:
    said = factor(unit, declared.unit) if unit else Decimal(1)
    assert said is not None, "a mapping is checked before it is used"
    whole = declared.datatype is not Datatype.DOUBLE

    def number(cell: Any) -> Any:
        if isinstance(cell, bool):
            return cell
        if isinstance(cell, int | float):
            return cell if said == 1 else _as(Decimal(repr(cell)) * said, whole, cell)
        if not isinstance(cell, str):
            return cell
        text = cell.strip()
        if text.isdecimal() and text.isascii() and len(text) < _LONGEST:
            return int(text) if said == 1 and whole else _as(Decimal(text) * said, whole, cell)
        return _written(text, declared, said, whole)

    return number


def _written(cell: str, declared: Property, said: Decimal, whole: bool) -> Any:
    text = unicodedata.normalize("NFKC", cell)
    if text.lower() in _EMPTY:
        return None
    match = _NUMBER.fullmatch(text)
    if match is None or not match[2]:
        raise CellError("not a number", "Write digits, such as 1200 or 1,200.5, with or without a unit behind.")
    sign, digits, unit = match.groups()
    times = said
    if unit or sign:
        found = factor(unit or sign, declared.unit)
        if found is None or (sign and factor(sign, declared.unit) is None):
            raise CellError(
                f"no conversion from {unit or sign} to {declared.unit or 'a plain number'}",
                f"Write it in one of {', '.join(u for u in known_units(declared.unit) if u)}.",
            )
        times = found if unit else said
    try:
        return _as(Decimal(digits.replace(",", "")) * times, whole, cell)
    except InvalidOperation:
        raise CellError("not a number", "Write digits, such as 1200 or 1,200.5.") from None


def _as(value: Decimal, whole: bool, cell: Any) -> Any:
    if not whole:
        return float(value)
    if value.adjusted() >= _LONGEST:
        raise CellError("a number beyond 64 bits", "Check it, and its unit, at its source.")
    if value != value.to_integral_value():
        raise CellError("not a whole number", f"Write it without a fraction ({cell}).")
    return int(value)


def _geometry(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    text = cell.strip()
    if not text:
        return None
    if text.startswith("{"):
        return text
    # EWKT names its reference system first; only longitude and latitude on WGS 84 are taken as they are.
    srid, _, rest = text.rpartition(";")
    if srid and srid.upper() != "SRID=4326":
        raise CellError(f"coordinates in {srid}", "Name their reference system with --crs.")
    try:
        return orjson.loads(shapely.to_geojson(shapely.from_wkt(rest)))
    except (shapely.errors.ShapelyError, ValueError):
        raise CellError(
            "not a geometry", "Write WKT or GeoJSON, longitude first: POINT (121.6 31.2).",
        ) from None  # fmt: skip


def _json(cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError as error:
        raise CellError(f"not JSON: {error.msg}", 'Write an object, such as {"key": "value"}.') from None
