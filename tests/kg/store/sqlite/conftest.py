"""Rows put straight into a file in memory, so that compiled queries can be held against the interpreter."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import apsw
import orjson
import pytest

from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, VersionRow
from kg.query.algebra import Query
from kg.query.cursor import CursorCodec
from kg.query.interpreter import Interpreter
from kg.query.secure import Scope, secure
from kg.schema.types import Schema
from kg.store.sqlite import migrations
from kg.store.sqlite.connection import connect, head, writing
from kg.store.sqlite.functions import register_cursor
from kg.store.sqlite.layout import read
from kg.store.sqlite.names import Names
from kg.store.sqlite.run import Runner
from kg.store.sqlite.writer import Writer, Writers

CODEC = CursorCodec(b"x" * 32)
LATEST = 50


@dataclass
class Rows:
    """All rows of a store; `Tables` of the interpreter."""

    records: list[RecordRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)
    versions: list[VersionRow] = field(default_factory=list)
    edges: list[EdgeRow] = field(default_factory=list)
    identifiers: list[IdentifierRow] = field(default_factory=list)


@dataclass
class Filled:
    """A file in memory with rows in it, and the interpreter over the same rows."""

    schema: Schema
    rows: Rows
    db: apsw.Connection
    runner: Runner

    def asked(self, query: Query, scope: Scope) -> tuple[Any, Any]:
        """The answers of the compiled statement and of the interpreter."""
        secured = secure(query, self.schema, scope)
        compiled = orjson.loads(self.runner.run(self.db, head(self.db), secured))
        return compiled, Interpreter(self.schema, self.rows, CODEC, LATEST).run(secured)


def fill(schema: Schema, rows: Rows, latest: int = LATEST) -> Filled:
    db = connect(":memory:", writer=True)
    register_cursor(db, CODEC)
    with writing(db):
        migrations.create(db)
        migrations.migrate(db, schema)
        layout = read(db)
        names = Names(db)
        writer = Writer(db, Writers(layout, schema), names)
        names.mint(sorted(_entities(rows, writer)))
        writer.records(rows.records)
        writer.claims(rows.claims)
        writer.versions(rows.versions)
        writer.edges(rows.edges)
        writer.identifiers(rows.identifiers)
        writer.keep_sequences()
        db.execute("insert into tx values (1, ?, 'run', '', '', 'commit', '{}', 0, 0, 0, 0, 0, 0, 0, 0)", (latest,))
    return Filled(schema, rows, db, Runner(schema, layout, head(db).layout))


def _entities(rows: Rows, writer: Writer) -> set[str]:
    out = {v.entity for v in rows.versions} | {i.entity for i in rows.identifiers}
    out |= {e for r in rows.records for e in (r.home, r.entity)}
    return out | set(writer.entities_of_edges(rows.edges))


@pytest.fixture
def filled() -> Iterable[Callable[[Schema, Rows], Filled]]:
    made: list[Filled] = []

    def make(schema: Schema, rows: Rows) -> Filled:
        made.append(fill(schema, rows))
        return made[-1]

    yield make
    for one in made:
        one.db.close()
