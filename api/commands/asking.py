"""Commands that ask: query and serve, and the key for those who ask over HTTP."""

from __future__ import annotations

import gc
import sys
from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from api.commands.opening import OntologyOption, StoreOption, now, opened, run, settings_of, show
from kg.errors import QueryError, SettingsError

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from kg.settings import Settings
    from kg.store.base import Store


def query(
    text: Annotated[str, typer.Argument(help="A GraphQL operation; - reads it from standard input.")],
    variables: Annotated[str, typer.Option("--variables", "-v", help="A JSON object.")] = "{}",
    operation: Annotated[str | None, typer.Option("--operation", help="Which one, where there are several.")] = None,
    as_of: Annotated[str, typer.Option("--as-of", help="As the header: valid=2025-04-01T00:00:00Z, system=…")] = "",
    store: StoreOption = None,
    ontology: OntologyOption = None,
) -> None:
    """Ask one question and print the answer's JSON; exit code 1 where it has errors. 查询。"""
    from api.graphql.engine import Engine, Request
    from api.graphql.instants import parse_as_of_header
    from api.graphql.schema import GraphQLApi
    from kg.query.algebra import Time
    from kg.query.secure import EVERYTHING

    settings = settings_of(store, ontology)
    time = Time(*parse_as_of_header(as_of)) if as_of else Time()
    try:
        given: Any = orjson.loads(variables)
    except orjson.JSONDecodeError as error:
        raise QueryError(
            f"The variables are no JSON: {error}", where="--variables", remedy="Give a JSON object."
        ) from None
    if not isinstance(given, dict):
        raise QueryError("The variables are no JSON object", where="--variables", value=variables)
    request = Request(sys.stdin.read() if text == "-" else text, given, operation, time)

    async def work() -> tuple[bytes, int]:
        async with opened(settings) as opened_store:
            api = GraphQLApi(opened_store.schema, type_prefix=settings.type_prefix, field_prefix=settings.field_prefix)
            engine = Engine(api, opened_store, settings, now)
            answer = await engine.answer(request, EVERYTHING)
            return answer.body, answer.errors

    body, errors = run(work())
    if sys.stdout.isatty():
        show(orjson.loads(body))
    else:
        sys.stdout.buffer.write(body + b"\n")
        sys.stdout.buffer.flush()
    if errors:
        raise typer.Exit(1)


def serve(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    host: Annotated[str | None, typer.Option("--host", help="Default: the setting `host`.")] = None,
    port: Annotated[int | None, typer.Option("--port", "-p", help="0 takes a free one.")] = None,
    demo: Annotated[bool | None, typer.Option("--demo", help="Open to everybody on this machine.")] = None,
    grants: Annotated[Path | None, typer.Option("--grants", help="Which API key reads what.")] = None,
) -> None:
    """Serve GraphQL and its pages over HTTP until it is stopped. 启动服务。"""
    run(serve_store(settings_of(store, ontology, host=host, port=port, demo=demo, grants=grants)))


async def serve_store(
    settings: Settings,
    *,
    clock: Callable[[], int] = now,
    prepare: Callable[[Store], Awaitable[None]] | None = None,
    greet: Callable[[], None] | None = None,
) -> None:
    """Serve until stopped. `prepare` has the store before anything is answered; `greet` runs when it listens."""
    import uvicorn

    from api.app import create_app

    listening = _listen(settings)
    async with opened(settings, create=settings.demo) as opened_store:
        if prepare is not None:
            await prepare(opened_store)

        def ready() -> None:
            if greet is not None:
                greet()
            address, port = listening.getsockname()[:2]
            name = f"[{address}]" if ":" in address else address
            typer.echo(f"Jingwei 经纬 answers at http://{name}:{port}/ — GraphiQL at http://{name}:{port}/graphql")
            if not settings.demo and settings.grants is None:
                typer.echo("No grants file is set: every request will be refused (docs/operating.md).", err=True)

        # The types are a million lasting objects, in which the collector would look for garbage in vain.
        gc.disable()
        app = create_app(settings, opened_store.schema, opened_store, clock=clock, on_ready=ready)
        gc.freeze()
        gc.enable()
        config = uvicorn.Config(
            app,
            log_level=settings.log_level.lower(),
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
        if settings.log_level == "INFO":
            config.log_level = "warning"
            config.configure_logging()
        await uvicorn.Server(config).serve(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    import socket

    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host.strip("[]"), settings.port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(
            f"The address cannot be listened on: {error.strerror or error}",
            field="port",
            value=f"{settings.host}:{settings.port}",
            remedy="Stop what listens there, or give another --port (0 takes a free one).",
        ) from None


def key() -> None:
    """Make an API key, and its hash for the grants file. 生成密钥。"""
    from api.auth.grants import new_key

    secret, stored = new_key()
    typer.echo(f"key (give it to the caller, it is shown once): {secret}")
    typer.echo(f'grants file: keys = ["{stored}"]')
