"""A mapping that is wrong is told of before the first row: where in it, and the nearest word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kg.errors import LoadError
from kg.ingest.compiling import Compiler
from kg.ingest.mapping import parse_mapping, read_mapping
from kg.model.changes import Source
from kg.testing.schemas import PARK

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("code", "firm", "capital", "x", "y", "product")
END = {"scheme": "uscc", "column": "code"}


@pytest.mark.parametrize(
    ("body", "message", "field", "remedy"),
    [
        ({}, "either `class`", "", ""),
        ({"class": "Enterprise", "relation": "produces"}, "either `class`", "", ""),
        ({"class": "Enterprise", "colums": {}}, "Extra inputs", "colums", "columns"),
        ({"relation": "produces"}, "needs `from` and `to`", "", ""),
        ({"class": "Enterprise", "level": 7}, "less than or equal to 3", "level", ""),
        ({"relation": "produces", "from": END, "to": {"scheme": "uscc"}}, "`column` or a constant", "to", ""),
        ({"class": "Enterprize"}, "no class Enterprize", "class", "Enterprise"),
        ({"class": "企业"}, "no class", "class", "Enterprise"),
        ({"class": "Organisation"}, "abstract", "class", "Enterprise, Institution"),
        ({"class": "Enterprise", "columns": {"firm": "nmae"}}, "no property nmae", "columns.firm", "name"),
        ({"class": "Enterprise", "columns": {"frim": "name"}}, "no column frim", "columns.frim", "firm"),
        ({"class": "Enterprise", "columns": {"firm": "produces"}}, "no property", "columns.firm", "relation"),
        ({"class": "Enterprise", "columns": {"x": "name", "y": "name"}}, "twice", "columns", "once"),
        ({"class": "Enterprise", "columns": {"capital": "employees"}}, "tells the rows apart", "id", "id: COLUMN"),
        (
            {"class": "Enterprise", "columns": {"capital": {"property": "registeredCapital", "unit": "亩"}}},
            "no fixed factor", "columns.capital.unit", "万元",
        ),
        (
            {"class": "Enterprise", "columns": {"x": {"property": "status", "values": {"a": "b"}}}},
            "no value b", "columns.x.values.a", "active",
        ),
        ({"class": "Enterprise", "id": "cod"}, "no column cod", "id", "code"),
        ({"class": "Enterprise", "id": "code", "timezone": "Asia/Nowhere"}, "no such time zone", "timezone", "Asia"),
        (
            {"class": "Enterprise", "id": "code", "points": [{"property": "name", "longitude": "x", "latitude": "y"}]},
            "no geometry", "points.property", "",
        ),
        (
            {"class": "Product", "id": "code", "relations": [{"relation": "suppliesTo", "to": END}]},
            "does not start at Product", "relations.0.relation", "producedBy",
        ),
        (
            {"class": "Enterprise", "id": "code", "relations": [{"relation": "suplliesTo", "to": END}]},
            "no relation", "relations.0.relation", "suppliesTo",
        ),
        (
            {"relation": "produces", "from": END, "to": {**END, "scheme": "usc"}},
            "no identifier scheme", "to.scheme", "uscc",
        ),
        ({"relation": "producedBy", "from": END, "to": END}, "inverse of produces", "relation", "exchange"),
        (
            {"relation": "produces", "from": END, "to": END, "columns": {"x": "capcity"}},
            "no property capcity", "columns.x", "capacity",
        ),
        ({"relation": "produces", "from": END, "to": END, "stub": "Widget"}, "no class Widget", "stub", ""),
    ],
)  # fmt: skip
def test_mistakes_are_told_of(body: dict[str, Any], message: str, field: str, remedy: str) -> None:
    with pytest.raises(LoadError) as caught:
        Compiler(parse_mapping(body, where="m.yaml"), PARK, COLUMNS, Source("s"), "m.yaml").plan()
    error = caught.value
    assert message in error.message
    assert error.field == field
    assert remedy in error.remedy
    assert error.where == "m.yaml"


def test_files_that_are_no_mapping(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("class: Enterprise\n columns: [", encoding="utf-8")
    with pytest.raises(LoadError, match="not YAML") as caught:
        read_mapping(path)
    assert caught.value.where.startswith(f"{path}:")
    path.write_bytes("class: 企业".encode("gb18030"))
    with pytest.raises(LoadError, match="cannot be read"):
        read_mapping(path)
    path.write_text("- a\n", encoding="utf-8")
    with pytest.raises(LoadError, match="wrong"):
        read_mapping(path)


def test_a_mapping_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"No such file or directory \(.*none\.yaml\)\. Check the path\."):
        read_mapping(tmp_path / "none.yaml")


def test_equal_meaning_gives_an_equal_hash() -> None:
    short = parse_mapping({"class": "Enterprise", "id": "code", "columns": {"firm": "name"}})
    long = parse_mapping(
        {"class": "Enterprise", "id": ["code"], "columns": {"firm": {"property": "name"}}, "rest": "attributes"}
    )
    assert short.hash() == long.hash()
    assert short.hash() != parse_mapping({"class": "Enterprise", "id": "code"}).hash()
