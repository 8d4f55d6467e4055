"""A store names its sources, up to the level of whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.query.secure import Scope
from kg.store.open import open_store
from kg.testing.machine import FIRM_SCHEMA

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio
OPEN_ONE, CLOSED = Source("a", "登记 Register", 3), Source("b", "调查 Survey", 1, 2)


@pytest.mark.parametrize("url", ["memory:", "sqlite:///{}/s.db"])
async def test_sources_are_named_up_to_a_level(url: str, tmp_path: Path) -> None:
    async with await open_store(url.format(tmp_path), FIRM_SCHEMA, create=True) as store:
        assert await store.sources(Scope(level=3)) == ()
        puts = (Put(RecordKey("b", "1"), "Firm", {"name": "x"}), Put(RecordKey("a", "1"), "Firm", {"name": "y"}))
        await store.commit(ChangeSet(puts, sources=(CLOSED, OPEN_ONE)))
        assert await store.sources(Scope(level=3)) == (OPEN_ONE, CLOSED)
        assert await store.sources(Scope(level=1)) == (OPEN_ONE,)
