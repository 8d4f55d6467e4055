"""The word index: an entry for each wording of an entity, found at every instant, kept when rows go."""

from pathlib import Path

import orjson
import pytest

from kg.model.changes import Change, ChangeSet, Put, RecordKey, Source
from kg.model.intervals import OPEN, Interval
from kg.query.algebra import Field, Leaf, Match, Obj, Prop, Query, Root, Rows, Select, Time
from kg.query.secure import EVERYTHING
from kg.store.base import EraseRequest
from kg.store.sqlite.store import SqliteStore
from kg.testing.schemas import PARK

pytestmark = pytest.mark.anyio
DAY = 86_400_000_000
NOW = 1_800_000_000_000_000


def named(local: str, name: str, since: int = 0, **more: object) -> Put:
    valid = Interval(NOW + since * DAY, OPEN)
    return Put(RecordKey("register", local), "Enterprise", {"name": name, **more}, valid)  # type: ignore[dict-item]


async def say(store: SqliteStore, day: int, *changes: Change) -> list[str]:
    receipt = await store.commit(ChangeSet(changes, sources=(Source("register"),)), now=NOW + day * DAY)
    return list(receipt.entities)


async def search(store: SqliteStore, text: str, *, valid: int = 9, system: int | None = None) -> list[str]:
    time = Time(NOW + valid * DAY, None if system is None else NOW + system * DAY)
    select = Select(Match("Enterprise", text), Rows(Obj((Field("name", Leaf(Prop("name"))),))), time=time)
    found = orjson.loads(await store.execute(Query((Root("it", select),), NOW), EVERYTHING))["it"]
    return [row["name"] for row in found]


def entries(store: SqliteStore) -> int:
    return int(store._db.execute("select count(*) from words_docsize").get)


async def made(path: Path) -> SqliteStore:
    store = SqliteStore(f"sqlite:///{path}")
    await store.migrate(PARK)
    return store


async def test_a_cut_row_costs_no_entry_and_every_name_is_found_in_its_time(tmp_path: Path) -> None:
    store = await made(tmp_path / "a.db")
    await say(store, 1, named("1", "虹光精密"), named("2", "长电封测"))
    await say(store, 2, named("1", "虹光电子", 3), named("2", "长电封测", 3, employees=7))
    await say(store, 3, named("1", "虹光电子", 5, employees=3), named("1", "盛美光刻", 7))
    assert entries(store) == 4
    assert [await search(store, "虹光", valid=day) for day in (1, 4, 6, 8)] == [
        ["虹光精密"], ["虹光电子"], ["虹光电子"], []
    ]  # fmt: skip
    assert await search(store, "hgjm", valid=8, system=1) == ["虹光精密"]
    assert await search(store, "fengce", valid=8) == ["长电封测"]
    await store.close()


async def test_entries_go_with_what_was_said_and_come_back_with_a_backup(tmp_path: Path) -> None:
    store = await made(tmp_path / "a.db")
    (one, two) = await say(store, 1, named("1", "虹光精密"), named("2", "长电封测"))
    await say(store, 2, named("1", "虹光电子"))
    await say(store, 3, named("2", "长电科技", 5))
    assert entries(store) == 4
    assert await store.prune(NOW + 3 * DAY) > 0
    assert entries(store) == 3  # 虹光精密 was replaced, 长电封测 was cut and is still true of its time
    assert await search(store, "长电封测", valid=2) == ["长电封测"]
    await store.erase(EraseRequest(one, property="name", reason="wrong", author="me"), now=NOW + 4 * DAY)
    assert entries(store) == 2
    assert await search(store, "虹光") == []
    await store.backup(tmp_path / "backup")
    again = await made(tmp_path / "b.db")
    await again.restore(tmp_path / "backup")
    assert entries(again) == 2
    assert await search(again, "长电", valid=9) == ["长电科技"]
    await store.erase(EraseRequest(two, property="", reason="asked for", author="me"), now=NOW + 5 * DAY)
    assert entries(store) == 0
    await store.close()
    await again.close()
