"""What holds for every model: a save/load case, a row in the docs, clear errors."""

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kg.ml.errors import ModelFileError, NotFitted, SchemaMismatch, UnknownName, UnusableData
from kg.ml.links.blend import Blend, BlendSettings
from kg.ml.links.complex_n3 import ComplExN3
from kg.ml.links.embedding import EmbeddingModel, Training
from kg.ml.links.evaluation import rank
from kg.ml.links.facts import Facts, LinkGraph, Queries, read_triples
from kg.ml.links.model import LinkModel
from kg.ml.links.model_file import load_model, save_model
from kg.ml.links.rules.mine import Mining
from kg.ml.links.rules.model import Rules
from tests.kg.ml.conftest import every_model, toy_graph

KINDS = sorted(every_model().items())


def small(cls: type[LinkModel]) -> LinkModel:
    training = Training(rank=4, epochs=2, batch=50)
    if issubclass(cls, EmbeddingModel):
        return cls(training)
    if issubclass(cls, Blend):
        return cls(BlendSettings(training))
    return cls(Mining(walks=5000)) if issubclass(cls, Rules) else cls()


def test_every_kind_that_a_module_names_is_walked() -> None:
    folder = Path(__file__).resolve().parents[4] / "kg" / "ml" / "links"
    named = {
        kind
        for path in folder.rglob("*.py")
        for kind in re.findall(r'kind: ClassVar\[str\] = "([^"]+)"', path.read_text(encoding="utf-8"))
    }
    assert named == {kind for kind, _ in KINDS}


def test_models_survive_a_static_graph_too(tmp_path: Path) -> None:
    graph = toy_graph()
    model = small(Blend)
    model.fit(graph)
    save_model(model, tmp_path / "blend.jw")
    queries = graph.query("person 3", "leads", head_side=True)
    again = load_model(tmp_path / "blend.jw", graph)
    np.testing.assert_array_equal(model.score_tails(queries), again.score_tails(queries))


@pytest.mark.parametrize(("kind", "cls"), KINDS, ids=[kind for kind, _ in KINDS])
def test_a_saved_model_scores_the_same_after_loading(kind: str, cls: type[LinkModel], tmp_path: Path) -> None:
    graph = toy_graph(moments=5)
    model = small(cls)
    with pytest.raises(NotFitted):
        model.score_tails(graph.query("person 1", "leads", moment="day 0"))
    model.fit(graph)
    path = tmp_path / "model.jw"
    save_model(model, path)
    again = load_model(path, graph)
    assert again.kind == kind
    queries = Queries(np.arange(20), np.arange(20) % 4, np.arange(20) % 5)
    np.testing.assert_array_equal(model.score_tails(queries), again.score_tails(queries))
    assert 0 < rank(again.score_tails, graph, graph.test).mrr <= 1


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS])
def test_every_model_has_a_row_in_the_docs(kind: str) -> None:
    page = Path(__file__).resolve().parents[4] / "docs" / "learning.md"
    assert f"| `{kind}` |" in page.read_text(encoding="utf-8")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    model = ComplExN3(Training(rank=4, epochs=1))
    model.fit(toy_graph())
    save_model(model, tmp_path / "model.jw")
    return tmp_path / "model.jw"


def test_a_model_of_another_schema_is_refused(saved: Path) -> None:
    with pytest.raises(SchemaMismatch, match="another schema") as caught:
        load_model(saved, toy_graph(schema_hash="s2"))
    assert "train again" in caught.value.remedy


def test_a_model_of_another_graph_is_refused(saved: Path) -> None:
    with pytest.raises(ModelFileError, match="other entities"):
        load_model(saved, toy_graph(moments=3))


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.2, 0.5, 0.99])
def test_a_truncated_file_is_refused(saved: Path, keep: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(saved, toy_graph())


def test_an_altered_a_foreign_and_a_missing_file_are_refused(saved: Path, tmp_path: Path) -> None:
    whole = bytearray(saved.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    saved.write_bytes(bytes(whole))
    with pytest.raises(ModelFileError, match="cannot be read"):
        load_model(saved, toy_graph())
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("header.json", '{"format": "something else"}')
    with pytest.raises(ModelFileError, match="another format"):
        load_model(tmp_path / "other.zip", toy_graph())
    with pytest.raises(ModelFileError, match="no such model file"):
        load_model(tmp_path / "nowhere.jw", toy_graph())


def test_unknown_and_empty_names_say_what_is_known() -> None:
    graph = toy_graph()
    with pytest.raises(UnknownName, match=r"knows no such entity.*'nobody'.*person 0"):
        graph.query("nobody", "leads")
    with pytest.raises(UnknownName, match="The relation is empty"):
        graph.query("person 1", "")
    with pytest.raises(UnknownName, match="needs a moment"):
        toy_graph(moments=3).query("person 1", "leads")
    model = ComplExN3(Training(rank=2, epochs=1))
    model.fit(graph)
    with pytest.raises(UnknownName, match="outside the model's 20"):
        model.score_tails(Queries(np.array([20]), np.array([0]), np.array([0])))


def test_facts_outside_the_graph_and_empty_training_are_errors() -> None:
    some = Facts.of([(0, 0, 1)])
    with pytest.raises(UnknownName, match=r"outside the graph.*valid, row 0"):
        LinkGraph(("a", "b"), ("r",), some, Facts.of([(0, 1, 1)]), some)
    with pytest.raises(UnusableData, match="no fact to train on"):
        LinkGraph(("a", "b"), ("r",), Facts.of([]), some, some)
    with pytest.raises(UnusableData, match="shape"):
        Facts(np.zeros((3, 2), dtype=np.int64))


def test_nan_scores_are_refused() -> None:
    graph = toy_graph()
    model = ComplExN3(Training(rank=2, epochs=1))
    model.fit(graph)
    model.params["relation"][0] = np.nan
    with pytest.raises(UnusableData, match="not numbers"):
        model.score_tails(graph.query("person 1", "same_team"))


def test_a_malformed_row_is_named(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.txt").write_text("a\tr\tb\n", encoding="utf-8")
    (tmp_path / "valid.txt").write_text("a\tr\tb\na\tr\n", encoding="utf-8")
    with pytest.raises(UnusableData, match=r"2 cells.*valid\.txt, row 2"):
        read_triples(tmp_path)
