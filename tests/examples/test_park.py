"""The demo park: its files are those that the generator writes, all load, and nobody in it exists."""

from __future__ import annotations

import asyncio
import csv
import shutil
import zipfile
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from examples import firms, generate, layers, planted
from kg.errors import JingweiError, LoadError
from kg.ingest.load import Load, LoadOptions
from kg.ingest.manifest import Loaded, Manifest, Step, load_all, micros, read_manifest
from kg.ingest.mapping import read_mapping
from kg.ingest.replaying import DecisionStep, Replay
from kg.ingest.review.decisions import decisions
from kg.model.intervals import OPEN
from kg.schema.identifiers import check
from kg.store.memory import MemoryStore
from loaders.registry import open_table
from tests.examples.conftest import PARK

if TYPE_CHECKING:
    from pathlib import Path

    from kg.schema.types import Schema


async def steps(store: MemoryStore, manifest: Manifest, folder: Path = PARK) -> list[Loaded]:
    return [done async for done in load_all(store, folder, manifest, open_table)]


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    made = {*generate.FILES, *generate.BINARY}
    assert {path.name for path in PARK.glob("*.*") if path.suffix != ".yaml"} == made
    generate.write(tmp_path)
    for name in made:
        assert (PARK / name).read_bytes() == (tmp_path / name).read_bytes(), f"{name}: run python -m examples.generate"


def test_the_manifest_names_every_file_and_mapping(manifest: Manifest) -> None:
    loads = [step for step in manifest.loads if isinstance(step, Step)]
    assert {step.file for step in loads} == {*generate.FILES, *generate.BINARY}
    assert {step.mapping for step in loads} == {path.stem for path in (PARK / "mappings").glob("*.yaml")}
    assert manifest.provenance == "synthetic"
    assert f"{manifest.today:%Y-%m-%d}" == "2026-06-30"


def test_nobody_in_it_exists(schema: Schema) -> None:
    rows = [row for year in (2024, 2025) for row in csv_rows(f"registry_{year}.csv")]
    assert len({row["统一社会信用代码"] for row in rows}) == firms.RESIDENTS + firms.OUTSIDERS
    for row in rows:
        check(schema.schemes["uscc"], row["统一社会信用代码"])
        assert row["统一社会信用代码"][2:8] == "999999", "an area that no registry has"
        assert "示例" in row["企业名称"]
        assert row["provenance"] == "synthetic"


def test_everything_is_loaded(park: tuple[MemoryStore, list[Loaded]], manifest: Manifest) -> None:
    store, done = park
    assert [one.step for one in done] == list(manifest.loads)
    assert {one.step.about: one.receipt.rejections for one in done if one.receipt.rejected} == {}
    for one in done:
        counts = one.receipt
        assert counts.read == counts.loaded + counts.merged + counts.unchanged + counts.rejected
    assert asyncio.run(store.check()) == ()
    classes = {row.cls for row in store.tables.versions.values()}
    assert {"Enterprise", "ChainStage", "Material", "Product", "Technology", "Plot", "Building", "Industry"} <= classes
    assert not any(row.mentioned for row in store.tables.versions.values()), "no stub is left"


def test_a_finished_park_is_not_loaded_again(park: tuple[MemoryStore, list[Loaded]], manifest: Manifest) -> None:
    store, _ = park
    before = asyncio.run(store.clock())
    assert asyncio.run(steps(store, manifest)) == []
    assert asyncio.run(store.clock()) == before


def test_a_store_with_something_else_is_refused(schema: Schema, manifest: Manifest, tmp_path: Path) -> None:
    folder = tmp_path / "park"
    shutil.copytree(PARK, folder)
    first = Manifest.model_validate({**manifest.model_dump(), "loads": manifest.loads[:2]})
    store = MemoryStore(schema)
    asyncio.run(steps(store, first, folder))
    with (folder / "areas.csv").open("a", encoding="utf-8") as file:
        file.write("350000,福建省,PROVINCE,\n")
    with pytest.raises(LoadError, match="something else"):
        asyncio.run(steps(store, first, folder))


