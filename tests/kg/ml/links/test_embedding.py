"""Every embedding model: gradients against finite differences, what training reaches, checkpoints, determinism."""

from pathlib import Path

import numpy as np
import pytest

from kg.ml.errors import ModelFileError, UnusableData
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import EmbeddingModel, Training, as_real, batch_of
from kg.ml.links.evaluation import rank
from kg.ml.links.facts import asked
from kg.ml.links.model import EpochReport
from kg.ml.links.tnt_complex import TNTComplEx
from tests.kg.ml.conftest import every_model, toy_graph

EMBEDDINGS = [cls for cls in every_model().values() if issubclass(cls, EmbeddingModel)]


@pytest.mark.parametrize("cls", EMBEDDINGS, ids=lambda cls: cls.kind)
@pytest.mark.parametrize("init", [0.5, 6.0], ids=["small scores", "scores beyond exp"])
def test_gradients_agree_with_finite_differences(cls: type[EmbeddingModel], init: float) -> None:
    graph = toy_graph(moments=4)
    model = cls(Training(rank=3, n3=0.03, smooth=0.2, init=init), dtype="complex128")
    model.params = model.init_params(graph)
    grouped = asked(graph.train.both_ways(2))
    batch = batch_of(grouped, np.random.default_rng(0).choice(len(grouped.queries), 15, replace=False))
    _, grads = model.loss_and_gradients(batch)
    rng = np.random.default_rng(1)
    for name, value in model.params.items():
        real, slope = as_real(value), as_real(grads[name])
        assert np.any(slope != 0.0), name
        for _ in range(12):
            at = tuple(rng.integers(0, size) for size in real.shape)
            kept, step = real[at], 1e-5
            real[at] = kept + step
            up, _ = model.loss_and_gradients(batch)
            real[at] = kept - step
            down, _ = model.loss_and_gradients(batch)
            real[at] = kept
            assert slope[at] == pytest.approx((up - down) / (2 * step), rel=2e-4, abs=2e-5), (name, at)


@pytest.mark.parametrize(("cls", "moments"), [(ComplExN3, 1), (TNTComplEx, 12)])
def test_training_learns_the_teams(cls: type[EmbeddingModel], moments: int) -> None:
    graph = toy_graph(moments=moments)
    model = cls(Training(rank=16, epochs=40, batch=32, n3=0.003, smooth=0.003))
    report = model.fit(graph)
    assert report.epochs[0].loss > report.epochs[-1].loss
    # By chance a rank among about 15 remaining candidates gives 0.2.
    assert rank(model.score_tails, graph, graph.test).mrr > 0.8


def test_the_same_seed_gives_the_same_model_and_another_seed_another() -> None:
    graph = toy_graph()
    fitted = []
    for seed in (1, 1, 2):
        model = ComplExN3(Training(rank=4, epochs=3, seed=seed))
        model.fit(graph)
        fitted.append(model.params["entity"])
    np.testing.assert_array_equal(fitted[0], fitted[1])
    assert not np.array_equal(fitted[0], fitted[2])


def test_an_interrupted_training_resumes_to_the_same_result(tmp_path: Path) -> None:
    graph = toy_graph(moments=6)
    settings = Training(rank=4, epochs=8, batch=50, check_every=2, final_rate=0.1)
    straight = TNTComplEx(settings)
    straight.fit(graph)

    class Stopped(Exception):
        pass

    def stop(report: EpochReport) -> None:
        if report.epoch == 5:
            raise Stopped

    path = tmp_path / "run.ckpt"
    with pytest.raises(Stopped):
        TNTComplEx(settings).fit(graph, progress=stop, checkpoint=path)
    resumed = TNTComplEx(settings)
    report = resumed.fit(graph, checkpoint=path)
    assert [e.epoch for e in report.epochs] == list(range(1, 9))
    for name, value in straight.params.items():
        np.testing.assert_array_equal(value, resumed.params[name])


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    ComplExN3(Training(rank=4, epochs=1)).fit(toy_graph(), checkpoint=path)
    with pytest.raises(ModelFileError, match="belongs to another training"):
        ComplExN3(Training(rank=5, epochs=1)).fit(toy_graph(), checkpoint=path)


def test_valid_chooses_the_epoch_and_patience_ends_the_training() -> None:
    graph = toy_graph()
    model = ComplExN3(Training(rank=16, epochs=200, batch=20, n3=0.0, check_every=1, patience=2))
    report = model.fit(graph)
    assert len(report.epochs) == report.kept_epoch + 2 < 200


def test_divergence_and_wrong_settings_are_errors() -> None:
    with pytest.raises(UnusableData, match="diverged"), np.errstate(all="ignore"):
        ComplExN3(Training(rank=4, rate=1e30)).fit(toy_graph())
    with pytest.raises(UnusableData, match="at least 1"):
        Training(rank=0)
    with pytest.raises(UnusableData, match="learning rate"):
        Training(rate=float("nan"))
