"""Small binary files made from scratch, for tests of loaders: shapefiles and GeoPackages."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import apsw
import shapely

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def dbf(
    fields: Sequence[tuple[str, str, int]], rows: Sequence[Sequence[str]], encoding: str, language: int = 0
) -> bytes:
    """A dBASE III table; a field is (name, type letter, bytes)."""
    size = 1 + sum(width for _, _, width in fields)
    header = 33 + 32 * len(fields)
    out = struct.pack("<4BIHH16xBBH", 3, 126, 6, 30, len(rows), header, size, 0, language, 0)
    for name, kind, width in fields:
        out += struct.pack("<11sc4xBB14x", name.encode(encoding), kind.encode(), width, 0)
    out += b"\r"
    for row in rows:
        out += b" " + b"".join(v.encode(encoding)[:w].ljust(w) for v, (_, _, w) in zip(row, fields, strict=True))
    return out + b"\x1a"


def shp(kind: int, contents: Sequence[bytes]) -> bytes:
    """The main file; each content begins with its own shape type."""
    body = b"".join(struct.pack(">2i", i, len(c) // 2) + c for i, c in enumerate(contents, start=1))
    return struct.pack(">i20xi", 9994, (100 + len(body)) // 2) + struct.pack("<2i8d", 1000, kind, *[0.0] * 8) + body


def point(x: float, y: float) -> bytes:
    return struct.pack("<i2d", 1, x, y)


def parts(kind: int, rings: Sequence[Sequence[tuple[float, float]]]) -> bytes:
    """A polyline (3) or polygon (5)."""
    count = sum(len(ring) for ring in rings)
    starts = [sum(len(ring) for ring in rings[:i]) for i in range(len(rings))]
    flat = [c for ring in rings for position in ring for c in position]
    return struct.pack(f"<i4d2i{len(rings)}i{2 * count}d", kind, 0, 0, 0, 0, len(rings), count, *starts, *flat)


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def geopackage(
    path: Path, layers: Mapping[str, Sequence[tuple[Mapping[str, Any], str | None]]], srs: int = 4326
) -> None:
    """Layers of (attributes, WKT); all rows of a layer have the same attributes."""
    db = apsw.Connection(str(path))
    db.execute(
        "create table gpkg_spatial_ref_sys (srs_name, srs_id integer primary key, organization, "
        "organization_coordsys_id, definition);"
        "create table gpkg_contents (table_name primary key, data_type);"
        "create table gpkg_geometry_columns (table_name, column_name, geometry_type_name, srs_id, z, m)"
    )
    db.execute("insert into gpkg_spatial_ref_sys values ('', ?, ?, ?, '')", (srs, "EPSG" if srs > 0 else "NONE", srs))
    for name, rows in layers.items():
        columns = list(rows[0][0])
        db.execute(f'create table "{name}" (fid integer primary key, geom blob, {", ".join(columns)})')
        db.execute("insert into gpkg_contents values (?, 'features')", (name,))
        db.execute("insert into gpkg_geometry_columns values (?, 'geom', 'GEOMETRY', ?, 0, 0)", (name, srs))
        for attributes, wkt in rows:
            blob = None
            if wkt is not None:
                blob = b"GP\0\1" + struct.pack("<i", srs) + shapely.to_wkb(shapely.from_wkt(wkt))
            marks = ", ".join("?" * (len(columns) + 1))
            db.execute(
                # Names are those of the test.
                f'insert into "{name}" (geom, {", ".join(columns)}) values ({marks})',  # noqa: S608
                (blob, *attributes.values()),
            )
    db.close()
