"""The SQLite store keeps the contract and follows the naive model."""

import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from kg.schema.types import Schema
from kg.store.base import Store
from kg.store.sqlite.store import SqliteStore
from kg.testing.contract import StoreContract
from kg.testing.machine import StoreMachine

NUMBERS = count()


async def fresh(folder: Path, schema: Schema) -> SqliteStore:
    store = SqliteStore(f"sqlite:///{folder}/{next(NUMBERS)}.db")
    await store.migrate(schema)
    return store


class TestSqliteContract(StoreContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make(self, schema: Schema) -> Store:
        return await fresh(self.folder, schema)

    async def reopen(self, store: Store) -> Store:
        await store.close()
        return SqliteStore(store.url)


class SqliteMachine(StoreMachine):
    async def open_store(self, schema: Schema) -> Store:
        self.folder = Path(tempfile.mkdtemp(prefix="jingwei"))
        return await fresh(self.folder, schema)

    async def close_store(self, store: Any) -> None:
        shutil.rmtree(self.folder)


TestSqliteMachine = SqliteMachine.TestCase
TestSqliteMachine.settings = settings(stateful_step_count=12, max_examples=15)
