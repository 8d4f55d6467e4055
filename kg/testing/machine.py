"""A stateful test of stores: random history by several sources, read at random instants of both clocks.

Subclass `StoreMachine` with `open_store`; run its `TestCase`. Each answer is compared with the naive model
(`kg.testing.naive`), every earlier answer is asked again at the end and must be the same bytes, and a change
of a higher level must not change a byte of what lower levels read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kg.errors import IdentityConflict
from kg.model.changes import ByRecord, ChangeSet, End, Merge, Put, RecordKey, Relate, Retract, Source, Split, Unrelate
from kg.query.algebra import (
    Edge,
    Edges,
    Extent,
    Field,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Prop,
    Query,
    Root,
    Rows,
    Select,
    Time,
)
from kg.query.secure import Scope
from kg.schema.types import Datatype
from kg.testing.naive import CELLS, LEVELS, Model, instant, interval
from kg.testing.schemas import USCC, ClassSpec, RelationSpec, build_schema, prop

if TYPE_CHECKING:
    from kg.schema.types import Schema
    from kg.store.base import Store

FIRM_SCHEMA: Schema = build_schema(
    classes=(
        ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, indexed=True),), abstract=True),
        ClassSpec(
            "Firm", "企业",
            properties=(
                prop("uscc", Datatype.STRING, scheme="uscc", indexed=True), prop("staff", Datatype.INTEGER),
                prop("grade", Datatype.STRING),
            ),
        ),
    ),
    relations=(
        RelationSpec(
            "supplies", "供应", "Firm", "Firm", inverse="suppliedBy",
            properties=(prop("grade", Datatype.STRING), prop("share", Datatype.DOUBLE)), key=("grade",),
        ),
        RelationSpec(
            "partners", "合作", "Firm", "Firm", properties=(prop("share", Datatype.DOUBLE),), extra={"symmetric": True},
        ),
    ),
    schemes=(USCC,),
)  # fmt: skip
SOURCES = {
    "a": Source("a", priority=1),
    "b": Source("b"),
    "c": Source("c"),
    "h": Source("h", priority=5, level=2),
}
FIRST_SYSTEM = 1_800_000_000_000_000

_EVERYTHING = (
    MetaName.ID, MetaName.CLASS, MetaName.VALID_FROM, MetaName.VALID_TO, MetaName.SYSTEM_FROM, MetaName.SOURCES,
    MetaName.MERGED_FROM,
)  # fmt: skip
_EDGE_METAS = (MetaName.EDGE_START, MetaName.EDGE_END, MetaName.EDGE_VALID_FROM, MetaName.EDGE_SYSTEM_FROM)


def state_query(valid: int, system: int | None) -> Query:
    """All firms and supplies at two instants; without systemTo, which later commits set."""
    firm = Obj(
        (
            *(Field(m.value, Leaf(Meta(m))) for m in _EVERYTHING),
            *(Field(n, Leaf(Prop(n))) for n in ("name", "uscc", "staff", "grade")),
        )
    )
    supply = Obj(
        (
            *(Field(m.value, Leaf(Meta(m))) for m in _EDGE_METAS),
            *(Field(n, Leaf(Edge(n))) for n in ("grade", "share")),
        )
    )
    time = Time(valid, system)
    return Query(
        (
            Root("firms", Select(Extent("Firm"), Rows(firm), time=time)),
            Root("supplies", Select(Edges("supplies", "Firm"), Rows(supply), time=time)),
        ),
        now=valid,
    )


records = st.builds(RecordKey, st.sampled_from("abch"), st.sampled_from("12345"))
spans = st.tuples(st.integers(0, CELLS - 1), st.integers(1, CELLS)).filter(lambda p: p[0] < p[1])
opens = st.integers(0, CELLS - 1).map(lambda first: (first, CELLS))
valids = st.one_of(opens, opens, spans).map(lambda p: interval(*p))
names = st.sampled_from(["晶科", "zx", "\ufb01rm", "𠮷", ""])
overrides = st.sampled_from([None, None, None, 0, 1, 3])


@st.composite
def puts(draw: st.DrawFn) -> Put:
    """A put; an identifier, where given, is the one that the local name stands for."""
    record = draw(records)
    values: dict[str, Any] = {}
    if draw(st.booleans()):
        values["name"] = draw(names)
    if draw(st.booleans()):
        values["staff"] = draw(st.integers(0, 3))
    if draw(st.integers(0, 3)) == 0:
        values["uscc"] = f"U{record.local}"
    patch = draw(st.booleans())
    if patch and draw(st.booleans()):
        values["grade"] = draw(st.sampled_from([None, "A"]))
    return Put(
        record, "Firm", values, draw(valids), patch=patch, until_next=draw(st.booleans()), level=draw(overrides),
        confidence=draw(st.sampled_from([1.0, 0.5])), stated=draw(st.sampled_from([None, 5])),
    )  # fmt: skip


class StoreMachine(RuleBasedStateMachine):
    """The machine; `open_store` makes an empty store for a schema."""

    async def open_store(self, schema: Schema) -> Store:
        raise NotImplementedError  # the subclass says which store

    async def close_store(self, store: Store) -> None:
        """Free what `open_store` took; the store itself is closed already."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store: Store
        self.model = Model(SOURCES)
        self.past: list[tuple[int, Model]] = []
        self.remembered: list[tuple[Query, Scope, bytes]] = []
        self.system = FIRST_SYSTEM
        self.run_number = 0

    @initialize()
    def begin(self) -> None:
        self.store = self._do(self.open_store(FIRM_SCHEMA))
        self._commit((), sources=tuple(SOURCES.values()))

    def _do(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    # ------------------------------------------------------------ commits

    def _commit(self, changes: tuple[Any, ...], *, sources: tuple[Source, ...] = (), run: str = "") -> Any:
        self.system += 1000
        run = run or f"run {self.run_number}"
        return self._do(self.store.commit(ChangeSet(changes, run=run, sources=sources), now=self.system))

    def _lowest(self, changes: tuple[Any, ...]) -> int:
        """The lowest level at which the changes may be seen."""
        levels = []
        for change in changes:
            if isinstance(change, Put | End):
                own = SOURCES[change.record.source].level
            elif isinstance(change, Relate | Unrelate):
                own = SOURCES[change.source].level
            elif isinstance(change, Retract):
                own = 0
            else:
                own = change.level
            given = getattr(change, "level", None)
            levels.append(own if given is None else given)
        return min(levels, default=0)

    def _apply(self, *changes: Any, new_run: bool = True) -> None:
        if new_run:
            self.run_number += 1
        lowest = self._lowest(changes)
        watched = [(state_query(instant(c), None), Scope(level=low)) for low in range(lowest) for c in (0, 4, 8)]
        before = [self._do(self.store.execute(q, s)) for q, s in watched]
        trial = self.model.clone()
        run = f"run {self.run_number}"
        try:
            receipt = self._commit(changes)
        except IdentityConflict:
            self._conflict_is_real(trial, changes, run)
            return
        ids = iter(receipt.entities)
        for change in changes:
            trial.apply(change, run, next(ids) if isinstance(change, Put) else None)
        assert trial.settle(), "the store let two entities hold one identifier"
        self.model = trial
        self.past.append((self._do(self.store.clock()).system, trial.clone()))
        after = [self._do(self.store.execute(q, s)) for q, s in watched]
        assert before == after, "a change of a higher level shone through"

    def _conflict_is_real(self, trial: Model, changes: tuple[Any, ...], run: str) -> None:
        for change in changes:
            if isinstance(change, Put):
                known = trial.identity.get(change.record)
                level = SOURCES[change.record.source].level if change.level is None else change.level
                here = known[level] if known else None
                entity = here or f"new {change.record}"
                if here is None and "uscc" in change.properties:
                    continue  # which of several holders it meets is the store's to say
                trial.apply(change, run, entity)
            else:
                trial.apply(change, run)
        puts_new = any(isinstance(c, Put) and self._at_first_sight(c) for c in changes)
        assert puts_new or not trial.settle(), "the store refused what is no conflict"

    def _at_first_sight(self, put: Put) -> bool:
        level = SOURCES[put.record.source].level if put.level is None else put.level
        return put.record not in self.model.identity or self.model.identity[put.record][level] is None

    # ------------------------------------------------------------ rules

    @rule(found=st.lists(puts(), min_size=1, max_size=3))
    def put(self, found: list[Put]) -> None:
        self._apply(*found)

    @rule(found=puts())
    def put_in_same_run(self, found: Put) -> None:
        self._apply(found, new_run=False)

    @precondition(lambda self: self.model.identity)
    @rule(data=st.data(), valid=valids)
    def end(self, data: st.DataObject, valid: Any) -> None:
        record = data.draw(st.sampled_from(sorted(self.model.identity)))
        self._apply(End(record, valid))

    @precondition(lambda self: len(self.model.identity) > 1)
    @rule(data=st.data(), valid=valids, source=st.sampled_from("abh"), until_next=st.booleans())
    def relate(self, data: st.DataObject, valid: Any, source: str, until_next: bool) -> None:
        level = SOURCES[source].level
        seen = [r for r, ids in sorted(self.model.identity.items()) if ids[level] is not None]
        if not seen:
            return
        start, end = (data.draw(st.sampled_from(seen)) for _ in range(2))
        values: dict[str, Any] = {}
        if data.draw(st.booleans()):
            values["grade"] = data.draw(st.sampled_from("AB"))
        if data.draw(st.booleans()):
            values["share"] = data.draw(st.sampled_from([0.25, 0.5]))
        ends = (ByRecord(start.source, start.local), ByRecord(end.source, end.local))
        self._apply(Relate(source, "supplies", *ends, values, valid, until_next=until_next))

    @precondition(lambda self: self.model.relations)
    @rule(data=st.data(), valid=valids)
    def unrelate(self, data: st.DataObject, valid: Any) -> None:
        known = [k for k in self.model.relations if k[2] in self.model.identity and k[3] in self.model.identity]
        level = {k: SOURCES[k[0]].level for k in known}
        known = [k for k in known if all(self.model.identity[r][level[k]] is not None for r in k[2:4])]
        if not known:
            return
        source, relation, start, end, key, _ = data.draw(st.sampled_from(sorted(known, key=repr)))
        ends = (ByRecord(start.source, start.local), ByRecord(end.source, end.local))
        self._apply(Unrelate(source, relation, *ends, {"grade": key} if key else {}, valid))

    @precondition(lambda self: len(self.model.identity) > 1)
    @rule(data=st.data(), level=st.sampled_from([0, 0, 2]))
    def merge(self, data: st.DataObject, level: int) -> None:
        alive = sorted({found for ids in self.model.identity.values() if (found := ids[level]) is not None})
        if len(alive) < 2:
            return
        survivor, loser = data.draw(st.permutations(alive))[:2]
        self._apply(Merge(survivor, loser, level))

    @precondition(lambda self: self.model.identity)
    @rule(data=st.data(), level=st.sampled_from([0, 0, 2]))
    def split(self, data: st.DataObject, level: int) -> None:
        record = data.draw(st.sampled_from(sorted(self.model.identity)))
        self._apply(Split((record,), level))

    @precondition(lambda self: self.run_number > 1)
    @rule(data=st.data())
    def retract(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.run_number))
        self._apply(Retract(f"run {number}"))

    @precondition(lambda self: self.past)
    @rule(data=st.data(), level=st.sampled_from(LEVELS), cell=st.integers(0, CELLS - 1))
    def read_the_past(self, data: st.DataObject, level: int, cell: int) -> None:
        system, model = data.draw(st.sampled_from(self.past))
        self._compare(model, level, cell, system)

    @invariant()
    def latest_is_right(self) -> None:
        if hasattr(self, "store"):
            cell = (self.system // 1000) % CELLS
            for level in (0, 2):
                self._compare(self.model, level, cell, None)

    def _compare(self, model: Model, level: int, cell: int, system: int | None) -> None:
        query, scope = state_query(instant(cell), system), Scope(level=level)
        answer = self._do(self.store.execute(query, scope))
        if system is not None:
            self.remembered.append((query, scope, answer))
        found = orjson.loads(answer)
        view = model.view(level, cell)
        have = {
            row["id"]: (row["class"], {n: row[n] for n in ("name", "uscc", "staff", "grade") if row[n] is not None})
            for row in found["firms"]
        }
        assert len(have) == len(found["firms"])
        want = {e: (cls, properties) for e, (cls, properties, _) in view.entities.items()}
        assert have == want
        for row in found["firms"]:
            sources = row["sources"]
            full = {n: sources.get(n, sources[""]) for n in have[row["id"]][1]}
            assert full == view.entities[row["id"]][2]
        edges = {
            ("supplies", r["edge.start"], r["edge.end"], r["grade"]): {
                n: r[n] for n in ("grade", "share") if r[n] is not None
            }
            for r in found["supplies"]
        }
        assert len(edges) == len(found["supplies"])
        assert edges == view.relations

    def teardown(self) -> None:
        if hasattr(self, "store"):
            for query, scope, answer in self.remembered:
                assert self._do(self.store.execute(query, scope)) == answer, "a past answer changed"
            findings = self._do(self.store.check())
            assert findings == (), findings
            self._do(self.store.close())
            self._do(self.close_store(self.store))
        self.loop.close()
