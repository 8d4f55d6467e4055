"""A slow, obvious model of claims, identity and relations, against which stores are tested.

Valid time is a handful of cells between boundaries, levels are 0 to 3, and every state is a table from cell to
what is said. Nothing of `kg.model` or of the commit planner is used but the values that writers send.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kg.model.changes import End, Merge, Put, RecordKey, Relate, Retract, Split, Unrelate
from kg.model.intervals import MIN, OPEN, Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kg.model.changes import Change, Source

DAY = 86_400_000_000
BOUNDARIES = tuple(1_700_000_000_000_000 + k * DAY for k in range(8))
CELLS = len(BOUNDARIES) + 1
LEVELS = range(4)

Said = tuple[Any, ...]
Row = list["Said | None"]


def interval(first: int, last: int) -> Interval:
    """Cells `first` up to, not including, `last`."""
    return Interval(MIN if first == 0 else BOUNDARIES[first - 1], OPEN if last == CELLS else BOUNDARIES[last - 1])


def instant(cell: int) -> int:
    """An instant inside a cell."""
    return BOUNDARIES[0] - DAY // 2 + cell * DAY


def cells(valid: Interval) -> range:
    """Cells of an interval between boundaries."""
    return range(*(0 if i == MIN else CELLS if i == OPEN else BOUNDARIES.index(i) + 1 for i in valid))


@dataclass
class Line:
    """What is said per cell, where statements start, and all statements in order."""

    said: Row = field(default_factory=lambda: [None] * CELLS)
    starts: set[int] = field(default_factory=set)
    log: list[tuple[str, Callable[[Line], None]]] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)  # that ever touched it

    def do(self, run: str, action: Callable[[Line], None]) -> bool:
        self.runs.add(run)
        before = list(self.said)
        action(self)
        self.starts = {s for s in self.starts if self.said[s] is not None}
        self.log.append((run, action))
        return before != self.said

    @property
    def stated(self) -> bool:
        """Whether anything was ever put, be it ended since."""
        return any(not isinstance(action, end_action) for _, action in self.log)

    def again(self, log: list[tuple[str, Callable[[Line], None]]]) -> None:
        self.said, self.starts, self.log = [None] * CELLS, set(), []
        for run, action in log:
            self.do(run, action)


def put_action(valid: Interval, said: Said, *, until_next: bool) -> Callable[[Line], None]:
    def action(line: Line) -> None:
        first, last = _bounds(line, valid, until_next=until_next)
        for cell in range(first, last):
            line.said[cell] = said
        line.starts = {s for s in line.starts if not first < s < last} | {first}

    return action


def patch_action(valid: Interval, merge: Callable[[Said | None], Said], *, until_next: bool) -> Callable[[Line], None]:
    def action(line: Line) -> None:
        first, last = _bounds(line, valid, until_next=until_next)
        for cell in range(first, last):
            line.said[cell] = merge(line.said[cell])
        line.starts |= {first}

    return action


@dataclass(frozen=True)
class end_action:  # noqa: N801 - it stands beside put_action and patch_action
    """Says nothing any more in the cells of an interval."""

    valid: Interval

    def __call__(self, line: Line) -> None:
        for cell in cells(self.valid):
            line.said[cell] = None


def _bounds(line: Line, valid: Interval, *, until_next: bool) -> tuple[int, int]:
    covered = cells(valid)
    first, last = covered.start, covered.stop
    if until_next:
        for cell in range(first + 1, last):
            here = line.said[cell]
            if here is not None and (cell in line.starts or here != line.said[cell - 1]):
                return first, cell
    return first, last


@dataclass
class View:
    """What a reader of one level sees at one valid instant."""

    entities: dict[str, tuple[str, dict[str, Any], dict[str, str]]]  # id → class, properties, full sources
    relations: dict[tuple[str, str, str, Any], dict[str, Any]]  # (relation, start, end, key) → properties


class Model:
    """The naive store: apply changes, then look at any level, cell and earlier commit."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self.sources = sources
        self.lines: dict[tuple[RecordKey, int], Line] = {}
        self.relations: dict[tuple[Any, ...], Line] = {}
        self.identity: dict[RecordKey, list[str | None]] = {}
        self.home: dict[RecordKey, list[str | None]] = {}

    def clone(self) -> Model:
        other = Model(self.sources)
        other.lines = {k: _copied(v) for k, v in self.lines.items()}
        other.relations = {k: _copied(v) for k, v in self.relations.items()}
        other.identity = copy.deepcopy(self.identity)
        other.home = copy.deepcopy(self.home)
        return other

    # ------------------------------------------------------------ changes

    def apply(self, change: Change, run: str, entity: str | None = None) -> bool:
        """True when what is said changes. `entity`: the id that the store gave the record of a Put."""
        if isinstance(change, Put):
            assert entity is not None
            return self._put(change, run, entity)
        if isinstance(change, End):
            level = self.sources[change.record.source].level if change.level is None else change.level
            touched = [line for (r, at), line in self.lines.items() if r == change.record and at >= level]
            return sum(line.do(run, end_action(change.valid)) for line in touched) > 0
        if isinstance(change, Relate | Unrelate):
            return self._relation(change, run)
        if isinstance(change, Merge):
            for ids in self.identity.values():
                for level in LEVELS:
                    if level >= change.level and ids[level] == change.loser:
                        ids[level] = change.survivor
            return True
        if isinstance(change, Split):
            for record in change.records:
                for level in LEVELS:
                    if level >= change.level and self.identity[record][level] is not None:
                        self.identity[record][level] = self.home[record][level]
            return True
        assert isinstance(change, Retract)
        for line in (*self.lines.values(), *self.relations.values()):
            line.again([(r, a) for r, a in line.log if r != change.run])
        self._forget(change.run)
        return True

    def _forget(self, run: str) -> None:
        """Records that the run touched, below the least level at which something is still said of them."""
        for record in {r for (r, _), line in self.lines.items() if run in line.runs} & self.identity.keys():
            said = {at for (r, at), line in self.lines.items() if r == record and line.stated}
            said |= {k[5] for k, line in self.relations.items() if record in k[2:4] and any(line.said)}
            for at in LEVELS:
                if at < min(said, default=len(LEVELS)):
                    self.identity[record][at] = self.home[record][at] = None
            if not said:
                del self.identity[record], self.home[record]

    def _put(self, put: Put, run: str, entity: str) -> bool:
        level = self.sources[put.record.source].level if put.level is None else put.level
        ids = self.identity.setdefault(put.record, [None] * len(LEVELS))
        home = self.home.setdefault(put.record, [None] * len(LEVELS))
        for at in LEVELS:
            if at >= level and ids[at] is None:
                ids[at] = home[at] = entity
        line = self.lines.setdefault((put.record, level), Line())
        values = {n: v for n, v in put.properties.items() if v is not None}
        said = (put.cls, tuple(sorted(values.items())), put.confidence, put.stated)
        if not put.patch:
            return line.do(run, put_action(put.valid, said, until_next=put.until_next))

        def merge(was: Said | None) -> Said:
            both = {**(dict(was[1]) if was else {}), **put.properties}
            kept = tuple(sorted((n, v) for n, v in both.items() if v is not None))
            return (put.cls, kept, put.confidence, put.stated)

        return line.do(run, patch_action(put.valid, merge, until_next=put.until_next))

    def _relation(self, change: Relate | Unrelate, run: str) -> bool:
        level = self.sources[change.source].level if change.level is None else change.level
        start, end = (RecordKey(r.source, r.local) for r in (change.start, change.end))  # type: ignore[union-attr]
        key = change.properties.get("grade")
        if isinstance(change, Unrelate):
            name = (change.source, change.relation, start, end, key)
            self.relations.setdefault((*name, level), Line())
            touched = [
                line
                for k, line in self.relations.items()
                if k[:5] == name and (k[5] == level or (k[5] > level and any(line.said)))
            ]
            return sum(line.do(run, end_action(change.valid)) for line in touched) > 0
        line = self.relations.setdefault((change.source, change.relation, start, end, key, level), Line())
        said = (tuple(sorted(change.properties.items(), key=lambda p: p[0])), change.confidence, change.stated)
        return line.do(run, put_action(change.valid, said, until_next=change.until_next))

    # ------------------------------------------------------------ reading

    def view(self, level: int, cell: int) -> View:
        claims: dict[str, list[tuple[Any, ...]]] = {}
        for (record, at), line in self.lines.items():
            entity = self.identity[record][level] if record in self.identity else None
            said = line.said[cell]
            if entity is not None and at <= level and said is not None:
                claims.setdefault(entity, []).append((self._rank(record.source, at, record.local, said), record, said))
        entities = {entity: _resolved(sorted(found, key=lambda c: c[0])) for entity, found in claims.items()}
        return View(entities, self._related(level, cell, entities))

    def _rank(self, source: str, level: int, local: str, said: Said) -> tuple[Any, ...]:
        stated = said[-1]
        return (-self.sources[source].priority, -said[-2], -(MIN if stated is None else stated), source, -level, local)

    def _related(
        self, level: int, cell: int, entities: dict[str, Any]
    ) -> dict[tuple[str, str, str, Any], dict[str, Any]]:
        found: dict[tuple[str, str, str, Any], list[tuple[Any, ...]]] = {}
        for (source, relation, start, end, key, at), line in self.relations.items():
            said = line.said[cell]
            if at > level or said is None:
                continue
            a, b = (self.identity[r][level] if r in self.identity else None for r in (start, end))
            if a in entities and b in entities:
                local = f"{start.source}/{start.local}/{end.source}/{end.local}"
                rank = self._rank(source, at, local, said)
                found.setdefault((relation, str(a), str(b), key), []).append((rank, said))
        out = {}
        for name, claims in found.items():
            properties: dict[str, Any] = {}
            for _, said in sorted(claims, key=lambda c: c[0]):
                for n, v in said[0]:
                    properties.setdefault(n, v)
            out[name] = properties
        return out

    def collisions(self) -> Iterator[tuple[int, str, list[str]]]:
        """(level, value, entities) for identifier values with several holders in one cell."""
        for level in LEVELS:
            for cell in range(CELLS):
                held: dict[str, list[str]] = {}
                for entity, (_, properties, _) in self.view(level, cell).entities.items():
                    if "uscc" in properties:
                        held.setdefault(properties["uscc"], []).append(entity)
                for value, holders in held.items():
                    if len(holders) > 1:
                        yield level, value, sorted(holders)

    def settle(self) -> bool:
        """Merge what collides only above what the readers of one of the two see; False: a conflict remains."""
        for _ in range(20):
            found = next(self.collisions(), None)
            if found is None:
                return True
            level, _, holders = found
            lowest = {e: min(at for ids in self.identity.values() for at in LEVELS if ids[at] == e) for e in holders}
            survivor, loser = sorted(holders[:2], key=lambda e: (lowest[e], e))
            if not (level > lowest[survivor] and lowest[loser] >= level):
                return False
            self.apply(Merge(survivor, loser, level), "")
        return False


def _copied(line: Line) -> Line:
    return Line(list(line.said), set(line.starts), list(line.log), set(line.runs))


def _resolved(ranked: list[tuple[Any, ...]]) -> tuple[str, dict[str, Any], dict[str, str]]:
    properties: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for _, record, said in ranked:
        for name, value in said[1]:
            if name not in properties:
                properties[name] = value
                sources[name] = record.source
    return ranked[0][2][0], properties, sources
