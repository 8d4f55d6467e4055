"""What the rows of one file said, looked up by row, in memory that does not grow with the file.

The first rows lie in a dict; beyond `IN_MEMORY` they move to a temporary SQLite database, which lives in the folder
for temporary files and is gone with its connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import apsw

if TYPE_CHECKING:
    from collections.abc import Iterable

IN_MEMORY: Final = 50_000
_CACHE_KIB: Final = 8192


class Seen:
    """Numbers of 64 bits by keys of 64 bits (`hash`), each with the row that said it first."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._first: dict[int, tuple[int, int]] = {}
        self._in_memory = in_memory
        self._disk: apsw.Connection | None = None

    def first(self, key: int, said: int, row: int) -> tuple[int, int]:
        """(said, row) of the first call with this key: what is given, where there was none."""
        if self._disk is None:
            if len(self._first) < self._in_memory:
                return self._first.setdefault(key, (said, row))
            self._spill()
        assert self._disk is not None
        for found in self._disk.execute("select said, row from seen where key = ?", (key,)):
            return found[0], found[1]
        self._disk.execute("insert into seen values (?, ?, ?)", (key, said, row))
        return said, row

    def get(self, key: int, otherwise: int) -> int:
        """What was said under the key, `otherwise` where nothing was."""
        if self._disk is None:
            return self._first.get(key, (otherwise, 0))[0]
        return next((said for (said,) in self._disk.execute("select said from seen where key = ?", (key,))), otherwise)

    def __contains__(self, key: int) -> bool:
        if self._disk is None:
            return key in self._first
        return any(True for _ in self._disk.execute("select 1 from seen where key = ?", (key,)))

    def __len__(self) -> int:
        if self._disk is None:
            return len(self._first)
        return int(next(iter(self._disk.execute("select count(*) from seen")))[0])

    def _spill(self) -> None:
        self._disk = _temporary("seen (key integer primary key, said integer, row integer)")
        rows = ((key, *said) for key, said in self._first.items())
        self._disk.executemany("insert into seen values (?, ?, ?)", rows)
        self._first = {}


class Step(NamedTuple):
    """To where (a hash), when (`[start, end)` in valid time), and which row says so."""

    to: int
    start: int
    end: int
    row: int


class Steps:
    """Steps by where they begin, a hash, in the order in which they came."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._first: dict[int, list[Step]] = {}
        self._room = in_memory
        self._disk: apsw.Connection | None = None

    def add(self, key: int, step: Step) -> None:
        if self._disk is None and self._room > 0:
            self._room -= 1
            self._first.setdefault(key, []).append(step)
            return
        if self._disk is None:
            self._disk = _temporary('step (key integer, "to" integer, start integer, "end" integer, row integer)')
            self._disk.execute("create index step_key on step (key)")
            rows = ((known, *one) for known, steps in self._first.items() for one in steps)
            self._disk.executemany("insert into step values (?, ?, ?, ?, ?)", rows)
            self._first = {}
        self._disk.execute("insert into step values (?, ?, ?, ?, ?)", (key, *step))

    def of(self, key: int) -> Iterable[Step]:
        if self._disk is None:
            return self._first.get(key, ())
        found = self._disk.execute('select "to", start, "end", row from step where key = ? order by rowid', (key,))
        return [Step(*row) for row in found]


def _temporary(table: str) -> apsw.Connection:
    """A database without a name, in one transaction that is never committed, with a table of integers."""
    disk = apsw.Connection("")
    disk.execute(f"pragma cache_size = -{_CACHE_KIB}; pragma journal_mode = off; pragma synchronous = off")
    disk.execute(f"create table {table} strict; begin")
    return disk
