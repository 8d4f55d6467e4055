"""Model cards and the progress bar."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from kg.ml.card import model_card
from kg.ml.errors import NotFitted, UnusableData
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import Training
from kg.ml.progress import training_bar
from tests.kg.ml.conftest import toy_graph


def test_a_card_says_data_split_figures_and_limits_and_the_bar_shows_the_loss() -> None:
    graph = toy_graph()
    model = ComplExN3(Training(rank=4, epochs=2, check_every=1))
    with pytest.raises(NotFitted):
        model_card(model, {"valid mrr": 0.5})
    shown = io.StringIO()
    with training_bar("complex-n3", console=Console(file=shown, width=120, force_terminal=True)) as progress:
        model.fit(graph, progress=progress)
    assert "2/2" in shown.getvalue()
    assert "MRR of valid 0." in shown.getvalue()
    text = model_card(model, {"valid mrr": 0.5}, split_instant=datetime(2026, 3, 1, tzinfo=UTC)).markdown()
    for part in (
        "20 entities",
        f"train {len(graph.train)}",
        "2026-03-01T00:00:00+00:00",
        "| valid mrr | 0.5000 |",
        "`s1`",
        "knows no time",
    ):
        assert part in text
    with pytest.raises(UnusableData, match="at least one figure"):
        model_card(model, {})
