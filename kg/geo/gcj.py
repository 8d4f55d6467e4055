"""The map offsets of Chinese web maps: GCJ-02 (Amap, Tencent) and BD-09 (Baidu), both ways.

The formulas are the ones that developers of web maps published; no standard gives them. Positions are longitude and
latitude in degrees. Outside a rectangle about China GCJ-02 equals WGS 84, as on those maps. Inverses are solved by
iteration to 1e-11 degrees, some micrometres; at the rectangle's border, where the offset jumps, a position that none
maps to answers its nearest.
"""

from __future__ import annotations

import math

_A = 6_378_245.0  # Krassovsky 1940, on which the offset is defined
_EE = 0.00669342162296594323
_X_PI = math.pi * 3000.0 / 180.0
_WEST, _SOUTH, _EAST, _NORTH = 72.004, 0.8293, 137.8347, 55.8271
_EXACT = 1e-11
_STEPS = 40


def has_offset(lon: float, lat: float) -> bool:
    """Whether web maps move this WGS 84 position."""
    return _WEST <= lon <= _EAST and _SOUTH <= lat <= _NORTH


def _offset(lon: float, lat: float) -> tuple[float, float]:
    x, y = lon - 105.0, lat - 35.0
    root, wave = (
        math.sqrt(abs(x)),
        (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0,
    )
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + wave
    north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + wave
    east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    phi = math.radians(lat)
    magic = 1.0 - _EE * math.sin(phi) ** 2
    metres_north = _A * (1.0 - _EE) / (magic * math.sqrt(magic)) * math.pi / 180.0
    metres_east = _A / math.sqrt(magic) * math.cos(phi) * math.pi / 180.0
    return east / metres_east, north / metres_north


def wgs84_to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """WGS 84 to GCJ-02."""
    if not has_offset(lon, lat):
        return lon, lat
    east, north = _offset(lon, lat)
    return lon + east, lat + north


def gcj02_to_wgs84(lon: float, lat: float) -> tuple[float, float]:
    """GCJ-02 to WGS 84: the position that `wgs84_to_gcj02` moves here."""
    x, y = lon, lat
    for _ in range(_STEPS):
        east, north = _offset(x, y)
        dx, dy = lon - east - x, lat - north - y
        x, y = x + dx, y + dy
        if abs(dx) < _EXACT and abs(dy) < _EXACT:
            break
    # Outside the rectangle nothing is moved; there the position stands for itself.
    return (x, y) if has_offset(x, y) else (lon, lat)


def gcj02_to_bd09(lon: float, lat: float) -> tuple[float, float]:
    """GCJ-02 to BD-09."""
    z = math.hypot(lon, lat) + 0.00002 * math.sin(lat * _X_PI)
    theta = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _X_PI)
    return z * math.cos(theta) + 0.0065, z * math.sin(theta) + 0.006


def bd09_to_gcj02(lon: float, lat: float) -> tuple[float, float]:
    """BD-09 to GCJ-02: the position that `gcj02_to_bd09` moves here."""
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(_STEPS):
        there = gcj02_to_bd09(x, y)
        dx, dy = lon - there[0], lat - there[1]
        x, y = x + dx, y + dy
        if abs(dx) < _EXACT and abs(dy) < _EXACT:
            break
    return x, y


def wgs84_to_bd09(lon: float, lat: float) -> tuple[float, float]:
    """WGS 84 to BD-09."""
    return gcj02_to_bd09(*wgs84_to_gcj02(lon, lat))


def bd09_to_wgs84(lon: float, lat: float) -> tuple[float, float]:
    """BD-09 to WGS 84."""
    return gcj02_to_wgs84(*bd09_to_gcj02(lon, lat))
