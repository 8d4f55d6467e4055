"""Stores by URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from kg.errors import NotFound, StoreError
from kg.settings import Settings

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store

NEO4J_SCHEMES: Final = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")


async def open_store(url: str, schema: Schema, *, create: bool = True, settings: Settings | None = None) -> Store:
    """Open `memory:`, `sqlite:///path` or a Neo4j server's URL, migrated to `schema`.

    `create=False` refuses a database that is not there. `settings` say how to reach a server (None: as the defaults
    do). Raises StoreError family, SchemaError, NotFound.
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
    if url.partition("://")[0] in NEO4J_SCHEMES:
        return await _server(url, schema, create=create, settings=settings or Settings())
    raise StoreError(
        "No store answers to this URL", field="store", value=url,
        remedy="Use sqlite:///path/to/park.db, neo4j://host:7687 or memory:.",
    )  # fmt: skip


async def _server(url: str, schema: Schema, *, create: bool, settings: Settings) -> Store:
    from kg.store.neo4j.connection import Access
    from kg.store.neo4j.store import Neo4jStore

    password = settings.neo4j_password
    access = Access(
        user=settings.neo4j_user,
        password=password.get_secret_value() if password else "",
        database=settings.neo4j_database or None,
        authority=settings.neo4j_ca,
        pool=settings.neo4j_pool,
        read_seconds=settings.statement_timeout_seconds,
        scan_seconds=settings.scan_timeout_seconds,
        write_seconds=settings.commit_timeout_seconds,
    )
    store = Neo4jStore(url, access)
    try:
        if not create and not await store.open():
            raise NotFound("There is no such store", where=url, remedy=f"Make it: jingwei init --store {url}")
        await store.migrate(schema)
    except BaseException:
        await store.close()
        raise
    return store
