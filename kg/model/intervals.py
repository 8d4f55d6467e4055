"""Half-open intervals `[start, end)` of integer microseconds UTC, and of levels.

Open ends are numbers, so that comparisons need no case: `OPEN` ends what has no known end and
`MIN` starts what has no known start. Outside stores both read as null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

OPEN = 2**62
"""The end of time (and of levels)."""
MIN = -(2**62)
"""The beginning of time."""


class Interval(NamedTuple):
    """`[start, end)`; ordered by start, then end."""

    start: int = MIN
    end: int = OPEN

    def contains(self, instant: int) -> bool:
        return self.start <= instant < self.end

    def overlaps(self, other: Interval) -> bool:
        return self.start < other.end and other.start < self.end

    def intersection(self, other: Interval) -> Interval | None:
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None

    def minus(self, other: Interval) -> tuple[Interval, ...]:
        """What of this lies outside `other`: none, one or two pieces, in order."""
        if not self.overlaps(other):
            return (self,)
        left = (Interval(self.start, other.start),) if self.start < other.start else ()
        right = (Interval(other.end, self.end),) if other.end < self.end else ()
        return left + right


ALWAYS = Interval()
ALL_LEVELS = Interval(0, OPEN)


@dataclass(frozen=True, slots=True)
class Box:
    """Where a row is the right one: valid × system × level."""

    valid: Interval
    system: Interval
    level: Interval = ALL_LEVELS

    def overlaps(self, other: Box) -> bool:
        return (
            self.valid.overlaps(other.valid) and self.system.overlaps(other.system) and self.level.overlaps(other.level)
        )


def union(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    """The same instants as disjoint intervals that do not touch, in order."""
    out: list[Interval] = []
    for interval in sorted(intervals):
        if out and interval.start <= out[-1].end:
            if interval.end > out[-1].end:
                out[-1] = Interval(out[-1].start, interval.end)
        else:
            out.append(interval)
    return tuple(out)


def intersect(first: tuple[Interval, ...], second: tuple[Interval, ...]) -> tuple[Interval, ...]:
    """Instants in both; each argument disjoint and in order."""
    out: list[Interval] = []
    i = j = 0
    while i < len(first) and j < len(second):
        both = first[i].intersection(second[j])
        if both:
            out.append(both)
        if first[i].end < second[j].end:
            i += 1
        else:
            j += 1
    return tuple(out)
