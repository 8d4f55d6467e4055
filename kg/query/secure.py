"""Scopes: what a caller may see, and the one rewriting that makes a Query keep to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.query.algebra import Predicate


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader may see.

    `level`: the highest level read. `rows`: class → predicate that its instances (and subclasses') must satisfy;
    `classes`: None is all, else only these and their subclasses. `masks`: class → properties that read as null.
    """

    level: int = 0
    classes: frozenset[str] | None = None
    rows: Mapping[str, Predicate] = field(default_factory=dict)
    masks: Mapping[str, frozenset[str]] = field(default_factory=dict)


EVERYTHING = Scope(level=3)
"""For the owner of the store on her own machine."""
PUBLIC = Scope(level=0)
