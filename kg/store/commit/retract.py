"""Taking a run back: its records' lines become what they would be had the run not happened.

Each line's past is a sequence of states, one per commit that touched it. The states' differences are played
again without those of the run. What another run stated again, word for word, stays: such affirmations are
remembered with the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.model.intervals import Interval
from kg.model.lines import Segment, cells, rewrite
from kg.store.commit.working import claim_lines, relation_claim_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kg.store.commit.working import Line, Working


def retract(working: Working, run: str) -> int:
    """Number of lines that changed."""
    w = working
    records = w.reading.claim_history(run)
    lines = w.reading.relation_claim_history(run)
    systems = {i for rows in records.values() for row in rows for i in (row.system_from, row.system_to)}
    systems |= {i for claims in lines.values() for row in claims for i in (row.system_from, row.system_to)}
    runs = w.reading.runs_at(systems)
    affirmed = {
        False: w.reading.affirmations([r.row for rows in records.values() for r in rows], relation=False),
        True: w.reading.affirmations([r.row for claims in lines.values() for r in claims], relation=True),
    }
    changed = 0
    w.fetch_records(records)
    w.fetch_lines(records)
    for key, rows in records.items():
        before = {level: [r for r in rows if r.level == level] for level in {r.level for r in rows}}
        for level, of_level in before.items():
            line = w.line(key, level)
            changed += _replayed(line, of_level, run, runs, affirmed[False], claim_lines, level)
        if all(not line.segments for line in w.record_lines(key).values()) and key.source:
            _forget(w, key)
    current = w.reading.relation_claims(lines) if lines else {}
    for name, claims in lines.items():
        w.adopt_relation(current.get(name, ()))
        if name not in w.relation_lines:  # nothing current: take who it is about from the past
            w.adopt_relation(claims[:1])
            w.relation_lines[name] = {}
        for level in sorted({r.level for r in claims}):
            line = w.relation_line(w.relation_meta[name], level)
            past = [r for r in claims if r.level == level]
            changed += _replayed(line, past, run, runs, affirmed[True], relation_claim_lines, level)
    return changed


def _forget(w: Working, key: Any) -> None:
    """A record of which nothing is said any more frees its name, unless relations hang on it."""
    if not w.reading.relation_claims_of((key,)).get(key):
        w.set_record(key, [])


def _replayed(
    line: Line,
    rows: Sequence[Any],
    run: str,
    runs: dict[int, str],
    affirmed: dict[int, tuple[str, ...]],
    read: Callable[[Any], dict[int, Line]],
    level: int,
) -> int:
    instants = sorted({i for r in rows for i in (r.system_from, r.system_to) if i in runs})
    state: list[Segment[Any]] = []
    result: list[Segment[Any]] = []
    for instant in instants:
        held = [r for r in rows if r.system_from <= instant < r.system_to]
        now = read(held)[level].segments if held else []
        if runs[instant] != run:
            for interval, payload in cells(state, now):
                result = rewrite(result, interval, _constant(payload))
        else:
            for segment in now:
                others = [r for r in affirmed.get(segment.row, ()) if r != run]
                if others:
                    result = rewrite(result, Interval(segment.start, segment.end), _constant(segment.payload))
        state = now
    final = rewrite_rows(result, line)
    if [(s.start, s.end, s.payload) for s in final] == [(s.start, s.end, s.payload) for s in line.segments]:
        return 0
    line.segments = final
    line.touched = True
    return 1


def rewrite_rows(result: Sequence[Segment[Any]], line: Line) -> list[Segment[Any]]:
    """The segments, each with the current row that it still is."""
    current = {(s.start, s.end): s for s in line.segments if s.row}
    out: list[Segment[Any]] = []
    for s in result:
        same = current.get((s.start, s.end))
        keep = same is not None and same.payload == s.payload
        out.append(Segment(s.start, s.end, s.payload, s.anchors, same.row if keep and same is not None else 0))
    return out


def _constant(payload: Any) -> Callable[[Any], Any]:
    def change(_was: Any) -> Any:
        return payload

    return change
