"""Who is asking, and what every answer's headers say."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

import orjson
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse, Response

from api.auth.grants import OPEN
from kg.errors import AccessDenied, JingweiError, QueryError, ScopeDenied
from kg.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.auth.grants import Grant, Grants
    from kg.settings import Settings
    from kg.store.base import Store

RETRY_SECONDS: Final = "5"
"""When to send again a request that the store could not answer."""
_BOOKMARK: Final = b"jingwei-bookmark"
_POLICY: Final = (
    "default-src 'self'; img-src 'self' data:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


class Guard:
    """Finds the grant of a request. Denies by default."""

    def __init__(self, settings: Settings, grants: Grants) -> None:
        self._demo = settings.demo
        self._grants = grants

    def grant(self, request: Request) -> Grant:
        """Raises AccessDenied."""
        if self._demo:
            return OPEN
        key = request.headers.get("x-api-key", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not key and scheme.lower() == "bearer":
            key = token.strip()
        if not key:
            raise AccessDenied(
                "The request names no API key", remedy="Send it as `Authorization: Bearer jw_…` or `X-API-Key: jw_…`."
            )
        return self._grants.of(key)

    def refusal(self, error: JingweiError) -> Response:
        """401, or 403 where the caller is known."""
        refused = _refusal(error, 403 if isinstance(error, ScopeDenied) else 401)
        if refused.status_code == 401:
            refused.headers["WWW-Authenticate"] = 'Bearer realm="jingwei"'
        return refused


class Headers:
    """Adds security headers, and hands bookmarks of the store in and out. `loopback_only`: refuses requests that were
    made under another host's name.

    A page from elsewhere could otherwise point a name of its own at this machine and read the open demo through it.
    """

    def __init__(self, app: ASGIApp, *, store: Store, loopback_only: bool) -> None:
        self.app = app
        self.store = store
        self.loopback_only = loopback_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.loopback_only and not self._local(scope):
            refusal = PlainTextResponse("The demo answers on a loopback address only.\n", 421)
            await refusal(scope, receive, send)
            return

        with ExitStack() as stack:
            try:
                seen = stack.enter_context(self.store.since(_header(scope, _BOOKMARK)))
            except QueryError as error:
                await _refusal(error, 400)(scope, receive, send)
                return
            await self.app(scope, receive, self._sending(scope, send, seen))

    def _sending(self, scope: Scope, send: Send, seen: Callable[[], str]) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if bookmark := seen():
                    headers["Jingwei-Bookmark"] = bookmark
                if message["status"] == 503:
                    headers["Retry-After"] = RETRY_SECONDS
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", _POLICY)
                else:
                    # Assets are asked for again each time, and sent again only where they changed.
                    asset = scope["path"].startswith(f"{scope.get('root_path', '')}/static/")
                    headers.setdefault("Cache-Control", "no-cache" if asset else "no-store")
            await send(message)

        return sending

    def _local(self, scope: Scope) -> bool:
        host = _header(scope, b"host")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        return is_loopback(name)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for given, value in scope["headers"] if given == name), "")


def _refusal(error: JingweiError, status: int) -> Response:
    body = orjson.dumps({"errors": [{"message": str(error), "extensions": error.as_dict()}]})
    return Response(body, status, media_type="application/json")
