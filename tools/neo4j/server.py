"""A Neo4j server of one's own on a free loopback port: jars by Maven, started by `Launch.java`.

From the command line (`make neo4j` and `make neo4j-stop` call these):

    python -m tools.neo4j.server start [--version 5.26.12] [--home var/neo4j]
    python -m tools.neo4j.server stop [--home var/neo4j]

`start` leaves the server running and prints its URL; where it runs already, it prints that. Anybody who can reach the
port may do everything: there is no password, and the port is open on 127.0.0.1 alone.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LTS = "5.26.12"
HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".venv" / "neo4j"
START_SECONDS = 180.0
STOP_SECONDS = 60.0
_OPENED = ("java.base/java.nio=ALL-UNNAMED", "java.base/java.lang=ALL-UNNAMED", "java.base/sun.nio.ch=ALL-UNNAMED")


class Unavailable(Exception):
    """There is no server to be had here, and why."""


@dataclass
class Server:
    """A running server. `process` is None for one that somebody else started."""

    url: str
    pid: int
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """In order: transactions end, the store is checkpointed."""
        _end(self.pid, signal.SIGTERM, self.process)

    def kill(self) -> None:
        """As a crash does."""
        _end(self.pid, signal.SIGKILL, self.process)


# ---------------------------------------------------------------- what it needs


def java_for(version: str) -> str:
    """A Java that runs the version: 17 or 21 for 5.26, 21 or later for those named after a year."""
    year = int(version.split(".", 1)[0])
    least, most = (21, 99) if year >= 2025 else (17, 21)
    found = [shutil.which("java"), *sorted(map(str, Path("/usr/lib/jvm").glob("*/bin/java")))]
    for java in found:
        if java and least <= _java_version(java) <= most:
            return java
    raise Unavailable(f"Neo4j {version} needs Java {least} or later: none found on PATH or in /usr/lib/jvm")


def _java_version(java: str) -> int:
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0


def jars(version: str = LTS) -> Path:
    """The folder of the server's jars, fetched by Maven where they are not there yet (116 MB)."""
    folder = CACHE / version
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Neo4j's jars come by Maven: install `mvn`, or set NEO4J_URI to a server that runs")
    fresh = CACHE / f"{version}.{os.getpid()}"
    done = subprocess.run(
        [
            maven, "--quiet", "--batch-mode", "-f", str(HERE / "pom.xml"), f"-Dneo4j.version={version}",
            "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}",
        ],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise Unavailable(f"Maven did not bring Neo4j {version}: {(done.stdout + done.stderr).strip()[-2000:]}")
    try:
        fresh.rename(folder)
    except OSError:  # another run was quicker
        shutil.rmtree(fresh)
    return folder


# ---------------------------------------------------------------- starting and stopping


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(
    home: Path,
    *,
    version: str = LTS,
    heap: str = "768m",
    cache: str = "256m",
    wipe: bool = False,
    port: int = 0,
    stay: bool = False,
    more: Mapping[str, str] | None = None,
) -> Server:
    """Start a server with its data in `home` and wait until it answers. Unavailable where that cannot be.

    `wipe`: begin with no data. `stay`: it outlives this process; else it stops when this process ends, however.
    `more`: settings of neo4j.conf over those that are meant for development.
    """
    java, lib = java_for(version), jars(version)
    if wipe:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    (home / "neo4j.conf").write_text(_configuration(port, cache, more or {}), encoding="utf-8")
    command = [
        java, f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", *[f"--add-opens={opened}" for opened in _OPENED],
        *(["--add-modules=jdk.incubator.vector"] if not version.startswith("5.") else []),
        "-cp", str(lib / "*"), str(HERE / "Launch.java"), str(home.resolve()),
        *([] if stay else ["--until-eof"]),
    ]  # fmt: skip
    log = home / "launch.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL if stay else subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=stay,
        )  # fmt: skip
    _await_ready(process, log)
    return Server(f"bolt://127.0.0.1:{port}", process.pid, process)


def _configuration(port: int, cache: str, more: Mapping[str, str]) -> str:
    settings = {
        "server.bolt.enabled": "true",
        "server.bolt.listen_address": f"127.0.0.1:{port}",
        "server.bolt.advertised_address": f"127.0.0.1:{port}",
        "server.http.enabled": "false",
        "dbms.security.auth_enabled": "false",
        "dbms.usage_report.enabled": "false",
        "server.memory.pagecache.size": cache,
        "db.tx_log.rotation.retention_policy": "keep_none",
        "db.tx_log.preallocate": "false",
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _await_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    with log.open("rb") as told:
        while not _says_ready(told):
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                process.wait()
                said = log.read_text(encoding="utf-8", errors="replace").strip()
                raise Unavailable(f"Neo4j did not start; it said: {said[-2000:]}")
            time.sleep(0.1)


def _says_ready(told: IO[bytes]) -> bool:
    told.seek(0)
    return b"READY\n" in told.read()


def _end(pid: int, how: signal.Signals, process: subprocess.Popen[bytes] | None) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return
    if process is not None:
        process.wait(STOP_SECONDS)
        if process.stdin:
            process.stdin.close()
        return
    until = time.monotonic() + STOP_SECONDS
    while _runs(pid):
        if time.monotonic() > until:
            raise Unavailable(f"Process {pid} did not stop within {STOP_SECONDS:.0f} s")
        time.sleep(0.1)


def _runs(pid: int) -> bool:
    """Whether it is a server of ours: the number may belong to another process by now."""
    try:
        told = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:  # no ps here
        return False
    return "Launch.java" in told


@contextmanager
def running(home: Path, *, version: str = LTS, heap: str = "768m", cache: str = "256m") -> Iterator[Server]:
    """A server with no data, for as long as it is used."""
    server = start(home, version=version, heap=heap, cache=cache, wipe=True)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


# ---------------------------------------------------------------- command line


def _known(home: Path) -> Server | None:
    note = home / "running"
    if not note.is_file():
        return None
    pid, url = note.read_text(encoding="utf-8").split()
    return Server(url, int(pid)) if _runs(int(pid)) else None


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Start or stop a Neo4j server for development.")
    parser.add_argument("verb", choices=("start", "stop", "jars"))
    parser.add_argument("--version", default=LTS)
    parser.add_argument("--home", type=Path, default=Path("var/neo4j"))
    asked = parser.parse_args(arguments)
    try:
        if asked.verb == "jars":
            sys.stdout.write(f"{jars(asked.version)}\n")
            return 0
        server = _known(asked.home)
        if asked.verb == "stop":
            if server is not None:
                server.stop()
            (asked.home / "running").unlink(missing_ok=True)
            return 0
        if server is None:
            server = start(asked.home, version=asked.version, stay=True)
            (asked.home / "running").write_text(f"{server.pid} {server.url}\n", encoding="utf-8")
    except Unavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{server.url}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