def test_it_is_as_large_as_it_should_be(park: tuple[MemoryStore, list[Loaded]], manifest: Manifest) -> None:
    """Counts of today, from the resolved rows."""
    store, done = park
    now = micros(manifest.today)
    standing = [r for r in store.tables.versions.values() if r.system_to == OPEN and r.valid_from <= now < r.valid_to]
    classes = Counter(row.cls for row in standing if row.level_to > 3)
    edges = Counter(r.relation for r in store.tables.edges.values() if r.system_to == OPEN and r.valid_to > now)
    assert {name: classes[name] for name in ("Plot", "Space", "Lease", "AttractionProject", "Source")} == {
        "Plot": 24, "Space": 46, "Lease": 60, "AttractionProject": 42, "Source": 9,
    }  # fmt: skip
    assert (classes["PumpStation"], classes["RoadSegment"]) == (300, 200)
    # All but the four that ended; and two entries of the old directory that are nobody's.
    assert classes["Enterprise"] == 360 + 160 - 4 + 2
    assert classes["ChainStage"] >= 90
    assert edges["suppliesTo"] >= 1200
    outside = {f.area for f in firms.firms() if not f.resident}
    assert len(outside) >= 6
    assert all(any(row.startswith(area[:2]) for row in ("31", "32", "33", "34")) for area in outside)

    steps_at = {one.step: micros(one.step.recorded) for one in done}
    assert max(steps_at.values()) - min(steps_at.values()) >= 700 * 86_400_000_000, "two years of what was known"
    newest: dict[str, int] = {}
    for step, instant in steps_at.items():
        if isinstance(step, Step):
            source = read_mapping(PARK / "mappings" / f"{step.mapping}.yaml").source
            assert source
            newest[source.id] = max(newest.get(source.id, 0), instant)
    assert len(newest) == 9
    told = {row["id"]: row["updatedOn"] for row in generate.FILES["sources.jsonl"]()}
    assert told == {name: f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m-%d}" for name, at in newest.items()}
    assert told["old-directory"] == "2025-04-30", "fourteen months"


