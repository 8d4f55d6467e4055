"""Requests that cannot be run, and what they are told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from api.graphql.engine import formatted
from api.graphql.operation import Documents, RequestRefused, TextLimits

if TYPE_CHECKING:
    from api.graphql.schema import GraphQLApi


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{ enterprises { nodes { nmae } } }", "Did you mean 'name'"),
        ('{ enterprises(where: {nam: {eq: "x"}}) { totalCount } }', "Did you mean 'name'"),
        ('{ enterprises(where: {name: {equals: "x"}}) { totalCount } }', "unknown field 'equals'"),
        ("{ enterprises(where: {status: {eq: activ}}) { totalCount } }", "'active'"),
        ("{ enterprises(frist: 1) { totalCount } }", "Did you mean 'first'"),
        ("{ enterprise { nodes { name } } }", "'nodes'"),
        ("{ enterprizes { totalCount } }", "Did you mean"),
        ('{ enterprises(where: {founded: {eq: "2024-13"}}) { totalCount } }', "no date"),
        ('{ enterprises(where: {checkedAt: {eq: "2024-01-01"}}) { totalCount } }', "zone"),
        ("{ enterprises { nodes { name }", "Syntax"),
    ],
)
def test_misspelt_names_are_errors_with_suggestions(documents: Documents, text: str, says: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        documents.read(text)
    assert says in caught.value.errors[0].message


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (TextLimits(tokens=5), "{ enterprises { totalCount } }"),
        (TextLimits(aliases=1), "{ a: __typename b: __typename }"),
        (TextLimits(directives=0), "{ __typename @skip(if: false) }"),
        (TextLimits(), "{ enterprises { nodes { " + "name " * 5000 + "} } }"),
        (TextLimits(tokens=100_000), "{ enterprises " + "{ nodes { suppliesTo " * 5000 + "}" * 10_001),
    ],
)
def test_limits_on_the_text(api: GraphQLApi, limits: TextLimits, text: str) -> None:
    with pytest.raises(RequestRefused) as caught:
        Documents(api.core, limits).read(text)
    assert caught.value.errors[0].original_error.code == "LIMIT_EXCEEDED"  # type: ignore[union-attr]


def test_variables_are_checked(documents: Documents) -> None:
    operation = documents.read("query($n: Int!) { enterprises(first: $n) { totalCount } }").operation(None)
    for given, says in (({"n": "x"}, "Int"), ({}, "to be provided"), ({"n": 1, "m": 2}, "$m")):
        with pytest.raises(RequestRefused) as caught:
            documents.variables(operation, given)
        assert says in caught.value.errors[0].message


def test_which_operation(documents: Documents) -> None:
    document = documents.read("query a { __typename } query b { __typename }")
    assert document.operation("b").name.value == "b"  # type: ignore[union-attr]
    for name in (None, "c"):
        with pytest.raises(RequestRefused):
            document.operation(name)


def test_documents_are_kept(documents: Documents) -> None:
    assert documents.read("{ __typename }") is documents.read("{ __typename }")


def test_a_variable_that_is_missing_is_the_caller_s_fault(documents: Documents) -> None:
    document = documents.read("query($n: Int!) { enterprises(first: $n) { totalCount } }")
    with pytest.raises(RequestRefused) as refusal:
        documents.variables(document.operation(None), {})
    (told,) = [formatted(error) for error in refusal.value.errors]
    assert told["extensions"]["code"] == "QUERY_INVALID"
    assert "$n" in told["message"]


@pytest.mark.parametrize(
    ("text", "knows"),
    [
        ('{ enterprises(where: {name: {resembles: "x"}}) { totalCount } }', "startsWith"),
        ('{ lookup(identifiers: [{scheme: duns, value: "1"}]) { id } }', "uscc"),
    ],
)
def test_an_unknown_word_is_answered_with_those_that_are_known(documents: Documents, text: str, knows: str) -> None:
    with pytest.raises(RequestRefused) as refusal:
        documents.read(text)
    assert knows in formatted(refusal.value.errors[0])["extensions"]["remedy"]
