"""Drafts of mappings: the class, the columns, and what is left to a person; and a draft loads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import yaml

from kg.errors import LoadError
from kg.ingest.compiling import class_mapping
from kg.ingest.load import Load, LoadOptions
from kg.ingest.mapping import parse_mapping
from kg.ingest.suggest import suggest
from kg.schema.identifiers import check_character
from kg.store.memory import MemoryStore
from kg.testing.schemas import PARK, USCC
from loaders.registry import open_table

if TYPE_CHECKING:
    from pathlib import Path

CODE = "91999900MA0000001"
CODE += check_character(USCC, CODE)
FIRMS = f"登记证号,企业名称,注册资本(万元),经度,纬度,生效日期,nmae\n{CODE},甲,100,121.6,31.2,2024-05-01,x\n"


def test_a_draft_is_made_of_names_and_values_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "firms.csv"
    path.write_text(FIRMS, encoding="utf-8")
    found = suggest(open_table(path), PARK)
    body = yaml.safe_load(found.text)
    assert body == {
        "class": "Enterprise",
        "source": "firms",
        "columns": {
            "企业名称": "name",
            "注册资本(万元)": {"property": "registeredCapital", "unit": "万元"},
            "登记证号": "uscc",
        },
        "points": [{"property": "location", "longitude": "经度", "latitude": "纬度"}],
        "valid": {"from": "生效日期"},
    }
    assert "#   nmae    perhaps name" in found.text
    assert "3 of 7 columns" in found.reason
    load = Load(open_table(path), PARK, LoadOptions(mapping=parse_mapping(body)))
    receipt = asyncio.run(load.run(MemoryStore(PARK), now=1_782_748_800_000_000))
    assert (receipt.loaded, receipt.rejected) == (1, 0)


def test_a_file_that_has_nothing_in_common_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("foo,bar\n1,2\n", encoding="utf-8")
    with pytest.raises(LoadError, match="No class has"):
        suggest(open_table(path), PARK)
    assert yaml.safe_load(suggest(open_table(path), PARK, "Plot").text)["class"] == "Plot"
    with pytest.raises(LoadError, match="no class"):
        suggest(open_table(path), PARK, "Plott")


def test_of_a_header_of_several_rows_the_lowest_name_counts() -> None:
    columns = ("企业/企业名称", "资本(万元)/注册资本", "2024/年/员工", "甲/状态", "乙/状态")
    mapping, notes = class_mapping(PARK, "Enterprise", columns)
    assert {column: (to.property, to.unit) for column, to in mapping.columns.items()} == {
        "企业/企业名称": ("name", ""),
        "资本(万元)/注册资本": ("registeredCapital", "万元"),
    }
    assert "资本(万元)/注册资本 → registeredCapital (万元)" in notes
