"""A load: a table of records, by a mapping, into a store; and its receipt.

    read = loaded + merged + unchanged + rejected, counted in rows

The load is a run of atomic commits whose keys follow from the file, the mapping and the schema: what was committed
before a crash is not done again, and after a load that was finished the same file is a new run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import orjson

from kg.errors import LoadError
from kg.ingest.building import Builder, Built, Defaults, Refused
from kg.ingest.circles import Circles
from kg.ingest.committing import Batched, Committer
from kg.ingest.compiling import Compiler, class_mapping
from kg.ingest.crs import WGS84, System, find_system, places, system
from kg.ingest.rejects import RejectsFile, source_stem
from kg.model.changes import Receipt, Rejection, Source
from kg.model.intervals import MIN
from kg.model.records import BadRow, Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as AbstractMapping
    from pathlib import Path

    from kg.ingest.compiling import Plan
    from kg.ingest.mapping import Mapping
    from kg.model.records import Row, Table
    from kg.schema.types import Schema
    from kg.store.base import Store

BATCH: Final = 2000
SHOWN_REJECTIONS: Final = 1000
"""A receipt shows so many; the rejects file has all, and `rejected` counts all."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the caller says. One of `cls` and `mapping` is set.

    `valid_from`, `recorded_at`: microseconds. `rejects`: folder for refused rows; None writes none. `level`: of the
    claims, None is the source's. `crs`: of the coordinates; `near`: where the graph's places are, which ranks
    candidates for it. `overwrite_later`: an open-ended row also holds past the source's next statement.
    """

    cls: str = ""
    mapping: Mapping | None = None
    mapping_where: str = ""
    source: Source | None = None
    timezone: str = "Asia/Shanghai"
    valid_from: int | None = None
    recorded_at: int | None = None
    level: int | None = None
    crs: str = ""
    near: tuple[float, float] | None = None
    overwrite_later: bool = False
    dry_run: bool = False
    batch: int = BATCH
    rejects: Path | None = None
    author: str = ""
    reason: str = ""


class Load:
    """A load, checked and ready: everything that can be said before the first row is read.

    LoadError where the mapping does not fit the ontology or the file.
    """

    def __init__(self, table: Table, schema: Schema, options: LoadOptions) -> None:
        self.table = table
        self.schema = schema
        self.options = options
        columns = table.columns or _keys(table)
        mapping, where, notes = options.mapping, options.mapping_where or str(table.path), []
        if mapping is None:
            if not options.cls:
                raise LoadError(
                    "What the rows are is not said", where=where, field="class",
                    remedy="Give --class NAME, or --mapping FILE.yaml.",
                )  # fmt: skip
            mapping, found = class_mapping(schema, options.cls, columns)
            notes += [f"mapped: {', '.join(found) or 'no column'}"]
        self.mapping = mapping
        self.source, self.declared = self._source(mapping)
        self.plan: Plan = Compiler(mapping, schema, columns, self.source, where, fixed=bool(table.columns)).plan()
        self.rejects_path: Path | None = None
        self.touched: Callable[[], set[str]] = set  # entities of which a run said something, once it is done
        self.system, why = self._system(where)
        if why:
            notes.append(why)
        self.notes = (*table.evidence, f"source: {self.source.id}", *notes, *self.plan.notes, self._valid_note())

    def _source(self, mapping: Mapping) -> tuple[Source, tuple[Source, ...]]:
        """The source, and what of it the commits declare: nothing where only its name is given."""
        said, given = mapping.source, self.options.source
        if given is not None and (said is None or given.id != said.id):
            plain = given == Source(given.id, timezone=given.timezone)
            return given, () if plain else (given,)
        if said is None:
            return Source(source_stem(self.table.path), timezone=self.options.timezone), ()
        zone = mapping.timezone or self.options.timezone
        source = Source(said.id, said.label, said.priority, said.level, zone)
        return source, (source,) if said.model_fields_set - {"id"} else ()

    def _system(self, where: str) -> tuple[System, str]:
        """The reference system of the coordinates, and a note where there are any."""
        if not (self.plan.shapes or self.plan.points):
            return system(WGS84), ""
        sample = (p for row in self.table.rows() if isinstance(row, Record) for p in places(self.plan, row))
        said = self.options.crs or self.mapping.crs
        declared = self.table.crs
        return find_system(said, declared, sample, must_say=self.table.geometric, near=self.options.near, where=where)

    def _valid_note(self) -> str:
        valid = self.plan.valid
        if not (valid.start or valid.end or valid.ended):
            return "valid: from --valid-from on" if self.options.valid_from is not None else "valid: always (no dates)"
        ends = "inclusive" if valid.inclusive else "exclusive"
        return f"valid: dates in {self.mapping.timezone or self.source.timezone}" + (
            f", ends {ends}" if valid.end else ""
        )

    def builder(self) -> Builder:
        o, m = self.options, self.mapping
        level = o.level if o.level is not None else m.level
        valid_from = MIN if o.valid_from is None else o.valid_from
        defaults = Defaults(self.source.id, valid_from, level, m.confidence, not o.overwrite_later)
        zone = ZoneInfo(m.timezone or self.source.timezone)
        return Builder(self.plan, self.schema, defaults, zone, self.system, str(self.table.path))

    def base(self) -> str:
        """Of all that decides what is claimed: file, mapping, schema, source and options."""
        digest = hashlib.blake2b(digest_size=16)
        with self.table.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        o = self.options
        said = [
            self.table.path.name, self.mapping.hash(), self.schema.hash, self.source.id, self.system.name,
            o.valid_from, o.level, o.overwrite_later, o.batch, repr(self.declared), o.author, o.reason,
        ]  # fmt: skip
        digest.update(orjson.dumps(said))
        return digest.hexdigest()[:16]

    async def run(self, store: Store, *, now: int, progress: Callable[[int, int], None] | None = None) -> Receipt:
        """Read all rows and commit them. `now` in microseconds; `progress` is told rows read and rows rejected."""
        rejections: list[Rejection] = []
        seen = _Seen(self)
        builder = self.builder()
        with _rejects(self) as rejects:

            def refuse(row: Row, *found: Rejection) -> None:
                if len(rejections) < SHOWN_REJECTIONS or rejects is None:
                    rejections.extend(found)
                if rejects is not None:
                    rejects.add(row, found)

            o = self.options
            committer = Committer(
                store, "" if o.dry_run else await self._run_name(store), sources=self.declared, author=o.author,
                reason=o.reason, recorded_at=o.recorded_at, now=now, refuse=refuse, where=str(self.table.path),
            )  # fmt: skip
            self.touched = committer.touched
            counts = committer.counts
            batch: list[Batched] = []
            first = 0
            for row in self.table.rows():
                counts.read += 1
                try:
                    batch.append(Batched(*seen.built(builder, row)))
                except Refused as error:
                    counts.rejected += 1
                    refuse(row, *error.rejections)
                # By rows read, so that a batch is the same whenever the load is repeated.
                if counts.read - first >= o.batch:
                    await self._flush(committer, batch, first)
                    batch, first = [], counts.read
                    if progress is not None:
                        progress(counts.read, counts.rejected)
            await self._flush(committer, batch, first)
            if not o.dry_run:
                await committer.finish()
            if progress is not None:
                progress(counts.read, counts.rejected)
            if rejects is not None and rejects.written:
                self.rejects_path = rejects.path
        last = committer.last
        return Receipt(
            counts.read, counts.loaded, counts.merged, counts.unchanged, counts.rejected,
            system=last.system if last else None, seq=last.seq if last else None, run=committer.run,
            rejections=tuple(rejections),
        )  # fmt: skip

    async def _flush(self, committer: Committer, batch: list[Batched], first: int) -> None:
        if self.options.dry_run:
            committer.counts.loaded += len(batch)
        elif batch:
            await committer.commit(batch, str(first))

    async def done(self, store: Store) -> bool:
        """Whether this very load was finished before, so that another run would find all rows unchanged."""
        return await store.receipt(f"{self.base()}.1/end") is not None

    async def begun(self, store: Store) -> bool:
        """Whether this very load wrote anything yet."""
        run = f"{self.base()}.1"
        return any(found["run"] == run for found in await store.runs())

    async def _run_name(self, store: Store) -> str:
        """The first attempt at this very load that was not finished: a new one, or one that was interrupted."""
        base = self.base()
        attempt = 1
        while await store.receipt(f"{base}.{attempt}/end") is not None:
            attempt += 1
        return f"{base}.{attempt}"


async def load(
    store: Store,
    table: Table,
    options: LoadOptions,
    *,
    now: int,
    progress: Callable[[int, int], None] | None = None,
) -> Receipt:
    """Load a table into a store, by `Load`."""
    return await Load(table, store.schema, options).run(store, now=now, progress=progress)


class _Seen:
    """What each row of a file said, so that one that says something else of the same record and time is refused."""

    def __init__(self, load: Load) -> None:
        self.where = str(load.table.path)
        self.rows: dict[int, int] = {}
        self.circles = Circles(load.plan, self.where)

    def built(self, builder: Builder, row: Row) -> tuple[Record, Built]:
        """Raises Refused for a row that cannot be read, is wrong, or contradicts an earlier one."""
        if isinstance(row, BadRow):
            raise Refused(Rejection(f"{self.where}:{row.row}", row.field, row.value, row.reason, row.remedy))
        built = builder.build(row)
        if built.key is not None:
            key = hash(built.key)
            said = hash(repr(built.entities)) & _MASK
            before = self.rows.setdefault(key, row.row << 64 | said)
            if before & _MASK != said:
                raise Refused(
                    Rejection(
                        f"{self.where}:{row.row}", "id", built.key[0],
                        f"row {before >> 64} says something else of the same record for the same time",
                        "Keep one of them, or give each the time from which it holds.",
                    )
                )  # fmt: skip
        circle = self.circles.refusal(built, row.row)
        if circle is not None:
            raise Refused(circle)
        return row, built


_MASK: Final = 2**64 - 1


class _rejects:  # noqa: N801  # a context manager used as a function
    def __init__(self, load: Load) -> None:
        folder = load.options.rejects
        self.file = RejectsFile(folder, load.table) if folder is not None else None

    def __enter__(self) -> RejectsFile | None:
        return self.file

    def __exit__(self, *about: object) -> None:
        if self.file is not None:
            self.file.__exit__(None, None, None)


def _keys(table: Table) -> tuple[str, ...]:
    """Names in a table whose records each have their own, in order of appearance."""
    names: dict[str, None] = {}
    for row in table.rows():
        if not isinstance(row, BadRow):
            names.update(dict.fromkeys(row.values))
    return tuple(names)


def receipt_json(receipt: Receipt) -> AbstractMapping[str, object]:
    """A receipt for machines: the five counts first."""
    return {
        "read": receipt.read, "loaded": receipt.loaded, "merged": receipt.merged, "unchanged": receipt.unchanged,
        "rejected": receipt.rejected, "run": receipt.run, "system": receipt.system, "seq": receipt.seq,
        "rejections": [
            {"where": r.where, "field": r.field, "value": r.value, "reason": r.reason, "remedy": r.remedy}
            for r in receipt.rejections
        ],
    }  # fmt: skip
