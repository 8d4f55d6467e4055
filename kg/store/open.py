"""Stores by URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import NotFound, StoreError

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store


async def open_store(url: str, schema: Schema, *, create: bool = True) -> Store:
    """Open `memory:` or `sqlite:///path`, migrated to `schema`.

    `create=False` refuses a database that is not there. Raises StoreError family, SchemaError, NotFound.
    """
    if url == "memory:":
        from kg.store.memory import MemoryStore

        return MemoryStore(schema)
    if url.startswith("sqlite:///"):
        from kg.store.sqlite.connection import path_of
        from kg.store.sqlite.store import SqliteStore

        if not create and not Path(path_of(url)).is_file():  # noqa: ASYNC240 - once, before anything is served
            raise NotFound("There is no such store", where=url, remedy=f"Make it: jingwei init --store {url}")
        store = SqliteStore(url)
        try:
            await store.migrate(schema)
        except BaseException:
            await store.close()
            raise
        return store
    raise StoreError(
        "No store answers to this URL", field="store", value=url, remedy="Use sqlite:///path/to/park.db or memory:."
    )
