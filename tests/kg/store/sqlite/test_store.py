"""What the file does when things go wrong, when it is erased, and when the ontology changes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import apsw
import orjson
import pytest

from kg.errors import JingweiError, SchemaError, StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.query.algebra import (
    Cmp,
    Comparison,
    Const,
    Extent,
    Field,
    Leaf,
    Match,
    Meta,
    MetaName,
    Obj,
    Prop,
    Query,
    Root,
    Rows,
    Select,
)
from kg.query.secure import EVERYTHING
from kg.schema.types import Datatype, Schema
from kg.store.base import EraseRequest
from kg.store.memory import MemoryStore
from kg.store.sqlite import connection
from kg.store.sqlite.faults import FAULTS, translated
from kg.store.sqlite.store import SqliteStore
from kg.testing.schemas import PARK, ClassSpec, build_schema, prop

NOW = 1_800_000_000_000_000
SOURCE = Source("register")


def firm(local: str, **properties: object) -> Put:
    return Put(RecordKey("register", local), "Enterprise", properties)  # type: ignore[arg-type]


def changes(*items: Put | Relate, **rest: str) -> ChangeSet:
    return ChangeSet(items, sources=(SOURCE,), **rest)  # type: ignore[arg-type]


async def made(path: Path, schema: Schema = PARK) -> SqliteStore:
    store = SqliteStore(f"sqlite:///{path}")
    await store.migrate(schema)
    return store


async def rows(store: SqliteStore | MemoryStore, select: Select) -> list[dict[str, object]]:
    found: list[dict[str, object]] = orjson.loads(await store.execute(Query((Root("it", select),), NOW), EVERYTHING))[
        "it"
    ]
    return found


def names(cls: str, *properties: str) -> Select:
    obj = Obj(tuple(Field(name, Leaf(Prop(name))) for name in properties))
    return Select(Extent(cls), Rows(obj))


# ---------------------------------------------------------------- faults


def every_fault() -> list[type[apsw.Error]]:
    return sorted(
        {cls for cls in vars(apsw).values() if isinstance(cls, type) and issubclass(cls, apsw.Error)},
        key=lambda cls: cls.__name__,
    )


@pytest.mark.parametrize("fault", every_fault(), ids=lambda cls: cls.__name__)
def test_every_error_of_apsw_has_one_of_ours(fault: type[apsw.Error]) -> None:
    assert fault in FAULTS
    error = translated(fault("why"), "park.db")
    assert isinstance(error, JingweiError)
    assert "why" in error.message
    assert error.remedy
    assert error.where == "park.db"


@pytest.mark.anyio
async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    store = await made(tmp_path / "park.db")
    await store.commit(changes(firm("a", name="甲")), now=NOW)
    pages = store._db.pragma("page_count")
    store._db.pragma("max_page_count", pages + 4)
    with pytest.raises(StoreFull, match="full"):
        await store.commit(changes(*(firm(f"x{i}", name=f"乙{i}" * 50) for i in range(500))), now=NOW)
    store._db.pragma("max_page_count", 2**30)
    await store.commit(changes(firm("b", name="丙")), now=NOW)
    assert [row["name"] for row in await rows(store, names("Enterprise", "name"))].count("甲") == 1
    assert len(await rows(store, names("Enterprise", "name"))) == 2
    assert await store.check() == ()
    await store.close()


@pytest.mark.anyio
async def test_a_corrupt_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "park.db"
    path.write_bytes(b"this is no database" * 500)
    with pytest.raises(StoreCorrupt, match="not a Jingwei store"):
        SqliteStore(f"sqlite:///{path}")
    other = apsw.Connection(str(tmp_path / "other.db"))
    other.execute("create table t (x)")
    other.close()
    with pytest.raises(StoreCorrupt, match="not a Jingwei store"):
        SqliteStore(f"sqlite:///{tmp_path / 'other.db'}")


@pytest.mark.anyio
async def test_a_read_only_connection_refuses_to_commit(tmp_path: Path) -> None:
    store = await made(tmp_path / "park.db")
    store._db.pragma("query_only", 1)
    with pytest.raises(StoreReadOnly):
        await store.commit(changes(firm("a", name="甲")), now=NOW)
    store._db.pragma("query_only", 0)
    assert (await store.clock()).seq == 0
    await store.close()


@pytest.mark.parametrize("url", ["sqlite://host/park.db", "sqlite:///", "memory:", "neo4j://localhost"])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(StoreError, match="address"):
        SqliteStore(url)


@pytest.mark.anyio
async def test_a_writer_that_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BUSY_MS", 50)
    store = await made(tmp_path / "park.db")
    other = apsw.Connection(str(tmp_path / "park.db"))
    other.execute("begin immediate")
    with pytest.raises(StoreBusy):
        await store.commit(changes(firm("a", name="甲")), now=NOW)
    other.execute("rollback")
    other.close()
    await store.commit(changes(firm("a", name="甲")), now=NOW)
    await store.close()


@pytest.mark.anyio
async def test_two_stores_on_one_file_lose_no_write(tmp_path: Path) -> None:
    stores = [await made(tmp_path / "park.db") for _ in range(2)]
    work = [
        store.commit(changes(firm(f"{n}-{i}", name=f"{n}-{i}")), now=NOW)
        for i in range(20)
        for n, store in enumerate(stores)
    ]
    receipts = await asyncio.gather(*work)
    assert {r.seq for r in receipts} == set(range(1, 41))
    assert len(await rows(stores[0], names("Enterprise", "name"))) == 40
    assert await stores[1].check() == ()
    for store in stores:
        await store.close()


# ---------------------------------------------------------------- erasing


def whole_folder(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir())


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["", "name"])
async def test_erased_values_are_nowhere_in_the_file(tmp_path: Path, name: str) -> None:
    store = await made(tmp_path / "park.db")
    secret = "绝密光刻机构Xyzzy"
    place = '{"type":"Point","coordinates":[121.5,31.2]}'
    first = await store.commit(changes(firm("a", name=secret, location=place), key="k"), now=NOW)
    await store.commit(changes(firm("a", name=secret + "二", location=place), firm("b", name="乙")), now=NOW)
    (entity,) = first.entities
    await store.erase(EraseRequest(entity, "asked to", name), now=NOW)
    obj = Obj((Field("id", Leaf(Meta(MetaName.ID))),))
    assert await rows(store, Select(Match("Thing", "Xyzzy"), Rows(obj))) == []
    assert [row["name"] for row in await rows(store, names("Enterprise", "name"))].count("乙") == 1
    assert await store.check() == ()
    await store.close()
    held = whole_folder(tmp_path)
    assert secret.encode() not in held
    assert "光刻机".encode() not in held
    assert b"xyzzy" not in held.lower()


# ---------------------------------------------------------------- evolution


def evolving(*properties: object) -> Schema:
    return build_schema(
        (
            ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, searchable=True),), abstract=True),
            ClassSpec("Firm", "企业", properties=properties),  # type: ignore[arg-type]
        )
    )


V1 = evolving(prop("staff", Datatype.STRING), prop("old", Datatype.STRING), prop("rate", Datatype.INTEGER))
V2 = evolving(prop("staff", Datatype.INTEGER, indexed=True), prop("rate", Datatype.DOUBLE))
V3 = evolving(
    prop("staff", Datatype.INTEGER, many=True, indexed=True),
    prop("rate", Datatype.DOUBLE),
    prop("new", Datatype.STRING),
)


def evolved(local: str, **properties: object) -> Put:
    return Put(RecordKey("register", local), "Firm", properties)  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_data_of_three_schemas_reads_as_a_fresh_load(tmp_path: Path) -> None:
    store = await made(tmp_path / "park.db", V1)
    await store.commit(changes(evolved("a", name="甲", staff="12", old="gone", rate=3)), now=NOW)
    done = await store.migrate(V2)
    assert any("staff" in line for line in done)
    assert await rows(store, names("Firm", "name", "staff", "rate")) == [{"name": "甲", "staff": 12, "rate": 3.0}]
    await store.commit(changes(evolved("b", name="乙", staff=7)), now=NOW)
    await store.migrate(V3)
    assert await store.migrate(V3) == ()
    fresh = await made(tmp_path / "fresh.db", V3)
    await fresh.commit(
        changes(evolved("a", name="甲", staff=(12,), rate=3.0), evolved("b", name="乙", staff=(7,))), now=NOW
    )
    wanted = names("Firm", "name", "staff", "rate", "new")
    assert await rows(store, wanted) == await rows(fresh, wanted)
    some = replace(wanted, where=Cmp(Comparison.EQ, Prop("staff"), Const(12)))
    assert [row["name"] for row in await rows(store, some)] == ["甲"]
    raw = Select(
        Extent("Firm"),
        Rows(Obj((Field("raw", Leaf(Meta(MetaName.RAW))),))),
        Cmp(Comparison.EQ, Prop("name"), Const("甲")),
    )
    assert await rows(store, raw) == [{"raw": {"old": "gone"}}]
    assert await store.check() == ()
    again = await store.commit(changes(evolved("b", name="乙", staff=(7,))), now=NOW)
    assert again.unchanged == 1
    for one in (store, fresh):
        await one.close()


@pytest.mark.anyio
async def test_values_that_do_not_convert_refuse_the_schema(tmp_path: Path) -> None:
    store = await made(tmp_path / "park.db", V1)
    await store.commit(changes(evolved("a", name="甲", staff="a dozen")), now=NOW)
    with pytest.raises(SchemaError, match="a dozen"):
        await store.migrate(V2)
    assert store.schema.hash == V1.hash
    assert await rows(store, names("Firm", "staff")) == [{"staff": "a dozen"}]
    await store.close()


# ---------------------------------------------------------------- backups


@pytest.mark.anyio
async def test_a_backup_goes_through_both_stores_and_back(tmp_path: Path) -> None:
    store = await made(tmp_path / "park.db")
    await store.commit(changes(firm("a", name="甲", tags=("x", "y")), firm("b", name="乙"), run="r", key="k"), now=NOW)
    supply = Relate("register", "suppliesTo", ByRecord("register", "a"), ByRecord("register", "b"), {"share": 0.5})
    await store.commit(changes(firm("a", name="甲二", tags=("y",)), supply, run="s"), now=NOW)
    await store.backup(tmp_path / "one.zip")
    memory = MemoryStore(PARK)
    await memory.restore(tmp_path / "one.zip")
    await memory.backup(tmp_path / "two.zip")
    other = SqliteStore(f"sqlite:///{tmp_path / 'other.db'}")
    await other.restore(tmp_path / "two.zip")
    wanted = names("Enterprise", "name", "tags")
    assert await rows(store, wanted) == await rows(memory, wanted) == await rows(other, wanted)
    assert await store.clock() == await memory.clock() == await other.clock()
    assert await store.runs() == await other.runs()
    assert await other.receipt("k") == await store.receipt("k")
    assert await other.check() == ()
    with pytest.raises(JingweiError, match="not empty"):
        await other.restore(tmp_path / "two.zip")
    for one in (store, other):
        await one.close()


@pytest.mark.anyio
async def test_an_altered_backup_is_refused(tmp_path: Path) -> None:
    store = await made(tmp_path / "park.db")
    await store.commit(changes(firm("a", name="甲")), now=NOW)
    await store.backup(tmp_path / "one.zip")
    await store.close()
    whole = (tmp_path / "one.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    empty = SqliteStore(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(StoreCorrupt):
        await empty.restore(tmp_path / "cut.zip")
    assert (await empty.clock()).seq == 0
    await empty.close()
