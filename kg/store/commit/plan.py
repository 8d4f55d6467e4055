"""The commit planner: a ChangeSet and what the store holds → the row operations of one commit.

Pure: it reads through `Reading` and writes nothing. All stores share it, so that they cannot differ in what a
commit means.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from kg.errors import JingweiError, NotFound, StaleExpectation, ValidationError
from kg.model.changes import End, Merge, Put, Receipt, Relate, Retract, Split, Unrelate
from kg.model.intervals import MIN, OPEN
from kg.model.lines import Segment
from kg.model.rows import ClaimRow, RelationClaimRow
from kg.store.commit.entities import Entities, moved, moved_keys
from kg.store.commit.log import RETRACT, stands
from kg.store.commit.plain import Plain
from kg.store.commit.relations import Relations
from kg.store.commit.retract import retract
from kg.store.commit.rows import Delta
from kg.store.commit.statements import LOADED, MERGED, UNCHANGED, Statements
from kg.store.commit.working import Working

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kg.model.changes import ChangeSet, RecordKey, Value
    from kg.model.rows import RecordRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.commit.rows import Reading
    from kg.store.commit.working import Line, RelationLine


def plan(
    change_set: ChangeSet,
    reading: Reading,
    schema: Schema,
    system: int,
    *,
    check: Callable[[VersionRow], str] | None = None,
) -> Delta:
    """Plan a commit at instant `system`.

    `check` says what is wrong with a resolved version ("" is nothing). Raises NotFound, IdentityConflict,
    ValidationError and StaleExpectation; then nothing may be written.
    """
    _expectations(change_set, reading, system)
    try:
        return _plan(change_set, reading, schema, system, check, plain=True)
    except (_Entangled, JingweiError):  # which of several faults is named is for the general way to say
        return _plan(change_set, reading, schema, system, check, plain=False)


class _Entangled(Exception):
    """Entities are to be merged, those of plain puts perhaps among them."""


def _plan(
    change_set: ChangeSet,
    reading: Reading,
    schema: Schema,
    system: int,
    check: Callable[[VersionRow], str] | None,
    *,
    plain: bool,
) -> Delta:
    """The plan; with or without the short way for puts that are alone, which changes nothing in it."""
    working = Working(schema, reading, change_set.run, change_set.sources)
    statements = Statements(working)
    statements.prefetch(change_set.changes)
    entities = Entities(working, check)
    _rerank(working)
    working.sight = _sight(change_set, statements)
    delta = Delta(system, sources=working.new_sources)
    alone = Plain(change_set.changes, statements, entities, delta) if plain else None
    outcomes: list[str] = []
    ids: list[str] = []
    for number, change in enumerate(change_set.changes):
        where = f"change {number + 1}"
        try:
            if isinstance(change, Put):
                _known_class(schema, change.cls)
                done = alone.take(change) if alone else None
                outcome, entity = done or statements.put(change, where)
                ids.append(entity)
            else:
                outcome = _other(change, statements, working, where)
        except JingweiError as error:
            error.where = error.where or where
            raise
        outcomes.append(outcome)
    entities.recompute(entities.affected())
    for _ in range(len(entities.new) + 1):
        merges = entities.collisions()
        if not merges:
            break
        if entities.done:
            raise _Entangled
        for survivor, loser, level in merges:
            _merge(working, Merge(survivor, loser, level))
        entities.recompute(entities.affected() | entities.new.keys())
    entities.write(delta, system)
    entities.write_records(delta, system)
    clipped = Relations(working, entities).write(delta, system)
    _write_lines(working, delta, system)
    _write_affirmations(working, statements, delta)
    delta.versions.insert.sort(key=_entity)
    delta.claims.insert.sort(key=_local)
    delta.claims.insert.sort(key=_source)  # mostly one: quicker than both at once
    delta.receipt = Receipt(
        read=len(outcomes),
        loaded=outcomes.count(LOADED),
        merged=outcomes.count(MERGED),
        unchanged=outcomes.count(UNCHANGED),
        run=change_set.run,
        entities=tuple(ids),
        outcomes="".join(outcome[0] for outcome in outcomes),
        clipped=tuple(clipped),
    )
    return delta


def _sight(change_set: ChangeSet, statements: Statements) -> int:
    """The highest level that the writer is known to see: of what it says, or all where it takes back or ranks anew."""
    changes = change_set.changes
    if statements.w.reranked or any(isinstance(change, Retract) for change in changes):
        return OPEN
    moved = [change.level for change in changes if isinstance(change, Merge | Split)]
    return max([-1, *moved, *statements.levels_of(changes)])


_entity = attrgetter("entity")
_local, _source = attrgetter("local"), attrgetter("source")


def _known_class(schema: Schema, name: str) -> None:
    cls = schema.classes.get(name)
    if cls is None or cls.abstract:
        raise ValidationError(
            f"{'Abstract' if cls else 'Unknown'} class", field="class", value=name,
            remedy="Name a concrete class of the ontology (jingwei ontology docs lists them).",
        )  # fmt: skip


def _expectations(change_set: ChangeSet, reading: Reading, system: int) -> None:
    if not change_set.expect:
        return
    found = reading.revisions({e.id for e in change_set.expect})
    for expected in change_set.expect:
        actual, read = found.get(expected.id), expected.revision
        if read is not None and read >= system:
            raise ValidationError(
                "An entity cannot have been read later than the latest commit", field="revision", where=expected.id,
                value=read, remedy="Expect the system instant of the answer that was read.",
            )  # fmt: skip
        if (actual is not None and (read is None or actual > read)) or (actual is None and read is not None):
            raise StaleExpectation(
                "The entity is not as it was when it was read", field="revision", where=expected.id,
                value=actual, remedy="Read it again and repeat the change.",
            )  # fmt: skip


def _other(change: Any, statements: Statements, working: Working, where: str) -> str:
    if isinstance(change, End):
        return statements.end(change, where)
    if isinstance(change, Relate | Unrelate):
        if change.relation not in working.schema.relations:
            raise ValidationError(
                "Unknown relation", field="relation", value=change.relation,
                remedy="Name a relation of the ontology, not its inverse.",
            )  # fmt: skip
        return statements.relate(change, where) if isinstance(change, Relate) else statements.unrelate(change, where)
    if isinstance(change, Merge):
        _merge(working, change)
        return LOADED
    if isinstance(change, Split):
        return _split(working, change)
    if isinstance(change, Retract):
        return LOADED if retract(working, change.run) else UNCHANGED
    raise TypeError(f"no such change: {change!r}")


def _merge(working: Working, merge: Merge) -> None:
    survivor = working.by_id(merge.survivor, merge.level)
    loser = working.by_id(merge.loser, merge.level)
    if survivor == loser:
        return
    keys = [key for key, row in working.members(loser) if row.level_to > merge.level]
    moving = set(keys)
    for key in sorted(moving):
        rows: list[RecordRow] = []
        for row in working.record(key):
            rows += moved([row], merge.level, survivor) if row.entity == loser else [row]
        working.set_record(key, rows)


def _split(working: Working, split: Split) -> str:
    keys = list(split.records)
    for key in keys:
        if not working.record(key):
            raise NotFound(
                "Unknown record", field="records", value=f"{key.source}/{key.local}",
                remedy="Name records as `claims` shows them.",
            )  # fmt: skip
    before = {key: working.record(key) for key in keys}
    if split.into:
        _split_into(working, split)
    elif split.apart:
        names = [f"{k.source}\x1e{k.local}" for k in sorted(keys)]
        moved_keys(working, keys, split.level, working.mint(split.level, "apart", *names))
    else:
        homes = {row.home for key in keys for row in working.record(key)}
        own = [k for home in homes for k in working.home_records(home) if not k.source and k.local == home]
        moved_keys(working, dict.fromkeys([*keys, *own]), split.level, None)
    return LOADED if any(before[key] != working.record(key) for key in keys) else UNCHANGED


def _split_into(working: Working, split: Split) -> None:
    """For readers of the level and above who see a record at one entity, it goes to the other."""
    home = split.into
    known = working.home_records(home)
    if not known and not working.members(home):
        raise NotFound("No entity ever had this id", field="into", value=home, remedy="Name one that was merged.")
    own = [key for key in known if not key.source and key.local == home]
    for key in dict.fromkeys([*split.records, *own]):
        came_to = working.entity_of(key, split.level)
        rows: list[RecordRow] = []
        for row in working.record(key):
            rows += moved([row], split.level, home) if row.entity == came_to else [row]
        working.set_record(key, rows)


def _rerank(working: Working) -> None:
    """A source's new priority decides anew wherever it claims."""
    for source in working.reranked:
        keys = working.reading.records_of_source(source)
        working.fetch_records(keys)
        working.fetch_lines(keys)
        for key in keys:
            for line in working.record_lines(key).values():
                line.touched = True
        names = working.reading.lines_of_source(source)
        found = working.reading.relation_claims(names) if names else {}
        working.adopt_relation(row for rows in found.values() for row in rows)
        for name in names:
            for line in working.relation_lines.get(name, {}).values():
                line.touched = True


