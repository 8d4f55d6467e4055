"""Dates of three precisions and instants, read strictly: a calendar that exists, a zone that is known."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?(Z|z|[+-]\d\d:?\d\d)?", re.ASCII)
_MICROSECOND: Final = timedelta(microseconds=1)


class InvalidTime(ValueError):
    """The text or value is no date or instant; `remedy` says what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


def date_text(value: object) -> str:
    """A date of day, month or year precision in stored form: "2024-05-01", "2024-05" or "2024".

    Takes such a text or a `datetime.date`. A datetime is refused: which date it is depends on a zone.
    """
    if type(value) is date:
        return value.isoformat()
    if isinstance(value, str):
        text = value.strip()
        match = _DATE.fullmatch(text)
        if match and text.isascii():
            year, month, day = match.groups()
            try:
                date(int(year), int(month or 1), int(day or 1))
            except ValueError as error:
                raise InvalidTime(f"no such day in the calendar: {error}", "Correct the date at its source.") from None
            return text
    raise InvalidTime(
        "not a date", "Write YYYY-MM-DD, or YYYY-MM or YYYY where the day or month is not known: 2024-05-01."
    )


def instant_micros(value: object, zone: tzinfo | None = None) -> int:
    """An instant as microseconds since 1970-01-01T00:00:00Z.

    Takes an aware datetime or ISO 8601 text with date and time of day. What names no offset is read in
    `zone`, and refused without one, or where the local clock skipped that time.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = _parsed(value)
    else:
        raise InvalidTime("not an instant", "Write ISO 8601 with an offset: 2024-05-01T08:30:00+08:00.")
    if moment.utcoffset() is None:
        if zone is None:
            raise InvalidTime(
                "an instant without an offset", "Add Z or an offset such as +08:00, or name the source's time zone."
            )
        local = moment.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment.replace(tzinfo=None):
            raise InvalidTime(
                f"the clocks of {zone} skipped this time of day", "Correct it, or write it with its offset."
            )
        moment = local
    try:
        return (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND
    except OverflowError:
        raise InvalidTime("an instant outside the years 1 to 9999", "Correct it at its source.") from None


def _parsed(value: str) -> datetime:
    match = _INSTANT.fullmatch(value.strip())
    if not match:
        raise InvalidTime(
            "not an instant", "Write ISO 8601 with date, time of day and offset: 2024-05-01T08:30:00+08:00."
        )
    day, clock, fraction, offset = match.groups()
    digits = (fraction or "").rstrip("0")
    if len(digits) > 6:
        raise InvalidTime("an instant finer than a microsecond", "Round it to six decimals.")
    text = f"{day}T{clock if len(clock) == 8 else clock + ':00'}.{digits:0<6}"
    try:
        return datetime.fromisoformat(text + (offset or "").upper())
    except ValueError as error:
        raise InvalidTime(f"no such instant: {error}", "Correct it at its source.") from None
