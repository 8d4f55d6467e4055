"""On Neo4j the same models come of the same facts, and give the same answers, as on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from api.graphql.engine import Request
from api.learning import links, sites
from api.learning.predictions import keep
from api.learning.serving import Asking, Learned
from kg.query.secure import PUBLIC
from kg.settings import Settings
from tests.api.learning import town
from tests.api.learning.conftest import Town

if TYPE_CHECKING:
    from pathlib import Path

    from api.graphql.schema import GraphQLApi
    from kg.schema.types import Schema
    from tests.api.learning.conftest import Found

pytestmark = [pytest.mark.anyio, pytest.mark.neo4j]


async def learned(place: Town) -> Any:
    """All that the models are and say, entity ids as local names."""
    names = {entity: local for local, entity in place.ids.items()}
    recipes = (town.QUICK, town.YEARLY)
    made = [await links.train(place.store, place.shelf, recipe, town.SPLIT) for recipe in recipes]
    made.append(await sites.train(place.store, place.shelf, sites.SiteRecipe(), town.SPLIT))
    text = """{{ linkPredictions(entity: "{0}", relation: suppliesTo, first: 5, model: "{1}") {{
        object {{ id }} score probability contributions {{ name value }} rules {{ text path {{ id }} }}
        evidence {{ via nodes {{ id }} }} }}
      siteScores(enterprise: "{0}", first: 3) {{
        place {{ id }} score constant contributions {{ name value }} evidence {{ id }} }} }}"""
    told = []
    for model in ("links", "yearly"):
        answer = await place.engine.answer(Request(text.format(place.ids["f0"], model)), PUBLIC)
        assert not answer.errors, answer.body
        told.append(_named(orjson.loads(answer.body)["data"], names))
    asking = Asking(PUBLIC, town.NOW)
    answers = await Learned(place.store, place.settings).links(place.ids["f0"], "suppliesTo", 2, asking, "links")
    await keep(place.store, made[0], answers, now=town.NOW, expires=town.NOW + town.DAY)
    kept = await place.engine.answer(Request("{ predictions { totalCount nodes { relation modelName } } }"), PUBLIC)
    return [(one.data, one.figures) for one in made], told, orjson.loads(kept.body)


def _named(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _named(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value


async def test_models_and_answers_are_those_of_sqlite(
    neo4j_url: str, found: Found, schema: Schema, api: GraphQLApi, tmp_path: Path
) -> None:
    from tests.kg.store.neo4j.test_contract import fresh

    async with await fresh(neo4j_url, schema) as store:
        ids = await town.found(store)
        settings = Settings(store=neo4j_url, models=tmp_path)
        on_neo4j = await learned(Town(store, ids, settings, api))
    on_sqlite = await learned(await found())
    assert on_neo4j == on_sqlite
