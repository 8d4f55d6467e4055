"""What `jingwei ontology check FILE…` reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.errors import SchemaError
from kg.schema.compile import SHIPPED, compile_files, read_files
from kg.schema.problems import SchemaProblem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def check(paths: Sequence[Path], *, shipped: bool = True) -> list[SchemaProblem]:
    """Everything that must be mended before `paths` (Turtle files or folders) compile; [] when all is well.

    The files are read together with the modules that ship with Jingwei (`shipped=False`: alone). A file that cannot
    be read is a problem like any other, and the rest is checked without it. Sorted by file, line and subject.
    """
    files = read_files(shipped=shipped)
    found: list[SchemaProblem] = []
    for path in paths:
        try:
            files |= read_files([path], shipped=False)
        except SchemaError as error:
            found.append(SchemaProblem(str(path), 0, "", error.message, error.remedy))
    problems = compile_files(files)[1]
    return sorted([*found, *problems])


def shipped_module(problem: SchemaProblem) -> bool:
    """Whether the problem lies in a module that ships with Jingwei, which no user can mend."""
    return problem.file.startswith(f"{SHIPPED}/")
