"""Runs the commands of a case in this process, in a folder of its own."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import orjson

from api import cli

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bad_inputs.case import Case

_STORED = frozenset({"init", "load", "query", "retract", "export", "prune"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a command answered: exit code, and what a person reads of the error."""

    code: int
    said: str


def told(case: Case, folder: Path, cache: Path) -> Told:
    """Run a case in an empty folder. `cache` keeps the compiled ontology between cases."""
    with chdir(folder):
        Path("jingwei.toml").write_text(f'cache_dir = "{cache}"\n', encoding="utf-8")
        for name, content in case.files.items():
            Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
        if case.command[0] == "query" and "--store" not in case.command:
            run(("init",))
        for command in case.before:
            code, _, err = run(command)
            assert code == 0, err
        code, out, err = run(case.command)
    assert "Traceback" not in err, err
    lines = [line.strip() for line in err.splitlines() if not line.startswith("  rejected rows: ")]
    if case.command[0] == "query" and out:
        lines += [_error(error) for error in orjson.loads(out)["errors"]]
    return Told(code, "\n".join(lines))


def _error(error: dict[str, dict[str, str]]) -> str:
    message, extensions = str(error["message"]), error["extensions"]
    remedy = extensions.get("remedy", "")
    return f"{extensions['code']}: {message}" + (f" {remedy}" if remedy and remedy not in message else "")


def run(command: tuple[str, ...]) -> tuple[int, str, str]:
    """Exit code, output and errors of one command."""
    store = () if "--store" in command or command[0] not in _STORED else ("--store", "sqlite:///park.db")
    argv = sys.argv
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        code = 0
        try:
            sys.argv = ["jingwei", *command, *store]
            with _into(1, out), _into(2, err):
                cli.main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        finally:
            sys.argv = argv
        return code, _text(out), _text(err)


@contextmanager
def _into(descriptor: int, file: IO[bytes]) -> Iterator[None]:
    """What is written to the descriptor goes to the file."""
    stream = sys.stdout if descriptor == 1 else sys.stderr
    stream.flush()
    kept = os.dup(descriptor)
    os.dup2(file.fileno(), descriptor)
    try:
        yield
    finally:
        stream.flush()
        os.dup2(kept, descriptor)
        os.close(kept)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()
