"""What it costs to keep a claim in a row of its own beside the resolved version that it gives.

    python benchmarks/bench_claims.py [--small] [--out FOLDER]

Enterprises from one source, in batches of 1,000, each batch a durable commit: the case in which claim and version say
the same. `bytes` are those of tables and their indexes, an entity; `write` is the share of the commits' time that
went into inserting the claims (a timer around that call, in the same run). Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.store.sqlite import writer
from kg.store.sqlite.connection import connect, writing
from kg.store.sqlite.store import SqliteStore
from kg.testing.schemas import PARK

KINDS = {
    "claims": ("claim",),
    "versions": ("version", "some_", "box_"),
    "search": ("words",),
    "identity": ("record", "identifier", "entity"),
}


def kind_of(name: str) -> str:
    plain = name.removeprefix("sqlite_autoindex_")
    return next((kind for kind, starts in KINDS.items() if plain.startswith(starts)), "other")


def batch(number: int, size: int) -> ChangeSet:
    puts = [
        Put(
            RecordKey("registry", str(n)),
            "Enterprise",
            {
                "name": f"示例企业{n}有限公司", "registeredCapital": 1e6 + n, "employees": n % 900, "status": "active",
                "founded": f"20{n % 25:02}-0{1 + n % 9}-11", "industry": f"C{n % 40}",
                "location": f'{{"type":"Point","coordinates":[{121 + n % 1000 / 1e4},{31 + n % 997 / 1e4}]}}',
            },
        )
        for n in range(number * size, (number + 1) * size)
    ]  # fmt: skip
    return ChangeSet(tuple(puts), sources=(Source("registry"),))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--small", action="store_true")
    said = parser.parse_args()
    count, size = (3_000 if said.small else 20_000), 1_000
    spent = [0.0]
    inserting = writer.Writer.claims

    def timed(self: writer.Writer, rows: Any) -> None:
        start = time.process_time()
        inserting(self, rows)
        spent[0] += time.process_time() - start

    writer.Writer.claims = timed  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.db")
        store = SqliteStore(f"sqlite:///{path}")
        from kg.store.sqlite import migrations

        with writing(store._db):  # noqa: SLF001
            migrations.migrate(store._db, PARK)  # noqa: SLF001
        store._adopt(store._db)  # noqa: SLF001
        sets = [batch(number, size) for number in range(count // size)]
        start = time.process_time()
        for one in sets:
            store.commit_here(one, now=1_800_000_000_000_000)
        seconds = time.process_time() - start
        store._db.wal_checkpoint()  # noqa: SLF001
        db = connect(str(path))
        total: dict[str, float] = defaultdict(float)
        for name, used in db.execute("select name, sum(pgsize) from dbstat group by name"):
            total[kind_of(name)] += used / count
        db.close()
    result = {
        "entities": count,
        "bytes": {kind: round(used) for kind, used in sorted(total.items())},
        "commit_cpu_s": round(seconds, 2),
        "claims_cpu_s": round(spent[0], 2),
        "claims_share": round(spent[0] / seconds, 3),
        "entities_per_cpu_s": round(count / seconds),
    }
    print(json.dumps(result, indent=1))
    said.out.mkdir(parents=True, exist_ok=True)
    (said.out / "bench_claims.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
