"""Custom scalars: parsed into stored form, serialised as they come from the store (which prints them)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from api.graphql.instants import parse_date, parse_instant
from kg.errors import JingweiError

if TYPE_CHECKING:
    from collections.abc import Callable


class Long:
    """64-bit integer."""


class Date:
    """Date of day, month or year precision."""


class DateTime:
    """Instant."""


class GeoJSON:
    """Geometry."""


class JSON:
    """Anything."""


def _same(value: Any) -> Any:
    return value


def _text(parse: Callable[[str, str], Any], name: str) -> Callable[[Any], Any]:
    def parse_value(value: Any) -> Any:
        if not isinstance(value, str):
            raise GraphQLError(f"{name} is written as a string, not {value!r}.")
        try:
            return parse(value, name)
        except JingweiError as error:
            raise GraphQLError(str(error), extensions=error.as_dict(), original_error=error) from None

    return parse_value


def _long(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise GraphQLError(f"Long is a whole number of at most 64 bits, not {value!r}.")
    return value


def _geojson(value: Any) -> str:
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise GraphQLError('GeoJSON is an object such as {type: "Point", coordinates: [121.5, 31.2]}.')
    return orjson.dumps(value).decode()


def _scalar(name: str, description: str, parse: Callable[[Any], Any], url: str | None = None) -> ScalarDefinition:
    return ScalarDefinition(
        name=name,
        description=description,
        specified_by_url=url,
        serialize=_same,
        parse_value=parse,
        parse_literal=None,
    )


SCALARS: Final[dict[object, ScalarDefinition]] = {
    Long: _scalar("Long", "A whole number of at most 64 bits, written as a JSON number. 64 位整数。", _long),
    Date: _scalar(
        "Date",
        'A date "2024-05-01", or with less precision "2024-05" or "2024". 日期，可只到月或年。',
        _text(parse_date, "Date"),
    ),
    DateTime: _scalar(
        "DateTime",
        "An instant, ISO 8601 with a zone; answers are in UTC. 时刻（ISO 8601，须带时区；回答用 UTC）。",
        _text(parse_instant, "DateTime"),
        "https://scalars.graphql.org/andimarek/date-time.html",
    ),
    GeoJSON: _scalar(
        "GeoJSON",
        "A GeoJSON geometry (RFC 7946): WGS 84, longitude before latitude. GeoJSON 几何对象（经度在前）。",
        _geojson,
        "https://www.rfc-editor.org/rfc/rfc7946",
    ),
    JSON: _scalar("JSON", "Any JSON value. 任意 JSON 值。", _same),
}
