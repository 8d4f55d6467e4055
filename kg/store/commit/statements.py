"""Puts, ends and relations: what they make of claim lines. Identity at first sight is decided here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.errors import IdentityConflict, NotFound, ValidationError
from kg.model.changes import ById, ByIdentifier, ByRecord, End, Put, RecordKey, Relate, Unrelate
from kg.model.ids import entity_id, line_id
from kg.model.intervals import OPEN
from kg.model.lines import Segment
from kg.model.rows import RecordRow
from kg.store.commit.log import Statement, apply
from kg.store.commit.working import Line, Relates, RelationLine, Says, Working

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.model.changes import Change, Ref, Value
    from kg.schema.types import Relation

LOADED, MERGED, UNCHANGED = "loaded", "merged", "unchanged"


class Statements:
    """Applies statements to the working state, one after the other."""

    def __init__(self, working: Working) -> None:
        self.w = working
        self.affirmed: list[tuple[int, bool]] = []  # (claim row id, relation?)
        self.candidates: dict[RecordKey, str] = {}  # the ids that records at first sight get, unless these are taken

    # ------------------------------------------------------------ prefetch

    def prefetch(self, changes: tuple[Change, ...]) -> None:
        """Ask the store once for all that the changes name."""
        w = self.w
        keys: set[RecordKey] = set()
        ids: set[str] = set()
        identifiers: set[tuple[str, str]] = set()
        said: set[RecordKey] = set()
        puts: list[tuple[Put, list[tuple[str, str]]]] = []
        for change in changes:
            if isinstance(change, Put):
                said.add(change.record)
                if change.entity is not None:
                    _note(change.entity, keys, ids, identifiers)
                held = [(scheme, value) for _, scheme, value in self._identifying(change)]
                if held:
                    identifiers.update(held)
                puts.append((change, held))
            elif isinstance(change, End):
                said.add(change.record)
            elif isinstance(change, Relate | Unrelate):
                for ref in (change.start, change.end, *change.properties.values()):
                    if isinstance(ref, ByRecord | ById | ByIdentifier):
                        _note(ref, keys, ids, identifiers)
        w.fetch_records(keys | said)
        w.fetch_lines(said)
        w.fetch_holders(identifiers)
        ids.update(row.entity for key in identifiers for row in w.stored_holders[key])
        for put, held in puts:
            if put.entity is None and not w.records[put.record]:
                named = ("identifier", *held[0]) if held else ("record", *put.record)
                self.candidates[put.record] = entity_id(*named)
        ids.update(self.candidates.values())
        w.fetch_members(ids)
        if not all(type(change) is Put and change.entity is None for change in changes):
            w.fetch_records({RecordKey("", entity) for entity in ids})
        self._prefetch_relations(changes)

    def _identifying(self, put: Put) -> list[tuple[str, str, str]]:
        """(property, scheme, value) of each identifier that finds entities."""
        named = self.w.schemes.get(put.cls)
        if not named:
            return []
        out: list[tuple[str, str, str]] = []
        for name, scheme in named:
            value = put.properties.get(name)
            if value is not None and self.w.schema.schemes[scheme].identifying:
                out += [(name, scheme, str(one)) for one in (value if isinstance(value, tuple) else (value,))]
        return out

    def _prefetch_relations(self, changes: tuple[Change, ...]) -> None:
        pairs: set[tuple[str, RecordKey, RecordKey]] = set()
        for change in changes:
            if isinstance(change, Relate | Unrelate):
                level = self._level(change.source, change.level)
                ends = [
                    self.w.resolve(ref, level, change.valid.start, change.valid.end)
                    if not isinstance(ref, ById)
                    else RecordKey("", ref.id)
                    for ref in (change.start, change.end)
                ]
                if ends[0] and ends[1]:
                    pairs.add((change.relation, ends[0], ends[1]))
        self.w.fetch_pairs(pairs)

    def levels_of(self, changes: tuple[Change, ...]) -> set[int]:
        """The levels of what changes claim or take back; merges, splits and whole runs left out."""
        said = {
            (change.record.source if isinstance(change, Put | End) else change.source, change.level)
            for change in changes
            if isinstance(change, Put | End | Relate | Unrelate)
        }
        return {self._level(source, level) for source, level in said}

    def _level(self, source: str, level: int | None) -> int:
        return level if level is not None else self.w.source(source).level

    # ------------------------------------------------------------ entities

    def put(self, put: Put, where: str) -> tuple[str, str]:
        """(outcome, entity id)."""
        w = self.w
        key = put.record
        level = self._level(key.source, put.level)
        outcome = LOADED
        known = w.entity_of(key, level) if w.record(key) else None
        if known is None:  # claimed for higher levels alone is at first sight too: they have no say in what it is here
            entity, outcome = self._first_sight(put, level, where)
            above = w.record(key)
            ends = min((r.level_from for r in above), default=OPEN)
            w.set_record(key, [RecordRow(key.source, key.local, entity, entity, level, ends), *above])
        else:
            entity = known
            self._same_entity(put, known, level, where)
        properties = put.properties
        line = w.line(key, level)
        if not put.patch:
            properties = {n: v for n, v in properties.items() if v is not None}
        says: Any = Says(put.cls, properties, put.confidence, put.stated, put.mentioned, w.run)
        statement = Statement(put.valid, says, put.patch and bool(line.segments), put.until_next)
        if put.patch and not line.segments:
            statement.payload = says = says.onto(None)
        if not self._say(line, statement, relation=False):
            outcome = UNCHANGED
        for name, scheme in w.schemes.get(put.cls, ()):
            value = says.properties.get(name)
            if value is not None:
                for one in value if isinstance(value, tuple) else (value,):
                    w.note_holder((scheme, str(one)), entity, put.valid.start, put.valid.end, level)
        return outcome, entity

    def _same_entity(self, put: Put, entity: str, level: int, where: str) -> None:
        key = put.record
        if put.entity is not None:
            named = self.w.resolve(put.entity, level, put.valid.start, put.valid.end, where=where)
            if named is None or self.w.entity_of(named, level) != entity:
                raise IdentityConflict(
                    f"Record {key.source}/{key.local} belongs to entity {entity} already", where=where,
                    field="entity", value=str(put.entity),
                    remedy="Merge the two entities, split the record off first, or leave `entity` out.",
                )  # fmt: skip

    def _first_sight(self, put: Put, level: int, where: str) -> tuple[str, str]:
        w = self.w
        if put.entity is not None:
            named = w.resolve(put.entity, level, put.valid.start, put.valid.end, where=where)
            entity = w.entity_of(named, level) if named else None
            if entity is None:
                raise _unknown(put.entity, where, "entity")
            return entity, MERGED
        held: dict[str, tuple[str, str]] = {}
        first: tuple[str, str] | None = None
        for name, scheme, value in self._identifying(put):
            first = first or (scheme, value)
            holder = w.holder((scheme, value), put.valid.start, put.valid.end, level)
            if holder is not None:
                held.setdefault(holder, (name, value))
        if len(held) > 1:
            names = ", ".join(f"{n}={v} is {e}" for e, (n, v) in sorted(held.items()))
            raise IdentityConflict(
                f"The identifiers belong to different entities: {names}", where=where,
                remedy="Correct the identifier that is wrong, or merge the entities.",
            )  # fmt: skip
        if held:
            return next(iter(held)), MERGED
        if first is not None:
            return w.mint(level, "identifier", *first, record=put.record), LOADED
        return w.mint(level, "record", *put.record, record=put.record), LOADED

    def end(self, end: End, where: str) -> str:
        """Outcome."""
        level = self._level(end.record.source, end.level)
        if not self.w.record(end.record):
            raise _unknown(ByRecord(end.record.source, end.record.local), where, "record")
        changed = False
        self.w.line(end.record, level)
        for at, line in self.w.record_lines(end.record).items():
            if at >= level:
                nothing = Says("", {}, 1.0, None, mentioned=False, run=self.w.run)
                said = Statement(end.valid, nothing, until_next=end.until_next, end=True)
                changed |= self._say(line, said, relation=False)
        return LOADED if changed else UNCHANGED

    # ------------------------------------------------------------ relations

    def relate(self, relate: Relate, where: str) -> str:
        """Outcome. Unknown ends become stubs where the change says so."""
        relation = self.w.schema.relations[relate.relation]
        level = self._level(relate.source, relate.level)
        start = self._end_of(relate.start, relate, level, where, "start")
        end = self._end_of(relate.end, relate, level, where, "end")
        properties: dict[str, Value | None] = {}
        references: dict[str, RecordKey | None] = {}
        for name, value in relate.properties.items():
            declared = relation.property(name)
            if isinstance(value, ByRecord | ById | ByIdentifier):
                stub = declared.target if relate.stub and declared is not None else ""
                if stub and self.w.schema.classes[stub].abstract:
                    stub = ""  # which of its classes it is cannot be told
                references[name] = self._end_of(value, relate, level, where, name, stub=stub)
            elif value is None and declared is not None and declared.target:
                references[name] = None
            else:
                properties[name] = value
        meta = _line_of(relate.source, relation, start, end, properties, references)
        line = self.w.relation_line(meta, level)
        said: Any = Relates(properties, references, relate.confidence, relate.stated, self.w.run)
        patch = relate.patch and bool(line.segments)
        gone = None in properties.values() or None in references.values()
        says = said.onto(None) if gone and not patch else said
        changed = self._say(line, Statement(relate.valid, says, patch, relate.until_next), relation=True)
        return LOADED if changed else UNCHANGED

    def unrelate(self, change: Unrelate, where: str) -> str:
        """Outcome."""
        relation = self.w.schema.relations[change.relation]
        level = self._level(change.source, change.level)
        ends = [
            self.w.resolve(ref, level, change.valid.start, change.valid.end, where=where)
            for ref in (change.start, change.end)
        ]
        start, end = ends
        if start is None:
            raise _unknown(change.start, where, "start")
        if end is None:
            raise _unknown(change.end, where, "end")
        properties: dict[str, Value | None] = {}
        references: dict[str, RecordKey | None] = {}
        for name in relation.key:
            value = change.properties.get(name)
            if isinstance(value, ByRecord | ById | ByIdentifier):
                references[name] = self.w.resolve(value, level, change.valid.start, change.valid.end, where=where)
            elif value is not None:
                properties[name] = value
        meta = _line_of(change.source, relation, start, end, properties, references)
        changed = False
        self.w.relation_line(meta, level)
        for at, line in self.w.relation_lines[meta.line].items():
            if at >= level:
                changed |= self._say(
                    line, Statement(change.valid, Relates({}, {}, 1.0, None, self.w.run), end=True), relation=True
                )
        return LOADED if changed else UNCHANGED

    def _end_of(
        self, ref: Ref, relate: Relate, level: int, where: str, field: str, *, stub: str | None = None
    ) -> RecordKey:
        key = self.w.resolve(ref, level, relate.valid.start, relate.valid.end, where=where)
        if key is not None:
            return key
        cls = relate.stub if stub is None else stub
        if not cls or isinstance(ref, ById):
            raise _unknown(ref, where, field)
        properties: dict[str, Value] = {}
        if isinstance(ref, ByRecord):
            record = RecordKey(ref.source, ref.local)
        else:
            record = RecordKey(relate.source, f"{ref.scheme}:{ref.value}")
            name = next((n for n, s in self.w.schemes.get(cls, ()) if s == ref.scheme), None)
            if name is None:
                raise ValidationError(
                    f"A stub of class {cls} cannot hold an identifier of scheme {ref.scheme}", where=where,
                    field=field, value=ref.value, remedy="Name a class that has a property of this scheme.",
                )  # fmt: skip
            declared = self.w.schema.classes[cls].property(name)
            properties[name] = (ref.value,) if declared is not None and declared.many else ref.value
        self.put(Put(record, cls, properties, relate.valid, level=level, confidence=0.0, mentioned=True), where)
        return record

    # ------------------------------------------------------------ lines

    def _say(self, line: Line, statement: Statement, *, relation: bool) -> bool:
        """Apply; True when what is said changes. Anchors alone are no change."""
        before: list[Segment[Any]] = line.segments
        line.said.append(statement)
        if not before and not statement.patch and not statement.end:  # the line begins
            line.segments = [Segment(*statement.valid, statement.payload)]
            line.touched = True
            return True
        after = apply(before, statement)
        if _content(before) != _content(after):
            line.segments = after
            line.touched = True
            return True
        line.segments = after
        if [s.anchors for s in before] != [s.anchors for s in after]:
            line.touched = True
        if self._affirmed(line, statement, relation=relation):
            line.said.pop()
        else:
            line.touched = True
        return False

    def _affirmed(self, line: Line, statement: Statement, *, relation: bool) -> bool:
        """Whether it is enough to note the run beside a row that says just this."""
        if statement.patch or statement.end:
            return False
        for segment in line.segments:
            if (segment.start, segment.end) == tuple(statement.valid) and segment.payload == statement.payload:
                if segment.row and segment.payload.run != self.w.run:
                    self.affirmed.append((segment.row, relation))
                return bool(segment.row) or segment.payload.run == self.w.run
        return False


def _content(line: list[Segment[Any]]) -> list[tuple[int, int, Any]]:
    return [(s.start, s.end, s.payload) for s in line]


def _note(ref: Ref, keys: set[RecordKey], ids: set[str], identifiers: set[tuple[str, str]]) -> None:
    if isinstance(ref, ByRecord):
        keys.add(RecordKey(ref.source, ref.local))
    elif isinstance(ref, ById):
        ids.add(ref.id)
    else:
        identifiers.add((ref.scheme, ref.value))


def _unknown(ref: Ref, where: str, field: str) -> NotFound:
    if isinstance(ref, ById):
        value = ref.id
    elif isinstance(ref, ByRecord):
        value = f"{ref.source}/{ref.local}"
    else:
        value = f"{ref.scheme}:{ref.value}"
    return NotFound(
        "Nothing is known under this name", where=where, field=field, value=value,
        remedy="Load the entity first, correct the name, or let unknown ends become stubs.",
    )  # fmt: skip


def _line_of(
    source: str,
    relation: Relation,
    start: RecordKey,
    end: RecordKey,
    properties: Mapping[str, Value | None],
    references: Mapping[str, RecordKey | None],
) -> RelationLine:
    key: dict[str, Value] = {}
    key_references: dict[str, RecordKey] = {}
    for name in relation.key:
        literal, reference = properties.get(name), references.get(name)
        if reference is not None:
            key_references[name] = reference
        elif literal is not None:
            key[name] = literal
    line = line_id(source, relation.name, start, end, key, key_references)
    return RelationLine(line, source, relation.name, start, end, key, key_references)
