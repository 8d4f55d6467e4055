"""GeoPackage (OGC 12-128r19): one feature table of the SQLite file, read row by row."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import apsw
import orjson
import shapely

from kg.errors import LoadError
from kg.model.records import BadRow, Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kg.model.records import Row

_REMEDY: Final = "Export it again as GeoPackage."
# Clause 2.1.3.1.1: bytes of the envelope by its code.
_ENVELOPE: Final = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}


@dataclass(frozen=True, slots=True)
class GeoPackageTable:
    """An opened layer: its columns, with the geometry under `geometry`."""

    path: Path
    format: str
    columns: tuple[str, ...]
    evidence: tuple[str, ...]
    layer: str
    stored: tuple[str, ...]
    shape: int  # index of the geometry column
    crs: str
    separator: str = ""
    geometric: bool = True

    def about(self) -> int | None:
        with _Opened(self.path) as db:
            return int(next(iter(db.execute(f"select count(*) from {_name(self.layer)}")))[0])  # noqa: S608

    def rows(self) -> Iterator[Row]:
        names = ", ".join(_name(column) for column in self.stored)
        with _Opened(self.path) as db:
            for number, cells in enumerate(db.execute(f"select {names} from {_name(self.layer)}"), start=1):  # noqa: S608
                yield self._record(number, cells)

    def _record(self, number: int, cells: tuple[Any, ...]) -> Row:
        values: dict[str, Any] = {}
        for index, (column, cell) in enumerate(zip(self.columns, cells, strict=True)):
            if cell is None or cell == "":
                continue
            if index == self.shape:
                try:
                    geometry = _geometry(cell)
                except (ValueError, TypeError, IndexError, struct.error, shapely.errors.ShapelyError) as error:
                    return BadRow(number, repr(cells), f"no geometry can be read: {error}", _REMEDY, column)
                if geometry is not None:
                    values[column] = geometry
            elif not isinstance(cell, bytes):
                values[column] = cell
        return Record(number, values)


class _Opened:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> apsw.Connection:
        try:
            # Not a byte of somebody's file is changed, not even a journal beside it.
            name = f"file:{quote(str(self.path.resolve()))}?immutable=1"
            self.db = apsw.Connection(name, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
            self.db.execute("select count(*) from gpkg_contents").fetchall()
        except apsw.Error as error:
            raise LoadError(f"This is no GeoPackage: {error}", where=str(self.path), remedy=_REMEDY) from None
        return self.db

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.db.close()
        if isinstance(error, apsw.Error):
            raise LoadError(f"The GeoPackage is damaged: {error}", where=str(self.path), remedy=_REMEDY) from None


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _geometry(cell: object) -> dict[str, Any] | None:
    """Clause 2.1.3: a header, then WKB."""
    if not isinstance(cell, bytes) or cell[:2] != b"GP":
        raise ValueError("not a GeoPackage geometry")
    flags = cell[3]
    if flags & 0x10:  # empty
        return None
    wkb = cell[8 + _ENVELOPE[flags >> 1 & 7] :]
    found: dict[str, Any] = orjson.loads(shapely.to_geojson(shapely.from_wkb(wkb)))
    return found


def open_geopackage(path: Path, *, layer: str = "") -> GeoPackageTable:
    """Look at a layer. LoadError for a file that is none, and where there are several and none is named."""
    with _Opened(path) as db:
        found = db.execute(
            "select c.table_name, g.column_name, s.organization, s.organization_coordsys_id from gpkg_contents c "
            "join gpkg_geometry_columns g on g.table_name = c.table_name "
            "left join gpkg_spatial_ref_sys s on s.srs_id = g.srs_id where c.data_type = 'features' order by 1"
        ).fetchall()
        chosen = [row for row in found if not layer or row[0] == layer]
        if len(chosen) != 1:
            known = ", ".join(str(row[0]) for row in found) or "none"
            raise LoadError(
                "There is no such layer" if layer else "There is no layer of features, or there are several",
                where=str(path), field="layer", value=layer or None, remedy=f"Say one with --layer: {known}.",
            )  # fmt: skip
        ((table, shape, organisation, code),) = chosen
        stored = tuple(str(row[1]) for row in db.execute(f"pragma table_info({_name(str(table))})"))
        count = db.execute(f"select count(*) from {_name(str(table))}").get  # noqa: S608
    # -1 and 0 are undefined systems (clause 1.1.2.1.2).
    crs = f"EPSG:{code}" if str(organisation).upper() == "EPSG" and int(str(code)) > 0 else ""
    names = tuple("geometry" if column == shape else column for column in stored)
    evidence = (f"layer {table}: {count} features", f"reference system: {crs or 'undefined'}")
    return GeoPackageTable(path, "geopackage", names, evidence, str(table), stored, stored.index(str(shape)), crs)
