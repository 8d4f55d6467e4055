"""Python and JSON values → stored form, one closure for each property.

The stored forms are those of `kg.schema.types.Datatype`. Text is read where its meaning is certain ("12.5" for a
double, "true" for a boolean); a number is never taken for a text, because its leading zeros may be lost already.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

from kg.errors import ValidationError
from kg.schema.identifiers import RUINED_REMEDY, checker, normalise
from kg.schema.instants import InvalidTime, date_text, instant_micros
from kg.schema.types import Datatype, Property, Scheme

Stored: TypeAlias = "str | bool | int | float | tuple[str | bool | int | float, ...]"
Converter: TypeAlias = Callable[[object], Any]
Canonical: TypeAlias = Callable[[Any], str]

_INT: Final = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_EXACT: Final = 10**15
"""Whole numbers below it survive a spreadsheet's doubles."""

TEXT_REMEDY: Final = "Give it in quotes; in a spreadsheet format the column as text, so that leading zeros survive."


class Refused(Exception):
    """A value that is no value of the property. `constraint` is the SHACL term that it violates."""

    def __init__(self, message: str, remedy: str = "", constraint: str = "sh:datatype") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.constraint = constraint


def rounded(number: float) -> float:
    """The double with 15 significant digits, never -0.0. Refused for NaN, infinities and what rounds to one."""
    if not math.isfinite(number):
        raise Refused("not a finite number", "Leave the value out where it is not known.")
    if number.is_integer() and -1e15 < number < 1e15:
        return number + 0.0
    near = float(f"{number:.15g}") + 0.0
    if math.isinf(near):
        raise Refused("too large for a double of 15 significant digits", "Check the unit.")
    return near


def json_text(value: object) -> str:
    """A JSON object (dict, or text of one) as canonical text: keys sorted, no spaces, doubles of 15 digits."""
    if isinstance(value, str | bytes | bytearray):
        value = _parsed(value)
    if not isinstance(value, Mapping):
        raise Refused("not a JSON object", 'Give an object such as {"colour": "red"}.')
    return orjson.dumps(_plain(value, 0), option=orjson.OPT_SORT_KEYS).decode()


def _parsed(text: str | bytes | bytearray) -> object:
    import json

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise Refused("a JSON object with a key twice", "Keep each key once.")
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise Refused(f"not JSON: {error}", 'Give an object such as {"colour": "red"}.') from None


