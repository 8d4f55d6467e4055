# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Erasing and pruning: the only verbs that remove what is stored. `secure_delete` overwrites what was there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kg.errors import NotFound
from kg.model.changes import Receipt
from kg.store.commit.envelope import system_instant
from kg.store.erasing import refuse_unknown
from kg.store.sqlite import words
from kg.store.sqlite.commit import SPANS, record_tx
from kg.store.sqlite.connection import head
from kg.store.sqlite.layout import ROW_BITS
from kg.store.sqlite.names import Names, keys_json
from kg.store.sqlite.values import decoder, properties_of, properties_text
from kg.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from kg.store.base import EraseRequest
    from kg.store.sqlite.layout import Layout, Slot
    from kg.store.sqlite.writer import Writers

TABLES = ("record", "claim", "version", "relation_claim", "edge", "identifier")


def erase(db: apsw.Connection, writers: Writers, request: EraseRequest, now: int) -> Receipt:
    """In the open transaction. NotFound for an id that no record ever belonged to, or a property that nothing has."""
    entity = db.execute("select key from entity where id = ?", (request.entity,)).get
    records = [] if entity is None else list(
        db.execute("select distinct source, local from record where entity = ?1 union "
                   "select source, local from record where home = ?1 and home <> entity", (entity,))
    )  # fmt: skip
    if not records:
        raise NotFound("No entity has this id", field="entity", value=request.entity, remedy="Look it up first.")
    last = head(db)
    system = system_instant(last.system, now, None)
    writer = Writer(db, writers, Names(db))
    before = {table: writer.next_row(table) for table in SPANS}
    eraser = Eraser(db, writers)
    count = eraser.property(entity, records, request.property) if request.property else eraser.entity(entity, records)
    refuse_unknown(writers.schema, request, count)
    receipt = Receipt(read=count, loaded=count, system=system, seq=last.seq + 1)
    record_tx(db, writer, before, receipt, request.author, request.reason, kind="erase")
    db.execute(
        "insert into tombstone (seq, system, entity, property, reason, author) values (?, ?, ?, ?, ?, ?)",
        (receipt.seq, system, request.entity, request.property, request.reason, request.author),
    )
    db.execute("insert into words (words) values ('optimize')")  # old segments still hold the tokens
    return receipt


