"""Two stores that differ only in what a Scope hides give that Scope byte-equal answers, opaque cursors aside.

Four ways of hiding: by level, by a row predicate, by class, by a mask. Hidden commits stand between the visible ones,
which have the same system instants in both stores. Subclass `NonInterference` with `make` and run it by pytest.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from kg.model.changes import Put, Relate
from kg.query.algebra import Cmp, Comparison, Const, Not, Prop
from kg.query.secure import Limits, Scope
from kg.schema.types import ROOT_CLASS, Datatype
from kg.testing import history
from kg.testing import strategies as s
from kg.testing.differential import DEPTH, Pair, drawn, for_all, running, without_cursors

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from kg.errors import JingweiError
    from kg.model.changes import Change
    from kg.query.algebra import Query
    from kg.schema.types import Schema
    from kg.store.base import Store

WAYS = ("level", "rows", "classes", "masks")
COMMITS = 16


@dataclass
class Secret:
    """What is hidden: from whom, said by which writers, and how the other store says it (None: not at all)."""

    scope: Scope
    visible: history.Writer
    hidden: history.Writer | None = None
    other: Callable[[Change], Change] | None = None


class NonInterference:
    """What a store must not let through."""

    async def make(self, schema: Schema) -> Store:
        """An empty store, migrated to `schema`."""
        raise NotImplementedError  # the subclass says which

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("number", range(3))
    def test_what_is_hidden_changes_no_answer(self, way: str, number: int) -> None:
        self.compare(way, number, 12, DEPTH)

    @pytest.mark.soak
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("number", range(1000, 1010))
    def test_what_is_hidden_changes_no_answer_at_length(self, way: str, number: int) -> None:
        self.compare(way, number, 100, 5)

    def compare(self, way: str, number: int, queries: int, depth: int) -> None:
        with running() as loop, self.loaded(loop, way, number) as (pair, scope):

            @for_all(number, queries, s.queries(pair.schema, pair.known, depth=depth))
            def answers(query: Query) -> None:
                one = _shown(pair.one, pair.ask(pair.one, query, scope))
                other = _shown(pair.other, pair.ask(pair.other, query, scope))
                assert one == other

    @contextmanager
    def loaded(self, loop: asyncio.AbstractEventLoop, way: str, number: int) -> Iterator[tuple[Pair, Scope]]:
        schema = drawn(number, s.schemas())
        rng = Random(f"{way} {number}")
        secret = _SECRETS[way](schema, rng)
        one, other = (loop.run_until_complete(self.make(schema)) for _ in range(2))
        try:
            turns = iter([False, False, *(rng.random() < 0.5 for _ in range(COMMITS - 3)), True])
            work = history.grow(one, secret.visible, COMMITS, secret.hidden, lambda: next(turns))
            steps = loop.run_until_complete(work)
            systems = loop.run_until_complete(_retell(steps, secret, one, other))
            writers = [secret.visible, *([secret.hidden] if secret.hidden else [])]
            yield Pair(loop, one, other, schema, history.known(writers, systems)), secret.scope
        finally:
            for store in (one, other):
                loop.run_until_complete(store.close())


async def _retell(steps: list[history.Step], secret: Secret, one: Store, other: Store) -> list[int]:
    """The visible commits again, into the other store; their system instants."""
    systems: list[int] = []
    for step in steps:
        if step.hidden or step.refused:
            continue
        changes = step.change_set.changes
        said = changes if secret.other is None else tuple(map(secret.other, changes))
        receipt = await other.commit(replace(step.change_set, changes=said), now=step.now)
        first = await one.receipt(step.change_set.key)
        assert first is not None
        assert (receipt.system, receipt.entities) == (first.system, first.entities)
        if receipt.system is not None:
            systems.append(receipt.system)
    return systems


def _shown(store: Store, answer: bytes | type[JingweiError]) -> bytes | type[JingweiError]:
    """Without cursors: their system instant may tell of later commits."""
    return answer if isinstance(answer, type) else without_cursors(store, answer)


# ---------------------------------------------------------------- ways of hiding


def _by_level(schema: Schema, rng: Random) -> Secret:
    level = rng.choice((0, 1, 2))
    visible = history.Writer(schema, rng, top=level)
    hidden = history.Writer(schema, rng, floor=level + 1, name="hidden")
    return Secret(Scope(level), visible, hidden)


def _by_rows(schema: Schema, rng: Random) -> Secret:
    cls = rng.choice([name for name in sorted(schema.classes) if schema.concrete(name)])
    says = {"name": "hidden"}
    hidden = history.Writer(
        schema, rng, classes=schema.concrete(cls), locals=("h1", "h2", "h3"), always=says, name="hidden"
    )
    seen: Any = Not(Cmp(Comparison.EQ, Prop("name"), Const("hidden")))
    return Secret(Scope(rng.choice((0, 1, 3)), rows={cls: seen}), history.Writer(schema, rng), hidden)


def _by_class(schema: Schema, rng: Random) -> Secret:
    concrete = schema.concrete(ROOT_CLASS)
    options = [frozenset({name}) for name in sorted(schema.classes) if schema.concrete(name)]
    scopes = [Scope(rng.choice((2, 3)), classes=allowed) for allowed in options]
    parts = [(scope, Limits(schema, scope).classes(ROOT_CLASS)) for scope in scopes]
    scope, seen = rng.choice([p for p in parts if 0 < len(p[1]) < len(concrete)] or [(Scope(3), concrete)])
    unseen = tuple(name for name in concrete if name not in seen)
    hidden = history.Writer(schema, rng, classes=unseen, locals=("h1", "h2", "h3"), name="hidden") if unseen else None
    return Secret(scope, history.Writer(schema, rng, classes=seen), hidden)


def _by_mask(schema: Schema, rng: Random) -> Secret:
    """The other store holds other values of one property, equal where these are equal."""
    owned = {(p.owner, p.name): p for cls in schema.classes.values() for p in cls.properties if not p.scheme}
    for relation in schema.relations.values():
        plain = [p for p in relation.properties if p.name not in relation.key and p.datatype is not Datatype.ENTITY]
        owned |= {(relation.name, p.name): p for p in plain}
    owner, name = rng.choice(sorted(owned))
    values = history.pool(owned[owner, name])
    others = dict(zip(values, rng.sample(values, len(values)), strict=True))

    def changed(value: Any) -> Any:
        return tuple(sorted(changed(one) for one in value)) if isinstance(value, tuple) else others.get(value)

    def other(change: Change) -> Change:
        if not isinstance(change, (Put, Relate)) or name not in change.properties:
            return change
        said = {**change.properties, name: changed(change.properties[name])}
        return replace(change, properties=said)

    masks = {owner: frozenset({name})}
    return Secret(Scope(3, masks=masks), history.Writer(schema, rng), None, other)


_SECRETS: dict[str, Callable[[Schema, Random], Secret]] = {
    "level": _by_level, "rows": _by_rows, "classes": _by_class, "masks": _by_mask,
}  # fmt: skip
