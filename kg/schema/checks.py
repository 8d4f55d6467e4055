"""Checks compiled from the Schema: plain closures, a few microseconds an entity.

Datatypes and identifiers are checked on every claim (`values`, which also gives the stored form); patterns, lists,
lengths and bounds on a claim (`claimed`) where a source shall be told at once, and with cardinality on the resolved
entity (`resolved`). docs/ontology-annotations.md says which SHACL terms these are; pySHACL is their oracle in tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.errors import ValidationError
from kg.schema.constraints import Constraint, constraint
from kg.schema.problems import nearest, suggestion
from kg.schema.values import Canonical, Converter, Refused, Stored, converter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import tzinfo

    from kg.schema.types import Property, Schema


@dataclass(frozen=True, slots=True)
class Violation:
    """One value that does not satisfy the schema. `constraint` is the SHACL or `jw:` term that it violates."""

    message: str
    remedy: str = ""
    where: str = ""
    field: str = ""
    value: object = None
    constraint: str = ""

    def error(self) -> ValidationError:
        """The same as an exception."""
        return ValidationError(self.message, remedy=self.remedy, where=self.where, field=self.field, value=self.value)

    def __str__(self) -> str:
        return str(self.error())


class Checks:
    """The checks of one Schema; see `compile_checks`. Methods never raise for bad data, they return Violations."""

    def __init__(self, schema: Schema, geometry: Canonical | None) -> None:
        self.schema = schema
        self._geometry = geometry
        self._classes = {name: _Constraints(cls.properties) for name, cls in schema.classes.items() if not cls.abstract}
        self._relations = {name: _Constraints(r.properties) for name, r in schema.relations.items()}
        self._class_values: dict[tuple[str, tzinfo | None], Mapping[str, Converter]] = {}
        self._relation_values: dict[tuple[str, tzinfo | None], Mapping[str, Converter]] = {}

    def values(
        self,
        cls: str,
        mapping: Mapping[str, object],
        *,
        where: str = "",
        zone: tzinfo | None = None,
        patch: bool = False,
    ) -> tuple[dict[str, Stored | None], list[Violation]]:
        """(values in stored form, violations of datatype and identifier scheme); a violating property is left out.

        None and empty lists mean absent and are left out, or kept as None with `patch`, where they remove.
        Instants without an offset are read in `zone`. `where` goes into the violations: file and row.
        """
        table = self._class_values.get((cls, zone))
        if table is None:
            if cls not in self._classes:
                return {}, [self._no_such_class(cls, where)]
            table = self._converters(self.schema.classes[cls].properties, zone)
            self._class_values[cls, zone] = table
        return _converted(cls, table, mapping, where, patch, self._known)

    def relation_values(
        self,
        relation: str,
        mapping: Mapping[str, object],
        *,
        where: str = "",
        zone: tzinfo | None = None,
        patch: bool = False,
    ) -> tuple[dict[str, Any], list[Violation]]:
        """As `values`, for a relation's own properties. References to entities pass through unchanged."""
        table = self._relation_values.get((relation, zone))
        if table is None:
            held = self.schema.relations.get(relation)
            if held is None:
                near = suggestion(relation, self.schema.relations)
                return {}, [Violation(f"there is no relation {relation!r}", near, where, "", relation)]
            table = self._converters(held.properties, zone)
            self._relation_values[relation, zone] = table
        return _converted(relation, table, mapping, where, patch, self._known)

    def claimed(self, cls: str, values: Mapping[str, object], *, where: str = "") -> list[Violation]:
        """Violations of everything but cardinality by values in stored form: for one source's statement."""
        held = self._classes.get(cls)
        return held.check(values, where) if held is not None else [self._no_such_class(cls, where)]

    def resolved(self, cls: str, values: Mapping[str, object], *, where: str = "") -> list[Violation]:
        """Violations of all constraints by the resolved values of an entity, in stored form."""
        held = self._classes.get(cls)
        if held is None:
            return [self._no_such_class(cls, where)]
        found = held.check(values, where)
        for name in held.required:
            if name not in values:
                found.append(_missing(cls, name, where))
        return found

    def relation_resolved(self, relation: str, values: Mapping[str, object], *, where: str = "") -> list[Violation]:
        """As `resolved`, for a relation's own properties. KeyError for an unknown relation."""
        held = self._relations[relation]
        found = held.check(values, where)
        for name in held.required:
            if name not in values:
                found.append(_missing(relation, name, where))
        return found

    def relation_ends(self, relation: str, start: str, end: str, *, where: str = "") -> list[Violation]:
        """Violations where the classes of the two ends are not those that the relation joins. KeyError if unknown."""
        held = self.schema.relations[relation]
        found = []
        for side, cls, expected in (("start", start, held.domain), ("end", end, held.range)):
            if cls not in self.schema.classes or not self.schema.is_a(cls, expected):
                found.append(
                    Violation(
                        f"{relation!r} cannot {'start' if side == 'start' else 'end'} at {cls}",
                        f"It leads from {held.domain} to {held.range}.",
                        where,
                        side,
                        cls,
                        "sh:class",
                    )
                )
        return found

    # ------------------------------------------------------------ inside

    def _converters(self, properties: Iterable[Property], zone: tzinfo | None) -> Mapping[str, Converter]:
        schemes = self.schema.schemes
        return {p.name: converter(p, schemes[p.scheme] if p.scheme else None, self._geometry, zone) for p in properties}

    def _known(self, owner: str, name: str) -> str:
        """What may have been meant by a property name that a class or relation does not have."""
        schema = self.schema
        if owner in schema.relations:
            properties = schema.relations[owner].properties
        else:
            properties = schema.classes[owner].properties
            if any(step == name for step, _, _ in schema.steps_from(owner)):
                return "It is a relation: state it as one."
        labels = {text: p.name for p in properties for text in (p.label.zh, p.label.en) if text}
        return _near(name, labels | {p.name: p.name for p in properties})

    def _no_such_class(self, cls: str, where: str) -> Violation:
        if cls in self.schema.classes:
            names = ", ".join(self.schema.concrete(cls))
            return Violation(
                f"{cls} is abstract: nothing is only that", f"Use one of {names}.", where, "class", cls, "jw:abstract"
            )
        labels = {c.label.zh: c.name for c in self.schema.classes.values() if c.label.zh}
        near = _near(cls, labels | {name: name for name in self.schema.classes})
        return Violation(f"there is no class {cls!r} in the ontology", near, where, "class", cls, "sh:targetClass")


