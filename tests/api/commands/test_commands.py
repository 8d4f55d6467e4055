"""The commands, run in this process, over a store in a temporary folder."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api import cli

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
Run = "Callable[..., tuple[int, str, str]]"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def jingwei(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JINGWEI_CACHE_DIR", str(cache))

    def run(*args: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["jingwei", *args])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capfdbinary.readouterr()
        code = ended.value.code
        return code if isinstance(code, int) else 0, out.decode(), err.decode()

    return run


STORE = ("--store", "sqlite:///park.db")
CSV = "id,name,registeredCapital\nf1,甲公司,100.5\nf2,乙公司,many\n"


def test_a_store_s_life(jingwei: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, out, _ = jingwei("init", *STORE)
    assert (code, "0 commits" in out) == (0, True)

    (tmp_path / "firms.csv").write_text(CSV, encoding="utf-8")
    code, out, err = jingwei("load", "firms.csv", "--class", "Enterprise", *STORE)
    assert code == 1
    assert "2 read, 1 loaded" in out
    assert "registeredCapital='many'" in err
    assert "firms.csv:3" in err

    text = "query($n: Int!) { enterprises(first: $n) { nodes { id name registeredCapital } } }"
    code, out, _ = jingwei("query", text, "--variables", '{"n": 5}', *STORE)
    assert code == 0
    (firm,) = json.loads(out)["data"]["enterprises"]["nodes"]
    assert (firm["name"], firm["registeredCapital"]) == ("甲公司", 100.5)

    code, out, _ = jingwei("export", "out", *STORE, "--json")
    assert json.loads(out)["Enterprise"] == 1
    (line,) = (tmp_path / "out" / "Enterprise.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["name"] == "甲公司"

    assert jingwei("check", *STORE)[0] == 0
    assert jingwei("backup", "park.archive", *STORE)[0] == 0
    assert jingwei("restore", "park.archive", "--store", "sqlite:///second.db")[0] == 0
    code, _, err = jingwei("erase", firm["id"], "--property", "employes", "--reason", "asked to", "--yes", *STORE)
    assert (code, "Did you mean 'employees'?" in err) == (1, True)
    assert jingwei("erase", firm["id"], "--reason", "asked to", "--yes", *STORE)[0] == 0
    for store, left in (("sqlite:///park.db", []), ("sqlite:///second.db", [{"name": "甲公司"}])):
        _, out, _ = jingwei("query", "{ enterprises { nodes { name } } }", "--store", store)
        assert json.loads(out)["data"]["enterprises"]["nodes"] == left


def test_a_load_is_taken_back(jingwei: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "firms.csv").write_text(CSV.splitlines()[0] + "\nf1,甲公司,1\n", encoding="utf-8")
    code, out, _ = jingwei("load", "firms.csv", "--class", "Enterprise", "--json", *STORE)
    receipt = json.loads(out)
    assert (code, receipt["loaded"]) == (0, 1)
    assert jingwei("retract", receipt["run"], *STORE)[0] == 0
    _, out, _ = jingwei("query", "{ enterprises { nodes { name } } }", *STORE)
    assert json.loads(out)["data"]["enterprises"]["nodes"] == []
    assert jingwei("prune", "--before", "2000-01-01T00:00:00Z", *STORE)[0] == 0


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("query", "{ things { totalCount } }", *STORE), 1, "jingwei init"),
        (("query", "{ things { nam } }", "--store", "memory:"), 1, ""),
        (("query", "{ things }", "--variables", "[", "--store", "memory:"), 1, "JSON"),
        (("query", "{ __typename }", "--as-of", "now", "--store", "memory:"), 1, "zone"),
        (("query", "{ __typename }", "--store", "mongodb://x"), 1, "sqlite:///"),
        (("query", "{ __typename }", "--ontology", "none.ttl", "--store", "memory:"), 1, "none.ttl"),
        (("load", "none.csv", "--class", "Enterprise", "--store", "memory:"), 1, "none.csv"),
        (("export", "out", "--class", "Firm", "--store", "memory:"), 1, "Firm"),
        (("export", "out", "--class", "Enterprize", "--store", "memory:"), 1, "Did you mean 'Enterprise'?"),
        (("export", ".", "--class", "Firm", "--store", "sqlite:///none.db"), 1, "jingwei init"),
        (("export", __file__, "--store", "memory:"), 1, "Name a folder"),
        (("prune", "--before", "soon", "--store", "memory:"), 1, "zone"),
        (("serve", "--demo", "--host", "0.0.0.0"), 1, "loopback"),
        (("ontology", "docs", "--language", "fr"), 1, "en or zh"),
        (("ontology", "docs", "--module", "polcy"), 1, "Did you mean 'policy'?"),
        (("demo", "--scale", "0", "--files", "park"), 1, "1 to 1000"),
        (("quary",), 2, "No such command"),
        (("load",), 2, "Missing argument"),
    ],
)
def test_errors_are_one_clear_line(
    jingwei: Callable[..., tuple[int, str, str]], args: tuple[str, ...], code: int, says: str
) -> None:
    found, _, err = jingwei(*args)
    assert found == code
    assert says in err
    assert "Traceback" not in err
    if code == 1 and says:
        assert err.startswith("jingwei: ")
        assert err.count("\n") == 1


def test_query_prints_errors_as_json_and_fails(jingwei: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = jingwei("query", "{ things { nodes { nmae } } }", "--store", "memory:")
    assert code == 1
    assert "Did you mean 'name'" in json.loads(out)["errors"][0]["message"]


def test_a_key_and_its_hash(jingwei: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = jingwei("key")
    assert code == 0
    assert "jw_" in out
    assert "sha256:" in out


OWN = """
@prefix ex: <https://example.org/own#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix jw: <https://jingwei.example/ns#> .
@prefix core: <https://jingwei.example/ontology#> .
ex:Robot a owl:Class ; rdfs:subClassOf core:Device ; rdfs:label "robot"@en , "机器人"@zh ;
  rdfs:comment "A machine that moves by itself."@en , "能自主运动的机器。"@zh .
