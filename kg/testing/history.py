"""Random history of a Schema as ChangeSets: what the stores of a differential test are loaded with.

Several sources of different priority and level put, patch, end and relate records over past and future valid times,
merge and split entities, and sometimes say what every store must refuse. Drawn by `random.Random`, so that a number
gives the same history everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kg.errors import JingweiError
from kg.model.changes import (
    ById,
    ByRecord,
    ChangeSet,
    End,
    Merge,
    Put,
    RecordKey,
    Relate,
    Retract,
    Source,
    Split,
    Unrelate,
)
from kg.model.intervals import MIN, OPEN, Interval
from kg.schema.types import ROOT_CLASS, Datatype
from kg.testing.strategies import (
    DATES,
    DOCUMENTS,
    DOUBLES,
    GEOMETRIES,
    INSTANTS,
    LONGS,
    NUMBERS,
    TEXTS,
    Known,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from kg.model.changes import Change, Receipt, Ref
    from kg.schema.types import Property, Relation, Schema
    from kg.store.base import Store

D = Datatype

SOURCES = (
    Source("a", priority=1),
    Source("b"),
    Source("c"),
    Source("m", level=1),
    Source("h", priority=5, level=2),
    Source("s", priority=9, level=3),
)
LOCALS = ("1", "2", "3", "4", "5", "6")
DAY = 86_400_000_000
NOW = 1_800_000_000_000_000
"""The default valid instant of queries: some boundaries lie behind it, some before it."""
BOUNDARIES = tuple(NOW + k * DAY for k in (-400, -30, -1, 1, 30))
FIRST_SYSTEM = NOW - 1_000_000

_POOLS: dict[Datatype, tuple[Any, ...]] = {
    D.STRING: TEXTS,
    D.BOOLEAN: (False, True),
    D.INTEGER: (*NUMBERS, -(2**31)),
    D.LONG: (*LONGS, 2**63 - 1, -(2**63), 2**53, 2**62),
    D.DOUBLE: (*DOUBLES, 1.7976931348623e308, -1e300, 5e-324, 1e15, 123456789012345.0, 0.3, 1e22),
    D.DATE: (*DATES, "2025-01-01", "2025-W01"[:4], "0001-01-01", "9999-12-31"),
    D.INSTANT: (*INSTANTS, -1, -62_135_596_800_000_000, 253_402_300_799_999_999),
    D.GEOMETRY: GEOMETRIES,
    D.JSON: DOCUMENTS,
}


def pool(declared: Property) -> tuple[Any, ...]:
    """The stored values of which a property takes its own."""
    return declared.values or _POOLS[declared.datatype]


@dataclass
class Step:
    """One commit. `hidden`: made of what the scope of a non-interference test hides; `refused`: by which error."""

    change_set: ChangeSet
    now: int
    hidden: bool = False
    refused: type[JingweiError] | None = None


@dataclass
class Writer:
    """Makes ChangeSets; learns the entities from receipts.

    `classes`: those of its records. `floor` and `top`: the levels of what it says. `always`: properties of each record.
    `others`: records of somebody else to which it relates its own.
    """

    schema: Schema
    rng: Random
    sources: tuple[Source, ...] = SOURCES
    classes: tuple[str, ...] = ()
    locals: tuple[str, ...] = LOCALS
    floor: int = 0
    top: int = 3
    always: dict[str, Any] = field(default_factory=dict)
    others: dict[RecordKey, str] = field(default_factory=dict)
    name: str = "run"
    people: dict[RecordKey, str] = field(default_factory=dict)  # record → its usual class
    seen: dict[RecordKey, int] = field(default_factory=dict)  # record → the least level that knows it
    entities: list[str] = field(default_factory=list)
    related: list[tuple[str, RecordKey, RecordKey, dict[str, Any]]] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.classes = self.classes or self.schema.concrete(ROOT_CLASS)
        self.usual = {local: self.rng.choice(self.classes) for local in self.locals}

    def change_set(self, number: int) -> ChangeSet:
        kinds = ["put"] * 5 + ["relate"] * 12 + ["patch", "end", "unrelate", "merge", "split", "wild", "retract"]
        kinds = ["put"] if number < 2 else kinds
        size = self.rng.randint(4, 9) if number < 4 else self.rng.randint(1, 5)
        changes = [c for _ in range(size) if (c := getattr(self, "_" + self.rng.choice(kinds))()) is not None]
        run = f"{self.name} {number % 7}"
        self.runs.append(run)
        return ChangeSet(tuple(changes), run=run, sources=self.sources)

    def learn(self, change_set: ChangeSet, receipt: Receipt) -> None:
        ids = iter(receipt.entities)
        for change in change_set.changes:
            if isinstance(change, Put):
                self.people[change.record] = change.cls
                own = next(one.level for one in self.sources if one.id == change.record.source)
                level = own if change.level is None else change.level
                self.seen[change.record] = min(level, self.seen.get(change.record, level))
                self.entities.append(next(ids))
            elif isinstance(change, Relate) and isinstance(change.start, ByRecord) and isinstance(change.end, ByRecord):
                start, end = (RecordKey(r.source, r.local) for r in (change.start, change.end))
                key = {n: change.properties[n] for n in self.schema.relations[change.relation].key
                       if n in change.properties}  # fmt: skip
                self.related.append((change.relation, start, end, key))

    # ------------------------------------------------------------ parts

    def _often(self) -> bool:
        return self.rng.random() < 0.6

    def _rarely(self) -> bool:
        return self.rng.random() < 0.15

    def _source(self) -> tuple[str, int | None]:
        """Who says it, and at which level (None: its own)."""
        source = self.rng.choice(self.sources)
        levels = range(self.floor, self.top + 1)
        if source.level in levels and not self._rarely():
            return source.id, None
        return source.id, self.rng.choice(levels)

    def _valid(self) -> Interval:
        if self._often():
            return Interval(self.rng.choice((MIN, MIN, MIN, *BOUNDARIES)), OPEN)
        start, end = sorted(self.rng.sample((MIN, *BOUNDARIES, OPEN), 2))
        return Interval(start, end)

    def value(self, declared: Property) -> Any:
        if not declared.many:
            return self.rng.choice(pool(declared))
        return tuple(sorted({self.rng.choice(pool(declared)) for _ in range(self.rng.randint(1, 3))}))

    def _properties(self, declared: Sequence[Property], local: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for prop in declared:
            if prop.name in self.always:
                continue
            if prop.scheme:
                if self.rng.random() < 0.3:
                    out[prop.name] = f"K{local}" if not self._rarely() else f"K{self.rng.choice(self.locals)}"
            elif prop.datatype is D.ENTITY:
                found = self._record(prop.target)
                if found is not None and self._often():
                    out[prop.name] = ByRecord(*found)
            elif self._often():
                out[prop.name] = self.value(prop)
        return {**out, **self.always}

    def _record(self, cls: str) -> RecordKey | None:
        return self._of(cls, self.people)

    def _of(self, cls: str, people: Mapping[RecordKey, str]) -> RecordKey | None:
        found = [r for r, own in people.items() if self.schema.is_a(own, cls)]
        return self.rng.choice(found) if found else None

    # ------------------------------------------------------------ changes

    def _put(self, *, patch: bool = False) -> Put:
        local = self.rng.choice(self.locals)
        cls = self.usual[local] if not self._rarely() else self.rng.choice(self.classes)
        properties = self._properties(self.schema.classes[cls].properties, local)
        if patch:
            for name in self.rng.sample(sorted(properties), min(1, len(properties))):
                if name not in self.always:
                    properties[name] = None
        source, level = self._source()
        return Put(
            RecordKey(source, local), cls, properties, self._valid(), patch=patch,
            until_next=self._rarely(), level=level, confidence=self.rng.choice((1.0, 1.0, 0.5)),
            stated=self.rng.choice((None, None, 5, NOW)),
        )  # fmt: skip

    def _patch(self) -> Put:
        return self._put(patch=True)

    def _end(self) -> End | None:
        record = self._record(ROOT_CLASS)
        return End(record, self._valid(), self._level_of(record.source)) if record else None

    def _level_of(self, source: str) -> int | None:
        own = next(one.level for one in self.sources if one.id == source)
        levels = range(self.floor, self.top + 1)
        return self.rng.choice((None, *levels)) if own in levels else self.rng.choice(levels)

    def _relate(self) -> Relate | None:
        name = self.rng.choice(sorted(self.schema.relations))
        relation = self.schema.relations[name]
        source, level = self._source()
        reach = next(one.level for one in self.sources if one.id == source) if level is None else level
        both = {r: cls for r, cls in {**self.others, **self.people}.items() if self.seen.get(r, 0) <= reach}
        start, end = self._of(relation.domain, both), self._of(relation.range, both)
        if start is None or end is None or (self.others and not self.people.keys() & {start, end} and not self.floor):
            return None
        far: Ref = ByRecord(*end)
        if self.entities and self._rarely() and not self.always:
            far = ById(self.rng.choice(self.entities))
        return Relate(
            source, name, ByRecord(*start), far, self._properties_of(relation), self._valid(),
            patch=self._rarely(), until_next=self._rarely(), level=level,
            confidence=self.rng.choice((1.0, 0.5)),
        )  # fmt: skip

    def _properties_of(self, relation: Relation) -> dict[str, Any]:
        always, self.always = self.always, {}
        try:
            return self._properties(relation.properties, "")
        finally:
            self.always = always

    def _unrelate(self) -> Unrelate | None:
        if not self.related:
            return None
        name, start, end, key = self.rng.choice(self.related)
        source, level = self._source()
        return Unrelate(source, name, ByRecord(*start), ByRecord(*end), key, self._valid(), level)

    def _merge(self) -> Merge | None:
        known = sorted(set(self.entities))
        if len(known) < 2:
            return None
        survivor, loser = self.rng.sample(known, 2)
        return Merge(survivor, loser, self.rng.choice(range(self.floor, self.top + 1)))

    def _split(self) -> Split | None:
        record = self._record(ROOT_CLASS)
        return (
            Split((record,), self.rng.choice(range(self.floor, self.top + 1)), apart=self._often()) if record else None
        )

    def _retract(self) -> Retract | None:
        return Retract(self.rng.choice(self.runs)) if self.runs and self._rarely() else None

    def _wild(self) -> Change | None:
        """What a store may have to refuse."""
        if self.others or self.floor or not self._rarely():
            return None
        unknown = ByRecord("a", "nobody")
        name = self.rng.choice(sorted(self.schema.relations))
        relation = self.schema.relations[name]
        stubs = self.schema.concrete(relation.range)
        start = self._record(relation.domain)
        if start is not None and stubs and self._often():
            unseen = ByRecord("b", f"stub{self.rng.randint(1, 2)}")
            return Relate("b", name, ByRecord(*start), unseen, self._properties_of(relation), stub=stubs[0])
        return Relate("a", name, unknown, unknown)


async def grow(
    store: Store, writer: Writer, commits: int, secret: Writer | None = None, choose: Callable[[], bool] = bool
) -> list[Step]:
    """Commits that `store` takes or refuses, all of them; `choose` says when it is the turn of `secret`, whose commits
    are the hidden ones."""
    steps: list[Step] = []
    for number in range(commits):
        hidden = secret is not None and choose()
        maker = secret if secret is not None and hidden else writer
        if hidden:
            maker.others = dict(writer.people)
        step = Step(replace(maker.change_set(number), key=f"key {number}"), FIRST_SYSTEM + 1000 * number, hidden)
        if not step.change_set.changes:
            continue
        steps.append(step)
        try:
            maker.learn(step.change_set, await store.commit(step.change_set, now=step.now))
        except JingweiError as error:
            step.refused = type(error)
    return steps


def known(writers: Sequence[Writer], systems: Sequence[int]) -> Known:
    """What queries about this history may name; `systems`: instants of its commits."""
    entities = sorted({e for writer in writers for e in writer.entities})
    inside = tuple(at + 500 for at in systems[:-1:3])
    return Known(
        (*entities, "nobody"),
        tuple(("code", f"K{local}") for local in (*writers[0].locals, "0")),
        (NOW, *(at + DAY // 2 for at in BOUNDARIES), BOUNDARIES[0], BOUNDARIES[3]),
        (*systems[-6:], *systems[:2], *inside),
        NOW,
    )