def _plain(value: object, depth: int) -> object:
    if depth > 64:
        raise Refused("JSON nested deeper than 64 levels", "Flatten it.")
    if type(value) is str:
        return _string(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Refused(f"{value} does not fit 64 bits", "Give it as a text.")
        return int(value)
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise Refused("a JSON object with a key that is no text", "Keys of JSON objects are texts.")
        return {_string(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise Refused(f"{type(value).__name__} has no form in JSON", "Give texts, numbers, lists and objects.")


# ---------------------------------------------------------------- one datatype each


def _string(value: object) -> str:
    if type(value) is not str:
        if isinstance(value, str):
            value = str.__str__(value)
        elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            raise Refused("a number where a text is meant", TEXT_REMEDY)
        else:
            raise Refused(f"not a text but {_called(value)}", "Give a text.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refused(
                "a text with half a surrogate pair", "The text was cut or decoded wrongly: read the source again."
            ) from None
    if "\0" in value:
        raise Refused("a text with a NUL character", "Remove it.")
    return value


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    raise Refused(f"not true or false but {_called(value)}", "Write true or false.")


def _whole(bits: int) -> Callable[[object], int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def whole(value: object) -> int:
        number = value if type(value) is int else _to_int(value)
        if low <= number <= high:
            return number
        raise Refused(
            f"outside the {bits} bits of its datatype",
            "Check the unit." if bits == 64 else "Check the unit, or declare the property as xsd:long.",
        )

    return whole


def _to_int(value: object) -> int:
    if isinstance(value, str) and _INT.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool | str) or value is None:
        raise Refused(f"not a whole number but {_called(value)}", "Write digits only.")
    if isinstance(value, float | Decimal):
        if not math.isfinite(value) or value != int(value):
            raise Refused("not a whole number", "Round it at its source, or declare the property as xsd:double.")
        return int(value)
    try:
        return int(value.__index__())  # type: ignore[attr-defined]
    except AttributeError:
        raise Refused(f"not a whole number but {_called(value)}", "Write digits only.") from None


def _double(value: object) -> float:
    if type(value) is float:
        return rounded(value)
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            raise Refused("not a number", "Write it with digits and a decimal point, without unit and separators.")
        return rounded(float(text))
    if isinstance(value, bool):
        raise Refused("not a number but true or false", "Write a number.")
    try:
        return rounded(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise Refused(f"not a number but {_called(value)}", "Write a number.") from None
    except OverflowError:
        raise Refused("too large for a double", "Check the unit.") from None


_cached_date = lru_cache(maxsize=16384)(date_text)


def _date(value: object) -> str:
    try:
        return _cached_date(value) if type(value) is str else date_text(value)
    except InvalidTime as error:
        raise Refused(error.message, error.remedy) from None


def _instant(zone: tzinfo | None) -> Callable[[object], int]:
    def instant(value: object) -> int:
        try:
            return instant_micros(value, zone)
        except InvalidTime as error:
            raise Refused(error.message, error.remedy) from None

    return instant


def _geometry(canonical: Canonical | None) -> Callable[[object], str]:
    def geometry(value: object) -> str:
        if canonical is None:
            raise TypeError("compile_checks was given no geometry function: pass kg.geo.geometry.canonical")
        try:
            return canonical(value)
        except ValidationError as error:
            raise Refused(error.message, error.remedy) from None

    return geometry


def _identifier(scheme: Scheme) -> Callable[[object], str]:
    check = checker(scheme)

    def identifier(value: object) -> str:
        if type(value) is not str:
            value = _identifier_text(value)
        text = normalise(scheme, _string(value))
        wrong = check(text)
        if wrong is not None:
            raise Refused(wrong[0], wrong[1], "jw:scheme")
        return text

    return identifier


def _identifier_text(value: object) -> object:
    """A whole number as its digits while no spreadsheet could have lost one."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and value == int(value) and 0 <= value < _EXACT:
            return str(int(value))
        raise Refused("a spreadsheet turned this identifier into a number and lost digits", RUINED_REMEDY, "jw:scheme")
    return value


def _entity(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | list | set | Mapping):
        raise Refused(f"not a reference to an entity but {_called(value)}", "Name the entity.", "sh:class")
    return value


def _called(value: object) -> str:
    if value is None:
        return "nothing"
    return _CALLED.get(type(value), type(value).__name__)


_CALLED: Final[dict[type, str]] = {
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


# ---------------------------------------------------------------- a property


def converter(p: Property, scheme: Scheme | None, canonical: Canonical | None, zone: tzinfo | None) -> Converter:
    """The function from a value to its stored form; it raises Refused. `()` from a many-valued one is no value."""
    if scheme is not None:
        one: Converter = _identifier(scheme)
    else:
        one = _of_datatype(p.datatype, canonical, zone)
    return _many(one) if p.many else one


def _of_datatype(datatype: Datatype, canonical: Canonical | None, zone: tzinfo | None) -> Converter:
    match datatype:
        case Datatype.STRING:
            return _string
        case Datatype.BOOLEAN:
            return _boolean
        case Datatype.INTEGER:
            return _whole(32)
        case Datatype.LONG:
            return _whole(64)
        case Datatype.DOUBLE:
            return _double
        case Datatype.DATE:
            return _date
        case Datatype.INSTANT:
            return _instant(zone)
        case Datatype.GEOMETRY:
            return _geometry(canonical)
        case Datatype.JSON:
            return json_text
        case Datatype.ENTITY:
            return _entity


def _many(one: Converter) -> Converter:
    def many(value: object) -> tuple[Any, ...]:
        if type(value) in LISTS:
            return tuple(sorted({one(item) for item in value}))  # type: ignore[attr-defined]
        return (one(value),)

    return many


LISTS: Final = frozenset({list, tuple, set, frozenset})
