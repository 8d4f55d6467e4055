"""Reference systems by EPSG code, with the axis order that the authority gives, and the CGCS2000 zones.

Authority order means that EPSG:4326 and EPSG:4490 take latitude first, and the Gauss-Krüger zones of CGCS2000 take
northing (X) first. `lon_lat` is the way from any of them to the longitude, latitude that GeoJSON and stores hold.
"""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import pyproj
from pyproj.exceptions import CRSError, ProjError

from kg.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

WGS84 = 4326
CGCS2000 = 4490
_COMMON = {4326: "WGS 84", 4490: "CGCS2000", 3857: "Web Mercator", 4979: "WGS 84 with height", 4549: "CGCS2000 CM 120E"}


@dataclass(frozen=True, slots=True)
class Axis:
    """One coordinate: its name, the direction in which it grows, its unit ("degree", "metre")."""

    name: str
    direction: str
    unit: str


@dataclass(frozen=True, slots=True)
class Crs:
    """What the EPSG registry says; axes in authority order. `area`: west, south, east, north in degrees."""

    code: int
    name: str
    geographic: bool
    axes: tuple[Axis, ...]
    area: tuple[float, float, float, float] | None


@dataclass(frozen=True, slots=True)
class Zone:
    """A Gauss-Krüger zone of CGCS2000; its false easting is 500 km, with the zone's number before it or not.

    Axes are northing, easting in metres. `number` counts 6-degree zones from 0 E and 3-degree zones from 1.5 E.
    """

    code: int
    width: int  # degrees
    number: int
    central_meridian: float
    prefixed: bool
    false_easting: float

    @property
    def west(self) -> float:
        return self.central_meridian - self.width / 2.0

    @property
    def east(self) -> float:
        return self.central_meridian + self.width / 2.0


def _zones() -> dict[int, Zone]:
    out: dict[int, Zone] = {}
    # First code, degrees, first number, how many; the codes without the zone's prefix follow those with it.
    for first, width, number, count in ((4491, 6, 13, 11), (4513, 3, 25, 21)):
        for i in range(count):
            meridian = 75.0 + i * width
            for code, prefixed in ((first + i, True), (first + count + i, False)):
                easting = (number + i) * 1_000_000.0 + 500_000.0 if prefixed else 500_000.0
                out[code] = Zone(code, width, number + i, meridian, prefixed, easting)
    return dict(sorted(out.items()))


ZONES = _zones()
"""EPSG 4491-4554."""


def zone_for(lon: float, *, width: int = 3, prefixed: bool = False) -> Zone:
    """The zone of 3 or 6 degrees whose meridian is nearest; a border belongs to the eastern one.

    ValidationError outside 73.5-136.5 E (3 degrees) and 72-138 E (6).
    """
    for zone in ZONES.values():
        if zone.width == width and zone.prefixed == prefixed and zone.west <= lon < zone.east:
            return zone
    raise ValidationError(
        f"No CGCS2000 zone of {width} degrees there", field="longitude", value=lon, remedy="Zones reach 73.5-136.5 E."
    )