class Eraser:
    """Removes rows with all that hangs on them."""

    def __init__(self, db: apsw.Connection, writers: Writers) -> None:
        self.db = db
        self.writers = writers
        self.layout: Layout = writers.layout

    def entity(self, entity: int, records: list[tuple[int, str]]) -> int:
        count = 0
        for source, local in records:
            name = self.db.execute("select id from source where key = ?", (source,)).get
            count += self._drop("claim", "source = ? and local = ?", (source, local))
            count += self._drop(
                "relation_claim",
                "row in (select row from relation_claim where start_source = ?1 and start_local = ?2 union "
                "select row from relation_claim where end_source = ?1 and end_local = ?2 union "
                "select row from relation_claim_ref where source = ?1 and local = ?2)",
                (name, local),
            )
        count += self._drop("version", "entity = ?", (entity,))
        numbers = ", ".join(str(n) for n in self.layout.relation_names)
        for end in ("src", "dst"):
            count += self._drop("edge", f"{end} = ? and rel in ({numbers})", (entity,))
        count += self._drop("identifier", "entity = ?", (entity,))
        for source, local in records:
            count += self._drop("record", "source = ? and local = ?", (source, local))
        return count

    def _drop(self, table: str, where: str, bindings: tuple[object, ...]) -> int:
        rows = [row for (row,) in self.db.execute(f"select row from {table} where {where}", bindings)]
        self.drop(table, rows)
        return len(rows)

    def drop(self, table: str, rows: list[int]) -> None:
        """Rows of a table by number, from the indexes beside it too."""
        if not rows:
            return
        asked = (keys_json(rows),)
        entities: list[int] = []
        listed = "in (select value from json_each(?))"
        if table == "version":
            entities = [e for (e,) in self.db.execute(f"select distinct entity from version where row {listed}", asked)]
            for column in self.layout.boxed():
                self.db.execute(f"delete from box_{column.name} where row {listed}", asked)
            for name in self._side_tables():
                self.db.execute(f"delete from some_{name} where row {listed}", asked)
        if table == "relation_claim":
            self.db.execute(f"delete from relation_claim_ref where row {listed}", asked)
        if table in ("claim", "relation_claim"):
            self.db.execute(
                "delete from affirmation where relation = ?2 and claim in (select value from json_each(?1))",
                (*asked, int(table == "relation_claim")),
            )
        self.db.execute(f"delete from {table} where row {listed}", asked)
        if table == "version":
            words.make_again(self.db, self.writers, entities)

    def _side_tables(self) -> Iterable[str]:
        for (name,) in list(
            self.db.execute("select name from sqlite_schema where type = 'table' and name glob 'some_s*'")
        ):
            yield str(name).removeprefix("some_")

    # ---------------------------------------------------------------- one property

    def property(self, entity: int, records: list[tuple[int, str]], name: str) -> int:
        gone: set[str] = set()
        count = 0
        for source, local in records:
            for row, text in list(
                self.db.execute("select row, properties from claim where source = ? and local = ?", (source, local))
            ):
                says = properties_of(text)
                if name in says:
                    _remember(gone, says.pop(name))
                    self.db.execute("update claim set properties = ? where row = ?", (properties_text(says), row))
                    count += 1
        for row, attribution in list(self.db.execute("select row, att from version where entity = ?", (entity,))):
            count += self._version_property(row, attribution, name, gone)
        words.make_again(self.db, self.writers, (entity,))
        held = [
            row
            for row, value in self.db.execute("select row, value from identifier where entity = ?", (entity,))
            if value in gone
        ]
        self.drop("identifier", held)
        return count + len(held)

    def _version_property(self, row: int, attribution: int, name: str, gone: set[str]) -> int:
        slots = [s for s in self.layout.slots_of("version", row >> ROW_BITS) if s.name == name]
        found = False
        for slot in slots:
            value = self.db.execute(f"select {slot.column} from version where row = ?", (row,)).get
            if value is None:
                continue
            decode = decoder(slot)
            _remember(gone, decode(value) if decode else value)
            found = True
            self._clear(row, slot)
        sources = orjson.loads(self.db.execute("select sources from attribution where key = ?", (attribution,)).get)
        if sources.pop(name, None) is not None:
            key = Names(self.db).attribution(sources)
            self.db.execute("update version set att = ? where row = ?", (key, row))
        return int(found)

    def _clear(self, row: int, slot: Slot) -> None:
        column = self.layout.columns["version", slot.column]
        self.db.execute(f"update version set {slot.column} = null where row = ?", (row,))
        if column.boxed:
            self.db.execute(f"update version set {slot.column}x = null, {slot.column}y = null where row = ?", (row,))
            self.db.execute(f"delete from box_{slot.column} where row = ?", (row,))
        if slot.many and slot.column in set(self._side_tables()):
            self.db.execute(f"delete from some_{slot.column} where row = ?", (row,))


def _remember(gone: set[str], value: Any) -> None:
    gone.update(map(str, value) if isinstance(value, tuple) else (str(value),))


def prune(db: apsw.Connection, writers: Writers, before: int) -> int:
    """Rows superseded at or before an instant, in the open transaction; how many."""
    last = head(db)
    before = min(before, last.system)
    eraser = Eraser(db, writers)
    count = 0
    for table in TABLES:
        rows = [row for (row,) in db.execute(f"select row from {table} where st <= ?", (before,))]
        eraser.drop(table, rows)
        count += len(rows)
    db.execute("insert or replace into meta (name, value) values ('pruned', ?)", (max(before, last.pruned),))
    db.execute("insert into words (words) values ('optimize')")
    return count
