"""Coordinates that are declared, said, or refused with what they could be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from kg.errors import LoadError
from kg.geo.crs import transformer
from kg.geo.gcj import wgs84_to_bd09, wgs84_to_gcj02
from kg.ingest.crs import candidates, system
from kg.ingest.load import Load, LoadOptions
from kg.ingest.mapping import parse_mapping
from kg.ingest.near import held_near
from kg.model.changes import ChangeSet, Put, RecordKey
from kg.store.memory import MemoryStore
from kg.testing.schemas import PARK
from loaders.registry import open_table

if TYPE_CHECKING:
    from pathlib import Path

    from kg.model.changes import Receipt

LON, LAT = 121.6, 31.2
NORTHING, EASTING = transformer(4326, 4549).transform(LAT, LON)
PLOT = {"class": "Plot", "id": "id", "columns": {"geometry": "geometry"}}
NOW = 1_782_748_800_000_000


def collection(x: float, y: float, crs: str = "") -> bytes:
    feature = {"type": "Feature", "properties": {"id": "p"}, "geometry": {"type": "Point", "coordinates": [x, y]}}
    declared: dict[str, Any] = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    return orjson.dumps({**declared, "type": "FeatureCollection", "features": [feature]})


def loaded(path: Path, content: bytes, **said: Any) -> tuple[Receipt, list[float], Load]:
    path.write_bytes(content)
    store = MemoryStore(PARK)
    options = LoadOptions(mapping=parse_mapping(said.pop("mapping", PLOT)), **said)
    load = Load(open_table(path), PARK, options)
    receipt = asyncio.run(load.run(store, now=NOW))
    found = [orjson.loads(str(row.properties["geometry"]))["coordinates"] for row in store.tables.versions.values()]
    return receipt, found[0] if found else [], load


@pytest.mark.parametrize(
    ("x", "y", "declared", "said"),
    [
        (LON, LAT, "", ""),
        (EASTING, NORTHING, "urn:ogc:def:crs:EPSG::4549", ""),
        (EASTING, NORTHING, "", "EPSG:4549"),
        (*wgs84_to_gcj02(LON, LAT), "", "GCJ-02"),
        (*wgs84_to_bd09(LON, LAT), "", "bd09"),
        (LON, LAT, "", "CGCS2000"),
    ],
)
def test_coordinates_come_out_on_wgs84(x: float, y: float, declared: str, said: str, tmp_path: Path) -> None:
    receipt, found, load = loaded(tmp_path / "a.geojson", collection(x, y, declared), crs=said)
    assert receipt.loaded == 1
    assert found == pytest.approx([LON, LAT], abs=1e-6)
    assert any(note.startswith("coordinates: ") for note in load.notes)


def test_what_is_not_declared_is_refused_with_candidates(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no degrees") as caught:
        loaded(tmp_path / "a.geojson", collection(EASTING, NORTHING), near=(LON, LAT))
    assert "--crs EPSG:4549" in caught.value.remedy
    assert "false easting 500,000 m" in caught.value.remedy
    assert "where the graph's places are" in caught.value.remedy
    with pytest.raises(LoadError, match="Not an EPSG code"):
        loaded(tmp_path / "b.geojson", collection(LON, LAT), crs="beijing")


def test_columns_of_metres_are_refused_too(tmp_path: Path) -> None:
    mapping = {"class": "Plot", "id": "id", "points": [{"longitude": "x", "latitude": "y"}]}
    text = f"id,x,y\np,{EASTING},{NORTHING}\n".encode()
    with pytest.raises(LoadError, match="not declared"):
        loaded(tmp_path / "a.csv", text, mapping=mapping)
    receipt, found, _ = loaded(tmp_path / "a.csv", text, mapping={**mapping, "crs": "EPSG:4549"})
    assert receipt.loaded == 1
    assert found == pytest.approx([LON, LAT], abs=1e-6)


def test_candidates_are_ranked_with_reasons() -> None:
    first = candidates([(40_000_000 + EASTING, NORTHING)], near=None)[0]
    assert system(first.name).convert is not None
    assert "false easting 40,500,000 m" in first.reason
    assert candidates([(EASTING, NORTHING)], near=(LON, LAT))[0].name == "EPSG:4549"
    assert candidates([(NORTHING, EASTING)], near=(LON, LAT))[0].reason.count("exchange") == 1
    assert "exchange" in candidates([(LAT, LON)])[0].reason
    assert candidates([(13_536_450.0, 3_662_000.0)], near=(LON, LAT))[0].name == "EPSG:3857"
    assert [c.name for c in candidates([(LON, LAT)])] == ["EPSG:4326", "EPSG:4490", "GCJ-02", "BD-09"]


def test_a_position_outside_its_system_costs_its_row(tmp_path: Path) -> None:
    receipt, _, _ = loaded(tmp_path / "a.geojson", collection(40_000_000 + EASTING, NORTHING), crs="EPSG:4549")
    assert (receipt.read, receipt.rejected) == (1, 1)
    assert receipt.rejections[0].remedy


def test_one_row_s_wrong_position_costs_that_row(tmp_path: Path) -> None:
    features = [orjson.loads(collection(LON, LAT))["features"][0] for _ in range(3)]
    for number, feature in enumerate(features):
        feature["properties"]["id"] = str(number)
    features[1]["geometry"]["coordinates"] = [LON, 231.2]
    text = orjson.dumps({"type": "FeatureCollection", "features": features}).replace(b"121.6,231.2", b"NaN,31.2")
    receipt, _, _ = loaded(tmp_path / "a.geojson", text)
    assert (receipt.read, receipt.loaded, receipt.rejected) == (3, 2, 1)


def test_exchanged_axes_are_called_so(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as caught:
        loaded(tmp_path / "a.geojson", collection(LAT, LON))
    assert "latitude stands before longitude" in caught.value.remedy
    assert "--crs" not in caught.value.remedy


def test_what_the_graph_holds_is_where_its_places_are() -> None:
    async def near() -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        store = MemoryStore(PARK)
        before = await held_near(store, now=NOW)
        point = orjson.dumps({"type": "Point", "coordinates": [LON, LAT]}).decode()
        await store.commit(ChangeSet((Put(RecordKey("s", "p"), "Plot", {"geometry": point}),)), now=NOW)
        return before, await held_near(store, now=NOW + 1)

    assert asyncio.run(near()) == (None, (LON, LAT))
