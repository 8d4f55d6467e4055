"""Puts the parts of an ontology together: levels, schemes, classes, shapes, relations; reports what does not fit."""

from __future__ import annotations

from difflib import SequenceMatcher
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from kg.schema.inheritance import Inheritance, ancestors, cycles
from kg.schema.problems import suggestion
from kg.schema.relations import RelationReader, check_steps, with_cardinality
from kg.schema.schemes import read_levels, read_schemes
from kg.schema.shapes import PropertyShape, ShapeReader, alignments
from kg.schema.turtle import CLASS_TYPES, NAME, PROPERTY_TYPES, Modules, is_iri, local_name, namespace_of
from kg.schema.types import ROOT_CLASS, Datatype, EntityClass, Relation, Schema
from kg.schema.vocabulary import (
    ANNOTATIONS,
    IDENTIFIER_SCHEME,
    JW,
    LEVEL,
    NODE_SHAPE,
    ON_CLASS,
    ON_SHAPE,
    OWL,
    RDFS,
    RELATION,
    SH,
    SHAPE_TEXT,
    TYPES,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rdflib.term import Node

    from kg.schema.problems import Problems


INVERSE: Final = OWL + "inverseOf"


class Assembly:
    """One compilation. `schema()` is None, or not to be used, once a problem was reported."""

    def __init__(self, files: Mapping[str, bytes], problems: Problems) -> None:
        self.problems = problems
        self.files = files
        self.modules = Modules(files, problems)
        self._used: set[Node] = set()
        self._closed: set[str] = set()

    def schema(self) -> Schema | None:
        modules = self.modules
        if self.problems:  # Without all files everything that refers to them would be reported, too.
            return None
        levels, level_labels = read_levels(modules)
        schemes = read_schemes(modules, levels)
        shapes = ShapeReader(modules, levels, {iri: scheme.name for iri, scheme in schemes.items()})
        nodes = self._classes(shapes)
        names = {str(node): name for name, node in nodes.items()}
        relation_iris = {str(node) for node in modules.subjects(RELATION)}
        on_class, on_relation, cardinalities = self._shapes(shapes, names, relation_iris)
        relations = RelationReader(modules, shapes, names).read(on_relation)
        for shape, class_name in cardinalities:
            iri = modules.iri(shape, SH + "path")
            if iri in relations:
                relations[iri] = with_cardinality(modules, relations[iri], shape, class_name, names)
        self._stray_terms()
        classes = self._entity_classes(shapes, nodes, names, on_class)
        if classes is None:
            return None
        self._names(classes, relations)
        return Schema(
            "",
            dict(sorted(classes.items())),
            {relation.name: relation for relation in sorted(relations.values(), key=lambda r: r.name)},
            {scheme.name: scheme for scheme in sorted(schemes.values(), key=lambda s: s.name)},
            dict(sorted(modules.prefixes.items())),
            **({"level_names": level_labels} if level_labels else {}),
        )

    # ------------------------------------------------------------ classes

    def _classes(self, shapes: ShapeReader) -> dict[str, Node]:
        """Class name → node."""
        modules = self.modules
        found: dict[str, Node] = {}
        for node in sorted({node for kind in CLASS_TYPES for node in modules.subjects(kind)}, key=str):
            if not is_iri(node):
                continue
            self._used.add(node)
            modules.unknown_terms(node, JW, ON_CLASS | ON_SHAPE, "a class")
            name = shapes.name(node, "class")
            if not name:
                continue
            lower = {known.lower(): known for known in found}
            if name.lower() in lower:
                modules.report(
                    node,
                    f"another class is called {lower[name.lower()]!r}: {found[lower[name.lower()]]}",
                    "Class names are unique, upper and lower case aside: choose another local name.",
                )
                continue
            found[name] = node
        if ROOT_CLASS not in found:
            self.problems.add(
                next(iter(self.files), ""),
                ROOT_CLASS,
                f"the root class {ROOT_CLASS} is missing",
                "Read the shipped modules too, or declare a class with this local name.",
            )
        return found

    def _parents(self, nodes: Mapping[str, Node], names: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Class → direct parents; the root for a class that names none of ours."""
        modules = self.modules
        own = {namespace_of(iri) for iri in names}
        out: dict[str, tuple[str, ...]] = {}
        for name, node in nodes.items():
            parents: set[str] = set()
            for parent in modules.values(node, RDFS + "subClassOf"):
                iri = str(parent)
                if not is_iri(parent):
                    modules.report(
                        node,
                        "rdfs:subClassOf an unnamed class expression is not compiled",
                        "Say it as a SHACL property shape.",
                    )
                elif iri in names:
                    parents.add(names[iri])
                elif namespace_of(iri) in own:
                    near = suggestion(local_name(iri), names.values())
                    modules.report(
                        node, f"rdfs:subClassOf {modules.show(parent)}: no such class", near or "Declare it, too."
                    )
                elif near := next((held for held in own if _alike(held, namespace_of(iri))), ""):
                    modules.report(
                        node,
                        f"rdfs:subClassOf {modules.show(parent)}: no such class, and its namespace is nearly {near}",
                        "Correct the prefix.",
                    )
            out[name] = tuple(sorted(parents)) or (() if name == ROOT_CLASS else (ROOT_CLASS,))
        return out

    def _entity_classes(
        self,
        shapes: ShapeReader,
        nodes: Mapping[str, Node],
        names: Mapping[str, str],
        on_class: Mapping[str, list[PropertyShape]],
    ) -> dict[str, EntityClass] | None:
        modules = self.modules
        parents = self._parents(nodes, names)
        loops = cycles(parents)
        for loop in loops:
            modules.report(
                nodes[loop[0]],
                "is its own ancestor: " + " → ".join((*loop, loop[0])),
                "Remove one rdfs:subClassOf of this circle.",
            )
        if loops or ROOT_CLASS not in nodes:
            return None
        lines = ancestors(parents)
        inheritance = Inheritance(modules, lines, on_class)
        own_sensitivity = {name: shapes.sensitivity(node) for name, node in nodes.items()}
        classes: dict[str, EntityClass] = {}
        graphql: dict[str, str] = {}
        for name, node in nodes.items():
            graphql_name = modules.string(node, JW + "graphqlName") or name
            if not NAME.fullmatch(graphql_name):
                modules.report(node, f"jw:graphqlName {graphql_name!r} is no name in GraphQL", "Letters, digits, _.")
            elif graphql_name.lower() in graphql:
                modules.report(
                    node,
                    f"its GraphQL name {graphql_name!r} is that of {graphql[graphql_name.lower()]}, too",
                    "Give one of them another jw:graphqlName.",
                )
            graphql[graphql_name.lower()] = name
            classes[name] = EntityClass(
                name=name,
                iri=str(node),
                label=modules.label(node, required="label"),
                definition=modules.definition(node),
                parents=parents[name],
                ancestors=lines[name],
                abstract=modules.flag(node, JW + "abstract"),
                properties=inheritance.properties(name),
                closed=name in self._closed,
                sensitivity=max(own_sensitivity[held] for held in (name, *lines[name])),
                module=PurePath(modules.file(node)).stem,
                graphql_name=graphql_name,
                alignments=alignments(modules, node, frozenset(names)),
            )
        return classes

    # ------------------------------------------------------------ shapes

    def _targets(self, shape: Node) -> list[Node]:
        return self.modules.values(shape, SH + "targetClass")

    def _shapes(
        self, reader: ShapeReader, names: Mapping[str, str], relations: set[str]
    ) -> tuple[dict[str, list[PropertyShape]], dict[str, list[PropertyShape]], list[tuple[Node, str]]]:
        """(property shapes by class name, by relation IRI, (shape, class) whose path is a relation)."""
        modules = self.modules
        on_class: dict[str, list[PropertyShape]] = {}
        on_relation: dict[str, list[PropertyShape]] = {}
        cardinalities: list[tuple[Node, str]] = []
        for node in self._node_shapes():
            self._used.add(node)
            if modules.flag(node, JW + "pyshaclOnly") or modules.flag(node, SH + "deactivated"):
                self._use_all_below(node)
                continue
            modules.unknown_terms(node, SH, NODE_SHAPE | SHAPE_TEXT, "a node shape that Jingwei compiles")
            owners = self._owners(node, names, relations)
            if modules.flag(node, SH + "closed"):
                self._closed.update(owner for _, owner in owners)
            for shape in modules.values(node, SH + "property"):
                self._used.add(shape)
                if modules.flag(shape, JW + "pyshaclOnly") or modules.flag(shape, SH + "deactivated"):
                    self._use_all_below(shape)
                    continue
                for iri, owner in owners:
                    if str(modules.value(shape, SH + "path")) in relations and iri in names:
                        cardinalities.append((shape, owner))
                    elif made := reader.read(shape, owner):
                        self._used.add(made.path)
                        if iri in names and made.property.datatype is Datatype.ENTITY:
                            modules.report(
                                shape,
                                "leads to an entity, but is no relation",
                                "Declare its path as jw:Relation with rdfs:domain and rdfs:range.",
                            )
                        elif iri in names:
                            on_class.setdefault(owner, []).append(made)
                        else:
                            on_relation.setdefault(iri, []).append(made)
        return on_class, on_relation, cardinalities

    def _node_shapes(self) -> list[Node]:
        modules = self.modules
        return sorted(
            {
                *modules.subjects(SH + "NodeShape"),
                *(node for term in ("property", "targetClass", "closed") for node in modules.with_predicate(SH + term)),
            },
            key=str,
        )

    def _owners(self, node: Node, names: Mapping[str, str], relations: set[str]) -> list[tuple[str, str]]:
        """(IRI, name) of the classes or the relation that a node shape is for."""
        modules = self.modules
        owners: list[tuple[str, str]] = []
        if str(node) in names:
            owners.append((str(node), names[str(node)]))
        elif str(node) in relations:
            owners.append((str(node), local_name(str(node))))
        for target in self._targets(node):
            if str(target) in names:
                owners.append((str(target), names[str(target)]))
            else:
                near = suggestion(local_name(str(target)), names.values())
                modules.report(node, f"sh:targetClass {modules.show(target)}: no such class", near)
        if not owners and not self._targets(node) and modules.values(node, SH + "property"):
            modules.report(
                node,
                "is a shape without a class",
                "Add sh:targetClass, or write sh:property on the class itself; a class needs `a owl:Class`.",
            )
        return owners

    def _use_all_below(self, node: Node) -> None:
        """Blank nodes under a shape that only pySHACL reads are none of ours."""
        for child in self.modules.below(node):
            if not is_iri(child) and child not in self._used:
                self._used.add(child)
                self._use_all_below(child)

    # ------------------------------------------------------------ what is left over

    def _stray_terms(self) -> None:
        modules = self.modules
        for kind in modules.types():
            if kind.startswith(JW) and kind not in TYPES:
                near = suggestion(local_name(kind), [local_name(known) for known in TYPES])
                for subject in modules.subjects(kind):
                    modules.report(subject, f"{modules.term(kind)} is no type of Jingwei", near)
        inverses = {node for relation in modules.subjects(RELATION) for node in modules.values(relation, INVERSE)}
        for subject in sorted({node for kind in PROPERTY_TYPES for node in modules.subjects(kind)}, key=str):
            if is_iri(subject) and subject not in inverses:
                self._unused_property(subject)
        kinds = (*CLASS_TYPES, *PROPERTY_TYPES, RELATION, IDENTIFIER_SCHEME, LEVEL)
        for subject in modules.all_subjects():
            for predicate in modules.predicates(subject):
                if predicate.startswith(JW):
                    if predicate not in ANNOTATIONS:
                        near = suggestion(local_name(predicate), [local_name(known) for known in ANNOTATIONS])
                        modules.report(subject, f"{modules.term(predicate)} is not a term of Jingwei", near)
                    elif subject not in self._used and not modules.is_a(subject, *kinds):
                        modules.report(
                            subject,
                            f"{modules.term(predicate)} stands on something that is no class, property or relation",
                            "Say what it is: a owl:Class, owl:DatatypeProperty or jw:Relation.",
                        )
                elif (
                    predicate.startswith(SH)
                    and subject not in self._used
                    and not modules.is_a(subject, OWL + "Ontology")
                ):
                    modules.report(
                        subject,
                        f"{modules.term(predicate)} belongs to a shape that no class uses",
                        "Attach it to a class by sh:property.",
                    )

    def _unused_property(self, node: Node) -> None:
        modules = self.modules
        if node in self._used or modules.is_a(node, RELATION):
            return
        if modules.is_a(node, OWL + "ObjectProperty"):
            modules.report(
                node,
                "is an owl:ObjectProperty that nothing uses",
                "Make it a jw:Relation with rdfs:domain and rdfs:range, or remove it.",
            )
        else:
            modules.report(
                node,
                "is declared, but no shape uses it: no entity could have it",
                "Add `sh:property [ sh:path … ; sh:datatype … ; sh:maxCount 1 ]` to a class.",
            )

    def _names(self, classes: Mapping[str, EntityClass], relations: Mapping[str, Relation]) -> None:
        modules = self.modules
        nodes = {str(node): node for node in modules.subjects(RELATION)}
        for relation in relations.values():
            if relation.name in classes:
                modules.report(
                    nodes[relation.iri], f"{relation.name!r} is the name of a class, too", "Rename one of them."
                )
        related: dict[str, set[str]] = {name: {name, *cls.ancestors} for name, cls in classes.items()}
        for name, cls in classes.items():
            for ancestor in cls.ancestors:
                related[ancestor].add(name)
        check_steps(
            modules,
            relations,
            nodes,
            {name: frozenset(p.name for p in cls.properties) for name, cls in classes.items()},
            {name: frozenset(held) for name, held in related.items()},
        )


def _alike(known: str, namespace: str) -> bool:
    """Whether a namespace is a mistyped one; it would pass for a public vocabulary otherwise."""
    return SequenceMatcher(None, known, namespace).ratio() > 0.95
