"""Four stores on one server, as four processes have, show none of the anomalies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kg.store.neo4j.store import Neo4jStore
from kg.testing.acid import AcidContract
from tests.kg.store.neo4j.test_contract import fresh

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store

pytestmark = pytest.mark.neo4j


class TestNeo4jAcid(AcidContract):
    @pytest.fixture(autouse=True)
    def _server(self, neo4j_url: str) -> None:
        self.url = neo4j_url

    async def make(self, schema: Schema) -> Store:
        return await fresh(self.url, schema)

    async def another(self, store: Store) -> Store:
        further = Neo4jStore(store.url)
        assert await further.open()
        return further
