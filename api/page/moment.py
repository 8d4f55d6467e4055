"""The point in time that a page shows, and how it holds through links."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from api.graphql.instants import parse_instant
from kg.errors import QueryError
from kg.query.algebra import Time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

VALID: Final = "valid"
KNOWN: Final = "known"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z")


class BadMoment(QueryError):
    """`word`: which sentence of `api.page.words` says what is wrong."""

    code = "MOMENT_INVALID"
    about = "A page was asked for a point in time that is none."

    def __init__(self, word: str, value: str, today: str) -> None:
        super().__init__("The point in time is not one", field="valid", value=value)
        self.word = word
        self.given = value
        self.today = today


@dataclass(frozen=True, slots=True)
class Moment:
    """`valid` and `system` in microseconds UTC, None for now and the latest; the texts are as they were given."""

    valid: int | None = None
    system: int | None = None
    valid_text: str = ""
    known_text: str = ""
    root: str = ""  # what every address begins with

    @property
    def given(self) -> bool:
        return bool(self.valid_text or self.known_text)

    @property
    def time(self) -> Time:
        return Time(self.valid, self.system)

    @property
    def params(self) -> dict[str, str]:
        texts = {VALID: self.valid_text, KNOWN: self.known_text}
        return {name: text for name, text in texts.items() if text}

    @property
    def header(self) -> str:
        """As `Jingwei-As-Of` says it; "" for now."""
        parts = [f"{n}={_iso(at)}" for n, at in (("valid", self.valid), ("system", self.system)) if at is not None]
        return ", ".join(parts)

    def link(self, path: str, /, **params: str) -> str:
        """An address of these pages at the same point in time; empty parameters are left out."""
        given = {**{name: text for name, text in params.items() if text}, **self.params}
        where = self.root + quote(path, safe="/:")
        return f"{where}?{urlencode(given)}" if given else where

    def at(self, valid: str, known: str = "") -> Moment:
        """Another point in time for links; it is read when it is followed."""
        return replace(self, valid_text=valid, known_text=known)


def read_moment(params: Mapping[str, str], root: str, zone: ZoneInfo, now: int, latest: int) -> Moment:
    """From `valid` and `known` of an address. A day means its end: what began or was learned on it counts.

    `latest`: the store's latest commit, beyond which nothing is known. Raises BadMoment.
    """
    valid_text, known_text = params.get(VALID, "").strip(), params.get(KNOWN, "").strip()
    today = datetime.fromtimestamp(now // 1_000_000, UTC).astimezone(zone).date()
    valid = _read(valid_text, zone, today)
    system = _read(known_text, zone, today)
    if system is not None and system >= latest:
        # The rest of today is no future: whatever becomes known today is part of it.
        if system > max(now, _end(today, zone)):
            raise BadMoment("future", known_text, today.isoformat())
        system = None
    return Moment(valid, system, valid_text, known_text, root)


def _read(text: str, zone: ZoneInfo, today: date) -> int | None:
    if not text:
        return None
    try:
        return _end(date.fromisoformat(text), zone) if _DAY.match(text) else parse_instant(text, "valid")
    except (ValueError, OverflowError, QueryError):
        raise BadMoment("bad as of", text, today.isoformat()) from None


def _end(day: date, zone: ZoneInfo) -> int:
    """The last microsecond of a local day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) + 86_400_000_000 - 1


def _iso(instant: int) -> str:
    return datetime.fromtimestamp(instant / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
