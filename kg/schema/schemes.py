"""Identifier schemes and sensitivity levels, read from Turtle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.errors import IdentifierError
from kg.schema.identifiers import check, normalise
from kg.schema.shapes import ShapeReader, check_pattern
from kg.schema.turtle import is_literal, python_value
from kg.schema.types import Label, Scheme
from kg.schema.vocabulary import IDENTIFIER_SCHEME, JW, LEVEL, ON_LEVEL, ON_SCHEME, SKOS

if TYPE_CHECKING:
    from rdflib.term import Node

    from kg.schema.turtle import Modules


def read_levels(modules: Modules) -> tuple[dict[str, int], tuple[Label, ...]]:
    """(level IRI → rank, labels by rank). Ranks count from 0 without gaps."""
    ranks: dict[str, int] = {}
    labels: dict[int, Label] = {}
    for node in modules.subjects(LEVEL):
        modules.unknown_terms(node, JW, ON_LEVEL, "a sensitivity level")
        rank = modules.integer(node, JW + "rank")
        if rank is None:
            modules.report(node, "has no jw:rank", "Give it a whole number; 0 is read by everybody.")
            continue
        if rank in labels:
            modules.report(node, f"another level has jw:rank {rank}", "Give each level its own rank.")
        ranks[str(node)] = rank
        labels[rank] = modules.label(node, required="label")
    if sorted(labels) != list(range(len(labels))):
        for node in modules.subjects(LEVEL)[:1]:
            modules.report(node, f"levels have the ranks {sorted(labels)}", "Count them from 0 without gaps.")
    return dict(sorted(ranks.items(), key=lambda item: item[1])), tuple(labels[rank] for rank in sorted(labels))


def read_schemes(modules: Modules, levels: dict[str, int]) -> dict[str, Scheme]:
    """Identifier schemes by IRI."""
    reader = ShapeReader(modules, levels, {})
    found: dict[str, Scheme] = {}
    for node in modules.subjects(IDENTIFIER_SCHEME):
        modules.unknown_terms(node, JW, ON_SCHEME, "an identifier scheme")
        name = reader.name(node, "identifier scheme")
        if not name:
            continue
        if any(scheme.name == name for scheme in found.values()):
            modules.report(node, f"another identifier scheme is called {name!r}", "Choose another local name.")
        pattern = modules.string(node, JW + "pattern")
        if not pattern:
            modules.report(node, "has no jw:pattern", "Give the regular expression that the whole value matches.")
        elif not check_pattern(modules, node, pattern, "jw:pattern"):
            pattern = ""
        scheme = Scheme(
            name=name,
            iri=str(node),
            label=modules.label(node, required="label"),
            definition=modules.definition(node),
            pattern=pattern,
            alphabet=modules.string(node, JW + "alphabet"),
            weights=_weights(modules, node),
            modulus=modules.integer(node, JW + "modulus", least=2) or 0,
            check_alphabet=modules.string(node, JW + "checkAlphabet"),
            upper=modules.flag(node, JW + "upperCase"),
            strip=modules.string(node, JW + "strip"),
            owner=modules.string(node, JW + "owner"),
            identifying=modules.flag(node, JW + "identifying", default=True),
            sensitivity=reader.sensitivity(node),
            example=modules.string(node, SKOS + "example"),
        )
        if _tables_hold(modules, node, scheme) and pattern:
            _check_example(modules, node, scheme)
        found[str(node)] = scheme
    return found


def _weights(modules: Modules, node: Node) -> tuple[int, ...]:
    members = modules.members(node, JW + "weights")
    weights = [python_value(member) for member in members if is_literal(member)]
    whole = [weight for weight in weights if isinstance(weight, int) and not isinstance(weight, bool)]
    if len(whole) < len(members):
        modules.report(node, "jw:weights lists something else than whole numbers", "Write jw:weights ( 3 7 9 ).")
        return ()
    return tuple(whole)


def _tables_hold(modules: Modules, node: Node, scheme: Scheme) -> bool:
    """Whether the checksum tables fit together; what does not is reported."""
    parts = {
        "jw:alphabet": scheme.alphabet,
        "jw:weights": scheme.weights,
        "jw:modulus": scheme.modulus,
        "jw:checkAlphabet": scheme.check_alphabet,
    }
    missing = [name for name, value in parts.items() if not value]
    if len(missing) == len(parts):
        return True
    wrong: list[tuple[str, str]] = []
    if missing:
        wrong.append((f"a checksum needs {' and '.join(missing)} too", "Give all four, or none for no checksum."))
    for name, text in (("jw:alphabet", scheme.alphabet), ("jw:checkAlphabet", scheme.check_alphabet)):
        twice = sorted({character for character in text if text.count(character) > 1})
        if twice:
            wrong.append((f"{name} has {', '.join(map(repr, twice))} more than once", "Keep each character once."))
    if not missing and len(scheme.check_alphabet) != scheme.modulus:
        wrong.append(
            (
                f"jw:checkAlphabet has {len(scheme.check_alphabet)} characters, jw:modulus is {scheme.modulus}",
                "There is one check character for each remainder from 0 to the modulus less one.",
            )
        )
    if scheme.modulus and any(weight % scheme.modulus == 0 for weight in scheme.weights):
        wrong.append(
            (f"a weight is a multiple of {scheme.modulus}: its character would not be checked", "Correct jw:weights.")
        )
    for message, remedy in wrong:
        modules.report(node, message, remedy)
    return not wrong


def _check_example(modules: Modules, node: Node, scheme: Scheme) -> None:
    if not scheme.example:
        if scheme.modulus:
            modules.report(
                node,
                "has a checksum but no skos:example",
                "Add one conforming value of nobody: it proves the tables.",
            )
        return
    if normalise(scheme, scheme.example) != scheme.example:
        modules.report(node, f"skos:example {scheme.example!r} is not written in the scheme's own form")
        return
    try:
        check(scheme, scheme.example)
    except IdentifierError as error:
        modules.report(
            node, f"skos:example {scheme.example!r} does not conform: {error.message}", "Correct it, or the tables."
        )
