"""An application over the memory store and the invented park."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.app import create_app
from api.graphql.schema import GraphQLApi
from kg.settings import Settings
from kg.store.memory import MemoryStore
from kg.testing.schemas import PARK
from tests.api.graphql import park

if TYPE_CHECKING:
    from pathlib import Path

Client = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def api() -> GraphQLApi:
    return GraphQLApi(PARK)


@pytest.fixture
async def client(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Client]:
    """Makes clients: settings as keywords; `base` is the address that the client believes to talk to."""
    made: list[httpx.AsyncClient] = []

    async def make(base: str = "http://127.0.0.1:8000", grants: Any = None, **settings: Any) -> httpx.AsyncClient:
        store = MemoryStore(PARK)
        await park.load(store)
        values = {"data_dir": tmp_path, "demo": grants is None, **settings}
        app = create_app(Settings(**values), PARK, store, grants, clock=lambda: park.NOW)
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


@pytest.fixture
def audit_lines(tmp_path: Path) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
