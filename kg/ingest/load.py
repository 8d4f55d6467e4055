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

from kg.errors import LoadError, shown_value
from kg.ingest import whole
from kg.ingest.building import Builder, Built, Defaults, Refused
from kg.ingest.circles import Circles
from kg.ingest.committing import Absent, Batched, Committer
from kg.ingest.compiling import Compiler, class_mapping
from kg.ingest.crs import WGS84, System, find_system, places, system
from kg.ingest.rejects import MARK, RejectsFile, source_stem
from kg.ingest.seen import Seen
from kg.model.changes import RESERVED, Put, Receipt, Rejection, Source
from kg.model.intervals import MIN, OPEN
from kg.model.records import BadRow, Record
from kg.query.secure import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as AbstractMapping
    from pathlib import Path

    from kg.ingest.compiling import Plan
    from kg.ingest.mapping import Mapping
    from kg.ingest.whole import Complete
    from kg.model.changes import Change
    from kg.model.records import Row, Table
    from kg.schema.types import Schema
    from kg.store.base import Store

BATCH: Final = 2000
SHOWN_REJECTIONS: Final = 1000
"""A receipt shows so many; the rejects file has all, and `rejected` counts all."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What the caller says. One of `cls` and `mapping` is set.

    `complete`: the file is its source's whole truth about that at `valid_from`; what the source holds beside it ends,
    up to the share `allow_ending`. `valid_from`, `recorded_at`: microseconds. `rejects`: folder for refused rows; None
    writes none. `level`: of the claims, None is the source's. `crs`: of the coordinates; `near`: where the graph's
    places are, which ranks candidates for it. `overwrite_later`: an open-ended row also holds past the source's next
    statement.
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
    complete: Complete | None = None
    allow_ending: float = whole.ALLOWED
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
        if self.source.id in RESERVED:
            raise LoadError(
                "The source has a name that Jingwei keeps for itself", where=where, field="source",
                value=self.source.id, remedy="Say another with --source NAME.",
            )  # fmt: skip
        self.plan: Plan = Compiler(mapping, schema, columns, self.source, where, fixed=bool(table.columns)).plan()
        self.rejects_path: Path | None = None
        self.touched: Callable[[], set[str]] = set  # entities of which a run said something, once it is done
        self.system, why = self._system(where)
        if why:
            notes.append(why)
        self._check_complete(where)
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

    def _check_complete(self, where: str) -> None:
        """A whole file says what there is at its date: it needs one, for rows that have no other beginning."""
        complete, plan = self.options.complete, self.plan
        if complete is None:
            return
        reason = remedy = ""
        if whole.DELIVERY not in self.schema.classes:
            reason = f"the ontology has no class {whole.DELIVERY}, which remembers whole files"
            remedy = "Use the ontology that ships with Jingwei, with modules of your own beside it."
        elif plan.cls is None or not self.schema.is_a(plan.cls.name, complete.cls):
            reason = f"its rows are no {complete.cls}"
            remedy = f"Say --complete {plan.cls.name}." if plan.cls else "Only files of entities can be whole."
        elif self.options.valid_from is None:
            reason, remedy = "its date is not said", "Say --valid-from DATE: the day for which it says what there is."
        elif plan.valid.start:
            reason = f"its rows begin at dates of their own (column {plan.valid.start})"
            remedy = "Leave `from` out of `valid` in the mapping: all rows hold from --valid-from on."
        elif self.table.path.stem.endswith(MARK):
            reason = "it has the rows alone that were refused before"
            remedy = "Load it without --complete: a refused row counts as being there."
        elif self.options.overwrite_later:
            reason, remedy = "--overwrite-later says that it holds past the next one", "Leave one of the two out."
        if reason:
            raise LoadError(
                f"The file cannot be taken for the whole truth: {reason}", where=where, field="--complete",
                value=str(complete), remedy=remedy,
            )  # fmt: skip

    def builder(self, bounds: whole.Bounds | None = None) -> Builder:
        o, m = self.options, self.mapping
        level = o.level if o.level is not None else m.level
        valid_from = MIN if o.valid_from is None else o.valid_from
        defaults = Defaults(
            self.source.id, valid_from, level, m.confidence, not o.overwrite_later, o.complete is not None
        )
        zone = ZoneInfo(m.timezone or self.source.timezone)
        return Builder(self.plan, self.schema, defaults, zone, self.system, str(self.table.path), bounds)

    async def _bounds(self, store: Store, now: int) -> whole.Bounds | None:
        """Where the rows end because whole files came, if any did."""
        if self.plan.cls is None or self.options.overwrite_later:
            return None
        came = await whole.delivered(store, self.source.id, now=now)
        region = self.options.complete.region if self.options.complete else None
        return whole.Bounds(came, self.schema, self.plan.cls.name, region) if came else None

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
            *((str(o.complete),) if o.complete else ()),
        ]  # fmt: skip
        digest.update(orjson.dumps(said))
        return digest.hexdigest()[:16]

    async def run(self, store: Store, *, now: int, progress: Callable[[int, int], None] | None = None) -> Receipt:
        """Read all rows and commit them. `now` in microseconds; `progress` is told rows read and rows rejected.

        LoadError, and nothing is written, where a file that is to be whole would end too much.
        """
        rejections: list[Rejection] = []
        seen = _Rows(self)
        bounds = await self._bounds(store, now)
        builder = self.builder(bounds)
        absent = await WholeFile(self, builder, bounds).absent(store, now) if self.options.complete else None
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
                await committer.finish(absent)
            if progress is not None:
                progress(counts.read, counts.rejected)
            if rejects is not None and rejects.written:
                self.rejects_path = rejects.path
        last = committer.last
        return Receipt(
            counts.read, counts.loaded, counts.merged, counts.unchanged, counts.rejected,
            system=last.system if last else None, seq=last.seq if last else None, run=committer.run,
            rejections=tuple(rejections), ended=absent.count if absent else 0,
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


class _Rows:
    """What each row of a file said, so that one that says something else of the same record and time is refused."""

    def __init__(self, load: Load) -> None:
        self.where = str(load.table.path)
        self.rows = Seen()
        self.circles = Circles(load.plan, self.where)

    def built(self, builder: Builder, row: Row) -> tuple[Record, Built]:
        """Raises Refused for a row that cannot be read, is wrong, or contradicts an earlier one."""
        if isinstance(row, BadRow):
            raise Refused(Rejection(f"{self.where}:{row.row}", row.field, row.value, row.reason, row.remedy))
        built = builder.build(row)
        if built.key is not None:
            said = hash(tuple(map(_said, built.entities)))
            before, first = self.rows.first(hash(built.key), said, row.row)
            if before != said:
                raise Refused(
                    Rejection(
                        f"{self.where}:{row.row}", "id", built.key[0],
                        f"row {first} says something else of the same record for the same time",
                        "Keep one of them, or give each the time from which it holds.",
                    )
                )  # fmt: skip
        circle = self.circles.refusal(built, row.row)
        if circle is not None:
            raise Refused(circle)
        return row, built


def _said(change: Change) -> object:
    """All that a change says, to be hashed: its `repr` would be ten times the work."""
    if type(change) is not Put:
        return change
    return (
        change.cls, *change.properties.items(), change.valid, change.patch, change.until_next, change.level,
        change.confidence, change.stated, change.entity, change.mentioned,
    )  # fmt: skip


class WholeFile:
    """A load's file as its source's whole truth: what it leaves out."""

    def __init__(self, load: Load, builder: Builder, bounds: whole.Bounds | None) -> None:
        assert load.options.complete is not None
        assert load.options.valid_from is not None
        self.load = load
        self.builder = builder
        self.complete = load.options.complete
        self.at = load.options.valid_from
        self.until = bounds.end(self.at, ()) if bounds else OPEN

    async def absent(self, store: Store, now: int) -> Absent:
        """Reads the file once. LoadError for a row whose id cannot be read, or where too much would end."""
        o, source, where = self.load.options, self.load.source, str(self.load.table.path)
        present = Seen()
        for row in self.load.table.rows():
            local = "" if isinstance(row, BadRow) else self.builder.local_id(row)
            if not local:
                raise LoadError(
                    "A row has no id that can be read, so that what the file leaves out cannot be told",
                    where=f"{where}:{row.row}", field="--complete", value=str(self.complete),
                    remedy="Mend the row; or load the file without --complete.",
                )  # fmt: skip
            present.first(hash(local), 0, row.row)
        known = {one.id: one.level for one in await store.sources(EVERYTHING)}
        own = self.load.declared[0].level if self.load.declared else known.get(source.id, 0)
        said = o.level if o.level is not None else self.load.mapping.level
        level = own if said is None else said
        found = await whole.ending(
            store, self.complete, source.id, at=self.at, level=level, now=now,
            present=lambda local: hash(local) in present,
        )  # fmt: skip
        whole.refuse_too_many(found, self.complete, source.id, where, o.allow_ending)
        return Absent(
            whole.ends(source.id, found.locals, self.at, self.until, level),
            whole.marker(source.id, self.complete, self.at, len(present), max(level, 1)),
        )


class _rejects:  # noqa: N801  # a context manager used as a function
    def __init__(self, load: Load) -> None:
        folder = load.options.rejects
        self.file = RejectsFile(folder, load.table) if folder is not None else None
        self.dry_run = load.options.dry_run

    def __enter__(self) -> RejectsFile | None:
        return self.file

    def __exit__(self, kind: type[BaseException] | None, *about: object) -> None:
        if self.file is not None:
            self.file.close(done=kind is None, mended=not self.dry_run)


def _keys(table: Table) -> tuple[str, ...]:
    """Names in a table whose records each have their own, in order of appearance.

    LoadError where rows are there and none can be read.
    """
    names: dict[str, None] = {}
    bad: BadRow | None = None
    for row in table.rows():
        if not isinstance(row, BadRow):
            names.update(dict.fromkeys(row.values))
        elif bad is None:
            bad = row
    if bad is not None and not names:
        raise LoadError(
            f"No row can be read; the first one: {bad.reason}", where=f"{table.path}:{bad.row}", remedy=bad.remedy
        )
    return tuple(names)


def _shown(value: object) -> object:
    """A value as JSON can have it: a whole number beyond 64 bits is its digits."""
    try:
        orjson.dumps(value)
    except TypeError:
        return shown_value(value)
    return value


def receipt_json(receipt: Receipt) -> AbstractMapping[str, object]:
    """A receipt for machines: the five counts first."""
    return {
        "read": receipt.read, "loaded": receipt.loaded, "merged": receipt.merged, "unchanged": receipt.unchanged,
        "rejected": receipt.rejected, "ended": receipt.ended, "run": receipt.run, "system": receipt.system,
        "seq": receipt.seq,
        "rejections": [
            {"where": r.where, "field": r.field, "value": _shown(r.value), "reason": r.reason, "remedy": r.remedy}
            for r in receipt.rejections
        ],
    }  # fmt: skip
