"""The interpreter, SQLite and Neo4j answer alike: one history, the same questions, both plans of Neo4j."""

import asyncio
import itertools
import re
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from neo4j import Driver

from kg.query import algebra as a
from kg.query.algebra import Op, Query, Select, Time
from kg.query.secure import EVERYTHING, Scope
from kg.schema.types import Datatype, Schema
from kg.store.base import Store
from kg.store.neo4j.gate import Statement
from kg.store.neo4j.store import Neo4jStore
from kg.store.sqlite.store import SqliteStore
from kg.testing import strategies as s
from kg.testing.differential import Pair, StoreDifferential, for_all, same_answer, same_pages

pytestmark = [pytest.mark.neo4j, pytest.mark.timeout(600)]

SCHEMAS, QUERIES, DEPTH, VARIANTS, PAIRS = 12, 22, 1, 3, 1000
"""Each question is asked at several instants: planning is the slow part, and a text is planned once. `PAIRS`: least
number of questions, each to one history, that a whole run must have asked."""
SOAK_SCHEMAS, SOAK_QUERIES, SOAK_DEPTH, SOAK_VARIANTS, SOAK_PAIRS = 30, 14, 3, 48, 20_000
DEEP_EVERY, DEEPEST = 10, 6


class TestThreeWays(StoreDifferential):
    @pytest.fixture(autouse=True)
    def _server(self, neo4j_url: str, neo4j_driver: Driver, tmp_path: Path) -> Iterator[None]:
        self.url, self.driver, self.folder = neo4j_url, neo4j_driver, tmp_path
        self.texts: set[str] = set()
        self.plans: set[bool] = set()
        self.asked: set[tuple[Query, str]] = set()
        yield
        assert True in self.plans, "no answer of the present"
        assert False in self.plans, "no answer of the rows that lie beside it"

    async def make(self, schema: Schema) -> Store:
        self.driver.execute_query("MATCH (n) DETACH DELETE n")
        store = Neo4jStore(self.url)
        await store.migrate(schema)
        read = store.link.read
        alone: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

        async def recorded(text: str, *more: Any) -> list[list[Any]]:
            self.texts.add(text)
            async with alone[text]:  # the server would plan it several times
                return await read(text, *more)

        whole = store.asker._whole

        async def noted(statement: Statement, *more: Any) -> tuple[bool, Any]:
            self.plans.add(statement.current)
            return await whole(statement, *more)

        store.link.read = recorded  # type: ignore[assignment, method-assign]
        store.asker._whole = noted  # type: ignore[assignment, method-assign]
        return store

    async def make_more(self, schema: Schema) -> tuple[Store, ...]:
        store = SqliteStore(f"sqlite:///{self.folder}/other.db")
        await store.migrate(schema)
        return (store,)

    @pytest.mark.parametrize("number", range(SCHEMAS))
    def test_answers_are_equal(self, number: int) -> None:
        self.compare(number, QUERIES, DEPTH)
        assert len(self.asked) * SCHEMAS >= PAIRS

    @pytest.mark.soak
    @pytest.mark.parametrize("number", range(2000, 2000 + SOAK_SCHEMAS))
    def test_answers_are_equal_at_length(self, number: int) -> None:
        self.variants = SOAK_VARIANTS
        self.compare(number, SOAK_QUERIES, SOAK_DEPTH if number % DEEP_EVERY else DEEPEST)
        assert len(self.asked) * SOAK_SCHEMAS >= SOAK_PAIRS

    variants = VARIANTS

    def same(self, pair: Pair, query: Query, scope: Scope) -> None:
        self.asked.add((query, repr(scope)))
        same_answer(pair, query, scope)

    def all_the_same(self, pair: Pair, questions: list[tuple[Query, Scope]]) -> None:
        """All are asked at once first, so that the server plans on all its cores; then one by one, to compare."""
        asked = (pair.other.execute(query, scope) for query, scope in questions)
        pair.loop.run_until_complete(gathered(asked))
        for query, scope in questions:
            self.same(pair, query, scope)

    def compare(self, number: int, queries: int, depth: int) -> None:
        with self.running_pair(number) as pair:
            schema = pair.schema
            readers = st.one_of(st.just(EVERYTHING), st.just(Scope(0)), s.scopes(schema))

            @for_all(number, queries, s.queries(schema, pair.known, depth=depth), readers, shrink=False)
            def answers(query: Query, scope: Scope) -> None:
                others = at_other_instants(query, pair.known, self.variants)
                # What the present answers, where rows are divided by level; and the same when the latest commit was
                # made, where something ends or begins since.
                now = replace(query, time=Time())
                then = replace(now, now=max(pair.known.system))
                questions = [(one, scope) for one in (query, *others)]
                self.all_the_same(pair, [*questions, (now, Scope(0)), (then, Scope(0))])

            @for_all(number, max(queries // 8, 3), s.pages(schema, pair.known), readers, shrink=False)
            def pages(select: Select, scope: Scope) -> None:
                same_pages(pair, select, scope)

            @for_all(number, max(queries // 3, 3), starts(schema, pair.known), readers, shrink=False)
            def started(query: Query, scope: Scope) -> None:
                others = at_other_instants(query, pair.known, self.variants - VARIANTS)
                # At least these read the present, whatever instants the other questions name.
                now = replace(query, time=Time())
                questions = [(query, scope), (query, Scope(0)), (now, Scope(0))]
                self.all_the_same(pair, [*questions, *((other, scope) for other in others)])

            for text in self.texts:
                nothing_of_a_user(text, schema)


async def gathered(asked: Iterable[Awaitable[bytes]]) -> None:
    """What is refused is refused again when it is compared."""
    await asyncio.gather(*asked, return_exceptions=True)


def at_other_instants(query: Query, known: s.Known, count: int) -> Iterator[Query]:
    """The same shape of question, read at instants of both clocks; the first one only moves the valid one."""
    moments = list(itertools.product(known.valid, (query.time.system, *known.system)))
    Random(0).shuffle(moments)
    for valid, system in [(known.valid[1], query.time.system), *moments][:count]:
        yield replace(query, now=valid, time=replace(query.time, system=system))


@st.composite
def starts(draw: st.DrawFn, schema: Schema, known: s.Known) -> Query:
    """What the compiler begins from an index or from the far end of a relation."""

    def pick(options: Any) -> Any:
        return draw(st.sampled_from(list(options)))

    cls = pick(name for name in sorted(schema.classes) if schema.concrete(name))
    places = [p.name for p in schema.classes[cls].properties if p.datatype is Datatype.GEOMETRY and not p.many]
    found: list[a.Predicate] = []
    order: tuple[a.Order, ...] = ()
    lon, lat = pick(s.POSITIONS)
    kind = pick(("near", "within", "nearest", "nearest") if places else ("id",))
    if kind == "near":
        place = pick(places)
        found.append(a.Near(place, lon, lat, pick((0.0, 1000.0, 60_000.0, 2e7))))
        if pick((True, False)):
            x, y = (lon, lat) if pick((True, False)) else pick(s.POSITIONS)
            order = (a.Order(a.Calc(Op.DISTANCE, (a.Prop(place), a.Const(x), a.Const(y)))),)
    elif kind == "within":
        found.append(a.Spatial(pick(("within", "intersects")), pick(places), pick(s.AREAS)))
    elif kind == "nearest":
        far = a.Calc(Op.DISTANCE, (a.Prop(pick(places)), a.Const(lon), a.Const(lat)))
        order = (a.Order(far), *([a.Order(a.Prop("name"))] if pick((True, False)) else []))
    for relation in schema.relations.values():
        for out, near, other in ((True, relation.domain, relation.range), (False, relation.range, relation.domain)):
            if schema.is_a(cls, near) and schema.concrete(other) and pick((True, False)):
                ids = tuple(draw(st.lists(st.sampled_from(known.entities), max_size=4)))
                one: a.Predicate = a.Cmp(a.Comparison.IN, a.Meta(a.MetaName.ID), a.Const(ids))
                if relation.properties and pick((True, False)):
                    said = a.Edge(relation.properties[0].name)
                    one = a.And((one, a.Cmp(a.Comparison.IS_NULL, said, a.Const(pick((True, False))))))
                found.append(a.Exists(a.Step(relation.name, out, other), one))
    if pick((True, False, False)):
        found.append(draw(s.predicates(schema, cls, known, depth=1)))
    where = a.And(tuple(found)) if found else None
    obj = a.Obj((a.Field("id", a.Leaf(a.Meta(a.MetaName.ID))), a.Field("name", a.Leaf(a.Prop("name")))))
    time = a.Time(system=pick((None, None, None, *known.system)))
    count = a.Aggregate(a.Extent(cls), (a.Out("n", "metric", 0),), (), (a.Metric(a.MetricOp.COUNT),), where)
    rows = a.Select(a.Extent(cls), a.Rows(obj), where, order, a.Page(pick((0, 1, 2, 5))))
    return Query((a.Root("rows", rows), a.Root("count", count)), known.now, time)


_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")
_NAME = re.compile(r"`([^`]*)`")
_OURS = {
    "stated", "mentioned", "-", "-Q", "-W", "0", "000", "", "\U00010000", "\ue000", "\uffff", "\\u0000", "jw_words",
    "jw_words_state",
}  # fmt: skip


def nothing_of_a_user(text: str, schema: Schema) -> None:
    """A statement holds no text but names of the ontology and the store's own."""
    names = {*schema.classes, *schema.relations}
    declared: list[Any] = [*schema.classes.values(), *schema.relations.values()]
    properties = {p.name for held in declared for p in held.properties}
    assert set(_LITERAL.findall(text)) <= names | _OURS
    for name in _NAME.findall(text):
        bare = re.sub(r"^_(State_|point_|west_|south_|east_|north_)", "", name)
        assert bare in names | properties or name.startswith("_"), name
    rest = _NAME.sub("", _LITERAL.sub("", text))
    assert re.fullmatch(r"[\x20-\x7e]*", rest)
    assert '"' not in rest
