"""GeoJSON is read in pieces; where a piece ends makes no difference."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kg.model.records import Record
from loaders import geojson

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 1 << 20])
def test_chunks_make_no_difference(chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = [
        {
            "type": "Feature",
            "properties": {"n": i, "name": f'面"{i}\\'},
            "geometry": {"type": "Point", "coordinates": [i, 1e-3]},
        }
        for i in range(20)
    ]
    body = {"name": {"a": [1, 2]}, "x": 12.5, "features": features, "after": "}"}
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
    monkeypatch.setattr(geojson, "CHUNK", chunk)
    rows = list(geojson.open_geojson(path).rows())
    assert [row.values["n"] for row in rows if isinstance(row, Record)] == list(range(20))
    assert [row.row for row in rows] == list(range(1, 21))


@pytest.mark.parametrize(
    ("member", "crs"),
    [
        ("", "EPSG:4326"),
        (
            '"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4549"}},',
            "urn:ogc:def:crs:EPSG::4549",
        ),
        ('"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}},', "EPSG:4326"),
    ],
)
def test_the_reference_system_is_read(member: str, crs: str, tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(f'{{"type": "FeatureCollection", {member} "features": []}}', encoding="utf-8")
    assert geojson.open_geojson(path).crs == crs
