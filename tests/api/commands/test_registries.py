"""An analyst's registry files, by the command alone: what becomes of the same firm, the same file, last year's file."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw

from kg.schema.compile import compile_schema
from kg.schema.identifiers import check_character

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    Run = Callable[..., tuple[int, str, str]]

COUNTS = ("read", "loaded", "merged", "unchanged", "rejected")
FIRM = ("--class", "Enterprise")


def uscc(number: int) -> str:
    body = f"91999900MA{number:07}"
    return body + check_character(compile_schema().schemes["uscc"], body)


def load(run: Run, path: Path, text: str, *more: str) -> dict[str, Any]:
    if text:
        path.write_text(text, encoding="utf-8")
    _, out, err = run("load", str(path), *more, "--json")
    assert out, err
    receipt: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert receipt["read"] == sum(receipt[name] for name in COUNTS[1:])
    return receipt


def counts(receipt: dict[str, Any]) -> tuple[int, ...]:
    return tuple(receipt[name] for name in COUNTS)


def ask(run: Run, text: str) -> Any:
    code, out, err = run("query", text)
    assert code == 0, out + err
    return json.loads(out)["data"]


def test_a_firm_of_two_files_is_one_with_two_sources(on_park: Run, tmp_path: Path) -> None:
    code = uscc(1)
    first = load(on_park, tmp_path / "registry.csv", f"企业名称,统一社会信用代码,从业人数\n云栖示例,{code},30\n", *FIRM)
    spaced = f"{code[:8]} {code[8:].lower()}"
    second = load(on_park, tmp_path / "tax.csv", f"name,uscc,employees\n云栖示例,{spaced},31\n", *FIRM)
    assert (counts(first), counts(second)) == ((1, 1, 0, 0, 0), (1, 0, 1, 0, 0))
    assert (second["proposals"], second["conflicts"]) == (0, 1)
    (node,) = ask(
        on_park, "{ enterprises { nodes { employees claims { source } conflicts { source value chosen } } } }"
    )["enterprises"]["nodes"]
    assert sorted(claim["source"] for claim in node["claims"]) == ["registry", "tax"]
    assert [(c["source"], c["value"], c["chosen"]) for c in node["conflicts"]] == [
        ("registry", 30, True), ("tax", 31, False),
    ]  # fmt: skip
    dated = load(on_park, tmp_path / "tax2.csv", f"name,uscc\nB,{uscc(2)}\n", *FIRM, "--valid-from", "2025-01-01")
    assert "valid: from --valid-from on" in dated["notes"]
    assert on_park("export", "out", "--class", "Enterprise")[0] == 0
    lines = (tmp_path / "out" / "Enterprise.jsonl").read_text(encoding="utf-8").splitlines()
    starts = {row["name"]: row.get("validFrom") for row in map(json.loads, lines)}
    assert starts == {"云栖示例": None, "B": "2024-12-31T16:00:00+00:00"}, "a day of the dataset's zone"
    code_of_exit, _, err = on_park("load", "tax.csv", *FIRM, "--valid-from", "2025-13-01")
    assert (code_of_exit, "--valid-from" in err) == (1, True)
    again = load(on_park, tmp_path / "tax.csv", "", *FIRM)
    assert counts(again) == (1, 0, 0, 1, 0)
    assert on_park("check")[0] == 0


def test_zeros_survive_ruined_codes_do_not_and_rejects_are_mended(on_park: Run, tmp_path: Path) -> None:
    rows = "id,name,uscc,code\n007,甲示例,,0012\n008,乙示例,9.13E+17,0013\n"
    (tmp_path / "map.yaml").write_text(
        "class: Enterprise\nid: id\ncolumns: {name: name, uscc: uscc, code: description}\n", encoding="utf-8"
    )
    receipt = load(on_park, tmp_path / "firms.csv", rows, "--mapping", "map.yaml")
    assert counts(receipt) == (2, 1, 0, 0, 1)
    assert receipt["rejections"][0]["value"] == "9.13E+17"
    (node,) = ask(on_park, "{ enterprises { nodes { description claims { record } } } }")["enterprises"]["nodes"]
    assert (node["description"], node["claims"][0]["record"]) == ("0012", "007")
    rejects = Path("var/rejects/firms.rejects.csv")
    text = rejects.read_text(encoding="utf-8-sig")
    assert text == "id,name,uscc,code\n008,乙示例,9.13E+17,0013\n"
    mended = load(on_park, rejects, text.replace("9.13E+17", uscc(8)), "--mapping", "map.yaml")
    assert counts(mended) == (1, 1, 0, 0, 0)
    _, out, _ = on_park("review", "list")
    assert out == "0 of 0\n"


def test_last_year_s_file_after_this_year_s(on_park: Run, tmp_path: Path) -> None:
    def state() -> Any:
        text = "{ enterprises(asOf: {valid: %s}, orderBy: [{name: asc}]) { nodes { name employees } } }"
        return [ask(on_park, text % f'"{year}-06-01T00:00:00Z"')["enterprises"]["nodes"] for year in (2024, 2025, 2026)]

    files = {
        2024: "id,name,employees\na,甲,1\nb,乙,1\n",
        2025: "id,name,employees\na,甲,2\n",
        2026: "id,name,employees\na,甲,2\nb,乙,3\n",
    }
    for year in (2026, 2024, 2025):
        path = tmp_path / f"firms{year}.csv"
        load(on_park, path, files[year], *FIRM, "--source", "registry", "--valid-from", f"{year}-01-01")
    expected = [
        [{"name": "乙", "employees": 1}, {"name": "甲", "employees": 1}],
        [{"name": "乙", "employees": 1}, {"name": "甲", "employees": 2}],
        [{"name": "乙", "employees": 3}, {"name": "甲", "employees": 2}],
    ]
    assert state() == expected
    # This file is the newest knowledge of all that comes after its date.
    load(
        on_park, tmp_path / "correction.csv", "id,name,employees\na,甲,9\n", *FIRM, "--source", "registry",
        "--valid-from", "2024年5月1日", "--overwrite-later",
    )  # fmt: skip
    assert [[row["employees"] for row in rows] for rows in state()] == [[1, 9], [1, 9], [3, 9]]


class Terminal(io.StringIO):
    """Standard input at which a person sits."""

    def isatty(self) -> bool:
        return True


def test_a_whole_file_ends_what_it_leaves_out(on_park: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = (*FIRM, "--source", "registry", "--complete", "Enterprise")
    first = "id,name\n" + "".join(f"r{i},示例{i}\n" for i in range(8))
    load(on_park, tmp_path / "y24.csv", first, *said, "--valid-from", "2024-01-01T00:00:00Z")
    (tmp_path / "y25.csv").write_text("id,name\nr0,示例0\n", encoding="utf-8")
    later = ("load", "y25.csv", *said, "--valid-from", "2025-01-01T00:00:00Z")
    code, out, err = on_park(*later)
    assert (code, out) == (1, "")
    assert "would end 7 of 8 records that registry holds: r1, r2, r3" in err
    assert "--allow-ending 87.5%" in err
    code, out, _ = on_park(*later, "--allow-ending", "87.5%")
    assert (code, "7 records ended that the file has no more" in out) == (0, True)
    nodes = ask(on_park, "{ enterprises { totalCount } deliveries { totalCount } }")
    assert nodes == {"enterprises": {"totalCount": 1}, "deliveries": {"totalCount": 2}}
    # At a terminal it asks.
    (tmp_path / "y26.csv").write_text("id,name\nr9,示例9\n", encoding="utf-8")
    for answer, ended in (("n", 1), ("y", 0)):
        monkeypatch.setattr(sys, "stdin", Terminal(f"{answer}\n"))
        code, out, err = on_park("load", "y26.csv", *said, "--valid-from", "2026-01-01T00:00:00Z")
        assert (code, "end 1 of 1 records that registry holds: r0. End them? [y/N]" in out + err) == (ended, True)
    code, _, err = on_park("load", "y24.csv", "y25.csv", *said)
    assert (code, "One file is the whole truth" in err) == (1, True)


def test_a_load_killed_by_the_system_goes_on(on_park: Run, tmp_path: Path) -> None:
    rows = 12_000
    path = tmp_path / "firms.csv"
    path.write_text("id,name\n" + "".join(f"r{i},示例{i}\n" for i in range(rows)), encoding="utf-8")
    command = [sys.executable, "-m", "api.cli", "load", str(path), *FIRM, "--store", f"sqlite:///{tmp_path}/park.db"]
    root = Path(__file__).parents[3]
    with subprocess.Popen([*command], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)}) as child:  # noqa: TID251
        while child.poll() is None and committed(tmp_path / "park.db") < 2:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL, "it had ended before it was killed"
    before = ask(on_park, "{ enterprises { totalCount } }")["enterprises"]["totalCount"]
    assert 0 < before < rows
    receipt = load(on_park, path, "", *FIRM)
    assert counts(receipt) == (rows, rows, 0, 0, 0)
    assert ask(on_park, "{ enterprises { totalCount } }")["enterprises"]["totalCount"] == rows
    assert counts(load(on_park, path, "", *FIRM)) == (rows, 0, 0, rows, 0)


def committed(store: Path) -> int:
    if not store.exists():
        return 0
    try:
        db = apsw.Connection(str(store), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(db.execute("select count(*) from tx").get)
        finally:
            db.close()
    except apsw.Error:  # not made yet, or busy
        return 0
