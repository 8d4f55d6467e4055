"""Reading Turtle modules: one graph of all files, which file says what, and access that reports problems.

rdflib is imported here and only when something is read, so that a start from the cache never pays for it.
"""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from kg.schema.problems import suggestion
from kg.schema.types import Label
from kg.schema.vocabulary import OWL, RDF, RDFS, SH, SKOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rdflib.term import Node

    from kg.schema.problems import Problems

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""What classes, properties, relations and schemes may be called: valid in GraphQL, without a leading underscore."""


class Modules:
    """The union of all modules. Nodes are rdflib's; `None` stands for what is absent or was reported as wrong."""

    def __init__(self, files: Mapping[str, bytes], problems: Problems) -> None:
        """`files`: file name as shown to people → Turtle in UTF-8."""
        self.problems = problems
        self._said: dict[Node, dict[str, list[Node]]] = {}  # subject → predicate IRI → objects
        self._of_type: dict[str, set[Node]] = {}
        self.prefixes: dict[str, str] = {}
        self._shown: dict[str, str] = {}  # the empty prefix, too
        self._files: dict[Node, str] = {}
        self._parents: dict[Node, Node] = {}
        for file, content in files.items():
            self._read(file, content)

    def _read(self, file: str, content: bytes) -> None:
        from rdflib import Graph
        from rdflib.plugins.parsers.notation3 import BadSyntax

        graph = Graph(bind_namespaces="none")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            self.problems.add(
                file, "", f"byte {error.start} is not UTF-8", "Turtle is always UTF-8: save the file in it.", line
            )
            return
        try:
            with _ill_typed_literals_unlogged():
                graph.parse(data=text, format="turtle")
        except BadSyntax as error:
            reason = re.search(r"Bad syntax \((.*)\) at \^", str(error.message), re.DOTALL)
            self.problems.add(
                file,
                "",
                f"not Turtle: {reason[1] if reason else 'bad syntax'}",
                "Often a missing '.' or ';' on the line before, or a prefix that is not declared.",
                int(error.lines) + 1,
            )
            return
        except Exception:  # noqa: BLE001  rdflib's parser also ends in AssertionError, IndexError and others
            self.problems.add(
                file, "", "not Turtle: a text or a bracket is not closed", "Look for a missing quotation mark or ']'."
            )
            return
        for prefix, namespace in graph.namespaces():
            self._shown.setdefault(str(prefix), str(namespace))
            if prefix:
                self.prefixes.setdefault(prefix, str(namespace))
        for subject, predicate, held in graph:
            objects = self._said.setdefault(subject, {}).setdefault(str(predicate), [])
            if held not in objects:
                objects.append(held)
            if str(predicate) == RDF + "type":
                self._of_type.setdefault(str(held), set()).add(subject)
            self._files.setdefault(subject, file)
            if not is_iri(held):
                self._parents.setdefault(held, subject)

    # ------------------------------------------------------------ where

    def file(self, node: Node) -> str:
        return self._files.get(node, "")

    def show(self, node: Node) -> str:
        """A node for people: prefixed name, or for a blank node the term that it belongs to and its path."""
        if is_iri(node):
            iri = str(node)
            for prefix, namespace in self._shown.items():
                if iri.startswith(namespace) and re.fullmatch(r"[\w-]+", iri[len(namespace) :]):
                    return f"{prefix}:{iri[len(namespace) :]}"
            return f"<{iri}>"
        if is_literal(node):
            return repr(str(node))
        path = self.value(node, SH + "path")
        owner = self._parents.get(node)
        for _ in range(8):  # up through lists and nested shapes
            if owner is None or is_iri(owner):
                break
            owner = self._parents.get(owner)
        shown = self.show(owner) if owner is not None and is_iri(owner) else "an unnamed shape"
        return f"{shown} {self.show(path)}" if path is not None and is_iri(path) else shown

    def report(self, node: Node, message: str, remedy: str = "") -> None:
        self.problems.add(self.file(node), self.show(node), message, remedy)

    # ------------------------------------------------------------ access

    def subjects(self, rdf_type: str) -> list[Node]:
        """Subjects of a type, in order of their text."""
        return sorted(self._of_type.get(rdf_type, ()), key=str)

    def all_subjects(self) -> list[Node]:
        return sorted(self._said, key=str)

    def with_predicate(self, predicate: str) -> list[Node]:
        return sorted((subject for subject, said in self._said.items() if predicate in said), key=str)

    def values(self, subject: Node, predicate: str) -> list[Node]:
        """Objects, in order of their text."""
        found = self._said.get(subject, _NOTHING).get(predicate, [])
        return sorted(found, key=str) if len(found) > 1 else found

    def predicates(self, subject: Node) -> list[str]:
        return sorted(self._said.get(subject, ()))

    def below(self, subject: Node) -> list[Node]:
        """All objects of a subject."""
        return [held for objects in self._said.get(subject, _NOTHING).values() for held in objects]

    def value(self, subject: Node, predicate: str) -> Node | None:
        """The first object, unreported if there are more."""
        return next(iter(self.values(subject, predicate)), None)

    def is_a(self, node: Node, *rdf_types: str) -> bool:
        return any(node in self._of_type.get(name, ()) for name in rdf_types)

    def one(self, subject: Node, predicate: str) -> Node | None:
        """The only object; two different ones are a problem."""
        found = self.values(subject, predicate)
        if len(found) > 1:
            both = " and ".join(self.show(node) for node in found[:2])
            self.report(subject, f"{self.term(predicate)} has two values, {both}", "Keep one.")
        return found[0] if found else None

    def term(self, iri: str) -> str:
        from rdflib import URIRef

        return self.show(URIRef(iri))

    def iri(self, subject: Node, predicate: str) -> str:
        """An IRI as text, "" where absent; anything else is a problem."""
        node = self.one(subject, predicate)
        if node is None:
            return ""
        if not is_iri(node):
            self.report(subject, f"{self.term(predicate)} must name a term, not {self.show(node)}")
            return ""
        return str(node)

    def string(self, subject: Node, predicate: str, default: str = "") -> str:
        node = self.one(subject, predicate)
        if node is None:
            return default
        if not is_literal(node):
            self.report(subject, f"{self.term(predicate)} must be a text in quotes, not {self.show(node)}")
            return default
        return str(node)

    def flag(self, subject: Node, predicate: str, *, default: bool = False) -> bool:
        node = self.one(subject, predicate)
        if node is None:
            return default
        value = python_value(node)
        if not isinstance(value, bool):
            self.report(subject, f"{self.term(predicate)} must be true or false, not {self.show(node)}")
            return default
        return value

    def integer(self, subject: Node, predicate: str, *, least: int = 0) -> int | None:
        node = self.one(subject, predicate)
        if node is None:
            return None
        value = python_value(node)
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.report(subject, f"{self.term(predicate)} must be a whole number from {least}, not {self.show(node)}")
            return None
        return value

    def members(self, subject: Node, predicate: str) -> list[Node]:
        """The members of the list that is the only object; [] where absent."""
        head = self.one(subject, predicate)
        found: list[Node] = []
        seen: set[Node] = set()
        while head is not None and str(head) != RDF + "nil":
            first = self.value(head, RDF + "first")
            if first is None or head in seen:
                self.report(subject, f"{self.term(predicate)} must be a list in round brackets")
                return []
            seen.add(head)
            found.append(first)
            head = self.value(head, RDF + "rest")
        return found

    def label(self, subject: Node, *predicates: str, required: str = "") -> Label:
        """The texts of the first predicate that has any. `required`: what to call it when a language is missing."""
        texts: dict[str, str] = {}
        for predicate in predicates or (RDFS + "label",):
            for node in self.values(subject, predicate):
                language = (getattr(node, "language", None) or "").lower().partition("-")[0]
                if not language:
                    self.report(
                        subject,
                        f"{self.term(predicate)} {self.show(node)} names no language",
                        'Add @en or @zh behind the text, such as "Plot"@en.',
                    )
                elif language in texts and texts[language] != str(node):
                    self.report(subject, f"{self.term(predicate)} has two texts in {language!r}", "Keep one.")
                else:
                    texts[language] = " ".join(str(node).split())
            if texts:
                break
        if required:
            for language, example in (("en", '"…"@en'), ("zh", '"…"@zh')):
                if not texts.get(language):
                    self.report(
                        subject,
                        f"has no {required} in {'English' if language == 'en' else 'Chinese'}",
                        f"Add {self.term((predicates or (RDFS + 'label',))[0])} {example}.",
                    )
        return Label(texts.get("en", ""), texts.get("zh", ""))

    def definition(self, subject: Node, required: str = "") -> Label:
        return self.label(subject, SKOS + "definition", RDFS + "comment", required=required)

    def unknown_terms(self, subject: Node, namespace: str, allowed: Iterable[str], what: str) -> None:
        """Reports predicates of `namespace` on `subject` that are not in `allowed`."""
        known = list(allowed)
        for predicate in self.predicates(subject):
            if predicate.startswith(namespace) and predicate not in known:
                near = suggestion(local_name(predicate), [local_name(term) for term in known])
                self.report(subject, f"{self.term(predicate)} is not a term for {what}", near)

    def types(self) -> list[str]:
        """IRIs of all types that something has."""
        return sorted(self._of_type)


@contextmanager
def _ill_typed_literals_unlogged() -> Iterator[None]:
    """rdflib logs a stack trace for "2023-02-30"^^xsd:date; we report it where it is used."""
    logger = logging.getLogger("rdflib.term")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


_NOTHING: Final[dict[str, list[Node]]] = {}


def is_iri(node: Node) -> bool:
    from rdflib import URIRef

    return isinstance(node, URIRef)


def is_literal(node: Node) -> bool:
    from rdflib import Literal

    return isinstance(node, Literal)


def python_value(node: Node) -> object:
    """The Python value of a literal; None for what is none, or ill-typed."""
    from rdflib import Literal

    return node.toPython() if isinstance(node, Literal) and not node.ill_typed else None


def local_name(iri: str) -> str:
    """What stands behind the last '#', '/' or ':'."""
    return re.split(r"[#/:]", iri)[-1]


def namespace_of(iri: str) -> str:
    return iri[: len(iri) - len(local_name(iri))]


CLASS_TYPES: Final = (OWL + "Class", RDFS + "Class")
PROPERTY_TYPES: Final = (OWL + "DatatypeProperty", OWL + "ObjectProperty", RDF + "Property")
