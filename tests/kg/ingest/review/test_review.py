"""Decisions, on both stores: a merge and its undoing, preferences, mentions, what was rejected and stays so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import IdentityConflict, NotFound, QueryError
from kg.ingest.review.deciding import By, accept, reject, undo
from kg.ingest.review.decisions import decisions
from kg.ingest.review.items import Item, ItemKind, parse
from kg.ingest.review.listing import waiting
from kg.model.changes import ByIdentifier, ByRecord, ChangeSet, End, Put, RecordKey, Relate, Source
from kg.model.intervals import Interval
from kg.query.secure import EVERYTHING, Scope
from kg.schema.compile import compile_schema
from kg.schema.identifiers import check_character
from kg.store.base import Scan
from kg.store.memory import MemoryStore
from kg.store.open import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence
    from pathlib import Path

    from kg.store.base import Store

SCHEMA = compile_schema()
NOW = 1_782_748_800_000_000
A, B = RecordKey("registry", "R1"), RecordKey("directory", "D1")
NAME, OTHER = "上海云栖示例材料有限公司", "云栖示例材料"


def uscc(number: int) -> str:
    body = f"91999900MA{number:07}"
    return body + check_character(SCHEMA.schemes["uscc"], body)


def by(tick: int, author: str = "李工", reason: str = "") -> By:
    return By(author, reason, NOW + tick)


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/park.db"


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def put(store: Store, *changes: Any, tick: int = 0, sources: Sequence[Source] = ()) -> tuple[str, ...]:
    receipt = await store.commit(ChangeSet(tuple(changes), sources=tuple(sources)), now=NOW + tick)
    return receipt.entities


def firm(key: RecordKey, name: str, **said: Any) -> Put:
    return Put(key, "Enterprise", {"name": name, **said})


async def items(store: Store, *kinds: ItemKind, **more: Any) -> list[Item]:
    found: AsyncIterator[Item] = waiting(store, now=NOW + 1000, kinds=kinds or tuple(ItemKind), **more)
    return [item async for item in found]


async def state(store: Store, level: int = 3) -> dict[str, Any]:
    """Firms and supplies, as a reader of the level sees them; without system times."""
    gone = ("systemFrom", "systemTo", "edge")
    scope = EVERYTHING if level == 3 else Scope(level=level)
    out: dict[str, Any] = {}
    for name, scan in (
        ("firms", Scan(NOW + 1000, "Enterprise")),
        ("supplies", Scan(NOW + 1000, relation="suppliesTo")),
    ):
        out[name] = [
            {k: v for k, v in row.items() if v is not None and k not in gone}
            async for batch in store.scan(scan, scope)
            for row in batch.to_pylist()
        ]
    return out


def test_a_merge_is_proposed_made_and_taken_back_without_a_trace(url: str) -> None:
    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            a, b = await put(store, firm(A, NAME, employees=30), firm(B, OTHER, employees=25))
            await put(store, Relate("supply", "suppliesTo", ByRecord(*B), ByRecord(*A), {}), tick=1)
            apart = await state(store)
            (item,) = await items(store, ItemKind.MERGE)
            assert item.id == f"merge:{min(a, b)}:{max(a, b)}"
            assert {side.label for side in item.sides} == {NAME, OTHER}
            assert item.sources == ("directory", "registry")
            assert item.score is not None
            assert item.score >= 0.85
            made, receipt = await accept(store, item.id, by(10, reason="同一法人"))
            assert (made.outcome, made.decided_by, made.reason, made.kept) == (
                "ACCEPTED",
                "李工",
                "同一法人",
                min(a, b),
            )
            assert receipt.seq is not None
            assert len((await state(store))["firms"]) == 1
            assert await items(store, ItemKind.MERGE) == []
            with pytest.raises(QueryError, match="accepted by 李工"):
                await accept(store, item.id, by(11))
            # Said of both while they were one: it goes where it belongs.
            await put(store, firm(A, NAME, employees=31), firm(B, OTHER, employees=26), tick=12)
            taken, _ = await undo(store, item.id, by(20, "王工", "两家公司"))
            assert (taken.outcome, taken.decided_by) == ("UNDONE", "王工")
            for row in apart["firms"]:
                row["employees"] += 1
            assert await state(store) == apart
            assert await store.check() == ()
            (again,) = await items(store, ItemKind.MERGE)
            assert again.id == item.id
            await reject(store, item.id, by(30, reason="不同法人"))
            assert await items(store, ItemKind.MERGE) == []
            runs = [r for r in await store.runs() if r["run"].startswith("review ")]
            assert [(r["author"], r["reason"]) for r in runs] == [
                ("李工", "同一法人"),
                ("王工", "两家公司"),
                ("李工", "不同法人"),
            ]
            with pytest.raises(NotFound, match="Nothing was decided"):
                await undo(store, f"merge:{a}:{'0' * 24}", by(40))

    run(work())


def test_an_earlier_merge_outlives_the_undoing_of_a_later_one(url: str) -> None:
    c = RecordKey("tax", "T1")

    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            ids = await put(
                store, firm(A, NAME), firm(B, OTHER, employees=1), firm(c, "云栖示例材料股份有限公司", taxPaid=2.0)
            )
            first = f"merge:{ids[1]}:{ids[2]}"
            await accept(store, first, by(1), into=ids[1])
            before = await state(store)
            second = f"merge:{ids[0]}:{ids[1]}"
            await accept(store, second, by(2), into=ids[0])
            # Came while they were one, with an identifier that nobody had, and stays with the survivor.
            await put(store, firm(RecordKey("late", "L1"), "迟到", uscc=uscc(9)), tick=3)
            await undo(store, second, by(4))
            after = await state(store)
            assert [row for row in after["firms"] if row["name"] != "迟到"] == before["firms"]
            await undo(store, first, by(5))
            assert {row["id"] for row in (await state(store))["firms"]} >= set(ids)
            assert await store.check() == ()

    run(work())


def test_a_record_that_came_meanwhile_goes_with_its_identifier(url: str) -> None:
    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            a, b = await put(store, firm(A, NAME, organisationCode=None), firm(B, OTHER, uscc=uscc(1)))
            item = f"merge:{min(a, b)}:{max(a, b)}"
            await accept(store, item, by(1), into=a)
            await put(store, firm(RecordKey("late", "L1"), "云栖", uscc=uscc(1), employees=7), tick=2)
            assert [row["employees"] for row in (await state(store))["firms"]] == [7]
            await undo(store, item, by(3))
            rows = {row["id"]: row.get("employees") for row in (await state(store))["firms"]}
            assert rows == {a: None, b: 7}
            assert await store.check() == ()

    run(work())


def test_two_credit_codes_are_never_proposed_and_refused_when_forced(url: str) -> None:
    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            a, b = await put(store, firm(A, NAME, uscc=uscc(1)), firm(B, NAME, uscc=uscc(2)))
            assert await items(store, ItemKind.MERGE) == []
            await accept(store, f"merge:{a}:{b}", by(1))  # a person may know better; the claims both stay
            assert len((await state(store))["firms"]) == 1
            (conflict,) = [i for i in await items(store, ItemKind.CONFLICT) if i.field_name == "uscc"]
            assert {side.value for side in conflict.sides} == {uscc(1), uscc(2)}

    run(work())


def test_what_hidden_sources_say_merges_for_their_readers_alone(url: str) -> None:
    secret = RecordKey("audit", "S1")

    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            a, b, _ = await put(
                store, firm(A, NAME), firm(B, "别名示例"),
                Put(secret, "Enterprise", {"formerNames": (NAME,)}, entity=ByRecord(*B)),
                sources=(Source("audit", level=2),),
            )  # fmt: skip
            (item,) = await items(store, ItemKind.MERGE)
            await accept(store, item.id, by(1))
            assert len((await state(store, 1))["firms"]) == 2
            assert len((await state(store, 2))["firms"]) == 1
            await undo(store, item.id, by(2))
            assert {row["id"] for row in (await state(store))["firms"]} == {a, b}

    run(work())


def test_a_preference_decides_one_value_and_follows_the_facts(url: str) -> None:
    registry = Source("registry", priority=9)

    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            (a, _) = await put(
                store, firm(A, NAME, employees=30, uscc=uscc(1)), firm(B, NAME, employees=25, uscc=uscc(1)),
                sources=(registry,),
            )  # fmt: skip
            (item,) = await items(store, ItemKind.CONFLICT)
            assert item.field_name == "employees"
            assert [(side.sources, side.value, side.chosen) for side in item.sides] == [
                (("directory",), 25, False), (("registry",), 30, True),
            ]  # fmt: skip
            with pytest.raises(QueryError, match="--prefer directory or registry"):
                await accept(store, item.id, by(1))
            await accept(store, item.id, by(1), prefer="directory")
            (row,) = (await state(store))["firms"]
            assert row["employees"] == 25
            assert await items(store, ItemKind.CONFLICT) == []
            # The registry says something else: that is another conflict.
            await put(store, firm(A, NAME, employees=31, uscc=uscc(1)), tick=2)
            (again,) = await items(store, ItemKind.CONFLICT)
            assert again.id != item.id
            with pytest.raises(NotFound, match="do not differ so"):
                await accept(store, item.id.replace(item.id[-3:], "000"), by(3), prefer="directory")
            # A choice keeps nothing alive.
            await put(store, *(End(key, Interval(NOW)) for key in (A, B)), tick=4)
            assert (await state(store))["firms"] == []
            await put(store, firm(A, NAME, employees=31, uscc=uscc(1)), tick=5)
            await undo(store, item.id, by(6))
            (row,) = (await state(store))["firms"]
            assert (row["id"], row["employees"]) == (a, 31)
            assert await store.check() == ()

    run(work())


def test_a_mention_is_bound_to_an_entity_and_back(url: str) -> None:
    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            (a,) = await put(store, firm(A, NAME))
            await put(
                store, Relate("supply", "suppliesTo", ByRecord("supply", f"{NAME}()"), ByRecord(*A), stub="Enterprise"),
                tick=1,
            )  # fmt: skip
            before = await state(store)
            (item,) = await items(store)
            assert item.kind is ItemKind.STUB
            assert item.sides[0].label == f"{NAME}()"
            assert item.sides[1].id == a
            await accept(store, item.id, by(2))  # there is one that fits
            (row,) = (await state(store))["firms"]
            assert row["id"] == a
            await undo(store, item.id, by(3))
            assert await state(store) == before
            await reject(store, item.id, by(4))
            assert await items(store, ItemKind.STUB) == []

    run(work())


def test_a_rejection_outlives_other_merges(url: str) -> None:
    c = RecordKey("tax", "T1")

    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            a, b, other = await put(store, firm(A, NAME), firm(B, OTHER), firm(c, NAME))
            for item in await items(store, ItemKind.MERGE):
                if b in item.id:
                    await reject(store, item.id, by(1))
            (left,) = await items(store, ItemKind.MERGE)
            await accept(store, left.id, by(2), into=max(a, other))
            assert await items(store, ItemKind.MERGE) == []
            assert len(await decisions(store, now=NOW + 9)) == 3

    run(work())


def test_stubs_by_identifier_and_unknown_items(url: str) -> None:
    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            await put(store, firm(A, NAME))
            await put(store, Relate("s", "suppliesTo", ByIdentifier("uscc", uscc(5)), ByRecord(*A), stub="Enterprise"))
            (item,) = await items(store)
            with pytest.raises(QueryError, match="--as"):
                await accept(store, item.id, by(1))
            with pytest.raises(NotFound, match="no such entity"):
                await accept(store, item.id, by(1), into="0" * 24)
            with pytest.raises(IdentityConflict, match="one already"):
                await accept(store, item.id, by(1), into=item.id.removeprefix("stub:"))
            with pytest.raises(QueryError, match="Mend it"):
                await accept(store, "row:firms:3:ab", by(1))

    run(work())


@pytest.mark.parametrize("text", ["", "merge", "merge:a", "merge:a:a", "conflict:a:b", "stub:", "thing:a:b", "row:a:1"])
def test_what_is_no_item_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match="no item for review"):
        parse(text)


KEYS = tuple(RecordKey(source, local) for source in ("registry", "directory") for local in ("1", "2"))
SAID = st.tuples(st.sampled_from(KEYS), st.sampled_from([NAME, OTHER]), st.integers(1, 3), st.booleans())


@settings(max_examples=20, deadline=None)
@given(st.lists(SAID, max_size=4), st.lists(SAID, max_size=6), st.permutations(range(4)), st.booleans())
def test_what_was_said_between_a_merge_and_its_undoing_is_as_if_they_had_never_been_one(
    first: list[Any], meanwhile: list[Any], order: list[int], twice: bool
) -> None:
    """Puts and supplies between four firms; two or three of them are merged for a while."""

    async def said(store: Store, statements: list[Any], tick: int) -> None:
        for n, (key, name, employees, supplies) in enumerate(statements):
            to = KEYS[(KEYS.index(key) + 1) % 4]
            changes: list[Any] = [firm(key, name, employees=employees)]
            changes += [Relate("s", "suppliesTo", ByRecord(*key), ByRecord(*to), {})] * supplies
            await put(store, *changes, tick=tick + n)

    async def ended(*, merged: bool) -> dict[str, Any]:
        store = MemoryStore(SCHEMA)
        ids = await put(store, *(firm(key, NAME) for key in KEYS))
        await said(store, first, 10)
        a, b, c, _ = (ids[n] for n in order)
        pairs = [f"merge:{min(a, b)}:{max(a, b)}", f"merge:{min(a, c)}:{max(a, c)}"][: 1 + twice]
        for n, pair in enumerate(pairs if merged else ()):
            await accept(store, pair, by(100 + n), into=a)
        await said(store, meanwhile, 200)
        for n, pair in enumerate(reversed(pairs) if merged else ()):
            await undo(store, pair, by(300 + n))
        assert await store.check() == ()
        return await state(store)

    assert asyncio.run(ended(merged=True)) == asyncio.run(ended(merged=False))


@pytest.mark.parametrize(
    ("name", "first", "second"),
    [
        ("formerNames", ("乙", "甲"), ("丙",)),
        ("establishedOn", "2020-01-01", "2021-05"),
        ("geometry", '{"type":"Point","coordinates":[121.6,31.2]}', '{"type":"Point","coordinates":[121.5,31.2]}'),
        ("status", "ACTIVE", "REVOKED"),
        ("registeredCapital", 1e6, 2.5e6),
    ],
)
def test_values_of_every_kind_can_be_preferred(name: str, first: Any, second: Any, url: str) -> None:
    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            same = {"name": NAME, "uscc": uscc(1)}
            await put(store, Put(A, "Enterprise", {**same, name: first}), Put(B, "Enterprise", {**same, name: second}))
            (item,) = await items(store, ItemKind.CONFLICT)
            shown = {side.sources[0]: side.chosen for side in item.sides}
            assert shown == {"directory": True, "registry": False}
            before = await state(store)
            await accept(store, item.id, by(1), prefer="registry")
            (row,) = (await state(store))["firms"]
            assert row[name] == (list(first) if isinstance(first, tuple) else first)
            await undo(store, item.id, by(2))
            assert await state(store) == before

    run(work())
