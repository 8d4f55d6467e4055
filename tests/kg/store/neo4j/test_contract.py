"""The Neo4j store keeps the contract and follows the naive model.

The server has one database: a test's first store is in it, and further ones that are open beside it are in memory.
"""

from typing import Any

import pytest
from hypothesis import settings
from neo4j import AsyncGraphDatabase, NotificationMinimumSeverity

from kg.schema.types import Schema
from kg.store.base import Store
from kg.store.memory import MemoryStore
from kg.store.neo4j.store import Neo4jStore
from kg.testing.contract import StoreContract
from kg.testing.machine import StoreMachine

pytestmark = pytest.mark.neo4j


async def fresh(url: str, schema: Schema) -> Neo4jStore:
    quiet = NotificationMinimumSeverity.OFF
    async with AsyncGraphDatabase.driver(url, notifications_min_severity=quiet) as driver:
        await driver.execute_query("MATCH (n) DETACH DELETE n")
    store = Neo4jStore(url)
    await store.migrate(schema)
    return store


class TestNeo4jContract(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, neo4j_url: str) -> None:
        self.url = neo4j_url
        self.taken: Neo4jStore | None = None

    async def make(self, schema: Schema) -> Store:
        if self.taken is not None and not self.taken.link.closed:
            return MemoryStore(schema)
        self.taken = await fresh(self.url, schema)
        return self.taken

    async def reopen(self, store: Store) -> Store:
        await store.close()
        self.taken = again = Neo4jStore(store.url)
        assert await again.open()
        return again


class Neo4jMachine(StoreMachine):
    url: str

    async def open_store(self, schema: Schema) -> Store:
        return await fresh(self.url, schema)

    async def close_store(self, store: Any) -> None:
        pass


@pytest.fixture(scope="session", autouse=True)
def _machine_url(neo4j_url: str) -> None:
    Neo4jMachine.url = neo4j_url


TestNeo4jMachine = Neo4jMachine.TestCase
TestNeo4jMachine.settings = settings(stateful_step_count=12, max_examples=10)
