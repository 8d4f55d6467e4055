"""The conformance suite of stores: subclass `StoreContract`, say how to make an empty store, and run it by pytest.

Each test commits for real into a store of its own. What a store cannot do it declares as a strict expected
failure on the method that shows it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
import pytest

from kg.errors import (
    IdempotencyConflict,
    IdentityConflict,
    JingweiError,
    NotFound,
    QueryError,
    StaleExpectation,
    ValidationError,
)
from kg.model.changes import (
    ById,
    ByIdentifier,
    ByRecord,
    ChangeSet,
    End,
    Expect,
    Merge,
    Put,
    RecordKey,
    Relate,
    Retract,
    Source,
    Split,
    Unrelate,
)
from kg.model.intervals import Interval
from kg.query.algebra import (
    Cmp,
    Comparison,
    Const,
    Edge,
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
)
from kg.query.secure import Scope
from kg.store.base import EraseRequest, Position, Scan
from kg.store.memory import MemoryStore
from kg.testing.machine import FIRM_SCHEMA, SOURCES, state_query
from kg.testing.naive import CELLS, DAY, instant, interval

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kg.schema.types import Schema
    from kg.store.base import ChangeEntry, Store

NOW = 1_800_000_000_000_000
ALL = Scope(level=3)
LOW = Scope(level=0)


def firm(record: str, *, valid: Interval | None = None, level: int | None = None, **values: Any) -> Put:
    """A put about a firm; `record` is "source/local"."""
    source, local = record.split("/")
    more = {n: values.pop(n) for n in ("patch", "until_next", "entity", "stated", "confidence") if n in values}
    return Put(RecordKey(source, local), "Firm", values, valid or Interval(), level=level, **more)


def supplies(source: str, start: str, end: str, *, valid: Interval | None = None, **values: Any) -> Relate:
    """A supply between two records."""
    more = {n: values.pop(n) for n in ("level", "stub") if n in values}
    ends = [ByRecord(*name.split("/")) for name in (start, end)]
    return Relate(source, "supplies", ends[0], ends[1], values, valid or Interval(), **more)


async def commit(store: Store, *changes: Any, at: int | None = None, **rest: Any) -> Any:
    """One ChangeSet; the clock moves by a second for each unless `at` is given."""
    now = (await store.clock()).system + 1_000_000 if at is None else at
    rest.setdefault("sources", tuple(SOURCES.values()))
    return await store.commit(ChangeSet(tuple(changes), **rest), now=max(now, NOW) if at is None else now)


async def state(store: Store, scope: Scope = ALL, *, named: bool = True) -> list[Any]:
    """All that a reader sees in each cell of valid time, without system instants; `named`: ids as names."""
    out = []
    for cell in range(CELLS):
        found = orjson.loads(await store.execute(state_query(instant(cell), None), scope))
        names = {row["id"]: row["name"] or row["uscc"] for row in found["firms"]} if named else {}
        firms = [
            {n: v for n, v in row.items() if n not in ("id", "systemFrom", "mergedFrom")}
            | {"id": names.get(row["id"], row["id"])}
            for row in found["firms"]
        ]
        edges = [
            {n: v for n, v in row.items() if n not in ("edge.start", "edge.end", "edge.systemFrom")}
            | {n: names.get(row[n], row[n]) for n in ("edge.start", "edge.end")}
            for row in found["supplies"]
        ]
        out.append((sorted(map(_text, firms)), sorted(map(_text, edges))))
    return out


def _text(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


async def answers(store: Store, scope: Scope, system: int | None = None) -> list[bytes]:
    """The bytes of every cell's answer."""
    return [await store.execute(state_query(instant(c), system), scope) for c in range(CELLS)]


