"""Commands on a store as a whole: init, check, backup, restore, copy, export."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from api.commands.opening import JsonOption, OntologyOption, StoreOption, now, opened, run, settings_of, show
from kg.errors import LoadError, SchemaError

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store


def init(store: StoreOption = None, ontology: OntologyOption = None) -> None:
    """Make a store, or fit an existing one to the ontology. 新建存储，或使其适应本体。"""
    settings = settings_of(store, ontology)

    async def work() -> tuple[str, int]:
        async with opened(settings, create=True) as opened_store:
            clock = await opened_store.clock()
            return opened_store.schema.hash, clock.seq

    schema_hash, seq = run(work())
    typer.echo(f"{settings.store} is ready: ontology {schema_hash[:12]}, {seq} commits")


def check(store: StoreOption = None, ontology: OntologyOption = None, json: JsonOption = False) -> None:
    """Verify what the store must keep to; exit code 1 where something is wrong. 校验存储。"""
    settings = settings_of(store, ontology)

    async def work() -> list[dict[str, str]]:
        async with opened(settings) as opened_store:
            findings = await opened_store.check()
        return [{"check": f.check, "where": f.where, "message": f.message} for f in findings]

    found = run(work())
    if json:
        show({"findings": found})
    for finding in () if json else found:
        typer.echo(f"{finding['check']}: {finding['where']}: {finding['message']}")
    if not found and not json:
        typer.echo(f"{settings.store} is clean")
    if found:
        raise typer.Exit(1)


def runs(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show, the last ones first.")] = 50,
    json: JsonOption = False,
) -> None:
    """List loads, decisions and retractions: who committed what, when and why. 列出提交记录。"""
    settings = settings_of(store, ontology)

    async def work() -> tuple[dict[str, Any], ...]:
        async with opened(settings) as opened_store:
            return await opened_store.runs()

    found = sorted(run(work()), key=lambda one: -int(one["lastSystem"]))
    for one in found[:limit]:
        if json:
            show(one)
            continue
        last = datetime.fromtimestamp(one["lastSystem"] / 1e6, UTC).isoformat(timespec="seconds")
        by = f" by {one['author']}" if one["author"] else ""
        reason = f": {one['reason']}" if one["reason"] else ""
        typer.echo(f"{last}  {one['run'] or '(no run)'}{by}{reason}")
    if json:
        show({"total": len(found), "shown": min(limit, len(found))})
    else:
        typer.echo(f"{min(limit, len(found))} of {len(found)}")


def backup(
    path: Annotated[Path, typer.Argument(help="The archive to write.")],
    store: StoreOption = None,
    ontology: OntologyOption = None,
) -> None:
    """Write a portable archive of everything. 备份。"""

    async def work() -> None:
        async with opened(settings_of(store, ontology)) as opened_store:
            await opened_store.backup(path)

    run(work())
    typer.echo(f"{path}: {path.stat().st_size} bytes")


def restore(
    path: Annotated[Path, typer.Argument(help="The archive to read.")],
    store: StoreOption = None,
    ontology: OntologyOption = None,
) -> None:
    """Fill an empty store from an archive. 恢复。"""

    async def work() -> int:
        async with opened(settings_of(store, ontology), create=True) as opened_store:
            await opened_store.restore(path)
            return (await opened_store.clock()).seq

    typer.echo(f"restored {run(work())} commits")


def copy(
    source: Annotated[str, typer.Option("--from", help="URL of the store to read.")],
    target: Annotated[str, typer.Option("--to", help="URL of the store to fill; it must be empty.")],
    ontology: OntologyOption = None,
) -> None:
    """Copy a store into another one, of any kind: claims, both clocks, receipts and erasures. 复制存储。"""

    async def work(archive: Path) -> int:
        async with opened(settings_of(source, ontology)) as read:
            await read.backup(archive)
        async with opened(settings_of(target, ontology), create=True) as filled:
            await filled.restore(archive)
            return (await filled.clock()).seq

    with TemporaryDirectory(prefix="jingwei-copy-") as folder:
        typer.echo(f"copied {run(work(Path(folder) / 'archive'))} commits")


def export(
    folder: Annotated[Path, typer.Argument(help="Folder for one file a class and relation.")],
    store: StoreOption = None,
    ontology: OntologyOption = None,
    cls: Annotated[
        list[str] | None, typer.Option("--class", help="Only this class and below; may be repeated.")
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Parquet instead of JSON Lines.")] = False,
    json: JsonOption = False,
) -> None:
    """Write what holds now, a file a class and relation. 导出当前状态。"""

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoadError(
            f"The folder cannot be made: {error.strerror}", where=str(folder),
            remedy="Name a folder, or where one can be made.",
        ) from error  # fmt: skip

    async def work() -> dict[str, int]:
        async with opened(settings_of(store, ontology)) as opened_store:
            return await _export(opened_store, folder, _classes(opened_store.schema, cls), parquet=parquet)

    counts = run(work())
    if json:
        show(counts)
        return
    for name, rows in counts.items():
        typer.echo(f"{name}: {rows}")


def _classes(schema: Schema, named: list[str] | None) -> list[str]:
    from kg.schema.problems import suggestion

    for name in named or ():
        if name not in schema.classes:
            near = suggestion(name, schema.classes)
            raise SchemaError(
                "There is no such class", field="--class", value=name,
                remedy=near or f"There are: {', '.join(schema.classes)}.",
            )  # fmt: skip
    wanted = {c for name in named or schema.classes for c in schema.concrete(name)}
    return sorted(wanted)


async def _export(store: Store, folder: Path, classes: list[str], *, parquet: bool) -> dict[str, int]:
    from kg.query.secure import EVERYTHING
    from kg.store.base import Scan

    at = now()
    counts: dict[str, int] = {}
    scans = [(name, Scan(at, cls=name)) for name in classes]
    if classes == sorted(store.schema.concrete("Thing")):
        scans += [(name, Scan(at, relation=name)) for name in sorted(store.schema.relations)]
    for name, scan in scans:
        writer = _Parquet(folder / f"{name}.parquet") if parquet else _Lines(folder / f"{name}.jsonl")
        try:
            async for batch in store.scan(scan, EVERYTHING):
                # A class's extent holds its subclasses, which have files of their own.
                writer.add(_only(batch, name) if scan.cls else batch)
        finally:
            writer.close()
        counts[name] = writer.rows
    return counts


def _only(batch: Any, cls: str) -> Any:
    import pyarrow.compute as pc

    return batch.filter(pc.equal(batch.column("class"), cls))


class _Lines:
    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._file = path.open("wb")

    def add(self, batch: Any) -> None:
        for row in batch.to_pylist():
            plain = {k: _plain(v) for k, v in row.items() if v is not None}
            self._file.write(orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE))
        self.rows += batch.num_rows

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._path = path
        self._writer: Any = None

    def add(self, batch: Any) -> None:
        import pyarrow.parquet as pq

        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, batch.schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
