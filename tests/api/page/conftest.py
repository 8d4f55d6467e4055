"""The pages over a memory store with the invented park, asked by an HTTP client without a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from api.app import create_app
from kg.settings import Settings
from kg.store.memory import MemoryStore
from kg.testing.schemas import PARK
from tests.api.graphql import park

if TYPE_CHECKING:
    from pathlib import Path

    from kg.model.changes import ChangeSet
    from kg.schema.questions import Question

Site = Callable[..., Awaitable["Pages"]]


class Pages:
    """A client of one application, with the ids of the park's entities by their local names."""

    def __init__(self, http: httpx.AsyncClient, ids: dict[str, str]) -> None:
        self.http = http
        self.ids = ids

    async def get(self, path: str, lang: str = "zh", **headers: str) -> httpx.Response:
        return await self.http.get(path, headers={"Accept": "text/html", "Accept-Language": lang, **headers})


@pytest.fixture
async def site(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Site]:
    """Makes sites: `more` are commits after the park's."""
    made: list[httpx.AsyncClient] = []

    async def make(
        *more: ChangeSet, grants: Any = None, questions: tuple[Question, ...] = (), **settings: Any
    ) -> Pages:
        store = MemoryStore(PARK)
        ids = await park.load(store)
        for i, change_set in enumerate(more):
            await store.commit(change_set, now=park.T2 + (i + 1) * park.DAY)
        values = {"data_dir": tmp_path, "demo": grants is None, **settings}
        app = create_app(Settings(**values), PARK, store, grants, clock=lambda: park.NOW, questions=questions)
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1:8000"))
        return Pages(made[-1], ids)

    yield make
    for one in made:
        await one.aclose()
