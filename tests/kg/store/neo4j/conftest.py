"""A database without data for each store that a test makes."""

from collections.abc import Iterator

import pytest
from neo4j import Driver, GraphDatabase, NotificationMinimumSeverity


@pytest.fixture(scope="session")
def neo4j_driver(neo4j_url: str) -> Iterator[Driver]:
    with GraphDatabase.driver(neo4j_url, notifications_min_severity=NotificationMinimumSeverity.OFF) as driver:
        yield driver
