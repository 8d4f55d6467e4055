"""Scopes: what a caller may see, and the one rewriting that makes a Query keep to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from kg.errors import QueryError, ScopeDenied
from kg.query.algebra import And, IsA, Not, Or
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.query.algebra import Predicate, Query
    from kg.schema.types import Property, Relation, Schema


@dataclass(frozen=True, slots=True)
class Scope:
    """What a reader may see.

    `level`: the highest level read. `rows`: class → predicate that its instances (and subclasses') must satisfy; it
    reads properties that the class itself has, declared or inherited. `classes`: None is all, else only these and their
    subclasses. `masks`: class or relation → properties that read as null. A class, relation, property or identifier
    scheme of a sensitivity above `level` is masked or unseen as well.
    """

    level: int = 0
    classes: frozenset[str] | None = None
    rows: Mapping[str, Predicate] = field(default_factory=dict)
    masks: Mapping[str, frozenset[str]] = field(default_factory=dict)


EVERYTHING = Scope(level=3)
"""For the owner of the store on her own machine."""
PUBLIC = Scope(level=0)
RAW_LEVEL = 3
"""Least level that reads `raw`: how sensitive a property was goes with its declaration, so it counts as secret."""
"""For anybody."""

NOTHING: Predicate = Or(())
"""Holds for no row."""


def secure(query: Query, schema: Schema, scope: Scope, *, validated: bool = False) -> Query:
    """The query that answers the same question to a reader of `scope`, of nothing but what that reader may see.

    - Rows of other levels are left out by `Query.level`; rows of unseen classes and rows that the scope's predicates
      refuse by conditions on every source and hop: both ends of relations, each entity of a walk, joined entities.
    - A masked property reads as null. To filter, order, group or look up by it is ScopeDenied; search leaves it out.
      The id that an entity-valued property gives counts as masked where its class is restricted: join the entity.
    - An unseen relation, or one to unseen classes only, reads as empty, and no walk follows it; to filter by it is
      ScopeDenied. So is a root that names an unseen class.
    - Claims show no property that is masked on any class, and none of unseen classes. They are ScopeDenied under
      instants of their own where the scope has row predicates on the class: these hold at the row's instants only.
    - Versions in a range are ScopeDenied where a row predicate follows relations, which is answered at instants only.

    The scope's own predicates are put in as they are: they may read what the reader may not.
    QueryError for a query that is secured already, or has no meaning under the schema (`kg.query.validate`; the check
    is left out for a query that is known to be `validated`, since it was built from checked names). Parts that need no
    change are the same objects in the answer.
    """
    if query.secured:
        raise QueryError("The query is secured already", remedy="Secure the query as it was made, once.")
    from kg.query.rewrite import Rewriter
    from kg.query.validate import validate

    if not validated:
        validate(query, schema)
    limits = _limits(schema, scope)
    if limits.none:
        return replace(query, level=scope.level, secured=True)
    rewriter = Rewriter(limits)
    roots = tuple([replace(root, action=rewriter.root(root.action)) for root in query.roots])
    return replace(query, roots=roots, level=scope.level, secured=True)


_RECENT: dict[tuple[str, int], Limits] = {}
_RECENT_SIZE = 64


def _limits(schema: Schema, scope: Scope) -> Limits:
    """Scopes are made once a caller and used often: what one hides is worked out once. Each entry holds its scope, so
    that no other one can have its address."""
    key = (schema.hash, id(scope))
    found = _RECENT.get(key)
    if found is None or found.scope is not scope:
        found = Limits(schema, scope)
        if len(_RECENT) >= _RECENT_SIZE:
            _RECENT.clear()
        _RECENT[key] = found
    return found


class Limits:
    """What a scope hides of a schema."""

    def __init__(self, schema: Schema, scope: Scope) -> None:
        from kg.query.validate import validate_predicate

        self.schema = schema
        self.scope = scope
        self._masked: dict[str, frozenset[str]] = {}
        self._seen: dict[str, Predicate | None] = {}
        for name in (*(scope.classes or ()), *scope.rows):
            if name not in schema.classes:
                raise _faulty("The scope names a class that the ontology does not have", name)
        for name, where in scope.rows.items():
            try:
                validate_predicate(where, schema, name)
            except QueryError as error:
                raise _faulty(f"The scope's condition on {name} has no meaning: {error}", name) from error

    @cached_property
    def none(self) -> bool:
        """Whether nothing is hidden but rows of higher levels."""
        scope = self.scope
        properties = (p for cls in self.schema.classes.values() for p in cls.properties)
        edge_properties = (p for relation in self.schema.relations.values() for p in relation.properties)
        sensitive = [
            *(cls.sensitivity for cls in self.schema.classes.values()),
            *(relation.sensitivity for relation in self.schema.relations.values()),
            *(scheme.sensitivity for scheme in self.schema.schemes.values()),
            *(p.sensitivity for p in properties),
            *(p.sensitivity for p in edge_properties),
            RAW_LEVEL,
        ]
        return scope.classes is None and not scope.rows and not scope.masks and max(sensitive) <= scope.level

    def sees_class(self, concrete: str) -> bool:
        """Whether instances of a concrete class are seen at all."""
        cls = self.schema.classes[concrete]
        line = (concrete, *cls.ancestors)
        allowed = self.scope.classes is None or not self.scope.classes.isdisjoint(line)
        return allowed and all(self.schema.classes[name].sensitivity <= self.scope.level for name in line)

    def sees_relation(self, relation: Relation) -> bool:
        return relation.sensitivity <= self.scope.level

    def sees_scheme(self, name: str) -> bool:
        return name not in self.schema.schemes or self.schema.schemes[name].sensitivity <= self.scope.level

    def classes(self, cls: str) -> tuple[str, ...]:
        """The seen concrete classes at or below one."""
        return tuple(name for name in self.schema.concrete(cls) if self.sees_class(name))

    @cached_property
    def claim_classes(self) -> tuple[str, ...] | None:
        """The concrete classes whose claims are seen; None for all."""
        found = self.classes(ROOT_CLASS)
        return None if found == self.schema.concrete(ROOT_CLASS) else found

    # ------------------------------------------------------------ rows

    def seen(self, cls: str) -> Predicate | None:
        """What a row of the class must satisfy to be seen; None is nothing."""
        if cls not in self._seen:
            self._seen[cls] = self._row_condition(cls)
        return self._seen[cls]

    def _row_condition(self, cls: str) -> Predicate | None:
        visible = set(self.classes(cls))
        if not visible:
            return NOTHING
        items: list[Predicate] = []
        if len(visible) < len(self.schema.concrete(cls)):
            items += self._class_conditions(cls)
        for name in sorted(self.scope.rows):
            governed = visible.intersection(self.schema.concrete(name))
            if governed == visible:
                items.append(self.scope.rows[name])
            elif governed:
                items.append(Or((Not(IsA(name)), self.scope.rows[name])))
        return both(*items)

    def _class_conditions(self, cls: str) -> list[Predicate]:
        below = set(self.schema.concrete(cls))

        def meets(name: str) -> bool:
            return not below.isdisjoint(self.schema.concrete(name))

        out: list[Predicate] = []
        if self.scope.classes is not None and not any(self.schema.is_a(cls, name) for name in self.scope.classes):
            out.append(Or(tuple(IsA(name) for name in sorted(self.scope.classes) if meets(name))))
        for name, entity in sorted(self.schema.classes.items()):
            if entity.sensitivity > self.scope.level and meets(name):
                out.append(Not(IsA(name)))
        return out

    def limits_rows(self, cls: str) -> bool:
        """Whether some row of the class may be unseen for what it says."""
        return any(set(self.classes(cls)).intersection(self.schema.concrete(name)) for name in self.scope.rows)

    # ------------------------------------------------------------ properties

    def masked(self, concrete: str) -> frozenset[str]:
        """Names of the properties of a concrete class that read as null."""
        found = self._masked.get(concrete)
        if found is None:
            cls = self.schema.classes[concrete]
            named = [self.scope.masks.get(name, frozenset()) for name in (concrete, *cls.ancestors)]
            sensitive = (p.name for p in cls.properties if self._sensitive(p))
            found = self._masked[concrete] = frozenset(sensitive).union(*named)
        return found

    def masked_edge(self, relation: Relation) -> frozenset[str]:
        """The same of a relation."""
        sensitive = frozenset(p.name for p in relation.properties if self._sensitive(p))
        return sensitive | self.scope.masks.get(relation.name, frozenset())

    def hides_id(self, prop: Property) -> bool:
        """Whether an entity-valued property may name an entity that is unseen."""
        return prop.datatype is Datatype.ENTITY and self.seen(prop.target) is not None

    def _sensitive(self, prop: Property) -> bool:
        return prop.sensitivity > self.scope.level or not self.sees_scheme(prop.scheme)

    @cached_property
    def masked_anywhere(self) -> frozenset[str]:
        """Names that are masked on any class: claims may be of other classes than their entity."""
        return frozenset().union(*(self.masked(name) for name in self.schema.concrete(ROOT_CLASS)))


def _faulty(message: str, name: str) -> ScopeDenied:
    return ScopeDenied(message, field="scope", value=name, remedy="Correct the grant from which the scope was made.")


def both(*items: Predicate | None) -> Predicate | None:
    """All of these; None is no condition."""
    given = tuple(item for item in items if item is not None)
    if not given:
        return None
    if NOTHING in given:
        return NOTHING
    return given[0] if len(given) == 1 else And(given)
