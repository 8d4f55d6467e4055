"""The ASGI application: GraphQL over HTTP, its pages, health and schema text."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from api.auth.audit import Audit
from api.auth.grants import Grants, read_grants
from api.graphql.engine import Engine
from api.graphql.schema import GraphQLApi
from api.guard import Guard, Headers
from api.http import GraphQLRoute
from api.page import STATIC
from api.page.routes import Pages
from kg.errors import JingweiError, SettingsError
from kg.schema.questions import read_questions
from kg.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from starlette.requests import Request

    from kg.schema.questions import Question
    from kg.schema.types import Schema
    from kg.settings import Settings
    from kg.store.base import Store

_JSON: Final = "application/json"


def now() -> int:
    """Microseconds UTC by this machine's clock."""
    return time.time_ns() // 1000


def create_app(
    settings: Settings,
    schema: Schema,
    store: Store,
    grants: Grants | None = None,
    *,
    clock: Callable[[], int] = now,
    on_ready: Callable[[], None] | None = None,
    questions: Sequence[Question] | None = None,
) -> Starlette:
    """An application over an open store, which stays the caller's to close.

    `grants`: None reads the file that the settings name; without one, and outside the demo, every request is refused.
    `questions`: of the first screen; None are those that ship with the ontology.
    Raises SettingsError for a demo that others could reach, and for a grants file that is wrong.
    """
    if settings.demo and not is_loopback(settings.host):
        raise SettingsError("The demo is open to everybody and stays on loopback", field="host", value=settings.host)
    api = GraphQLApi(schema, type_prefix=settings.type_prefix, field_prefix=settings.field_prefix)
    if grants is None:
        grants = read_grants(settings.grants, api) if settings.grants is not None else Grants()
    engine = Engine(api, store, settings, clock)
    guard = Guard(settings, grants)
    audit = Audit(settings.data_dir)
    graphql = GraphQLRoute(engine, guard, audit, settings, clock)
    pages = Pages(engine, guard, audit, settings, clock, read_questions().page if questions is None else questions)

    async def sdl(request: Request) -> Response:
        try:
            guard.grant(request)
        except JingweiError as error:
            return guard.refusal(error)
        return PlainTextResponse(api.sdl, media_type="application/graphql; charset=utf-8")

    async def health(_request: Request) -> Response:
        try:
            await store.clock()
        except JingweiError as error:
            return Response('{"status":"failing","code":"' + error.code + '"}', 503, media_type=_JSON)
        return Response('{"status":"ok"}', media_type=_JSON)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if on_ready is not None:
            on_ready()
        yield
        audit.close()

    routes: list[Any] = [
        *pages.routes(),
        Route("/graphql", graphql.get, methods=["GET"]),
        Route("/graphql", graphql.post, methods=["POST"]),
        Route("/healthz", health, methods=["GET"]),
        Route("/schema.graphql", sdl, methods=["GET"]),
        Mount("/static", StaticFiles(directory=STATIC, check_dir=False)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Headers, store=store, loopback_only=settings.demo)],
        exception_handlers={404: pages.not_found},
        lifespan=lifespan,
    )
