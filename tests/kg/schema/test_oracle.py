"""The compiled closures against pySHACL: the same entities, the same violations."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import RDF, XSD, Graph, Literal, Namespace, URIRef

from kg.schema.checks import Checks, compile_checks
from kg.schema.compile import compile_schema, read_files
from kg.schema.types import Datatype, Property, Schema

ORACLE = Path(__file__).with_name("oracle.ttl")
SH = Namespace("http://www.w3.org/ns/shacl#")
XSD_OF = {
    Datatype.STRING: XSD.string,
    Datatype.BOOLEAN: XSD.boolean,
    Datatype.INTEGER: XSD.int,
    Datatype.LONG: XSD.long,
    Datatype.DOUBLE: XSD.double,
    Datatype.DATE: XSD.date,
    Datatype.INSTANT: XSD.dateTime,
}
# Near the bounds of oracle.ttl, on both sides of them.
EDGES: dict[Datatype, st.SearchStrategy[Any]] = {
    Datatype.BOOLEAN: st.booleans(),
    Datatype.INTEGER: st.integers(-5, 5),
    Datatype.LONG: st.integers(-1, 6),
    Datatype.DOUBLE: st.sampled_from([-0.5, 0.0, 0.25, 0.999, 1.0, 1.5, 1e9]),
    Datatype.DATE: st.dates(date(2019, 12, 1), date(2021, 2, 1)),
    Datatype.INSTANT: st.integers(-9, 9000).map(
        lambda hours: datetime(2019, 12, 31, tzinfo=UTC) + timedelta(hours=hours)
    ),
}
BORDERS: dict[Datatype, list[Any]] = {
    Datatype.DATE: [date(2020, 2, 29), date(2020, 2, 28), date(2020, 12, 31), date(2021, 1, 1)],
    Datatype.INSTANT: [
        datetime(2019, 12, 31, 16, tzinfo=UTC),
        datetime(2020, 12, 31, 16, tzinfo=UTC),
        datetime(2020, 12, 31, 16, tzinfo=UTC) + timedelta(microseconds=1),
    ],
}


def value_of(p: Property, schema: Schema) -> st.SearchStrategy[Any]:
    """Values that may or may not conform; of the wrong datatype now and then."""
    if p.scheme:
        return st.just(schema.schemes[p.scheme].example)
    if p.datatype is Datatype.STRING:
        texts = st.text("aBcd甲 \n9", max_size=7) | st.sampled_from(["https://example.org", "A", "B", "C", "甲"])
        made: st.SearchStrategy[Any] = st.sampled_from([*p.values, "OTHER"]) | texts if p.values else texts
        return made | st.integers(0, 9)
    made = EDGES[p.datatype]
    if p.datatype in BORDERS:
        made |= st.sampled_from(BORDERS[p.datatype])
    return made | st.just("wrong")


@st.composite
def entities(draw: st.DrawFn, schema: Schema) -> tuple[str, dict[str, Any]]:
    name = draw(st.sampled_from(sorted(c.name for c in schema.classes.values() if not c.abstract)))
    row: dict[str, Any] = {}
    for p in schema.classes[name].properties:
        if p.datatype not in XSD_OF or draw(st.integers(0, 9)) < 3:
            continue
        value = value_of(p, schema)
        row[p.name] = draw(st.lists(value, max_size=4)) if p.many else draw(value)
    return name, row


def literal(value: object, p: Property) -> Literal:
    if isinstance(value, str):
        # rdflib tells "A" from "A"^^xsd:string, which RDF 1.1 does not; Turtle is read as the former.
        return Literal(value)
    if isinstance(value, int) and not isinstance(value, bool) and p.datatype is Datatype.STRING:
        return Literal(value, datatype=XSD.int)
    return Literal(value, datatype=XSD_OF[p.datatype])


def by_pyshacl(shapes: Graph, schema: Schema, rows: list[tuple[str, dict[str, Any]]]) -> set[tuple[str, str, str]]:
    data = Graph()
    for number, (name, row) in enumerate(rows):
        node = URIRef(f"urn:row:{number}")
        data.add((node, RDF.type, URIRef(schema.classes[name].iri)))
        for held, value in row.items():
            p = schema.classes[name].property(held)
            assert p is not None
            for one in value if isinstance(value, list) else [value]:
                data.add((node, URIRef(p.iri), literal(one, p)))
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes, ont_graph=shapes, inference="none")
    assert isinstance(report, Graph)
    found = set()
    for result in report.subjects(RDF.type, SH.ValidationResult):
        component = str(report.value(result, SH.sourceConstraintComponent)).removeprefix(str(SH))
        term = component.removesuffix("ConstraintComponent")
        found.add(
            (
                str(report.value(result, SH.focusNode)).removeprefix("urn:row:"),
                str(report.value(result, SH.resultPath)),
                "sh:" + term[0].lower() + term[1:],
            )
        )
    return found


def by_closures(checks: Checks, rows: list[tuple[str, dict[str, Any]]]) -> set[tuple[str, str, str]]:
    found = set()
    for number, (name, row) in enumerate(rows):
        values, violations = checks.values(name, row)
        # What is no value at all is not missing as well.
        refused = {violation.field for violation in violations}
        resolved = [v for v in checks.resolved(name, values) if v.field not in refused]
        for violation in [*violations, *resolved]:
            p = checks.schema.classes[name].property(violation.field)
            assert p is not None
            found.add((str(number), p.iri, violation.constraint))
    return found


def compare(checks: Checks, shapes: Graph, rows: list[tuple[str, dict[str, Any]]]) -> None:
    closures, oracle = by_closures(checks, rows), by_pyshacl(shapes, checks.schema, rows)
    # The closures name the first constraint that a value violates, pySHACL all of them.
    assert closures <= oracle
    assert {(row, path) for row, path, _ in closures} == {(row, path) for row, path, _ in oracle}


@pytest.fixture(scope="module")
def small() -> tuple[Checks, Graph]:
    return compile_checks(compile_schema([ORACLE], shipped=False)), Graph().parse(ORACLE)


@pytest.fixture(scope="module")
def shipped(schema: Schema) -> tuple[Checks, Graph]:
    shapes = Graph()
    for content in read_files().values():
        shapes.parse(data=content, format="turtle")
    return compile_checks(schema), shapes


@settings(max_examples=25)
@given(data=st.data())
def test_every_constraint(small: tuple[Checks, Graph], data: st.DataObject) -> None:
    checks, shapes = small
    # pySHACL reads the shape that is its own; the closures must not miss it, so Loose stays out.
    rows = data.draw(st.lists(entities(checks.schema).filter(lambda row: row[0] != "Loose"), min_size=1, max_size=12))
    compare(checks, shapes, rows)


@settings(max_examples=8)
@given(data=st.data())
def test_shipped_shapes(shipped: tuple[Checks, Graph], data: st.DataObject) -> None:
    checks, shapes = shipped
    compare(checks, shapes, data.draw(st.lists(entities(checks.schema), min_size=5, max_size=15)))


def test_the_comparison_can_fail(small: tuple[Checks, Graph]) -> None:
    """pySHACL sees what only it checks, and the comparison says so."""
    checks, shapes = small
    row = [("Loose", {"title": "ab", "ratio": 0.5, "flag": False})]
    assert by_closures(checks, row) == set()
    assert by_pyshacl(shapes, checks.schema, row)
    with pytest.raises(AssertionError):
        compare(checks, shapes, row)


def test_both_see_each_constraint(small: tuple[Checks, Graph]) -> None:
    checks, shapes = small
    good: dict[str, Any] = {"title": "abc", "mark": ["B"], "size": 1, "length": [1, 2], "ratio": 0.5, "flag": True}
    good |= {"day": date(2020, 5, 1), "moment": datetime(2020, 5, 1, tzinfo=UTC), "tags": ["A", "b"]}
    assert by_closures(checks, [("Tight", good)]) == by_pyshacl(shapes, checks.schema, [("Tight", good)]) == set()
    spoilt: dict[str, tuple[str, Any]] = {
        "sh:minLength": ("title", "ab"),
        "sh:maxLength": ("title", "abcdef"),
        "sh:in": ("mark", ["A"]),
        "sh:maxExclusive": ("size", 3),
        "sh:minInclusive": ("size", -1),
        "sh:minExclusive": ("length", [0, 1]),
        "sh:maxInclusive": ("length", [1, 5]),
        "sh:minCount": ("length", [1]),
        "sh:maxCount": ("tags", ["a", "b", "c", "aa"]),
        "sh:pattern": ("tags", ["d"]),
        "sh:datatype": ("ratio", "wrong"),
    }
    for constraint, (name, value) in spoilt.items():
        rows = [("Tight", {**good, name: value})]
        assert {term for _, _, term in by_closures(checks, rows)} == {constraint}
        compare(checks, shapes, rows)
