"""Canonical GeoJSON geometries, and what is measured and asked of them.

A geometry is GeoJSON text (RFC 7946) in longitude, latitude order on WGS 84 (EPSG:4326, axes swapped as GeoJSON
has them), written by `canonical`. Functions below take such text and do not check it again; a query's own geometry
goes through `canonical` first. Predicates and areas are two-dimensional: a height is kept, printed, and ignored.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

import orjson
import shapely
from pyproj import Geod

from kg.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from shapely.geometry.base import BaseGeometry

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius of WGS 84 (IUGG R1), used by every distance."""

DECIMALS = 9
"""Of a degree: 0.1 mm."""

_GEOD = Geod(ellps="WGS84")
_POINT_PREFIX = '{"type":"Point","coordinates":['
# Nesting of coordinates: a position is 0 deep.
_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_CRS84 = ("urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "EPSG:4326", "urn:ogc:def:crs:EPSG::4326")

Position = list[float]


def canonical(value: Mapping[str, Any] | str | bytes) -> str:
    """The one text of a GeoJSON geometry: keys `type`, `coordinates`, no spaces, 9 decimals.

    Rings are closed where they are open, outer rings run anticlockwise and holes clockwise (RFC 7946, 3.1.6), repeated
    positions are dropped. A third coordinate (metres) is kept where every position has one. ValidationError for what is
    no geometry, out of range (with a hint where the axes look swapped), not finite, empty, or crosses itself.
    """
    at = _plain_point(value)
    if at is not None:
        return _text("Point", at)
    found = _parsed(value)
    kind = found.get("type")
    if kind not in _DEPTHS:
        _refuse_type(kind)
    _check_crs(found.get("crs"))
    coordinates = found.get("coordinates")
    positions = _Positions()
    shaped = positions.take(coordinates, _DEPTHS[kind])
    if kind == "Point":
        return _text(kind, shaped)
    shaped = _tidy(kind, shaped)
    text = _text(kind, shaped)
    if kind in {"Polygon", "MultiPolygon"}:
        shape = shapely.from_geojson(text)
        if not shapely.is_valid(shape):
            raise ValidationError(
                f"The {kind} is not valid: {shapely.is_valid_reason(shape)}",
                field="coordinates",
                value=text,
                remedy="Let rings neither cross nor touch themselves, holes lie inside; shapely.make_valid mends most.",
            )
    return text


def _plain_point(value: Mapping[str, Any] | str | bytes) -> Position | None:
    """The rounded position of a point as loaders give it: a longitude and a latitude on WGS 84, nothing else."""
    if type(value) is not dict or len(value) != 2 or value.get("type") != "Point":
        return None
    at = value.get("coordinates")
    if type(at) is not list or len(at) != 2:
        return None
    lon, lat = at
    if type(lon) is float and type(lat) is float and -180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0:
        return [round(lon, DECIMALS) + 0.0, round(lat, DECIMALS) + 0.0]
    return None


def _parsed(value: Mapping[str, Any] | str | bytes) -> Mapping[str, Any]:
    if isinstance(value, (str, bytes)):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ValidationError(
                f"A geometry is no JSON: {error}",
                value=value,
                remedy='Give a GeoJSON geometry, such as {"type":"Point","coordinates":[121.47,31.23]}.',
            ) from error
    if not hasattr(value, "get"):
        raise ValidationError(
            "A geometry must be a JSON object", value=value, remedy="Give a GeoJSON geometry with type and coordinates."
        )
    return value  # type: ignore[return-value]  # a mapping by the line above


def _refuse_type(kind: object) -> NoReturn:
    remedy = f"Use one of {', '.join(_DEPTHS)}."
    if kind in {"Feature", "FeatureCollection"}:
        remedy = "Give the geometry of the feature alone."
    elif kind == "GeometryCollection":
        remedy = "Use a MultiPoint, MultiLineString or MultiPolygon, or one entity for each part."
    raise ValidationError("Not a GeoJSON geometry type", field="type", value=kind, remedy=remedy)


def _check_crs(crs: object) -> None:
    name = crs.get("properties", {}).get("name") if isinstance(crs, dict) else crs
    if name is not None and name not in _CRS84:
        raise ValidationError(
            "GeoJSON is in longitude and latitude on WGS 84",
            field="crs",
            value=name,
            remedy="Transform the coordinates first (kg.geo.crs), and leave `crs` out.",
        )


class _Positions:
    """Checks and rounds positions; all must have the same number of coordinates."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, value: Any, depth: int) -> list[Any]:
        if not isinstance(value, (list, tuple)) or not value:
            raise ValidationError(
                "Coordinates are missing, empty or nested wrongly",
                field="coordinates",
                value=value,
                remedy="A position is [longitude, latitude]; a line is a list of them, a polygon a list of rings.",
            )
        if depth:
            return [self.take(item, depth - 1) for item in value]
        return self._position(value)

    def _position(self, value: list[Any] | tuple[Any, ...]) -> Position:
        if len(value) not in {2, 3} or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in value):
            raise ValidationError(
                "A position is two or three numbers",
                field="coordinates",
                value=value,
                remedy="Write [longitude, latitude] or [longitude, latitude, height in metres].",
            )
        if self.size and len(value) != self.size:
            raise ValidationError(
                "Some positions have a height and some have none",
                field="coordinates",
                value=value,
                remedy="Give every position two coordinates, or every one three.",
            )
        self.size = len(value)
        lon, lat = float(value[0]), float(value[1])
        # Written so that NaN fails.
        if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0) or not all(math.isfinite(n) for n in value):
            _refuse_range(value, lon, lat)
        # + 0.0 turns -0.0 into 0.0
        return [round(float(n), DECIMALS) + 0.0 for n in value]


def _refuse_range(value: object, lon: float, lat: float) -> NoReturn:
    if not all(map(math.isfinite, (lon, lat))):
        reason, remedy = "A coordinate is no finite number", "Leave the geometry out where the place is unknown."
    elif abs(lon) <= 90.0 < abs(lat) <= 180.0:
        reason = "Latitude is outside -90..90"
        remedy = f"The axes look swapped: GeoJSON puts longitude first, so write [{lat:g}, {lon:g}]."
    elif abs(lon) > 360.0 or abs(lat) > 360.0:
        reason = "These are no degrees"
        remedy = "The coordinates look projected (metres): name their EPSG code, so that they are transformed."
    else:
        reason, remedy = "A coordinate is out of range", "Longitude is within -180..180 and latitude within -90..90."
    raise ValidationError(reason, field="coordinates", value=value, remedy=remedy)


def _tidy(kind: str, shaped: list[Any]) -> list[Any]:
    if kind == "MultiPolygon":
        return [[_ring(ring, hole=i > 0) for i, ring in enumerate(polygon)] for polygon in shaped]
    if kind == "Polygon":
        return [_ring(ring, hole=i > 0) for i, ring in enumerate(shaped)]
    if kind == "MultiLineString":
        return [_line(line) for line in shaped]
    if kind == "LineString":
        return _line(shaped)
    return shaped


def _without_repeats(line: list[Position]) -> list[Position]:
    return [p for i, p in enumerate(line) if i == 0 or p != line[i - 1]]


def _line(line: list[Position]) -> list[Position]:
    out = _without_repeats(line)
    if len(out) < 2:
        raise ValidationError(
            "A line needs two different positions", field="coordinates", value=line, remedy="Use a Point for a place."
        )
    return out


def _ring(ring: list[Position], *, hole: bool) -> list[Position]:
    out = _without_repeats(ring)
    if out[0] != out[-1]:
        out.append(out[0])
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(_moved(out), _moved(out[1:]), strict=False))
    if len(out) < 4 or doubled == 0:
        raise ValidationError(
            "A ring encloses no area",
            field="coordinates",
            value=ring,
            remedy="Give at least three different positions that are not on one line.",
        )
    if (doubled > 0) == hole:
        out.reverse()
    return out


def _moved(ring: list[Position]) -> list[tuple[float, float]]:
    # Relative to a corner: the shoelace sum loses digits far from the origin.
    x, y = math.floor(ring[0][0]), math.floor(ring[0][1])
    return [(p[0] - x, p[1] - y) for p in ring]


def _text(kind: str, coordinates: list[Any]) -> str:
    return orjson.dumps({"type": kind, "coordinates": coordinates}).decode()


# ---------------------------------------------------------------- reading


def point(lon: float, lat: float) -> str:
    """Canonical text of a Point; ValidationError out of range."""
    return canonical({"type": "Point", "coordinates": (lon, lat)})


def _point(text: str) -> tuple[float, float] | None:
    """Longitude and latitude of a Point's text, None for other types: no JSON parser on the hot path."""
    if not text.startswith(_POINT_PREFIX):
        return None
    lon, lat = text[len(_POINT_PREFIX) : -2].split(",", 2)[:2]
    return float(lon), float(lat)


@lru_cache(maxsize=4096)
def _shape(text: str) -> BaseGeometry:
    return shapely.from_geojson(text)


@lru_cache(maxsize=256)
def _prepared(text: str) -> BaseGeometry:
    """Of a query: prepared, so that testing many rows against it is quick. Not shared with `_shape`."""
    shape = shapely.from_geojson(text)
    shapely.prepare(shape)
    return shape


def geometry_type(text: str) -> str:
    """GeoJSON type name."""
    return text[len('{"type":"') : text.index('"', len('{"type":"'))]


def bounds(text: str) -> tuple[float, float, float, float]:
    """(west, south, east, north) in degrees."""
    at = _point(text)
    if at:
        return (*at, *at)
    west, south, east, north = shapely.bounds(_shape(text)).tolist()
    return west, south, east, north


def point_of(text: str) -> tuple[float, float]:
    """A representative (longitude, latitude): the point itself, else one on the line or inside the polygon."""
    at = _point(text)
    if at:
        return at
    found = shapely.point_on_surface(_shape(text))
    return round(found.x, DECIMALS) + 0.0, round(found.y, DECIMALS) + 0.0


def parse_bbox(text: str) -> tuple[float, float, float, float]:
    """ "[west, south, east, north]" as numbers; west > east crosses the antimeridian. ValidationError."""
    try:
        box = orjson.loads(text)
        west, south, east, north = (float(n) for n in box)
    except (orjson.JSONDecodeError, TypeError, ValueError) as error:
        raise ValidationError(
            "A box is four numbers", value=text, remedy="Write [west, south, east, north] in degrees."
        ) from error
    for lon, lat in ((west, south), (east, north)):
        if not (-180.0 <= lon <= 180.0 and -90.0 <= lat <= 90.0):
            _refuse_range(text, lon, lat)
    if south > north:
        raise ValidationError("South is above north", value=text, remedy="Write [west, south, east, north] in degrees.")
    return west, south, east, north


def meets_bbox(text: str, box: tuple[float, float, float, float]) -> bool:
    """Whether the geometry's box and the box share a point; west > east crosses the antimeridian."""
    west, south, east, north = box
    w, s, e, n = bounds(text)
    if n < south or s > north:
        return False
    if west <= east:
        return w <= east and e >= west
    return e >= west or w <= east


# ---------------------------------------------------------------- measures


def round_mm(metres: float) -> float:
    """To 1 mm, halves up: `floor(m * 1000 + 0.5) / 1000`, which every engine can compute alike."""
    return math.floor(metres * 1000.0 + 0.5) / 1000.0


def haversine_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Great-circle distance in metres on the sphere of `EARTH_RADIUS_M`, not rounded."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_phi = math.sin((phi2 - phi1) / 2.0)
    half_lambda = math.sin(math.radians(lon2 - lon1) / 2.0)
    a = half_phi * half_phi + math.cos(phi1) * math.cos(phi2) * half_lambda * half_lambda
    return 2.0 * EARTH_RADIUS_M * math.asin(math.sqrt(min(1.0, a)))


def distance_m(text: str, lon: float, lat: float) -> float:
    """Metres from a position to the nearest point of a geometry, rounded to 1 mm; 0 inside a polygon.

    Sides are straight in longitude and latitude, as GeoJSON has them.
    """
    at = _point(text)
    if at:
        return round_mm(haversine_m(at[0], at[1], lon, lat))
    shape = _shape(text)
    if shapely.intersects_xy(shape, lon, lat):
        return 0.0
    return round_mm(_nearest(orjson.loads(text), lon, lat))


def _nearest(found: dict[str, Any], lon: float, lat: float) -> float:
    candidates: list[tuple[float, float, Position, Position]] = []
    for a, b in _sides(found):
        t = _planar_foot(a, b, lon, lat)
        candidates.append((_at(a, b, t, lon, lat), t, a, b))
    best = min(candidates, key=lambda c: c[0])[0]
    # The planar foot is a guess; sides that it puts within a tenth of the best may be nearer in truth.
    return min(_refined(a, b, lon, lat) for d, t, a, b in candidates if d <= best * 1.1 + 1.0)


def _sides(found: dict[str, Any]) -> Iterator[tuple[Position, Position]]:
    for line in _lines(found["coordinates"], _DEPTHS[found["type"]]):
        if len(line) == 1:
            yield line[0], line[0]
        for i in range(len(line) - 1):
            yield line[i], line[i + 1]


def _lines(coordinates: Any, depth: int) -> Iterable[list[Position]]:
    if depth > 1:
        return (line for item in coordinates for line in _lines(item, depth - 1))
    return (coordinates,)


def _planar_foot(a: Position, b: Position, lon: float, lat: float) -> float:
    k = math.cos(math.radians(lat))
    dx, dy = (b[0] - a[0]) * k, b[1] - a[1]
    length = dx * dx + dy * dy
    if length == 0.0:
        return 0.0
    east = (lon - a[0] + 540.0) % 360.0 - 180.0  # the short way round
    return min(1.0, max(0.0, (east * k * dx + (lat - a[1]) * dy) / length))


def _at(a: Position, b: Position, t: float, lon: float, lat: float) -> float:
    return haversine_m(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, lon, lat)


def _refined(a: Position, b: Position, lon: float, lat: float) -> float:
    """Golden-section search along a side: the distance has one minimum on it unless it spans a continent."""
    low, high = 0.0, 1.0
    ratio = (math.sqrt(5.0) - 1.0) / 2.0
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = _at(a, b, left, lon, lat), _at(a, b, right, lon, lat)
    best = min(_at(a, b, 0.0, lon, lat), _at(a, b, 1.0, lon, lat))
    for _ in range(48):  # 0.618 ** 48 of a side: below a millimetre for any side on Earth
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = _at(a, b, left, lon, lat)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = _at(a, b, right, lon, lat)
    return min(best, at_left, at_right)


@lru_cache(maxsize=4096)
def area_m2(text: str) -> float:
    """Geodesic area on WGS 84 in square metres, rounded to 1 cm²; 0 for points and lines."""
    if geometry_type(text) not in {"Polygon", "MultiPolygon"}:
        return 0.0
    return round(abs(_GEOD.geometry_area_perimeter(_shape(text))[0]), 4)


@lru_cache(maxsize=4096)
def length_m(text: str) -> float:
    """Geodesic length on WGS 84 in metres, rounded to 1 mm: of a line, or a polygon's perimeter with its holes'."""
    if geometry_type(text) in {"Point", "MultiPoint"}:
        return 0.0
    return round_mm(sum(_GEOD.line_length(*_columns(line)) for line in _all_lines(text)))


def _all_lines(text: str) -> Iterable[list[Position]]:
    found = orjson.loads(text)
    return _lines(found["coordinates"], _DEPTHS[found["type"]])


def _columns(line: list[Position]) -> tuple[list[float], list[float]]:
    return [p[0] for p in line], [p[1] for p in line]


# ---------------------------------------------------------------- predicates


def within(text: str, query: str) -> bool:
    """Whether `query` covers the geometry, border included (GEOS, planar in degrees)."""
    at = _point(text)
    prepared = _prepared(query)
    return bool(shapely.intersects_xy(prepared, *at) if at else shapely.covers(prepared, _shape(text)))


def intersects(text: str, query: str) -> bool:
    """Whether the geometry and `query` share a point (GEOS, planar in degrees)."""
    at = _point(text)
    prepared = _prepared(query)
    return bool(shapely.intersects_xy(prepared, *at) if at else shapely.intersects(prepared, _shape(text)))