def parse_code(value: int | str) -> int:
    """4490, "4490", "EPSG:4490", "urn:ogc:def:crs:EPSG::4490", ".../def/crs/EPSG/0/4490" as 4490. ValidationError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = str(value).strip()
    match = re.fullmatch(r"(?:(?:.*\bEPSG)[:/][\d.]*[:/]|EPSG:)?(\d{4,6})", text, re.IGNORECASE)
    if not match:
        names = {name.lower(): code for code, name in _COMMON.items()}
        close = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.5)
        hint = f"Did you mean EPSG:{names[close[0]]} ({_COMMON[names[close[0]]]})?" if close else "Write EPSG:4490."
        raise ValidationError("Not an EPSG code", field="crs", value=value, remedy=hint)
    return int(match[1])


@lru_cache(maxsize=256)
def _crs(code: int) -> pyproj.CRS:
    try:
        return pyproj.CRS.from_epsg(code)
    except CRSError as error:
        raise ValidationError(
            "EPSG has no reference system of this code", field="crs", value=code, remedy=_suggestion(code)
        ) from error


def _suggestion(code: int) -> str:
    known = [info.code for info in pyproj.database.query_crs_info(auth_name="EPSG")]
    close = difflib.get_close_matches(str(code), known, n=3, cutoff=0.7)
    common = ", ".join(f"EPSG:{code} ({name})" for code, name in _COMMON.items())
    return f"Similar codes: {', '.join(close)}. Common ones: {common}." if close else f"Common ones: {common}."


@lru_cache(maxsize=256)
def crs(value: int | str) -> Crs:
    """What is registered under a code. ValidationError with similar codes where there is none."""
    code = parse_code(value)
    found = _crs(code)
    area = found.area_of_use
    return Crs(
        code,
        found.name,
        found.is_geographic,
        tuple(Axis(axis.abbrev or axis.name, axis.direction, axis.unit_name) for axis in found.axis_info),
        (area.west, area.south, area.east, area.north) if area else None,
    )


@lru_cache(maxsize=256)
def transformer(source: int | str, target: int | str) -> pyproj.Transformer:
    """From one system to another, both in authority axis order; cached, and safe in several threads."""
    return pyproj.Transformer.from_crs(_crs(parse_code(source)), _crs(parse_code(target)))


@lru_cache(maxsize=256)
def _to_lon_lat(code: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(_crs(code), _crs(WGS84))


def lon_lat(
    source: int | str, positions: Iterable[tuple[float, float]], *, easting_first: bool = False
) -> list[tuple[float, float]]:
    """Positions of any system as (longitude, latitude) on WGS 84.

    `positions` are in authority axis order; with `easting_first` they are in (easting, northing) or (longitude,
    latitude) order whatever the authority says, as most files are. ValidationError where one falls outside the system.
    """
    code = parse_code(source)
    swap = easting_first and _northing_first(code)
    convert = _to_lon_lat(code)
    out: list[tuple[float, float]] = []
    for first, second in positions:
        _check_zone(code, (second if swap else first), (first if swap else second))
        try:
            lat, lon = convert.transform(*((second, first) if swap else (first, second)), errcheck=True)
        except ProjError as error:
            raise _outside(code, (first, second)) from error
        # A null transformation passes anything on, and infinity means that the projection failed.
        if not (math.isfinite(lon) and abs(lat) <= 90.0):
            raise _outside(code, (first, second))
        out.append((lon, lat))
    return out


def _northing_first(code: int) -> bool:
    return crs(code).axes[0].direction == "north"


def _outside(code: int, position: tuple[float, float]) -> ValidationError:
    found = crs(code)
    order = ", ".join(f"{axis.name} ({axis.direction}, {axis.unit})" for axis in found.axes)
    return ValidationError(
        f"The position is outside EPSG:{code} {found.name}",
        field="coordinates",
        value=position,
        remedy=f"Its axes are {order}: check their order and unit.",
    )


def _check_zone(code: int, northing: float, easting: float) -> None:
    zone = ZONES.get(code)
    if zone is None or abs(easting - zone.false_easting) < 1_000_000.0:
        return
    other = code + (1 if zone.prefixed else -1) * (11 if zone.width == 6 else 21)
    if abs(easting - ZONES[other].false_easting) < 1_000_000.0:
        remedy = f"The easting is {'without' if zone.prefixed else 'with'} the zone number: use EPSG:{other}."
    elif abs(northing - zone.false_easting) < 1_000_000.0:
        remedy = "The axes look swapped: northing comes first (or say easting_first)."
    else:
        remedy = f"Eastings of this zone are near {zone.false_easting:.0f} m: another zone's code may be meant."
    raise ValidationError(
        f"The position is far outside zone {zone.number} of EPSG:{code}",
        field="coordinates",
        value=(northing, easting),
        remedy=remedy,
    )
