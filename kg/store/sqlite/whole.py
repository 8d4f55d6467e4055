# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""All rows of the file, one after the other: for backups, and for `check`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kg.model.rows import IdentifierRow
from kg.store.archive import batches
from kg.store.sqlite import words
from kg.store.sqlite.connection import head
from kg.store.sqlite.layout import stored_schemas
from kg.store.sqlite.names import Names
from kg.store.sqlite.reading import CLAIM, RECORD, RECORD_ENDS, RELATION_CLAIM, RowReader
from kg.store.sqlite.receipts import commits, receipt_text
from kg.store.sqlite.values import dump
from kg.store.sqlite.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import apsw

    from kg.model.changes import Source
    from kg.model.rows import ClaimRow, EdgeRow, RecordRow, RelationClaimRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.archive import Archive
    from kg.store.sqlite.layout import Layout
    from kg.store.sqlite.writer import Writers
    from kg.store.tables import TxRow

_BATCH = 5000


class FileRows:
    """`kg.store.archive.Archived` over one snapshot; rows in the order of their system instants."""

    def __init__(self, db: apsw.Connection, layout: Layout, schema: Schema) -> None:
        self._db = db
        self._reader = RowReader(db, layout, schema, Names(db))
        self.pruned_before = head(db).pruned

    @property
    def sources(self) -> dict[str, Source]:
        return dict(self._reader.names.source_rows)

    @property
    def records(self) -> Iterator[RecordRow]:
        return map(
            self._reader.record, self._db.execute(f"select {RECORD} from record r {RECORD_ENDS} order by r.sf, r.row")
        )

    @property
    def claims(self) -> Iterator[ClaimRow]:
        return map(self._reader.claim, self._db.execute(f"select {CLAIM} from claim c order by c.sf, c.row"))

    @property
    def versions(self) -> Iterator[VersionRow]:
        return map(
            self._reader.version,
            self._db.execute(f"select {self._reader.version_columns()} from version v order by v.sf, v.row"),
        )

    @property
    def relation_claims(self) -> Iterator[RelationClaimRow]:
        return map(
            self._reader.relation_claim,
            self._db.execute(f"select {RELATION_CLAIM} from relation_claim c order by c.sf, c.row"),
        )

    @property
    def edges(self) -> Iterator[EdgeRow]:
        return map(
            self._reader.edge,
            self._db.execute(
                f"select {self._reader.edge_columns()} from edge e {self._reader.EDGE_ENDS} order by e.sf, e.row"
            ),
        )

    @property
    def identifiers(self) -> Iterator[IdentifierRow]:
        for row in self._db.execute(
            "select i.scheme, i.value, e.id, i.vf, i.vt, i.lf, i.lt, i.sf, i.st, i.row from identifier i "
            "cross join entity e on e.key = i.entity order by i.sf, i.row"
        ):
            yield IdentifierRow(*row)

    @property
    def tx(self) -> Iterator[TxRow]:
        return commits(self._db)

    @property
    def affirmed(self) -> dict[tuple[bool, int], list[str]]:
        out: dict[tuple[bool, int], list[str]] = defaultdict(list)
        for relation, claim, run in self._db.execute(
            "select a.relation, a.claim, n.id from affirmation a cross join run n on n.key = a.run order by a.ordinal"
        ):
            out[bool(relation), claim].append(run)
        return out

    @property
    def earlier(self) -> list[Schema]:
        return stored_schemas(self._db)[:-1]

    @property
    def erased(self) -> Iterator[dict[str, Any]]:
        for seq, system, entity, name, reason, author in self._db.execute(
            "select seq, system, entity, property, reason, author from tombstone order by ordinal"
        ):
            yield {
                "seq": seq, "system": system, "entity": entity, "property": name, "reason": reason, "author": author,
            }  # fmt: skip


# ---------------------------------------------------------------- filling an empty file


def fill(db: apsw.Connection, writers: Writers, archive: Archive) -> None:
    """Everything of an archive, in the open transaction. Rows are numbered anew, those of one commit in a row."""
    names = Names(db)
    names.put_sources(archive.sources())
    writer = Writer(db, writers, names)
    spans: dict[int, dict[str, list[int]]] = defaultdict(dict)
    numbers: dict[bool, dict[int, int]] = {False: {}, True: {}}
    for records in batches(archive.rows("records"), _BATCH):
        names.mint([n for r in records for n in (r.home, r.entity)])
        writer.records(records)
    for relation, kind, table in ((False, "claims", "claim"), (True, "relation_claims", "relation_claim")):
        for found in batches(archive.rows(kind), _BATCH):
            at = writer.next_row(table)
            for number, row in enumerate(found, at):
                numbers[relation][row.row] = number
            _span(spans, table, at, found)
            (writer.relation_claims if relation else writer.claims)(found)
    for kind, table in (("versions", "version"), ("edges", "edge")):
        for found in batches(archive.rows(kind), _BATCH):
            _span(spans, table, writer.next_row(table), found)
            if kind == "versions":
                names.mint([v.entity for v in found])
                writer.versions(found, index_words=False)
            else:
                names.mint(writer.entities_of_edges(found))
                writer.edges(found)
    for identifiers in batches(archive.rows("identifiers"), _BATCH):
        names.mint([i.entity for i in identifiers])
        writer.identifiers(identifiers)
    words.make_again(db, writers, [key for (key,) in db.execute("select key from entity")])
    writer.keep_sequences()
    for tx in archive.rows("tx"):
        _put_tx(db, tx, spans.get(tx.system, {}))
    for relation, row, runs in archive.affirmed():
        if row in numbers[relation]:
            db.executemany(
                "insert into affirmation (relation, claim, run) values (?, ?, ?)",
                [(int(relation), numbers[relation][row], names.run(run)) for run in runs],
            )
    db.executemany(
        "insert into tombstone (seq, system, entity, property, reason, author) values (?, ?, ?, ?, ?, ?)",
        [tuple(e[n] for n in ("seq", "system", "entity", "property", "reason", "author")) for e in archive.erased()],
    )
    db.execute("insert or replace into meta (name, value) values ('pruned', ?)", (archive.pruned_before,))


def _span(spans: dict[int, dict[str, list[int]]], table: str, first: int, rows: list[Any]) -> None:
    for number, row in enumerate(rows, first):
        span = spans[row.system_from].setdefault(table, [number, number])
        span[1] = number + 1


def _put_tx(db: apsw.Connection, tx: TxRow, spans: dict[str, list[int]]) -> None:
    counts = {n: getattr(tx.receipt, n) for n in ("read", "loaded", "merged", "unchanged", "rejected")}
    numbers = [n for t in ("claim", "relation_claim", "version", "edge") for n in spans.get(t, (0, 0))]
    db.execute(
        f"insert into tx values ({', '.join('?' * 15)})",
        (tx.seq, tx.system, tx.run, tx.author, tx.reason, "commit", dump(counts), *numbers),
    )
    if tx.key:
        db.execute(
            "insert or replace into idempotency (key, hash, receipt, system, recorded) values (?, ?, ?, ?, ?)",
            (tx.key, tx.content, receipt_text(tx.receipt), tx.system, tx.recorded),
        )
