"""Half-open intervals against sets of points."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kg.model.intervals import Box, Interval, intersect, union

POINTS = range(12)
intervals = st.tuples(st.integers(0, 10), st.integers(1, 11)).filter(lambda p: p[0] < p[1]).map(lambda p: Interval(*p))
sets = st.lists(intervals, max_size=5)


def points(found: object) -> set[int]:
    return {p for p in POINTS for i in found if i.contains(p)}  # type: ignore[attr-defined]


@given(intervals, intervals)
def test_two_intervals(a: Interval, b: Interval) -> None:
    both = a.intersection(b)
    assert points([both] if both else []) == points([a]) & points([b])
    assert a.overlaps(b) == bool(both)
    assert points(a.minus(b)) == points([a]) - points([b])
    assert list(a.minus(b)) == sorted(a.minus(b))


@given(sets)
def test_union_is_disjoint_and_does_not_touch(found: list[Interval]) -> None:
    whole = union(found)
    assert points(whole) == points(found)
    assert all(a.end < b.start for a, b in pairwise(whole))


@given(sets, sets)
def test_intersect(a: list[Interval], b: list[Interval]) -> None:
    assert points(intersect(union(a), union(b))) == points(a) & points(b)


@given(intervals, intervals, intervals, intervals)
def test_boxes_meet_where_all_axes_do(a: Interval, b: Interval, c: Interval, d: Interval) -> None:
    assert Box(a, b).overlaps(Box(c, d)) == (a.overlaps(c) and b.overlaps(d))
    assert not Box(a, b, Interval(0, 1)).overlaps(Box(c, d, Interval(1, 2)))
