"""A load that is killed with SIGKILL goes on where it stopped, and ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kg.ingest.load import Load, LoadOptions
from kg.schema.identifiers import check_character
from kg.store.base import Position
from kg.store.open import open_store
from kg.testing.schemas import PARK, USCC
from loaders.registry import open_table

if TYPE_CHECKING:
    from kg.model.changes import Receipt

ROOT = Path(__file__).parents[3]
ROWS, BATCH = 1200, 10
NOW = 1_782_748_800_000_000


async def load(path: Path, store: Path) -> Receipt:
    """One load in batches small enough to be killed between and within."""
    async with await open_store(f"sqlite:///{store}", PARK) as opened:
        return await Load(open_table(path), PARK, LoadOptions(cls="Enterprise", batch=BATCH)).run(
            opened, now=NOW, progress=lambda read, _: print(read, flush=True)
        )


async def opened_rows(store: Path) -> int:
    from kg.query.secure import EVERYTHING

    async with await open_store(f"sqlite:///{store}", PARK) as opened:
        assert await opened.check() == ()
        found, at = 0, Position()
        while entries := await opened.changes(at, EVERYTHING):
            found += sum(entry.op == "open" and entry.kind == "entity" for entry in entries)
            at = entries[-1].position
        return found


def test_a_killed_process_loses_and_repeats_nothing(tmp_path: Path) -> None:
    path, store = tmp_path / "firms.csv", tmp_path / "park.db"
    lines = [f"91999900MA{i:07}" for i in range(ROWS)]
    path.write_text("uscc\n" + "".join(f"{c}{check_character(USCC, c)}\n" for c in lines), encoding="utf-8")
    script = f"import sys, runpy, asyncio, pathlib; m = runpy.run_path({__file__!r}); "
    script += f"asyncio.run(m['load'](pathlib.Path({str(path)!r}), pathlib.Path({str(store)!r})))"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) >= ROWS // 4:
                child.send_signal(signal.SIGKILL)
                break
    before = asyncio.run(opened_rows(store))
    assert 0 < before < ROWS
    assert before % BATCH == 0, "no batch is there by half"
    receipt = asyncio.run(load(path, store))
    assert (receipt.read, receipt.loaded, receipt.rejected) == (ROWS, ROWS, 0)
    assert asyncio.run(opened_rows(store)) == ROWS
    again = asyncio.run(load(path, store))
    assert (again.read, again.unchanged) == (ROWS, ROWS)
