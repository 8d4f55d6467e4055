"""Commands that change what a store holds: load, retract, erase, prune."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path  # noqa: TC003  # typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from api.commands.opening import (
    AuthorOption,
    JsonOption,
    OntologyOption,
    StoreOption,
    author_of,
    instant,
    now,
    opened,
    run,
    schema_of,
    settings_of,
    show,
)
from kg.errors import LoadError, NotFound, QueryError, shown_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kg.ingest.load import Load
    from kg.model.changes import Receipt, Rejection
    from kg.model.records import Table
    from kg.store.base import Store


def load(
    files: Annotated[list[Path], typer.Argument(help="CSV, TSV, Excel, JSON Lines, GeoJSON, shapefile, GeoPackage.")],
    store: StoreOption = None,
    ontology: OntologyOption = None,
    cls: Annotated[str, typer.Option("--class", "-c", help="What the rows are; columns are its property names.")] = "",
    mapping: Annotated[
        Path | None, typer.Option("--mapping", "-m", help="A YAML file that says what columns mean.")
    ] = None,
    source: Annotated[str, typer.Option("--source", help="Who says it. Default: the file's name.")] = "",
    format_name: Annotated[str, typer.Option("--format", help="Where the file's ending does not tell.")] = "",
    encoding: Annotated[str, typer.Option("--encoding", help="Where it is not found out rightly, e.g. gb18030.")] = "",
    separator: Annotated[str, typer.Option("--separator", help="Of delimited text.")] = "",
    layer: Annotated[str, typer.Option("--layer", help="Layer of a GeoPackage, sheet of a workbook.")] = "",
    valid_from: Annotated[
        str | None,
        typer.Option("--valid-from", help="From when all rows hold: a day of the dataset's zone, or an instant."),
    ] = None,
    recorded_at: Annotated[
        str | None, typer.Option("--recorded-at", help="Replay history: when this was known.")
    ] = None,
    level: Annotated[int | None, typer.Option("--level", min=0, max=3, help="Least level that reads it.")] = None,
    crs: Annotated[str, typer.Option("--crs", help="Of the coordinates: EPSG:4549, GCJ-02, BD-09.")] = "",
    author: AuthorOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Kept with the run.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
    overwrite_later: Annotated[
        bool, typer.Option("--overwrite-later", help="An open-ended row also holds past the next statement.")
    ] = False,
    complete: Annotated[
        str,
        typer.Option(
            "--complete", metavar="CLASS[,ADCODE]", help="The file has all that the source knows of it at --valid-from."
        ),
    ] = "",
    allow_ending: Annotated[
        str, typer.Option("--allow-ending", metavar="N%", help="How much of what the source holds --complete may end.")
    ] = "10%",
    json: JsonOption = False,
) -> None:
    """Load files and print the receipt; exit code 1 where rows were rejected. 载入数据。"""
    from kg.ingest.load import Load, LoadOptions, receipt_json
    from kg.ingest.mapping import read_mapping
    from kg.ingest.near import held_near
    from kg.ingest.review.listing import made_by
    from kg.ingest.whole import parse_complete, parse_share
    from kg.model.changes import Source
    from loaders.registry import OpenOptions, open_table

    settings = settings_of(store, ontology, author=author)
    if complete and len(files) > 1:
        raise LoadError(
            "One file is the whole truth, not several", field="--complete", value=complete,
            remedy="Load the files one by one, or as one file.",
        )  # fmt: skip
    said = None if mapping is None else read_mapping(mapping)
    options = LoadOptions(
        cls=cls,
        mapping=said,
        mapping_where="" if mapping is None else str(mapping),
        source=Source(source, timezone=settings.timezone) if source else None,
        timezone=settings.timezone,
        valid_from=_valid_from(valid_from, said.timezone if said and said.timezone else settings.timezone),
        recorded_at=instant(recorded_at, "--recorded-at"),
        level=level,
        crs=crs,
        overwrite_later=overwrite_later,
        complete=parse_complete(complete, schema_of(settings)) if complete else None,
        allow_ending=parse_share(allow_ending),
        dry_run=dry_run,
        rejects=settings.data_dir / "rejects",
        author=author_of(settings),
        reason=reason,
    )

    async def prepare(table: Table, opened_store: Store) -> Load:
        try:
            return Load(table, opened_store.schema, options)
        except LoadError as error:
            near = await held_near(opened_store, now=now()) if error.field == "crs" and not crs else None
            if near is None:
                raise
            return Load(table, opened_store.schema, replace(options, near=near))

    async def once(prepared: Load, opened_store: Store, name: str) -> Receipt:
        with rows_read(name, prepared.table) as told:
            return await prepared.run(opened_store, now=now(), progress=told)

    async def one(file: Path, opened_store: Store, bookmark: Callable[[], str]) -> int:
        table = open_table(file, OpenOptions(encoding, separator, layer), format_name=format_name)
        prepared = await prepare(table, opened_store)
        before = (await opened_store.clock()).system
        try:
            receipt = await once(prepared, opened_store, file.name)
        except LoadError as error:
            if error.field != "--allow-ending" or not sys.stdin.isatty():
                raise
            typer.confirm(f"{error.message}. End them?", abort=True)
            prepared = Load(table, opened_store.schema, replace(prepared.options, allow_ending=1.0))
            receipt = await once(prepared, opened_store, file.name)
        changed = receipt.loaded + receipt.merged > 0 and not dry_run
        found = await made_by(opened_store, before, prepared.touched, now=now()) if changed else (0, 0)
        if json:
            left: dict[str, object] = {"proposals": found[0], "conflicts": found[1], "notes": prepared.notes}
            seen = bookmark()
            show({"file": str(file), **receipt_json(receipt), **left, **({"bookmark": seen} if seen else {})})
        else:
            _tell(str(file), receipt, prepared.notes, prepared.rejects_path, found)
        return receipt.rejected

    async def work() -> int:
        async with opened(settings, create=True) as opened_store:
            with opened_store.since("") as bookmark:
                return sum([await one(file, opened_store, bookmark) for file in files])

    if run(work()):
        raise typer.Exit(1)


def _valid_from(text: str | None, zone: str) -> int | None:
    from kg.ingest import dates

    if text is None or "T" in text.upper():
        return instant(text, "--valid-from")
    try:
        return dates.starts(dates.date_of(text), ZoneInfo(zone))
    except dates.NoDate as error:
        remedy = f'{dates.REMEDY} An instant is "2025-04-01T08:00:00+08:00".'
        raise QueryError(f"That is no date: {error}", field="--valid-from", value=text, remedy=remedy) from None


@contextmanager
def rows_read(name: str, table: Table) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, with rows read and rejected, where that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    seen = sys.stderr.isatty()
    said = TextColumn("{task.description}", markup=False)
    columns = (said, BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not seen) as shown:
        task = shown.add_task(name, total=table.about() if seen else None)
        begun = time.monotonic()

        def told(read: int, rejected: int) -> None:
            pace = read / max(time.monotonic() - begun, 1e-6)
            said = f"{name}: {read:,} rows, {rejected:,} rejected, {pace:,.0f} rows/s"
            shown.update(task, completed=read, description=said)

        yield told


def _tell(name: str, receipt: Receipt, notes: tuple[str, ...], rejects: Path | None, found: tuple[int, int]) -> None:
    counts = ", ".join(f"{getattr(receipt, n)} {n}" for n in ("read", "loaded", "merged", "unchanged", "rejected"))
    typer.echo(f"{name}: {counts}" + (f" (run {receipt.run})" if receipt.run else ""))
    if receipt.ended:
        typer.echo(f"  {receipt.ended} records ended that the file has no more")
    for note in notes:
        typer.echo(f"  {note}")
    for count, what, kind in zip(
        found, ("proposed merges", "conflicts with other sources"), ("merge", "conflict"), strict=True
    ):
        if count:
            typer.echo(f"  {count} {what}: jingwei review list --kind {kind}")
    for rejection in receipt.rejections[:20]:
        typer.echo(f"  {rejection.where}: {_of(rejection)}{rejection.reason}. {rejection.remedy}", err=True)
    if len(receipt.rejections) > 20:
        typer.echo(f"  … and {receipt.rejected - 20} more", err=True)
    if rejects is not None:
        typer.echo(f"  rejected rows: {rejects}", err=True)


def _of(rejection: Rejection) -> str:
    if not rejection.field:
        return ""
    return f"{rejection.field}={shown_value(rejection.value)}: "


def retract(
    run_name: Annotated[str, typer.Argument(metavar="RUN", help="As the receipt of the load names it.")],
    store: StoreOption = None,
    ontology: OntologyOption = None,
    author: AuthorOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Kept with the commit.")] = "",
    json: JsonOption = False,
) -> None:
    """Take back all that one load claimed, as a new commit. 撤回一次载入。"""
    from kg.model.changes import ChangeSet, Retract

    settings = settings_of(store, ontology, author=author)

    async def work() -> Receipt:
        async with opened(settings) as opened_store:
            if run_name not in {known["run"] for known in await opened_store.runs()}:
                raise NotFound("There is no such run", field="RUN", value=run_name, remedy="A load's receipt names it.")
            if run_name.startswith("review "):
                item = run_name.split(" ")[1]
                raise QueryError(
                    "A decision is taken back by itself", field="RUN", value=run_name,
                    remedy=f"jingwei review undo {item}",
                )  # fmt: skip
            run_of_its_own = f"retract {run_name} {now()}"
            change = ChangeSet((Retract(run_name),), run=run_of_its_own, author=author_of(settings), reason=reason)
            return await opened_store.commit(change, now=now())

    _done(run(work()), f"retracted {run_name}", json=json)


def erase(
    entity: Annotated[str, typer.Argument(help="Entity id.")],
    reason: Annotated[str, typer.Option("--reason", help="Kept with the tombstone; say on what ground.", prompt=True)],
    property_name: Annotated[str, typer.Option("--property", help="Only this property; default: all of it.")] = "",
    store: StoreOption = None,
    ontology: OntologyOption = None,
    author: AuthorOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: JsonOption = False,
) -> None:
    """Remove values everywhere and for ever: the one verb that changes the past. 永久删除。"""
    from kg.store.base import EraseRequest

    what = f"property {property_name} of {entity}" if property_name else entity
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Erase {what}, in all versions, for ever?", abort=True)

    settings = settings_of(store, ontology, author=author)

    async def work() -> Receipt:
        async with opened(settings) as opened_store:
            return await opened_store.erase(EraseRequest(entity, reason, property_name, author_of(settings)), now=now())

    _done(run(work()), f"erased {what}", json=json)


def prune(
    before: Annotated[str, typer.Option("--before", help="System instant: what was superseded before it goes.")],
    store: StoreOption = None,
    ontology: OntologyOption = None,
    json: JsonOption = False,
) -> None:
    """Drop superseded rows of the distant past; reads before the instant are refused then. 清理过期历史。"""
    at = instant(before, "--before")
    assert at is not None

    async def work() -> int:
        async with opened(settings_of(store, ontology)) as opened_store:
            return await opened_store.prune(at)

    dropped = run(work())
    if json:
        show({"dropped": dropped})
    else:
        typer.echo(f"{dropped} rows dropped")


def _done(receipt: Receipt, told: str, *, json: bool) -> None:
    if json:
        counts: dict[str, Any] = {"system": receipt.system, "seq": receipt.seq, "read": receipt.read}
        show(counts | {"clipped": len(receipt.clipped)})
        return
    typer.echo(f"{told} (commit {receipt.seq})" if receipt.seq is not None else f"{told}: nothing to change")
