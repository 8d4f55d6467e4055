"""Runs the commands of a case in this process, in a folder of its own."""

from __future__ import annotations

import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from api import cli

if TYPE_CHECKING:
    from tests.bad_inputs.case import Case

_STORED = frozenset({"init", "load", "query", "retract", "export", "prune"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a command answered: exit code, what a person reads of the error, and its output."""

    code: int
    said: str
    out: str = ""


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
    return Told(code, "\n".join(lines), out)


def _error(error: dict[str, dict[str, str]]) -> str:
    message, extensions = str(error["message"]), error["extensions"]
    remedy = extensions.get("remedy", "")
    return f"{extensions['code']}: {message}" + (f" {remedy}" if remedy and remedy not in message else "")


def run(command: tuple[str, ...]) -> tuple[int, str, str]:
    """Exit code, output and errors of one command."""
    store = () if "--store" in command or command[0] not in _STORED else ("--store", "sqlite:///park.db")
    argv, code = sys.argv, 0
    out, err = TextIOWrapper(BytesIO(), encoding="utf-8"), TextIOWrapper(BytesIO(), encoding="utf-8")
    try:
        sys.argv = ["jingwei", *command, *store]
        with redirect_stdout(out), redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.argv = argv
    return code, _text(out), _text(err)


def _text(stream: TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
