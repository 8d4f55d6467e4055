"""Clients in a process of their own, so that they take no turn of the interpreter that answers them."""

from __future__ import annotations

import http.client
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

CLIENTS = 8


@dataclass(frozen=True, slots=True)
class Way:
    """Where a question goes."""

    address: tuple[str, int]
    path: str
    body: bytes = b""


def ask(connection: http.client.HTTPConnection, way: Way) -> bytes:
    connection.request("POST", way.path, way.body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != 200:
        raise RuntimeError(f"{way.path}: {response.status}\n{answer[:2000]!r}")
    return answer


def asked(way: Way) -> bytes:
    connection = http.client.HTTPConnection(*way.address, timeout=120)
    try:
        return ask(connection, way)
    finally:
        connection.close()


def _turn(way: Way, seconds: float) -> tuple[float, list[float]]:
    """Clients side by side, each with a connection that it keeps: seconds it took, and those of each request."""
    took: list[float] = []
    begun = time.perf_counter()
    end = begun + seconds

    def client(_: int) -> None:
        connection = http.client.HTTPConnection(*way.address, timeout=120)
        while (sent := time.perf_counter()) < end:
            ask(connection, way)
            took.append(time.perf_counter() - sent)
        connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return time.perf_counter() - begun, took


class Clients:
    """The process, for as long as it is used."""

    def __enter__(self) -> Self:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()

    def turn(self, way: Way, seconds: float) -> tuple[float, list[float]]:
        """Requests a second, and seconds of each request."""
        spent, took = self._pool.submit(_turn, way, seconds).result()
        return len(took) / spent, took
