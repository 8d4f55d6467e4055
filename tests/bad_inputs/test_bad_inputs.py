"""Each bad input is told what its documentation says, fails, and loses nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest

from tests.bad_inputs.page import CASES, section
from tests.bad_inputs.running import told

if TYPE_CHECKING:
    from tests.bad_inputs.case import Case

PAGE = Path(__file__).parents[2] / "docs" / "bad-inputs.md"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_input_is_told_what_the_page_says(case: Case, tmp_path: Path, cache: Path) -> None:
    answer = told(case, tmp_path, cache)
    assert answer.code == 1
    assert section(case, answer) in PAGE.read_text(encoding="utf-8"), "make docs writes the page anew: read it"


LOADS = [case for case in CASES if case.command[0] == "load"]


@pytest.mark.parametrize("case", LOADS, ids=lambda case: case.name)
def test_every_row_of_a_bad_file_is_accounted_for(case: Case, tmp_path: Path, cache: Path) -> None:
    answer = told(replace(case, command=(*case.command, "--json")), tmp_path, cache)
    assert answer.code == 1
    if not answer.out:
        assert answer.said.startswith("jingwei: "), "neither a receipt nor why there is none"
        return
    receipt = orjson.loads(answer.out.splitlines()[-1])
    assert receipt["read"] == sum(receipt[name] for name in ("loaded", "merged", "unchanged", "rejected"))
    assert receipt["rejected"] == len({one["where"] for one in receipt["rejections"]}) > 0
    for one in receipt["rejections"]:
        assert one["where"].partition(":")[0] in case.command
        assert one["reason"], one
        assert one["remedy"], one


def test_the_page_has_no_case_that_is_gone() -> None:
    titles = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("### ")]
    assert titles == [f"### {case.name[0].upper()}{case.name[1:]}" for case in CASES]
    assert len(titles) == len(set(titles)) >= 60
