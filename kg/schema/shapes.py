"""Property shapes: SHACL's constraints on one property of one class or relation, read into a `Property`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from kg.schema.instants import InvalidTime, date_text, instant_micros
from kg.schema.problems import suggestion
from kg.schema.turtle import NAME, is_iri, is_literal, local_name, python_value
from kg.schema.types import Datatype, Label, Property
from kg.schema.vocabulary import (
    ALIGNMENTS,
    BOUNDS,
    DATATYPES,
    JW,
    ON_PROPERTY,
    ON_SHAPE,
    PROPERTY_SHAPE,
    RDFS,
    RESERVED,
    SH,
    SHAPE_TEXT,
    SKOS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rdflib.term import Node

    from kg.schema.turtle import Modules

NUMERIC: Final = frozenset({Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE})
ORDERED: Final = NUMERIC | {Datatype.DATE, Datatype.INSTANT}
DEFAULT_LEVELS: Final = 4  # of `Schema.level_names`, where no module declares any
SINGLE: Final = frozenset({Datatype.GEOMETRY, Datatype.JSON, Datatype.ENTITY})


@dataclass(frozen=True, slots=True)
class PropertyShape:
    """A property shape and the property that it describes. `owner` is the class or relation it stands on."""

    node: Node
    path: Node
    owner: str
    property: Property


class ShapeReader:
    """Reads property shapes; `levels` are the sensitivity levels, `schemes` the identifier schemes by IRI."""

    def __init__(self, modules: Modules, levels: Mapping[str, int], schemes: Mapping[str, str]) -> None:
        self.modules = modules
        self.levels = levels
        self.schemes = schemes
        self._terms: dict[Node, tuple[str, Label, Label]] = {}

    # ------------------------------------------------------------ names

    def name(self, term: Node, kind: str) -> str:
        """The name of a term: its local name, or `jw:graphqlName` where that is no plain ASCII name."""
        modules = self.modules
        local = local_name(str(term))
        if NAME.fullmatch(local):
            name = local
        else:
            name = modules.string(term, JW + "graphqlName")
            if not name:
                from kg.schema.pinyin import proposal

                proposed = proposal(local, upper=kind == "class")
                modules.report(
                    term,
                    f"{local!r} cannot be the name of a {kind} in GraphQL: letters A-Z, digits and underscore only",
                    f'Keep the term and add jw:graphqlName "{proposed}" to it.'
                    if proposed
                    else "Add jw:graphqlName with a name in Latin letters.",
                )
                return proposed
            if not NAME.fullmatch(name):
                modules.report(
                    term,
                    f"jw:graphqlName {name!r} is no name in GraphQL",
                    "Begin with a letter A-Z or a-z, go on with letters, digits and underscore.",
                )
                return ""
        if kind in {"property", "relation"} and name in RESERVED:
            modules.report(
                term,
                f"{name!r} is a name that every entity has already",
                "Choose another local name; reserved are " + ", ".join(sorted(RESERVED)) + ".",
            )
        return name

    def sensitivity(self, subject: Node) -> int:
        """The level that `jw:sensitivity` names, by its term or its rank; 0 where absent."""
        modules = self.modules
        node = modules.one(subject, JW + "sensitivity")
        if node is None:
            return 0
        if is_iri(node) and str(node) in self.levels:
            return self.levels[str(node)]
        rank = python_value(node)
        ranks = self.levels.values() or range(DEFAULT_LEVELS)
        if isinstance(rank, int) and not isinstance(rank, bool) and rank in ranks:
            return rank
        known = ", ".join(f"{modules.term(iri)} ({rank})" for iri, rank in self.levels.items())
        modules.report(subject, f"jw:sensitivity {modules.show(node)} is no level", f"Levels are {known or '0 to 3'}.")
        return 0

    # ------------------------------------------------------------ shapes

    def read(self, shape: Node, owner: str) -> PropertyShape | None:
        """One property shape; None (reported, or for pySHACL only, or deactivated) where nothing is to compile."""
        modules = self.modules
        if modules.flag(shape, JW + "pyshaclOnly") or modules.flag(shape, SH + "deactivated"):
            return None
        path = modules.one(shape, SH + "path")
        if path is None or not is_iri(path):
            modules.report(
                shape,
                "has no path" if path is None else "has a path that is more than one property",
                "Give sh:path one property, or mark the shape jw:pyshaclOnly true.",
            )
            return None
        self._check_terms(shape, path)
        name, label, definition = self._term(shape, path)
        if not name:
            return None
        datatype, target = self._datatype(shape, path)
        if datatype is None:
            return None
        made = Property(
            name=name,
            iri=str(path),
            owner=owner,
            datatype=datatype,
            label=_over(modules.label(shape, SH + "name"), label),
            definition=_over(modules.label(shape, SH + "description"), definition),
            target=target,
            alignments=alignments(modules, path),
        )
        made = self._cardinality(shape, made)
        made = self._strings(shape, made)
        made = self._values(shape, path, made)
        made = self._bounds(shape, made)
        return PropertyShape(shape, path, owner, self._annotations(shape, path, made))

    def _check_terms(self, shape: Node, path: Node) -> None:
        modules = self.modules
        for predicate in modules.predicates(shape):
            if predicate == SH + "severity":
                if modules.iri(shape, predicate) not in {"", SH + "Violation"}:
                    modules.report(
                        shape,
                        "sh:severity other than sh:Violation is not compiled: every constraint is enforced",
                        "Drop it, or mark the shape jw:pyshaclOnly true.",
                    )
            elif predicate.startswith(SH) and predicate not in PROPERTY_SHAPE | SHAPE_TEXT:
                near = suggestion(local_name(predicate), [local_name(term) for term in PROPERTY_SHAPE])
                modules.report(
                    shape,
                    f"{modules.term(predicate)} is not among the constraints that Jingwei compiles",
                    (f"{near} Otherwise move" if near else "Move")
                    + " it to a shape of its own and mark that jw:pyshaclOnly true.",
                )
        modules.unknown_terms(shape, JW, ON_PROPERTY | ON_SHAPE, "a property shape")
        modules.unknown_terms(path, JW, ON_PROPERTY, "a property")

    def _term(self, shape: Node, path: Node) -> tuple[str, Label, Label]:
        if path not in self._terms:
            if not self.modules.predicates(path):
                self.modules.report(
                    shape,
                    f"its sh:path {self.modules.show(path)} is declared nowhere",
                    f"Write: {self.modules.show(path)} a owl:DatatypeProperty ; "
                    'rdfs:label "…"@en , "…"@zh ; skos:definition "…"@en , "…"@zh .',
                )
                self._terms[path] = ("", Label(), Label())
            else:
                self._terms[path] = (
                    self.name(path, "property"),
                    self.modules.label(path, required="label"),
                    self.modules.definition(path),
                )
        return self._terms[path]

    def _datatype(self, shape: Node, path: Node) -> tuple[Datatype | None, str]:
        """(datatype, target class IRI). The shape's word counts; the term's rdfs:range is asked where it has none."""
        modules = self.modules
        target = modules.iri(shape, SH + "class")
        declared = modules.iri(shape, SH + "datatype")
        ranged = modules.iri(path, RDFS + "range")
        if target:
            if declared:
                modules.report(shape, "has both sh:class and sh:datatype", "Keep the one that is meant.")
            return Datatype.ENTITY, target
        if declared and ranged and declared != ranged:
            modules.report(
                shape,
                f"sh:datatype {modules.term(declared)} contradicts rdfs:range {modules.term(ranged)} of the property",
                "Make them equal, or drop rdfs:range.",
            )
        iri = declared or ranged
        if not iri:
            modules.report(
                shape,
                "says neither sh:datatype nor sh:class",
                "Add sh:datatype, such as xsd:string, xsd:int, xsd:double, xsd:date or geo:wktLiteral.",
            )
            return None, ""
        if iri not in DATATYPES:
            known = sorted(modules.term(known) for known in DATATYPES)
            near = suggestion(modules.term(iri), known)
            modules.report(
                shape,
                f"datatype {modules.term(iri)} is not supported",
                f"{near} Supported are {', '.join(known)}.".strip(),
            )
            return None, ""
        datatype = DATATYPES[iri]
        kind = modules.iri(shape, SH + "nodeKind")
        if kind not in {"", SH + "Literal", SH + "IRIOrLiteral", SH + "BlankNodeOrLiteral"}:
            modules.report(
                shape,
                f"sh:nodeKind {modules.term(kind)} contradicts the datatype {modules.term(iri)}",
                "Use sh:nodeKind sh:Literal, or drop it.",
            )
        return datatype, ""

    def _cardinality(self, shape: Node, made: Property) -> Property:
        modules = self.modules
        least = modules.integer(shape, SH + "minCount") or 0
        most = modules.integer(shape, SH + "maxCount", least=1)
        if most is not None and least > most:
            modules.report(shape, f"sh:minCount {least} is more than sh:maxCount {most}", "Lower one, raise the other.")
        many = most is None or most > 1
        if many and made.datatype in SINGLE:
            modules.report(shape, f"a property of type {made.datatype.value} holds one value", "Add sh:maxCount 1.")
        return replace(made, many=many, min_count=least, max_count=most)

    def _strings(self, shape: Node, made: Property) -> Property:
        modules = self.modules
        pattern = modules.string(shape, SH + "pattern")
        flags = modules.string(shape, SH + "flags")
        shortest = modules.integer(shape, SH + "minLength")
        longest = modules.integer(shape, SH + "maxLength")
        if (pattern or shortest is not None or longest is not None) and made.datatype is not Datatype.STRING:
            modules.report(
                shape,
                f"sh:pattern, sh:minLength and sh:maxLength are for strings, this is {made.datatype.value}",
                "Use sh:minInclusive and sh:maxInclusive, or sh:datatype xsd:string.",
            )
            return made
        if flags and (set(flags) - set("ims") or not pattern):
            modules.report(shape, f"sh:flags {flags!r} are not supported", "Supported are i, m and s, with sh:pattern.")
            flags = ""
        if pattern:
            pattern = f"(?{''.join(sorted(flags))}){pattern}" if flags else pattern
            check_pattern(modules, shape, pattern, "sh:pattern")
        if shortest is not None and longest is not None and shortest > longest:
            modules.report(shape, f"sh:minLength {shortest} is more than sh:maxLength {longest}")
        return replace(made, pattern=pattern, min_length=shortest, max_length=longest)

    def _values(self, shape: Node, path: Node, made: Property) -> Property:
        modules = self.modules
        members = modules.members(shape, SH + "in")
        if not members:
            return made
        if made.datatype is not Datatype.STRING or not all(
            is_literal(node) and isinstance(python_value(node), str) for node in members
        ):
            modules.report(
                shape,
                "sh:in lists something else than strings",
                'List texts in quotes, such as sh:in ( "LEASED" "VACANT" ); for numbers use sh:minInclusive and '
                "sh:maxInclusive.",
            )
            return made
        values = tuple(str(node) for node in members)
        if len(set(values)) < len(values):
            modules.report(shape, "sh:in lists a value twice", "Keep each once.")
            values = tuple(dict.fromkeys(values))
        return replace(made, values=values, value_labels=self._value_labels(shape, path, values))

    def _value_labels(self, shape: Node, path: Node, values: tuple[str, ...]) -> tuple[Label, ...]:
        """Labels from `jw:value [ skos:notation "X" ; rdfs:label … ]` on the shape, else on the property."""
        modules = self.modules
        described = modules.values(shape, JW + "value") or modules.values(path, JW + "value")
        labels: dict[str, Label] = {}
        for node in described:
            notation = modules.string(node, SKOS + "notation")
            if not notation:
                modules.report(node, "jw:value has no skos:notation", 'Add the value, such as skos:notation "VACANT".')
                continue
            if modules.value(shape, JW + "value") is not None and notation not in values:
                near = suggestion(notation, values)
                modules.report(shape, f"jw:value {notation!r} is not in sh:in", near or "Add it there.")
            labels[notation] = modules.label(node, required=f"label for the value {notation!r}")
        if not described:
            return ()
        for value in values:
            if value not in labels:
                modules.report(
                    shape,
                    f"the value {value!r} has no label while others have",
                    f'Add jw:value [ skos:notation "{value}" ; rdfs:label "…"@en , "…"@zh ].',
                )
        return tuple(labels.get(value, Label()) for value in values)

    def _bounds(self, shape: Node, made: Property) -> Property:
        modules = self.modules
        found: dict[str, float | str] = {}
        for term in BOUNDS:
            node = modules.one(shape, SH + term)
            if node is None:
                continue
            bound = _bound(node, made.datatype)
            if bound is None:
                modules.report(
                    shape,
                    f"sh:{term} {modules.show(node)} does not fit the datatype {made.datatype.value}",
                    "Give a literal of the property's own datatype, for a date in quotes with ^^xsd:date."
                    if made.datatype in ORDERED
                    else "Only numbers, dates and instants have bounds.",
                )
                continue
            found[term] = bound
        made = replace(
            made,
            min_inclusive=found.get("minInclusive"),
            max_inclusive=found.get("maxInclusive"),
            min_exclusive=found.get("minExclusive"),
            max_exclusive=found.get("maxExclusive"),
        )
        if empty_range(made):
            modules.report(shape, "its bounds leave no value", "Lower the minimum or raise the maximum.")
        return made

    def _annotations(self, shape: Node, path: Node, made: Property) -> Property:
        modules = self.modules

        def where(term: str) -> Node:
            return shape if modules.value(shape, JW + term) is not None else path

        scheme_iri = modules.iri(where("scheme"), JW + "scheme")
        if scheme_iri and scheme_iri not in self.schemes:
            near = suggestion(scheme_iri, self.schemes)
            modules.report(shape, f"jw:scheme {modules.term(scheme_iri)} is no jw:IdentifierScheme", near)
        made = replace(
            made,
            scheme=self.schemes.get(scheme_iri, ""),
            unit=modules.string(where("unit"), JW + "unit"),
            sensitivity=self.sensitivity(where("sensitivity")),
            indexed=modules.flag(where("indexed"), JW + "indexed"),
            searchable=modules.flag(where("searchable"), JW + "searchable"),
        )
        text = made.datatype is Datatype.STRING
        for term, wrong, remedy in (
            ("scheme", made.scheme and not text, "Identifiers are strings: use sh:datatype xsd:string."),
            ("searchable", made.searchable and not text, "Only strings can be searched."),
            ("indexed", made.indexed and made.datatype is Datatype.JSON, "JSON cannot be indexed."),
            ("unit", made.unit and made.datatype not in NUMERIC, "Only numbers have a unit."),
        ):
            if wrong:
                modules.report(shape, f"jw:{term} does not go with the datatype {made.datatype.value}", remedy)
        return made


def check_pattern(modules: Modules, subject: Node, pattern: str, term: str) -> bool:
    """Whether the regular expression compiles; reported if not."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        modules.report(subject, f"{term} {pattern!r} is no regular expression: {error}", "Escape special characters.")
        return False
    return True


