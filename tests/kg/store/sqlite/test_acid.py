"""Four handles of one file, as four processes have, show none of the anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kg.store.sqlite.store import SqliteStore
from kg.testing.acid import AcidContract

if TYPE_CHECKING:
    from pathlib import Path

    from kg.schema.types import Schema
    from kg.store.base import Store


class TestSqliteAcid(AcidContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    async def make(self, schema: Schema) -> Store:
        store = SqliteStore(f"sqlite:///{self.folder}/park.db")
        await store.migrate(schema)
        return store

    async def another(self, store: Store) -> Store:
        return SqliteStore(store.url)
