"""Taking a run back: its lines become what the statements of all other runs make of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kg.model.intervals import OPEN
from kg.model.lines import Segment
from kg.store.commit.log import levels_of, replay, statements_of
from kg.store.commit.working import relates_of, says_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kg.model.changes import RecordKey
    from kg.store.commit.working import Line, Working


def retract(working: Working, run: str) -> int:
    """Number of lines that changed."""
    w = working
    records = w.reading.claim_history(run)
    lines = w.reading.relation_claim_history(run)
    systems = {row.system_from for rows in records.values() for row in rows}
    systems |= {row.system_from for claims in lines.values() for row in claims}
    runs = w.reading.runs_at(systems)
    affirmed = {
        False: w.reading.affirmations([r.row for rows in records.values() for r in rows], relation=False),
        True: w.reading.affirmations([r.row for claims in lines.values() for r in claims], relation=True),
    }
    changed = 0
    w.fetch_records(records)
    w.fetch_lines(records)
    for key, rows in records.items():
        for level in levels_of(rows):
            changed += _replayed(w.line(key, level), rows, level, run, runs, affirmed[False], says_of)
    current = w.reading.relation_claims(lines) if lines else {}
    for name, claims in lines.items():
        w.adopt_relation(current.get(name, ()))
        if name not in w.relation_lines:  # nothing current: take who it is about from the past
            w.adopt_relation(claims[:1])
            w.relation_lines[name] = {}
        for level in levels_of(claims):
            line = w.relation_line(w.relation_meta[name], level)
            changed += _replayed(line, claims, level, run, runs, affirmed[True], relates_of)
    for key, rows in records.items():
        if key.source:
            stated = [
                level
                for level in levels_of(rows)
                for statement, by in statements_of(rows, level, runs, affirmed[False], says_of)
                if by != run and not statement.end
            ]
            _forget(w, key, stated)
    return changed


def _forget(w: Working, key: RecordKey, stated: Sequence[int]) -> None:
    """A record frees its name below the least level at which something is stated of it or relations hang on it:
    what higher levels know does not keep it known. What was stated and ended counts: the end may be taken back."""
    said = [level for level, line in w.record_lines(key).items() if line.segments]
    low = min((*said, *stated), default=OPEN)
    w.adopt_relation(w.reading.relation_claims_of((key,)).get(key, ()))
    for name, lines in w.relation_lines.items():
        meta = w.relation_meta[name]
        for level, line in lines.items():
            named = (key in (meta.start, meta.end, *s.payload.references.values()) for s in line.segments)
            if level < low and any(named):
                low = level
    rows = w.record(key)
    if any(row.level_from < low for row in rows):
        kept = [row for row in rows if row.level_to > low]
        w.set_record(key, [replace(row, level_from=max(row.level_from, low), row=0) for row in kept])


def _replayed(
    line: Line,
    rows: Sequence[Any],
    level: int,
    run: str,
    runs: Mapping[int, str],
    affirmed: Mapping[int, tuple[str, ...]],
    payload_of: Callable[[Any], Any],
) -> int:
    statements = statements_of(rows, level, runs, affirmed, payload_of)
    if all(by != run for _, by in statements):
        return 0
    line.retracted.append(run)
    line.touched = True
    result = replay([*statements, *((said, "") for said in line.said)], run)
    before = [(s.start, s.end, s.payload) for s in line.segments]
    current = {(s.start, s.end): s for s in line.segments if s.row}
    line.segments = [_kept(s, current.get((s.start, s.end))) for s in result]
    return int(before != [(s.start, s.end, s.payload) for s in line.segments])


def _kept(segment: Segment[Any], current: Segment[Any] | None) -> Segment[Any]:
    """The segment as the current row that it still is, if any."""
    if current is not None and current.payload == segment.payload and current.payload.run == segment.payload.run:
        return Segment(segment.start, segment.end, current.payload, segment.anchors, current.row)
    return segment
