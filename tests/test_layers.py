"""The contracts of import-linter name every package that there is; `make lint` checks what they say."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOADERS_MAY_SEE = {"kg.errors", "kg.geo", "kg.model", "kg.schema"}


def contracts() -> dict[str, dict[str, Any]]:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in config["tool"]["importlinter"]["contracts"]}


def packages(parent: Path) -> set[str]:
    modules = {path.stem for path in parent.glob("*.py")} - {"__init__"}
    folders = {path.parent.name for path in parent.glob("*/*.py")} | {
        path.parents[1].name for path in parent.glob("*/*/*.py")
    }
    return {f"kg.{name}" for name in modules | folders}


def test_loaders_may_see_four_packages_and_no_other() -> None:
    listed = set(contracts()["loaders"]["forbidden_modules"])
    assert listed == packages(ROOT / "kg") - LOADERS_MAY_SEE


def test_the_layers_are_those_of_the_design() -> None:
    layers = [layer.replace("(", "").replace(")", "") for layer in contracts()["kg"]["layers"]]
    assert layers == [
        "reason : ml",
        "ingest",
        "series",
        "store",
        "query",
        "model",
        "geo",
        "schema",
        "errors : settings",
    ]
    assert contracts()["kg"]["exhaustive"] is True
