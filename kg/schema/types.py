"""The frozen `Schema`: what the ontology says, in the form that every other layer reads.

It is made once from Turtle (`kg.schema.compile`) and never changed. Names are the ontology's
local names (ASCII); labels carry Chinese and English.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT_CLASS = "Thing"
"""Every class descends from this one."""


class Datatype(StrEnum):
    """How a property's value is held; the stored form is given behind each name."""

    STRING = "string"  # str
    BOOLEAN = "boolean"  # bool
    INTEGER = "integer"  # int, 32 bits signed
    LONG = "long"  # int, 64 bits signed
    DOUBLE = "double"  # float, 15 significant digits, finite
    DATE = "date"  # str "2024-05-01", or with less precision "2024-05", "2024"; sorts as text
    INSTANT = "instant"  # int, microseconds since 1970-01-01T00:00:00Z
    GEOMETRY = "geometry"  # str, canonical GeoJSON geometry, EPSG:4326 stored longitude, latitude
    JSON = "json"  # str, canonical JSON text (only for `attributes`)
    ENTITY = "entity"  # str, an entity id (relation properties only)


@dataclass(frozen=True, slots=True)
class Label:
    """A text for people in both languages; `zh` falls back to `en` and the reverse."""

    en: str = ""
    zh: str = ""

    def text(self, language: str = "en") -> str:
        return (self.zh or self.en) if language.startswith("zh") else (self.en or self.zh)


@dataclass(frozen=True, slots=True)
class Scheme:
    """An identifier scheme, declared wholly in Turtle.

    The checksum, where there is one, is ISO 7064-like: each character of the body is looked up in
    `alphabet`, multiplied by its weight, the products are added up; the check character is
    `check_alphabet[(modulus - sum % modulus) % modulus]`.
    """

    name: str
    iri: str
    label: Label
    pattern: str = ""  # regular expression for the whole normalised value
    alphabet: str = ""
    weights: tuple[int, ...] = ()
    modulus: int = 0
    check_alphabet: str = ""  # indexed by the remainder
    upper: bool = False  # normalisation: upper-case
    strip: str = ""  # normalisation: characters removed anywhere (e.g. "-" and space)
    owner: str = ""  # who issues it
    identifying: bool = True  # finds an entity at load time, unique per valid and system instant
    sensitivity: int = 0
    example: str = ""  # a value that conforms, of nobody
    definition: Label = field(default_factory=Label)


@dataclass(frozen=True, slots=True)
class Property:
    """A literal-valued property of classes, or (with `target`) an entity-valued one of a relation."""

    name: str
    iri: str
    owner: str  # the class or relation that declares it
    datatype: Datatype
    label: Label
    definition: Label = field(default_factory=Label)
    many: bool = False  # maxCount > 1 (or none): a set, held as a sorted tuple without duplicates
    min_count: int = 0
    max_count: int | None = 1
    values: tuple[str, ...] = ()  # sh:in, in order; () is any
    pattern: str = ""
    min_length: int | None = None
    max_length: int | None = None
    min_inclusive: float | str | None = None
    max_inclusive: float | str | None = None
    min_exclusive: float | str | None = None
    max_exclusive: float | str | None = None
    unit: str = ""  # e.g. "CNY", "m2", "%": QUDT/UCUM code as declared
    scheme: str = ""  # identifier scheme of its values
    target: str = ""  # class name, for Datatype.ENTITY
    sensitivity: int = 0  # least level that may read it
    indexed: bool = False
    searchable: bool = False
    value_labels: tuple[Label, ...] = ()  # one for each of `values`, or ()
    alignments: tuple[tuple[str, str], ...] = ()  # (e.g. "exactMatch", IRI of a public vocabulary's term)


