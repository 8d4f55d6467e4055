"""Anomalies of concurrent transactions, as a suite for stores: the twelve of the LDBC ACID test suite
(Waudby et al., "Towards Testing ACID Compliance in the LDBC Social Network Benchmark", TPCTC 2020).

A transaction here is: note the latest system instant, ask any questions at that instant, commit one ChangeSet that
expects what was read to be as it was then. Each test runs clients side by side and says whether it saw the anomaly.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from kg.errors import JingweiError, StaleExpectation
from kg.model.changes import ByRecord, ChangeSet, Expect, Put, RecordKey, Relate
from kg.query.algebra import (
    Edge,
    Extent,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Prop,
    Query,
    Root,
    Rows,
    Select,
    Step,
    Time,
)
from kg.query.secure import Scope
from kg.testing.machine import FIRM_SCHEMA, SOURCES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kg.schema.types import Schema
    from kg.store.base import Store

NOW = 1_800_000_000_000_000
ALL = Scope(level=3)
ROUNDS = 12
CLIENTS = 4
ANOMALIES = {
    "test_atomicity_of_commits": "Atomicity-C: a part of a committed transaction is missing",
    "test_atomicity_of_refusals": "Atomicity-RB: a part of a refused transaction is there",
    "test_dirty_write": "G0: writes of two transactions interleave",
    "test_aborted_read": "G1a: what a refused transaction wrote is read",
    "test_intermediate_read": "G1b: what a transaction overwrote itself is read",
    "test_circular_information_flow": "G1c: two transactions each read what the other wrote",
    "test_item_many_preceders": "IMP: one item differs between two reads of a transaction",
    "test_predicate_many_preceders": "PMP: the rows of one predicate differ between two reads",
    "test_observed_transaction_vanishes": "OTV: effects of a transaction are seen, and later not",
    "test_fractured_read": "FR: a part of a transaction is seen without the rest",
    "test_lost_update": "LU: of two updates of one value one has no effect",
    "test_write_skew": "WS: two transactions each break what the other relied on",
}
"""Test → what it looks for."""


def firm(local: str, **values: Any) -> Put:
    return Put(RecordKey("a", local), "Firm", {"name": local, **values})


def supplies(start: str, end: str, share: float) -> Relate:
    return Relate("a", "supplies", ByRecord("a", start), ByRecord("a", end), {"share": share})


@dataclass(slots=True)
class Client:
    """One who reads and writes through a handle of the store."""

    store: Store

    async def now(self) -> int:
        return (await self.store.clock()).system

    async def write(self, *changes: Any, expect: tuple[Expect, ...] = ()) -> Any:
        return await self.store.commit(ChangeSet(changes, sources=tuple(SOURCES.values()), expect=expect), now=NOW)

    async def staff(self, ids: Sequence[str], at: int | None = None) -> list[int]:
        """Of each firm, at a system instant."""
        row = Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("staff", Leaf(Prop("staff")))))
        found = await self._rows(Select(Ids("Firm", tuple(ids)), Rows(row), time=Time(NOW, at)))
        by_id = {one["id"]: one["staff"] for one in found}
        return [by_id[one] for one in ids]

    async def supplied(self, ids: Sequence[str], at: int | None = None) -> list[list[float]]:
        """Shares of all that each firm supplies."""
        share = Obj((Field("share", Leaf(Edge("share"))),))
        reached = Select(Step("supplies", out=True, cls="Firm"), Rows(share))
        row = Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("supplied", reached)))
        found = await self._rows(Select(Ids("Firm", tuple(ids)), Rows(row), time=Time(NOW, at)))
        by_id = {one["id"]: sorted(edge["share"] for edge in one["supplied"]) for one in found}
        return [by_id[one] for one in ids]

    async def names(self, at: int | None = None) -> list[str]:
        row = Obj((Field("name", Leaf(Prop("name"))),))
        return [one["name"] for one in await self._rows(Select(Extent("Firm"), Rows(row), time=Time(NOW, at)))]

    async def _rows(self, select: Select) -> list[dict[str, Any]]:
        answer = await self.store.execute(Query((Root("rows", select),), now=NOW), ALL)
        rows: list[dict[str, Any]] = orjson.loads(answer)["rows"]
        return rows


async def beside(*work: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*work))


async def often(rounds: int, one: Callable[[int], Awaitable[Any]]) -> list[Any]:
    found = []
    for number in range(rounds):
        found.append(await one(number))
        await asyncio.sleep(0)
    return found


@pytest.mark.anyio
class AcidContract:
    """What a store must not show."""

    async def make(self, schema: Schema) -> Store:
        """An empty store."""
        raise NotImplementedError  # the subclass says which

    async def another(self, store: Store) -> Store:
        """A further handle of the same store, as another process would have; a store of one process gives itself."""
        return store

    @pytest.fixture
    async def clients(self) -> Any:
        first = await self.make(FIRM_SCHEMA)
        stores = [first, *[await self.another(first) for _ in range(CLIENTS - 1)]]
        yield [Client(store) for store in stores]
        assert await first.check() == ()
        for store in stores:
            await store.close()

    async def test_atomicity_of_commits(self, clients: list[Client]) -> None:
        await clients[0].write(firm("hub", staff=0))

        async def grow(client: int, number: int) -> None:
            name = f"{client}-{number}"
            await clients[client].write(firm(name, staff=1), supplies(name, "hub", 0.5), supplies("hub", name, 0.25))

        await beside(*(often(ROUNDS, lambda n, c=c: grow(c, n)) for c in range(CLIENTS)))  # type: ignore[misc]
        everybody = sorted(await clients[0].names())
        assert everybody == sorted(["hub", *(f"{c}-{n}" for c in range(CLIENTS) for n in range(ROUNDS))])
        ids = (await clients[0].write(*(firm(name) for name in everybody))).entities
        supplied = dict(zip(everybody, await clients[0].supplied(ids), strict=True))
        assert supplied.pop("hub") == [0.25] * (CLIENTS * ROUNDS)
        assert set(map(tuple, supplied.values())) == {(0.5,)}

    async def test_atomicity_of_refusals(self, clients: list[Client]) -> None:
        await clients[0].write(firm("hub", staff=0))

        async def grow(number: int) -> None:
            nobody = Relate("a", "supplies", ByRecord("a", "hub"), ByRecord("a", "nobody"))
            with pytest.raises(JingweiError):
                await clients[0].write(firm(f"ghost {number}"), nobody)
            await clients[1].write(firm(f"firm {number}"))

        await often(ROUNDS, grow)
        assert sorted(await clients[2].names()) == sorted(["hub", *(f"firm {n}" for n in range(ROUNDS))])

    async def test_dirty_write(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0), firm("y", staff=0))).entities
        instants: list[int] = []

        async def both(client: int, number: int) -> None:
            value = 100 * client + number + 1
            receipt = await clients[client].write(
                firm("x", staff=value), firm("y", staff=value), supplies("x", "y", value)
            )
            instants.append(receipt.system)

        await beside(*(often(ROUNDS, lambda n, c=c: both(c, n)) for c in range(CLIENTS)))  # type: ignore[misc]
        assert len(set(instants)) == CLIENTS * ROUNDS
        for at in instants:
            x, y = await clients[0].staff(ids, at)
            assert x == y
            assert (await clients[0].supplied(ids[:1], at))[0] == [float(x)]

    async def test_aborted_read(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0))).entities
        nobody = Relate("a", "supplies", ByRecord("a", "x"), ByRecord("a", "nobody"))

        async def refused(number: int) -> None:
            with pytest.raises(JingweiError):
                await clients[0].write(firm("x", staff=2 * number + 1), nobody)

        seen = await beside(often(ROUNDS, refused), *(self._watching(c, ids) for c in clients[1:]))
        assert {tuple(one) for reader in seen[1:] for one in reader} == {(0,)}

    async def test_intermediate_read(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0))).entities

        async def twice(number: int) -> None:
            await clients[0].write(firm("x", staff=2 * number + 1), firm("x", staff=2 * number))

        seen = await beside(often(ROUNDS, twice), *(self._watching(c, ids) for c in clients[1:]))
        assert all(one[0] % 2 == 0 for reader in seen[1:] for one in reader)

    async def _watching(self, client: Client, ids: Sequence[str]) -> list[list[int]]:
        return await often(2 * ROUNDS, lambda _: client.staff(ids))

    async def test_circular_information_flow(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0), firm("y", staff=0))).entities

        async def transaction(client: Client, own: str, other: str, value: int) -> int:
            began = await client.now()
            await client.write(firm(own, staff=value))
            await asyncio.sleep(0)
            (read,) = await client.staff([other], began)
            return read

        for value in range(1, ROUNDS):
            x, y = await beside(
                transaction(clients[0], "x", ids[1], value), transaction(clients[1], "y", ids[0], value)
            )
            assert (x, y) != (value, value)

    async def test_item_many_preceders(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0))).entities

        async def transaction(number: int) -> None:
            began = await clients[1].now()
            first = await clients[1].staff(ids, began)
            await clients[0].write(firm("x", staff=number + 1))
            assert await clients[1].staff(ids, began) == first

        await often(ROUNDS, transaction)

    async def test_predicate_many_preceders(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0))).entities

        async def transaction(number: int) -> None:
            began = await clients[1].now()
            first = await clients[1].supplied(ids, began), await clients[1].names(began)
            name = f"y {number}"
            await clients[0].write(firm(name), supplies("x", name, 0.5))
            assert (await clients[1].supplied(ids, began), await clients[1].names(began)) == first

        await often(ROUNDS, transaction)

    async def test_observed_transaction_vanishes(self, clients: list[Client]) -> None:
        names = ("p", "q", "r", "s")
        ids = (await clients[0].write(*(firm(name, staff=0) for name in names))).entities

        async def all_of_them(client: int, number: int) -> None:
            value = 1 + client + 2 * number
            await clients[client].write(*(firm(name, staff=value) for name in names))

        async def reads(client: Client, _: int) -> None:
            began = await client.now()
            found = []
            for one in ids:  # a question each, at one instant
                found += await client.staff([one], began)
                await asyncio.sleep(0)
            assert len(set(found)) == 1

        await beside(
            *(often(ROUNDS, lambda n, c=c: all_of_them(c, n)) for c in (0, 1)),  # type: ignore[misc]
            *(often(ROUNDS, lambda n, c=c: reads(c, n)) for c in clients[2:]),  # type: ignore[misc]
        )

    async def test_fractured_read(self, clients: list[Client]) -> None:
        names = ("p", "q", "r", "s")
        ids = (await clients[0].write(*(firm(name, staff=0) for name in names))).entities

        async def write(number: int) -> None:
            await clients[0].write(*(firm(name, staff=number + 1) for name in names))

        seen = await beside(often(ROUNDS, write), *(self._watching(c, ids) for c in clients[1:]))
        assert all(len(set(one)) == 1 for reader in seen[1:] for one in reader)

    async def test_lost_update(self, clients: list[Client]) -> None:
        ids = (await clients[0].write(firm("x", staff=0))).entities

        async def increment(client: Client, _: int) -> None:
            while True:
                began = await client.now()
                (value,) = await client.staff(ids, began)
                try:
                    await client.write(firm("x", staff=value + 1), expect=(Expect(ids[0], began),))
                except StaleExpectation:
                    continue
                return

        await beside(*(often(ROUNDS, lambda n, c=c: increment(c, n)) for c in clients))  # type: ignore[misc]
        assert await clients[0].staff(ids) == [CLIENTS * ROUNDS]

    async def test_write_skew(self, clients: list[Client]) -> None:
        """Together the two firms keep at least 100 people; each dismisses 60 if they do."""
        for number in range(ROUNDS):
            names = (f"x {number}", f"y {number}")
            ids = (await clients[0].write(*(firm(name, staff=80) for name in names))).entities

            async def dismiss(client: Client, own: int, ids: Sequence[str] = ids) -> bool:
                began = await client.now()
                staff = await client.staff(ids, began)
                await asyncio.sleep(0)
                if sum(staff) - 60 < 100:
                    return False
                read = tuple(Expect(one, began) for one in ids)  # the other one is read only
                change = Put(RecordKey("a", f"{'xy'[own]} {number}"), "Firm", {"staff": staff[own] - 60}, patch=True)  # noqa: B023
                try:
                    await client.write(change, expect=read)
                except StaleExpectation:
                    return False
                return True

            done = await beside(dismiss(clients[0], 0), dismiss(clients[1], 1))
            assert sum(await clients[2].staff(ids)) >= 100
            assert sum(done) == 1
