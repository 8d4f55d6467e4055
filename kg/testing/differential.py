"""The differential test of stores: one history in the memory store and in another; the same questions to both.

The memory store answers by the interpreter, so that what is compared is the meaning of the algebra. Subclass
`StoreDifferential` with `make` and run it by pytest; `NonInterference` compares stores of one kind that differ in what
a Scope hides.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from kg.errors import CursorError, JingweiError
from kg.query.algebra import Query, Root, Select
from kg.query.cursor import CursorCodec
from kg.query.secure import EVERYTHING
from kg.store.memory import MemoryStore
from kg.testing import history
from kg.testing import strategies as s

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.base import Store
    from kg.testing.strategies import Known

BINDING = "b"
"""What the strategies bind the cursors of pages to."""
SCHEMAS, QUERIES, DEPTH = 25, 40, 3
SOAK_SCHEMAS, SOAK_QUERIES, SOAK_DEPTH = 30, 150, 6
COMMITS = 14


def drawn(number: int, strategy: Any) -> Any:
    """One example, the same for a number on every machine; the first examples of Hypothesis are the least ones."""
    found: list[Any] = []

    @seed(number)
    @settings(max_examples=4, phases=[Phase.generate], database=None, deadline=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found[-1]


def for_all(number: int, examples: int, *given_: Any, shrink: bool = True) -> Callable[[Callable[..., None]], None]:
    """Runs a check on examples that depend on `number` alone. Not to `shrink` saves time where a question is slow."""

    def run(check: Callable[..., None]) -> None:
        drawn_for: Any = given(*given_)
        phases = [Phase.generate, *([Phase.shrink] if shrink else [])]
        wrapped: Any = settings(
            max_examples=examples, phases=phases, database=None, deadline=None,
            report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        )(drawn_for(check))  # fmt: skip
        seeded: Any = seed(number)(wrapped)
        seeded()

    return run


@dataclass
class Pair:
    """Two stores, or more, and what questions to them may name."""

    loop: asyncio.AbstractEventLoop
    one: Store
    other: Store
    schema: Schema
    known: Known
    more: tuple[Store, ...] = ()
    refusal: str = ""  # what the latest error said

    def ask(self, store: Store, query: Query, scope: Scope) -> bytes | type[JingweiError]:
        try:
            return self.loop.run_until_complete(store.execute(query, scope))
        except JingweiError as error:
            self.refusal = str(error)
            return type(error)


@contextmanager
def running() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    try:
        yield loop
    finally:
        loop.close()


def plain(answer: bytes | type[JingweiError]) -> Any:
    """An answer so that equality is equality of keys in their order, of kinds of numbers, and of floats' bits."""
    if isinstance(answer, type):
        return ("error", answer.__name__)
    return json.loads(answer, object_pairs_hook=lambda pairs: ("object", *pairs), parse_float=_float, parse_int=_int)


def _float(text: str) -> tuple[str, str]:
    return "float", float(text).hex()


def _int(text: str) -> tuple[str, int]:
    return "int", int(text)


