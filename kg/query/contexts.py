"""What a row of a source is: its possible classes, and what it was reached by. For checks and rewriting of queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from kg.query.algebra import ClaimsOf, ConflictsOf, Edges, Match, Step, Walk
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from kg.query.algebra import Source
    from kg.schema.types import Property, Relation, Schema

Kind: TypeAlias = Literal["entity", "relation", "walk", "match", "claim", "conflict"]


@dataclass(frozen=True, slots=True)
class RowContext:
    """`cls`: the static class; `classes`: the concrete ones that a row may be of."""

    cls: str
    classes: tuple[str, ...]
    kind: Kind = "entity"
    relation: Relation | None = None

    def narrowed(self, only: tuple[str, ...] | None) -> RowContext:
        """Under a field that stands on some classes alone."""
        if only is None:
            return self
        return RowContext(self.cls, tuple(c for c in self.classes if c in only), self.kind, self.relation)

    def properties(self, schema: Schema, name: str) -> list[Property]:
        """The property of this name in each class that has it."""
        found = (schema.classes[cls].property(name) for cls in dict.fromkeys((*self.classes, self.cls)))
        return [prop for prop in found if prop is not None]


def context(schema: Schema, source: Source) -> RowContext:
    """Of the rows of a source. KeyError for unknown names."""
    if isinstance(source, (ClaimsOf, ConflictsOf)):
        # A claim's class is its own, and may differ from what the entity was resolved to be.
        kind: Kind = "claim" if isinstance(source, ClaimsOf) else "conflict"
        return RowContext(source.cls, schema.concrete(ROOT_CLASS), kind)
    classes = schema.concrete(source.cls)
    if isinstance(source, (Step, Edges)):
        return RowContext(source.cls, classes, "relation", schema.relations[source.relation])
    if isinstance(source, Walk):
        return RowContext(source.cls, classes, "walk")
    return RowContext(source.cls, classes, "match" if isinstance(source, Match) else "entity")


def of_class(schema: Schema, cls: str) -> RowContext:
    """Of an entity that stands alone."""
    return RowContext(cls, schema.concrete(cls))