def csv_rows(name: str) -> list[dict[str, str]]:
    with (PARK / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_layer_without_a_system_is_refused_unless_the_manifest_says_it(schema: Schema, manifest: Manifest) -> None:
    steps_by_file = {step.file: step for step in manifest.loads if isinstance(step, Step)}
    step = steps_by_file["water_bodies.zip"]
    assert step.crs == "EPSG:4549"
    silent = Manifest.model_validate({**manifest.model_dump(), "loads": [step.model_copy(update={"crs": ""})]})
    with pytest.raises(LoadError, match="not declared") as refused:
        asyncio.run(steps(MemoryStore(schema), silent))
    assert refused.value.remedy.count("false easting") >= 3
    mapping = read_mapping(PARK / "mappings" / "water_bodies.yaml")
    with pytest.raises(LoadError) as ranked:  # as the command does, which knows where the graph's places are
        Load(open_table(PARK / step.file), schema, LoadOptions(mapping=mapping, near=(121.6, 31.195)))
    assert ranked.value.remedy.startswith("Say it: --crs EPSG:4549. They could be: EPSG:4549: eastings near")
    assert "where the graph's places are" in ranked.value.remedy


def test_layers_come_as_their_owners_keep_them(schema: Schema, park: tuple[MemoryStore, list[Loaded]]) -> None:
    """GCJ-02, EPSG:4549 declared and not, GB18030 that nothing declares: all lie where they were made, by name."""
    store, _ = park
    by_name = {str(row.properties.get("name")): row.properties for row in store.tables.versions.values()}
    shift = 0.0
    for number in (1, 40, 41, 300):
        lon, lat = orjson.loads(str(by_name[f"示例泵站{number:03}"]["geometry"]))["coordinates"]
        x, y = layers.pump_place(number)
        assert abs(lon - x) < 2e-6
        assert abs(lat - y) < 2e-6
        shift = max(shift, abs(layers.pump_stations()[number - 1]["geometry"]["coordinates"][0] - x))
    assert shift > 0.003, "the file itself is some 400 m off"
    edge = orjson.loads(str(by_name["示例路段001"]["geometry"]))["coordinates"]
    made = [coordinate for position in layers.edge_line(1) for coordinate in position]
    assert [coordinate for position in edge for coordinate in position] == pytest.approx(made, abs=1e-7)
    pond = orjson.loads(str(by_name["示例水体1"]["geometry"]))
    assert 121.59 < pond["coordinates"][0][0][0] < 121.62
    assert "示例园区充电站12号（公用）" in by_name
    with zipfile.ZipFile(PARK / "facilities.zip") as archive:
        assert sorted(archive.namelist()) == ["facilities.dbf", "facilities.prj", "facilities.shp", "facilities.shx"]
        table = archive.read("facilities.dbf")
    assert "充电站".encode("gb18030") in table
    assert table[29] == 0, "the language byte says nothing"
    with zipfile.ZipFile(PARK / "water_bodies.zip") as archive:
        assert not any(name.endswith(".prj") for name in archive.namelist())


def test_decisions_are_replayed_once(park: tuple[MemoryStore, list[Loaded]], manifest: Manifest) -> None:
    store, done = park
    told = [one for one in done if isinstance(one.step, DecisionStep)]
    assert [bool(one.step.merge) for one in told if isinstance(one.step, DecisionStep)] == [True, True, True, False]
    runs = {run["run"]: run for run in asyncio.run(store.runs())}
    for one in told:
        assert isinstance(one.step, DecisionStep)
        assert runs[one.receipt.run]["author"] == one.step.by
        assert one.receipt.system == micros(one.step.recorded)
    kept = asyncio.run(decisions(store, now=micros(manifest.today)))
    assert sorted(one.outcome for one in kept.values()) == ["ACCEPTED", "ACCEPTED", "UNDONE"]
    step = next(step for step in manifest.loads if isinstance(step, DecisionStep))
    again = Replay(step, micros(step.recorded))
    assert asyncio.run(again.done(store))
    before = asyncio.run(store.clock())
    asyncio.run(again.run(store, now=micros(manifest.today)))
    assert asyncio.run(store.clock()).system == before.system, "found taken, not taken twice"


@pytest.mark.parametrize(
    ("step", "field", "says"),
    [
        ({"merge": {"class": "Enterprise", "name": "nobody"}}, "uscc", "0 entities"),
        (
            {"into": {"class": "Firm", "name": "nobody"}, "merge": {"class": "Enterprise", "name": "a"}},
            "class",
            "no such class",
        ),
        ({"undo": {"class": "Enterprise", "name": "nobody"}, "into": None}, "name", "0 entities"),
    ],
)
def test_a_decision_about_nobody_is_refused(
    schema: Schema, manifest: Manifest, step: dict[str, Any], field: str, says: str
) -> None:
    into = {"class": "Enterprise", "scheme": "uscc", "value": firms.uscc(1)}
    body = {"into": into, "by": "somebody", "reason": "a test", "recorded": "2025-01-01T00:00:00Z", **step}
    wrong = Manifest.model_validate({**manifest.model_dump(), "loads": [body]})
    with pytest.raises(JingweiError, match=says) as refused:
        asyncio.run(steps(MemoryStore(schema), wrong))
    assert refused.value.field == field


def versions(store: MemoryStore, number: int, name: str, system: int) -> list[tuple[int, int, Any]]:
    """What was known of a firm's property at a system instant: (from, to, value)."""
    code = firms.uscc(number)
    rows = [
        row
        for row in store.tables.versions.values()
        if row.properties.get("uscc") == code and row.system_from <= system < row.system_to
    ]
    return sorted((row.valid_from, row.valid_to, row.properties.get(name)) for row in rows)


def test_both_clocks_are_told_apart(park: tuple[MemoryStore, list[Loaded]], manifest: Manifest) -> None:
    """One correction recorded on 2026-02-10 about 2025-04-01."""
    store, _ = park
    firm = firms.firms()[planted.CORRECTED - 1]
    at = {step.about: micros(step.recorded) for step in manifest.loads}
    april = 1_743_436_800_000_000  # 2025-04-01 in Shanghai
    before = versions(store, firm.number, "registeredCapital", at["registry_correction.csv"] - 1)
    after = versions(store, firm.number, "registeredCapital", micros(manifest.today))
    assert {value for start, end, value in before if start <= april < end} == {firm.capital * 10_000.0}
    assert {value for start, end, value in after if start <= april < end} == {firm.capital * 30_000.0}
    assert {value for start, end, value in after if start <= april - 1 < end} == {firm.capital * 10_000.0}


def test_ended_firms_have_ended_and_their_relations_with_them(park: tuple[MemoryStore, list[Loaded]]) -> None:
    store, _ = park
    for number in planted.ENDED_2025:
        rows = versions(store, number, "name", OPEN - 1)
        assert rows
        assert rows[-1][1] == 1_743_350_400_000_000, "2025-03-31 in Shanghai"


def test_a_manifest_out_of_order_is_refused(tmp_path: Path, manifest: Manifest) -> None:
    body = orjson.loads(manifest.model_dump_json(by_alias=True))
    body["loads"] = body["loads"][::-1]
    path = tmp_path / "park.yaml"
    path.write_bytes(orjson.dumps(body))
    with pytest.raises(LoadError, match="order of their recording"):
        read_manifest(path)
    path.write_text("loads: 1\n", encoding="utf-8")
    with pytest.raises(LoadError, match="manifest is wrong"):
        read_manifest(path)


def test_sources_do_not_differ_in_what_is_kept_beside(park: tuple[MemoryStore, list[Loaded]]) -> None:
    store, _ = park
    said = {str(row.properties["attributes"]) for row in store.tables.claims.values() if "attributes" in row.properties}
    assert said == {'{"provenance":"synthetic"}'}


def test_the_park_many_times_over(tmp_path: Path, schema: Schema) -> None:
    """Once it is the committed files, byte for byte; twice it has ids, codes, names and places of two."""
    generate.write_whole(tmp_path / "1", 1)
    for path in (tmp_path / "1").rglob("*.*"):
        assert path.read_bytes() == (PARK / path.relative_to(tmp_path / "1")).read_bytes(), path.name
    folder = tmp_path / "2"
    generate.write_whole(folder, 2)
    generate.write_whole(tmp_path / "again", 2)
    for path in folder.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(folder)).read_bytes(), path.name

    store = MemoryStore(schema)
    done = asyncio.run(steps(store, read_manifest(folder / "park.yaml"), folder))
    assert {one.step.about: one.receipt.rejections for one in done if one.receipt.rejected} == {}
    assert asyncio.run(store.check()) == ()
    now = [row for row in store.tables.versions.values() if row.system_to == OPEN and row.valid_to == OPEN]
    classes = Counter(row.cls for row in now)
    assert classes["Enterprise"] == 2 * (360 + 160 - 4 + 2)
    assert (classes["PumpStation"], classes["RoadSegment"], classes["Plot"]) == (600, 400, 48)
    assert classes["ChainStage"] == 93, "what everybody looks up is there once"
    for name in ("uscc", "waterStationId", "roadEdgeId"):
        found = [row.properties[name] for row in now if name in row.properties]
        assert len(found) == len(set(found))
    codes = {str(row.properties["uscc"]) for row in now if "uscc" in row.properties}
    assert len(codes) == 2 * 516
    for code in codes:
        check(schema.schemes["uscc"], code)
    places = [str(row.properties["geometry"]) for row in now if row.cls in {"Plot", "Building", "PumpStation"}]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("scale", [0, 1001])
def test_a_park_too_large_is_refused(tmp_path: Path, scale: int) -> None:
    with pytest.raises(LoadError, match="that many times"):
        generate.write_whole(tmp_path, scale)
