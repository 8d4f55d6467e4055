"""A card's history: what was learned when, the versions on both clocks, and the claims as they came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kg.query.algebra import (
    Aggregate,
    ClaimsOf,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Metric,
    MetricOp,
    Obj,
    One,
    Order,
    Out,
    Page,
    PageField,
    PageOf,
    PagePart,
    Prop,
    Range,
    Rows,
    Select,
    Time,
)
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from api.page.card import Head
    from api.page.reading import Visit
    from kg.schema.types import Property

MOST: Final = 500
"""Versions, and claims, on one card; how many there are is said beside."""
_CLOCKS: Final = (
    Field("vf", Leaf(Meta(MetaName.VALID_FROM))),
    Field("vt", Leaf(Meta(MetaName.VALID_TO))),
    Field("sf", Leaf(Meta(MetaName.SYSTEM_FROM))),
    Field("st", Leaf(Meta(MetaName.SYSTEM_TO))),
)


@dataclass(frozen=True, slots=True)
class Change:
    label: str
    before: str  # "" where nothing was known
    after: str


@dataclass(frozen=True, slots=True)
class Version:
    """One resolved version. ISO instants, None where open; `shade` tells different contents apart."""

    valid_from: str | None
    valid_to: str | None
    known_from: str
    known_to: str | None
    changes: tuple[Change, ...]
    first: bool  # nothing was known of that stretch before
    shade: int
    href: str


@dataclass(frozen=True, slots=True)
class Claim:
    source: str
    record: str
    level: str
    confidence: str
    valid: str
    recorded: str
    held: bool
    says: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class History:
    """`versions` in the order of learning; `total` and `claims_total`: how many there are."""

    versions: tuple[Version, ...]
    total: int
    claims: tuple[Claim, ...]
    claims_total: int

    @property
    def learned(self) -> tuple[Version, ...]:
        """Those that told something: a version that only carries on what was known is left to the whole list."""
        return tuple(one for one in self.versions if one.first or one.changes)


async def history(visit: Visit, head: Head) -> History:
    """Versions and claims on both clocks up to the visit's system instant: one statement."""
    cls = head.cls.name
    masked = visit.limits.masked(cls)
    shown = [p for p in head.cls.properties if p.name not in masked]
    so_far = Range(None, visit.moment.system + 1) if visit.moment.system is not None else Range()
    both = Time(Range(), so_far)
    leaves = Obj((*_CLOCKS, *(Field(f"p {p.name}", Leaf(Prop(p.name))) for p in shown)))
    versions = Select(
        Ids(cls, (head.id,)),
        PageOf((PageField("nodes", PagePart.NODES, obj=leaves), PageField("total", PagePart.TOTAL))),
        page=Page(MOST),
        time=Time() if visit.scope.rows else both,
    )
    claim = Obj(
        (
            *_CLOCKS, Field("source", Leaf(Meta(MetaName.SOURCE))), Field("record", Leaf(Meta(MetaName.RECORD))),
            Field("level", Leaf(Meta(MetaName.LEVEL))), Field("confidence", Leaf(Meta(MetaName.CONFIDENCE))),
            Field("says", Leaf(Meta(MetaName.PROPERTIES))),
        )
    )  # fmt: skip
    newest = (Order(Meta(MetaName.SYSTEM_FROM), descending=True),)
    when = Time() if visit.scope.rows else both
    told = One(
        Obj(
            (
                Field("claims", Select(ClaimsOf(cls), Rows(claim), order=newest, page=Page(MOST), time=when)),
                Field("n", Aggregate(
                    ClaimsOf(cls), (Out("n", "metric"),), metrics=(Metric(MetricOp.COUNT),), time=when,
                )),
            )
        )
    )  # fmt: skip
    answer = await visit.ask(("versions", versions), ("told", Select(Ids(cls, (head.id,)), told)))
    rows = answer["versions"]["nodes"]
    made = answer["told"] or {"claims": [], "n": [{"n": 0}]}
    until = visit.moment.system
    for row in (*rows, *made["claims"]):
        row["st"] = None if until is not None and row["st"] and _later(row["st"], until) else row["st"]
    by_name = {p.name: p for p in shown}
    claims = tuple(_claim(visit, row, by_name) for row in made["claims"])
    return History(_versions(visit, head, rows, shown), answer["versions"]["total"], claims, made["n"][0]["n"])


def _later(instant: str, micros: int) -> bool:
    from api.graphql.instants import parse_instant

    return parse_instant(instant, "systemTo") > micros


# ---------------------------------------------------------------- versions


def _versions(visit: Visit, head: Head, rows: list[dict[str, Any]], shown: list[Property]) -> tuple[Version, ...]:
    shades: dict[str, int] = {}
    out = []
    for row in rows:
        content = repr([row[f"p {p.name}"] for p in shown])
        shade = shades.setdefault(content, len(shades))
        before = _known_before(row, rows)
        changes = () if before is None else _changes(visit, before, row, shown)
        moment = visit.moment.at(row["vf"] or row["vt"] or "", row["sf"])
        out.append(
            Version(
                row["vf"], row["vt"], row["sf"], row["st"], changes, before is None, shade, moment.link(f"/e/{head.id}")
            )
        )
    return tuple(out)


def _known_before(row: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was known, just before this version was learned, of the instant at which it starts; else, of a version that
    goes on in time, the one that it follows."""
    for other in rows:
        if other["sf"] < row["sf"] and (other["st"] is None or other["st"] >= row["sf"]) and _meets(other, row["vf"]):
            return other
    for other in rows:
        same = other["sf"] <= row["sf"] and (other["st"] is None or other["st"] > row["sf"])
        if same and other is not row and row["vf"] is not None and other["vt"] == row["vf"]:
            return other
    return None


def _meets(row: dict[str, Any], start: str | None) -> bool:
    if start is None:
        return row["vf"] is None
    return (row["vf"] is None or row["vf"] <= start) and (row["vt"] is None or row["vt"] > start)


def _changes(visit: Visit, old: dict[str, Any], new: dict[str, Any], shown: list[Property]) -> tuple[Change, ...]:
    voice = visit.voice
    return tuple(
        Change(voice.label(p.label), voice.value(p, old[f"p {p.name}"]), voice.value(p, new[f"p {p.name}"]))
        for p in shown
        if old[f"p {p.name}"] != new[f"p {p.name}"]
    )


# ---------------------------------------------------------------- claims


def _claim(visit: Visit, row: dict[str, Any], by_name: dict[str, Property]) -> Claim:
    voice = visit.voice
    said = []
    for name, value in row["says"].items():
        prop = by_name.get(name)
        if prop is None:
            said.append((name, str(value)))
            continue
        shown = value
        if prop.datatype in {Datatype.GEOMETRY, Datatype.JSON} and not isinstance(value, dict):
            shown = None
        said.append((voice.label(prop.label), voice.value(prop, shown)))
    return Claim(
        visit.source(row["source"]),
        row["record"],
        voice.label(visit.schema.level_names[row["level"]]),
        f"{row['confidence']:g}",
        voice.interval(row["vf"], row["vt"]),
        voice.interval(row["sf"], row["st"]) if row["st"] else voice("since", day=voice.moment(row["sf"])),
        row["st"] is None,
        tuple(said),
    )
