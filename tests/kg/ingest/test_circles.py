"""A file's containment may hold no circle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from kg.ingest.load import Load, LoadOptions
from kg.ingest.mapping import parse_mapping
from kg.schema.compile import load_schema
from kg.store.memory import MemoryStore
from loaders.registry import open_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kg.model.changes import Receipt
    from kg.schema.types import Schema

NOW = 1_782_748_800_000_000
AREAS = {
    "class": "AdministrativeArea", "columns": {"code": "adcode", "name": "name"},
    "valid": {"from": "from", "to": "to"},
    "relations": [{"relation": "locatedIn", "to": {"scheme": "adcode", "column": "in"}, "stub": "AdministrativeArea"}],
}  # fmt: skip
PLACES = {
    "relation": "locatedIn", "source": "s",
    "from": {"source": "s", "column": "a"}, "to": {"source": "s", "column": "b"},
    "valid": {"from": "from", "to": "to"}, "stub": "Zone",
}  # fmt: skip


@pytest.fixture(scope="module")
def schema() -> Schema:
    return load_schema((), None)


def loaded(schema: Schema, path: Path, text: str, mapping: Mapping[str, object]) -> Receipt:
    path.write_text(text, encoding="utf-8")
    load = Load(open_table(path), schema, LoadOptions(mapping=parse_mapping(mapping)))
    return asyncio.run(load.run(MemoryStore(schema), now=NOW))


def test_a_row_that_closes_a_circle_is_refused_with_the_others_that_make_it(schema: Schema, tmp_path: Path) -> None:
    text = "code,name,in,from,to\n310000,A,310115,,\n310115,B,310100,,\n310100,C,310000,,\n310101,D,310100,,\n"
    receipt = loaded(schema, tmp_path / "areas.csv", text, AREAS)
    assert (receipt.read, receipt.loaded, receipt.rejected) == (4, 3, 1)
    (wrong,) = receipt.rejections
    assert wrong.where.endswith("areas.csv:4")
    assert "row 4 → row 2 → row 3" in wrong.reason


@pytest.mark.parametrize(
    ("rows", "rejected"),
    [
        (("x,x,,",), 1),
        (("x,y,,", "y,x,,"), 1),
        (("x,y,,2024-12-31", "y,x,2025-01-01,"), 0),  # one after the other
        (("x,y,,2025-06-30", "y,z,2025-01-01,2025-12-31", "z,x,2025-07-01,"), 0),  # no instant at which all three hold
        (("x,y,,", "x,z,,", "y,w,,", "z,w,,"), 0),  # two ways up are no circle
    ],
)
def test_a_circle_is_one_at_some_instant(schema: Schema, tmp_path: Path, rows: tuple[str, ...], rejected: int) -> None:
    receipt = loaded(schema, tmp_path / "in.csv", "\n".join(("a,b,from,to", *rows)) + "\n", PLACES)
    assert receipt.rejected == rejected
