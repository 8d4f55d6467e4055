"""A question that nobody waits for any more gives its reader thread back."""

import asyncio
import time
from pathlib import Path

import pytest

from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate
from kg.query.algebra import Extent, Field, Leaf, Meta, MetaName, Obj, Query, Root, Rows, Select, Step
from kg.query.secure import EVERYTHING
from kg.store.sqlite.store import SqliteStore
from kg.testing.machine import FIRM_SCHEMA

pytestmark = pytest.mark.anyio


def nested(depth: int) -> Obj:
    leaf = Field("id", Leaf(Meta(MetaName.ID)))
    if not depth:
        return Obj((leaf,))
    return Obj((leaf, Field("s", Select(Step("supplies", True, "Firm"), Rows(nested(depth - 1))))))


async def test_a_cancelled_statement_is_interrupted(tmp_path: Path) -> None:
    store = SqliteStore(f"sqlite:///{tmp_path}/a.db", readers=1)
    await store.migrate(FIRM_SCHEMA)
    firms = [Put(RecordKey("a", str(n)), "Firm", {"name": str(n)}) for n in range(20)]
    edges = [
        Relate("a", "supplies", ByRecord("a", str(m)), ByRecord("a", str(n))) for m in range(20) for n in range(20)
    ]
    await store.commit(ChangeSet((*firms, *edges)))
    now = (await store.clock()).system
    endless = Query((Root("x", Select(Extent("Firm"), Rows(nested(9)))),), now)  # 20 to the tenth rows
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await store.execute(endless, EVERYTHING)
    waiting = asyncio.ensure_future(store.execute(endless, EVERYTHING))
    await asyncio.sleep(0)
    waiting.cancel()
    begun = time.monotonic()
    small = Query((Root("x", Select(Extent("Firm"), Rows(nested(0)))),), now)
    assert len(await store.execute(small, EVERYTHING)) > 20
    assert time.monotonic() - begun < 60  # the endless one would take days
    await store.close()
