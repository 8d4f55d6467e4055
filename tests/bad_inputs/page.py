"""docs/bad-inputs.md, made by running every case: `make docs`."""

from __future__ import annotations

import shlex
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bad_inputs import questions, sources
from tests.bad_inputs.running import Told, told

if TYPE_CHECKING:
    from tests.bad_inputs.case import Case

CHAPTERS: dict[str, tuple[Case, ...]] = {
    "Values in rows": sources.CELLS,
    "Files of rows": sources.TEXTS,
    "Classes and mappings": sources.MAPPINGS,
    "Places": sources.PLACES,
    "Ontology modules": questions.ONTOLOGIES,
    "Questions": questions.QUESTIONS,
    "Stores and history": questions.STORES,
}
CASES = tuple(case for cases in CHAPTERS.values() for case in cases)
_HEAD = """# Bad inputs and what they are told

Made by running each of them (`make docs`); a test holds this page to what is really said. A row that is refused costs
itself alone: the others of its file are loaded, and the
refused ones are kept in a file that can be mended and loaded again.
Errors are one line each: what is wrong, where (file, row, field, value), and what to do.
"""
_WIDE = 160


def section(case: Case, answer: Told) -> str:
    """A case's part of the page."""
    shown = case.shown or "\n".join(text for text in case.files.values() if isinstance(text, str)).rstrip()
    lines = "\n".join(line if len(line) <= _WIDE else line[: _WIDE - 1] + "…" for line in shown.splitlines())
    query = case.command[0] == "query" and case.shown
    command = shlex.join(case.command[:1] if query else case.command)
    given = f"\n```text\n{lines}\n```\n" if lines else ""
    return f"### {case.name[0].upper()}{case.name[1:]}\n\n`jingwei {command}`\n{given}\n```text\n{answer.said}\n```\n"


def page() -> str:
    """All of it."""
    parts = [_HEAD]
    with tempfile.TemporaryDirectory() as cache:
        for title, cases in CHAPTERS.items():
            parts.append(f"## {title}\n")
            for case in cases:
                with tempfile.TemporaryDirectory() as folder:
                    parts.append(section(case, told(case, Path(folder), Path(cache))))
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
