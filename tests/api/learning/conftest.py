"""Stores with the town in them, and models of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from api.graphql.engine import Engine
from api.graphql.schema import GraphQLApi
from api.learning.models import Shelf
from kg.schema.compile import compile_schema
from kg.settings import Settings
from kg.store.open import open_store
from tests.api.learning import town

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from kg.model.changes import ChangeSet
    from kg.schema.types import Schema
    from kg.store.base import Store


class Town:
    """A store with the town, its engine and its shelf. `ids`: local name → entity id."""

    def __init__(self, store: Store, ids: dict[str, str], settings: Settings, api: GraphQLApi) -> None:
        self.store = store
        self.ids = ids
        self.settings = settings
        self.shelf = Shelf(settings)
        self.engine = Engine(api, store, settings, lambda: town.NOW)


Found = Callable[..., Awaitable[Town]]


@pytest.fixture(scope="session")
def schema() -> Schema:
    return compile_schema([])


@pytest.fixture(scope="session")
def api(schema: Schema) -> GraphQLApi:
    return GraphQLApi(schema)


@pytest.fixture(scope="module")
async def found(
    schema: Schema, api: GraphQLApi, anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Found]:
    """Makes towns. `before`: committed before the split; `after`: committed after it."""
    async with AsyncExitStack() as stack:

        async def make(*, before: tuple[ChangeSet, ...] = (), after: tuple[ChangeSet, ...] = ()) -> Town:
            folder: Path = tmp_path_factory.mktemp("town")
            url = f"sqlite:///{folder}/town.db"
            store = await stack.enter_async_context(await open_store(url, schema))
            if before:
                changes = town.town()
                await store.commit(changes, now=town.LOADED - town.DAY)
                for changes in before:
                    await store.commit(changes, now=town.LOADED - town.DAY // 2)
            ids = await town.found(store)
            for changes in after:
                await store.commit(changes, now=town.LATER)
            return Town(store, ids, Settings(store=url), api)

        yield make
