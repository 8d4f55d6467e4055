"""The command, run in this process, over a store in a temporary folder."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from api import cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STORE = ("--store", "sqlite:///park.db")


@pytest.fixture
def on_park(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["jingwei", *args, *STORE])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfdbinary.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, out.decode(), err.decode()

    return run
