"""Bringing stored rows to a new state without touching what lower levels read.

The current rows of one thing (an entity, a relation, an identifier, a record) tile part of valid × level.
`difference` compares them with a new tiling, level slab by level slab: inside a slab a row stays as it is,
with its system_from, when the new state has the same valid interval and content there; else it ends. A row
that stays in some slabs and ends in others is divided by level, so that a reader of a lower level finds
the very row he found before.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from kg.model.intervals import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence


class Leveled(Protocol):
    level_from: int
    level_to: int
    system_from: int
    system_to: int
    row: int


R = TypeVar("R", bound=Leveled)


@dataclass(slots=True)
class Difference(Generic[R]):
    insert: list[R] = field(default_factory=list)
    close: list[R] = field(default_factory=list)
    narrow: list[tuple[R, int, int]] = field(default_factory=list)


def difference(
    old: Sequence[R],
    new: Sequence[R],
    system: int,
    key: Callable[[R], Hashable],
    same: Callable[[R, R], bool],
) -> Difference[R]:
    """Row operations that turn the current rows `old` into `new` at instant `system`.

    `key`: valid interval and whatever else of the content is hashable; `same`: the rest of the content is equal.
    Rows of `new` have no system times yet. Several `new` rows of one key and content must not overlap in level.
    """
    out: Difference[R] = Difference()
    if not old:
        for row in _stacked(list(new), key, same):
            row.system_from = system
            row.system_to = OPEN
            row.row = 0
            out.insert.append(row)
        return out
    if len({(r.level_from, r.level_to) for r in (*old, *new)}) == 1:
        return _level(old, new, system, key, same)
    bounds = sorted({b for r in (*old, *new) for b in (r.level_from, r.level_to)})
    slabs = list(pairwise(bounds))
    kept: dict[int, list[tuple[int, int]]] = {}
    opened: list[R] = []
    for low, high in slabs:
        here: dict[Hashable, list[R]] = {}
        for row in old:
            if row.level_from <= low and high <= row.level_to:
                here.setdefault(key(row), []).append(row)
        for row in new:
            if not (row.level_from <= low and high <= row.level_to):
                continue
            match = next((o for o in here.get(key(row), ()) if same(o, row)), None)
            if match is None:
                opened.append(_boxed(row, low, high, system, OPEN))
            else:
                kept.setdefault(match.row, []).append((low, high))
    for row in old:
        _divide(row, kept.get(row.row, []), system, out)
    out.insert.extend(_stacked(opened, key, same))
    return out


def _level(
    old: Sequence[R],
    new: Sequence[R],
    system: int,
    key: Callable[[R], Hashable],
    same: Callable[[R, R], bool],
) -> Difference[R]:
    """The common case: all rows are for the same levels, so that none needs dividing."""
    out: Difference[R] = Difference()
    here = {key(row): row for row in old}
    for row in new:
        name = key(row)
        match = here.get(name)
        if match is not None and same(match, row):
            del here[name]
            continue
        row.system_from = system
        row.system_to = OPEN
        row.row = 0
        out.insert.append(row)
    out.close.extend(here.values())
    return out


def _divide(row: R, kept: list[tuple[int, int]], system: int, out: Difference[R]) -> None:
    runs: list[tuple[int, int]] = []
    for low, high in kept:
        if runs and runs[-1][1] == low:
            runs[-1] = (runs[-1][0], high)
        else:
            runs.append((low, high))
    if runs == [(row.level_from, row.level_to)]:
        return
    if not runs:
        out.close.append(row)
        return
    out.narrow.append((row, *runs[0]))
    for low, high in runs[1:]:
        out.insert.append(_boxed(row, low, high, row.system_from, OPEN))
    at = row.level_from
    for low, high in (*runs, (row.level_to, row.level_to)):
        # What is known no longer of these levels; a row opened by this very commit leaves nothing behind.
        if at < low and row.system_from < system:
            out.insert.append(_boxed(row, at, low, row.system_from, system))
        at = high


def _boxed(row: R, low: int, high: int, system_from: int, system_to: int) -> R:
    copy: Any = replace(row, level_from=low, level_to=high, system_from=system_from, system_to=system_to, row=0)  # type: ignore[type-var]
    return copy  # type: ignore[no-any-return]


def _stacked(rows: list[R], key: Callable[[R], Hashable], same: Callable[[R, R], bool]) -> list[R]:
    """Rows that differ in touching levels alone become one."""
    if len(rows) < 2:
        return rows
    out: list[R] = []
    by_key: dict[Hashable, list[R]] = {}
    for row in sorted(rows, key=lambda r: r.level_from):
        below = by_key.setdefault(key(row), [])
        match = next((b for b in below if b.level_to == row.level_from and same(b, row)), None)
        if match is None:
            below.append(row)
            out.append(row)
        else:
            match.level_to = row.level_to
    return out
