"""The short way for puts that are alone makes what the general way makes."""

import asyncio
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from kg.errors import JingweiError
from kg.model.changes import (
    ById,
    ByIdentifier,
    ByRecord,
    Change,
    ChangeSet,
    End,
    Merge,
    Put,
    RecordKey,
    Ref,
    Relate,
    Retract,
    Split,
    Unrelate,
)
from kg.model.intervals import OPEN, Interval
from kg.model.rows import VersionRow
from kg.store.commit import plan as plans
from kg.store.commit.plain import Plain
from kg.store.commit.rows import Delta
from kg.store.memory import MemoryStore
from kg.store.tables import TablesReading
from kg.testing.machine import FIRM_SCHEMA, FIRST_SYSTEM, SOURCES
from kg.testing.naive import CELLS, interval

LOCALS = [str(n) for n in range(1, 13)]


def put(rng: Random, *, alone: bool) -> Put:
    """One of twelve records of a source; `alone` mostly as a file states it: whole, and open-ended."""
    source, local = rng.choice("aabch"), rng.choice(LOCALS)
    values: dict[str, Any] = {name: rng.choice(["x", "y"]) for name in ("name", "grade") if rng.random() < 0.6}
    if rng.random() < 0.5:
        values["uscc"] = f"U{source if alone else ''}{rng.choice([local, local, local, '1'])}"
    if rng.random() < 0.1:
        values["staff"] = None
    first = rng.randrange(CELLS - 1)
    whole = rng.random() < 0.8
    return Put(
        RecordKey(source, local), "Firm", values,
        interval(first, CELLS if whole else rng.randrange(first + 1, CELLS)) if rng.random() < 0.8 else Interval(),
        patch=not alone and rng.random() < 0.3, until_next=rng.random() < 0.3,
        level=None if alone else rng.choice([None, None, 0, 1]), confidence=rng.choice([1.0, 1.0, 1.0, 0.5]),
        stated=rng.choice([None, None, 7]), mentioned=rng.random() < 0.1,
    )  # fmt: skip


def ref(rng: Random, ids: list[str]) -> Ref:
    source, local = rng.choice("abch"), rng.choice(LOCALS)
    kind = rng.randrange(4)
    if kind == 0:
        return ByIdentifier("uscc", f"U{rng.choice(['', source])}{local}")
    return ById(rng.choice(ids)) if kind == 1 and ids else ByRecord(source, local)


def other(rng: Random, ids: list[str]) -> Change:
    """Anything but a put, what the store must refuse among it."""
    key, kind = RecordKey(rng.choice("abch"), rng.choice(LOCALS)), rng.randrange(12)
    valid = interval(rng.randrange(CELLS - 1), CELLS)
    if kind < 6:
        stub = rng.choice(["Firm", "Firm", ""])
        return Relate(key.source, "supplies", ref(rng, ids), ref(rng, ids), {"grade": "x"}, valid, stub=stub)
    if kind == 6 and len(ids) > 1:
        survivor, loser = rng.sample(ids, 2)
        return Merge(survivor, loser, rng.choice([0, 0, 1]))
    if kind == 7:
        return Split((key,), apart=rng.random() < 0.5)
    if kind == 8:
        return Retract(rng.choice("rst"))
    if kind == 9:
        return Unrelate(key.source, "supplies", ref(rng, ids), ref(rng, ids), {"grade": "x"}, valid)
    return End(key, valid)


def change_set(rng: Random, ids: list[str]) -> ChangeSet:
    alone = rng.random() < 0.7
    source = rng.choice("abch")
    changes: list[Change] = []
    for _ in range(rng.randrange(1, 7)):
        if rng.random() < (0.85 if alone else 0.6):
            made = put(rng, alone=alone)
            changes.append(
                Put(RecordKey(source, made.record.local), *(getattr(made, n) for n in Put.__slots__[1:]))
                if alone
                else made
            )
        else:
            changes.append(other(rng, ids))
    return ChangeSet(tuple(changes), run=rng.choice("rst"), sources=tuple(SOURCES.values()))


