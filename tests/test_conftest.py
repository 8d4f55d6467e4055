"""The suite's own options: a skip counts with --require-backend, and soak tests run only when asked for."""

from pathlib import Path

import pytest

CASES = """
import pytest

def test_passes():
    pass

def test_skips():
    pytest.skip("no server here")

@pytest.mark.xfail(reason="known gap")
def test_is_expected_to_fail():
    assert False

@pytest.mark.soak
def test_is_long():
    pass

@pytest.mark.neo4j
def test_needs_neo4j():
    pass
"""


@pytest.mark.parametrize(
    ("options", "outcomes"),
    [
        ([], {"passed": 1, "skipped": 1, "xfailed": 1, "deselected": 2}),
        (["--soak"], {"passed": 2, "skipped": 1, "xfailed": 1, "deselected": 1}),
        (["--neo4j"], {"passed": 2, "skipped": 1, "xfailed": 1, "deselected": 1}),
        (["--soak", "--neo4j"], {"passed": 3, "skipped": 1, "xfailed": 1}),
        (["--require-backend"], {"passed": 1, "failed": 1, "xfailed": 1, "deselected": 2}),
    ],
)
def test_options(pytester: pytest.Pytester, options: list[str], outcomes: dict[str, int]) -> None:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makeini("[pytest]\nmarkers =\n    soak\n    neo4j\n")
    pytester.makepyfile(test_cases=CASES)
    # A process of its own: a profile of Hypothesis is global.
    result = pytester.runpytest_subprocess(*options)
    result.assert_outcomes(**outcomes)
    if "failed" in outcomes:
        result.stdout.fnmatch_lines(["*no server here", "*a skip is a failure with --require-backend*"])


def test_a_module_that_skips_itself_counts_too(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(test_cases="import pytest\npytest.importorskip('no_such_module_anywhere')\n")
    assert pytester.runpytest_subprocess("--require-backend").ret != 0
