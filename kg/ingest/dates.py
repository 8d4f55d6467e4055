"""Dates as people write them: 2024年5月1日, 2024/5/1, 20240501, 二〇二四年五月; and what interval they mean.

A date of day, month or year precision comes out as the ontology's date text ("2024-05-01", "2024-05", "2024").
An order of day and month that cannot be told apart (01/05/2024) is refused.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

REMEDY: Final = "Write 2024-05-01 or 2024年5月1日; 2024-05 or 2024 where the day or month is not known."
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_PARTS: Final = re.compile(
    r"(?P<y>\d{4})\s*(?:年?|[年\-/.]\s*(?P<m>\d{1,2})\s*(?:月?|[月\-/.]\s*(?P<d>\d{1,2})\s*[日号]?))", re.ASCII
)
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)?", re.ASCII)
_MIDNIGHT: Final = re.compile(r"[T ]\s*0{1,2}:00(?::00(?:\.0+)?)?$", re.ASCII)
_NUMERALS: Final = str.maketrans("〇零一二三四五六七八九", "00123456789")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class NoDate(ValueError):
    """The text is no date; its message says why."""


@lru_cache(maxsize=65536)
def date_of(text: str) -> str:
    """Date text of the ontology. NoDate for what is none, or not one alone."""
    match = _ISO.fullmatch(text)
    if match:
        return _checked(match[1], match[2], match[3])
    plain = _MIDNIGHT.sub("", unicodedata.normalize("NFKC", text).strip())
    if re.search("[〇零一二三四五六七八九十]", plain):
        plain = _arabic(plain)
    compact = _COMPACT.fullmatch(plain)
    if compact:
        return _checked(*compact.groups())
    parts = _PARTS.fullmatch(plain)
    if parts:
        return _checked(parts["y"], parts["m"], parts["d"])
    if re.fullmatch(r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}", plain):
        raise NoDate("which is the day and which the month cannot be told")
    if re.fullmatch(r"\d{5}(\.0+)?", plain):
        raise NoDate("a spreadsheet's day number, not a date")
    raise NoDate("not a date")


def _checked(year: str, month: str | None, day: str | None) -> str:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise NoDate(f"no such day in the calendar ({error})") from None
    return "-".join([year, *(f"{int(part):02}" for part in (month, day) if part)])


def _arabic(text: str) -> str:
    """Chinese numerals of a date, digit by digit in the year and with 十 in month and day."""

    def number(match: re.Match[str]) -> str:
        digits = match[0]
        if "十" not in digits:
            return digits.translate(_NUMERALS)
        tens, _, ones = digits.partition("十")
        return f"{tens.translate(_NUMERALS) or '1'}{ones.translate(_NUMERALS) or '0'}"

    return re.sub("[〇零一二三四五六七八九十]+", number, text)


@lru_cache(maxsize=65536)
def starts(text: str, zone: ZoneInfo) -> int:
    """Microseconds of the first instant of a date (of any precision) in a zone."""
    year, month, day = _numbers(text)
    return _micros(date(year, month or 1, day or 1), zone)


@lru_cache(maxsize=65536)
def ends(text: str, zone: ZoneInfo) -> int:
    """Microseconds of the first instant after a date (of any precision): where an inclusive end ends."""
    year, month, day = _numbers(text)
    if day:
        after = date(year, month, day) + timedelta(days=1)
    elif month:
        after = date(year + month // 12, month % 12 + 1, 1)
    else:
        after = date(year + 1, 1, 1)
    return _micros(after, zone)


def _numbers(text: str) -> tuple[int, int, int]:
    year, month, day = (*(int(part) for part in text.split("-")), 0, 0)[:3]
    return year, month, day


def _micros(day: date, zone: ZoneInfo) -> int:
    return (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) - _EPOCH) // _MICROSECOND
