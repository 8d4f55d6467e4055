"""Small binary files made from scratch, for tests of loaders: shapefiles, GeoPackages, workbooks."""

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


_X = "http://schemas.openxmlformats.org"
_XML = f'xmlns="{_X}/spreadsheetml/2006/main" xmlns:r="{_X}/officeDocument/2006/relationships"'
_STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="yyyy&quot;年&quot;m"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs>'
)


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]], merged: Sequence[str] = (), *, hidden: Sequence[str] = ()
) -> bytes:
    """A workbook whose every other text is shared; a `float` in a tuple of one is a day, formatted as a date."""
    shared: dict[str, int] = {}
    listed = "".join(
        f'<sheet name="{name}" sheetId="{i}" r:id="r{i}" state="{"hidden" if name in hidden else "visible"}"/>'
        for i, name in enumerate(sheets, start=1)
    )
    links = "".join(f'<Relationship Id="r{i}" Target="worksheets/s{i}.xml"/>' for i in range(1, len(sheets) + 1))
    members = {
        "xl/workbook.xml": f"<workbook {_XML}><sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_X}/package/2006/relationships">{links}</Relationships>',
        "xl/styles.xml": f"<styleSheet {_XML}>{_STYLES}</styleSheet>",
    }
    for i, rows in enumerate(sheets.values(), start=1):
        body = "".join(
            f'<row r="{r}">{"".join(_cell(r, c, v, shared) for c, v in enumerate(row))}</row>'
            for r, row in enumerate(rows, start=1)
            if row
        )
        ranges = "".join(f'<mergeCell ref="{one}"/>' for one in merged)
        members[f"xl/worksheets/s{i}.xml"] = (
            f"<worksheet {_XML}><sheetData>{body}</sheetData><mergeCells>{ranges}</mergeCells></worksheet>"
        )
    texts = "".join(f"<si><t>{text}</t><rPh><t>x</t></rPh></si>" for text in shared)
    members["xl/sharedStrings.xml"] = f"<sst {_XML}>{texts}</sst>"
    return zipped({name: text.encode() for name, text in members.items()})


def _cell(row: int, column: int, value: Any, shared: dict[str, int]) -> str:
    if value is None:
        return ""
    place = f'r="{chr(65 + column)}{row}"'
    if isinstance(value, tuple):
        return f'<c {place} s="1"><v>{value[0]}</v></c>'
    if isinstance(value, bool):
        return f'<c {place} t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f"<c {place}><v>{value!r}</v></c>"
    if column % 2:
        return f'<c {place} t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c {place} t="s"><v>{shared.setdefault(value, len(shared))}</v></c>'
