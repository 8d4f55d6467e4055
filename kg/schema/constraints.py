"""SHACL constraints on stored values, one closure for each property that has any."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from kg.schema.problems import suggestion
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from kg.schema.types import Property

Wrong: TypeAlias = "tuple[str, str, str] | None"
"""(message, remedy, SHACL term)"""
Constraint: TypeAlias = Callable[[Any], Wrong]


def constraint(p: Property) -> Constraint | None:
    """A function from a stored value to the first thing that is wrong with it; None where nothing is constrained.

    A date of lesser precision violates a bound only where every day of it does. `minCount` 1 is the caller's.
    """
    checks: list[Constraint] = []
    if p.values:
        checks.append(_values(p))
    if p.min_length is not None or p.max_length is not None:
        checks.append(_length(p))
    if p.pattern:
        checks.append(_pattern(p))
    checks += _bounds(p)
    count = _count(p)
    if not checks:
        return count
    single = checks[0] if len(checks) == 1 else _all(checks)
    if not p.many:
        return single

    def many(values: Any) -> Wrong:
        if count is not None and (wrong := count(values)):
            return wrong
        for value in values:
            if wrong := single(value):
                return wrong
        return None

    return many


def _all(checks: list[Constraint]) -> Constraint:
    def each(value: Any) -> Wrong:
        for check in checks:
            if wrong := check(value):
                return wrong
        return None

    return each


def _values(p: Property) -> Constraint:
    allowed = frozenset(p.values)
    by_label = {
        text: value
        for value, label in zip(p.values, p.value_labels, strict=False)
        for text in (label.zh, label.en)
        if text
    }

    def values(value: Any) -> Wrong:
        if value in allowed:
            return None
        near = f"Did you mean {by_label[value]!r}?" if value in by_label else suggestion(str(value), p.values)
        return (
            f"{value!r} is not one of the values of {p.name!r}",
            f"{near} Allowed are {', '.join(p.values)}.".strip(),
            "sh:in",
        )

    return values


def _length(p: Property) -> Constraint:
    least, most = p.min_length or 0, p.max_length

    def length(value: Any) -> Wrong:
        if len(value) < least:
            return f"shorter than {least} characters", "Give the whole text.", "sh:minLength"
        if most is not None and len(value) > most:
            return f"{len(value)} characters, more than {most}", "Shorten it.", "sh:maxLength"
        return None

    return length


def _pattern(p: Property) -> Constraint:
    search = re.compile(p.pattern).search

    def pattern(value: Any) -> Wrong:
        if search(value):
            return None
        return f"does not match the pattern {p.pattern}", "Correct it at its source.", "sh:pattern"

    return pattern


def _count(p: Property) -> Constraint | None:
    least, most = p.min_count, p.max_count
    if not p.many or (least <= 1 and most is None):
        return None

    def count(values: Any) -> Wrong:
        if len(values) < least:
            return f"{len(values)} values, {least} are needed", "Add the missing ones.", "sh:minCount"
        if most is not None and len(values) > most:
            return f"{len(values)} values, at most {most} are allowed", "Remove some.", "sh:maxCount"
        return None

    return count


def _bounds(p: Property) -> list[Constraint]:
    made = []
    for term, bound, holds, words in (
        ("minInclusive", p.min_inclusive, lambda v, b: v >= b, "less than {}"),
        ("maxInclusive", p.max_inclusive, lambda v, b: v <= b, "more than {}"),
        ("minExclusive", p.min_exclusive, lambda v, b: v > b, "not more than {}"),
        ("maxExclusive", p.max_exclusive, lambda v, b: v < b, "not less than {}"),
    ):
        if bound is not None:
            made.append(_bound(p, term, bound, holds, words))
    return made


def _bound(p: Property, term: str, bound: float | str, holds: Callable[[Any, Any], bool], words: str) -> Constraint:
    unit = f" {p.unit}" if p.unit and p.unit != "1" else ""
    shown = _instant(bound) if p.datatype is Datatype.INSTANT else f"{bound}{unit}"
    remedy = "Correct it at its source, or check the unit." if unit else "Correct it at its source."
    wrong = (words.format(shown), remedy, f"sh:{term}")

    def number(value: Any) -> Wrong:
        return None if holds(value, bound) else wrong

    def day(value: str) -> Wrong:
        # "2024" against "2024-05-01": the bound is compared at the value's own precision.
        same = value == str(bound)[: len(value)] and len(value) < len(str(bound))
        return None if same or holds(value, bound) else wrong

    return day if p.datatype is Datatype.DATE else number


def _instant(micros: float | str) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(micros))
    return moment.isoformat().replace("+00:00", "Z")
