"""The state of one commit while it is planned: what the store holds, with this ChangeSet's changes on top."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from kg.errors import IdentityConflict, NotFound
from kg.model.changes import ById, ByIdentifier, ByRecord, RecordKey, Source
from kg.model.ids import entity_id
from kg.model.intervals import OPEN
from kg.model.lines import Segment
from kg.model.rows import RecordRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kg.model.changes import Ref, Value
    from kg.model.rows import ClaimRow, IdentifierRow, RelationClaimRow
    from kg.schema.types import Schema
    from kg.store.commit.log import Statement
    from kg.store.commit.rows import Reading

OWN = ""
"""The source of records that stand for an entity named by id."""


@dataclass(slots=True)
class Says:
    """A claim segment's payload. Two are equal when they say the same, whichever run said it."""

    cls: str
    properties: Mapping[str, Value | None]  # None in patches alone
    confidence: float
    stated: int | None
    mentioned: bool
    run: str = field(compare=False)

    def onto(self, was: Says | None) -> Says:
        """As a patch of what was said: None values remove."""
        held = {} if was is None else was.properties
        both = {**held, **self.properties}
        values: dict[str, Value | None] = {n: v for n, v in both.items() if v is not None}
        return Says(self.cls, values, self.confidence, self.stated, self.mentioned, self.run)


@dataclass(slots=True)
class Relates:
    """The same for a relation claim."""

    properties: Mapping[str, Value | None]  # None in patches alone
    references: Mapping[str, RecordKey | None]
    confidence: float
    stated: int | None
    run: str = field(compare=False)

    def onto(self, was: Relates | None) -> Relates:
        """As a patch of what was said: None values remove."""
        values = {**(was.properties if was else {}), **self.properties}
        names = {**(was.references if was else {}), **self.references}
        return Relates(
            {n: v for n, v in values.items() if v is not None},
            {n: r for n, r in names.items() if r is not None},
            self.confidence, self.stated, self.run,
        )  # fmt: skip


@dataclass(slots=True)
class Line:
    """One line at one level: its stored rows and what becomes of them."""

    segments: list[Segment[Any]]
    stored: dict[int, Any]  # row id → row
    touched: bool = False
    said: list[Statement] = field(default_factory=list)  # by this commit
    retracted: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RelationLine:
    """What all claims of one relation line share."""

    line: str
    source: str
    relation: str
    start: RecordKey
    end: RecordKey
    key: Mapping[str, Value]
    key_references: Mapping[str, RecordKey]


