"""The store in memory: the reference, for tests and small throw-away graphs (`memory:`).

It answers queries by the interpreter, that is, by the meaning of the algebra itself.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from kg.errors import NotFound, QueryError, SchemaError
from kg.model.changes import Receipt
from kg.store.base import Clock, Position, Store
from kg.store.commit.envelope import KEPT_MICROSECONDS, content_hash, same_content, shape_check, system_instant
from kg.store.commit.plan import plan
from kg.store.erasing import erase_rows, prune_rows, refuse_unknown
from kg.store.readable import check_readable
from kg.store.tables import Tables, TablesReading, TxRow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pyarrow as pa

    from kg.model.changes import ChangeSet, Source
    from kg.query.algebra import Query
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.base import ChangeEntry, EraseRequest, Finding, Scan


class MemoryStore(Store):
    """Holds everything in this process; nothing outlives it."""

    url = "memory:"

    def __init__(self, schema: Schema, *, cursor_secret: bytes | None = None) -> None:
        self.schema = schema
        self.tables = Tables()
        self.cursor_secret = os.urandom(32) if cursor_secret is None else cursor_secret
        self._check = shape_check(schema)

    async def migrate(self, schema: Schema) -> tuple[str, ...]:
        if schema.hash == self.schema.hash:
            return ()
        from kg.store.evolve import convert_tables
        from kg.store.rescheme import rescheme_tables

        tables = self.tables
        kinds: tuple[Any, ...] = (tables.versions, tables.claims, tables.edges, tables.relation_claims)
        held = [(row, row.properties) for kind in kinds for row in kind.values()]
        try:
            done = convert_tables(tables, self.schema, schema) + rescheme_tables(tables, self.schema, schema)
        except SchemaError:
            for row, properties in held:
                row.properties = properties
            raise
        self.tables.earlier.append(self.schema)
        self.schema = schema
        self._check = shape_check(schema, self.tables.earlier)
        return done

    async def commit(self, change_set: ChangeSet, *, now: int | None = None) -> Receipt:
        tables = self.tables
        instant = time.time_ns() // 1000 if now is None else now
        content = ""
        if change_set.key:
            content = content_hash(change_set)
            held = self._held(change_set.key, instant)
            if held is not None:
                same_content(change_set.key, held.content, content)
                return replace(held.receipt, replayed=True)
        system = system_instant(tables.system, instant, change_set.recorded_at)
        delta = plan(change_set, TablesReading(tables), self.schema, system, check=self._check)
        assert delta.receipt is not None
        receipt = delta.receipt
        if delta.writes or change_set.key:
            receipt = replace(receipt, system=system, seq=len(tables.tx) + 1)
        tables.apply(delta, system)
        if receipt.seq is not None:
            tables.tx.append(
                TxRow(
                    receipt.seq, system, change_set.run, change_set.key, content, change_set.author,
                    change_set.reason, receipt, change_set.recorded_at is not None,
                )
            )  # fmt: skip
        return receipt

    def _held(self, key: str, now: int) -> TxRow | None:
        for tx in reversed(self.tables.tx):
            if tx.key == key and (tx.recorded or tx.system > now - KEPT_MICROSECONDS):
                return tx
        return None

    async def execute(self, query: Query, scope: Scope) -> bytes:
        from kg.query.cursor import CursorCodec
        from kg.query.interpreter import Interpreter
        from kg.query.secure import secure

        secured = secure(query, self.schema, scope)
        for at in system_instants(secured):
            check_readable(at, self.tables.system, self.tables.pruned_before)
        codec = CursorCodec(self.cursor_secret)
        interpreter = Interpreter(self.schema, TableRows(self.tables), codec, self.tables.system)
        return orjson.dumps(interpreter.run(secured))

    async def scan(self, scan: Scan, scope: Scope) -> AsyncIterator[pa.RecordBatch]:
        from kg.store.arrow import batch, scan_columns, scan_query

        columns = scan_columns(self.schema, scan)
        answer = orjson.loads(await self.execute(scan_query(self.schema, scan), scope))
        rows = answer["rows"]
        for at in range(0, len(rows), scan.batch):
            yield batch(columns, rows[at : at + scan.batch])

    async def changes(self, after: Position, scope: Scope, *, limit: int = 1000) -> tuple[ChangeEntry, ...]:
        from kg.store.base import ChangeEntry
        from kg.store.feed import entries_of, visible

        out: list[ChangeEntry] = []
        erased = {e["seq"]: e for e in self.tables.erased}
        for tx in self.tables.tx[max(after.seq - 1, 0) :]:
            here = (tx.system,)
            versions = [r for r in self.tables.versions.values() if r.system_from in here or r.system_to in here]
            edges = [r for r in self.tables.edges.values() if r.system_from in here or r.system_to in here]
            entries = [e for e in entries_of(tx.seq, tx.system, versions, edges) if e[0].position > after]
            out += await visible(entries, self.schema, scope, self.execute)
            gone = erased.get(tx.seq)
            if gone is not None and Position(tx.seq, 1) > after:
                out.append(
                    ChangeEntry(
                        Position(tx.seq, 1), tx.system, "erased", "entity", gone["entity"], gone["property"], 0, 0, {}
                    )
                )
            if len(out) >= limit:
                break
        return tuple(out[:limit])

    async def clock(self) -> Clock:
        tx = self.tables.tx
        return Clock(tx[-1].system, tx[-1].seq) if tx else Clock(0, 0)

    async def receipt(self, key: str) -> Receipt | None:
        return next((tx.receipt for tx in reversed(self.tables.tx) if tx.key == key), None)

    async def runs(self) -> tuple[dict[str, Any], ...]:
        return runs_of(self.tables.tx)

    async def sources(self, scope: Scope) -> tuple[Source, ...]:
        held = self.tables.sources
        return tuple(held[name] for name in sorted(held) if name and held[name].level <= scope.level)

    async def backup(self, path: Path) -> None:
        from kg.store.archive import write_archive

        write_archive(path, self.schema, self.tables)

    async def restore(self, path: Path) -> None:
        from kg.store.archive import read_archive

        if self.tables.tx:
            raise QueryError("The store is not empty", remedy="Restore into a new store.")
        self.schema, self.tables = read_archive(path)
        self._check = shape_check(self.schema, self.tables.earlier)

    async def check(self) -> tuple[Finding, ...]:
        from kg.store.invariants import check_tables

        return tuple(check_tables(self.schema, self.tables))

    async def erase(self, request: EraseRequest, *, now: int | None = None) -> Receipt:
        tables = self.tables
        if not tables.records.ever("entity", request.entity):
            raise NotFound("No entity has this id", field="entity", value=request.entity, remedy="Look it up first.")
        system = system_instant(tables.system, time.time_ns() // 1000 if now is None else now, None)
        count = erase_rows(tables, request)
        refuse_unknown(self.schema, request, count)
        seq = len(tables.tx) + 1
        receipt = Receipt(read=count, loaded=count, system=system, seq=seq)
        tables.tx.append(TxRow(seq, system, "", "", "", request.author, request.reason, receipt))
        tables.erased.append(
            {
                "seq": seq, "system": system, "entity": request.entity, "property": request.property,
                "reason": request.reason, "author": request.author,
            }
        )  # fmt: skip
        return receipt

    async def prune(self, before: int) -> int:
        return prune_rows(self.tables, min(before, self.tables.system))

    async def close(self) -> None:
        return None


class TableRows:
    """The rows of `Tables` as plain iterables, as the interpreter takes them."""

    def __init__(self, tables: Tables) -> None:
        self.records = tables.records.values()
        self.claims = tables.claims.values()
        self.versions = tables.versions.values()
        self.edges = tables.edges.values()
        self.identifiers = tables.identifiers.values()


def system_instants(node: Any) -> set[int]:
    """All system instants (not ranges) that a query names."""
    from dataclasses import fields, is_dataclass

    from kg.query.algebra import Time

    if isinstance(node, Time):
        return {node.system} if isinstance(node.system, int) else set()
    if isinstance(node, tuple):
        return set().union(*(system_instants(one) for one in node)) if node else set()
    if is_dataclass(node):
        return set().union(set(), *(system_instants(getattr(node, f.name)) for f in fields(node)))
    return set()


def runs_of(commits: list[TxRow]) -> tuple[dict[str, Any], ...]:
    """Commits by run, in order of their first."""
    out: dict[str, dict[str, Any]] = {}
    for tx in commits:
        run = out.setdefault(
            tx.run,
            {
                "run": tx.run, "author": tx.author, "reason": tx.reason, "firstSystem": tx.system,
                "commits": 0, "read": 0, "loaded": 0, "merged": 0, "unchanged": 0,
            },
        )  # fmt: skip
        run["lastSystem"] = tx.system
        run["commits"] += 1
        for name in ("read", "loaded", "merged", "unchanged"):
            run[name] += getattr(tx.receipt, name)
    return tuple(out.values())
