"""A database without data for each store that a test makes."""

from collections.abc import AsyncIterator, Iterator

import pytest
from neo4j import Driver, GraphDatabase, NotificationMinimumSeverity

from kg.store.neo4j.store import Neo4jStore
from kg.testing.machine import FIRM_SCHEMA
from tests.kg.store.neo4j.test_contract import fresh


@pytest.fixture(scope="session")
def neo4j_driver(neo4j_url: str) -> Iterator[Driver]:
    with GraphDatabase.driver(neo4j_url, notifications_min_severity=NotificationMinimumSeverity.OFF) as driver:
        yield driver


@pytest.fixture
async def store(neo4j_url: str) -> AsyncIterator[Neo4jStore]:
    """Of firms and supplies; checked after the test."""
    async with await fresh(neo4j_url, FIRM_SCHEMA) as made:
        yield made
        assert await made.check() == ()
