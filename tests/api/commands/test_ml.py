"""`jingwei ml`, called wrongly; docs/learning.md runs the rest on the demo park."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from api import cli

if TYPE_CHECKING:
    from pathlib import Path

STORE = ("--store", "sqlite:///town.db")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("train", "--task", "weather"), "Say links or sites"),
        (("train", "--class", "Dragon"), "There is no such class"),
        (("train",), "The store is empty"),
        (("train", "--every", "week"), "The store is empty"),
        (("predict", "x"), "Which relation is to be predicted?"),
        (("predict", "--task", "sites"), "enterprises or kinds that are named"),
        (("predict", "x", "--relation", "suppliesTo"), "Train one: jingwei ml train"),
        (("evaluate",), "There is no such model"),
        (("card", "--name", "../etc"), "no name for a model"),
    ],
)
def test_what_is_wrong_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    codes = []
    for command in (("init", *STORE), ("ml", *arguments, *STORE)):
        monkeypatch.setattr(sys, "argv", ["jingwei", *command])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        codes.append(ended.value.code)
    assert codes == [0, 1]
    error = capsys.readouterr().err
    assert says in error
    assert error.startswith("jingwei: ")
    assert error.count("\n") == 1