class StoreDifferential:
    """What another store must answer as the memory store does."""

    async def make(self, schema: Schema) -> Store:
        """An empty store, migrated to `schema`."""
        raise NotImplementedError  # the subclass says which

    async def make_more(self, schema: Schema) -> tuple[Store, ...]:
        """Further stores that must answer alike, migrated to `schema`; their cursors need not be equal."""
        del schema
        return ()

    # ------------------------------------------------------------ tests

    @pytest.mark.parametrize("number", range(SCHEMAS))
    def test_answers_are_equal(self, number: int) -> None:
        self.compare(number, QUERIES, DEPTH)

    @pytest.mark.soak
    @pytest.mark.parametrize("number", range(1000, 1000 + SOAK_SCHEMAS))
    def test_answers_are_equal_at_length(self, number: int) -> None:
        self.compare(number, SOAK_QUERIES, SOAK_DEPTH)

    def compare(self, number: int, queries: int, depth: int) -> None:
        """History and questions number `number`."""
        with running() as loop, self.loaded(loop, number) as pair:
            schema = pair.schema

            readers = st.one_of(st.just(EVERYTHING), s.scopes(schema))

            @for_all(number, queries, s.queries(schema, pair.known, depth=depth), readers)
            def answers(query: Query, scope: Scope) -> None:
                same_answer(pair, query, scope)

            @for_all(number, queries // 8, s.pages(schema, pair.known), readers)
            def pages(select: Select, scope: Scope) -> None:
                same_pages(pair, select, scope)

    @contextmanager
    def running_pair(self, number: int) -> Iterator[Pair]:
        """`loaded` in an event loop of its own."""
        with running() as loop, self.loaded(loop, number) as pair:
            yield pair

    @contextmanager
    def loaded(self, loop: asyncio.AbstractEventLoop, number: int) -> Iterator[Pair]:
        """Both stores with one history, which they must take and refuse alike."""
        schema = drawn(number, s.schemas())
        writer = history.Writer(schema, Random(number))
        other = loop.run_until_complete(self.make(schema))
        one = MemoryStore(schema, cursor_secret=other.cursor_secret)
        more = loop.run_until_complete(self.make_more(schema))
        try:
            steps = loop.run_until_complete(history.grow(one, writer, COMMITS))
            for store in (other, *more):
                loop.run_until_complete(replay(steps, one, store))
            systems = [tx.system for tx in one.tables.tx]
            yield Pair(loop, one, other, schema, history.known([writer], systems), more)
        finally:
            for store in (other, *more):
                loop.run_until_complete(store.close())


async def replay(steps: list[history.Step], one: MemoryStore, other: Store) -> None:
    """The commits that `one` went through; receipts and refusals must be the same."""
    for step in steps:
        refused: type[JingweiError] | None = None
        try:
            receipt = await other.commit(step.change_set, now=step.now)
        except JingweiError as error:
            refused = type(error)
        else:
            assert receipt == await one.receipt(step.change_set.key), step.change_set
        assert refused is step.refused, step.change_set
    assert await other.check() == ()
    assert await other.clock() == await one.clock()


def same_answer(pair: Pair, query: Query, scope: Scope) -> Any:
    """The parsed answer, once both gave it."""
    one, other = pair.ask(pair.one, query, scope), pair.ask(pair.other, query, scope)
    want, got = plain(one), plain(other)
    assert got == want, f"\nexpected {one!r}\nanswered {other!r}\n{pair.refusal}"
    for store in pair.more:
        further = pair.ask(store, query, scope)
        said = further if isinstance(further, type) else without_cursors(store, further)
        meant = one if isinstance(one, type) else without_cursors(pair.one, one)
        assert plain(said) == plain(meant), f"\nexpected {one!r}\nanswered {further!r}\n{pair.refusal}"
    return want


_TOKEN = re.compile(rb'"([A-Za-z0-9_-]{40,})"')


def without_cursors(store: Store, answer: bytes) -> bytes:
    """An answer with each cursor replaced by what it says of its row."""
    codec = CursorCodec(store.cursor_secret)

    def shown(found: re.Match[bytes]) -> bytes:
        try:
            said = codec.decode(found[1].decode(), BINDING).after
        except CursorError:
            return found[0]
        return json.dumps(repr(said)).encode()

    return _TOKEN.sub(shown, answer)


def same_pages(pair: Pair, select: Select, scope: Scope) -> None:
    """Follows the pages of both, each by its own cursors, to the end: the rows of the whole, in its order."""
    whole = _edges(same_answer(pair, _one(pair, replace(select, page=replace(select.page, first=None))), scope))
    if whole is None:
        return
    for store in (pair.one, pair.other):
        codec = CursorCodec(store.cursor_secret)
        found: list[Any] = []
        page = select
        for _ in range(len(whole) + 1):
            answer = pair.ask(store, _one(pair, page), scope)
            assert isinstance(answer, bytes)
            found += _edges(plain(answer)) or []
            info = json.loads(answer)["it"]["info"]
            if not info["next"]:
                break
            token = codec.decode(info["end"], BINDING)
            page = replace(select, page=replace(select.page, after=token.after), time=token.time)
        else:
            pytest.fail("the pages do not end")
        assert found == whole


def _one(pair: Pair, select: Select) -> Query:
    return Query((Root("it", select),), pair.known.now)


def _edges(answer: Any) -> list[Any] | None:
    if answer[0] == "error":
        return None
    page = dict(answer[1:])["it"]
    edges: list[Any] = dict(page[1:])["edges"]
    return edges
