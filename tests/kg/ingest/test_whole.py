"""Whole files: what they leave out ends, and any order of loading them ends in one state."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kg.errors import LoadError
from kg.ingest.load import Load, LoadOptions
from kg.ingest.mapping import parse_mapping
from kg.ingest.whole import Complete, parse_complete, parse_share
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Retract, Source
from kg.model.intervals import OPEN
from kg.schema.compile import compile_schema
from kg.store.memory import MemoryStore
from kg.store.open import open_store
from loaders.registry import open_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from kg.model.changes import Receipt
    from kg.store.base import Store

SCHEMA = compile_schema()
NOW = 1_782_748_800_000_000
YEAR = 365 * 86_400_000_000
DATES = tuple(NOW - (9 - k) * YEAR for k in range(4))
SOURCE = Source("registry")
FIRMS = Complete("Enterprise")


def write(path: Path, rows: Mapping[str, str], header: str = "id,name") -> Path:
    path.write_text(f"{header}\n" + "".join(f"{key},{text}\n" for key, text in rows.items()), encoding="utf-8")
    return path


async def put(store: Store, path: Path, at: int, **said: Any) -> Receipt:
    options = {"cls": "Enterprise", "source": SOURCE, "valid_from": at, "complete": FIRMS, "allow_ending": 1.0, **said}
    receipt = await Load(open_table(path), store.schema, LoadOptions(**options)).run(store, now=NOW)
    assert receipt.read == receipt.loaded + receipt.merged + receipt.unchanged + receipt.rejected
    return receipt


def firms(store: MemoryStore) -> list[tuple[str, int, int]]:
    """(name, from, to) of what is known now."""
    rows = [r for r in store.tables.versions.values() if r.system_to == OPEN and r.cls == "Enterprise"]
    return sorted((str(r.properties["name"]), r.valid_from, r.valid_to) for r in rows)


def expected(files: Sequence[Mapping[str, str]]) -> list[tuple[str, int, int]]:
    """The same by looking at each record and date: equal neighbours are one."""
    out: list[tuple[str, int, int]] = []
    for key in sorted({key for file in files for key in file}):
        for k, file in enumerate(files):
            end = DATES[k + 1] if k + 1 < len(files) else OPEN
            said = file.get(key)
            if said is None:
                continue
            if out and out[-1][0] == said and out[-1][2] == DATES[k] and files[k - 1].get(key) == said:
                out[-1] = (said, out[-1][1], end)
            else:
                out.append((said, DATES[k], end))
    return sorted(out)


FILE = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["x", "y"]), min_size=1).map(
    lambda rows: {key: f"{key}{text}" for key, text in rows.items()}
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([{"a": "ax"}, {"b": "bx"}, {"a": "ax"}])
@example([{"a": "ax", "b": "bx"}, {"a": "ax"}, {"a": "ay"}])
@given(st.lists(FILE, min_size=3, max_size=3))
def test_three_whole_files_in_any_order_are_one_state(tmp_path: Path, files: list[dict[str, str]]) -> None:
    paths = [write(tmp_path / f"f{k}.csv", file) for k, file in enumerate(files)]
    for order in itertools.permutations(range(3)):
        store = MemoryStore(SCHEMA)
        for k in order:
            asyncio.run(put(store, paths[k], DATES[k]))
        assert firms(store) == expected(files), order
        for k in order[: order[0] + 1]:  # and once more: nothing is new
            again = asyncio.run(put(store, paths[k], DATES[k]))
            assert (again.loaded, again.merged, again.ended) == (0, 0, 0)
        assert asyncio.run(store.check()) == ()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FILE, min_size=2, max_size=2), FILE, st.sampled_from([1, 3]))
def test_an_ordinary_file_among_whole_ones(
    tmp_path: Path, files: list[dict[str, str]], plain: dict[str, str], when: int
) -> None:
    """Dates: whole 0, whole 2, the ordinary one between or after."""
    paths = [write(tmp_path / f"f{k}.csv", file) for k, file in enumerate((*files, plain))]
    dated = [(paths[0], DATES[0], FIRMS), (paths[1], DATES[2], FIRMS), (paths[2], DATES[when], None)]
    states = []
    for order in itertools.permutations(dated):
        store = MemoryStore(SCHEMA)
        for path, at, complete in order:
            asyncio.run(put(store, path, at, complete=complete))
        states.append(firms(store))
    assert all(state == states[0] for state in states)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_is_absent_ends_and_too_much_is_asked_about(kind: str, tmp_path: Path) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/p.db"

    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            first = write(tmp_path / "2024.csv", {f"r{i}": f"示例{i}" for i in range(10)})
            await put(store, first, DATES[0])
            # Others' records, mere mentions and other classes are not the file's business.
            other = Put(RecordKey("tax", "t"), "Enterprise", {"name": "别家"})
            await store.commit(ChangeSet((other, Put(RecordKey("registry", "p"), "Park", {"name": "园"}))), now=NOW)
            second = write(tmp_path / "2025.csv", {f"r{i}": f"示例{i}" for i in range(8)})
            before = await store.clock()
            with pytest.raises(LoadError, match=r"end 2 of 10 records that registry holds: r8, r9") as caught:
                await put(store, second, DATES[1], allow_ending=0.1)
            assert "--allow-ending 20%" in caught.value.remedy
            assert await store.clock() == before, "nothing was written"
            receipt = await put(store, second, DATES[1], allow_ending=0.2)
            assert (receipt.read, receipt.unchanged, receipt.ended) == (8, 8, 2)
            await store.commit(ChangeSet((Retract(receipt.run),)), now=NOW)
            third = write(tmp_path / "2026.csv", {f"r{i}": f"示例{i}" for i in range(9)})
            late = await put(store, third, DATES[1], allow_ending=0.1)
            assert late.ended == 1, "the retracted file ended nothing"
            assert await store.check() == ()

    asyncio.run(work())


def test_regions(tmp_path: Path) -> None:
    mapping = parse_mapping(
        {
            "class": "Enterprise", "source": "registry", "id": "id", "columns": {"name": "name"},
            "relations": [{"relation": "registeredIn", "to": {"scheme": "adcode", "column": "adcode"}}],
        }
    )  # fmt: skip
    areas = [Put(RecordKey("areas", c), "AdministrativeArea", {"name": c, "adcode": c}) for c in ("310115", "310104")]
    rows = {"a": "A,310115", "b": "B,310115", "c": "C,310104"}
    whole = write(tmp_path / "all.csv", rows, "id,name,adcode")
    part = write(tmp_path / "pudong.csv", {"a": "A,310115"}, "id,name,adcode")

    def state(order: Iterable[str]) -> list[tuple[str, int, int]]:
        store = MemoryStore(SCHEMA)
        asyncio.run(store.commit(ChangeSet(tuple(areas)), now=NOW))
        for name in order:
            more: dict[str, Any] = {"cls": "", "mapping": mapping, "source": None}
            if name == "all":
                asyncio.run(put(store, whole, DATES[0], **more, complete=FIRMS))
            else:
                asyncio.run(put(store, part, DATES[1], **more, complete=parse_complete("Enterprise,310115", SCHEMA)))
        return firms(store)

    assert state(["all", "part"]) == [("A", DATES[0], OPEN), ("B", DATES[0], DATES[1]), ("C", DATES[0], OPEN)]
    assert state(["part", "all"]) == state(["all", "part"])


@pytest.mark.parametrize(
    ("said", "match"),
    [
        ({"valid_from": None}, "date is not said"),
        ({"complete": Complete("Park")}, "rows are no Park"),
        ({"overwrite_later": True}, "--overwrite-later"),
    ],
)
def test_a_file_that_cannot_be_whole_is_refused(said: dict[str, Any], match: str, tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", {"a": "A"})
    with pytest.raises(LoadError, match=match):
        asyncio.run(
            put(
                MemoryStore(SCHEMA),
                path,
                **{"at": DATES[0], **({"valid_from": None} if said.get("valid_from", 1) is None else said)},
            )
        )


def test_refused_rows_alone_are_not_the_whole_truth(tmp_path: Path) -> None:
    path = write(tmp_path / "f.rejects.csv", {"a": "A"})
    with pytest.raises(LoadError, match="refused before"):
        asyncio.run(put(MemoryStore(SCHEMA), path, DATES[0]))


def test_rows_with_dates_of_their_own_or_without_an_id_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "f.csv", {"a": "A,2024-01-01", "": "B,2024-01-01"}, "id,name,since")
    dated = parse_mapping({"class": "Enterprise", "id": "id", "columns": {"name": "name"}, "valid": {"from": "since"}})
    store = MemoryStore(SCHEMA)
    with pytest.raises(LoadError, match="dates of their own"):
        asyncio.run(put(store, path, DATES[0], cls="", mapping=dated))
    with pytest.raises(LoadError, match="no id that can be read") as caught:
        asyncio.run(put(store, path, DATES[0]))
    assert caught.value.where.endswith("f.csv:3")
    assert asyncio.run(store.clock()).seq == 0


def test_a_refused_row_is_not_absent(tmp_path: Path) -> None:
    store = MemoryStore(SCHEMA)
    asyncio.run(put(store, write(tmp_path / "f.csv", {"a": "A,3", "b": "B,4"}, "id,name,employees"), DATES[0]))
    receipt = asyncio.run(
        put(store, write(tmp_path / "g.csv", {"a": "A,3", "b": "B,many"}, "id,name,employees"), DATES[1])
    )
    assert (receipt.unchanged, receipt.rejected, receipt.ended) == (1, 1, 0)


def test_what_the_options_say() -> None:
    assert parse_complete("Enterprise, 310000", SCHEMA) == Complete("Enterprise", "31")
    assert parse_complete("Enterprise", SCHEMA) == FIRMS
    assert parse_share("25%") == 0.25
    for text in ("Enterprize", "Enterprise,Pudong", "Enterprise,3", "Enterprise,"):
        with pytest.raises(LoadError):
            parse_complete(text, SCHEMA)
    for text in ("many", "101%", "-1"):
        with pytest.raises(LoadError):
            parse_share(text)


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_place_lies_in_a_region_by_what_it_is_located_in(kind: str, tmp_path: Path) -> None:
    url = "memory:" if kind == "memory" else f"sqlite:///{tmp_path}/p.db"
    here, there, park, plot, other = (RecordKey("land", name) for name in ("310115", "310104", "park", "p1", "p2"))

    async def work() -> None:
        async with await open_store(url, SCHEMA, create=True) as store:
            changes = [
                Put(key, "AdministrativeArea", {"name": key.local, "adcode": key.local}) for key in (here, there)
            ]
            changes.append(Put(park, "Park", {"name": "园"}))
            changes += [Put(key, "Plot", {"name": key.local}) for key in (plot, other)]
            ends = ((park, here), (plot, park), (other, there))
            inside = tuple(Relate("land", "locatedIn", ByRecord(*a), ByRecord(*b)) for a, b in ends)
            await store.commit(ChangeSet((*changes, *inside)), now=NOW)
            path = write(tmp_path / "plots.csv", {"p3": "新"})
            said: dict[str, Any] = {"cls": "Plot", "source": Source("land")}
            receipt = await put(store, path, DATES[0], **said, complete=parse_complete("Plot,310000", SCHEMA))
            assert receipt.ended == 2
            await store.commit(ChangeSet((Retract(receipt.run),)), now=NOW)
            receipt = await put(store, path, DATES[0], **said, complete=parse_complete("Plot,310115", SCHEMA))
            assert receipt.ended == 1, "the plot in the other district is not the file's business"

    asyncio.run(work())


def test_a_hidden_whole_file_ends_nothing_that_the_public_sees(tmp_path: Path) -> None:
    store = MemoryStore(SCHEMA)
    asyncio.run(put(store, write(tmp_path / "f.csv", {"a": "A", "b": "B"}), DATES[0], complete=None))
    receipt = asyncio.run(put(store, write(tmp_path / "g.csv", {"a": "A"}), DATES[1], level=2))
    assert receipt.ended == 0
    receipt = asyncio.run(put(store, write(tmp_path / "h.csv", {"b": "B"}), DATES[2], level=2))
    assert receipt.ended == 1, "what the hidden file said of a"
    deliveries = [row for row in store.tables.versions.values() if row.cls == "Delivery"]
    assert {row.level_from for row in deliveries} == {2}