def _write_lines(working: Working, delta: Delta, system: int) -> None:
    for key, lines in working.lines.items():
        for level, line in lines.items():
            if line.touched:
                _write_line(line, level, delta.claims, system, partial(_claim_row, key, system), working.run)
    for name, relation_lines in working.relation_lines.items():
        meta = working.relation_meta[name]
        for level, line in relation_lines.items():
            if line.touched:
                row_of = partial(_relation_claim_row, meta, system)
                _write_line(line, level, delta.relation_claims, system, row_of, working.run)


def _claim_row(key: RecordKey, system: int, s: Segment[Any], level: int, end: int) -> ClaimRow:
    says = s.payload
    return ClaimRow(
        key.source, key.local, says.cls, says.properties, s.start, s.end, level, says.confidence, says.stated,
        says.mentioned, says.run, s.anchors, system, end,
    )  # fmt: skip


def _relation_claim_row(meta: RelationLine, system: int, s: Segment[Any], level: int, end: int) -> RelationClaimRow:
    says = s.payload
    return RelationClaimRow(
        meta.line, meta.source, meta.relation, meta.start, meta.end, says.properties, says.references, s.start, s.end,
        level, says.confidence, says.stated, says.run, s.anchors, system, end,
    )  # fmt: skip


def _write_line(
    line: Line, level: int, ops: Any, system: int, row_of: Callable[[Segment[Any], int, int], Any], run: str
) -> None:
    kept: set[int] = set()
    for segment in line.segments:
        if segment.row:
            kept.add(segment.row)
            row = line.stored[segment.row]
            if row.anchors != segment.anchors:
                ops.anchors.append((row, segment.anchors))
        else:
            ops.insert.append(row_of(segment, level, OPEN))
    ops.close += [row for number, row in line.stored.items() if number not in kept]
    patched = any(said.patch for said in line.said)
    for said in line.said:
        if patched or not stands(said, line.segments):
            entry = Segment(said.valid.start, said.valid.end, said.payload, (level, said.flags))
            ops.insert.append(row_of(entry, OPEN, system))
    for taken in line.retracted:
        ops.insert.append(_retraction(row_of, level, taken, run, system))


