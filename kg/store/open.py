"""Stores by URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.errors import StoreError

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store


async def open_store(url: str, schema: Schema, *, create: bool = True) -> Store:
    """Open `memory:` or `sqlite:///path`, migrated to `schema`.

    `create=False` refuses a database that is not there. Raises StoreError family, SchemaError.
    """
    if url == "memory:":
        from kg.store.memory import MemoryStore

        return MemoryStore(schema)
    if url.startswith("sqlite:///"):
        from kg.store.sqlite.store import SqliteStore

        store = SqliteStore(url)
        await store.migrate(schema)
        return store
    raise StoreError(
        "No store answers to this URL", field="store", value=url, remedy="Use sqlite:///path/to/park.db or memory:."
    )
