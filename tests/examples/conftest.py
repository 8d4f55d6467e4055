"""The demo park, loaded once for all tests of a run, on the memory store and on SQLite."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples import firms, generate
from kg.ingest.manifest import Loaded, Manifest, load_all, read_manifest
from kg.store.memory import MemoryStore
from kg.store.open import open_store
from loaders.registry import open_table

if TYPE_CHECKING:
    from kg.schema.types import Schema

PARK = Path(generate.__file__).parent / "park"


@pytest.fixture(scope="session")
def schema() -> Schema:
    return firms.schema()


@pytest.fixture(scope="session")
def manifest() -> Manifest:
    return read_manifest(PARK / "park.yaml")


@pytest.fixture(scope="session")
def park(schema: Schema, manifest: Manifest) -> tuple[MemoryStore, list[Loaded]]:
    """The memory store, and what each step did."""
    store = MemoryStore(schema)

    async def work() -> list[Loaded]:
        return [done async for done in load_all(store, PARK, manifest, open_table)]

    return store, asyncio.run(work())


@pytest.fixture(scope="session")
def park_url(schema: Schema, manifest: Manifest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of a SQLite store with the park."""
    url = f"sqlite:///{tmp_path_factory.mktemp('park')}/park.db"

    async def work() -> None:
        async with await open_store(url, schema, create=True) as store:
            async for _ in load_all(store, PARK, manifest, open_table):
                pass

    asyncio.run(work())
    return url
