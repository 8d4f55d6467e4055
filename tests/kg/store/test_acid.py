"""The memory store shows none of the anomalies; of stores broken on purpose each test sees its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kg.store.memory import MemoryStore
from kg.testing.acid import ANOMALIES, AcidContract, Client
from kg.testing.broken import CredulousStore, LosingStore, RestlessStore, TearingStore
from kg.testing.machine import FIRM_SCHEMA

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store

BREAKING: dict[str, type[MemoryStore]] = {
    "test_atomicity_of_commits": LosingStore,
    "test_atomicity_of_refusals": TearingStore,
    "test_dirty_write": TearingStore,
    "test_aborted_read": TearingStore,
    "test_intermediate_read": TearingStore,
    "test_circular_information_flow": RestlessStore,
    "test_item_many_preceders": RestlessStore,
    "test_predicate_many_preceders": RestlessStore,
    "test_observed_transaction_vanishes": RestlessStore,
    "test_fractured_read": TearingStore,
    "test_lost_update": CredulousStore,
    "test_write_skew": CredulousStore,
}


class TestMemoryAcid(AcidContract):
    async def make(self, schema: Schema) -> Store:
        return MemoryStore(schema)


def test_every_anomaly_has_a_test_and_a_store_that_shows_it() -> None:
    tests = {name for name in vars(AcidContract) if name.startswith("test_")}
    assert tests == ANOMALIES.keys() == BREAKING.keys()
    assert len(tests) == 12


@pytest.mark.anyio
@pytest.mark.parametrize("name", ANOMALIES)
async def test_a_broken_store_is_found_out(name: str) -> None:
    store = BREAKING[name](FIRM_SCHEMA)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await getattr(AcidContract(), name)([Client(store)] * 4)


def test_the_page_lists_them() -> None:
    page = (Path(__file__).parents[3] / "docs/transactions.md").read_text(encoding="utf-8")
    assert [line for line in page.splitlines() if line.startswith("| `test_")] == [
        f"| `{name}` | {anomaly} |" for name, anomaly in ANOMALIES.items()
    ]