def alignments(modules: Modules, term: Node, skip: frozenset[str] = frozenset()) -> tuple[tuple[str, str], ...]:
    """(kind, IRI) of the mappings to public vocabularies; `skip` holds IRIs that are our own."""
    return tuple(
        sorted(
            (kind, str(node))
            for predicate, kind in ALIGNMENTS.items()
            for node in modules.values(term, predicate)
            if is_iri(node) and str(node) not in skip
        )
    )


def empty_range(p: Property) -> bool:
    """Whether no value satisfies the bounds."""
    for low, strict_low in ((p.min_inclusive, False), (p.min_exclusive, True)):
        for high, strict_high in ((p.max_inclusive, False), (p.max_exclusive, True)):
            if low is None or high is None:
                continue
            if low > high or (low == high and (strict_low or strict_high)):  # type: ignore[operator]
                return True
    return False


def _over(own: Label, general: Label) -> Label:
    return Label(own.en or general.en, own.zh or general.zh)


def _bound(node: Node, datatype: Datatype) -> float | str | None:
    """A bound in stored form; None where the literal does not fit the datatype."""
    if not is_literal(node):
        return None
    value = python_value(node)
    text = str(node)
    try:
        if datatype is Datatype.DATE:
            return date_text(text)
        if datatype is Datatype.INSTANT:
            return instant_micros(text)
    except InvalidTime:
        return None
    if datatype not in NUMERIC or isinstance(value, bool) or value is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    if datatype is Datatype.DOUBLE:
        return number
    return int(text) if number.is_integer() and re.fullmatch(r"[+-]?\d+", text) else None
