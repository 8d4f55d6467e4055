"""What most commands begin with: settings, schema, store."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import orjson
import typer

from kg.errors import NotFound
from kg.settings import Settings, read_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from kg.schema.types import Schema
    from kg.store.base import Store

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", "-s", help="sqlite:///park.db, neo4j://host:7687 or memory:. Default: the setting `store`."
    ),
]
OntologyOption = Annotated[
    list[Path] | None,
    typer.Option("--ontology", "-o", help="Turtle file or folder of your own, after those shipped; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

AuthorOption = Annotated[
    str | None, typer.Option("--author", help="Who does it, kept with the commit. Default: the setting `author`.")
]

T = TypeVar("T")


def now() -> int:
    """Microseconds UTC by this machine's clock."""
    return time.time_ns() // 1000


def settings_of(store: str | None, ontology: Sequence[Path] | None, **more: object) -> Settings:
    """Settings with a command's options over them. Raises SettingsError."""
    return read_settings({"store": store, "ontology": tuple(ontology) if ontology else None, **more})


def author_of(settings: Settings) -> str:
    """Who commits: the setting, else the operating system's user; "" where that has no name."""
    if settings.author:
        return settings.author
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a process of a user that has no entry, as in containers
        return ""


def schema_of(settings: Settings) -> Schema:
    """The shipped ontology and the user's modules. Raises SchemaError."""
    from kg.schema.compile import load_schema

    return load_schema(settings.ontology, settings.cache_dir)


@asynccontextmanager
async def opened(settings: Settings, *, create: bool = False) -> AsyncIterator[Store]:
    """The store, open and fitting the ontology; closed afterwards. Raises StoreError family, SchemaError."""
    from kg.store.open import open_store

    _place(settings.store, create=create)
    async with await open_store(settings.store, schema_of(settings), create=create, settings=settings) as store:
        if settings.cursor_secret is not None:
            store.cursor_secret = sha256(settings.cursor_secret.get_secret_value().encode()).digest()
        yield store


def _place(url: str, *, create: bool) -> None:
    scheme, _, path = url.partition(":///")
    if scheme != "sqlite":
        return
    if create:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    elif not Path(path).is_file():
        raise NotFound("There is no such store", where=url, remedy=f"Make it: jingwei init --store {url}")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine."""
    return asyncio.run(work)


def show(value: object) -> None:
    """JSON to standard output, a line a document where it is not a terminal."""
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    sys.stdout.buffer.write(orjson.dumps(value, option=option | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.buffer.flush()


def instant(text: str | None, name: str) -> int | None:
    """An option's instant in microseconds. Raises QueryError."""
    from api.graphql.instants import parse_instant

    return None if text is None else parse_instant(text, name)
