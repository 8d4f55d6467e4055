"""Instants and dates as they are written in requests."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from kg.errors import QueryError

_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def parse_instant(text: str, where: str) -> int:
    """Microseconds since 1970-01-01T00:00:00Z of an ISO 8601 instant with a zone. Raises QueryError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise QueryError(
            "An instant needs a date, a time and a zone",
            where=where,
            value=text,
            remedy='Write it as "2025-04-01T08:00:00+08:00" or "2025-04-01T00:00:00Z".',
        )
    return (found - _EPOCH) // _MICROSECOND


def parse_date(text: str, where: str) -> str:
    """A date of year, month or day precision, unchanged. Raises QueryError."""
    if _DATE.match(text):
        padded = text + "-01" * ((10 - len(text)) // 3)
        try:
            date.fromisoformat(padded)
        except ValueError:
            pass
        else:
            return text
    raise QueryError(
        "That is no date",
        where=where,
        value=text,
        remedy='Write it as "2024-05-01", or with less precision "2024-05" or "2024".',
    )


def parse_as_of_header(text: str) -> tuple[int | None, int | None]:
    """(valid, system) of a `Jingwei-As-Of` header: `valid=…, system=…`, either alone, or a bare valid instant."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, sign, value = part.strip().partition("=")
        if not sign:
            name, value = "valid", name
        name = name.strip().lower()
        if name not in {"valid", "system"} or name in found:
            raise QueryError(
                "The header names something that is no clock, or one clock twice",
                where="header Jingwei-As-Of",
                value=text,
                remedy="Write it as `valid=2025-04-01T00:00:00Z, system=2025-06-01T00:00:00Z`; either may be left out.",
            )
        found[name] = parse_instant(value.strip(), "header Jingwei-As-Of")
    return found.get("valid"), found.get("system")
