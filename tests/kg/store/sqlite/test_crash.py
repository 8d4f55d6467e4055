"""Processes that die, processes beside each other, and files that are full, locked, damaged or something else."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from kg.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly
from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.query.algebra import Cmp, Comparison, Const, Prop
from kg.store.sqlite import connection
from kg.store.sqlite.connection import PAGE_BYTES
from kg.store.sqlite.store import SqliteStore
from tests.kg.store.sqlite.writing import FIRMS, ask, batch, opened

WRITING = Path(__file__).with_name("writing.py")
STOPPED_LATEST = 1.0
"""Longest wait between a batch's announcement and the kill, in seconds."""

pytestmark = pytest.mark.anyio


def started(role: str, path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(WRITING), role, str(path), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended_well(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.splitlines()


@contextmanager
def running(*processes: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


# ---------------------------------------------------------------- kill -9


class Killed:
    """What a writer had said when it was killed."""

    def __init__(self, lines: list[str]) -> None:
        said = [line.split() for line in lines]
        self.acknowledged = [int(number) for word, number in said if word == "done"]
        self.begun = [int(number) for word, number in said if word == "begin"]
        self.inside = bool(self.begun) and self.begun[-1] not in self.acknowledged


def kill_amid(path: Path, chance: random.Random) -> Killed:
    """Kills a writer some while after it announced a batch, which may be before its end or in a later one."""
    process = started("commits", path, "a", 1_000_000)
    assert process.stdout is not None
    lines: list[str] = []
    with running(process):
        heard = [0.0]
        for _ in range(2 * chance.randint(2, 6) + 1):  # "begin", "done", ..., "begin"
            line = process.stdout.readline()
            assert line, process.stderr.read() if process.stderr else ""
            lines.append(line)
            heard.append(time.monotonic())
        took = heard[-2] - heard[-3]  # of the batch before
        time.sleep(min(chance.random() * 1.2 * took, STOPPED_LATEST))
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    return Killed([line for line in lines if line.endswith("\n")])


async def whole_batches(store: SqliteStore) -> list[int]:
    """Numbers of the batches that are there; fails for one of which a part is there."""
    rows = await ask(store, Cmp(Comparison.STARTS_WITH, Prop("name"), Const("a ")))
    held: dict[int, int] = {}
    for row in rows:
        if row["staff"] is not None:
            held[int(str(row["staff"]))] = held.get(int(str(row["staff"])), 0) + 1
    share = store._writers.layout.live(store.schema, "edge", "supplies")["share"].column
    edges = dict(store._db.execute(f"select {share} - 0.5, count(*) from edge group by 1"))
    assert held == dict.fromkeys(sorted(held), FIRMS)
    assert edges == dict.fromkeys(sorted(held), FIRMS - 1)
    grades = {row["grade"] for row in rows if row["grade"] is not None}
    assert grades == ({str(max(held))} if held else set())
    return sorted(held)


async def survive_kills(path: Path, times: int) -> None:
    chance = random.Random(20260101)
    inside = 0
    for _ in range(times):
        killed = kill_amid(path, chance)
        inside += killed.inside
        async with await opened(path) as store:
            there = await whole_batches(store)
            assert set(killed.acknowledged) <= set(there)
            # One that was not acknowledged may be there, whole; no other.
            assert there == list(range(len(there)))
            assert len(there) <= killed.begun[-1] + 1
            assert (await store.clock()).seq == len(there)
            for number in there:
                receipt = await store.receipt(f"a/{number}")
                assert receipt is not None
                assert receipt.seq == number + 1
            assert await store.check() == ()
            # Writing goes on, and sending again what may have been lost is safe.
            again = await store.commit(batch("a", killed.begun[-1]))
            assert again.replayed == (killed.begun[-1] in there)
    assert inside, "no kill fell into a commit"


async def test_killed_in_the_middle_of_commits(tmp_path: Path) -> None:
    await survive_kills(tmp_path / "park.db", 5)


@pytest.mark.soak
async def test_killed_often(tmp_path: Path) -> None:
    for number in range(3):
        await survive_kills(tmp_path / f"{number}.db", 10)


# ---------------------------------------------------------------- side by side


async def test_two_writers_and_readers_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "park.db"
    async with await opened(path) as store:
        writers = [started("commits", path, name, 12) for name in "ab"]
        readers = [started("reads", path, name, 60) for name in "ab"]
        with running(*writers, *readers):
            for writer in writers:
                assert ended_well(writer)[-1] == "done 11"
            for reader in readers:
                assert len(ended_well(reader)) == 61
        clock = await store.clock()
        assert clock.seq == 24
        systems = [system for (system,) in store._db.execute("select system from tx order by seq")]
        assert systems == sorted(set(systems))
        for name in "ab":
            rows = await ask(store, Cmp(Comparison.STARTS_WITH, Prop("name"), Const(f"{name} ")))
            assert len(rows) == 12 * FIRMS + 2
            assert {row["grade"] for row in rows} == {None, "11"}
        assert await store.check() == ()


async def test_no_addition_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "park.db"
    async with await opened(path) as store:
        put = Put(RecordKey("counter", "1"), "Firm", {"name": "counter", "staff": 0})
        await store.commit(ChangeSet((put,), sources=(Source("counter"),)))
        adders = [started("counts", path, name, 25) for name in "ab"]
        with running(*adders):
            for adder in adders:
                ended_well(adder)
        (row,) = await ask(store, Cmp(Comparison.EQ, Prop("name"), Const("counter")))
        assert row["staff"] == 50
        assert await store.check() == ()


async def test_a_writer_that_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert connection.BUSY_MS >= 30_000
    monkeypatch.setattr(connection, "BUSY_MS", 50)
    path = tmp_path / "park.db"
    async with await opened(path) as store:
        other = apsw.Connection(str(path))
        other.execute("begin immediate")
        with pytest.raises(StoreBusy) as told:
            await store.commit(batch("a", 0))
        assert told.value.remedy
        assert str(path) in told.value.where
        assert await ask(store, Cmp(Comparison.EQ, Prop("name"), Const("x"))) == []  # readers are not in its way
        other.execute("rollback")
        other.close()
        assert (await store.commit(batch("a", 0))).seq == 1


# ---------------------------------------------------------------- a full disk


async def refuses_then_goes_on(store: SqliteStore, lift: Callable[[], None]) -> None:
    """Commits until the store is full; then nothing of the refused batch is there, and after `lift` it goes in."""
    number = 0
    refused = ""
    while not refused:
        try:
            await store.commit(batch("a", number))
        except StoreFull as error:
            refused = error.remedy
        else:
            number += 1
    assert number > 0
    assert await whole_batches(store) == list(range(number))
    assert await store.receipt(f"a/{number}") is None
    assert await store.check() == ()
    lift()
    assert (await store.commit(batch("a", number))).seq == number + 1
    assert await whole_batches(store) == list(range(number + 1))
    assert await store.check() == ()


async def test_full_file(tmp_path: Path) -> None:
    async with await opened(tmp_path / "park.db") as store:
        db = store._db
        db.pragma("max_page_count", db.pragma("page_count") + 60)
        await refuses_then_goes_on(store, lambda: db.pragma("max_page_count", 1 << 30))


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from tests.kg.store.sqlite.test_crash import refuses_then_goes_on
from tests.kg.store.sqlite.writing import opened

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

async def main():
    async with await opened(Path(sys.argv[1])) as store:
        limit(3 << 20)  # the kernel refuses writes beyond, as a quota does
        await refuses_then_goes_on(store, lambda: limit(resource.RLIM_INFINITY))

asyncio.run(main())
"""


def in_process(program: str, *arguments: str) -> None:
    """A limit or a user is the whole process's: not this one's."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_writes_that_the_kernel_refuses(tmp_path: Path) -> None:
    in_process(FULL_DISK, str(tmp_path / "park.db"))


# ---------------------------------------------------------------- a file that may not be written


READ_ONLY = """
import asyncio, os, sys
from pathlib import Path
import pytest
from kg.errors import StoreReadOnly
from tests.kg.store.sqlite.test_crash import whole_batches
from tests.kg.store.sqlite.writing import batch, opened

path = Path(sys.argv[1])

def locked(flag):
    path.chmod(0o444 if flag else 0o644)
    path.parent.chmod(0o555 if flag else 0o777)

async def main():
    async with await opened(path) as store:
        await store.commit(batch("a", 0))
        await whole_batches(store)
    locked(True)
    if os.geteuid() == 0:  # permissions are no hindrance to root
        os.seteuid(65534)
    with pytest.raises(StoreReadOnly) as told:
        async with await opened(path) as store:
            await store.commit(batch("a", 1))
    assert told.value.remedy and str(path) in told.value.where, told.value
    if os.getuid() == 0:
        os.seteuid(0)
    locked(False)
    async with await opened(path) as store:
        assert await whole_batches(store) == [0]
        assert (await store.commit(batch("a", 1))).seq == 2
        assert await store.check() == ()

asyncio.run(main())
"""


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users may enter, as pytest's are not."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="jingwei"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_read_only_file(reachable: Path) -> None:
    folder = reachable / "store"
    folder.mkdir()
    in_process(READ_ONLY, str(folder / "park.db"))


async def test_file_made_read_only_while_open(tmp_path: Path) -> None:
    async with await opened(tmp_path / "park.db") as store:
        await store.commit(batch("a", 0))
        store._db.pragma("query_only", 1)
        with pytest.raises(StoreReadOnly):
            await store.commit(batch("a", 1))
        store._db.pragma("query_only", 0)
        assert (await store.commit(batch("a", 1))).seq == 2


async def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened") as told:
        await opened(tmp_path / "no" / "park.db")
    assert told.value.remedy


# ---------------------------------------------------------------- a damaged file


BATCHES = 16


async def written(path: Path) -> bytes:
    """A store of some batches in one file, which fill its pages, without a log beside it."""
    async with await opened(path) as store:
        for number in range(BATCHES):
            await store.commit(batch("a", number))
    assert not log_of(path).exists()
    return path.read_bytes()  # noqa: ASYNC240


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def put_back(path: Path, content: bytes) -> None:
    """The file with this content, and nothing beside it."""
    log_of(path).unlink(missing_ok=True)
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    path.write_bytes(content)


async def notices(path: Path) -> bool:
    """Whether opening or `check` tells that the file is damaged."""
    remedy = ""
    try:
        async with await opened(path) as store:
            return bool(await store.check())
    except StoreCorrupt as error:
        remedy = error.remedy
    return bool(remedy)


async def usable_again(path: Path, good: bytes) -> None:
    put_back(path, good)
    async with await opened(path) as store:
        assert await whole_batches(store) == list(range(BATCHES))
        assert await store.check() == ()
        assert (await store.commit(batch("a", BATCHES))).seq == BATCHES + 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name,uscc\nA,1\n" * 200, "not a Jingwei store"),
        (b"\0" * 8192, "not a Jingwei store"),
    ],
)
async def test_something_else(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "park.db"
    path.write_bytes(content)
    with pytest.raises(StoreCorrupt, match=says) as told:
        await opened(path)
    assert told.value.remedy
    assert path.read_bytes() == content


async def test_another_database(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    other = apsw.Connection(str(path))
    other.execute("create table t (x); insert into t values (1)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="not a Jingwei store") as told:
        await opened(path)
    assert told.value.remedy
    assert path.read_bytes() == before


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.97])
async def test_truncated(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "park.db"
    good = await written(path)
    put_back(path, good[: int(len(good) * kept)])
    assert await notices(path)
    await usable_again(path, good)


@pytest.mark.parametrize(("size", "times"), [(300, 24), (2 * PAGE_BYTES, 12)])
async def test_overwritten(tmp_path: Path, size: int, times: int) -> None:
    """Damage anywhere ends in StoreCorrupt or in findings of `check`, never in another error.

    Some bytes may fall on unused space, of which nothing is lost; two pages hold a page's head in any case.
    """
    path = tmp_path / "park.db"
    good = await written(path)
    chance = random.Random(7)
    seen = 0
    for _ in range(times):
        bad = bytearray(good)
        at = chance.randrange(0, len(bad) - size)
        bad[at : at + size] = chance.randbytes(size)
        put_back(path, bytes(bad))
        seen += await notices(path)
    assert seen >= (times if size > PAGE_BYTES else times // 3)
    await usable_again(path, good)
