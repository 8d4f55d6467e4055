"""Puts that nothing else in the ChangeSet has to do with: their rows are made at once.

Most puts of a load are alone: the record is new, nobody knows its identifiers and no other change names it; or it is
the only one of its entity and says the same again, or something else from some instant on. Then claims need no
weighing, lines no algebra and identifiers no comparison. What is made is what the general way makes
(tests/kg/store/test_plain.py compares them). A put that may not be alone is left to it, and so is the whole ChangeSet
where anything fails.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from kg.model.changes import ByIdentifier, ByRecord, Put, RecordKey, Relate
from kg.model.intervals import OPEN
from kg.model.rows import ClaimRow, IdentifierRow, RecordRow, VersionRow
from kg.store.commit.statements import LOADED, UNCHANGED
from kg.store.commit.working import OWN, Says

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.model.changes import Change, Value
    from kg.model.lines import Segment
    from kg.store.commit.entities import Entities
    from kg.store.commit.rows import Delta, Span
    from kg.store.commit.statements import Statements
    from kg.store.commit.working import Line

Identifiers = tuple[tuple[str, str], ...]
"""(scheme, value) of each identifier."""


class Known(NamedTuple):
    """A put of a record that is stored: the segment that says the same, or changes to what it `says` (else None)."""

    entity: str
    line: Line
    segment: Segment[Any]
    says: Any
    held: Identifiers


class Plain:
    """The puts of one ChangeSet that are alone: `take` says whether a put was one, and then it is done."""

    def __init__(self, changes: tuple[Change, ...], statements: Statements, entities: Entities, delta: Delta) -> None:
        self.w = statements.w
        self.statements = statements
        self.entities = entities
        self.delta = delta
        self._fresh: dict[RecordKey, Identifiers] = {}
        self._known: dict[RecordKey, Known] = {}
        self._spans: dict[str, list[Span]] = {}
        levels = statements.levels_of(changes)
        eligible = all((type(change) is Put and change.entity is None) or type(change) is Relate for change in changes)
        if eligible and len(levels) == 1 and not self.w.reranked:
            (self.level,) = levels
            self._choose(changes)

    # ------------------------------------------------------------ which are alone

    def _choose(self, changes: tuple[Change, ...]) -> None:
        w = self.w
        puts: list[tuple[Put, Identifiers]] = []
        named: set[object] = set()  # by relations so far: an unknown end becomes a stub, which would come first
        early: set[RecordKey] = set()
        for change in changes:
            if type(change) is Put:
                puts.append((change, self._identifiers(change.cls, change.properties)))
                if change.record in named:
                    early.add(change.record)
            elif type(change) is Relate:
                for ref in (change.start, change.end, *change.properties.values()):
                    if type(ref) is ByRecord:
                        named.add(RecordKey(ref.source, ref.local))
                    elif type(ref) is ByIdentifier:
                        named.add((ref.scheme, ref.value))
        count = Counter([put.record for put, _ in puts])
        values = Counter([one for _, held in puts for one in held])
        entangled = {
            row.entity
            for put, held in puts
            for one in held
            for row in w.stored_holders.get(one, ())
            if all(row.entity != r.entity for r in w.records[put.record])
        }
        known: list[tuple[Put, Identifiers]] = []
        for put, held in puts:
            key = put.record
            if put.patch or count[key] > 1 or key in early:
                continue
            if held and any(values[one] > 1 or one in named for one in held):
                continue
            if w.records[key]:
                known.append((put, held))
            elif self._unheard(key, held):
                self._fresh[key] = held
        self._choose_known(known, entangled)

    def _identifiers(self, cls: str, properties: Mapping[str, Value | None]) -> Identifiers:
        named = self.w.schemes.get(cls)
        if not named:
            return ()
        out: list[tuple[str, str]] = []
        for name, scheme in named:
            value = properties.get(name)
            if value is not None:
                out += [(scheme, str(one)) for one in value] if type(value) is tuple else [(scheme, str(value))]
        return tuple(out)

    def _unheard(self, key: RecordKey, held: Identifiers) -> bool:
        """Whether nobody has its identifiers or its id, not even in the past or above what the writer sees."""
        w = self.w
        entity = self.statements.candidates.get(key)
        if entity is None or entity in w.by_entity or entity in w.minted:
            return False
        return not any(w.stored_holders.get(one) for one in held)

    def _choose_known(self, puts: list[tuple[Put, Identifiers]], entangled: set[str]) -> None:
        """Those whose record is all that is known of its entity, at the one level."""
        w, level = self.w, self.level
        alone: list[tuple[Put, Identifiers, str]] = []
        for put, held in puts:
            rows = w.records[put.record]
            row = rows[0]
            if len(rows) == 1 and row.level_from == level and row.level_to == OPEN and row.entity not in entangled:
                alone.append((put, held, row.entity))
        w.fetch_members(entity for _, _, entity in alone)
        w.fetch_lines([RecordKey(OWN, entity) for _, _, entity in alone if len(w.by_entity[entity]) > 1])
        changing: list[str] = []
        run = w.run
        for put, held, entity in alone:
            key = put.record
            lines = w.record_lines(key)
            line = lines.get(level)
            if line is None or len(lines) > 1 or not self._single(key, entity):
                continue
            segment = _segment(put, line)
            if segment is None:
                continue
            says: Any = Says(put.cls, _without_none(put.properties), put.confidence, put.stated, put.mentioned, run)
            if segment.payload == says:
                if segment.start == put.valid.start and segment.end == put.valid.end:
                    self._known[key] = Known(entity, line, segment, None, held)
            elif (segment.start < put.valid.start or len(line.segments) == 1) and self._only_values_change(
                segment.payload, says
            ):
                self._known[key] = Known(entity, line, segment, says, held)
                changing.append(entity)
        if changing:
            self._spans = w.reading.spans(changing)

    def _only_values_change(self, was: Any, says: Any) -> bool:
        """Whether the resolved version differs, and its class and identifiers do not."""
        if was.cls != says.cls or (was.properties == says.properties and was.mentioned == says.mentioned):
            return False
        named = self.w.schemes[was.cls]
        return not named or all(was.properties.get(name) == says.properties.get(name) for name, _ in named)

    def _single(self, key: RecordKey, entity: str) -> bool:
        """Whether the entity has no other record, but for one that stands for its id and says nothing."""
        keys = self.w.by_entity[entity]
        if len(keys) == 1:
            return True
        own = RecordKey(OWN, entity)
        return len(keys) == 2 and own in keys and own != key and not self.w.record_lines(own)

    # ------------------------------------------------------------ what they become

    def take(self, put: Put) -> tuple[str, str] | None:
        """(outcome, entity id); None where the put is not alone."""
        key = put.record
        held = self._fresh.get(key)
        if held is not None:
            return self._first(put, held)
        known = self._known.get(key)
        if known is None:
            return None
        outcome = self._again(put, known)
        if not outcome:
            return None
        for one in known.held:
            self.w.note_holder(one, known.entity, *put.valid, self.level)
        return outcome, known.entity

    def _first(self, put: Put, held: Identifiers) -> tuple[str, str]:
        w, delta, level = self.w, self.delta, self.level
        key, (start, end), system = put.record, put.valid, delta.system
        entity = self.statements.candidates[key]
        w.records[key] = [RecordRow(key.source, key.local, entity, entity, level, OPEN)]
        w.changed_records.add(key)
        w.by_entity[entity] = {key}
        w.minted.add(entity)
        says: Any = Says(put.cls, _without_none(put.properties), put.confidence, put.stated, put.mentioned, w.run)
        row = self._version(entity, key.source, says, start, end)
        self.entities.new[entity] = [row]
        self.entities.done.add(entity)
        delta.claims.insert.append(self._claim(key, says, start, end))
        if held:
            rows = [IdentifierRow(scheme, value, entity, start, end, level, OPEN, system) for scheme, value in held]
            self.entities.new_identifiers[entity] = rows
            delta.identifiers.insert += rows
            for one in held:
                w.note_holder(one, entity, start, end, level)
        return LOADED, entity

    def _again(self, put: Put, known: Known) -> str:
        """The record says the same, or something else from an instant within its last segment on."""
        delta, entity, segment, says = self.delta, known.entity, known.segment, known.says
        key, (start, end) = put.record, put.valid
        was: Any = segment.payload
        if says is None:
            if was.run != self.w.run:
                self.statements.affirmed.append((segment.row, False))
            return UNCHANGED
        line, level = known.line, self.level
        old: Span | None = None
        others: list[Span] = []
        for span in self._spans.get(entity, ()):
            _, low, high, least, most = span
            if least != level or most != OPEN:  # divided by what is gone since
                return ""
            if old is None and low <= segment.start and high == end:
                old = span
            else:
                others.append(span)
        if old is None or (segment.start == start and old[1] != start):
            return ""
        delta.versions.close.append(self._stored(entity, key.source, was, old))
        delta.claims.close.append(line.stored[segment.row])
        new = [self._stored(entity, key.source, _payload(line, span[1]), span) for span in others]
        if segment.start < start:
            new.append(self._version(entity, key.source, was, old[1], start, judged=True))
            delta.claims.insert.append(self._claim(key, was, segment.start, start))
        new.append(self._version(entity, key.source, says, start, end))
        delta.claims.insert.append(self._claim(key, says, start, end))
        self.entities.new[entity] = new
        self.entities.done.add(entity)
        return LOADED

    def _stored(self, entity: str, source: str, says: Any, span: Span) -> VersionRow:
        """A row that is stored: it says what the only claim of its time says."""
        row, start, end, least, most = span
        return VersionRow(
            entity, says.cls, says.properties, {"": source}, start, end, least, most, mentioned=says.mentioned, row=row
        )

    def _version(
        self, entity: str, source: str, says: Any, start: int, end: int, *, judged: bool = False
    ) -> VersionRow:
        row = VersionRow(
            entity, says.cls, says.properties, {"": source}, start, end, self.level, OPEN, self.delta.system, OPEN,
            says.mentioned,
        )  # fmt: skip
        if not judged:
            self.entities.refuse_misshapen(row)
        self.delta.versions.insert.append(row)
        return row

    def _claim(self, key: RecordKey, says: Any, start: int, end: int) -> ClaimRow:
        return ClaimRow(
            key.source, key.local, says.cls, says.properties, start, end, self.level, says.confidence, says.stated,
            says.mentioned, says.run, (), self.delta.system,
        )  # fmt: skip


def _without_none(properties: Mapping[str, Value | None]) -> dict[str, Value]:
    if None in properties.values():
        return {name: value for name, value in properties.items() if value is not None}
    return dict(properties)  # type: ignore[arg-type]


def _payload(line: Line, instant: int) -> Any:
    return next(s.payload for s in line.segments if s.start <= instant < s.end)


def _segment(put: Put, line: Line) -> Segment[Any] | None:
    """The stored segment that the put says again, replaces as the only one, or takes the end of; else None.

    None also where a statement's start was lost in it by coalescing: the general way remembers those.
    """
    start, end = put.valid
    for found in reversed(line.segments):
        if found.start <= start:
            if found.anchors or not found.row or found.end != end or start >= end:
                return None
            return found if found.start == start or found is line.segments[-1] else None
    return None
