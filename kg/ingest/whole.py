"""Whole files: what a source's file says of a class is all there is, so that what it leaves out ends.

That a whole file came is a fact of its own (class Delivery), since files come late and out of order: a row of last
year's file, loaded after this year's whole file, holds until this year's date and no longer, whether this year's file
has it or not. So any order of loading ends in one state. See docs/decisions/162-whole-files.md.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import LoadError, SchemaError
from kg.model.changes import ABOUT, End, Put, RecordKey
from kg.model.intervals import ALWAYS, OPEN, Interval
from kg.query.algebra import (
    After,
    And,
    ClaimsOf,
    Cmp,
    Comparison,
    Const,
    Exists,
    Extent,
    Field,
    IsA,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Or,
    Page,
    Prop,
    Query,
    Root,
    Rows,
    Select,
    Step,
    Time,
    Walk,
)
from kg.query.secure import EVERYTHING
from kg.schema.instants import instant_micros
from kg.schema.types import ROOT_CLASS
from kg.store.base import Scan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence

    from kg.query.algebra import Predicate
    from kg.schema.types import Schema
    from kg.store.base import Store

DELIVERY: Final = "Delivery"
ALLOWED: Final = 0.1
"""The share of what a source holds that a whole file may end without being asked."""
SHOWN: Final = 10
BATCH: Final = 2000
_AREA, _CODE = "AdministrativeArea", "adcode"
PLACED: Final = ("registeredIn", "locatedIn")
"""Relations that say in which area something is."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Of which class a file has everything, and in which region: leading digits of adcodes, "" is everywhere."""

    cls: str
    region: str = ""

    def __str__(self) -> str:
        return f"{self.cls},{self.region}" if self.region else self.cls


@dataclass(frozen=True, slots=True)
class Delivered:
    """A whole file that came: `at` is its date (valid, microseconds)."""

    complete: Complete
    at: int


def parse_complete(text: str, schema: Schema) -> Complete:
    """`CLASS` or `CLASS,ADCODE`: 310115 is Pudong, 310000 (or 31) all of Shanghai. LoadError for anything else."""
    cls, comma, code = (part.strip() for part in text.partition(","))
    if cls not in schema.classes:
        from kg.schema.problems import suggestion

        raise LoadError(
            f"There is no class {cls}", field="--complete", value=text,
            remedy=suggestion(cls, schema.classes) or "jingwei ontology docs lists them.",
        )  # fmt: skip
    if comma and not re.fullmatch(r"[1-9][0-9]|[1-9][0-9]{3}|[1-9][0-9]{5}", code):
        raise LoadError(
            "The region is no administrative division code", field="--complete", value=text,
            remedy="Give its two, four or six digits: Enterprise,310115 or Enterprise,31.",
        )  # fmt: skip
    while len(code) > 2 and code.endswith("00"):
        code = code[:-2]
    return Complete(cls, code)


def parse_share(text: str) -> float:
    """`25%` or `25`: a share in percent. LoadError for what is none."""
    try:
        share = float(text.strip().removesuffix("%"))
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise LoadError("This is no share in percent", field="--allow-ending", value=text, remedy="Give a number: 25%.")
    return share / 100


# ---------------------------------------------------------------- what came before


async def delivered(store: Store, source: str, *, now: int) -> tuple[Delivered, ...]:
    """Whole files of a source, in order of their dates."""
    if DELIVERY not in store.schema.classes:
        return ()
    where = Cmp(Comparison.EQ, Prop("sourceName"), Const(source))
    found = [
        Delivered(Complete(row["ofClass"], row["region"] or ""), instant_micros(row["deliveredFor"]))
        async for batch in store.scan(Scan(now, DELIVERY, where=where), EVERYTHING)
        for row in batch.to_pylist()
    ]
    return tuple(sorted(found, key=lambda one: (one.at, str(one.complete))))


class Bounds:
    """Where rows of a source end because a whole file came: at its date, whether it has the row or not.

    `region` is the one that the rows are said to lie in, None where nothing is said.
    """

    def __init__(self, came: Sequence[Delivered], schema: Schema, cls: str, region: str | None) -> None:
        covering = [one for one in came if schema.is_a(cls, one.complete.cls)]
        self._everywhere = [one.at for one in covering if _covers(one.complete.region, region)]
        self._regional = [(one.at, one.complete.region) for one in covering if not _covers(one.complete.region, region)]

    def __bool__(self) -> bool:
        return bool(self._everywhere or self._regional)

    def end(self, start: int, regions: Collection[str]) -> int:
        """The date of the first whole file after `start` that covers a row in the given areas (adcodes)."""
        at = bisect_right(self._everywhere, start)
        end = self._everywhere[at] if at < len(self._everywhere) else OPEN
        for date, region in self._regional:
            if start < date < end and any(code.startswith(region) for code in regions):
                return date
        return end


