"""Bringing rows to a new state, checked point by point on valid × system × level."""

from hypothesis import given
from hypothesis import strategies as st

from kg.model.boxes import difference
from kg.model.intervals import OPEN
from kg.model.rows import VersionRow

VALID, LEVELS = range(4), range(4)
Tiling = dict[tuple[int, int], str]
tilings = st.dictionaries(st.tuples(st.sampled_from(VALID), st.sampled_from(LEVELS)), st.sampled_from("xy"))


def rows(tiling: Tiling) -> list[VersionRow]:
    """A row a cell; the highest level is unbounded."""
    return [
        VersionRow("e", "C", {"name": text}, {"": "s"}, valid, valid + 1, level, OPEN if level == 3 else level + 1)
        for (valid, level), text in sorted(tiling.items())
    ]


def seen(stored: list[VersionRow], system: int) -> dict[tuple[int, int], tuple[object, int]]:
    out: dict[tuple[int, int], tuple[object, int]] = {}
    for valid in VALID:
        for level in LEVELS:
            at = [
                r for r in stored
                if r.valid_from <= valid < r.valid_to and r.level_from <= level < r.level_to
                and r.system_from <= system < r.system_to
            ]  # fmt: skip
            assert len(at) <= 1
            if at:
                out[valid, level] = (at[0].properties["name"], at[0].system_from)
    return out


def apply(stored: list[VersionRow], new: Tiling, system: int) -> None:
    current = [r for r in stored if r.system_to == OPEN]
    done = difference(
        current, rows(new), system, lambda r: (r.valid_from, r.valid_to), lambda a, b: a.properties == b.properties
    )
    for row in done.close:
        row.system_to = system
    for row, low, high in done.narrow:
        row.level_from, row.level_to = low, high
    for row in done.insert:
        row.row = len(stored) + 1
        stored.append(row)


@given(st.lists(tilings, min_size=1, max_size=4))
def test_rows_follow_and_the_past_stays(states: list[Tiling]) -> None:
    stored: list[VersionRow] = []
    since: dict[tuple[int, int], tuple[object, int]] = {}
    past = []
    for system, tiling in enumerate(states, 1):
        apply(stored, tiling, system)
        # What goes on unchanged keeps the instant at which it became known; at every level by itself.
        since = {
            at: since[at] if at in since and since[at][0] == text else (text, system) for at, text in tiling.items()
        }
        past.append(dict(since))
        for then, expected in enumerate(past, 1):
            assert seen(stored, then) == expected


def test_a_division_by_level_leaves_the_lower_row_as_it_was() -> None:
    stored: list[VersionRow] = []
    apply(stored, {(0, 0): "x", (0, 1): "x", (0, 2): "x", (0, 3): "x"}, 1)
    (row,) = stored
    apply(stored, {(0, 0): "x", (0, 1): "x", (0, 2): "y", (0, 3): "y"}, 2)
    assert (row.level_from, row.level_to, row.system_from, row.system_to) == (0, 2, 1, OPEN)
    assert len(stored) == 3  # below, what the higher levels knew, what they know
