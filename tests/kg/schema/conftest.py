"""The shipped schema, compiled once for all tests of this folder."""

import pytest

from kg.schema.compile import compile_schema
from kg.schema.types import Schema


@pytest.fixture(scope="session")
def schema() -> Schema:
    return compile_schema()
