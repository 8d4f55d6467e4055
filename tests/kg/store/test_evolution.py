"""Data written under one ontology reads, after the ontology changed, as if it were loaded under the new one."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from kg.errors import SchemaError
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.model.intervals import Interval
from kg.query.algebra import (
    Cmp,
    Comparison,
    Const,
    Edge,
    Edges,
    Expr,
    Extent,
    Field,
    Leaf,
    Match,
    Meta,
    MetaName,
    Obj,
    Order,
    Prop,
    Query,
    Root,
    Rows,
    Select,
    Time,
)
from kg.query.secure import Scope
from kg.schema.types import Datatype, Property, Schema, Scheme
from kg.store.archive import read_archive
from kg.store.base import EraseRequest, Store
from kg.store.memory import MemoryStore
from kg.store.sqlite.store import SqliteStore
from kg.testing.schemas import PLOT_NUMBER, ClassSpec, RelationSpec, build_schema, prop

pytestmark = pytest.mark.anyio
NOW = 1_800_000_000_000_000
HALF = 1_700_000_000_000_000
ALL = Scope(level=3)
Open = Callable[[Schema], Awaitable[Store]]


def schema(
    firm: tuple[Property, ...],
    supply: tuple[Property, ...] = (),
    more: tuple[ClassSpec, ...] = (),
    organisation: tuple[Property, ...] = (),
) -> Schema:
    name = prop("name", Datatype.STRING, indexed=True, searchable=True)
    return build_schema(
        classes=(
            ClassSpec("Thing", "事物", (), (name,), abstract=True),
            ClassSpec("Organisation", "组织", properties=organisation, abstract=True),
            ClassSpec("Firm", "企业", ("Organisation",), firm),
            *more,
        ),
        relations=(RelationSpec("supplies", "供应", "Firm", "Firm", properties=supply),),
    )


GRADE = prop("grade", Datatype.STRING, values=("A", "B"), indexed=True)
V1 = schema(
    (
        GRADE,
        prop("code", Datatype.STRING, indexed=True),
        prop("note", Datatype.STRING, searchable=True),
        prop("phone", Datatype.STRING, indexed=True),
        prop("staff", Datatype.INTEGER, indexed=True),
    ),
    (prop("share", Datatype.INTEGER), prop("remark", Datatype.STRING)),
)
# A class and a property more, one less, a text becomes a number.
V2 = schema(
    (
        GRADE,
        prop("code", Datatype.INTEGER, indexed=True),
        prop("founded", Datatype.DATE),
        prop("phone", Datatype.STRING, indexed=True),
        prop("staff", Datatype.INTEGER, indexed=True),
    ),
    (prop("share", Datatype.DOUBLE), prop("remark", Datatype.STRING)),
    (ClassSpec("Plant", "工厂", properties=(prop("capacity", Datatype.DOUBLE),)),),
)
# An enumeration is declared higher up, which renames it for users, and lists more; one number becomes many texts.
V3 = schema(
    (
        prop("code", Datatype.LONG, indexed=True),
        prop("founded", Datatype.DATE),
        prop("phone", Datatype.STRING, many=True, indexed=True, searchable=True),
        prop("staff", Datatype.DOUBLE, indexed=True),
    ),
    (prop("share", Datatype.DOUBLE),),
    (ClassSpec("Plant", "工厂", properties=(prop("capacity", Datatype.DOUBLE),)),),
    (prop("grade", Datatype.STRING, values=("A", "B", "C"), indexed=True),),
)


def firm(local: str, valid: Interval | None = None, **values: Any) -> Put:
    return Put(RecordKey("a", local), "Firm", values, valid or Interval())


def supply(start: str, end: str, **values: Any) -> Relate:
    return Relate("a", "supplies", ByRecord("a", start), ByRecord("a", end), values)


LOADS: dict[str, tuple[tuple[Put | Relate, ...], ...]] = {
    "v1": (
        (
            firm("1", name="One", grade="A", code="10", note="old note", phone="555", staff=7),
            firm("2", name="Two", grade="B", code="-3", staff=2),
        ),
        (
            firm("1", Interval(HALF), name="One", grade="B", code="11", note="new note", phone="556", staff=8),
            supply("1", "2", share=40, remark="spoken"),
        ),
    ),
    "v2": (
        (
            firm("3", name="Three", code=12, founded="2024-05"),
            Put(RecordKey("a", "9"), "Plant", {"name": "Works", "capacity": 2.5}),
            supply("3", "1", share=12.5),
        ),
    ),
    "v3": ((firm("4", name="Four", grade="C", code=2**40, phone=("1", "2"), staff=1.5),),),
}
# The same as whoever has only V3 would load it.
FRESH: dict[str, tuple[tuple[Put | Relate, ...], ...]] = {
    "v1": (
        (
            firm("1", name="One", grade="A", code=10, phone=("555",), staff=7.0),
            firm("2", name="Two", grade="B", code=-3, staff=2.0),
        ),
        (
            firm("1", Interval(HALF), name="One", grade="B", code=11, phone=("556",), staff=8.0),
            supply("1", "2", share=40.0),
        ),
    ),
    "v2": LOADS["v2"],
    "v3": LOADS["v3"],
}
SYSTEMS = {"v1": (NOW, NOW + 10), "v2": (NOW + 20,), "v3": (NOW + 30,)}


async def load(store: Store, changes: tuple[tuple[Put | Relate, ...], ...], at: tuple[int, ...]) -> None:
    for some, now in zip(changes, at, strict=True):
        await store.commit(ChangeSet(some, sources=(Source("a"),)), now=now)


@pytest.fixture(params=["memory", "sqlite"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    stores: list[Store] = []

    async def one(fitted: Schema) -> Store:
        store: Store
        if request.param == "memory":
            store = MemoryStore(fitted)
        else:
            store = SqliteStore(f"sqlite:///{tmp_path}/{len(stores)}.db")
            await store.migrate(fitted)
        stores.append(store)
        return store

    yield one
    for store in stores:
        assert await store.check() == ()
        await store.close()


async def ask(store: Store, select: Select) -> list[dict[str, Any]]:
    answer = await store.execute(Query((Root("rows", select),), now=NOW), ALL)
    rows: list[dict[str, Any]] = orjson.loads(answer)["rows"]
    return rows


def leaves(*names: str) -> Obj:
    return Obj(tuple(Field(n, Leaf(Prop(n))) for n in names))


FIRM = ("name", "grade", "code", "founded", "phone", "staff")


async def everything(store: Store) -> dict[str, Any]:
    """What V3 shows at three instants of each clock, and what its indexes find."""
    out: dict[str, Any] = {}
    for valid, system in itertools.product((HALF - 1, NOW), (NOW, NOW + 10, None)):
        time = Time(valid, system)
        by_name = (Order(Prop("name")),)
        out[f"firms {valid} {system}"] = await ask(
            store, Select(Extent("Firm"), Rows(leaves(*FIRM)), time=time, order=by_name)
        )
        out[f"plants {valid} {system}"] = await ask(
            store, Select(Extent("Plant"), Rows(leaves("name", "capacity")), time=time)
        )
        supplied = Obj((Field("share", Leaf(Edge("share"))), Field("to", Leaf(Prop("name")))))
        out[f"supplies {valid} {system}"] = await ask(
            store, Select(Edges("supplies", "Firm"), Rows(supplied), time=time, order=(Order(Edge("share")),))
        )
    finds: tuple[tuple[Expr, Comparison, Any], ...] = (
        (Prop("code"), Comparison.GT, 10),
        (Prop("code"), Comparison.IN, (-3, 2**40)),
        (Prop("staff"), Comparison.LE, 7.5),
        (Prop("phone"), Comparison.EQ, "556"),
        (Prop("phone"), Comparison.STARTS_WITH, "5"),
        (Prop("grade"), Comparison.EQ, "C"),
    )
    for left, op, value in finds:
        where = Cmp(op, left, Const(value))
        rows = await ask(store, Select(Extent("Firm"), Rows(leaves("name")), where=where, order=(Order(Prop("name")),)))
        out[f"{left} {op} {value}"] = rows
    for text in ("555", "556", "two", "note"):
        out[f"search {text}"] = await ask(store, Select(Match("Thing", text), Rows(leaves("name"))))
    return out


async def evolved(make: Open) -> Store:
    store = await make(V1)
    await load(store, LOADS["v1"], SYSTEMS["v1"])
    done = await store.migrate(V2)
    assert "converted Firm.code" in done
    assert "converted supplies.share" in done
    await load(store, LOADS["v2"], SYSTEMS["v2"])
    await store.migrate(V3)
    await load(store, LOADS["v3"], SYSTEMS["v3"])
    return store


async def test_three_versions_read_as_a_fresh_load(make: Open) -> None:
    store, fresh = await evolved(make), await make(V3)
    for version in ("v1", "v2", "v3"):
        await load(fresh, FRESH[version], SYSTEMS[version])
    was, is_ = await everything(store), await everything(fresh)
    assert was == is_
    assert was["Prop(name='phone') eq 556"] == [{"name": "One"}]  # the comparison compares something
    assert was["search 556"] == [{"name": "One"}]
    assert was["search note"] == []
    assert await store.migrate(V3) == ()


async def test_loading_again_under_the_new_ontology_is_unchanged(make: Open) -> None:
    store = await evolved(make)
    before = await everything(store)
    again = (
        firm("3", name="Three", code=12, founded="2024-05"),
        firm("2", name="Two", grade="B", code=-3, staff=2.0),
        supply("3", "1", share=12.5),
    )
    receipt = await store.commit(ChangeSet(again), now=NOW + 50)
    assert receipt.unchanged == 3
    assert await everything(store) == before


def raw(*where: str) -> Obj:
    return Obj((Field("name", Leaf(Prop("name"))), Field("raw", Leaf(Meta(MetaName.RAW)))))


async def raws(store: Store, valid: int = NOW, scope: Scope = ALL) -> dict[str, Any]:
    query = Query((Root("rows", Select(Extent("Firm"), Rows(raw()), time=Time(valid, None))),), now=valid)
    return {row["name"]: row["raw"] for row in orjson.loads(await store.execute(query, scope))["rows"]}


async def test_removed_properties_are_raw(make: Open, tmp_path: Path) -> None:
    store = await evolved(make)
    assert (await raws(store, HALF - 1))["One"] == {"note": "old note"}
    found = await raws(store)
    assert found == {"One": {"note": "new note"}, "Two": {}, "Three": {}, "Four": {}}
    assert list((await raws(store, scope=Scope(level=0))).values()) == [None] * 4
    # It lives through corrections of other properties, a backup, and comes back with the property.
    patch = Put(RecordKey("a", "1"), "Firm", {"staff": 9.5}, patch=True)
    await store.commit(ChangeSet((patch,)), now=NOW + 60)
    assert (await raws(store))["One"] == {"note": "new note"}
    await store.backup(tmp_path / "backup.zip")
    other = await make(V3)
    await other.restore(tmp_path / "backup.zip")
    assert await raws(other) == await raws(store)
    assert await everything(other) == await everything(store)
    for one in (store, other):
        await one.migrate(V1_AGAIN)
        rows = await ask(one, Select(Extent("Firm"), Rows(leaves("note")), order=(Order(Prop("name")),)))
        assert [row["note"] for row in rows] == [[], ["new note"], [], []]
        assert (await raws(one))["One"] == {}


V1_AGAIN = schema(
    (
        *(p for p in V3.classes["Firm"].properties if p.owner == "Firm"),
        prop("note", Datatype.STRING, many=True, indexed=True),
    ),
    (prop("share", Datatype.DOUBLE),),
    (ClassSpec("Plant", "工厂", properties=(prop("capacity", Datatype.DOUBLE),)),),
    (prop("grade", Datatype.STRING, values=("A", "B", "C"), indexed=True),),
)


async def test_what_is_raw_can_be_erased(make: Open, tmp_path: Path) -> None:
    store = await evolved(make)
    by_name = Select(Extent("Firm"), Rows(Obj((Field("id", Leaf(Meta(MetaName.ID))),))), where=Cmp(
        Comparison.EQ, Prop("name"), Const("One")
    ))  # fmt: skip
    (row,) = await ask(store, by_name)
    await store.erase(EraseRequest(row["id"], "asked for", property="note"), now=NOW + 70)
    await store.erase(EraseRequest(row["id"], "asked for", property="phone"), now=NOW + 71)
    assert (await raws(store))["One"] == {}
    if isinstance(store, SqliteStore):
        await store.close()
        content = b"".join(p.read_bytes() for p in tmp_path.iterdir())  # noqa: ASYNC240
        assert b"new note" not in content
        assert b"old note" not in content
        assert b"Three" in content  # what is searched is what is stored
        reopened = SqliteStore(store.url)
        assert await reopened.check() == ()
        store.__dict__.update(reopened.__dict__)  # so that the fixture closes what is open


@pytest.mark.parametrize(
    ("before", "values", "after", "named"),
    [
        (prop("x", Datatype.STRING), ("12", "twelve"), prop("x", Datatype.INTEGER), ["'twelve'"]),
        (prop("x", Datatype.STRING), ("007", "8"), prop("x", Datatype.INTEGER), ["'007'"]),
        (prop("x", Datatype.STRING), ("3000000000",), prop("x", Datatype.INTEGER), ["'3000000000'"]),
        (prop("x", Datatype.STRING), ("0.1234567890123456789",), prop("x", Datatype.DOUBLE), ["'0.12345"]),
        (prop("x", Datatype.STRING), ("1.5", "1.50"), prop("x", Datatype.DOUBLE), ["'1.5"]),
        (prop("x", Datatype.STRING), ("1 May",), prop("x", Datatype.DATE), ["'1 May'"]),
        (prop("x", Datatype.DOUBLE), (2.0, 2.5), prop("x", Datatype.INTEGER), ["2.5"]),
        (prop("x", Datatype.LONG), (2**53 + 1, 5), prop("x", Datatype.DOUBLE), [str(2**53 + 1)]),
        (
            prop("x", Datatype.STRING, many=True),
            (("a",), ("a", "b")),
            prop("x", Datatype.STRING),
            ["('a', 'b')"],
        ),
        (
            prop("x", Datatype.STRING, values=("OPEN", "SHUT")),
            ("OPEN", "SHUT"),
            prop("x", Datatype.STRING, values=("OPEN", "CLOSED")),
            ["'SHUT'"],
        ),
    ],
)
async def test_values_that_do_not_convert_are_named(
    make: Open, before: Property, values: tuple[Any, ...], after: Property, named: list[str]
) -> None:
    store = await make(schema((before,)))
    puts = tuple(firm(str(n), name=str(n), x=value) for n, value in enumerate(values))
    await store.commit(ChangeSet(puts, sources=(Source("a"),)), now=NOW)
    order = (Order(Prop("name")),)
    select = Select(Extent("Firm"), Rows(leaves("name", "x")), order=order)
    held = await ask(store, select)
    with pytest.raises(SchemaError, match="1 stored values do not convert") as told:
        await store.migrate(schema((after,)))
    assert all(f"Firm.x = {text}" in str(told.value) for text in named)
    assert told.value.remedy
    # Nothing changed, and the store goes on under its old ontology.
    assert store.schema.hash == schema((before,)).hash
    assert await ask(store, select) == held
    assert (await store.commit(ChangeSet((firm("more", name="more"),)), now=NOW + 1)).loaded == 1


@pytest.mark.parametrize("to", [Datatype.INSTANT, Datatype.GEOMETRY])
async def test_datatypes_without_a_conversion(make: Open, to: Datatype) -> None:
    store = await make(schema((prop("x", Datatype.DOUBLE),)))
    with pytest.raises(SchemaError, match="cannot become") as told:
        await store.migrate(schema((prop("x", to),)))
    assert (told.value.where, told.value.field) == ("Firm", "x")
    assert told.value.remedy


@pytest.mark.parametrize(
    ("before", "stored", "after", "reads"),
    [
        (prop("x", Datatype.STRING), "12", prop("x", Datatype.INTEGER), 12),
        (prop("x", Datatype.STRING), "9007199254740993", prop("x", Datatype.LONG), "9007199254740993"),
        (prop("x", Datatype.STRING), "1.50", prop("x", Datatype.DOUBLE), 1.5),
        (prop("x", Datatype.STRING), "true", prop("x", Datatype.BOOLEAN), True),
        (prop("x", Datatype.STRING), "2024-05", prop("x", Datatype.DATE), "2024-05"),
        (prop("x", Datatype.STRING), "2024-05-01T00:00:00Z", prop("x", Datatype.INSTANT), "2024-05-01T00:00:00Z"),
        (prop("x", Datatype.INTEGER), 12, prop("x", Datatype.STRING), "12"),
        (prop("x", Datatype.BOOLEAN), True, prop("x", Datatype.STRING), "true"),
        (prop("x", Datatype.DOUBLE), 0.1, prop("x", Datatype.STRING), "0.1"),
        (prop("x", Datatype.DOUBLE), 2.0, prop("x", Datatype.INTEGER), 2),
        (prop("x", Datatype.INTEGER), 2, prop("x", Datatype.DOUBLE, many=True, indexed=True), [2.0]),
        (prop("x", Datatype.STRING, many=True), ("a",), prop("x", Datatype.STRING), "a"),
        (prop("x", Datatype.STRING), "A", prop("x", Datatype.STRING, values=("A", "B")), "A"),
    ],
)
async def test_conversions(make: Open, before: Property, stored: Any, after: Property, reads: Any) -> None:
    store = await make(schema((before,)))
    await store.commit(ChangeSet((firm("1", x=stored),), sources=(Source("a"),)), now=NOW)
    await store.migrate(schema((after,)))
    (row,) = await ask(store, Select(Extent("Firm"), Rows(leaves("x"))))
    assert str(row["x"]) == str(reads)
    where = Cmp(Comparison.IS_NULL, Prop("x"), Const(False))
    assert len(await ask(store, Select(Extent("Firm"), Rows(leaves("x")), where=where))) == 1


# ---------------------------------------------------------------- a property becomes an identifier


def plotted(scheme: str, *schemes: Scheme) -> Schema:
    name = prop("name", Datatype.STRING, indexed=True)
    plot = replace(prop("plot", Datatype.STRING), scheme=scheme)
    classes = (ClassSpec("Thing", "事物", (), (name,)), ClassSpec("Firm", "企业", properties=(plot,)))
    return build_schema(classes=classes, schemes=schemes)


PLAIN, IDENTIFIED = plotted(""), plotted("plotNumber", PLOT_NUMBER)
PLOTS: tuple[tuple[Put, ...], ...] = (
    (firm("1", name="One", plot="A-01"), firm("2", name="Two", plot="B-02"), firm("3", name="Three")),
    (firm("1", Interval(HALF), name="One", plot="A-11"), firm("2", Interval(HALF), name="Two", plot="B-02")),
    (replace(firm("1", name="One", plot="A-99"), level=2), firm("3", Interval(HALF), name="Three", plot="B-03")),
)  # fmt: skip


async def identifiers(store: Store, folder: Path) -> set[tuple[Any, ...]]:
    """All rows, superseded ones too, with names for entities."""
    path = folder / f"{id(store)}.zip"
    await store.backup(path)
    _, tables = read_archive(path)
    path.unlink()
    names = {row.entity: str(row.properties["name"]) for row in tables.versions.values()}
    rows = [replace(row, entity=names[row.entity], row=0) for row in tables.identifiers.values()]
    return {astuple(row) for row in rows}


async def test_stored_values_of_a_property_that_gains_a_scheme_are_identifiers(make: Open, tmp_path: Path) -> None:
    store, fresh = await make(PLAIN), await make(IDENTIFIED)
    for number, changes in enumerate(PLOTS):
        for one in (store, fresh):
            await one.commit(ChangeSet(changes, sources=(Source("a"),)), now=NOW + number)
    assert await identifiers(store, tmp_path) == set()
    assert "Firm: identifiers made again" in await store.migrate(IDENTIFIED)
    found = await identifiers(store, tmp_path)
    assert found == await identifiers(fresh, tmp_path)
    assert len(found) > 5
    same = Put(RecordKey("b", "x"), "Firm", {"name": "Two", "plot": "B-02"})
    for one in (store, fresh):
        receipt = await one.commit(ChangeSet((same,), sources=(Source("b"),)), now=NOW + 10)
        assert (receipt.merged, receipt.loaded) == (1, 0)
    assert await identifiers(store, tmp_path) == await identifiers(fresh, tmp_path)
    await store.migrate(PLAIN)
    assert await identifiers(store, tmp_path) == set()


@pytest.mark.parametrize(
    ("plots", "named"),
    [(("A-01", "no plot"), ["'no plot'"]), (("A-01", "b-02"), ["'b-02'"]), (("A-01", "A-01"), ["plotNumber A-01"])],
)
async def test_values_that_cannot_identify_are_named(make: Open, plots: tuple[str, ...], named: list[str]) -> None:
    """Not in the scheme's form, not as a load would write it, or of two entities."""
    store = await make(PLAIN)
    puts = tuple(firm(str(n), name=f"F{n}", plot=plot) for n, plot in enumerate(plots))
    await store.commit(ChangeSet(puts, sources=(Source("a"),)), now=NOW)
    with pytest.raises(SchemaError) as caught:
        await store.migrate(IDENTIFIED)
    assert all(name in str(caught.value) for name in named)
    assert caught.value.remedy
    rows = await ask(store, Select(Extent("Firm"), Rows(leaves("plot")), order=(Order(Prop("name")),)))
    assert [row["plot"] for row in rows] == list(plots)
    assert (await store.commit(ChangeSet(puts), now=NOW + 1)).unchanged == 2
