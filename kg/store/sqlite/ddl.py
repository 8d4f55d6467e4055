# ruff: noqa: ISC004 - names come from the layout and the Schema; statements are long
"""The statements that make the file. Intervals are `[vf, vt)` valid, `[sf, st)` system, `[lf, lt)` level.

Partial indexes are used only where a statement says the end of time as the same literal: `CURRENT`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.model.intervals import OPEN
from kg.query.text import TOKENIZER

if TYPE_CHECKING:
    from kg.store.sqlite.layout import Column

FORMAT = 2
"""Of the tables below; `meta.format` holds it."""
APPLICATION_ID = 0x4A574B47  # "JWKG"
CURRENT = f"= {OPEN}"
PAST = f"< {OPEN}"

_TABLES = f"""
create table meta (
    name text primary key, value
) without rowid;
create table class_type (
    t integer primary key, name text not null unique
);
create table relation_type (
    r integer primary key, name text not null unique
);
create table slot_column (
    kind text not null, ordinal integer not null, name text not null, datatype text not null,
    many integer not null, exclusive integer not null, primary key (kind, name)
) without rowid;
create table slot (
    ordinal integer primary key, kind text not null, holder integer not null, name text not null,
    datatype text not null, many integer not null, col text not null, unique (kind, holder, col)
);
create table conversion (
    ordinal integer primary key, schema text not null, class text not null, property text not null,
    was text not null, became text not null, old_column text not null, new_column text not null
);
create table schema (
    ordinal integer primary key, hash text not null, json text not null
);
create table source (
    key integer primary key, id text not null unique, label text not null, priority integer not null,
    level integer not null, timezone text not null
);
create table attribution (
    key integer primary key, sources text not null unique
);
create table run (
    key integer primary key, id text not null unique
);
create table entity (
    key integer primary key, id text not null unique
);
create table record (
    row integer primary key, source integer not null, local text not null, home integer not null,
    entity integer not null, lf integer not null, lt integer not null, sf integer not null,
    st integer not null
);
create table claim (
    row integer primary key, source integer not null, local text not null, cls text not null,
    properties text not null, vf integer not null, vt integer not null, level integer not null,
    confidence real not null, stated integer, mentioned integer not null, run integer not null,
    anchors text, sf integer not null, st integer not null
);
create table version (
    row integer primary key, t integer not null, entity integer not null, id text not null,
    vf integer not null, vt integer not null, sf integer not null, st integer not null,
    lf integer not null, lt integer not null, mentioned integer not null, att integer not null
);
create table relation_claim (
    row integer primary key, line text not null, source integer not null, rel text not null,
    start_source text not null, start_local text not null, end_source text not null,
    end_local text not null, properties text not null, refs text, vf integer not null,
    vt integer not null, level integer not null, confidence real not null, stated integer,
    run integer not null, anchors text, sf integer not null, st integer not null
);
create table relation_claim_ref (
    source text not null, local text not null, row integer not null, primary key (source, local, row)
) without rowid;
create table edge (
    row integer primary key, edge text not null, rel integer not null, src integer not null,
    dst integer not null, vf integer not null, vt integer not null, sf integer not null,
    st integer not null, lf integer not null, lt integer not null, att integer not null
);
create table identifier (
    row integer primary key, scheme text not null, value text not null, entity integer not null,
    vf integer not null, vt integer not null, sf integer not null, st integer not null,
    lf integer not null, lt integer not null
);
create table affirmation (
    ordinal integer primary key, relation integer not null, claim integer not null, run integer not null
);
create table tx (
    seq integer primary key, system integer not null unique, run text not null, author text not null,
    reason text not null, kind text not null, counts text not null, claims_from integer not null,
    claims_to integer not null, relation_claims_from integer not null,
    relation_claims_to integer not null, versions_from integer not null, versions_to integer not null,
    edges_from integer not null, edges_to integer not null
);
create table idempotency (
    key text primary key, hash text not null, receipt text not null, system integer not null,
    recorded integer not null
);
create table tombstone (
    ordinal integer primary key, seq integer not null, system integer not null, entity text not null,
    property text not null, reason text not null, author text not null
);
create virtual table words using fts5 (tokens, content='', contentless_delete=1, detail=none, tokenize='{TOKENIZER}')
"""
TABLES = tuple(statement.strip() for statement in _TABLES.split(";"))

INDEXES = (
    "create index record_key on record (source, local, st)",
    "create index record_entity on record (entity, st)",
    "create index record_moved on record (home) where home <> entity",
    "create index claim_key on claim (source, local, st)",
    f"create index claim_closed on claim (st) where st {PAST}",
    f"create index relation_claim_closed on relation_claim (st) where st {PAST}",
    # Log entries of the planner: rows of a level that nobody reads.
    f"create index claim_logged on claim (run) where level {CURRENT}",
    f"create index relation_claim_logged on relation_claim (run) where level {CURRENT}",
    "create index version_entity on version (entity, st, vf, vt, lf, lt)",
    f"create index version_id on version (t, id, vf, vt, lf, lt) where st {CURRENT}",
    f"create index version_closed on version (st) where st {PAST}",
    "create index relation_claim_line on relation_claim (line, st)",
    "create index relation_claim_start on relation_claim (start_source, start_local, end_source, end_local)",
    "create index relation_claim_end on relation_claim (end_source, end_local)",
    "create index edge_line on edge (edge, st)",
    "create index edge_out on edge (src, rel, st, vf, vt, dst, lf, lt)",
    "create index edge_in on edge (dst, rel, st, vf, vt, src, lf, lt)",
    f"create index edge_closed on edge (st) where st {PAST}",
    "create index identifier_key on identifier (scheme, value, st)",
    "create index identifier_entity on identifier (entity, st)",
    "create index affirmation_claim on affirmation (relation, claim)",
    "create index affirmation_run on affirmation (run)",
    "create index tx_run on tx (run)",
    "create index idempotency_system on idempotency (system) where not recorded",
)


def column(column: Column) -> tuple[str, ...]:
    """Adds a slot's column, without a type: values keep the one they come with."""
    out = [f"alter table {column.kind} add column {column.name}"]
    if column.boxed:
        out += [f"alter table version add column {column.name}x", f"alter table version add column {column.name}y"]
        out.append(f"create virtual table box_{column.name} using rtree(row, west, east, south, north)")
    return tuple(out)


def indexes(column: Column) -> tuple[str, ...]:
    """For a slot that the ontology marks as indexed. `st` stands behind the value, so that one index serves readers of
    now (an equality) and of the past (a range)."""
    if column.datatype.value in ("geometry", "json"):
        return ()
    name, kind = column.name, column.kind
    if column.many:
        return (f"create table if not exists some_{name} (value, row integer, primary key (value, row)) without rowid",)
    if kind == "edge":
        return (f"create index if not exists edge_by_{name} on edge (rel, {name}, st) where {name} is not null",)
    return (
        f"create index if not exists version_by_{name} on version (t, {name}, st, id, vf, vt, lf, lt) "
        f"where {name} is not null",
    )
