"""One shape of a shapefile as a GeoJSON geometry."""

from __future__ import annotations

import struct
from typing import Any, Final

import shapely

_POINTS: Final = {1, 11, 21}
_MULTIPOINTS: Final = {8, 18, 28}
_LINES: Final = {3, 13, 23}
_POLYGONS: Final = {5, 15, 25}
_WITH_Z: Final = {11, 13, 15, 18}

Positions = list[list[float]]


def shape(content: bytes) -> dict[str, Any] | None:
    """The geometry of a record's content, coordinates as they stand; None for a null shape.

    ValueError for a type that is not known (MultiPatch), struct.error for one that is cut off.
    """
    (kind,) = struct.unpack_from("<i", content)
    if kind == 0:
        return None
    if kind in _POINTS:
        position = list(struct.unpack_from("<3d" if kind in _WITH_Z else "<2d", content, 4))
        return {"type": "Point", "coordinates": position}
    if kind in _MULTIPOINTS:
        (count,) = struct.unpack_from("<i", content, 36)
        return {"type": "MultiPoint", "coordinates": _positions(content, 40, count, kind in _WITH_Z)}
    if kind not in _LINES | _POLYGONS:
        raise ValueError(f"shape type {kind} is not supported")
    parts, count = struct.unpack_from("<2i", content, 36)
    starts = struct.unpack_from(f"<{parts}i", content, 44)
    positions = _positions(content, 44 + 4 * parts, count, kind in _WITH_Z)
    pieces = [positions[a:b] for a, b in zip(starts, (*starts[1:], count), strict=True)]
    if kind in _LINES:
        return _one_or_many("LineString", pieces)
    return _one_or_many("Polygon", _polygons(pieces))


def _positions(content: bytes, at: int, count: int, heights: bool) -> Positions:
    flat = struct.unpack_from(f"<{2 * count}d", content, at)
    out = [[flat[i], flat[i + 1]] for i in range(0, 2 * count, 2)]
    if heights:
        for position, height in zip(out, struct.unpack_from(f"<{count}d", content, at + 16 * count + 16), strict=True):
            position.append(height)
    return out


def _one_or_many(kind: str, pieces: list[Any]) -> dict[str, Any]:
    if len(pieces) == 1:
        return {"type": kind, "coordinates": pieces[0]}
    return {"type": f"Multi{kind}", "coordinates": pieces}


def _polygons(rings: list[Positions]) -> list[list[Positions]]:
    """Outer rings run clockwise and holes against the clock; a hole belongs to the ring that it lies in."""
    if len(rings) == 1:
        return [rings]
    lines = [shapely.LinearRing([p[:2] for p in ring]) for ring in rings]
    outer = [i for i, line in enumerate(lines) if not line.is_ccw]
    if not outer:
        return [[ring] for ring in rings]
    out = {i: [rings[i]] for i in outer}
    faces = {i: shapely.Polygon(lines[i]) for i in outer}
    for i, ring in enumerate(rings):
        if i in out:
            continue
        home = [j for j in outer if faces[j].contains(shapely.Point(ring[0][:2]))]
        if home:
            # The smallest, where islands lie in holes.
            out[min(home, key=lambda j: faces[j].area)].append(ring)
        else:
            out[i] = [ring]
    return list(out.values())
