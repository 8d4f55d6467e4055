"""Answers with reasons, predictions apart from facts, models that no longer fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from api.graphql.engine import Request
from api.learning import links, sites
from api.learning.models import Shelf, fits, folder_of
from api.learning.predictions import keep
from api.learning.serving import Asking, Learned
from kg.errors import NotFound, QueryError
from kg.ml.errors import ModelFileError, SchemaMismatch, UnusableData
from kg.model.changes import ChangeSet, Retract
from kg.query.algebra import Time
from kg.query.secure import EVERYTHING, PUBLIC
from kg.settings import Settings
from kg.store.base import EraseRequest, Scan
from tests.api.learning import town

if TYPE_CHECKING:
    from api.learning.models import Trained
    from tests.api.learning.conftest import Found, Town

pytestmark = pytest.mark.anyio

LINKS = """linkPredictions(entity: "%s", relation: suppliesTo, first: 5) {
  __typename score probability relation model modelVersion knownAt subject { name }
  object { id name __typename ... on Enterprise { belongsTo { nodes { name } } } }
  contributions { __typename name value } rules { text confidence support covered via path { id } }
  evidence { via nodes { id name } } }"""
SITES = """sites: siteScores(enterprise: "%s", first: 3) {
  score constant kind { name } place { name } contributions { name value } evidence { name __typename } }"""


@pytest.fixture(scope="module")
async def place(found: Found) -> Town:
    made = await found()
    await links.train(made.store, made.shelf, town.QUICK, town.SPLIT)
    await sites.train(made.store, made.shelf, sites.SiteRecipe(), town.SPLIT)
    return made


async def body(place: Town, text: str, **more: Any) -> Any:
    return orjson.loads((await place.engine.answer(Request(text), PUBLIC, **more)).body)


async def test_answers_come_with_reasons(place: Town) -> None:
    firm = place.ids["f0"]
    text = "{ a: __typename " + LINKS % firm + " enterprises(first: 1) { totalCount } " + SITES % firm + "}"
    told = await body(place, text)
    assert "errors" not in told, told
    data = told["data"]
    assert list(data) == ["a", "linkPredictions", "enterprises", "sites"]
    assert told == await body(place, text, plainly=True)

    known = {(c.start.local, c.end.local) for c in town.town().changes if getattr(c, "relation", "") == "suppliesTo"}  # type: ignore[union-attr]
    by_id = {entity: local for local, entity in place.ids.items()}
    assert len(data["linkPredictions"]) == 5
    for row in data["linkPredictions"]:
        assert ("f0", by_id[row["object"]["id"]]) not in known
        assert sum(part["value"] for part in row["contributions"]) == pytest.approx(row["score"], abs=1e-4)
        assert 0 <= row["probability"] <= 1
        assert row["object"]["__typename"] == "Enterprise"
    # A customer of the next trade is likeliest, and a rule says so by a path of known facts.
    best = data["linkPredictions"][0]
    assert best["object"]["belongsTo"]["nodes"] == [{"name": "行业1"}]
    (path, *_) = best["evidence"]
    assert path["nodes"][0]["id"] == firm
    assert path["nodes"][-1]["id"] == best["object"]["id"]
    edges = {(c.relation, c.start.local, c.end.local) for c in town.town().changes if hasattr(c, "relation")}  # type: ignore[union-attr]
    schema = place.store.schema
    for step, start, end in zip(path["via"], path["nodes"], path["nodes"][1:], strict=False):
        relation, out = schema.step(step)  # type: ignore[misc]
        ends = (by_id[start["id"]], by_id[end["id"]]) if out else (by_id[end["id"]], by_id[start["id"]])
        assert (relation.name, *ends) in edges

    for row in data["sites"]:
        assert row["constant"] + sum(p["value"] for p in row["contributions"]) == pytest.approx(row["score"])
        assert row["kind"] == {"name": "行业0"}
    assert data["sites"][0]["place"]["name"] == "0号楼"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ('entity: "%s", asOf: {system: "2025-02-03T00:00:00Z"}', "LEARNING_BEFORE_SPLIT"),
        ('entity: "%s", asOf: {valid: "2025-02-03T00:00:00Z"}', "LEARNING_BEFORE_SPLIT"),
        ('entity: "nobody"', "NOT_FOUND"),
        ('entity: "%s", first: 5000', "LIMIT_EXCEEDED"),
        ('entity: "%s", model: "others"', "NOT_FOUND"),
        ('entity: "%s", model: "sites"', "NOT_FOUND"),
    ],
)
async def test_what_cannot_be_answered_is_refused(place: Town, arguments: str, code: str) -> None:
    arguments = arguments.replace("%s", place.ids["f0"])
    told = await body(place, f"{{ linkPredictions({arguments}, relation: suppliesTo) {{ score }} }}")
    assert told["errors"][0]["extensions"]["code"] == code
    assert told["errors"][0]["extensions"]["remedy"]


async def test_sites_are_asked_by_one_of_two(place: Town) -> None:
    told = await body(place, f'{{ siteScores(kind: "{place.ids["t1"]}") {{ place {{ name }} }} }}')
    assert {row["place"]["name"] for row in told["data"]["siteScores"][:2]} == {"2号楼", "3号楼"}
    assert (await body(place, "{ siteScores { score } }"))["errors"][0]["extensions"]["code"] == "QUERY_INVALID"
    unknown = await body(place, f'{{ siteScores(kind: "{place.ids["p1"]}") {{ score }} }}')
    assert unknown["errors"][0]["extensions"]["code"] == "LEARNING_UNKNOWN_NAME"


async def everything(place: Town, now: int) -> dict[str, list[Any]]:
    """All rows of all relations, and of all classes but predictions, with both clocks; and all claims."""
    schema = place.store.schema
    scans = [Scan(now, relation=name) for name in schema.relations]
    scans += [Scan(now, cls=name) for name in schema.concrete("Thing") if name != "Prediction"]
    out: dict[str, list[Any]] = {}
    for scan in scans:
        rows = out.setdefault(scan.relation or scan.cls, [])
        async for batch in place.store.scan(scan, EVERYTHING):
            rows += batch.to_pylist()
    claims = """{ enterprises(first: 200) { nodes { id claims(system: {}, valid: {}) { source record properties run }
      suppliesTo(first: 100) { edges { node { id } } } } } }"""
    out["claims"] = [await body(place, claims)]
    paths = f"""{{ paths(from: "{place.ids["f0"]}", to: ["{place.ids["f4"]}"]) {{ depth via }}
      search(text: "示例") {{ totalCount }} suppliesToRelationAggregate {{ count }} }}"""
    out["asked"] = [await body(place, paths)]
    return out


async def test_predictions_stay_apart_from_facts(found: Found) -> None:
    place = await found()
    trained: Trained = await links.train(place.store, place.shelf, town.QUICK, town.SPLIT)
    before = await everything(place, town.NOW)
    learned, asking = Learned(place.store, place.settings), Asking(trained.view.scope, town.NOW)
    answers = [
        answer for local in ("f0", "f1") for answer in await learned.links(place.ids[local], "suppliesTo", 3, asking)
    ]
    answers += await learned.links(place.ids["f5"], "suppliedBy", 1, asking)
    (receipt,) = await keep(place.store, trained, answers, now=town.NOW, expires=town.NOW + town.DAY)
    assert receipt.loaded == 7
    assert await everything(place, town.NOW) == before

    text = """{ predictions(where: {subject: {eq: "%s"}}, orderBy: [{probability: desc}]) { nodes {
      subject relation object modelName modelVersion probability knownAt expiresAt evidence sources } } }"""
    rows = (await body(place, text % place.ids["f0"]))["data"]["predictions"]["nodes"]
    assert {row["object"] for row in rows} == {a.object for a in answers[:3]}
    assert {(row["modelName"], row["modelVersion"]) for row in rows} == {("links", trained.version)}
    assert rows[0]["sources"] == {"": "model:links"}
    assert rows[0]["evidence"]["contributions"].keys() == {"embedding", "rules", "some rule"}
    turned = (await body(place, "{ predictions(first: 9) { nodes { subject object } } }"))["data"]["predictions"][
        "nodes"
    ]
    assert {"subject": answers[-1].object, "object": place.ids["f5"]} in turned
    # Models do not learn from them either, and they expire.
    again = await links.train(place.store, place.shelf, replace(town.QUICK, name="again"), None)
    assert again.data == trained.data
    expired = Request("{ predictions { totalCount } }", time=Time(town.NOW + town.DAY))
    assert orjson.loads((await place.engine.answer(expired, PUBLIC)).body)["data"]["predictions"]["totalCount"] == 0
    (run,) = {r["run"] for r in await place.store.runs() if r["run"].startswith("predictions/")}
    await place.store.commit(ChangeSet((Retract(run),)), now=town.NOW + 1)
    assert (await body(place, "{ predictions { totalCount } }"))["data"]["predictions"]["totalCount"] == 0


async def test_what_became_known_later_is_ranked(found: Found) -> None:
    place = await found(after=(town.LATE,))
    trained = await links.train(place.store, place.shelf, town.QUICK, town.SPLIT)
    ready = await links.load(place.store, place.shelf, trained)
    figures = await links.evaluate(place.store, ready, None, lambda _: None)
    assert figures["later facts"] == 3
    assert figures["later facts of entities not known then"] == 0
    assert 0 < figures["later MRR"] <= 1
    assert {k: v for k, v in figures.items() if not k.startswith("later")} == trained.figures


async def test_a_model_that_no_longer_fits_is_refused(found: Found) -> None:
    place = await found()
    trained = await links.train(place.store, place.shelf, town.QUICK, town.SPLIT)
    assert "## Limits" in place.shelf.card("links")
    with pytest.raises(SchemaMismatch, match="train again"):
        fits(trained.model_copy(update={"schema_hash": "0" * 64}), place.store.schema.hash)
    await place.store.erase(EraseRequest(place.ids["f3"], "asked to"), now=town.NOW)
    with pytest.raises(ModelFileError, match="no longer gives"):
        await links.load(place.store, place.shelf, trained)
    arrays, told, _ = place.shelf.paths("links")
    arrays.write_bytes(arrays.read_bytes()[:-9])
    with pytest.raises(ModelFileError, match="not the one that was described"):
        place.shelf.get("links")
    told.write_text("{}", encoding="utf-8")
    with pytest.raises(ModelFileError, match="cannot be read"):
        place.shelf.get("links")
    with pytest.raises(NotFound, match="There is no such model"):
        place.shelf.get("others")
    with pytest.raises(QueryError, match="no name for a model"):
        place.shelf.get("../links")


async def test_too_little_to_learn_from_is_said(found: Found) -> None:
    place = await found()
    with pytest.raises(QueryError, match="no such relation"):
        await links.train(place.store, place.shelf, replace(town.QUICK, relations=("likes",)), None)
    with pytest.raises(UnusableData, match="no fact to train on"):
        await links.train(place.store, place.shelf, replace(town.QUICK, relations=("feeds",)), None)
    with pytest.raises(UnusableData, match="too few facts"):
        await links.train(place.store, place.shelf, replace(town.QUICK, relations=("inputOf",)), None)
    with pytest.raises(UnusableData, match="Too few firms"):
        await sites.train(place.store, place.shelf, sites.SiteRecipe(place="Plot"), None)
    with pytest.raises(QueryError, match="no such name"):
        await sites.train(place.store, place.shelf, sites.SiteRecipe(kind="Guild"), None)


def test_models_lie_beside_the_store() -> None:
    assert str(folder_of(Settings(store="sqlite:////srv/park.db"))) == "/srv/park.db.models"
    elsewhere = folder_of(Settings(store="neo4j://user:secret@host"))
    assert elsewhere.parent.name == "models"
    assert "secret" not in str(elsewhere)
    assert str(Shelf(Settings(models="/srv/m")).folder) == "/srv/m"  # type: ignore[arg-type]
