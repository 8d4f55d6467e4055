"""Small graphs and cities with a structure that can be learned, and the folder of benchmark data."""

import importlib
import pkgutil
from pathlib import Path

import numpy as np
import pytest

import kg.ml.links
from kg.ml.links.facts import Facts, LinkGraph
from kg.ml.links.model import LinkModel, model_kinds


def every_model() -> dict[str, type[LinkModel]]:
    """All models by kind, every module under kg/ml/links being imported first: none escapes by not being named."""
    for module in pkgutil.walk_packages(kg.ml.links.__path__, "kg.ml.links."):
        importlib.import_module(module.name)
    return model_kinds()


def toy_graph(*, moments: int = 1, seed: int = 0, schema_hash: str = "s1") -> LinkGraph:
    """20 people in 4 teams: ``same_team`` is a block structure, ``leads`` goes from the first of a team to the others.

    With several moments the teams turn: at moment m, member i is in team (i + m // 3) mod 4.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for moment in range(moments):
        team = (np.arange(20) + moment // 3) % 4
        for a in range(20):
            rows += [(a, 0, b, moment) for b in range(20) if a != b and team[a] == team[b]]
            rows += [(a, 1, b, moment) for b in range(20) if a < 4 and b >= 4 and team[a] == team[b]]
    table = np.array(rows)[rng.permutation(len(rows))]
    cut = len(table) // 10
    return LinkGraph(
        tuple(f"person {i}" for i in range(20)),
        ("same_team", "leads"),
        Facts.of(table[2 * cut :]),
        Facts.of(table[:cut]),
        Facts.of(table[cut : 2 * cut]),
        tuple(f"day {m}" for m in range(moments)),
        schema_hash,
    )


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """``shared/data`` beside the repository: public tables that are not part of it."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data"
    if not (folder / "kge").is_dir():
        pytest.skip(f"benchmark data is absent: {folder}")
    return folder
