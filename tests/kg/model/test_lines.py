"""Claim lines against a table from point to what is said."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kg.model.intervals import Interval
from kg.model.lines import Segment, cells, next_start, put, rewrite

POINTS = range(12)
intervals = st.tuples(st.integers(0, 10), st.integers(1, 11)).filter(lambda p: p[0] < p[1]).map(lambda p: Interval(*p))
actions = st.lists(st.tuples(st.sampled_from(["put", "end", "patch"]), intervals, st.sampled_from("xyz")), max_size=8)
Line = list[Segment[str]]


def table(line: Line) -> list[str | None]:
    return [next((s.payload for s in line if s.start <= p < s.end), None) for p in POINTS]


def play(found: list[tuple[str, Interval, str]]) -> Line:
    line: Line = []
    said: list[str | None] = [None] * len(POINTS)
    for what, interval, text in found:
        inside = range(interval.start, interval.end)
        if what == "put":
            line = put(line, interval, text)
            said = [text if p in inside else said[p] for p in POINTS]
        elif what == "end":
            line = rewrite(line, interval, lambda _: None)
            said = [None if p in inside else said[p] for p in POINTS]
        else:
            line = rewrite(line, interval, lambda was, text=text: (was or "")[:2] + text)  # type: ignore[misc]
            said = [((said[p] or "")[:2] + text) if p in inside else said[p] for p in POINTS]
        assert table(line) == said
    return line


@given(actions)
def test_a_line_says_what_was_put_and_is_canonical(found: list[tuple[str, Interval, str]]) -> None:
    line = play(found)
    for a, b in pairwise(line):
        assert a.end <= b.start
        assert a.end < b.start or a.payload != b.payload  # equal neighbours are one
    assert all(s.start < anchor < s.end for s in line for anchor in s.anchors)


@given(actions, actions)
def test_cells_lead_from_one_state_to_the_other(first: list[tuple[str, Interval, str]], second: object) -> None:
    before, after = play(first), play(second)  # type: ignore[arg-type]
    line = before
    for interval, payload in cells(before, after):
        line = rewrite(line, interval, lambda _, p=payload: p)  # type: ignore[misc]
    assert table(line) == table(after)


def test_a_swallowed_start_still_ends_a_late_statement() -> None:
    line: Line = put([], Interval(4, 12), "x")
    line = put(line, next_start(line, Interval(6, 12)), "x")  # says again what holds already
    assert [(s.start, s.end, s.anchors) for s in line] == [(4, 12, (6,))]
    late = next_start(line, Interval(5, 12))
    assert late == Interval(5, 6)
    line = put(line, late, "y")
    assert [(s.start, s.end, s.payload) for s in line] == [(4, 5, "x"), (5, 6, "y"), (6, 12, "x")]


def test_an_overwritten_start_is_forgotten() -> None:
    line: Line = put(put([], Interval(2, 12), "x"), Interval(6, 12), "y")
    line = put(line, Interval(1, 12), "z")
    assert next_start(line, Interval(0, 12)) == Interval(0, 1)
    assert next_start(line, Interval(3, 12)) == Interval(3, 12)


def test_rows_that_stay_keep_their_number() -> None:
    stored = [Segment(0, 5, "x", (), 7), Segment(5, 9, "y", (), 8)]
    line = put(stored, Interval(6, 8), "x")
    assert [(s.start, s.end, s.row) for s in line] == [(0, 5, 7), (5, 6, 0), (6, 8, 0), (8, 9, 0)]
