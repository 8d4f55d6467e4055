"""What a generated GraphQL field means: the values that `api.graphql.compile` turns into parts of a Query.

Meanings that hold a relation are equal only to themselves: there is one of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kg.query.algebra import Expr, MetaName
    from kg.schema.types import Property, Relation


@dataclass(frozen=True, slots=True)
class Value:
    """A leaf: an expression of the row."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class Measure:
    """A leaf with arguments, worked out from a geometry: "distance", "area" or "grid"."""

    kind: str
    prop: str


@dataclass(frozen=True, slots=True)
class Reference:
    """The entity that an entity-valued relation property names."""

    prop: Property


@dataclass(frozen=True, slots=True, eq=False)
class Related:
    """A connection to the entities at the other end of a relation."""

    step: str
    relation: Relation
    out: bool
    cls: str


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A connection to what a relation reaches in one or more hops."""

    step: str
    relation: Relation
    out: bool
    cls: str


@dataclass(frozen=True, slots=True, eq=False)
class RelatedAggregate:
    """Figures over the relations of one type that an entity has."""

    step: str
    relation: Relation
    out: bool
    cls: str


@dataclass(frozen=True, slots=True)
class History:
    """ "versions", "claims" or "conflicts" of the entity."""

    kind: str
    cls: str


@dataclass(frozen=True, slots=True)
class RootOne:
    """One entity by id or identifier."""

    cls: str


@dataclass(frozen=True, slots=True)
class RootPage:
    """A connection to all entities of a class."""

    cls: str


@dataclass(frozen=True, slots=True)
class RootAggregate:
    """Figures over a class."""

    cls: str


@dataclass(frozen=True, slots=True, eq=False)
class RootRelationAggregate:
    """Figures over all relations of one type."""

    relation: Relation


@dataclass(frozen=True, slots=True)
class RootSpecial:
    """ "search", "node", "nodes", "lookup", "paths" or "_entities"."""

    kind: str


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a connection, an edge, a PageInfo, an aggregate row or a path: its name says what."""

    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group key of an aggregate."""

    name: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric of an aggregate over one property; which metric, the field around says."""

    name: str


@dataclass(frozen=True, slots=True)
class OfClaim:
    """A leaf of a claim, conflict or path."""

    meta: MetaName


Meaning: TypeAlias = (
    Value
    | Measure
    | Reference
    | Related
    | Closure
    | RelatedAggregate
    | History
    | RootOne
    | RootPage
    | RootAggregate
    | RootRelationAggregate
    | RootSpecial
    | Part
    | Group
    | Figure
    | OfClaim
)
ROOTS = (RootOne, RootPage, RootAggregate, RootRelationAggregate, RootSpecial)
