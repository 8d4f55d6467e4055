"""What is in the graph, and how fresh it is."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from kg.query.algebra import (
    Aggregate,
    ClaimsOf,
    Edges,
    Extent,
    Field,
    Leaf,
    Meta,
    MetaName,
    Metric,
    MetricOp,
    Obj,
    Out,
    Range,
    Rows,
    Select,
    Time,
)
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from api.page.reading import Visit
    from kg.query.secure import Scope

STALE_DAYS: Final = 365
MOST: Final = 150_000
"""Entities and relations up to which freshness is worked out: it reads each one's sources."""
MONTHS: Final = 24
_KEPT: Final = 16
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    name: str
    label: str
    count: int
    share: float  # of the largest


@dataclass(frozen=True, slots=True)
class SourceAge:
    """`last`: ISO instant. `months`: statements recorded in each of the last months, oldest first."""

    id: str
    label: str
    statements: int
    last: str
    stale: bool
    months: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    entities: int
    relations: int
    classes: tuple[Counted, ...]
    kinds: tuple[Counted, ...]


@dataclass(slots=True)
class _Told:
    statements: int = 0
    last: str = ""
    months: Counter[str] = field(default_factory=Counter)

    def add(self, count: int, last: str, month: str) -> None:
        self.statements += count
        self.last = max(self.last, last)
        self.months[month] += count


async def overview(visit: Visit) -> Overview:
    """Entities by class and relations by kind, in one statement."""
    count = (Metric(MetricOp.COUNT),)
    by_class = Aggregate(
        Extent(ROOT_CLASS), (Out("c", "group"), Out("n", "metric")), (Meta(MetaName.CLASS),), count,
    )  # fmt: skip
    schema = visit.schema
    names = visit.relations()
    if not visit.limits.classes(ROOT_CLASS):
        return Overview(0, 0, (), ())
    answer = await visit.ask(
        ("classes", by_class),
        *((f"r {n}", Aggregate(Edges(n, schema.relations[n].domain), (Out("n", "metric"),), (), count)) for n in names),
    )
    classes = {row["c"]: row["n"] for row in answer["classes"]}
    kinds = {name: answer[f"r {name}"][0]["n"] for name in names}
    return Overview(
        sum(classes.values()),
        sum(kinds.values()),
        _counted(classes, {n: visit.voice.label(schema.classes[n].label) for n in classes}),
        _counted({n: k for n, k in kinds.items() if k}, {n: visit.voice.step(schema, n) for n in kinds}),
    )


def _counted(counts: dict[str, int], labels: dict[str, str]) -> tuple[Counted, ...]:
    most = max(counts.values(), default=1)
    return tuple(
        Counted(name, labels[name], count, count / most)
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )


class Freshness:
    """Per source: what it last told, and when. Kept for a commit, a scope and a point in time (of now: the day), since
    it reads all claims."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int, int, Time], tuple[Scope, dict[str, _Told]]] = OrderedDict()

    async def sources(self, visit: Visit, size: int, seq: int) -> tuple[SourceAge, ...] | None:
        """Oldest knowledge first. None where the graph is too large for it; `size`: its entities and relations."""
        if size > MOST:
            return None
        key = (seq, id(visit.scope), visit.now // _DAY, visit.moment.time)
        kept = self._kept.get(key)
        if kept is None or kept[0] is not visit.scope:
            # The scope is held beside, so that no other one can have its address.
            kept = self._kept[key] = (visit.scope, await _told(visit))
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        months = _months(visit)
        found = [
            SourceAge(
                source, visit.source(source), told.statements, told.last, visit.voice.since(told.last) > STALE_DAYS,
                tuple(told.months[month] for month in months),
            )
            for source, told in kept[1].items()
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda one: (one.last, one.id)))


async def _told(visit: Visit) -> dict[str, _Told]:
    """Source and instant of every claim and relation, in one statement.

    Rows are cheaper than figures here: grouping the few claims of each entity takes four times as long.
    """
    if not visit.limits.classes(ROOT_CLASS):
        return {}
    claim = Rows(Obj((Field("s", Leaf(Meta(MetaName.SOURCE))), Field("t", Leaf(Meta(MetaName.SYSTEM_FROM))))))
    # A scope with conditions on rows sees claims at the row's own instants alone.
    claims = Select(ClaimsOf(ROOT_CLASS), claim, time=Time() if visit.scope.rows else Time(Range(), None))
    edge = Rows(Obj((Field("s", Leaf(Meta(MetaName.EDGE_SOURCES))), Field("t", Leaf(Meta(MetaName.EDGE_SYSTEM_FROM))))))
    answer = await visit.ask(
        ("e", Select(Extent(ROOT_CLASS), Rows(Obj((Field("c", claims),))))),
        *((f"r {n}", Select(Edges(n, visit.schema.relations[n].domain), edge)) for n in visit.relations()),
    )
    return await asyncio.to_thread(_folded, answer)


def _folded(answer: dict[str, list[dict[str, Any]]]) -> dict[str, _Told]:
    counts: Counter[tuple[str, str]] = Counter()
    for entity in answer.pop("e"):
        counts.update((row["s"], row["t"]) for row in entity["c"])
    for rows in answer.values():
        counts.update((source, row["t"]) for row in rows for source in _named(row))
    told: dict[str, _Told] = {}
    for (source, instant), count in counts.items():
        told.setdefault(source, _Told()).add(count, instant, instant[:7])
    return told


def _named(row: dict[str, Any]) -> set[str]:
    return {source for source in (row["s"] or {}).values() if source}


def _months(visit: Visit) -> list[str]:
    """The last months, oldest first, as "2024-05"."""
    year, month = map(int, visit.voice.day(visit.now).split("-")[:2])
    last = year * 12 + month - 1
    return [f"{at // 12:04d}-{at % 12 + 1:02d}" for at in range(last - MONTHS + 1, last + 1)]
