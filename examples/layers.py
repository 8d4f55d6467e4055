"""Layers of neighbouring services and surveyors around the demo park, in the reference systems and encodings they use.

Positions are made in degrees on WGS 84, longitude first, and written as their owners would.
"""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import shapefile
from pyproj import Transformer

from examples.copies import moved, named, own_id
from examples.firms import SYNTHETIC, Row, roll
from examples.ground import HIGH, ROAD, SOUTH, WEST, WIDE
from kg.geo.gcj import wgs84_to_gcj02

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Position = tuple[float, float]
STATIONS, EDGES = 300, 200
WGS84_PRJ = (
    'GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]]'
)
CGCS2000_120_PRJ = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_120E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",120.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0],AUTHORITY["EPSG",4549]]'
)


@lru_cache(maxsize=1)
def _projection() -> Transformer:
    return Transformer.from_crs("EPSG:4326", "EPSG:4549", always_xy=True)


def metres(positions: Iterable[Position]) -> list[Position]:
    """Easting and northing of EPSG:4549 (CGCS2000, 3-degree zone of 120° E), to the millimetre."""
    return [(round(x, 3), round(y, 3)) for x, y in (_projection().transform(*p) for p in positions)]


# ---------------------------------------------------------------- the water service: GeoJSON in GCJ-02


def pump_place(number: int) -> Position:
    """On WGS 84. The first 40 lie in the park, the others around it."""
    across, up = roll("pump x", number), roll("pump y", number)
    if number <= 40:
        return WEST + across * 6 * (WIDE + ROAD), SOUTH + up * 4 * (HIGH + ROAD)
    return 121.52 + 0.2 * across, 31.10 + 0.2 * up


def pump_stations(copy: int = 0) -> list[Row]:
    out = []
    for number in range(1, STATIONS + 1):
        lon, lat = wgs84_to_gcj02(*moved(pump_place(number), copy))
        out.append(
            {
                "type": "Feature", "geometry": {"type": "Point", "coordinates": [round(lon, 6), round(lat, 6)]},
                "properties": {
                    "站号": f"WS-31-{number + copy * STATIONS:04}",
                    "名称": named(f"示例泵站{number:03}", copy),
                    "设计流量": 100 * int(1 + 30 * roll("flow", number)), "单位": "m3/h",
                    "投运日期": f"{2001 + number % 22}-{1 + number % 12:02}-01", "provenance": SYNTHETIC,
                },
            }
        )  # fmt: skip
    return out


# ---------------------------------------------------------------- shapefiles


def shapefile_zip(
    name: str, kind: int, fields: Sequence[tuple[str, int]], rows: Iterable[tuple[Any, Sequence[str]]], *,
    encoding: str, prj: str, cpg: str,
) -> bytes:  # fmt: skip
    """A zipped shapefile, the same bytes every time. "" for `prj` or `cpg` leaves the file out."""
    parts = {ending: io.BytesIO() for ending in ("shp", "shx", "dbf")}
    with shapefile.Writer(**parts, shapeType=kind, encoding=encoding) as writer:
        for field, size in fields:
            writer.field(field, "C", size=size)
        for shape, values in rows:
            if kind == shapefile.POINT:
                writer.point(*shape)
            elif kind == shapefile.POLYLINE:
                writer.line([shape])
            else:
                writer.poly([shape])
            writer.record(*values)
    files = {ending: part.getvalue() for ending, part in parts.items()}
    # The header holds the day of writing.
    files["dbf"] = files["dbf"][:1] + bytes((126, 6, 30)) + files["dbf"][4:]
    files |= {ending: text.encode() for ending, text in (("prj", prj), ("cpg", cpg)) if text}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for ending, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(f"{name}.{ending}", (2026, 6, 30, 0, 0, 0)), content)
    return out.getvalue()


# ---------------------------------------------------------------- the traffic service: EPSG:4549, declared


def edge_line(number: int) -> list[Position]:
    """The stretches of the park's grid first, then streets around it."""
    grid = _grid()
    if number <= len(grid):
        return grid[number - 1]
    across, up = 121.52 + 0.2 * roll("edge x", number), 31.10 + 0.2 * roll("edge y", number)
    return [(across, up), (across + 0.002, up)] if number % 2 else [(across, up), (across, up + 0.0018)]


@lru_cache(maxsize=1)
def _grid() -> list[list[Position]]:
    def at(i: int, j: int) -> Position:
        return WEST - ROAD / 2 + i * (WIDE + ROAD), SOUTH - ROAD / 2 + j * (HIGH + ROAD)

    upward = [[at(i, j), at(i, j + 1)] for i in range(7) for j in range(4)]
    return upward + [[at(i, j), at(i + 1, j)] for j in range(5) for i in range(6)]


def road_edges(copies: int = 1) -> bytes:
    fields = (("路段号", 16), ("名称", 40), ("车道数", 4), ("provenance", 12))
    rows = (
        (
            metres(moved(p, copy) for p in edge_line(number)),
            (
                f"TE-{number + copy * EDGES:05}",
                named(f"示例路段{number:03}", copy),
                str(2 + 2 * (number % 2)),
                SYNTHETIC,
            ),
        )
        for copy in range(copies)
        for number in range(1, EDGES + 1)
    )
    return shapefile_zip(
        "road_edges", shapefile.POLYLINE, fields, rows, encoding="utf-8", prj=CGCS2000_120_PRJ, cpg="UTF-8"
    )


# ---------------------------------------------------------------- a surveyor: metres, and no word of which


def water_bodies(copies: int = 1) -> bytes:
    """Six ponds and canals. No .prj: the manifest says what the surveyor did not."""
    rows = []
    for copy in range(copies):
        for number in range(1, 7):
            west, south = WEST + number * 0.003, SOUTH + 0.012 + 0.001 * (number % 3)
            ring = [(west, south), (west, south + 0.0004), (west + 0.0012, south + 0.0004), (west + 0.0012, south)]
            said = (
                own_id(f"W{number}", copy),
                named(f"示例水体{number}", copy),
                f"{2.1 + 0.1 * number:.1f}",
                SYNTHETIC,
            )
            rows.append((metres(moved(p, copy) for p in [*ring, ring[0]]), said))
    fields = (("编号", 8), ("名称", 40), ("水位", 8), ("provenance", 12))
    return shapefile_zip("water_bodies", shapefile.POLYGON, fields, rows, encoding="utf-8", prj="", cpg="UTF-8")


# ---------------------------------------------------------------- an old desktop: GB18030, and no .cpg


def charging_place(number: int) -> Position:
    """On WGS 84."""
    return round(WEST + 0.0017 + 0.0036 * (number % 6), 6), round(SOUTH + 0.0008 + 0.0026 * (number % 4), 6)


def facilities(copies: int = 1) -> bytes:
    """Twelve charging stations, in degrees. Nothing says that the names are in GB18030."""
    rows = [
        (
            moved(charging_place(number), copy),
            (
                own_id(f"C{number:02}", copy),
                named(f"示例园区充电站{number}号（公用）", copy),
                f"{2019 + number % 6}-05-01",
                SYNTHETIC,
            ),
        )
        for copy in range(copies)
        for number in range(1, 13)
    ]
    fields = (("编号", 8), ("名称", 60), ("投运日期", 10), ("provenance", 12))
    return shapefile_zip("facilities", shapefile.POINT, fields, rows, encoding="gb18030", prj=WGS84_PRJ, cpg="")
