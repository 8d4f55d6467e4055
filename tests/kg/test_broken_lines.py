"""Ten lines on which answers rest: each is replaced by a wrong one in a copy, where the test named beside it must fail.

The table is docs/decisions/170-ten-broken-lines.md; the breaking itself takes minutes and runs with --soak.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/decisions/170-ten-broken-lines.md"
COPIED = ("kg", "ontology", "tests/conftest.py", "tests/kg/store", "tests/kg/query", "pyproject.toml")
AGAINST_MEMORY = "tests/kg/store/sqlite/test_against_memory.py::TestSqliteAgainstMemory"
UNSEEN = "tests/kg/store/sqlite/test_against_memory.py::TestSqliteNonInterference"


@dataclass(frozen=True)
class Break:
    """`right`, which stands once in `file`, becomes `wrong`; then `test` fails."""

    name: str
    file: str
    right: str
    wrong: str
    test: str


BREAKS = (
    Break(
        "a relation leads to every version of its end",
        "kg/store/sqlite/compile/sources.py",
        "    where += [*class_test(c, v, s.cls), *at.holds(v)]\n    if s.where",
        "    where += [*class_test(c, v, s.cls)]\n    if s.where",
        AGAINST_MEMORY,
    ),
    Break(
        "rows of higher levels are read",
        "kg/store/sqlite/compile/context.py",
        'return [*self.times_hold(alias), f"{alias}.lf <= {self.level}", f"{alias}.lt > {self.level}"]',
        'return [*self.times_hold(alias), f"{alias}.lt > {self.level}"]',
        UNSEEN,
    ),
    Break(
        "nulls come first",
        "kg/store/sqlite/compile/pages.py",
        "nulls = f\" nulls {'first' if back else 'last'}\" if s.nulls else \"\"",
        'nulls = ""',
        AGAINST_MEMORY,
    ),
    Break(
        "a walk gives the longest way",
        "kg/store/sqlite/compile/walks.py",
        "select node, min(depth) from",
        "select node, max(depth) from",
        AGAINST_MEMORY,
    ),
    Break(
        "the contrary of what is unknown is unknown",
        "kg/store/sqlite/compile/predicates.py",
        'return f"not coalesce({predicate(c, item, row)}, 0)"',
        'return f"not ({predicate(c, item, row)})"',
        AGAINST_MEMORY,
    ),
    Break(
        "a correction takes away what was said of later",
        "kg/model/lines.py",
        "        if segment.end > interval.end:\n            pieces.append(_part(segment, interval.end, segment.end))\n"
        "    pieces.sort(key=lambda piece: piece.start)\n    statements = {start for segment in line for start in "
        "(segment.start, *segment.anchors)}\n    return _coalesced(pieces, statements | {interval.start}, line)\n\n\n"
        "def _add(",
        "    pieces.sort(key=lambda piece: piece.start)\n    statements = {start for segment in line for start in "
        "(segment.start, *segment.anchors)}\n    return _coalesced(pieces, statements | {interval.start}, line)\n\n\n"
        "def _add(",
        "tests/kg/store/test_memory.py::TestMemoryContract",
    ),
    Break(
        "the start of a statement that said nothing new is forgotten",
        "kg/model/lines.py",
        "swallowed = (piece.start,) if piece.start in statements else ()",
        "swallowed = ()",
        "tests/kg/store/test_memory.py",
    ),
    Break(
        "the source of least priority decides",
        "kg/model/resolve.py",
        "return mentioned, -source.priority,",
        "return mentioned, source.priority,",
        "tests/kg/store/test_memory.py::TestMemoryContract",
    ),
    Break(
        "the other end of a relation is not asked whether it is seen",
        "kg/query/rewrite.py",
        "end = both(kept, self.limits.seen(rel.range))",
        "end = kept",
        "tests/kg/query/test_secure.py",
    ),
    Break(
        "a walk leads through what is unseen",
        "kg/query/rewrite.py",
        "through = both(self._condition(walk.through, anything), self.limits.seen(ROOT_CLASS))",
        "through = self._condition(walk.through, anything)",
        "tests/kg/query/test_secure.py",
    ),
)


def _named(cases: tuple[Break, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


@_named(BREAKS)
def test_the_line_stands_where_the_table_says(case: Break) -> None:
    assert (ROOT / case.file).read_text().count(case.right) == 1
    page = PAGE.read_text()
    assert case.name in page
    assert f"`{case.file}`" in page
    assert f"`{case.test.removeprefix('tests/kg/')}`" in page


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files, in which all the tests named pass."""
    folder = tmp_path_factory.mktemp("copy")
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    whole = _run(folder, *sorted({case.test for case in BREAKS}))
    assert whole.returncode == 0, whole.stdout
    return folder


def _run(folder: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # whose packages come first


@pytest.mark.soak
@pytest.mark.timeout(1200)
@_named(BREAKS)
def test_the_wrong_line_makes_its_test_fail(copy: Path, case: Break) -> None:
    file = copy / case.file
    right = file.read_text()
    assert right.count(case.right) == 1
    file.write_text(right.replace(case.right, case.wrong))
    try:
        broken = _run(copy, case.test)
    finally:
        file.write_text(right)
    assert broken.returncode == 1, broken.stdout
    assert " failed" in broken.stdout
