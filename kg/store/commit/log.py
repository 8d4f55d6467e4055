"""Statements and their log: enough to play a line again without one run.

A statement that stands in the line as its own row, whole, needs no log entry. Any other (a patch, an end, one
that was cut by what followed or joined with an equal neighbour), and any in a commit that patched its line, is
kept as a claim row that nobody can ever read: of level `OPEN` and with an empty system interval `[t, t)`. Its
`anchors` are (level, flags).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from kg.model.intervals import OPEN, Interval
from kg.model.lines import next_start, put, rewrite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kg.model.lines import Segment

PATCH, UNTIL_NEXT, END, RETRACT = 1, 2, 4, 8


@dataclass(slots=True)
class Statement:
    """One put, patch or end on one line. `payload` of a patch may hold None values: they remove."""

    valid: Interval
    payload: Any
    patch: bool = False
    until_next: bool = False
    end: bool = False

    @property
    def flags(self) -> int:
        return PATCH * self.patch | UNTIL_NEXT * self.until_next | END * self.end


def apply(line: Sequence[Segment[Any]], statement: Statement) -> list[Segment[Any]]:
    """The line after the statement."""
    interval = next_start(line, statement.valid) if statement.until_next else statement.valid
    if statement.end:
        return rewrite(line, interval, lambda _: None)
    if statement.patch:
        return rewrite(line, interval, statement.payload.onto)
    return put(line, interval, statement.payload)


def stands(statement: Statement, line: Iterable[Segment[Any]]) -> bool:
    """Whether the line shows the statement as it was made."""
    if statement.patch or statement.end:
        return False
    for s in line:
        if s.start == statement.valid.start:
            if s.end != statement.valid.end:
                return False
            said, payload = statement.payload, s.payload
            return bool(said is payload or (said == payload and said.run == payload.run))
    return False


def statements_of(
    rows: Sequence[Any],
    level: int,
    runs: Mapping[int, str],
    affirmed: Mapping[int, tuple[str, ...]],
    payload_of: Callable[[Any], Any],
) -> list[tuple[Statement, str]]:
    """All statements ever made on a line of this level in their order, each with its run; of retracted runs none."""
    found: list[tuple[tuple[int, int, int], Statement, str]] = []
    retractions: list[tuple[int, str]] = []
    patched = {r.system_from for r in rows if r.level == OPEN and r.anchors[0] == level and r.anchors[1] & PATCH}
    for row in rows:
        if row.level == OPEN:
            of_level, flags = row.anchors
            if of_level != level:
                continue
            if flags & RETRACT:
                retractions.append((row.system_from, str(row.properties["run"])))
                continue
            statement = Statement(
                Interval(row.valid_from, row.valid_to), payload_of(row), bool(flags & PATCH),
                bool(flags & UNTIL_NEXT), bool(flags & END),
            )  # fmt: skip
            found.append(((row.system_from, 0, row.row), statement, row.run))
        elif row.level == level:
            statement = Statement(Interval(row.valid_from, row.valid_to), payload_of(row))
            if runs.get(row.system_from) == row.run and row.system_from not in patched:
                found.append(((row.system_from, 1, row.row), statement, row.run))
            found += [((row.system_from, 2, row.row), statement, run) for run in affirmed.get(row.row, ())]
    found.sort(key=lambda item: item[0])
    return [
        (statement, run)
        for (system, _, _), statement, run in found
        if not any(run == taken and system < at for at, taken in retractions)
    ]


def replay(statements: Iterable[tuple[Statement, str]], without: str) -> list[Segment[Any]]:
    """The line that the statements of all other runs make."""
    line: list[Segment[Any]] = []
    for statement, run in statements:
        if run != without:
            line = apply(line, statement)
    return line


def levels_of(rows: Iterable[Any]) -> list[int]:
    """Levels on which the rows, log entries among them, say something."""
    return [level for level, _ in groupby(sorted(r.anchors[0] if r.level == OPEN else r.level for r in rows))]
