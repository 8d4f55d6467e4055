"""The command as people run it, from an empty folder to a pruned store, and what it says to wrong input."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

COMMAND = Path(sys.executable).with_name("jingwei")
SECONDS = 120
STORE = "sqlite:///park.db"

FIRMS = """企业名称,统一社会信用代码,注册资本(万元),成立日期
云栖示例材料有限公司,91999999MA00000079,"1,200",2024年5月1日
云栖示例设备有限公司,91999999MA0000008C,500,2023-02-01
"""
PRODUCTS = '{"id": "P1", "name": "示例光刻胶"}\n{"id": "P2", "name": "示例靶材"}\n'
LATER = """企业名称,统一社会信用代码,注册资本(万元)
云栖示例材料有限公司,91999999MA00000079,"1,500"
"""
QUESTION = "{ enterprises(orderBy: [{name: asc}]) { totalCount nodes { id name registeredCapital } } }"


class Folder:
    """Runs the command in a folder of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environ = {n: v for n, v in os.environ.items() if not n.startswith("JINGWEI_")}  # noqa: TID251
        self.environ["JINGWEI_CACHE_DIR"] = str(path / "cache")
        self.environ["JINGWEI_DATA_DIR"] = str(path / "data")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [str(COMMAND), *arguments],
            cwd=self.path,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, store: str = STORE) -> str:
        """Standard output of a command that must succeed."""
        process = self.start(*arguments, *(["--store", store] if store else []))
        out, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, f"{arguments}: {err}"
        return out

    def ask(self, text: str, *more: str, store: str = STORE) -> Any:
        return json.loads(self.run("query", text, *more, store=store))["data"]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    for name, content in (("firms.csv", FIRMS), ("products.jsonl", PRODUCTS), ("later.csv", LATER)):
        (tmp_path / name).write_text(content, encoding="utf-8")
    return Folder(tmp_path)


@contextmanager
def served(folder: Folder) -> Iterator[int]:
    """The port of a `jingwei serve`, which ends well when it is told to."""
    process = folder.start("serve", "--demo", "--port", "0", "--store", STORE)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        assert found, line + (process.stderr.read() if process.stderr else "")
        yield int(found[1])
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode in {0, -signal.SIGTERM}, err
    finally:
        process.kill()
        process.communicate()


