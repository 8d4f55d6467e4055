"""Each node of the algebra, compiled: the hand-checked expectations that the interpreter is held to."""

from typing import Any

import orjson
import pytest

from kg.query.algebra import Aggregate, Query, Root, Select, Time
from kg.query.secure import Scope, secure
from kg.store.sqlite.connection import head
from kg.testing.schemas import PARK
from tests.kg.query.conftest import LATEST, Ask
from tests.kg.query.conftest import Rows as ParkRows
from tests.kg.query.conftest import park as park
from tests.kg.query.test_interpreter import *  # noqa: F403 - the tests run here against `ask` below
from tests.kg.store.sqlite.conftest import Rows, fill


@pytest.fixture
def ask(park: ParkRows) -> Ask:
    """As the interpreter's fixture of this name, by one compiled statement."""

    def run(action: Select | Aggregate, scope: Scope | None = None, *, now: int = 40, time: Time | None = None) -> Any:
        secured = secure(Query((Root("it", action),), now, time or Time()), PARK, scope or Scope(level=3))
        # The test may have added rows since.
        filled = fill(PARK, Rows(park.records, park.claims, park.versions, park.edges, park.identifiers), LATEST)
        try:
            return orjson.loads(filled.runner.run(filled.db, head(filled.db), secured))["it"]
        finally:
            filled.db.close()

    return run
