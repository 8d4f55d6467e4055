"""How soon `jingwei serve` answers after its start, and how much memory it holds.

    python benchmarks/bench_serve.py [--small] [--out FOLDER]

The demo park is loaded into a new store; then the command is started several times. `cold`: the first start, which
compiles the ontology; `warm`: later ones, which read the compiled schema from its cache. `listens`: from the start of
the process until it says so; `answers`: until the first answer has arrived over HTTP. Memory is that of the process
after its first answer, and after two hundred more (Linux: VmRSS; peak VmHWM). Nothing is asserted; the bounds
aimed at are 3 s warm and 300 MB.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kg.schema.questions import read_questions

COMMAND = Path(sys.executable).with_name("jingwei")
FIRST = "{ enterprises(first: 20) { totalCount nodes { id name uscc } } }"
BOUNDS = {"answers_s": 3.0, "rss_mb": 300}


def memory(pid: int) -> dict[str, float]:
    """Resident now, and the most that it was, in MB of 10^6 bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kib = {name: int(value) for name, value in re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE)}
    return {"rss_mb": round(kib["VmRSS"] * 1.024e-3, 1), "peak_mb": round(kib["VmHWM"] * 1.024e-3, 1)}


def processor(pid: int) -> float:
    """Seconds of processor time so far: what a start takes on an idle machine, at most."""
    ticks = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[11:13]
    return round(sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), 2)


def asked(connection: http.client.HTTPConnection, query: str) -> None:
    connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    if "errors" in answer:
        raise RuntimeError(answer["errors"])


def started(folder: Path, environ: dict[str, str], questions: list[str], more: int) -> dict[str, Any]:
    """One start, its first answer, and `more` after it."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [COMMAND, "serve", "--demo", "--port", "0", "--store", "sqlite:///bench.db"],
        cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        found = re.search(r"http://([0-9.]+):(\d+)/", process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        listens = time.perf_counter() - begun
        connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=60)
        asked(connection, FIRST)
        answers = time.perf_counter() - begun
        out: dict[str, Any] = {"listens_s": round(listens, 3), "answers_s": round(answers, 3)}
        out |= {"cpu_s": processor(process.pid), **memory(process.pid)}
        for number in range(more):
            asked(connection, questions[number % len(questions)])
        if more:
            out["after"] = {"answers": more, **memory(process.pid)}
        connection.close()
        return out
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--small", action="store_true")
    said = parser.parse_args()
    questions = [question.graphql for question in read_questions().page if not question.variables] or [FIRST]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {k: v for k, v in os.environ.items() if not k.startswith("JINGWEI_")}  # noqa: TID251
        environ |= {"JINGWEI_CACHE_DIR": str(folder / "cache"), "JINGWEI_DATA_DIR": str(folder / "data")}
        load = [str(COMMAND), "demo", "--only-load", "--store", "sqlite:///bench.db"]
        subprocess.run(load, cwd=folder, env=environ, check=True, capture_output=True)
        for cached in (folder / "cache").rglob("*"):
            if cached.is_file():
                cached.unlink()
        cold = started(folder, environ, questions, 0)
        warm = [started(folder, environ, questions, 0) for _ in range(2 if said.small else 6)]
        last = started(folder, environ, questions, 200)
    result: dict[str, Any] = {
        "bounds": BOUNDS, "cold": cold, "warm": [*warm, last],
        "median": {key: statistics.median(one[key] for one in [*warm, last]) for key in cold},
    }  # fmt: skip
    print(f"{'':6} {'listens s':>10} {'answers s':>10} {'CPU s':>6} {'RSS MB':>8} {'peak MB':>8}")
    columns = (("listens_s", 10), ("answers_s", 10), ("cpu_s", 6), ("rss_mb", 8), ("peak_mb", 8))
    for kind, one in (("cold", cold), *(("warm", one) for one in result["warm"]), ("median", result["median"])):
        print(f"{kind:6}", *(f"{one[name]:{width}}" for name, width in columns))
    print(f"after {last['after']['answers']} answers: {last['after']['rss_mb']} MB")
    said.out.mkdir(parents=True, exist_ok=True)
    (said.out / "bench_serve.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
