"""What was recorded or began after the split, and what a reader may not read, changes nothing that a model says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from api.graphql.engine import Request
from api.graphql.instants import parse_as_of_header
from api.learning import links, sites
from kg.query.algebra import Time
from kg.query.secure import EVERYTHING, PUBLIC, Scope
from kg.query.values import instant_text
from tests.api.learning import town

if TYPE_CHECKING:
    from kg.model.changes import ChangeSet
    from tests.api.learning.conftest import Found, Town

pytestmark = pytest.mark.anyio

SITES = sites.SiteRecipe()
AT_SPLIT = Time(*parse_as_of_header(f"valid={instant_text(town.SPLIT)}, system={instant_text(town.SPLIT)}"))


async def trained(place: Town, level: int = 0) -> tuple[Any, ...]:
    """All that training at the split gives: data, model bytes, figures, and answers as of the split."""
    from dataclasses import replace

    recipes = [replace(recipe, level=level) for recipe in (town.QUICK, town.YEARLY)]
    out: list[Any] = [await links.train(place.store, place.shelf, recipe, town.SPLIT) for recipe in recipes]
    out.append(await sites.train(place.store, place.shelf, replace(SITES, level=level), town.SPLIT))
    return (*(one.model_dump() for one in out), *[place.shelf.paths(o.name)[0].read_bytes() for o in out])


async def asked(place: Town, scope: Scope, time: Time = AT_SPLIT, model: str = "links") -> Any:
    text = f"""{{ linkPredictions(entity: "{place.ids["f0"]}", relation: suppliesTo, first: 40, model: "{model}")
        {{ score probability object {{ id }} contributions {{ name value }} rules {{ text path {{ id }} }} }}
      siteScores(enterprise: "{place.ids["f0"]}", first: 8)
        {{ place {{ id }} score contributions {{ name value }} evidence {{ id }} }} }}"""
    answer = await place.engine.answer(Request(text, time=time), scope)
    assert not answer.errors, answer.body
    return orjson.loads(answer.body)["data"]


@pytest.fixture(scope="module")
async def plain(found: Found) -> tuple[Town, tuple[Any, ...]]:
    place = await found()
    return place, await trained(place)


@pytest.mark.parametrize("after", [town.FUTURE, town.LATE], ids=["future", "recorded late"])
async def test_what_came_after_the_split_changes_nothing(
    found: Found, plain: tuple[Town, tuple[Any, ...]], after: ChangeSet
) -> None:
    place = await found(after=(after,))
    assert await trained(place) == plain[1]
    for model in ("links", "yearly"):
        assert await asked(place, PUBLIC, model=model) == await asked(plain[0], PUBLIC, model=model)


async def test_what_was_known_in_time_changes_something(found: Found, plain: tuple[Town, tuple[Any, ...]]) -> None:
    place = await found(before=(town.EARLY,))
    for now, before in zip(await trained(place), plain[1], strict=True):
        assert now != before


async def test_a_confidential_fact_changes_nothing_that_the_public_is_told(
    found: Found, plain: tuple[Town, tuple[Any, ...]]
) -> None:
    place = await found(before=(town.HIDDEN,))
    assert await trained(place) == plain[1]
    for time in (AT_SPLIT, Time()):
        assert await asked(place, PUBLIC, time) == await asked(plain[0], PUBLIC, time)
    # The fact is there, and whoever may read it is told no more that it is likely.
    secret = {row["object"]["id"] for row in (await asked(place, EVERYTHING))["linkPredictions"]}
    public = {row["object"]["id"] for row in (await asked(place, PUBLIC))["linkPredictions"]}
    assert public - secret == {place.ids["f4"]}


async def test_a_model_of_a_higher_level_is_kept_from_readers_below(found: Found) -> None:
    place = await found(before=(town.HIDDEN,))
    hidden = (await trained(place, level=2))[0]
    text = f'{{ linkPredictions(entity: "{place.ids["f0"]}", relation: suppliesTo) {{ score }} }}'
    named = text.replace("suppliesTo)", 'suppliesTo, model: "links")')
    told = [orjson.loads((await place.engine.answer(Request(t), PUBLIC)).body) for t in (text, named)]
    assert [one["errors"][0]["extensions"]["code"] for one in told] == ["NOT_FOUND"] * 2
    assert not (await place.engine.answer(Request(text), Scope(level=2))).errors
    public = await links.train(place.store, place.shelf, town.QUICK, town.SPLIT)
    assert public.data != hidden["data"]


async def test_a_reader_who_sees_less_than_the_model_is_not_told(found: Found) -> None:
    from dataclasses import replace

    from kg.query.algebra import Cmp, Comparison, Const, Prop

    place = await found()
    await links.train(place.store, place.shelf, town.QUICK, town.SPLIT)
    text = f'{{ linkPredictions(entity: "{place.ids["f0"]}", relation: suppliesTo) {{ score }} }}'
    rows = {"Enterprise": Cmp(Comparison.NE, Prop("name"), Const("示例9公司"))}
    narrow = Scope(classes=frozenset({"Organisation"}))
    for scope in (Scope(rows=rows), narrow):
        body = orjson.loads((await place.engine.answer(Request(text), scope)).body)
        assert body["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    own = replace(town.QUICK, name="firms", classes=("Enterprise",))
    await links.train(place.store, place.shelf, own, town.SPLIT)
    assert not (await place.engine.answer(Request(text), narrow)).errors
