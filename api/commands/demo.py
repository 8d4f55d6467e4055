"""`jingwei demo`: load the synthetic park, once or many times over, ask one question, serve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from api.commands.asking import serve_store
from api.commands.opening import OntologyOption, StoreOption, opened, run, settings_of

if TYPE_CHECKING:
    from kg.ingest.manifest import Manifest
    from kg.settings import Settings
    from kg.store.base import Store

DEFAULT_STORE = "sqlite:///var/demo.db"
SCALED_STORE = "sqlite:///var/demo-{scale}.db"


def demo(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    host: Annotated[str | None, typer.Option("--host", help="A loopback address.")] = None,
    port: Annotated[int | None, typer.Option("--port", "-p", help="0 takes a free one.")] = None,
    only_load: Annotated[bool, typer.Option("--only-load", help="Load and ask, but do not serve.")] = False,
    scale: Annotated[int, typer.Option("--scale", help="So many times the park, for benchmarks: 1 to 1000.")] = 1,
    files: Annotated[
        Path | None, typer.Option("--files", help="Write the source files into this folder, and do nothing else.")
    ] = None,
) -> None:
    """Load a small synthetic park, ask one question and serve it on this machine. 演示：载入示例园区并启动服务。"""
    from kg.ingest.manifest import micros, read_manifest

    default = DEFAULT_STORE if scale == 1 else SCALED_STORE.format(scale=scale)
    settings = settings_of(store or default, ontology, host=host, port=port, demo=True)
    folder = files or (park_folder() if scale == 1 else settings.data_dir / f"park-{scale}")
    if files is not None or scale != 1:
        from examples.generate import write_whole

        write_whole(folder, scale)
        typer.echo(f"{scale} times the park: {folder}", err=True)
    if files is not None:
        return
    manifest = read_manifest(folder / "park.yaml")
    told: list[str] = []

    async def prepare(opened_store: Store) -> None:
        await load_park(opened_store, folder, manifest, settings)
        told.append(await _asked(opened_store, manifest, settings))

    async def load_only() -> None:
        async with opened(settings, create=True) as opened_store:
            await prepare(opened_store)

    if only_load:
        run(load_only())
        typer.echo(told[0])
        return
    run(
        serve_store(
            settings,
            clock=lambda: micros(manifest.today),
            prepare=prepare,
            greet=lambda: typer.echo(told[0]),
        )
    )


def park_folder() -> Path:
    """Where the park's files lie."""
    import examples

    return Path(examples.__file__).parent / "park"


async def load_park(store: Store, folder: Path, manifest: Manifest, settings: Settings) -> None:
    """Load what is not loaded yet of the files in `folder`; a line a file on standard error."""
    from kg.ingest.manifest import load_all
    from loaders.registry import open_table

    async for done in load_all(store, folder, manifest, open_table, timezone=settings.timezone):
        counts = f"{done.receipt.read} read, {done.receipt.rejected} rejected"
        typer.echo(f"{done.step.recorded:%Y-%m-%d} {done.step.about}: {counts}", err=True)


async def _asked(store: Store, manifest: Manifest, settings: Settings) -> str:
    """The first competency question with its answer, as people read it."""
    from api.graphql.engine import Engine, Request
    from api.graphql.schema import GraphQLApi
    from kg.ingest.manifest import micros
    from kg.query.algebra import Time
    from kg.query.secure import EVERYTHING
    from kg.schema.questions import read_questions

    api = GraphQLApi(store.schema, type_prefix=settings.type_prefix, field_prefix=settings.field_prefix)
    engine = Engine(api, store, settings, lambda: micros(manifest.today))
    asked = read_questions().page[0]
    request = Request(asked.graphql, asked.variables, time=Time(micros(asked.valid), micros(asked.system)))
    answer = await engine.answer(request, EVERYTHING)
    shown = orjson.dumps(orjson.loads(answer.body), option=orjson.OPT_INDENT_2).decode()
    return f"{asked.zh} · {asked.en}\n{asked.graphql.strip()}\n{shown}"
