"""A process of its own that works on a store's file; the tests beside this file start, kill and question it.

`python writing.py ROLE FILE NAME COUNT`. It says on standard output what it is about to do and what is done.
"""

import asyncio
import sys
from itertools import pairwise
from pathlib import Path

import orjson

from kg.errors import StaleExpectation
from kg.model.changes import ByRecord, Change, ChangeSet, Expect, Put, RecordKey, Relate, Source
from kg.query.algebra import (
    Cmp,
    Comparison,
    Const,
    Extent,
    Field,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Order,
    Prop,
    Query,
    Root,
    Rows,
    Select,
)
from kg.query.secure import EVERYTHING
from kg.schema.instants import instant_micros
from kg.store.sqlite.store import SqliteStore
from kg.testing.machine import FIRM_SCHEMA

FIRMS = 40
"""In a batch; each but the first supplies the one before it."""


async def opened(path: Path) -> SqliteStore:
    store = SqliteStore(f"sqlite:///{path}")
    await store.migrate(FIRM_SCHEMA)
    return store


def batch(source: str, number: int) -> ChangeSet:
    """Firms that say which batch they are of (`staff`), their supplies, and one firm that every batch changes."""
    records = [RecordKey(source, f"{number}-{n}") for n in range(FIRMS)]
    changes: list[Change] = [Put(r, "Firm", {"name": f"{source} {r.local}", "staff": number}) for r in records]
    ends = [ByRecord(*r) for r in records]
    changes += [Relate(source, "supplies", a, b, {"share": number + 0.5}) for a, b in pairwise(ends)]
    changes += [Put(RecordKey(source, end), "Firm", {"name": f"{source} {end}", "grade": str(number)}) for end in "xy"]
    return ChangeSet(tuple(changes), run=source, key=f"{source}/{number}", sources=(Source(source),))


def firms(predicate: Cmp) -> Query:
    """Name, staff and grade of the firms that it is true of, by name."""
    metas = (MetaName.ID, MetaName.SYSTEM_FROM)
    obj = Obj(
        (
            *(Field(m.value, Leaf(Meta(m))) for m in metas),
            *(Field(n, Leaf(Prop(n))) for n in ("name", "staff", "grade")),
        )
    )
    select = Select(Extent("Firm"), Rows(obj), where=predicate, order=(Order(Prop("name")),))
    return Query((Root("firms", select),), now=1_800_000_000_000_000)


async def ask(store: SqliteStore, predicate: Cmp) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = orjson.loads(await store.execute(firms(predicate), EVERYTHING))["firms"]
    return rows


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def commits(store: SqliteStore, name: str, count: int) -> None:
    """Batches one after the other, each announced and acknowledged."""
    first = 0
    while await store.receipt(f"{name}/{first}") is not None:
        first += 1
    for number in range(first, first + count):
        say("begin", number)
        await store.commit(batch(name, number))
        say("done", number)


async def reads(store: SqliteStore, name: str, count: int) -> None:
    """The two firms that each batch of `name` changes together: never apart, never going back."""
    last = 0
    say("begin", 0)
    for number in range(count):
        rows = await ask(store, Cmp(Comparison.IN, Prop("name"), Const((f"{name} x", f"{name} y"))))
        grades = {str(row["grade"]) for row in rows}
        if len(grades) > 1 or (grades and len(rows) != 2):
            raise AssertionError(f"torn: {rows}")
        now = int(grades.pop()) if grades else 0
        if now < last:
            raise AssertionError(f"{now} after {last}")
        last = now
        say("read", number, last)


async def counts(store: SqliteStore, name: str, count: int) -> None:
    """Adds one to the counter firm `count` times, by reading it and expecting it unchanged."""
    for number in range(count):
        while True:
            (row,) = await ask(store, Cmp(Comparison.EQ, Prop("name"), Const("counter")))
            put = Put(RecordKey("counter", "1"), "Firm", {"staff": int(str(row["staff"])) + 1}, patch=True)
            expect = Expect(str(row["id"]), instant_micros(row["systemFrom"], None))
            try:
                await store.commit(ChangeSet((put,), run=name, expect=(expect,)))
            except StaleExpectation:
                say("stale", number)
            else:
                break
        say("done", number)


ROLES = {"commits": commits, "reads": reads, "counts": counts}


async def main(role: str, path: str, name: str, count: str) -> None:
    async with await opened(Path(path)) as store:
        await ROLES[role](store, name, int(count))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
