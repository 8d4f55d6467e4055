"""Relations, read from Turtle: ends, inverse, own properties, key."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from kg.schema.problems import suggestion
from kg.schema.shapes import alignments
from kg.schema.turtle import is_iri
from kg.schema.types import Datatype, Label, Property, Relation
from kg.schema.vocabulary import JW, ON_RELATION, OWL, RDFS, RELATION, RESERVED, SH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rdflib.term import Node

    from kg.schema.shapes import PropertyShape, ShapeReader
    from kg.schema.turtle import Modules


class RelationReader:
    """Reads the `jw:Relation` terms. `classes`: class IRI → name."""

    def __init__(self, modules: Modules, shapes: ShapeReader, classes: Mapping[str, str]) -> None:
        self.modules = modules
        self.shapes = shapes
        self.classes = classes

    def read(self, own: Mapping[str, list[PropertyShape]]) -> dict[str, Relation]:
        """Relations by IRI; `own`: property shapes by the IRI of the relation that they stand on."""
        return {
            str(node): relation
            for node in self.modules.subjects(RELATION)
            if is_iri(node) and (relation := self._relation(node, own.get(str(node), [])))
        }

    def _relation(self, node: Node, own: list[PropertyShape]) -> Relation | None:
        modules = self.modules
        modules.unknown_terms(node, JW, ON_RELATION, "a relation")
        name = self.shapes.name(node, "relation")
        if not name:
            return None
        domain = self._end(node, RDFS + "domain")
        range_ = self._end(node, RDFS + "range")
        symmetric = modules.is_a(node, OWL + "SymmetricProperty")
        inverse, inverse_label = self._inverse(node, symmetric=symmetric)
        if symmetric and domain != range_:
            modules.report(
                node, "is symmetric, but its two ends are of different classes", "Give it one class at both ends."
            )
        properties = tuple(sorted((self._property(shape, name) for shape in own), key=lambda made: made.name))
        for first, second in pairwise(properties):
            if first.name == second.name:
                modules.report(node, f"has two shapes for its property {first.name!r}", "Keep one.")
        return Relation(
            name=name,
            iri=str(node),
            label=modules.label(node, required="label"),
            domain=domain,
            range=range_,
            inverse=inverse,
            inverse_label=inverse_label,
            definition=modules.definition(node),
            properties=properties,
            key=self._key(node, properties),
            symmetric=symmetric,
            acyclic=self._acyclic(node, symmetric=symmetric),
            sensitivity=self.shapes.sensitivity(node),
            alignments=alignments(modules, node, frozenset({*self.classes})),
        )

    def _class(self, node: Node, iri: str, what: str) -> str:
        if iri in self.classes:
            return self.classes[iri]
        self.modules.report(
            node,
            f"{what} {self.modules.term(iri)} is not a class of the ontology",
            suggestion(iri, self.classes) or "Declare it with `a owl:Class`.",
        )
        return ""

    def _end(self, node: Node, predicate: str) -> str:
        iri = self.modules.iri(node, predicate)
        if iri:
            return self._class(node, iri, self.modules.term(predicate))
        if not self.modules.values(node, predicate):
            self.modules.report(
                node, f"has no {self.modules.term(predicate)}", "A relation names one class at each end."
            )
        return ""

    def _inverse(self, node: Node, *, symmetric: bool) -> tuple[str, Label]:
        modules = self.modules
        inverse = modules.one(node, OWL + "inverseOf")
        if inverse is None:
            return "", Label()
        if not is_iri(inverse):
            modules.report(node, "owl:inverseOf must name a term", "Write owl:inverseOf :suppliedBy.")
            return "", Label()
        if symmetric:
            modules.report(node, "is symmetric and has an inverse", "A symmetric relation is its own inverse: drop it.")
        if modules.is_a(inverse, RELATION):
            modules.report(
                node,
                f"owl:inverseOf {modules.show(inverse)} is a jw:Relation itself",
                "Declare the inverse as owl:ObjectProperty only: it is read, not stored.",
            )
        return self.shapes.name(inverse, "relation"), modules.label(inverse, required="label")

    def _acyclic(self, node: Node, *, symmetric: bool) -> bool:
        acyclic = self.modules.flag(node, JW + "acyclic")
        if acyclic and symmetric:
            self.modules.report(
                node, "is symmetric and jw:acyclic", "A symmetric relation leads back: drop one of them."
            )
        return acyclic

    def _property(self, shape: PropertyShape, owner: str) -> Property:
        made = replace(shape.property, owner=owner)
        if made.datatype is not Datatype.ENTITY:
            return made
        return replace(made, target=self._class(shape.node, made.target, "sh:class"))

    def _key(self, node: Node, properties: tuple[Property, ...]) -> tuple[str, ...]:
        modules = self.modules
        by_iri = {p.iri: p for p in properties}
        key: list[str] = []
        for path in modules.values(node, JW + "key"):
            held = by_iri.get(str(path))
            if held is None:
                near = suggestion(str(path), by_iri)
                modules.report(
                    node,
                    f"jw:key {modules.show(path)} is not a property of this relation",
                    near or "Add a sh:property with this path to the relation.",
                )
                continue
            if held.many:
                modules.report(node, f"jw:key {modules.show(path)} may have many values", "Add sh:maxCount 1 to it.")
            key.append(held.name)
        return tuple(sorted(key))


def with_cardinality(
    modules: Modules, relation: Relation, shape: Node, on_class: str, classes: Mapping[str, str]
) -> Relation:
    """The relation with the cardinality that a property shape on its domain class gives it."""
    allowed = {SH + term for term in ("path", "class", "nodeKind", "minCount", "maxCount", "name", "description")}
    modules.unknown_terms(shape, SH, allowed | {SH + "message"}, "a shape whose path is a relation")
    modules.unknown_terms(shape, JW, (), "a shape whose path is a relation")
    if on_class != relation.domain:
        modules.report(
            shape,
            f"limits the relation {relation.name!r} on {on_class}, but it starts at {relation.domain}",
            f"Put the shape on {relation.domain}: cardinality holds for all subjects alike.",
        )
        return relation
    target = modules.iri(shape, SH + "class")
    if target and classes.get(target) != relation.range:
        modules.report(
            shape,
            f"sh:class {modules.term(target)} is not the range of {relation.name!r}",
            f"The relation's rdfs:range is {relation.range}; drop sh:class here.",
        )
    kind = modules.iri(shape, SH + "nodeKind")
    if kind not in {"", SH + "IRI", SH + "BlankNodeOrIRI"}:
        modules.report(
            shape, "a relation leads to an entity, never to a literal", "Use sh:nodeKind sh:IRI, or drop it."
        )
    least = modules.integer(shape, SH + "minCount") or 0
    most = modules.integer(shape, SH + "maxCount", least=1)
    if most is not None and least > most:
        modules.report(shape, f"sh:minCount {least} is more than sh:maxCount {most}", "Lower one, raise the other.")
    return replace(relation, min_count=least, max_count=most)


def check_steps(
    modules: Modules,
    relations: Mapping[str, Relation],
    nodes: Mapping[str, Node],
    properties: Mapping[str, frozenset[str]],
    related: Mapping[str, frozenset[str]],
) -> None:
    """Reports names that mean two things.

    `properties`: class name → names of its properties; `related`: class name → itself, ancestors, descendants.
    """
    taken: dict[str, str] = {}
    for relation in sorted(relations.values(), key=lambda r: r.name):
        for name in filter(None, (relation.name, relation.inverse)):
            if name.lower() in taken:
                modules.report(
                    nodes[relation.iri],
                    f"{name!r} is the name of {taken[name.lower()]} already",
                    "Names of relations and inverses are unique, upper and lower case aside.",
                )
            taken[name.lower()] = f"the relation {relation.name}" + ("" if name == relation.name else " (inverse)")
            if name in RESERVED and name == relation.inverse:
                modules.report(nodes[relation.iri], f"{name!r} is a name that every entity has already")
        for name, end in ((relation.name, relation.domain), (relation.inverse, relation.range)):
            for class_name in sorted(related.get(end, ())):
                if name and name in properties.get(class_name, ()):
                    modules.report(
                        nodes[relation.iri],
                        f"{name!r} is also a property of {class_name}",
                        "Rename one of them: both would be the same field.",
                    )
