"""GraphQL names of everything in a Schema, checked for collisions once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kg.errors import SchemaError
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from kg.schema.types import EntityClass, Property, Relation, Schema

NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*\Z")
# Enum values that GraphQL itself forbids.
_LITERALS = frozenset({"true", "false", "null"})

ENTITY_FIELDS = (
    "id",
    "validFrom",
    "validTo",
    "systemFrom",
    "systemTo",
    "provenance",
    "sources",
    "mergedFrom",
    "raw",
    "versions",
    "claims",
    "conflicts",
)
"""On every entity, besides its properties and relations."""
EDGE_FIELDS = (
    "cursor",
    "node",
    "id",
    "validFrom",
    "validTo",
    "systemFrom",
    "systemTo",
    "sources",
    "depth",
    "path",
    "via",
)
WHERE_WORDS = ("and", "or", "not", "id", "isA")


def upper_first(name: str) -> str:
    return name[:1].upper() + name[1:]


def lower_first(name: str) -> str:
    """`Enterprise` → `enterprise`, `IOTDevice` → `iotDevice`."""
    run = re.match(r"[A-Z]+(?=[A-Z][a-z]|[0-9_]|\Z)|[A-Z]", name)
    return name if run is None else run.group().lower() + name[run.end() :]


def plural(name: str) -> str:
    """English plural by the three regular rules; a class may be named so that it reads well."""
    if re.search(r"[^aeiou]y\Z", name):
        return name[:-1] + "ies"
    return name + ("es" if re.search(r"(s|x|z|ch|sh)\Z", name) else "s")


def is_enum(prop: Property) -> bool:
    """Whether `sh:in` can be an enum: every value is a GraphQL name."""
    return (
        prop.datatype is Datatype.STRING
        and bool(prop.values)
        and all(NAME.match(v) and v not in _LITERALS and not v.startswith("__") for v in prop.values)
    )


@dataclass(slots=True)
class Names:
    """Names for one Schema and one pair of prefixes. Raises SchemaError where two things get one name."""

    schema: Schema
    type_prefix: str = ""
    field_prefix: str = ""
    _types: dict[str, str] = field(default_factory=dict)
    _roots: dict[str, str] = field(default_factory=dict)

    # ------------------------------------------------------------ types

    def type(self, name: str, what: str) -> str:
        """Claim a type name for `what`; the prefixed name."""
        full = self.type_prefix + name
        _claim(self._types, full, what, "GraphQL type", "Give one of the two classes another jw:graphqlName.")
        return full

    def base(self, cls: EntityClass) -> str:
        return cls.graphql_name or cls.name

    def class_type(self, cls: EntityClass) -> str:
        """The name under which other types point to the class: an interface where it has subclasses."""
        return self.type_prefix + self.base(cls)

    def object_type(self, cls: EntityClass) -> str:
        """The object type of direct instances: named separately where the class has subclasses."""
        return self.class_type(cls) + ("Object" if self.has_subclasses(cls) else "")

    def has_subclasses(self, cls: EntityClass) -> bool:
        return cls.abstract or any(cls.name in other.ancestors for other in self.schema.classes.values())

    def enum_type(self, prop: Property) -> str:
        owner = self.schema.classes.get(prop.owner)
        return self.type_prefix + (self.base(owner) if owner else upper_first(prop.owner)) + upper_first(prop.name)

    def step_base(self, step: str) -> str:
        return self.type_prefix + upper_first(step) + "Relation"

    # ------------------------------------------------------------ fields

    def root(self, name: str, what: str) -> str:
        """Claim a root field name; the prefixed name."""
        full = self.field_prefix + upper_first(name) if self.field_prefix else name
        _claim(self._roots, full, what, "root field", "Give one of the two another jw:graphqlName.")
        return full

    def fields(self, cls: EntityClass) -> dict[str, str]:
        """Every field name of the class's type → what claims it."""
        taken: dict[str, str] = {}
        where = f"class {cls.name}"

        def claim(name: str, what: str) -> None:
            _claim(taken, name, what, f"field of {where}", "Rename the property or relation in the ontology.")

        for name in ENTITY_FIELDS:
            claim(name, f"the built-in field {name}")
        for prop in cls.properties:
            claim(prop.name, f"property {prop.name}")
            if prop.name in WHERE_WORDS:
                raise _reserved(prop.name, where)
            if prop.datatype is Datatype.GEOMETRY:
                for suffix in ("Distance", "Area", "Grid"):
                    claim(prop.name + suffix, f"the built-in field {prop.name}{suffix}")
        for step, relation, _ in self.schema.steps_from(cls.name):
            if step in WHERE_WORDS:
                raise _reserved(step, where)
            claim(step, f"relation {step}")
            claim(step + "Aggregate", f"the aggregate of relation {step}")
            if self.closes(relation):
                claim(step + "Closure", f"the closure of relation {step}")
        return taken

    def closes(self, relation: Relation) -> bool:
        """Whether the relation can be followed more than once: an end can be a start."""
        schema = self.schema
        return schema.is_a(relation.range, relation.domain) or schema.is_a(relation.domain, relation.range)

    def check(self) -> None:
        """Raise SchemaError for names that collide or that GraphQL cannot spell."""
        for cls in self.schema.classes.values():
            for name in (self.base(cls), *self.fields(cls)):
                if not NAME.match(name) or name.startswith("__"):
                    raise SchemaError(
                        f"{name!r} is no GraphQL name",
                        where=f"class {cls.name}",
                        remedy="Add a jw:graphqlName in Latin letters; `jingwei ontology check` proposes one.",
                    )
        for relation in self.schema.relations.values():
            for prop in relation.properties:
                if prop.name in EDGE_FIELDS or prop.name in WHERE_WORDS:
                    raise _reserved(prop.name, f"relation {relation.name}")


def _claim(taken: dict[str, str], name: str, what: str, kind: str, remedy: str) -> None:
    if name in taken and taken[name] != what:
        raise SchemaError(f"{taken[name]} and {what} would both be the {kind} {name!r}", remedy=remedy)
    taken[name] = what


def _reserved(name: str, where: str) -> SchemaError:
    return SchemaError(
        f"The name {name!r} has a meaning of its own in every GraphQL type",
        where=where,
        remedy="Rename the property or relation in the ontology.",
    )
