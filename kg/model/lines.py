"""Claim lines: what one record says at one level, as disjoint segments of valid time.

A `put` is sequenced: what it overlaps is cut, remainders stay, the new content stands in between. Equal
neighbours become one segment; a statement's start that is lost by this is kept as an anchor, because a
late statement "until the next one" must end there whether or not the next one said the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from kg.model.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


P = TypeVar("P")
"""What a segment says. Equality is of what is said, not of the run that said it."""


@dataclass(slots=True)
class Segment(Generic[P]):
    start: int
    end: int
    payload: P
    anchors: tuple[int, ...] = ()
    row: int = 0  # the stored row that it still is, whole (0: none)


def next_start(line: Sequence[Segment[P]], interval: Interval) -> Interval:
    """`interval` cut at the first statement that starts inside it."""
    end = interval.end
    for segment in line:
        for start in (segment.start, *segment.anchors):
            if interval.start < start < end:
                end = start
    return Interval(interval.start, end)


def rewrite(line: Sequence[Segment[P]], interval: Interval, change: Callable[[P | None], P | None]) -> list[Segment[P]]:
    """The line after `change` was applied to each piece inside `interval`; gaps are given as None, None removes."""
    pieces: list[Segment[P]] = []
    at = interval.start  # how far the interval is filled
    for segment in line:
        if segment.end <= interval.start:
            pieces.append(segment)
            continue
        gap_end = min(max(segment.start, interval.start), interval.end)
        if at < gap_end:
            _add(pieces, at, gap_end, change(None), ())
            at = gap_end
        if segment.start >= interval.end:
            pieces.append(segment)
            continue
        if segment.start < interval.start:
            pieces.append(_part(segment, segment.start, interval.start))
        start, end = max(segment.start, interval.start), min(segment.end, interval.end)
        _add(pieces, start, end, change(segment.payload), _inside(segment.anchors, start, end))
        at = end
        if segment.end > interval.end:
            pieces.append(_part(segment, interval.end, segment.end))
    if at < interval.end:
        _add(pieces, at, interval.end, change(None), ())
    pieces.sort(key=lambda piece: piece.start)
    statements = {start for segment in line for start in (segment.start, *segment.anchors)}
    return _coalesced(pieces, statements | {interval.start}, line)


def put(line: Sequence[Segment[P]], interval: Interval, payload: P) -> list[Segment[P]]:
    """The line after `payload` replaced whatever stood inside `interval`, starts of statements there included."""
    if not line:
        return [Segment(interval.start, interval.end, payload)]
    pieces: list[Segment[P]] = [Segment(interval.start, interval.end, payload)]
    for segment in line:
        if segment.end <= interval.start or segment.start >= interval.end:
            pieces.append(segment)
            continue
        if segment.start < interval.start:
            pieces.append(_part(segment, segment.start, interval.start))
        if segment.end > interval.end:
            pieces.append(_part(segment, interval.end, segment.end))
    pieces.sort(key=lambda piece: piece.start)
    statements = {start for segment in line for start in (segment.start, *segment.anchors)}
    return _coalesced(pieces, statements | {interval.start}, line)


def _add(pieces: list[Segment[P]], start: int, end: int, payload: P | None, anchors: tuple[int, ...]) -> None:
    if payload is not None:
        pieces.append(Segment(start, end, payload, anchors))


def _inside(anchors: tuple[int, ...], start: int, end: int) -> tuple[int, ...]:
    return tuple(a for a in anchors if start < a < end) if anchors else ()


def _part(segment: Segment[P], start: int, end: int) -> Segment[P]:
    return Segment(start, end, segment.payload, _inside(segment.anchors, start, end), segment.row)


def _coalesced(pieces: Iterable[Segment[P]], statements: set[int], line: Sequence[Segment[P]]) -> list[Segment[P]]:
    out: list[Segment[P]] = []
    for piece in pieces:
        last = out[-1] if out else None
        if last is not None and last.end == piece.start and last.payload == piece.payload:
            swallowed = (piece.start,) if piece.start in statements else ()
            anchors = tuple(sorted({*last.anchors, *swallowed, *piece.anchors}))
            payload = last.payload if last.row or not piece.row else piece.payload
            out[-1] = Segment(last.start, piece.end, payload, anchors, last.row or piece.row)
        else:
            out.append(piece)
    rows = {(s.start, s.end): s for s in line if s.row}
    for i, piece in enumerate(out):
        same = rows.get((piece.start, piece.end))
        if same is not None and same.payload == piece.payload:
            out[i] = Segment(piece.start, piece.end, same.payload, piece.anchors, same.row)
        elif piece.row:
            piece.row = 0
    return out


def cells(before: Sequence[Segment[P]], after: Sequence[Segment[P]]) -> list[tuple[Interval, P | None]]:
    """Where two states of a line differ, and what the second says there (None: nothing)."""
    edges = sorted({e for s in (*before, *after) for e in (s.start, s.end)})
    out: list[tuple[Interval, P | None]] = []
    for start, end in pairwise(edges):
        was, now = _at(before, start), _at(after, start)
        if was is None and now is None:
            continue
        if was is None or now is None or was != now:
            out.append((Interval(start, end), now))
    return out


def _at(line: Sequence[Segment[P]], instant: int) -> P | None:
    return next((s.payload for s in line if s.start <= instant < s.end), None)