def _retraction(row_of: Callable[[Segment[Any], int, int], Any], level: int, taken: str, run: str, system: int) -> Any:
    """The log entry that a run was taken back on this line."""
    both = _Entry("", {"run": taken}, {}, 1.0, None, mentioned=False, run=run)
    return row_of(Segment(MIN, OPEN, both, (level, RETRACT)), OPEN, system)


@dataclass(slots=True)
class _Entry:
    """A log entry's payload, for either kind of claim row."""

    cls: str
    properties: Mapping[str, Value]
    references: Mapping[str, RecordKey]
    confidence: float
    stated: int | None
    mentioned: bool
    run: str


def _write_affirmations(working: Working, statements: Statements, delta: Delta) -> None:
    if not statements.affirmed:
        return
    claims = {n: row for lines in working.lines.values() for line in lines.values() for n, row in line.stored.items()}
    relations = {
        n: row for lines in working.relation_lines.values() for line in lines.values() for n, row in line.stored.items()
    }
    closed = {False: {r.row for r in delta.claims.close}, True: {r.row for r in delta.relation_claims.close}}
    for number, relation in dict.fromkeys(statements.affirmed):
        if number in closed[relation]:
            continue
        if relation:
            delta.relation_claims.affirm.append((relations[number], working.run))
        else:
            delta.claims.affirm.append((claims[number], working.run))
