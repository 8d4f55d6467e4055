"""Schema ↔ text."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import SchemaError
from kg.schema.compile import compile_files
from kg.schema.serialise import content_hash, from_json, hashed, to_json
from kg.schema.types import Schema
from kg.schema.vocabulary import ANNOTATIONS, DATATYPES, NODE_SHAPE, PROPERTY_SHAPE, TYPES
from kg.testing.schemas import PARK

ROOT = Path(__file__).parents[3]
ORACLE = Path(__file__).with_name("oracle.ttl").read_text(encoding="utf-8")


def test_a_hand_made_schema_and_back() -> None:
    again = from_json(to_json(PARK))
    assert again == PARK
    assert again.inverses == PARK.inverses
    assert again.concrete("Organisation") == PARK.concrete("Organisation")


def test_refined_properties_survive() -> None:
    schema, problems = compile_files({"oracle.ttl": ORACLE.encode()})
    assert schema is not None, problems
    again = from_json(to_json(schema).encode())
    assert again == schema
    tight, sample = again.classes["Tight"].property("size"), again.classes["Sample"].property("size")
    assert tight is not None
    assert sample is not None
    assert (tight.owner, tight.min_inclusive, sample.min_inclusive) == ("Sample", 0, -3)
    # What is inherited unchanged is one object, not a copy for each class.
    assert again.classes["Tight"].property("flag") is again.classes["Sample"].property("flag")


def test_the_hash_is_of_the_meaning(schema: Schema) -> None:
    assert content_hash(replace(schema, hash="", prefixes={})) == schema.hash
    moved = {name: replace(cls, module="elsewhere") for name, cls in schema.classes.items()}
    assert hashed(replace(schema, classes=moved)).hash == schema.hash
    backwards = dict(reversed(list(schema.classes.items())))
    assert to_json(replace(schema, classes=backwards)) == to_json(schema)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "classes": {"A": {}}}', b"\xff", "null"],
)
def test_another_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(SchemaError, match="cannot be read") as caught:
        from_json(text)
    assert caught.value.remedy


def test_another_format_is_refused(schema: Schema) -> None:
    body = orjson.loads(to_json(schema))
    body["format"] = 99
    with pytest.raises(SchemaError, match="has format 99"):
        from_json(orjson.dumps(body))


@pytest.mark.parametrize("term", sorted(ANNOTATIONS | TYPES | PROPERTY_SHAPE | NODE_SHAPE | set(DATATYPES)))
def test_every_term_is_documented(term: str) -> None:
    page = (ROOT / "docs" / "ontology-annotations.md").read_text(encoding="utf-8")
    assert term.rpartition("#")[2] in page


@settings(max_examples=30)
@given(st.data())
def test_spoilt_turtle_is_a_problem_or_a_schema(data: st.DataObject) -> None:
    """Whatever is cut out of a module: problems with a message, or a schema; never another error."""
    # Cut between semicolons it mostly stays Turtle, cut between words mostly not.
    between = data.draw(st.sampled_from([" ; ", " ; ", " ; ", " "]))
    parts = ORACLE.split(between)
    for _ in range(data.draw(st.integers(1, 3))):
        del parts[data.draw(st.integers(0, len(parts) - 1))]
    text = between.join(parts)
    schema, problems = compile_files({"spoilt.ttl": text.encode()})
    assert (schema is None) == bool(problems)
    assert all(problem.message for problem in problems)
    if schema is not None:
        assert from_json(to_json(schema)) == schema
