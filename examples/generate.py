"""Writes the demo park's source files into `examples/park`: the same bytes every time.

    python -m examples.generate

Everything is synthetic and says so (`provenance`): firms carry 示例 in their names and credit codes of the area 999999,
which no registry issues. Administrative and industry codes are the public ones; terms of the trade are real.
"""

from __future__ import annotations

import csv
import io
import shutil
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson
import yaml

from examples import copies, ground, happenings, layers, premises, registers, trade
from examples.catalogue import CHAINS, INDUSTRIES, STAGES, TECHNOLOGIES
from examples.firms import SYNTHETIC, Row, roll
from kg.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FOLDER = Path(__file__).parent / "park"


# ---------------------------------------------------------------- what everybody may look up


def industries() -> list[Row]:
    return [{"行业代码": code, "名称": name} for code, name in INDUSTRIES]


def chains() -> list[Row]:
    return [{"id": code, "name": zh, "alternativeNames": [en]} for code, (zh, en) in CHAINS.items()]


def stages() -> list[Row]:
    return [
        {
            "id": f"{s.chain}-{s.code}", "name": s.zh, "alternativeNames": [s.en], "position": s.position,
            "importance": round(0.3 + 0.7 * roll("importance", s.code), 2), "chain": s.chain,
            "feeds": [f"{s.chain}-{code}" for code in s.next], "provenance": SYNTHETIC,
        }
        for s in STAGES
    ]  # fmt: skip


def goods(*, materials: bool) -> list[Row]:
    return [
        {"编码": g.code, "名称": g.zh, "英文名": g.en, "环节": f"{s.chain}-{s.code}"}
        for s in STAGES
        for g in s.goods
        if g.material is materials
    ]


def technologies() -> list[Row]:
    by_code = {s.code: s for s in STAGES}
    return [
        {
            "id": code, "name": zh, "alternativeNames": [en], "readinessLevel": level,
            "requiredBy": [g.code for stage in used for g in by_code[stage].goods],
        }
        for code, zh, en, level, used in TECHNOLOGIES
    ]  # fmt: skip


FILES: dict[str, Callable[[], list[Row]]] = {
    "areas.csv": registers.areas, "industries.csv": industries, "chains.jsonl": chains, "stages.jsonl": stages,
    "products.csv": lambda: goods(materials=False), "materials.csv": lambda: goods(materials=True),
    "inputs.csv": trade.inputs, "technologies.jsonl": technologies,
    "park.jsonl": ground.park, "zones.jsonl": ground.zones, "plots.jsonl": ground.plots,
    "plots_2027.jsonl": ground.plots_next_year, "buildings.csv": ground.buildings, "roads.jsonl": ground.roads,
    "spaces.csv": premises.spaces, "leases.csv": premises.leases,
    "registry_2024.csv": registers.registry_2024, "registry_2025.csv": registers.registry_2025,
    "registry_correction.csv": registers.registry_correction,
    **{f"residents_{year}.jsonl": partial(registers.residents, year) for year in (2024, 2025, 2026)},
    "visits.csv": registers.visits, "directory.csv": registers.directory,
    "directory_goods.csv": registers.directory_goods, "sources.jsonl": registers.sources,
    "produces_2024.csv": lambda: trade.produces(2024), "produces_2025.csv": lambda: trade.produces(2025),
    "supplies_2024.csv": lambda: trade.supplies(2024), "supplies_2025.csv": lambda: trade.supplies(2025),
    "consumes.csv": trade.consumes, "investments.csv": trade.investments, "controls.csv": trade.controls,
    "masters.csv": happenings.masters, "projects.csv": happenings.projects, "policies.jsonl": happenings.policies,
    "clauses.jsonl": happenings.clauses, "events.jsonl": happenings.events, "fires.jsonl": happenings.fires,
    "relocations.jsonl": happenings.relocations, "litigations.jsonl": happenings.litigations,
    "risks_2025.csv": lambda: happenings.risks("2025"),
    **{f"risks_2026_{month:02}.csv": partial(happenings.risks, f"2026-{month:02}") for month in range(1, 5)},
    "pump_stations.geojson": layers.pump_stations,
}  # fmt: skip
"""Rows of each file of text."""

BINARY: dict[str, Callable[[int], bytes]] = {
    "road_edges.zip": layers.road_edges, "water_bodies.zip": layers.water_bodies, "facilities.zip": layers.facilities,
}  # fmt: skip
"""The others, by the number of copies."""


def rows_of(name: str, scale: int = 1) -> Iterator[Row]:
    """A file's rows, then those of the copies."""
    base = FILES[name]()
    for copy in range(1 if name in copies.SHARED else scale):
        if name == "pump_stations.geojson":  # an offset that depends on the place
            yield from layers.pump_stations(copy)
        else:
            yield from (copies.copied(row, copy) for row in base)


def write_rows(name: str, rows: Iterable[Row], file: IO[bytes]) -> None:
    """Write rows in the format that the name's ending says."""
    if name.endswith(".geojson"):
        for number, feature in enumerate(rows):
            file.write((b",\n" if number else b'{"type":"FeatureCollection","features":[\n') + orjson.dumps(feature))
        file.write(b"\n]}\n")
    elif name.endswith(".jsonl"):
        file.writelines(orjson.dumps(row) + b"\n" for row in rows)
    else:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        writer: csv.DictWriter[str] | None = None
        for row in rows:
            if writer is None:
                writer = csv.DictWriter(text, list(row), lineterminator="\n")
                writer.writeheader()
            writer.writerow(row)
        text.detach()


def write(folder: Path, scale: int = 1) -> None:
    """Write all files that are made, `scale` times the park; the same bytes every time."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with (folder / name).open("wb") as file:
            write_rows(name, rows_of(name, scale), file)
    for name, make in BINARY.items():
        (folder / name).write_bytes(make(scale))


def write_whole(folder: Path, scale: int) -> None:
    """As `write`, with the manifest and the mappings: a folder that can be loaded like the park's own."""
    if not 1 <= scale <= copies.MOST:
        raise LoadError(
            "The park cannot be that many times as large", field="scale", value=scale,
            remedy=f"Give 1 to {copies.MOST}.",
        )  # fmt: skip
    write(folder, scale)
    (folder / "mappings").mkdir(exist_ok=True)
    for mapping in (FOLDER / "mappings").glob("*.yaml"):
        shutil.copyfile(mapping, folder / "mappings" / mapping.name)
    said = (FOLDER / "park.yaml").read_text(encoding="utf-8")
    if scale > 1:
        said = yaml.safe_dump(copies.manifest(yaml.safe_load(said), scale), allow_unicode=True, sort_keys=False)
    (folder / "park.yaml").write_text(said, encoding="utf-8")


if __name__ == "__main__":
    write(FOLDER)