def changed(rng: Random, change: Change) -> Change:
    if type(change) is not Put or rng.random() < 0.3:
        return change
    later = interval(rng.randrange(CELLS), CELLS)
    return replace(change, properties={**change.properties, "name": rng.choice("xyz")}, valid=later)


def plain_form(delta: Delta) -> dict[str, Any]:
    """All that a delta holds, whatever the order."""
    out: dict[str, Any] = {"receipt": delta.receipt, "system": delta.system, "sources": {s.id for s in delta.sources}}
    for kind in ("records", "claims", "versions", "relation_claims", "edges", "identifiers"):
        ops = getattr(delta, kind)
        out[kind] = {
            "insert": Counter(repr(_sorted(row)) for row in ops.insert),
            "close": Counter(row.row for row in ops.close),
            "narrow": Counter((row.row, low, high) for row, low, high in ops.narrow),
            "anchors": Counter((row.row, anchors) for row, anchors in ops.anchors),
            "affirm": Counter((row.row, run) for row, run in ops.affirm),
        }
    return out


def _sorted(row: Any) -> Any:
    return [
        sorted(value.items()) if isinstance(value, dict) else value
        for value in (getattr(row, name) for name in row.__slots__)
    ]


def check(row: VersionRow) -> str:
    return (
        "a firm of grade y has a name" if row.properties.get("grade") == "y" and not row.properties.get("name") else ""
    )


def strict() -> MemoryStore:
    store = MemoryStore(FIRM_SCHEMA)
    store._check = check
    return store


@pytest.mark.parametrize("seed", range(8))
def test_both_ways_make_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = Random(seed)
    store = strict()
    taken: Counter[str] = Counter()
    take = Plain.take

    def counted(self: Plain, change: Put) -> tuple[str, str] | None:
        done = take(self, change)
        new = not self.w.stored_records.get(change.record)
        taken["left" if done is None else "new" if new else done[0]] += 1
        return done

    monkeypatch.setattr(Plain, "take", counted)
    ids: list[str] = []
    before: list[ChangeSet] = []
    for step in range(160):
        said = change_set(rng, ids)
        if before and rng.random() < 0.25:  # a file again, or with other values
            said = replace(before[-1], run=rng.choice("rst"))
            if rng.random() < 0.7:
                said = replace(said, changes=tuple(changed(rng, one) for one in said.changes))
        asked = (said, TablesReading(store.tables), FIRM_SCHEMA, FIRST_SYSTEM + step, check)
        try:
            short = plans._plan(*asked, plain=True)
        except (JingweiError, plans._Entangled):
            short = None
        if short is not None:
            assert plain_form(short) == plain_form(plans._plan(*asked, plain=False))
        try:
            receipt = asyncio.run(store.commit(said, now=FIRST_SYSTEM + step))
        except JingweiError:
            continue
        before.append(said)
        ids = sorted({*ids, *receipt.entities})
    assert not asyncio.run(store.check())
    assert min(taken[kind] for kind in ("left", "new", "loaded", "unchanged")) > 5, taken


def test_a_fault_is_named_as_the_general_way_names_it() -> None:
    store = strict()
    firms = [Put(RecordKey("a", str(n)), "Firm", {"grade": "y"}, Interval(0, OPEN)) for n in range(9)]
    said = ChangeSet(tuple(firms), sources=(SOURCES["a"],))
    asked = (said, TablesReading(store.tables), FIRM_SCHEMA, FIRST_SYSTEM, check)
    with pytest.raises(JingweiError) as general:
        plans._plan(*asked, plain=False)
    with pytest.raises(JingweiError) as found:
        plans.plan(*asked[:-1], check=check)
    assert str(found.value) == str(general.value)
