"""The memory store and a file: the same answers to random questions; nothing that a Scope hides shines through."""

from itertools import count
from pathlib import Path

import pytest

from kg.schema.types import Schema
from kg.store.base import Store
from kg.store.memory import MemoryStore
from kg.store.sqlite.store import SqliteStore
from kg.testing.differential import StoreDifferential
from kg.testing.noninterference import NonInterference

NUMBERS = count()


async def fresh(folder: Path, schema: Schema) -> Store:
    store = SqliteStore(f"sqlite:///{folder}/{next(NUMBERS)}.db")
    await store.migrate(schema)
    return store


class TestSqliteAgainstMemory(StoreDifferential):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make(self, schema: Schema) -> Store:
        return await fresh(self.folder, schema)


class TestSqliteNonInterference(NonInterference):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make(self, schema: Schema) -> Store:
        return await fresh(self.folder, schema)


class TestMemoryNonInterference(NonInterference):
    async def make(self, schema: Schema) -> Store:
        return MemoryStore(schema)
