"""Rejects files: mended in place, loaded again from where they lie, and told apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from kg.ingest.load import Load, LoadOptions
from kg.ingest.review.listing import refused
from kg.store.memory import MemoryStore
from kg.testing.schemas import PARK
from loaders.registry import open_table

if TYPE_CHECKING:
    from pathlib import Path

    from kg.model.changes import Receipt

NOW = 1_782_748_800_000_000


def load(store: MemoryStore, path: Path, folder: Path, *, dry_run: bool = False) -> tuple[Receipt, Path | None]:
    job = Load(open_table(path), PARK, LoadOptions(cls="Enterprise", rejects=folder, dry_run=dry_run))
    return asyncio.run(job.run(store, now=NOW)), job.rejects_path


def test_a_rejects_file_is_mended_where_it_lies_step_by_step(tmp_path: Path) -> None:
    store, folder = MemoryStore(PARK), tmp_path / "rejects"
    source = tmp_path / "firms.csv"
    source.write_text("name,employees\na,1\nb,many\nc,few\n", encoding="utf-8")
    receipt, path = load(store, source, folder)
    assert (receipt.rejected, path) == (2, folder / "firms.rejects.csv")
    assert path is not None
    assert [item.row for item in refused(folder)] == [3, 4]
    path.write_text(path.read_text(encoding="utf-8-sig").replace("many", "2"), encoding="utf-8")
    again, same = load(store, path, folder)
    assert (again.read, again.loaded, again.rejected, same) == (2, 1, 1, path)
    assert path.read_text(encoding="utf-8-sig") == "name,employees\nc,few\n"
    assert len(list(refused(folder))) == 1
    path.write_text("name,employees\nc,3\n", encoding="utf-8")
    assert load(store, path, folder, dry_run=True)[0].rejected == 0
    assert len(list(refused(folder))) == 1, "nothing was loaded yet"
    last, none = load(store, path, folder)
    assert (last.loaded, none) == (1, None)
    assert list(refused(folder)) == []
    assert path.read_text(encoding="utf-8") == "name,employees\nc,3\n", "the mended rows are a person's work"
    assert sorted(p.name for p in folder.iterdir()) == ["firms.rejects.csv"]
    assert len({row.local for row in store.tables.claims.values() if row.source == "firms"}) == 3


def test_files_of_one_name_do_not_take_each_other_s_rejects(tmp_path: Path) -> None:
    store, folder = MemoryStore(PARK), tmp_path / "rejects"
    paths = []
    for name in ("north", "south"):
        (tmp_path / name).mkdir()
        source = tmp_path / name / "firms.csv"
        source.write_text(f"name,employees\n{name},many\n", encoding="utf-8")
        paths.append(load(store, source, folder)[1])
    assert None not in paths
    assert len(set(paths)) == 2
    assert sorted(str(item.file) for item in refused(folder)) == sorted(map(str, paths))
    second = paths[1]
    assert second is not None
    second.write_text("name,employees\nsouth,3\n", encoding="utf-8")
    load(store, second, folder)
    assert [row.source for row in store.tables.claims.values()] == ["firms"]
    assert [item.file for item in refused(folder)] == [str(paths[0])]