@pytest.mark.anyio
class StoreContract:
    """What every store must do."""

    current: Store

    async def make(self, schema: Schema) -> Store:
        """An empty store, migrated to `schema`."""
        raise NotImplementedError  # the subclass says which

    async def reopen(self, store: Store) -> Store:
        """The same store after a restart; a store that does not outlive its process gives itself."""
        return store

    @pytest.fixture
    async def store(self) -> Any:
        self.current = await self.make(FIRM_SCHEMA)
        yield self.current
        assert await self.current.check() == ()
        await self.current.close()

    # ------------------------------------------------------------ claims

    async def test_loading_again_is_unchanged(self, store: Store) -> None:
        first = [firm("a/1", name="A", uscc="U1"), supplies("a", "a/1", "a/1", share=0.5)]
        second = [firm("b/1", name="B", uscc="U1", staff=3)]
        for changes in (first, second):
            receipt = await commit(store, *changes)
            assert receipt.read == len(changes) == receipt.loaded + receipt.merged
        before, clock = await answers(store, ALL), await store.clock()
        for changes in (first, second, first, second):
            receipt = await commit(store, *changes)
            assert (receipt.read, receipt.unchanged) == (len(changes), len(changes))
        assert await answers(store, ALL) == before
        assert await store.clock() == clock

    async def test_any_order_of_sources_gives_one_state(self) -> None:
        loads = {
            "a": [firm("a/1", name="A", uscc="U1", valid=interval(2, CELLS)), firm("a/2", name="Z", uscc="U2")],
            "b": [firm("b/1", name="B", uscc="U1", staff=1, valid=interval(0, 5)), firm("b/2", uscc="U2", staff=4)],
            "h": [firm("h/1", name="H", uscc="U1", grade="A", valid=interval(4, 7))],
        }
        seen = []
        for order in itertools.permutations(loads):
            store = await self.make(FIRM_SCHEMA)
            for source in order:
                await commit(store, *loads[source])
            seen.append([await state(store, Scope(level=level), named=False) for level in range(4)])
            await store.close()
        assert all(one == seen[0] for one in seen)

    async def test_late_versions_give_the_state_of_the_right_order(self) -> None:
        versions = [
            firm("a/1", name="A", uscc="U1", staff=n % 2, valid=interval(1 + 2 * n, CELLS), until_next=True)
            for n in range(3)
        ]
        seen = []
        for order in itertools.permutations(versions):
            store = await self.make(FIRM_SCHEMA)
            for one in order:
                await commit(store, one)
            for one in order:
                assert (await commit(store, one)).unchanged == 1
            seen.append(await state(store))
            await store.close()
        assert all(one == seen[0] for one in seen)

    async def test_priority_confidence_and_statement_date_decide(self, store: Store) -> None:
        await commit(store, firm("b/1", name="B", uscc="U1", staff=1, stated=5))
        await commit(store, firm("c/1", name="C", uscc="U1", staff=2, stated=9))
        assert (await self._firms(store))[0]["name"] == "C"
        await commit(store, firm("b/1", name="B", uscc="U1", staff=1, stated=12))
        assert (await self._firms(store))[0]["name"] == "B"
        await commit(store, firm("a/1", name="A", uscc="U1"))
        (row,) = await self._firms(store)
        assert (row["name"], row["staff"]) == ("A", 1)
        assert row["sources"] == {"": "a", "staff": "b"}
        await commit(store, sources=(*SOURCES.values(), Source("c", priority=9)))
        assert (await self._firms(store))[0]["name"] == "C"

    async def test_patches_merge_property_by_property(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", staff=1), firm("a/1", staff=2, valid=interval(3, CELLS), patch=True))
        await commit(store, firm("a/1", name=None, grade="B", valid=interval(5, CELLS), patch=True))
        seen = {c: (await self._firms(store, cell=c))[0] for c in (0, 3, 5)}
        assert [(seen[c]["name"], seen[c]["staff"], seen[c]["grade"]) for c in (0, 3, 5)] == [
            ("A", 1, None), ("A", 2, None), (None, 2, "B"),
        ]  # fmt: skip

    async def test_sources_are_named_up_to_a_level(self, store: Store) -> None:
        assert await store.sources(ALL) == ()
        mine, theirs = Source("m", "登记 Register", 3), Source("t", "调查 Survey", 1, 2)
        await commit(store, firm("t/1", name="x"), firm("m/1", name="y"), sources=(theirs, mine))
        assert await store.sources(ALL) == (mine, theirs)
        assert await store.sources(Scope(level=1)) == (mine,)

    async def test_a_higher_level_shines_through_nowhere(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", uscc="U1"), firm("a/2", name="Z"), supplies("a", "a/1", "a/2"))
        low = await answers(store, LOW)
        e1, e2 = [row["id"] for row in await self._firms(store, LOW)]
        await commit(store, firm("h/1", name="Hidden", uscc="U1", valid=interval(3, 6)))
        await commit(store, firm("h/9", name="Only hidden"), supplies("h", "h/9", "a/1"))
        await commit(store, End(RecordKey("h", "1"), interval(4, 5)))
        await commit(store, Merge(e1, e2, level=2))
        await commit(store, firm("a/1", name="secret name", level=3, patch=True))
        assert await answers(store, LOW) == low
        assert await answers(store, Scope(level=1)) == low
        assert len(await self._firms(store, ALL)) == 2  # the merged one and the hidden one
        await commit(store, Retract("nothing of that name"))
        assert await answers(store, LOW) == low

    async def test_the_past_never_changes(self, store: Store) -> None:
        past = []
        steps: list[Sequence[Any]] = [
            [firm("a/1", name="A", uscc="U1"), firm("a/2", name="B")],
            [supplies("a", "a/1", "a/2", share=0.25)],
            [firm("b/1", name="AA", uscc="U1", valid=interval(2, 6))],
            [End(RecordKey("a", "2"), interval(4, CELLS))],
            [firm("a/1", name="A2", uscc="U1", valid=interval(3, 5))],
        ]
        for number, changes in enumerate(steps):
            receipt = await commit(store, *changes, run=f"run {number}")
            past.append((receipt.system, await answers(store, ALL, receipt.system)))
        await commit(store, Retract("run 2"))
        await commit(store, Merge(*[row["id"] for row in await self._firms(store)][:2]))
        for system, bytes_then in past:
            assert await answers(store, ALL, system) == bytes_then

    # ------------------------------------------------------------ identity

    async def test_merge_correct_split_is_never_merged(self, store: Store) -> None:
        other = await self.make(FIRM_SCHEMA)
        load = [firm("a/1", name="A"), firm("b/1", name="B", staff=1), supplies("a", "a/1", "b/1", share=0.5)]
        fix = [firm("b/1", name="B2", staff=2, valid=interval(3, CELLS))]
        await commit(store, *load)
        e1, e2 = sorted([row["id"] for row in await self._firms(store)])
        before = (await store.clock()).system
        await commit(store, Merge(e1, e2))
        (row,) = await self._firms(store)
        assert (row["id"], row["mergedFrom"]) == (e1, [e2])
        ids = orjson.loads(await store.execute(_by_ids((e2, e1)), ALL))["rows"]
        assert {r["id"] for r in ids} == {e1}  # a retired id answers the survivor
        assert len(await self._firms(store, system=before)) == 2
        await commit(store, *fix)
        await commit(store, Split((RecordKey("a", "1"), RecordKey("b", "1"))))
        await commit(other, *load)
        await commit(other, *fix)
        assert await state(store) == await state(other)
        await other.close()

    async def test_identifiers_join_and_collide(self, store: Store) -> None:
        first = await commit(store, firm("a/1", name="A", uscc="U1"), firm("a/2", name="B"))
        joined = await commit(store, firm("b/7", staff=2, uscc="U1"))
        assert joined.merged == 1
        assert joined.entities == (first.entities[0],)
        clock, before = await store.clock(), await answers(store, ALL)
        with pytest.raises(IdentityConflict) as caught:
            await commit(store, firm("c/1", name="C"), firm("a/2", name="B", uscc="U1"))
        assert "U1" in str(caught.value)
        assert caught.value.remedy
        assert await store.clock() == clock  # all or nothing
        assert await answers(store, ALL) == before

    async def test_a_split_can_make_a_new_entity(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", uscc="U1"), firm("b/1", uscc="U1", staff=5))
        await commit(store, firm("b/1", staff=5))
        await commit(store, Split((RecordKey("b", "1"),), apart=True))
        rows = await self._firms(store)
        assert sorted((r["name"] or "", r["staff"] or 0) for r in rows) == [("", 5), ("A", 0)]
        assert {tuple(r["mergedFrom"]) for r in rows} == {()}

    async def test_a_put_may_name_its_entity(self, store: Store) -> None:
        (entity,) = (await commit(store, firm("a/1", name="A", uscc="U1"))).entities
        for number, ref in enumerate((ById(entity), ByIdentifier("uscc", "U1"), ByRecord("a", "1"))):
            receipt = await commit(store, firm(f"b/{number}", staff=number, entity=ref))
            assert receipt.entities == (entity,)
        with pytest.raises(NotFound):
            await commit(store, firm("b/9", entity=ById("nobody")))
        await commit(store, firm("c/1", name="C"))
        with pytest.raises(IdentityConflict):
            await commit(store, firm("c/1", name="C", entity=ById(entity)))

    # ------------------------------------------------------------ relations

    async def test_ending_an_entity_clips_its_relations(self, store: Store) -> None:
        a, b = (await commit(store, firm("a/1", name="A"), firm("a/2", name="B"))).entities
        await commit(store, supplies("a", "a/1", "a/2", share=0.5))
        receipt = await commit(store, End(RecordKey("a", "2"), interval(4, CELLS)))
        (clipped,) = receipt.clipped
        assert (clipped.relation, clipped.start, clipped.end) == ("supplies", a, b)
        assert clipped.now == (interval(0, 4),)
        assert [len(edges) for _, edges in await state(store)] == [1] * 4 + [0] * (CELLS - 4)
        await commit(store, firm("a/2", name="B", valid=interval(6, CELLS)))  # it is back: so is the relation
        assert [len(edges) for _, edges in await state(store)] == [1] * 4 + [0] * 2 + [1] * (CELLS - 6)

    async def test_key_properties_tell_relations_apart(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A"), firm("b/1", name="B"))
        await commit(
            store,
            supplies("a", "a/1", "b/1", grade="X", share=0.25),
            supplies("a", "a/1", "b/1", grade="Y", share=0.5),
            supplies("b", "a/1", "b/1", grade="Y", share=0.75),
        )
        (_, edges) = (await state(store))[0]
        assert [orjson.loads(e)["share"] for e in edges] == [0.25, 0.5]  # two relations; a decides on Y

    async def test_a_symmetric_relation_reads_alike_from_both_ends(self, store: Store) -> None:
        one, two = ByRecord("a", "1"), ByRecord("b", "2")
        ids = (await commit(store, firm("a/1", name="A"), firm("b/2", name="B"))).entities

        async def partners() -> dict[str, list[float | None]]:
            share = Obj((Field("share", Leaf(Edge("share"))),))
            reached = Select(Step("partners", out=True, cls="Firm"), Rows(share))
            found = Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("with", reached)))
            query = Query((Root("firms", Select(Ids("Firm", ids), Rows(found))),), now=instant(0))
            rows = orjson.loads(await store.execute(query, ALL))["firms"]
            return {row["id"]: [edge["share"] for edge in row["with"]] for row in rows}

        await commit(store, Relate("b", "partners", two, one, {"share": 0.25}))
        assert await partners() == {e: [0.25] for e in ids}
        await commit(store, Relate("a", "partners", one, two, {"share": 0.5}))  # of the same, by a higher priority
        assert await partners() == {e: [0.5] for e in ids}
        await commit(store, Unrelate("a", "partners", one, two))
        assert await partners() == {e: [0.25] for e in ids}
        await commit(store, Unrelate("b", "partners", two, one), Relate("a", "partners", one, one, {"share": 1.0}))
        assert await partners() == {ids[0]: [1.0], ids[1]: []}

    async def test_unknown_ends_are_refused_or_become_stubs(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A"))
        with pytest.raises(NotFound) as caught:
            await commit(store, supplies("a", "a/1", "a/77"))
        assert "a/77" in str(caught.value)
        by_code = Relate("a", "supplies", ByRecord("a", "1"), ByIdentifier("uscc", "U9"), stub="Firm")
        await commit(store, supplies("a", "a/1", "a/77", stub="Firm"), by_code)
        rows = await self._firms(store, fields={"provenance": Leaf(Meta(MetaName.PROVENANCE))})
        assert sorted(r["provenance"] for r in rows) == ["mentioned", "mentioned", "stated"]
        receipt = await commit(store, firm("b/5", name="Nine", uscc="U9"), firm("a/77", name="77"))
        assert (receipt.merged, receipt.loaded) == (1, 1)
        rows = await self._firms(store, fields={"provenance": Leaf(Meta(MetaName.PROVENANCE))})
        assert [r["provenance"] for r in rows] == ["stated"] * 3

    async def test_ends_must_be_of_the_relations_classes(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A"))
        with pytest.raises(ValidationError):
            await commit(store, Relate("a", "unheard", ByRecord("a", "1"), ByRecord("a", "1")))
        with pytest.raises(ValidationError):
            await commit(store, Put(RecordKey("a", "2"), "Unheard", {}))
        with pytest.raises(ValidationError):
            await commit(store, Put(RecordKey("a", "2"), "Thing", {}))

    # ------------------------------------------------------------ commits

    async def test_idempotency_keys(self, store: Store) -> None:
        first = await commit(store, firm("a/1", name="A"), key="k1")
        again = await commit(store, firm("a/1", name="A"), key="k1")
        assert again.replayed
        assert (again.system, again.seq, again.entities) == (first.system, first.seq, first.entities)
        with pytest.raises(IdempotencyConflict):
            await commit(store, firm("a/1", name="B"), key="k1")
        assert await store.receipt("k1") == first
        assert await store.receipt("k2") is None

    async def test_expectations(self, store: Store) -> None:
        first = await commit(store, firm("a/1", name="A", uscc="U1"))
        (entity,) = first.entities
        await commit(store, firm("a/1", name="B", uscc="U1"), expect=(Expect(entity, first.system),))
        with pytest.raises(StaleExpectation):
            await commit(store, firm("a/1", name="C", uscc="U1"), expect=(Expect(entity, first.system),))
        with pytest.raises(StaleExpectation):
            await commit(store, firm("a/2", name="C"), expect=(Expect(entity, None),))
        await commit(store, firm("a/2", name="C"), expect=(Expect("nobody", None),))
        read = (await store.clock()).system  # later than the firm's newest row
        await commit(store, firm("a/1", name="D", uscc="U1"), expect=(Expect(entity, read),))
        with pytest.raises(StaleExpectation):
            await commit(store, firm("a/1", name="E", uscc="U1"), expect=(Expect(entity, read),))
        with pytest.raises(ValidationError):
            await commit(store, firm("a/1", name="E", uscc="U1"), expect=(Expect(entity, read + 10**12),))

    async def test_the_store_keeps_the_time(self, store: Store) -> None:
        first = await commit(store, firm("a/1", name="A"), at=NOW)
        second = await commit(store, firm("a/1", name="B"), at=NOW - 50)  # a clock that went back
        assert (first.system, second.system) == (NOW, NOW + 1)
        assert second.seq == first.seq + 1
        with pytest.raises(QueryError):
            await store.execute(state_query(NOW, NOW + 2), ALL)

    async def test_history_can_be_replayed(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A"), at=NOW, recorded_at=NOW - 100 * DAY)
        await commit(store, firm("a/1", name="B"), at=NOW, recorded_at=NOW - 50 * DAY)
        (then,) = await self._firms(store, system=NOW - 60 * DAY)
        assert then["name"] == "A"
        for wrong in (NOW - 70 * DAY, NOW + 1):
            with pytest.raises(ValidationError):
                await commit(store, firm("a/1", name="C"), at=NOW, recorded_at=wrong)

    async def test_taking_a_run_back_is_never_having_loaded_it(self, store: Store) -> None:
        other = await self.make(FIRM_SCHEMA)
        good = [firm("a/1", name="A", uscc="U1"), firm("a/2", name="B"), supplies("a", "a/1", "a/2", share=0.5)]
        wrong = [
            firm("a/1", name="wrong", uscc="U1", valid=interval(2, 5)), firm("a/3", name="also wrong"),
            supplies("a", "a/1", "a/2", share=0.75), End(RecordKey("a", "2"), interval(5, CELLS)),
        ]  # fmt: skip
        later = [firm("a/1", staff=7, valid=interval(4, CELLS), patch=True), firm("b/1", grade="G", uscc="U1")]
        await commit(store, *good, run="good")
        await commit(store, *wrong, run="wrong")
        await commit(store, *later, run="later")
        await commit(store, Retract("wrong"), run="mend")
        for changes in (good, later):
            await commit(other, *changes)
        assert await state(store) == await state(other)
        assert (await commit(store, Retract("wrong"))).loaded == 0
        assert [r["run"] for r in await store.runs()][:3] == ["good", "wrong", "later"]
        await other.close()

    async def test_what_was_ended_comes_back_when_the_ends_are_taken_back(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", uscc="U1"), run="put")
        before = await state(store)
        await commit(store, End(RecordKey("a", "1"), interval(1, 3)), run="some")
        await commit(store, End(RecordKey("a", "1"), interval(0, CELLS)), run="all")
        await commit(store, Retract("some"))
        assert await self._firms(store) == []
        await commit(store, Retract("all"))
        assert await state(store) == before
        assert (await commit(store, firm("a/1", name="A", uscc="U1"))).unchanged == 1

    async def test_a_patch_said_again_is_noted_without_a_commit(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", staff=1))
        await commit(store, firm("a/1", staff=2, patch=True), run="first")
        clock = await store.clock()
        assert (await commit(store, firm("a/1", staff=2, patch=True), run="second")).unchanged == 1
        assert await store.clock() == clock
        assert await store.check() == ()
        await commit(store, Retract("first"))
        assert (await self._firms(store))[0]["staff"] == 2  # the second said so too

    async def test_a_put_beside_the_retraction_stays(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", uscc="U1"), run="wrong")
        await commit(store, firm("a/1", name="B", uscc="U1"), Retract("wrong"), run="mend")
        assert [row["name"] for row in await self._firms(store)] == ["B"]

    # ------------------------------------------------------------ other verbs

    async def test_taking_back_and_stating_anew_in_one_commit(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", valid=interval(0, 5)), run="r1")
        await commit(store, Retract("r1"), firm("a/1", name="B", valid=interval(2, CELLS)), run="r2")
        assert await store.check() == ()
        assert [r["name"] for r in await self._firms(store, cell=3)] == ["B"]
        assert await self._firms(store, cell=1) == []

    async def test_who_holds_an_identifier_above_the_writer_is_not_told(self, store: Store) -> None:
        """An error would tell: the writer's level has two entities, readers who see both hold them for one."""
        other = await self.make(FIRM_SCHEMA)
        await commit(store, firm("a/1", name="A"))
        await commit(store, firm("a/1", name="A", uscc="U1", level=2))
        await commit(other, firm("a/1", name="A"))
        told = [await commit(one, firm("b/7", name="B", uscc="U1")) for one in (store, other)]
        assert [r.outcomes for r in told] == ["l", "l"]
        assert told[0].entities == told[1].entities
        assert await state(store, LOW) == await state(other, LOW)
        assert len(await self._firms(store, LOW)) == 2
        assert len(await self._firms(store, ALL)) == 1
        with pytest.raises(IdentityConflict):  # whoever sees both is told
            await commit(other, firm("a/1", name="A", uscc="U1", level=2))
        await other.close()

    async def test_a_clipped_relation_above_the_writer_is_not_told(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A"), firm("a/2", name="B"), supplies("a", "a/1", "a/2", level=2))
        gone = End(RecordKey("a", "2"), interval(4, 6))
        assert (await commit(store, gone)).clipped == ()
        assert [len(edges) for _, edges in await state(store)] == [1] * 4 + [0] * 2 + [1] * (CELLS - 6)
        seen = await commit(store, End(RecordKey("a", "2"), interval(6, CELLS)), firm("a/3", name="C", level=2))
        assert [c.relation for c in seen.clipped] == ["supplies"]

    async def test_what_higher_levels_made_of_a_record_is_unknown_below(self, store: Store) -> None:
        """Merged by hidden knowledge before the record is first seen at a lower level: there it is what it would be."""
        plain = await self.make(FIRM_SCHEMA)
        first = await commit(store, firm("a/1", name="A", level=2))
        other = await commit(store, firm("h/9", name="H"))
        await commit(store, Merge(other.entities[0], first.entities[0], 2))
        seen = await commit(store, firm("a/1", name="A"))
        assert seen.entities == (await commit(plain, firm("a/1", name="A"))).entities
        assert [r["mergedFrom"] for r in await self._firms(store, LOW)] == [[]]
        assert [r["id"] for r in await self._firms(store)] == list(other.entities)
        assert await store.check() == ()
        await plain.close()

    async def test_a_record_taken_back_is_unknown_whatever_hangs_on_it_above(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A"), run="r1")
        await commit(store, firm("a/2", name="B"), supplies("a", "a/1", "a/2", level=2))
        await commit(store, Retract("r1"))
        with pytest.raises(JingweiError):
            await commit(store, supplies("a", "a/1", "a/2"))
        assert await store.check() == ()

    async def test_erasing_leaves_nothing(self, store: Store, tmp_path: Path) -> None:
        made = await commit(store, firm("a/1", name="Secret Name", uscc="U1"), firm("a/2", name="B", grade="Hush"))
        entity, second = made.entities
        await commit(store, firm("a/1", name="Secret Name 2", uscc="U1"), supplies("a", "a/1", "a/2"))
        await store.erase(EraseRequest(entity, "asked for", author="m"), now=NOW + 10 * DAY)
        await store.erase(EraseRequest(second, "asked for", property="grade"), now=NOW + 11 * DAY)
        store = self.current = await self.reopen(store)
        for system in (made.system, None):
            (row,) = await self._firms(store, system=system)
            assert (row["name"], row["grade"]) == ("B", None)
        assert "Secret" not in await self._everything(store, tmp_path)
        assert "Hush" not in await self._everything(store, tmp_path)
        assert {e.op for e in await store.changes(Position(), ALL)} == {"open", "erased"}
        with pytest.raises(NotFound):
            await store.erase(EraseRequest("nobody", "x"))

    async def test_a_misspelt_property_is_no_erasure(self, store: Store) -> None:
        made = await commit(store, firm("a/1", name="A", grade="Hush"))
        before = await store.changes(Position(), ALL)
        with pytest.raises(NotFound, match=r"field property.*grad.*Did you mean 'grade'"):
            await store.erase(EraseRequest(made.entities[0], "asked for", property="grad"), now=NOW + 10 * DAY)
        assert await store.changes(Position(), ALL) == before
        told = await store.erase(EraseRequest(made.entities[0], "asked for", property="grade"), now=NOW + 11 * DAY)
        again = await store.erase(EraseRequest(made.entities[0], "asked for", property="grade"), now=NOW + 12 * DAY)
        assert (told.read > 0, again.read) == (True, 0)

    async def test_pruning_drops_what_was_superseded(self, store: Store) -> None:
        first = await commit(store, firm("a/1", name="A"))
        second = await commit(store, firm("a/1", name="B"))
        latest = await answers(store, ALL)
        assert await store.prune(second.system) > 0
        assert await answers(store, ALL) == latest
        with pytest.raises(QueryError):
            await store.execute(state_query(NOW, first.system), ALL)

    async def test_the_feed_has_no_gaps(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", uscc="U1"), firm("a/2", name="B"))
        await commit(store, supplies("a", "a/1", "a/2", share=0.5))
        await commit(store, firm("a/1", name="A2", uscc="U1", valid=interval(3, CELLS)))
        await commit(store, firm("h/1", name="Hidden"))
        whole = await store.changes(Position(), ALL)
        pieces: list[ChangeEntry] = []
        while True:
            at = pieces[-1].position if pieces else Position()
            more = await store.changes(at, ALL, limit=2)
            if not more:
                break
            pieces += more
        assert tuple(pieces) == whole
        assert [e.position for e in whole] == sorted({e.position for e in whole})
        held: dict[tuple[str, int], dict[str, Any]] = {}
        for entry in whole:
            key = (entry.id, entry.valid_from)
            if entry.op == "open":
                held[key] = entry.properties
            else:
                del held[key]
        assert sorted(v.get("name", "") for v in held.values()) == ["", "A", "A2", "B", "Hidden"]
        assert "Hidden" not in repr(await store.changes(Position(), LOW))
        no_a = Scope(level=3, rows={"Firm": Cmp(Comparison.NE, Prop("name"), Const("B"))})
        seen = await store.changes(Position(), no_a)
        assert {e.properties.get("name") for e in seen if e.op == "open"} == {"A", "A2", "Hidden"}

    async def test_scans_are_arrow(self, store: Store) -> None:
        await commit(store, *(firm(f"a/{n}", name=f"N{n}", staff=n) for n in range(5)))
        await commit(store, supplies("a", "a/1", "a/2", share=0.5))
        batches = [b async for b in store.scan(Scan(NOW, cls="Firm", batch=2), ALL)]
        table = pa.Table.from_batches(batches)
        assert table.column_names == [
            "id", "class", "validFrom", "validTo", "systemFrom", "systemTo", "grade", "name", "staff", "uscc",
        ]  # fmt: skip
        assert max(b.num_rows for b in batches) <= 2
        assert sorted(table["staff"].to_pylist()) == list(range(5))
        assert table["id"].to_pylist() == sorted(table["id"].to_pylist())
        assert str(table.schema.field("systemFrom").type) == "timestamp[us, tz=UTC]"
        (edge,) = [b async for b in store.scan(Scan(NOW, relation="supplies"), ALL)]
        assert edge.to_pylist()[0]["share"] == 0.5
        with pytest.raises(QueryError):
            [b async for b in store.scan(Scan(NOW, cls="Firm", properties=("nam",)), ALL)]

    async def test_backup_and_restore(self, store: Store, tmp_path: Path) -> None:
        made = await commit(store, firm("a/1", name="A", uscc="U1"), firm("a/2", name="B"), run="r", key="k")
        await commit(store, supplies("a", "a/1", "a/2", share=0.5), firm("h/1", name="H", uscc="U1"))
        ended = await commit(store, End(RecordKey("a", "2"), interval(4, CELLS)), key="clips")
        assert ended.clipped
        path = tmp_path / "backup.zip"
        await store.backup(path)
        for other in (await self.make(FIRM_SCHEMA), MemoryStore(FIRM_SCHEMA)):
            await other.restore(path)
            assert await other.clock() == await store.clock()
            for level in range(3):
                for system in (None, made.system):
                    scope = Scope(level=level)
                    assert await answers(other, scope, system) == await answers(store, scope, system)
            assert await other.receipt("k") == await store.receipt("k")
            assert await other.receipt("clips") == ended
            assert await other.check() == ()
            assert (await commit(other, firm("a/1", name="A", uscc="U1"))).unchanged == 1
            with pytest.raises(JingweiError):
                await other.restore(path)  # it is not empty any more
            await other.close()
        path.write_bytes(path.read_bytes()[:-40])
        third = await self.make(FIRM_SCHEMA)
        with pytest.raises(JingweiError):
            await third.restore(path)
        await third.close()

    async def test_what_was_committed_is_there_after_a_restart(self, store: Store) -> None:
        await commit(store, firm("a/1", name="A", uscc="U1"))
        before, clock = await answers(store, ALL), await store.clock()
        store = self.current = await self.reopen(store)
        assert await answers(store, ALL) == before
        assert await store.clock() == clock

    # ------------------------------------------------------------ asking

    async def _firms(
        self, store: Store, scope: Scope = ALL, *, cell: int = 0, system: int | None = None,
        fields: dict[str, Leaf] | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        if fields is None:
            found = orjson.loads(await store.execute(state_query(instant(cell), system), scope))
            rows: list[dict[str, Any]] = found["firms"]
            return rows
        from kg.query.algebra import Extent

        obj = Obj(tuple(Field(n, leaf) for n, leaf in fields.items()))
        query = Query((Root("rows", Select(Extent("Firm"), Rows(obj))),), now=instant(cell))
        answer: list[dict[str, Any]] = orjson.loads(await store.execute(query, scope))["rows"]
        return answer

    async def _everything(self, store: Store, folder: Path) -> str:
        """All text of a backup."""
        import zipfile

        path = folder / "all.zip"
        path.unlink(missing_ok=True)
        await store.backup(path)
        with zipfile.ZipFile(path) as archive:
            return "".join(archive.read(name).decode("utf-8", "replace") for name in archive.namelist())


def _by_ids(ids: tuple[str, ...]) -> Query:
    obj = Obj((Field("id", Leaf(Meta(MetaName.ID))),))
    return Query((Root("rows", Select(Ids("Firm", ids), Rows(obj))),), now=instant(0))