"""


def test_ontology_commands(jingwei: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    assert jingwei("ontology", "check")[0] == 0
    (tmp_path / "bad.ttl").write_text("@prefix ex: <x> .\nex:A a ex:B\n")
    code, _, err = jingwei("ontology", "check", "bad.ttl")
    assert code == 1
    assert "bad.ttl" in err
    code, out, _ = jingwei("ontology", "docs", "--language", "zh", "--module", "policy")
    assert code == 0
    assert "# " in out


def test_what_a_change_breaks(jingwei: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    (tmp_path / "before" / "own.ttl").write_text(OWN, encoding="utf-8")
    (tmp_path / "after" / "own.ttl").write_text(OWN.replace("Robot", "Rover"), encoding="utf-8")
    code, out, err = jingwei("ontology", "diff", "before", "after")
    assert code == 0, err
    assert "Robot" in out
    code, out, _ = jingwei("ontology", "diff", "before", "before")
    assert "mean the same" in out


def test_the_cursor_secret_of_the_settings_seals_cursors(
    jingwei: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "firms.csv").write_text("id,name\nf1,甲\nf2,乙\n", encoding="utf-8")
    monkeypatch.setenv("JINGWEI_CURSOR_SECRET", "a secret of two processes")
    assert jingwei("load", "firms.csv", "--class", "Enterprise", *STORE)[0] == 0
    text = "query($c: String) { enterprises(first: 1, after: $c) { pageInfo { endCursor } } }"
    _, out, _ = jingwei("query", text, *STORE)
    variables = json.dumps({"c": json.loads(out)["data"]["enterprises"]["pageInfo"]["endCursor"]})
    assert jingwei("query", text, "--variables", variables, *STORE)[0] == 0
    monkeypatch.setenv("JINGWEI_CURSOR_SECRET", "another secret altogether")
    code, out, _ = jingwei("query", text, "--variables", variables, *STORE)
    assert (code, json.loads(out)["errors"][0]["extensions"]["code"]) == (1, "CURSOR_INVALID")


def test_the_demo_s_files_are_written(jingwei: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    code, _, err = jingwei("demo", "--scale", "2", "--files", "park")
    assert (code, "2 times the park" in err) == (0, True)
    plots = (tmp_path / "park" / "plots.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({json.loads(line)["id"] for line in plots}) == 48
    assert (tmp_path / "park" / "mappings" / "plots.yaml").is_file()
    assert not list(tmp_path.glob("**/*.db"))


def test_a_terminal_sees_how_far_a_load_has_come(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"f{number},甲{number}\n" for number in range(6000))
    (tmp_path / "firms.csv").write_text(f"id,name\n{lines}", encoding="utf-8")
    mine, its = pty.openpty()
    command = [sys.executable, "-m", "api.cli", "load", "firms.csv", "--class", "Enterprise", *STORE, "--json"]
    told = {"TERM": "xterm", "COLUMNS": "120", "JINGWEI_CACHE_DIR": str(cache), "PYTHONPATH": str(ROOT)}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    run = subprocess.Popen(command, cwd=tmp_path, stderr=its, stdout=subprocess.PIPE)
    os.close(its)
    seen = b""
    # A terminal that nobody has open any more is an error on Linux.
    with contextlib.suppress(OSError):
        while block := os.read(mine, 65_536):
            seen += block
    os.close(mine)
    out, _ = run.communicate()
    assert run.returncode == 0
    assert json.loads(out.splitlines()[-1])["read"] == 6000
    text = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", seen).decode()
    assert re.search(r"firms\.csv: 2,000 rows, 0 rejected, [0-9,]+ rows/s ━+", text), text
