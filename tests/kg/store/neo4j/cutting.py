"""A TCP proxy before the server that can lose what passes, and cut every connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Proxy:
    """`deaf`: what the server says is lost. `cut` breaks all connections that are open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (str(parts.hostname), int(parts.port or 7687))
        self._open: set[asyncio.StreamWriter] = set()
        self.deaf = False
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        self._open |= {writer, back}
        await asyncio.gather(self._pump(reader, back, heard=False), self._pump(there, writer, heard=True))
        self._open -= {writer, back}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, heard: bool) -> None:
        try:
            while data := await source.read(65536):
                if not (heard and self.deaf):
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass  # the other side was cut
        finally:
            sink.close()

    def cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()


@asynccontextmanager
async def proxy(url: str) -> AsyncIterator[Proxy]:
    made = Proxy(url)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made.url = f"bolt://127.0.0.1:{port}"
    try:
        yield made
    finally:
        made.cut()
        server.close()
