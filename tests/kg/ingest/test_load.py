"""Loads from file to receipt, on the memory store: what is told apart, what is refused, what a second load does."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest

from kg.errors import LoadError, StoreError, ValidationError
from kg.ingest.load import Load, LoadOptions, load
from kg.ingest.mapping import parse_mapping
from kg.model.changes import ChangeSet, Receipt, Source
from kg.model.intervals import MIN, OPEN
from kg.schema.identifiers import check_character
from kg.store.memory import MemoryStore
from kg.testing.files import workbook
from kg.testing.schemas import PARK, USCC
from loaders.registry import open_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

NOW = 1_782_748_800_000_000  # 2026-06-29T16:00:00Z, midnight in Shanghai


def uscc(number: int) -> str:
    body = f"91999900MA{number:07}"
    return body + check_character(USCC, body)


def run(
    store: MemoryStore, path: Path, text: str | bytes, options: LoadOptions | None = None, **said: object
) -> tuple[Receipt, Load]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    made = options or LoadOptions(**{"cls": "Enterprise", **said})  # type: ignore[arg-type]
    job = Load(open_table(path), store.schema, made)
    receipt = asyncio.run(job.run(store, now=NOW))
    assert receipt.read == receipt.loaded + receipt.merged + receipt.unchanged + receipt.rejected
    return receipt, job


def mapped(**body: object) -> LoadOptions:
    return LoadOptions(mapping=parse_mapping({key.rstrip("_"): value for key, value in body.items()}))


def counts(receipt: Receipt) -> tuple[int, int, int, int, int]:
    return receipt.read, receipt.loaded, receipt.merged, receipt.unchanged, receipt.rejected


def versions(store: MemoryStore) -> list[tuple[str, int, int, dict[str, object]]]:
    """(class, from, to, properties) of what is known now, in order."""
    rows = [row for row in store.tables.versions.values() if row.system_to == OPEN]
    return sorted(
        ((r.cls, r.valid_from, r.valid_to, dict(r.properties)) for r in rows), key=lambda row: (str(row[3]), row[1])
    )


def edges(store: MemoryStore) -> Counter[str]:
    return Counter(row.relation for row in store.tables.edges.values() if row.system_to == OPEN)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(PARK)


def test_a_class_alone_maps_equal_names_and_keeps_the_rest(store: MemoryStore, tmp_path: Path) -> None:
    text = f'名称,USCC,注册资本(万元),employees,note\n中芯,{uscc(1).lower()},"1,200.5",30,x\n'
    receipt, job = run(store, tmp_path / "firms.csv", text)
    assert counts(receipt) == (1, 1, 0, 0, 0)
    assert versions(store) == [
        (
            "Enterprise", MIN, OPEN,
            {
                "name": "中芯", "uscc": uscc(1), "registeredCapital": 12_005_000.0, "employees": 30,
                "attributes": '{"note":"x"}',
            },
        )
    ]  # fmt: skip
    notes = " | ".join(job.notes)
    assert "kept under attributes: note" in notes
    assert "registeredCapital (万元)" in notes
    assert "source: firms" in notes


def test_the_same_file_again_is_unchanged(store: MemoryStore, tmp_path: Path) -> None:
    text = "name,uscc\n" + "".join(f"f{i},{uscc(i)}\n" for i in range(7))
    first, _ = run(store, tmp_path / "firms.csv", text, batch=3)
    again, _ = run(store, tmp_path / "firms.csv", text, batch=3)
    assert counts(first) == (7, 7, 0, 0, 0)
    assert counts(again) == (7, 0, 0, 7, 0)
    assert first.run != again.run


def test_the_same_firm_of_another_source_is_merged(store: MemoryStore, tmp_path: Path) -> None:
    run(store, tmp_path / "a.csv", f"name,uscc\nA,{uscc(1)}\n")
    receipt, _ = run(store, tmp_path / "b.csv", f"name,uscc\nA Ltd,{uscc(1)}\nB,{uscc(2)}\n")
    assert counts(receipt) == (2, 1, 1, 0, 0)
    assert len({row.entity for row in store.tables.versions.values()}) == 2


def test_bad_rows_cost_themselves_alone(store: MemoryStore, tmp_path: Path) -> None:
    text = (
        "name,uscc,founded,employees,status\n"
        f"good,{uscc(1)},2024年5月1日,3,active\n"
        f"sum,{uscc(2)[:-1]}{'0' if uscc(2)[-1] != '0' else '1'},,,\n"
        "ruined,9.13E+17,,,\n"
        f"day,{uscc(4)},2024-02-30,,\n"
        f"count,{uscc(5)},,-1,\n"
        f"word,{uscc(6)},,,asleep\n"
        "noid,,,,\n"
        "ragged\n"
        f"good2,{uscc(7)},2023,,停业\n".replace("停业", "suspended")
    )
    receipt, job = run(store, tmp_path / "firms.csv", text, rejects=tmp_path / "out")
    assert counts(receipt) == (9, 2, 0, 0, 7)
    said = {r.where.rpartition(":")[2]: (r.field, r.reason) for r in receipt.rejections}
    assert said["3"][0] == "uscc"
    assert "check character" in said["3"][1]
    assert "spreadsheet" in said["4"][1]
    assert said["5"][0] == "founded"
    assert said["6"][0] == "employees"
    assert said["7"][0] == "status"
    assert "no id" in said["8"][1]
    assert "1 values for 5 columns" in said["9"][1]
    assert all(r.remedy for r in receipt.rejections)
    assert job.rejects_path == tmp_path / "out" / "firms.rejects.csv"


def test_rejects_are_mended_and_loaded_again(store: MemoryStore, tmp_path: Path) -> None:
    text = f'name,uscc\ngood,{uscc(1)}\n"one, two",{uscc(2)[:-1]}?\nragged\n'
    receipt, job = run(store, tmp_path / "firms.csv", text, rejects=tmp_path / "out")
    assert counts(receipt) == (3, 1, 0, 0, 2)
    assert job.rejects_path is not None
    refused = job.rejects_path.read_text(encoding="utf-8-sig")
    assert refused == f'name,uscc\n"one, two",{uscc(2)[:-1]}?\nragged\n'
    reasons = [
        orjson.loads(line) for line in (tmp_path / "out" / "firms.rejects.reasons.jsonl").read_bytes().splitlines()
    ]
    assert [(r["row"], r["rejectsRow"]) for r in reasons] == [(3, 2), (4, 3)]
    mended = refused.replace("?", uscc(2)[-1]).replace("ragged", f"ragged,{uscc(3)}")
    again, job = run(store, tmp_path / "firms.rejects.csv", mended, rejects=tmp_path / "more")
    assert counts(again) == (2, 2, 0, 0, 0)
    assert "source: firms" in job.notes, "the mended rows are of the same source"
    assert job.rejects_path is None


def test_one_refused_by_the_store_costs_itself_alone(store: MemoryStore, tmp_path: Path) -> None:
    run(store, tmp_path / "a.csv", f"name,uscc\nA,{uscc(1)}\nB,{uscc(2)}\n")
    # Its two identifiers belong to two firms.
    rows = [f'{{"name": "f{i}", "uscc": "{uscc(i)}"}}' for i in range(10, 60)]
    both = parse_mapping(
        {"relation": "suppliesTo", "from": {"scheme": "uscc", "column": "a"}, "to": {"scheme": "uscc", "column": "b"}}
    )
    run(store, tmp_path / "firms.jsonl", "\n".join(rows))
    lines = [
        "a,b",
        *(f"{uscc(i)},{uscc(i + 1)}" for i in range(10, 59)),
        f"{uscc(999)},{uscc(10)}",
        f"{uscc(10)},{uscc(2)}",
    ]
    receipt, _ = run(store, tmp_path / "edges.csv", "\n".join(lines), LoadOptions(mapping=both))
    assert counts(receipt) == (51, 50, 0, 0, 1)
    (rejection,) = receipt.rejections
    assert rejection.where.endswith("edges.csv:51")
    assert edges(store)["suppliesTo"] == 50


@pytest.mark.parametrize("bad", [(0,), (99,), (0, 1, 50, 98, 99), tuple(range(0, 100, 2)), tuple(range(100))])
def test_every_bad_row_is_found_wherever_it_stands(bad: Sequence[int], store: MemoryStore, tmp_path: Path) -> None:
    run(store, tmp_path / "firms.csv", "name,uscc\n" + "".join(f"f{i},{uscc(i)}\n" for i in range(101)))
    ends = [(uscc(5000 + i) if i in bad else uscc(i), uscc(i + 1)) for i in range(100)]
    options = mapped(
        relation="suppliesTo", from_={"scheme": "uscc", "column": "a"}, to={"scheme": "uscc", "column": "b"}
    )
    receipt, _ = run(store, tmp_path / "e.csv", "a,b\n" + "".join(f"{a},{b}\n" for a, b in ends), options)
    assert counts(receipt) == (100, 100 - len(bad), 0, 0, len(bad))
    assert sorted(int(r.where.rpartition(":")[2]) for r in receipt.rejections) == [i + 2 for i in bad]


def test_a_row_may_name_one_that_comes_later(store: MemoryStore, tmp_path: Path) -> None:
    options = mapped(
        class_="Enterprise", columns={"uscc": "uscc", "name": "name"},
        relations=[{"relation": "suppliesTo", "to": {"scheme": "uscc", "column": "customer"}}],
    )  # fmt: skip
    options = LoadOptions(mapping=options.mapping, batch=2)
    lines = [f"{uscc(i)},f{i},{uscc(9 - i)}" for i in range(10)]
    receipt, _ = run(store, tmp_path / "f.csv", "\n".join(["uscc,name,customer", *lines]), options)
    assert counts(receipt) == (10, 10, 0, 0, 0)
    assert edges(store)["suppliesTo"] == 10


def test_relations_by_record_identifier_and_inverse_with_stubs(store: MemoryStore, tmp_path: Path) -> None:
    products = '{"id": "p1", "name": "光刻胶"}\n'
    run(store, tmp_path / "products.jsonl", products, mapped(class_="Product", id="id", columns={"name": "name"}))
    options = mapped(
        class_="Enterprise", source="registry", columns={"code": "uscc", "firm": "name"},
        relations=[
            {"relation": "produces", "to": {"source": "products", "column": "product"}},
            {
                "relation": "suppliedBy", "to": {"scheme": "uscc", "column": "suppliers", "split": ";"},
                "stub": "Enterprise",
                "columns": {
                    "share": {"property": "share", "unit": "%"},
                    "product": {"property": "product", "source": "products"},
                },
            },
        ],
    )  # fmt: skip
    text = f"code,firm,product,suppliers,share\n{uscc(1)},A,p1,{uscc(2)};{uscc(3)},40\n"
    receipt, _ = run(store, tmp_path / "f.csv", text, options)
    assert counts(receipt) == (1, 1, 0, 0, 0)
    assert edges(store) == {"produces": 1, "suppliesTo": 2}
    supply = [row for row in store.tables.edges.values() if row.relation == "suppliesTo"]
    assert {row.properties["share"] for row in supply} == {0.4}
    assert len({row.end for row in supply}) == 1, "an inverse is stored the other way round"
    assert sum(row.mentioned for row in store.tables.versions.values()) == 2


def test_late_registries_end_where_the_next_begins(tmp_path: Path) -> None:
    options = mapped(
        class_="Enterprise", source="registry", columns={"uscc": "uscc", "name": "name"}, valid={"from": "since"}
    )
    files = {year: f"uscc,name,since\n{uscc(1)},name of {year},{year}年1月1日\n" for year in (2023, 2024, 2025)}
    states = []
    for order in ((2023, 2024, 2025), (2025, 2024, 2023), (2024, 2025, 2023)):
        store = MemoryStore(PARK)
        for year in order:
            run(store, tmp_path / f"{year}.csv", files[year], options)
        states.append(versions(store))
    assert states[0] == states[1] == states[2]
    assert [row[3]["name"] for row in sorted(states[0], key=lambda r: r[1])] == [f"name of {y}" for y in files]


def test_ends_are_inclusive_and_in_the_zone(store: MemoryStore, tmp_path: Path) -> None:
    options = mapped(
        class_="Enterprise", columns={"uscc": "uscc"}, valid={"from": "from", "to": "to"}, timezone="Asia/Shanghai"
    )
    run(
        store,
        tmp_path / "f.csv",
        f"uscc,from,to\n{uscc(1)},2026-06-28,2026-06-29\n{uscc(2)},2026-05,2026-06\n",
        options,
    )
    (_, start, end, _), (_, first, last, _) = versions(store)
    day = 86_400_000_000
    assert (start, end) == (NOW - 2 * day, NOW)
    assert (first, last) == (NOW - 60 * day, NOW + day)


def test_a_record_that_ended_ends(store: MemoryStore, tmp_path: Path) -> None:
    run(store, tmp_path / "f.csv", f"uscc,name\n{uscc(1)},A\n")
    options = mapped(class_="Enterprise", source="f", columns={"uscc": "uscc", "name": "name"}, valid={"ended": "gone"})
    text = f"uscc,name,gone\n{uscc(1)},A,2026-06-30\n"
    receipt, _ = run(store, tmp_path / "g.csv", text, options)
    assert counts(receipt) == (1, 1, 0, 0, 0)
    assert [(start, end) for _, start, end, _ in versions(store)] == [(MIN, NOW)]
    again, _ = run(store, tmp_path / "g.csv", text, options)
    assert counts(again) == (1, 0, 0, 1, 0)


def test_history_is_replayed_with_its_recording_instants(store: MemoryStore, tmp_path: Path) -> None:
    text = "name,uscc\n" + "".join(f"f{i},{uscc(i)}\n" for i in range(5))
    earlier = NOW - 400 * 86_400_000_000
    receipt, _ = run(store, tmp_path / "a.csv", text, recorded_at=earlier, batch=2)
    assert receipt.system is not None
    assert earlier <= receipt.system < earlier + 10
    with pytest.raises(ValidationError, match="before what the store has recorded"):
        run(store, tmp_path / "b.csv", text, recorded_at=earlier - 1)


def test_a_killed_load_goes_on(store: MemoryStore, tmp_path: Path) -> None:
    class Dies(MemoryStore):
        left = 2

        async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
            if not self.left:
                raise StoreError("killed")
            self.left -= 1
            return await super().commit(change_set, now=now)

    dying = Dies(PARK)
    text = "name,uscc\n" + "".join(f"f{i},{uscc(i)}\n" for i in range(10)) + "bad,1\n"
    with pytest.raises(StoreError, match="killed"):
        run(dying, tmp_path / "f.csv", text, batch=3)
    assert len(versions(dying)) == 6
    dying.left = 99
    resumed, _ = run(dying, tmp_path / "f.csv", text, batch=3)
    whole, _ = run(store, tmp_path / "f.csv", text, batch=3)
    assert counts(resumed) == counts(whole) == (11, 10, 0, 0, 1)
    assert resumed.run == whole.run
    assert versions(dying) == versions(store)


def test_a_dry_run_writes_nothing(store: MemoryStore, tmp_path: Path) -> None:
    receipt, _ = run(store, tmp_path / "f.csv", f"name,uscc\na,{uscc(1)}\nb,1\n", dry_run=True)
    assert counts(receipt) == (2, 1, 0, 0, 1)
    assert versions(store) == []
    assert asyncio.run(store.clock()).seq == 0


def test_levels_and_sources_are_as_said(store: MemoryStore, tmp_path: Path) -> None:
    run(store, tmp_path / "f.csv", f"uscc,name\n{uscc(1)},A\n", level=2, source=Source("secret files", priority=5))
    (claim,) = store.tables.claims.values()
    assert (claim.level, claim.source) == (2, "secret files")


def test_contradictions_within_a_file_are_refused(store: MemoryStore, tmp_path: Path) -> None:
    receipt, _ = run(store, tmp_path / "f.csv", f"uscc,name\n{uscc(1)},A\n{uscc(1)},B\n{uscc(1)},A\n")
    assert counts(receipt) == (3, 1, 0, 1, 1)
    assert "row 2 says something else" in receipt.rejections[0].reason


def test_what_the_rows_are_must_be_said(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("x\n1\n", encoding="utf-8")
    with pytest.raises(LoadError, match="What the rows are"):
        asyncio.run(load(store, open_table(tmp_path / "f.csv"), LoadOptions(), now=NOW))
    with pytest.raises(LoadError, match="Nothing tells the rows apart"):
        asyncio.run(load(store, open_table(tmp_path / "f.csv"), LoadOptions(cls="Enterprise"), now=NOW))


def test_a_workbook_says_what_a_text_file_says(store: MemoryStore, tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["name", "uscc", "founded", "employees"],
        ["A", uscc(1), (45413,), 35],
        ["rounded", 913100001234567000.0, None, None],
        ["zeros", uscc(2), None, "007"],
    ]
    receipt, _ = run(store, tmp_path / "firms.xlsx", workbook({"firms": rows}), rejects=tmp_path / "out")
    assert counts(receipt) == (3, 2, 0, 0, 1)
    assert [(r.where.rpartition(":")[2], r.field) for r in receipt.rejections] == [("3", "uscc")]
    assert [row[3]["founded"] for row in versions(store) if "founded" in row[3]] == ["2024-05-01"]
    assert (
        (tmp_path / "out" / "firms.rejects.csv").read_text(encoding="utf-8-sig").splitlines()[1].startswith("rounded,")
    )


def test_jingwei_s_own_sources_are_nobody_s(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="keeps for itself"):
        run(store, tmp_path / "jingwei.csv", "name\nA\n")


def test_an_end_that_comes_late_ends_nothing_that_came_after(tmp_path: Path) -> None:
    """A firm of last year's file ended in June; this year's file has it again from January on."""
    options = mapped(
        class_="Enterprise", source="registry", id="id", columns={"name": "name"},
        valid={"from": "since", "ended": "gone"},
    )  # fmt: skip
    last, this = "id,name,since,gone\n1,A,2024-01-01,2024-06-01\n", "id,name,since,gone\n1,A,2025-01-01,\n"
    states = []
    for order in ((last, this), (this, last)):
        store = MemoryStore(PARK)
        for text in order:
            run(store, tmp_path / "f.csv", text, options)
        states.append([(start, end) for _, start, end, _ in versions(store)])
    assert states[0] == states[1]
    assert len(states[0]) == 2
    assert states[0][1][1] == OPEN
