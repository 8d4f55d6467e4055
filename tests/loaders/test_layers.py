"""Shapefiles and GeoPackages: where they are, in which encoding, in which layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pyproj import CRS

from kg.errors import LoadError
from kg.model.records import Record
from kg.testing.files import dbf, geopackage, point, shp
from loaders.registry import OpenOptions, open_table

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("code", [4326, 4490, 4549, 4513, 3857, 32651])
@pytest.mark.parametrize("flavour", ["WKT1_ESRI", "WKT1_GDAL", "WKT2_2019"])
def test_the_prj_names_its_system(code: int, flavour: str, tmp_path: Path) -> None:
    (tmp_path / "a.shp").write_bytes(shp(1, [point(1, 2)]))
    (tmp_path / "a.dbf").write_bytes(dbf([("n", "N", 3)], [["1"]], "ascii"))
    text = CRS.from_epsg(code).to_wkt(flavour)
    (tmp_path / "a.prj").write_text(text, encoding="utf-8")
    assert open_table(tmp_path / "a.shp").crs == f"EPSG:{code}"


def test_without_a_prj_nothing_is_declared(tmp_path: Path) -> None:
    (tmp_path / "a.shp").write_bytes(shp(1, [point(1, 2)]))
    (tmp_path / "a.DBF").write_bytes(dbf([("名", "C", 8)], [["甲"]], "gb18030"))
    table = open_table(tmp_path / "a.shp", OpenOptions(encoding="gb18030"))
    assert (table.crs, table.geometric) == ("", True)
    (row,) = table.rows()
    assert isinstance(row, Record)
    assert row.values["名"] == "甲"
    assert "there is no .prj" in " ".join(table.evidence)


def test_a_deleted_record_is_no_feature(tmp_path: Path) -> None:
    table = bytearray(dbf([("n", "C", 1)], [["a"], ["b"]], "ascii"))
    table[-3 - 2 : -3 - 1] = b"*"
    (tmp_path / "a.shp").write_bytes(shp(1, [point(1, 2), point(3, 4)]))
    (tmp_path / "a.dbf").write_bytes(bytes(table))
    rows = list(open_table(tmp_path / "a.shp").rows())
    assert [(r.row, r.values["geometry"]["coordinates"]) for r in rows if isinstance(r, Record)] == [(2, [3.0, 4.0])]


def test_of_several_layers_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    geopackage(path, {"roads": [({"n": 1}, "LINESTRING (0 0, 1 1)")], "plots": [({"n": 2}, "POINT (1 1)")]}, srs=4549)
    with pytest.raises(LoadError, match="several") as caught:
        open_table(path)
    assert "plots, roads" in caught.value.remedy
    table = open_table(path, OpenOptions(layer="plots"))
    assert table.crs == "EPSG:4549"
    assert [r.values["n"] for r in table.rows() if isinstance(r, Record)] == [2]
    with pytest.raises(LoadError, match="no such layer"):
        open_table(path, OpenOptions(layer="lakes"))


def test_an_undefined_system_is_none(tmp_path: Path) -> None:
    geopackage(tmp_path / "a.gpkg", {"plots": [({"n": 2}, "POINT (1 1)")]}, srs=-1)
    assert open_table(tmp_path / "a.gpkg").crs == ""
