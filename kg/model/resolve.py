"""From claims to the one resolved state: per level, valid segment and property, by a stated order.

Order between claims that hold at one instant: higher source priority, higher confidence, later own statement
date, source id, then the claim of the higher level, then the record's local id. System time never decides, so
that the order in which files were loaded leaves no trace. A mere mention (a stub) yields to any statement. A choice of
a person (`REVIEW`) comes before all of them for the properties that it names, and says nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from kg.model.changes import REVIEW
from kg.model.intervals import MIN, Interval
from kg.model.rows import EdgeRow, VersionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kg.model.changes import Source, Value
    from kg.schema.types import Schema

Rank = tuple[bool, int, float, int, str, int, str]
C = TypeVar("C", bound="Claim")
T = TypeVar("T")


@dataclass(slots=True)
class Claim:
    """A claim as resolution sees it: for readers of `level_from` up to `level_to`."""

    rank: Rank
    source: str
    cls: str
    properties: Mapping[str, Value]
    valid_from: int
    valid_to: int
    level_from: int
    level_to: int
    mentioned: bool = False


def rank(source: Source, confidence: float, stated: int | None, level: int, local: str, *, mentioned: bool) -> Rank:
    """Sort key: the least comes first, that is, decides."""
    return mentioned, -source.priority, -confidence, -(stated if stated is not None else MIN), source.id, -level, local


def versions(entity: str, claims: Sequence[Claim], schema: Schema) -> list[VersionRow]:
    """An entity's resolved rows, without system times; equal neighbours in valid time are one."""
    if len(claims) == 1:
        c = claims[0]
        if c.source == REVIEW:
            return []
        return [
            VersionRow(
                entity, c.cls, c.properties, {"": c.source}, c.valid_from, c.valid_to, c.level_from, c.level_to,
                mentioned=c.mentioned,
            )
        ]  # fmt: skip
    if not any(c.source == REVIEW for c in claims) and _one_line(claims):
        return _plain(entity, claims)
    out: list[VersionRow] = []
    for low, high, active in _slabs(claims):
        for valid, (cls, properties, sources, mentioned) in _segments(active, lambda cs: _combine(cs, schema)):
            out.append(
                VersionRow(entity, cls, properties, sources, valid.start, valid.end, low, high, mentioned=mentioned)
            )
    return out


def _one_line(claims: Sequence[Claim]) -> bool:
    """Whether the claims follow one another in valid time at the same levels: then there is nothing to weigh."""
    last = claims[0] if claims else None
    for claim in claims[1:]:
        assert last is not None
        if claim.valid_from < last.valid_to or claim.level_from != last.level_from or claim.level_to != last.level_to:
            return False
        last = claim
    return last is not None


def _plain(entity: str, claims: Sequence[Claim]) -> list[VersionRow]:
    out: list[VersionRow] = []
    for c in claims:
        last = out[-1] if out else None
        if (
            last is not None
            and last.valid_to == c.valid_from
            and last.cls == c.cls
            and last.sources[""] == c.source
            and last.mentioned == c.mentioned
            and last.properties == c.properties
        ):
            last.valid_to = c.valid_to
            continue
        out.append(
            VersionRow(
                entity, c.cls, c.properties, {"": c.source}, c.valid_from, c.valid_to, c.level_from, c.level_to,
                mentioned=c.mentioned,
            )
        )  # fmt: skip
    return out


def edges(edge: str, relation: str, start: str, end: str, claims: Sequence[Claim]) -> list[EdgeRow]:
    """A relation's resolved rows, not yet clipped to the existence of its ends."""
    if len(claims) == 1:
        (c,) = claims
        both = dict(c.properties), {"": c.source}
        return [EdgeRow(edge, relation, start, end, *both, c.valid_from, c.valid_to, c.level_from, c.level_to)]
    out: list[EdgeRow] = []
    for low, high, active in _slabs(claims):
        for valid, (properties, sources) in _segments(active, _values):
            out.append(EdgeRow(edge, relation, start, end, properties, sources, valid.start, valid.end, low, high))
    return out


def _slabs(claims: Sequence[Claim]) -> Iterator[tuple[int, int, list[Claim]]]:
    ordered = sorted(claims, key=lambda c: c.rank)
    bounds = {(c.level_from, c.level_to) for c in claims}
    if len(bounds) == 1:
        yield (*bounds.pop(), ordered)
        return
    levels = sorted({b for pair in bounds for b in pair})
    for low, high in pairwise(levels):
        active = [c for c in ordered if c.level_from <= low and high <= c.level_to]
        if active:
            yield low, high, active


def _segments(ordered: list[Claim], combine: Callable[[list[Claim]], T | None]) -> Iterator[tuple[Interval, T]]:
    """Maximal segments of equal content; `ordered` by rank. Where `combine` gives None there is nothing."""
    instants = sorted({i for c in ordered for i in (c.valid_from, c.valid_to)})
    start, end, held = 0, 0, None
    for low, high in pairwise(instants):
        active = [c for c in ordered if c.valid_from <= low < c.valid_to]
        content = combine(active) if active else None
        if held is not None and content == held and end == low:
            end = high
            continue
        if held is not None:
            yield Interval(start, end), held
        start, end, held = low, high, content
    if held is not None:
        yield Interval(start, end), held


def _values(active: Sequence[Claim]) -> tuple[dict[str, Value], dict[str, str]]:
    first = active[0]
    if len(active) == 1:
        return dict(first.properties), {"": first.source}
    properties: dict[str, Value] = dict(first.properties)
    sources = {"": first.source}
    for claim in active[1:]:
        for name, value in claim.properties.items():
            if name not in properties:
                properties[name] = value
                if claim.source != first.source:
                    sources[name] = claim.source
    return properties, sources


def _combine(claims: Sequence[Claim], schema: Schema) -> tuple[str, dict[str, Value], dict[str, str], bool] | None:
    active = [c for c in claims if c.source != REVIEW]
    if not active:
        return None
    properties, sources = _values(active)
    for choice in reversed(claims):
        if choice.source == REVIEW:
            properties.update(choice.properties)
            sources.update(dict.fromkeys(choice.properties, REVIEW))
    cls = active[0].cls
    for claim in active[1:]:  # the first in rank whose class says more
        if claim.cls != cls and not claim.mentioned and schema.is_a(claim.cls, cls):
            cls = claim.cls
    if any(c.cls != cls for c in claims):
        known = {p.name for p in schema.classes[cls].properties}
        properties = {n: v for n, v in properties.items() if n in known}
        sources = {n: s for n, s in sources.items() if not n or n in known}
    return cls, properties, sources, active[0].mentioned


def same_version(a: VersionRow, b: VersionRow) -> bool:
    """Equal in what is said and by whom (the valid interval is compared elsewhere)."""
    return a.cls == b.cls and a.properties == b.properties and a.sources == b.sources and a.mentioned == b.mentioned


def same_edge(a: EdgeRow, b: EdgeRow) -> bool:
    return a.properties == b.properties and a.sources == b.sources


def valid_key(row: Any) -> tuple[int, int]:
    return row.valid_from, row.valid_to
