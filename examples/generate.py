"""Writes the demo park's source files into `examples/park`: the same bytes every time.

    python -m examples.generate

Everything is synthetic and says so (`provenance`): firms carry 示例 in their names and credit codes of the area 999999,
which no registry issues. Administrative and industry codes are the public ones; terms of the trade are real.
"""

from __future__ import annotations

import csv
import io
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from examples import ground, happenings, layers, premises, registers, trade
from examples.catalogue import CHAINS, INDUSTRIES, STAGES, TECHNOLOGIES
from examples.firms import SYNTHETIC, Row, roll

if TYPE_CHECKING:
    from collections.abc import Callable

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

BINARY: dict[str, Callable[[], bytes]] = {
    "road_edges.zip": layers.road_edges, "water_bodies.zip": layers.water_bodies, "facilities.zip": layers.facilities,
}  # fmt: skip


def text(name: str, rows: list[Row]) -> bytes:
    """A file's bytes."""
    if name.endswith(".geojson"):
        return layers.feature_lines(rows)
    if name.endswith(".jsonl"):
        return b"".join(orjson.dumps(row) + b"\n" for row in rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def generate() -> dict[str, bytes]:
    """Every file's bytes by its name."""
    return {name: text(name, make()) for name, make in FILES.items()} | {name: make() for name, make in BINARY.items()}


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in generate().items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content)} bytes\n")


if __name__ == "__main__":
    main()