@dataclass(frozen=True, slots=True)
class Relation:
    """A typed, directed relation. Its identity is (name, from, to, key properties)."""

    name: str
    iri: str
    label: Label
    domain: str
    range: str
    inverse: str = ""  # name under which it is read from the other end ("" = not offered)
    inverse_label: Label = field(default_factory=Label)
    definition: Label = field(default_factory=Label)
    properties: tuple[Property, ...] = ()  # own properties, in name order
    key: tuple[str, ...] = ()  # names of the properties that belong to its identity
    symmetric: bool = False
    acyclic: bool = False  # never leads back to where it starts
    sensitivity: int = 0
    min_count: int = 0  # per subject
    max_count: int | None = None  # per subject at one valid instant
    alignments: tuple[tuple[str, str], ...] = ()

    def property(self, name: str) -> Property | None:
        return next((p for p in self.properties if p.name == name), None)


@dataclass(frozen=True, slots=True)
class EntityClass:
    """A class with all that it inherits: `properties` are own and inherited ones in name order."""

    name: str
    iri: str
    label: Label
    definition: Label = field(default_factory=Label)
    parents: tuple[str, ...] = ()  # direct, in name order
    ancestors: tuple[str, ...] = ()  # transitive, without itself, nearest first
    abstract: bool = False
    properties: tuple[Property, ...] = ()
    closed: bool = False
    sensitivity: int = 0
    module: str = ""  # the file that declares it, without its ending; not part of the hash
    graphql_name: str = ""  # as in GraphQL; default: name
    alignments: tuple[tuple[str, str], ...] = ()

    def property(self, name: str) -> Property | None:
        return next((p for p in self.properties if p.name == name), None)


@dataclass(frozen=True)
class Schema:
    """All classes, relations and schemes of one set of ontology modules.

    `hash` is the content hash (sha256, hex) of a canonical form of everything in here: equal
    hashes mean equal meaning, whatever the Turtle looked like.
    """

    hash: str
    classes: Mapping[str, EntityClass]
    relations: Mapping[str, Relation]
    schemes: Mapping[str, Scheme]
    prefixes: Mapping[str, str] = field(default_factory=dict)
    level_names: tuple[Label, ...] = (
        Label("public", "公开"),
        Label("internal", "内部"),
        Label("confidential", "秘密"),
        Label("secret", "机密"),
    )

    @cached_property
    def inverses(self) -> Mapping[str, Relation]:
        """Relations by the name of their inverse."""
        return MappingProxyType({r.inverse: r for r in self.relations.values() if r.inverse})

    @cached_property
    def _concrete(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {name: [] for name in self.classes}
        for cls in self.classes.values():
            if not cls.abstract:
                for name in (cls.name, *cls.ancestors):
                    found[name].append(cls.name)
        return {name: tuple(sorted(names)) for name, names in found.items()}

    def concrete(self, name: str) -> tuple[str, ...]:
        """Names of the non-abstract classes at or below `name`, sorted. KeyError if unknown."""
        return self._concrete[name]

    def is_a(self, name: str, ancestor: str) -> bool:
        return name == ancestor or ancestor in self.classes[name].ancestors

    def step(self, name: str) -> tuple[Relation, bool] | None:
        """A relation by its name (True: read outward) or its inverse's name (False: inward)."""
        if name in self.relations:
            return self.relations[name], True
        if name in self.inverses:
            return self.inverses[name], False
        return None

    def steps_from(self, class_name: str) -> Iterator[tuple[str, Relation, bool]]:
        """(name, relation, outward) for every relation that an instance of the class may have."""
        for relation in self.relations.values():
            if self.is_a(class_name, relation.domain):
                yield relation.name, relation, True
            if relation.inverse and self.is_a(class_name, relation.range):
                yield relation.inverse, relation, False

    @cached_property
    def property_owners(self) -> Mapping[tuple[str, str], Property]:
        """(declaring class, property name) → property as declared there (subclasses may tighten it)."""
        return {(p.owner, p.name): p for c in self.classes.values() for p in c.properties if p.owner == c.name}