def compile_checks(schema: Schema, geometry: Callable[[Any], str] | None = None) -> Checks:
    """The checks of a Schema. `geometry` is `kg.geo.geometry.canonical`, which lies in a layer above this one.

    Without it every check but `values` with a geometry works; that one raises TypeError.
    """
    return Checks(schema, geometry)


class _Constraints:
    """Of one class or relation."""

    __slots__ = ("required", "table")

    def __init__(self, properties: Iterable[Property]) -> None:
        self.table: dict[str, Constraint | None] = {p.name: constraint(p) for p in properties}
        self.required = tuple(p.name for p in properties if p.min_count)

    def check(self, values: Mapping[str, object], where: str) -> list[Violation]:
        found: list[Violation] = []
        table = self.table
        for name, value in values.items():
            check = table.get(name, _UNKNOWN)
            if check is not None and value is not None:
                wrong = check(value)
                if wrong is not None:
                    if check is _UNKNOWN:
                        wrong = (wrong[0], suggestion(name, table), wrong[2])
                    found.append(Violation(wrong[0], wrong[1], where, name, value, wrong[2]))
        return found


def _unknown(_value: object) -> tuple[str, str, str]:
    return "there is no such property", "", "sh:closed"


_UNKNOWN: Constraint = _unknown


def _near(text: str, names: Mapping[str, str]) -> str:
    """ "Did you mean …?" where `names` maps what people may write to the name that is meant."""
    if text in names:
        return f"Did you mean {names[text]!r}?"
    near = nearest(text, names)
    return f"Did you mean {names[near]!r}?" if near else ""


def _missing(owner: str, name: str, where: str) -> Violation:
    return Violation(f"{owner} needs a value for {name!r}", "Add it.", where, name, None, "sh:minCount")


def _converted(
    owner: str,
    table: Mapping[str, Converter],
    mapping: Mapping[str, object],
    where: str,
    patch: bool,
    known: Callable[[str, str], str],
) -> tuple[dict[str, Any], list[Violation]]:
    out: dict[str, Any] = {}
    found: list[Violation] = []
    for name, value in mapping.items():
        convert = table.get(name)
        if convert is None:
            near = known(owner, name)
            found.append(Violation(f"{owner} has no property {name!r}", near, where, name, value, "sh:closed"))
        elif value is None:
            if patch:
                out[name] = None
        else:
            try:
                stored = convert(value)
            except Refused as refused:
                found.append(Violation(refused.message, refused.remedy, where, name, value, refused.constraint))
            else:
                if stored != ():
                    out[name] = stored
                elif patch:
                    out[name] = None
    return out, found