class Working:
    """Reads through to the store once per key and remembers what this commit changes."""

    def __init__(self, schema: Schema, reading: Reading, run: str, sources: Iterable[Source]) -> None:
        self.schema = schema
        self.reading = reading
        self.run = run
        self.sight = OPEN  # the highest level that the writer is known to see
        self.sources: dict[str, Source] = dict(reading.sources())
        self.new_sources: list[Source] = []
        self.reranked: list[str] = []
        for source in sources:
            self._declare(source)
        # records
        self.records: dict[RecordKey, list[RecordRow]] = {}
        self.stored_records: dict[RecordKey, list[RecordRow]] = {}
        self.changed_records: set[RecordKey] = set()
        self.by_entity: dict[str, set[RecordKey]] = {}
        self.minted: set[str] = set()
        self._members_read: set[str] = set()
        # claim lines by record and level
        self.lines: dict[RecordKey, dict[int, Line]] = {}
        # identifiers
        self.schemes = {
            cls.name: tuple((p.name, p.scheme) for p in cls.properties if p.scheme) for cls in schema.classes.values()
        }
        self.stored_holders: dict[tuple[str, str], list[IdentifierRow]] = {}
        self._holders: dict[tuple[str, str], list[tuple[str, int, int, int, int]]] = {}
        # relation claim lines
        self.relation_lines: dict[str, dict[int, Line]] = {}
        self.relation_meta: dict[str, RelationLine] = {}
        self._pairs_read: set[tuple[str, RecordKey, RecordKey]] = set()

    # ------------------------------------------------------------ sources

    def _declare(self, source: Source) -> None:
        known = self.sources.get(source.id)
        if known == source:
            return
        if known is not None and known.priority != source.priority:
            self.reranked.append(source.id)
        self.sources[source.id] = source
        self.new_sources.append(source)

    def source(self, name: str) -> Source:
        found = self.sources.get(name)
        if found is None:
            found = Source(name)
            self.sources[name] = found
            if name != OWN:
                self.new_sources.append(found)
        return found

    # ------------------------------------------------------------ records

    def fetch_records(self, keys: Iterable[RecordKey]) -> None:
        missing = {k for k in keys if k not in self.records}
        if not missing:
            return
        found = self.reading.records(missing)
        for key in missing:
            rows = found.get(key)
            if rows:
                self._adopt(key, rows)
            else:
                self.records[key] = []

    def fetch_members(self, entities: Iterable[str]) -> None:
        """Know all records of these entities (and those that once were theirs)."""
        missing = {e for e in entities if e not in self._members_read and e not in self.minted}
        if not missing:
            return
        self._members_read |= missing
        keys = {RecordKey(row.source, row.local) for rows in self.reading.records_of(missing).values() for row in rows}
        self.fetch_records(keys)

    def _adopt(self, key: RecordKey, rows: list[RecordRow]) -> None:
        self.records[key] = list(rows)
        if rows:
            self.stored_records[key] = rows
        for row in rows:
            self.by_entity.setdefault(row.entity, set()).add(key)
            if row.home != row.entity:
                self.by_entity.setdefault(row.home, set()).add(key)

    def record(self, key: RecordKey) -> list[RecordRow]:
        rows = self.records.get(key)
        if rows is None:
            self.fetch_records((key,))
            rows = self.records[key]
        return rows

    def set_record(self, key: RecordKey, rows: list[RecordRow]) -> None:
        self.records[key] = rows
        self.changed_records.add(key)
        for row in rows:
            self.by_entity.setdefault(row.entity, set()).add(key)

    def members(self, entity: str) -> list[tuple[RecordKey, RecordRow]]:
        """Record facts that hold for the entity now, in order of the record's name."""
        if entity not in self.minted and entity not in self._members_read:
            self.fetch_members((entity,))
        keys = self.by_entity.get(entity, ())
        if len(keys) == 1:
            (key,) = keys
            return [(key, row) for row in self.records[key] if row.entity == entity]
        return [(key, row) for key in sorted(keys) for row in self.records[key] if row.entity == entity]

    def home_records(self, entity: str) -> list[RecordKey]:
        """Records that were first seen as this entity, wherever they are now."""
        self.fetch_members((entity,))
        return [k for k in sorted(self.by_entity.get(entity, ())) if any(r.home == entity for r in self.records[k])]

    def entity_of(self, key: RecordKey, level: int) -> str | None:
        for row in self.record(key):
            if row.level_from <= level < row.level_to:
                return row.entity
        return None

    def mint(self, level: int, kind: str, *parts: str, record: RecordKey | None = None) -> str:
        """An entity id for something first seen by readers of `level`, never one that they know already.

        What only higher levels know has no say in it: an entity of theirs that goes by this very identifier, or was
        first seen as this very `record`, is joined, any other one gives the id up.
        """
        salt = 0
        while True:
            entity = entity_id(kind, *parts, *((str(salt),) if salt else ()))
            self.fetch_members((entity,))
            rows = [r for key in self.by_entity.get(entity, ()) for r in self.records[key]]
            using = [r for r in rows if entity in (r.entity, r.home)]
            if not using:
                if entity not in self.by_entity:  # else what it was until this very commit took it back is stored
                    self.minted.add(entity)
                return entity
            if all(r.level_from > level for r in using):
                own = any((r.source, r.local) == record for r in using)
                held = kind == "identifier" and not salt and self._held_by(entity, (parts[0], parts[1]))
                if not own and not held:
                    self._evict(entity)
                return entity
            salt += 1

    def _held_by(self, entity: str, key: tuple[str, str]) -> bool:
        self.fetch_holders((key,))
        return any(holder[0] == entity for holder in self._holders[key])

    def _evict(self, entity: str) -> None:
        """Give the records that go by an id another one; only readers of their own levels can tell."""
        fresh = self.mint(OPEN, "evicted", entity)
        for key in sorted(self.by_entity[entity]):
            rows = [
                replace(
                    r,
                    row=0,
                    entity=fresh if r.entity == entity else r.entity,
                    home=fresh if r.home == entity else r.home,
                )
                for r in self.records[key]
            ]
            self.set_record(key, rows)

    # ------------------------------------------------------------ naming entities

    def by_id(self, entity: str, level: int, *, where: str = "") -> str:
        """The entity that answers to an id at a level: itself, or whoever it was merged into."""
        self.fetch_members((entity,))
        keys = self.by_entity.get(entity, ())
        survivors: set[str] = set()
        for key in keys:
            for row in self.records[key]:
                if not row.level_from <= level < row.level_to:
                    continue
                if row.entity == entity:
                    return entity
                if row.home == entity:
                    survivors.add(row.entity)
        if not survivors:
            raise NotFound(
                "No entity has this id", where=where, field="id", value=entity,
                remedy="Look it up with lookup(identifiers) or search, and use the id given there.",
            )  # fmt: skip
        if len(survivors) > 1:
            raise IdentityConflict(
                "The id was divided among several entities", where=where, field="id", value=entity,
                remedy=f"Name one of {', '.join(sorted(survivors))}.",
            )  # fmt: skip
        return survivors.pop()

    def own_record(self, entity: str, level: int) -> RecordKey:
        """The record that stands for the entity where it is named by id or identifier."""
        key = RecordKey(OWN, entity)
        if not self.record(key):
            low = min(row.level_from for _, row in self.members(entity))
            self.set_record(key, [RecordRow(OWN, entity, entity, entity, min(low, level), OPEN)])
        return key

    def fetch_holders(self, keys: Iterable[tuple[str, str]]) -> None:
        missing = {k for k in keys if k not in self.stored_holders}
        if not missing:
            return
        found = self.reading.identifiers(missing)
        for key in missing:
            rows = self.stored_holders[key] = found.get(key, [])
            self._holders.setdefault(key, []).extend(
                (row.entity, row.valid_from, row.valid_to, row.level_from, row.level_to) for row in rows
            )

    def note_holder(self, key: tuple[str, str], entity: str, valid_from: int, valid_to: int, level: int) -> None:
        self._holders.setdefault(key, []).append((entity, valid_from, valid_to, level, OPEN))

    def holder(self, key: tuple[str, str], valid_from: int, valid_to: int, level: int) -> str | None:
        """Who holds the identifier at the interval; else who held it nearest in valid time. Level ≤ the writer's."""
        if key not in self.stored_holders:
            self.fetch_holders((key,))
        best: tuple[int, int, str] | None = None
        for entity, start, end, low, high in self._holders[key]:
            if not low <= level < high:
                continue
            distance = max(0, start - valid_to + 1, valid_from - end + 1)
            rank = (distance, -start, entity)
            if best is None or rank < best:
                best = rank
        return best[2] if best else None

    def resolve(self, ref: Ref, level: int, valid_from: int, valid_to: int, *, where: str = "") -> RecordKey | None:
        """The record that stands for what a Ref names; None if nothing is known under it."""
        if isinstance(ref, ByRecord):
            key = RecordKey(ref.source, ref.local)
            return key if self.entity_of(key, level) else None
        if isinstance(ref, ById):
            entity = self.by_id(ref.id, level, where=where)
            return self.own_record(entity, level)
        return self._by_identifier(ref, level, valid_from, valid_to)

    def _by_identifier(self, ref: ByIdentifier, level: int, valid_from: int, valid_to: int) -> RecordKey | None:
        entity = self.holder((ref.scheme, ref.value), valid_from, valid_to, level)
        if entity is None:
            return None
        known = self.members(entity)
        if not known:  # held by an entity that has gone into another
            entity = self.by_id(entity, level)
        return self.own_record(entity, level)

    # ------------------------------------------------------------ claim lines

    def fetch_lines(self, keys: Iterable[RecordKey]) -> None:
        missing = {k for k in keys if k not in self.lines}
        if not missing:
            return
        stored = {k for k in missing if self.stored_records.get(k)}
        found = self.reading.claims(stored) if stored else {}
        for key in missing:
            rows = found.get(key)
            self.lines[key] = claim_lines(rows) if rows else {}

    def record_lines(self, key: RecordKey) -> dict[int, Line]:
        lines = self.lines.get(key)
        if lines is None:
            self.fetch_lines((key,))
            lines = self.lines[key]
        return lines

    def line(self, key: RecordKey, level: int) -> Line:
        lines = self.record_lines(key)
        found = lines.get(level)
        if found is None:
            found = lines[level] = Line([], {})
        return found

    # ------------------------------------------------------------ relation lines

    def adopt_relation(self, rows: Iterable[RelationClaimRow]) -> None:
        """Take stored relation claims in, lines that are known already excepted."""
        fresh: dict[str, list[RelationClaimRow]] = {}
        for row in rows:
            if row.line not in self.relation_lines:
                fresh.setdefault(row.line, []).append(row)
        for line, found in fresh.items():
            first = found[0]
            relation = self.schema.relations[first.relation]
            self.relation_meta[line] = RelationLine(
                line, first.source, first.relation, first.start, first.end,
                {k: v for k, v in first.properties.items() if k in relation.key},
                {k: v for k, v in first.references.items() if k in relation.key},
            )  # fmt: skip
            self.relation_lines[line] = relation_claim_lines(found)

    def fetch_pairs(self, pairs: set[tuple[str, RecordKey, RecordKey]]) -> None:
        """Know all lines of these relations between these records: none of theirs is asked for again."""
        missing = pairs - self._pairs_read
        if not missing:
            return
        self._pairs_read |= missing
        found = self.reading.relation_claims_between(missing)
        self.adopt_relation(row for rows in found.values() for row in rows)

    def relation_line(self, meta: RelationLine, level: int) -> Line:
        lines = self.relation_lines.get(meta.line)
        if lines is None:
            if (meta.relation, meta.start, meta.end) not in self._pairs_read:
                self.adopt_relation(self.reading.relation_claims((meta.line,)).get(meta.line, ()))
            lines = self.relation_lines.setdefault(meta.line, {})
            self.relation_meta.setdefault(meta.line, meta)
        line = lines.get(level)
        if line is None:
            line = lines[level] = Line([], {})
        return line


def says_of(row: ClaimRow) -> Says:
    """A claim row's payload."""
    return Says(row.cls, row.properties, row.confidence, row.stated, row.mentioned, row.run)


def relates_of(row: RelationClaimRow) -> Relates:
    """A relation claim row's payload."""
    return Relates(row.properties, row.references, row.confidence, row.stated, row.run)


def claim_lines(rows: Iterable[ClaimRow]) -> dict[int, Line]:
    """Stored claim rows of one record as lines by level."""
    return _lines(rows, says_of)


def relation_claim_lines(rows: Iterable[RelationClaimRow]) -> dict[int, Line]:
    """Stored relation claim rows of one line by level."""
    return _lines(rows, relates_of)


_valid_from = attrgetter("valid_from")


def _lines(rows: Iterable[Any], payload_of: Callable[[Any], Any]) -> dict[int, Line]:
    out: dict[int, Line] = {}
    for row in sorted(rows, key=_valid_from):
        line = out.get(row.level)
        if line is None:
            line = out[row.level] = Line([], {})
        line.segments.append(Segment(row.valid_from, row.valid_to, payload_of(row), row.anchors, row.row))
        line.stored[row.row] = row
    return out
