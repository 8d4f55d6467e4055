"""Boxes in degrees around circles: they choose candidates, exact tests follow."""

from __future__ import annotations

import math

from kg.geo.geometry import EARTH_RADIUS_M

MARGIN_DEGREES = 1e-6
"""Boxes are widened by this (10 cm)."""


def _angle(metres: float) -> float:
    return math.degrees(max(metres, 0.0) / EARTH_RADIUS_M) + MARGIN_DEGREES


def south_of(lat: float, metres: float) -> float:
    return lat - _angle(metres)


def north_of(lat: float, metres: float) -> float:
    return lat + _angle(metres)


def _half_width(lat: float, metres: float) -> float:
    """Degrees of longitude that a circle reaches to either side; 360 where it holds a pole."""
    angle = math.radians(_angle(metres))
    if abs(math.radians(lat)) + angle >= math.pi / 2:
        return 360.0
    return math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(lat)))) + MARGIN_DEGREES


def west_of(lon: float, lat: float, metres: float) -> float:
    """-180 where the circle crosses the antimeridian: then all longitudes are candidates."""
    half = _half_width(lat, metres)
    return lon - half if lon - half >= -180 and lon + half <= 180 else -180.0


def east_of(lon: float, lat: float, metres: float) -> float:
    half = _half_width(lat, metres)
    return lon + half if lon - half >= -180 and lon + half <= 180 else 180.0