def _covers(outer: str, inner: str | None) -> bool:
    """Whether all of a region lies in another; a region that is not known lies in none but everywhere."""
    return not outer or (inner is not None and inner.startswith(outer))


# ---------------------------------------------------------------- what is absent


@dataclass(frozen=True, slots=True)
class Ending:
    """What a whole file ends: the source's own ids, of `held` that it holds."""

    locals: tuple[str, ...]
    held: int

    @property
    def share(self) -> float:
        return len(self.locals) / self.held if self.held else 0.0


async def ending(
    store: Store, complete: Complete, source: str, *, at: int, level: int, present: Callable[[str], bool], now: int
) -> Ending:
    """Records of the source that hold at `at`, of the class, region and level (and above), and are absent."""
    held = 0
    absent: list[str] = []
    async for local in _held(store, complete, source, at, level, now):
        held += 1
        if not present(local):
            absent.append(local)
    return Ending(tuple(sorted(absent)), held)


async def _held(store: Store, complete: Complete, source: str, at: int, level: int, now: int) -> AsyncIterator[str]:
    names = (
        ("record", MetaName.RECORD), ("class", MetaName.CLASS), ("level", MetaName.LEVEL),
        ("provenance", MetaName.PROVENANCE),
    )  # fmt: skip
    own = Cmp(Comparison.EQ, Meta(MetaName.SOURCE), Const(source))
    claims = Select(ClaimsOf(ROOT_CLASS), Rows(Obj(tuple(Field(n, Leaf(Meta(m))) for n, m in names))), where=own)
    shape = Rows(Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("claims", claims))))
    where = _inside(store.schema, complete.region)
    after: After | None = None
    # Among all classes, because other sources may know better what a thing is.
    while True:
        select = Select(Extent(ROOT_CLASS), shape, where=where, page=Page(BATCH, after), time=Time(at))
        query = Query((Root("rows", select),), now=now)
        rows: list[dict[str, Any]] = orjson.loads(await store.execute(query, EVERYTHING))["rows"]
        for row in rows:
            found = {c["record"] for c in row["claims"] if _counts(store.schema, complete.cls, c, level)}
            for local in sorted(found):
                yield local
        if len(rows) < BATCH:
            return
        after = After((), rows[-1]["id"])


def _counts(schema: Schema, cls: str, claim: Mapping[str, Any], level: int) -> bool:
    """A mere mention of the source's is no record of its list."""
    known = claim["class"] in schema.classes and schema.is_a(claim["class"], cls)
    return known and claim["level"] >= level and claim["provenance"] != "mentioned"


def _inside(schema: Schema, region: str) -> Predicate | None:
    """In an area whose adcode begins so, by registration or by place; or such an area itself."""
    if not region:
        return None
    if _AREA not in schema.classes:
        raise SchemaError(f"The ontology has no class {_AREA}, so that nothing is in a region", field="--complete")
    code = Cmp(Comparison.STARTS_WITH, Prop(_CODE), Const(region))
    ways: list[Predicate] = [
        Exists(Walk(((name, True),), _AREA, 1, 6) if name == "locatedIn" else Step(name, True, _AREA), code)
        for name in PLACED
        if name in schema.relations
    ]
    return Or((*ways, And((IsA(_AREA), code))))


# ---------------------------------------------------------------- what is written


def ends(source: str, locals_: Sequence[str], at: int, until: int, level: int | None) -> tuple[End, ...]:
    """The records end at `at`, until what is said of them next, or the next whole file."""
    return tuple(End(RecordKey(source, local), Interval(at, until), level, until_next=True) for local in locals_)


def marker(source: str, complete: Complete, at: int, records: int, level: int) -> Put:
    """The fact that the whole file came."""
    said: dict[str, Any] = {
        "sourceName": source, "ofClass": complete.cls, "deliveredFor": at, "records": records,
        "name": f"{source}: {complete}",
    }  # fmt: skip
    if complete.region:
        said["region"] = complete.region
    return Put(RecordKey(ABOUT, f"delivery/{source}/{complete}/{at}"), DELIVERY, said, ALWAYS, level=level)


def refuse_too_many(found: Ending, complete: Complete, source: str, where: str, allowed: float) -> None:
    """LoadError where the file would end more than is allowed."""
    if found.share <= allowed:
        return
    shown = ", ".join(found.locals[:SHOWN]) + (f" and {len(found.locals) - SHOWN} more" * (len(found.locals) > SHOWN))
    least = -(-len(found.locals) * 1000 // found.held) / 10
    raise LoadError(
        f"As the whole truth about {complete} it would end {len(found.locals)} of {found.held} records "
        f"that {source} holds: {shown}",
        where=where, field="--allow-ending", value=f"{100 * allowed:g}%",
        remedy=f"If the file is whole, say --allow-ending {least:g}%; nothing was written.",
    )  # fmt: skip
