"""The driver, its sessions, and trying again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import neo4j

from kg.errors import StoreError
from kg.store.neo4j import bookmarks
from kg.store.neo4j.faults import faults, passing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

SCHEMES: Final = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
_FIRST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach the server.

    `authority`: PEM file of who signed its certificate. `pool`: most connections of this process. Seconds: of one read,
    of one statement of a scan, of one commit, of waiting for a server that is away or busy.
    """

    user: str = ""
    password: str = field(default="", repr=False)
    database: str | None = None
    authority: Path | None = None
    pool: int = 50
    read_seconds: float = 60.0
    scan_seconds: float = 600.0
    write_seconds: float = 600.0
    patience_seconds: float = 15.0

    @property
    def read_patience_seconds(self) -> float:
        """A read gives up while whoever asked is still there to be told."""
        return min(self.patience_seconds, self.read_seconds / 2)


def _encryption(authority: Path | None) -> dict[str, Any]:
    if authority is None:
        return {}
    return {"encrypted": True, "trusted_certificates": neo4j.TrustCustomCAs(str(authority))}


class Link:
    """One driver, made when first used, in the event loop that uses it. `bookmarks` are what every read waits for."""

    def __init__(self, url: str, access: Access) -> None:
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES:
            raise StoreError("No Neo4j server has such a URL", field="store", remedy="Use neo4j://host:7687.")
        if parts.username is not None or parts.password is not None:
            raise StoreError(
                "A store's URL holds no credentials: URLs are logged", field="store",
                remedy="Set JINGWEI_NEO4J_USER and JINGWEI_NEO4J_PASSWORD.",
            )  # fmt: skip
        self.url = url
        self.access = access
        self.bookmarks: frozenset[str] = frozenset()
        self._driver: neo4j.AsyncDriver | None = None
        self.closed = False

    @property
    def driver(self) -> neo4j.AsyncDriver:
        if self.closed:
            raise StoreError("The store is closed", where=self.url, remedy="Open it again.")
        if self._driver is None:
            access = self.access
            with faults(self.url):
                self._driver = neo4j.AsyncGraphDatabase.driver(
                    self.url,
                    auth=(access.user, access.password) if access.user else None,
                    user_agent="jingwei",
                    max_connection_pool_size=access.pool,
                    connection_acquisition_timeout=access.patience_seconds,
                    connection_timeout=min(5.0, access.patience_seconds),
                    keep_alive=True,
                    notifications_min_severity=neo4j.NotificationMinimumSeverity.OFF,
                    telemetry_disabled=True,
                    **_encryption(access.authority),
                )
        return self._driver

    def session(self, *, write: bool = False) -> neo4j.AsyncSession:
        return self.driver.session(
            database=self.access.database,
            default_access_mode=neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS,
            bookmarks=neo4j.Bookmarks.from_raw_values(self.known()),
            fetch_size=5000,
        )

    def known(self) -> frozenset[str]:
        cause = bookmarks.cause()
        return self.bookmarks if cause is None else self.bookmarks | cause.held

    async def passed(self, session: neo4j.AsyncSession, known: frozenset[str], *, wrote: bool = True) -> None:
        """A session that began with what was `known` has ended well; later ones see at least what it saw or wrote."""
        cause = bookmarks.cause()
        if cause is None and not wrote:
            return
        new = (await session.last_bookmarks()).raw_values
        if not new:
            return
        if wrote:
            self.bookmarks = (self.bookmarks - known) | new
        if cause is not None:
            cause.held = (cause.held - known) | new

    async def read(
        self, text: str, parameters: Mapping[str, Any] | None = None, seconds: float | None = None
    ) -> list[list[Any]]:
        """All rows of one read statement, tried again where that may help. StoreError family, LimitExceeded.

        `seconds`: when it is stopped, if not as others are.
        """
        return await self.again(lambda: self._read(text, parameters, seconds), self.access.read_patience_seconds)

    async def _read(self, text: str, parameters: Mapping[str, Any] | None, seconds: float | None) -> list[list[Any]]:
        known = self.known()
        async with self.session() as session:
            query = neo4j.Query(text, timeout=self.access.read_seconds if seconds is None else seconds)
            result = await session.run(query, dict(parameters or {}))
            rows = await result.values()
            await self.passed(session, known, wrote=False)
            return rows

    async def write(self, text: str, parameters: Mapping[str, Any] | None = None) -> list[list[Any]]:
        """One small statement that may run twice, in a transaction of its own; reads wait for it."""
        return await self.again(lambda: self._write(text, parameters))

    async def _write(self, text: str, parameters: Mapping[str, Any] | None) -> list[list[Any]]:
        known = self.known()
        async with self.session(write=True) as session:
            result = await session.run(text, dict(parameters or {}))
            rows = await result.values()
            await self.passed(session, known)
            return rows

    async def again(self, work: Callable[[], Awaitable[T]], patience_seconds: float | None = None) -> T:
        """The work's result, repeated after errors that pass, for as long as patience lasts. Errors are ours."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.access.patience_seconds if patience_seconds is None else patience_seconds)
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await work()
            except Exception as error:
                if not passing(error) or loop.time() + pause > until:
                    with faults(self.url):
                        raise
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads writers
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def close(self) -> None:
        self.closed = True
        if self._driver is not None:
            await self._driver.close()
            self._driver = None
