"""The demo park: its files are those that the generator writes, all load, and nobody in it exists."""

from __future__ import annotations

import asyncio
import csv
import shutil
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from examples import firms, generate
from examples.catalogue import STAGES
from kg.errors import LoadError
from kg.ingest.manifest import Loaded, Manifest, load_all, micros, read_manifest
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


def test_the_files_are_what_the_generator_writes() -> None:
    made = generate.generate()
    assert {path.name for path in PARK.glob("*.*") if path.suffix != ".yaml"} == set(made)
    for name, content in made.items():
        assert (PARK / name).read_bytes() == content, f"{name}: run python -m examples.generate"


def test_the_manifest_names_every_file_and_mapping(manifest: Manifest) -> None:
    assert {step.file for step in manifest.loads} == set(generate.FILES)
    assert {step.mapping for step in manifest.loads} == {path.stem for path in (PARK / "mappings").glob("*.yaml")}
    assert manifest.provenance == "synthetic"
    assert f"{manifest.today:%Y-%m-%d}" == "2026-06-30"


def test_nobody_in_it_exists(schema: Schema) -> None:
    with (PARK / "registry_2024.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == firms.RESIDENTS + firms.OUTSIDERS
    assert len({row["统一社会信用代码"] for row in rows}) == len(rows)
    for row in rows:
        check(schema.schemes["uscc"], row["统一社会信用代码"])
        assert row["统一社会信用代码"][2:8] == "999999", "an area that no registry has"
        assert "示例" in row["企业名称"]
        assert row["provenance"] == "synthetic"


def test_everything_is_loaded(park: tuple[MemoryStore, list[Loaded]], manifest: Manifest) -> None:
    store, done = park
    assert [one.step for one in done] == list(manifest.loads)
    assert {one.step.file: one.receipt.rejections for one in done if one.receipt.rejected} == {}
    supplies = sum(one.receipt.loaded for one in done if one.step.mapping == "supplies")
    assert supplies >= 1200
    assert asyncio.run(store.check()) == ()
    classes = {row.cls for row in store.tables.versions.values()}
    assert {"Enterprise", "ChainStage", "Material", "Product", "Technology", "Plot", "Building", "Industry"} <= classes
    assert len(STAGES) >= 90
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
    firm = firms.firms()[firms.CORRECTED - 1]
    at = {step.file: micros(step.recorded) for step in manifest.loads}
    april = 1_743_436_800_000_000  # 2025-04-01 in Shanghai
    before = versions(store, firm.number, "registeredCapital", at["registry_correction.csv"] - 1)
    after = versions(store, firm.number, "registeredCapital", micros(manifest.today))
    assert {value for start, end, value in before if start <= april < end} == {firm.capital * 10_000.0}
    assert {value for start, end, value in after if start <= april < end} == {firm.capital * 30_000.0}
    assert {value for start, end, value in after if start <= april - 1 < end} == {firm.capital * 10_000.0}


def test_ended_firms_have_ended_and_their_relations_with_them(park: tuple[MemoryStore, list[Loaded]]) -> None:
    store, _ = park
    for number in firms.ENDED_2025:
        rows = versions(store, number, "name", OPEN - 1)
        assert rows
        assert rows[-1][1] == 1_743_350_400_000_000, "2025-03-31 in Shanghai"


def test_sources_conflict_where_it_was_planned(park: tuple[MemoryStore, list[Loaded]]) -> None:
    store, _ = park
    by_source: dict[tuple[str, str], set[float]] = {}
    entity = {(r.source, r.local): r.entity for r in store.tables.records.values()}
    for row in store.tables.claims.values():
        if row.system_to == OPEN and row.valid_to == OPEN and "registeredCapital" in row.properties:
            capital = float(str(row.properties["registeredCapital"]))
            by_source.setdefault((entity[row.source, row.local], row.source), set()).add(capital)
    office = {e for e, source in by_source if source == "park-office"}
    differ = [e for e in office if by_source[e, "park-office"] != by_source.get((e, "market-registry"))]
    assert len(differ) == len(set(generate.CONFLICTING) - set(firms.ENDED_2025))


def test_a_manifest_out_of_order_is_refused(tmp_path: Path, manifest: Manifest) -> None:
    body = orjson.loads(manifest.model_dump_json())
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
