"""Stores that are wrong on purpose: a suite that passes on one of them finds nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from kg.model.changes import Relate
from kg.query.algebra import Select, Time
from kg.store.memory import MemoryStore

if TYPE_CHECKING:
    from kg.model.changes import ChangeSet, Receipt
    from kg.query.algebra import Query
    from kg.query.secure import Scope


class TearingStore(MemoryStore):
    """Commits change by change, lets others in between, and leaves what came before a refused change."""

    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        receipts = []
        for change in change_set.changes:
            await asyncio.sleep(0)
            receipts.append(await super().commit(replace(change_set, changes=(change,), expect=()), now=now))
        entities = tuple(entity for receipt in receipts for entity in receipt.entities)
        return replace(receipts[-1], entities=entities)


class LosingStore(MemoryStore):
    """Acknowledges a commit's last change and forgets it, where that is a relation."""

    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        kept = change_set.changes[:-1] if isinstance(change_set.changes[-1], Relate) else change_set.changes
        return await super().commit(replace(change_set, changes=kept), now=now)


class CredulousStore(MemoryStore):
    """Asks nothing of what was expected."""

    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        await asyncio.sleep(0)
        return await super().commit(replace(change_set, expect=()), now=now)


class RestlessStore(MemoryStore):
    """Reads the latest commit, whichever instant is asked for."""

    async def execute(self, query: Query, scope: Scope) -> bytes:
        await asyncio.sleep(0)
        roots = []
        for root in query.roots:
            assert isinstance(root.action, Select)
            roots.append(replace(root, action=replace(root.action, time=Time(root.action.time.valid, None))))
        return await super().execute(replace(query, roots=tuple(roots)), scope)
