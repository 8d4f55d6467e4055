"""`jingwei serve` as a process of its own: it answers, and it ends when told to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pathlib import Path


def test_it_answers_and_stops(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "api.cli", "serve", "--demo", "--port", "0", "--store", "sqlite:///park.db"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            assert found is not None, line + process.stderr.read()
            with httpx.Client(base_url=found.group(), timeout=30) as http:
                answer = http.post("/graphql", json={"query": "{ things { nodes { id } } }"})
                assert answer.json() == {"data": {"things": {"nodes": []}}}
                assert http.get("/healthz").json() == {"status": "ok"}
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM}
        assert "Traceback" not in process.stderr.read()
    assert (tmp_path / "var" / "audit.jsonl").read_text().count("\n") == 1


def _environment() -> dict[str, str]:
    from pathlib import Path

    return {"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": "/usr/bin:/bin"}