def post(port: int, body: str) -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)) as connection:
        connection.request("POST", "/graphql", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def test_from_an_empty_folder_to_a_pruned_store(folder: Folder) -> None:
    assert "is ready" in folder.run("init")
    said = folder.run("load", "firms.csv", "--class", "Enterprise", "--source", "registry")
    assert said.startswith("firms.csv: 2 read, 2 loaded, 0 merged, 0 unchanged, 0 rejected")
    assert "2 read, 2 loaded" in folder.run("load", "products.jsonl", "--class", "Product", "--source", "catalogue")
    assert "1 read, 1 loaded" in folder.run("load", "later.csv", "--class", "Enterprise", "--source", "registry")

    answer = folder.ask(QUESTION)
    firms = {row["name"]: row for row in answer["enterprises"]["nodes"]}
    assert answer["enterprises"]["totalCount"] == 2
    assert firms["云栖示例材料有限公司"]["registeredCapital"] == 15_000_000
    (product,) = folder.ask('{ products(where: {name: {contains: "光刻"}}) { nodes { name } } }')["products"]["nodes"]
    assert product == {"name": "示例光刻胶"}

    with served(folder) as port:
        status, over_http = post(port, json.dumps({"query": QUESTION}))
        assert (status, over_http["data"]) == (200, answer)
        status, wrong = post(port, json.dumps({"query": "{ enterprizes { totalCount } }"}))
        assert status == 200  # as GraphQL over HTTP has it for application/json
        assert "Did you mean 'enterprises'" in wrong["errors"][0]["message"]
        status, wrong = post(port, "{")
        assert status == 400
        assert wrong["errors"][0]["message"]
        # The command writes beside the server, which answers with it at once.
        assert "1 read, 0 loaded, 0 merged, 1 unchanged" in folder.run(
            "load", "later.csv", "--class", "Enterprise", "--source", "registry"
        )
        assert post(port, json.dumps({"query": QUESTION}))[1]["data"] == answer

    assert "Enterprise: 2" in folder.run("export", "out").splitlines()
    rows = [json.loads(line) for line in (folder.path / "out" / "Enterprise.jsonl").read_text("utf-8").splitlines()]
    assert {row["name"]: row["id"] for row in rows} == {name: row["id"] for name, row in firms.items()}

    folder.run("backup", "park.zip")
    assert folder.run("restore", "park.zip", store="sqlite:///copy.db").startswith("restored ")
    assert folder.ask(QUESTION, store="sqlite:///copy.db") == answer
    for store in (STORE, "sqlite:///copy.db"):
        assert folder.run("check", store=store) == f"{store} is clean\n"

    gone = firms["云栖示例设备有限公司"]["id"]
    assert "erased" in folder.run("erase", gone, "--reason", "asked for", "--yes")
    assert [row["name"] for row in folder.ask(QUESTION)["enterprises"]["nodes"]] == ["云栖示例材料有限公司"]
    assert "云栖示例设备".encode() not in (folder.path / "park.db").read_bytes()
    assert re.fullmatch(r"[1-9]\d* rows dropped\n", folder.run("prune", "--before", "2100-01-01T00:00:00Z"))
    assert folder.run("check") == f"{STORE} is clean\n"
    assert folder.ask(QUESTION)["enterprises"]["totalCount"] == 1


WRONG: list[tuple[list[str], str, str]] = [
    (["init", "--store", "postgres://park"], "STORE_ERROR", "Use sqlite:///"),
    (["init", "--store", "sqlite:///firms.csv"], "STORE_CORRUPT", "not a Jingwei store"),
    (["load", "nothing.csv", "--class", "Enterprise", "--store", STORE], "LOAD_FAILED", "nothing.csv"),
    (["query", "{ enterprises { totalCount } }", "--store", "sqlite:///none.db"], "NOT_FOUND", "jingwei init"),
    (["serve", "--port", "0", "--store", "sqlite:///none.db"], "NOT_FOUND", "jingwei init"),
    (["export", "firms.csv/out", "--store", STORE], "LOAD_FAILED", "firms.csv/out"),
    (["backup", "no/folder/park.zip", "--store", STORE], "STORE_ERROR", "no/folder/park.zip"),
    (["restore", "none.zip", "--store", "sqlite:///new.db"], "STORE_ERROR", "none.zip"),
    (["check", "--store", "sqlite:///none.db"], "NOT_FOUND", "none.db"),
    (["erase", "nobody", "--reason", "x", "--yes", "--store", STORE], "NOT_FOUND", "nobody"),
    (["prune", "--before", "yesterday", "--store", STORE], "QUERY_INVALID", "yesterday"),
    (["retract", "no-run", "--store", STORE], "NOT_FOUND", "no-run"),
]


def test_wrong_input_is_one_line_and_exit_code_one(folder: Folder) -> None:
    folder.run("init")
    # A few at a time: most of a command's life is its start.
    for at in range(0, len(WRONG), 3):
        some = WRONG[at : at + 3]
        processes = [folder.start(*arguments) for arguments, _, _ in some]
        for process, (arguments, code, says) in zip(processes, some, strict=True):
            out, err = process.communicate(timeout=SECONDS)
            assert process.returncode == 1, (arguments, out, err)
            assert err.startswith(f"jingwei: {code}: "), (arguments, err)
            assert says in err, (arguments, err)
            assert err.count("\n") == 1, (arguments, err)
    assert folder.ask("{ enterprises { totalCount } }") == {"enterprises": {"totalCount": 0}}


def test_a_bad_question_and_bad_usage(folder: Folder) -> None:
    folder.run("init")
    asked = folder.start("query", "{ enterprizes { totalCount } }", "--store", STORE)
    unused = folder.start("chek")
    out, err = asked.communicate(timeout=SECONDS)
    assert (asked.returncode, err) == (1, "")
    assert "Did you mean 'enterprises'" in json.loads(out)["errors"][0]["message"]
    out, err = unused.communicate(timeout=SECONDS)
    assert unused.returncode == 2
    assert "check" in err
