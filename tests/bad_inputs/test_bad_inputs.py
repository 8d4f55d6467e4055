"""Each bad input is told what its documentation says, fails, and loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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


def test_the_page_has_no_case_that_is_gone() -> None:
    titles = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("### ")]
    assert titles == [f"### {case.name[0].upper()}{case.name[1:]}" for case in CASES]
    assert len(titles) == len(set(titles)) >= 60
