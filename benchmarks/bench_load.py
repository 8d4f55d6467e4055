"""How fast files load: rows a second with validation, identity and history, durable; and the peak of memory.

    python benchmarks/bench_load.py [--small] [--scale N] [--out FOLDER]

For CSV and GeoJSON of 20,000 rows and, with `--scale 10`, of ten times as many. Each load runs in a process of its own
into a new SQLite file (`synchronous=FULL`). `dry` reads, maps and checks every row and writes nothing; `load` is the
whole; `again` the same file once more, all unchanged; `year` the next year's file, in which every row changes from a
date on. Peaks of memory are to be compared between the two sizes. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.cli import collect_rarely
from kg.ingest.load import Load, LoadOptions
from kg.ingest.mapping import parse_mapping
from kg.schema.compile import compile_schema
from kg.schema.identifiers import check_character
from kg.store.open import open_store
from loaders.registry import open_table

if TYPE_CHECKING:
    from collections.abc import Iterator

MAPPING: dict[str, Any] = {
    "class": "Enterprise",
    "source": "registry",
    "columns": {
        "code": "uscc", "name": "name", "capital": {"property": "registeredCapital", "unit": "万元"},
        "founded": "establishedOn", "status": "status", "employees": "employees", "address": "address",
    },
    "points": [{"property": "geometry", "longitude": "lon", "latitude": "lat"}],
    "valid": {"from": "since"},
}  # fmt: skip


NAMES = ("code", "name", "capital", "founded", "status", "employees", "address", "lon", "lat", "since", "note")


def rows(count: int, year: int) -> Iterator[tuple[str, ...]]:
    """Invented enterprises, with codes of nobody."""
    scheme = compile_schema().schemes["uscc"]
    for i in range(count):
        body = f"91999900MA{i:07}"
        yield (
            body + check_character(scheme, body), f"示例企业{i}有限公司", f"{1000 + i % 9000:,}",
            f"{2000 + i % 20}年{1 + i % 12}月1日", "存续", str(i % 900 + year % 100), f"示例路{i}号",
            str(121 + i % 1000 / 1e4), str(31 + i % 997 / 1e4), f"{year}-01-01", f"n{i}",
        )  # fmt: skip


def write(path: Path, count: int, year: int) -> None:
    """A file of the format that its name says."""
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            table = csv.writer(file)
            table.writerow(NAMES)
            table.writerows(rows(count, year))
            return
        file.write('{"type":"FeatureCollection","features":[\n')
        for number, row in enumerate(rows(count, year)):
            says: dict[str, Any] = dict(zip(NAMES, row, strict=True))
            at = [float(says.pop("lon")), float(says.pop("lat"))]
            shape = {"type": "Point", "coordinates": at}
            text = json.dumps({"type": "Feature", "geometry": shape, "properties": says}, ensure_ascii=False)
            file.write(f"{',' * bool(number)}{text}\n")
        file.write("]}\n")


async def one(step: str, path: Path, store_path: Path) -> dict[str, Any]:
    """One load, in this process."""
    schema = compile_schema()
    columns: dict[str, Any] = {**MAPPING["columns"], "geometry": "geometry"}  # as GeoJSON has it
    mapping = MAPPING if path.suffix == ".csv" else {**MAPPING, "columns": columns, "points": []}
    options = LoadOptions(mapping=parse_mapping(mapping), dry_run=step == "dry")
    store = await open_store("memory:" if step == "dry" else f"sqlite:///{store_path}", schema)
    load = Load(open_table(path), schema, options)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = time.perf_counter(), time.process_time()
    receipt = await load.run(store, now=time.time_ns() // 1000)
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    await store.close()
    assert not receipt.rejected, receipt.rejections[:1]
    return {
        "step": step, "rows": receipt.read, "loaded": receipt.loaded, "unchanged": receipt.unchanged,
        "seconds": round(seconds, 3), "rows_per_second": round(receipt.read / seconds),
        "rows_per_cpu_second": round(receipt.read / used),
        "base_mb": round(base / 1024), "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }  # fmt: skip


def measured(step: str, path: Path, store: Path) -> dict[str, Any]:
    """The same in a new process."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", step, str(path), str(store)], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--scale", type=int, default=1, help="a file so many times as large too")
    parser.add_argument("--one", nargs=3)
    said = parser.parse_args()
    if said.one:
        step, path, store = said.one
        collect_rarely()  # as the command does
        print(json.dumps(asyncio.run(one(step, Path(path), Path(store)))))
        return
    results = []
    print(f"{'format':8} {'rows':>8} {'step':6} {'rows/s':>8} {'per CPU s':>10} {'seconds':>8} {'peak MB':>8}")
    size = 2_000 if said.small else 20_000
    for form, count in [(form, size * scale) for scale in sorted({1, said.scale}) for form in ("csv", "geojson")]:
        with tempfile.TemporaryDirectory() as folder:
            now, later = Path(folder, f"now.{form}"), Path(folder, f"later.{form}")
            write(now, count, 2025)
            write(later, count, 2026)
            for step, path in (("dry", now), ("load", now), ("again", now), ("year", later)):
                found = measured(step, path, Path(folder, "bench.db"))
                results.append({"format": form, **found})
                print(
                    f"{form:8} {count:8} {step:6} {found['rows_per_second']:8} {found['rows_per_cpu_second']:10} "
                    f"{found['seconds']:8} {found['peak_mb']:8}",
                    flush=True,
                )
    said.out.mkdir(parents=True, exist_ok=True)
    (said.out / "bench_load.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
