"""What `check` finds that no commit is refused for, and that it finds what is wrong with identifiers."""

import pytest

from kg.model.changes import ByRecord, ChangeSet, End, Put, RecordKey, Relate, Source
from kg.model.intervals import Interval
from kg.schema.types import Datatype
from kg.store.memory import MemoryStore
from kg.testing.schemas import ClassSpec, RelationSpec, build_schema, prop
from tests.kg.store.test_evolution import IDENTIFIED, firm

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000_000_000
LATER = 1_700_000_000_000_000
SOURCES = (Source("a"), Source("h", level=2))
SCHEMA = build_schema(
    classes=(ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING),)), ClassSpec("Firm", "企业")),
    relations=(RelationSpec("ownedBy", "所有", "Firm", "Firm", extra={"min_count": 1, "max_count": 1}),),
)


def owned(end: str, source: str = "a", valid: Interval | None = None) -> Relate:
    return Relate(source, "ownedBy", ByRecord("a", "1"), ByRecord("a", end), {}, valid or Interval(), stub="Firm")


async def found(*changes: Put | Relate | End) -> list[str]:
    store = MemoryStore(SCHEMA)
    await store.commit(ChangeSet(changes, sources=SOURCES), now=NOW)
    return [f.message for f in await store.check()]


async def test_relations_of_an_entity_are_counted_at_each_instant() -> None:
    one = Put(RecordKey("a", "1"), "Firm", {"name": "One"})
    assert await found(one, owned("2")) == []  # whoever is only mentioned need own nothing
    (none,) = await found(one)
    assert none.startswith("ownedBy: 0 ")
    assert "allowed are 1 to 1" in none
    assert await found(one, owned("2", valid=Interval(end=LATER)), owned("3", valid=Interval(LATER))) == []
    (gap,) = await found(one, owned("2", valid=Interval(end=LATER)))
    assert gap.startswith(f"ownedBy: 0 from {LATER} on for readers of level 0")
    (two,) = await found(one, owned("2"), owned("3", valid=Interval(LATER)))
    assert two.startswith(f"ownedBy: 2 from {LATER} on for readers of level 0")
    (hidden,) = await found(one, owned("2"), owned("3", source="h"))
    assert "2 from" in hidden
    assert "level 2" in hidden


async def test_a_missing_or_idle_identifier_row_is_found() -> None:
    store = MemoryStore(IDENTIFIED)
    await store.commit(ChangeSet((firm("1", name="One", plot="A-01"),), sources=(Source("a"),)), now=NOW)
    assert await store.check() == ()
    (number,) = store.tables.identifiers
    row = store.tables.identifiers[number]
    row.value = "A-02"
    (finding,) = await store.check()
    assert "A-01" in finding.message
    assert "A-02" in finding.message
    store.tables.identifiers.drop(number)
    assert len(await store.check()) == 1
