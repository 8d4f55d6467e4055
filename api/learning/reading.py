"""What was known at the split instant, read through the port's scan: a graph of links, a map of firms and places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from kg.errors import QueryError
from kg.query.algebra import Time
from kg.query.secure import Limits, Scope
from kg.store.base import Scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.ml.graph import Shares
    from kg.ml.links.facts import LinkGraph
    from kg.store.base import Store

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class View:
    """What a model may see: as known at `system`, by a reader of `level` (and, unless None, of `classes` alone)."""

    system: int
    level: int = 0
    classes: tuple[str, ...] | None = None

    @property
    def scope(self) -> Scope:
        return Scope(level=self.level, classes=None if self.classes is None else frozenset(self.classes))


def moment(micros: int) -> datetime:
    return _EPOCH + micros * _MICROSECOND


def micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


async def split_instant(store: Store, asked: int | None) -> int:
    """The instant asked for, else that of the latest commit. Raises QueryError for an empty store."""
    latest = (await store.clock()).system
    if not latest:
        raise QueryError("The store is empty", where=store.url, remedy="Load something first: jingwei load --help.")
    return latest if asked is None else asked


def relations_of(store: Store, named: Sequence[str] | None) -> tuple[str, ...]:
    """The relations to learn from, in name order: those named, else all. Raises QueryError."""
    known = store.schema.relations
    for name in named or ():
        if name not in known:
            raise QueryError(
                "There is no such relation",
                field="--relation",
                value=name,
                remedy=f"Choose among {', '.join(sorted(known))}.",
            )
    return tuple(sorted(named or known))


async def read_links(
    store: Store, view: View, valids: Sequence[int], relations: Sequence[str], shares: Shares
) -> LinkGraph:
    """Relations as known at the split; one moment of the graph for each instant of `valids` (one: a static graph)."""
    from kg.ml.graph import STATIC, FactCollector

    names = STATIC if len(valids) == 1 else tuple(moment(v).isoformat() for v in valids)
    collector = FactCollector(moment(view.system), tuple(relations), names)
    limits = Limits(store.schema, view.scope)
    # A scan from a class that is not seen at all is refused; to the reader such a relation is empty.
    seen = [name for name in relations if limits.classes(store.schema.relations[name].domain)]
    for number, valid in enumerate(valids):
        for relation in seen:
            scan = Scan(valid, relation=relation, properties=(), time=Time(valid, view.system))
            async for batch in store.scan(scan, view.scope):
                collector.add(batch, relation, valid=moment(valid), moment=number)
    return collector.graph(shares, schema_hash=store.schema.hash)


async def pairs(store: Store, view: View, relation: str) -> list[tuple[str, str]]:
    """(start, end) of a relation as known, and valid, at the split; in order."""
    from kg.ml.graph import known_and_valid

    at = moment(view.system)
    found: set[tuple[str, str]] = set()
    scan = Scan(view.system, relation=relation, properties=(), time=Time(view.system, view.system))
    async for batch in store.scan(scan, view.scope):
        kept = batch.filter(known_and_valid(batch, at, at))
        found.update(zip(kept.column("start").to_pylist(), kept.column("end").to_pylist(), strict=True))
    return sorted(found)


async def rows(store: Store, view: View, cls: str, properties: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Entities of a class (and below) as known, and valid, at the split: id → the properties that the class has."""
    from kg.ml.graph import known_and_valid

    at = moment(view.system)
    has = {p.name for name in store.schema.concrete(cls) for p in store.schema.classes[name].properties}
    wanted = tuple(name for name in properties if name in has)
    found: dict[str, dict[str, Any]] = {}
    scan = Scan(view.system, cls=cls, properties=wanted, time=Time(view.system, view.system))
    async for batch in store.scan(scan, view.scope):
        kept = batch.filter(known_and_valid(batch, at, at))
        for row in kept.select(["id", "class", *wanted]).to_pylist():
            found[row["id"]] = row
    return {key: found[key] for key in sorted(found)}
