# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Makes a file, and makes it fit a Schema.

Nothing is dropped: a property that is gone keeps its slot, a changed datatype or cardinality is a new slot with the
values converted where every one converts without loss, and the conversion is written down.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kg.errors import StoreCorrupt
from kg.model.intervals import OPEN
from kg.schema import serialise
from kg.store.evolve import Lossy, conversions, refused
from kg.store.rescheme import identifiers_ever, refuse_shared, reschemed, schemes_of
from kg.store.sqlite import ddl, words
from kg.store.sqlite.layout import ROW_BITS, grow, read, stored_schemas
from kg.store.sqlite.names import Names, keys_json
from kg.store.sqlite.reading import RowReader
from kg.store.sqlite.values import decoder, encoder, properties_of, properties_text
from kg.store.sqlite.writer import Writers

if TYPE_CHECKING:
    import apsw

    from kg.model.rows import VersionRow
    from kg.schema.types import Schema
    from kg.store.evolve import Conversion
    from kg.store.sqlite.layout import Kind, Layout, Slot

_BATCH = 5_000


def is_store(db: apsw.Connection) -> bool:
    """Whether the file holds a store; False for an empty file. StoreCorrupt for any other database."""
    application = db.pragma("application_id")
    if application == ddl.APPLICATION_ID:
        found = db.execute("select value from meta where name = 'format'").get
        if found != ddl.FORMAT:
            raise StoreCorrupt(
                f"The store's file has format {found}, this version reads {ddl.FORMAT}",
                where=db.filename,
                remedy="Use the version of Jingwei that wrote it to make a backup, and restore that here.",
            )
        return True
    if db.execute("select count(*) from sqlite_schema").get:
        raise StoreCorrupt(
            "The file is a database, but not a Jingwei store", where=db.filename, remedy="Give the path of a new file."
        )
    return False


def create(db: apsw.Connection) -> None:
    """The tables, in the open transaction."""
    for statement in (*ddl.TABLES, *ddl.INDEXES):
        db.execute(statement)
    db.execute("insert into meta (name, value) values ('format', ?)", (ddl.FORMAT,))
    db.execute("insert into meta (name, value) values ('cursor_secret', randomblob(32))")
    # Few large merges of the word index instead of many small ones: a third of the time of writing it.
    db.execute("insert into words (words, rank) values ('automerge', 0), ('crisismerge', 32)")
    db.execute(f"pragma application_id = {ddl.APPLICATION_ID}")


def stored_schema(db: apsw.Connection) -> Schema | None:
    """The Schema that the file was last made to fit."""
    text = db.execute("select json from schema order by ordinal desc limit 1").get
    return None if text is None else serialise.from_json(text)


def migrate(db: apsw.Connection, schema: Schema) -> tuple[str, ...]:
    """Makes the file fit `schema`, in the open transaction; what was done, a line each."""
    before = stored_schema(db)
    if before is not None and before.hash == schema.hash:
        return ()
    layout = read(db)
    done: list[str] = []
    growth = grow(layout, schema)
    db.executemany("insert into class_type (name, t) values (?, ?)", growth.types)
    db.executemany("insert into relation_type (name, r) values (?, ?)", growth.relations)
    for column in growth.columns:
        db.execute(
            "insert into slot_column values (?, ?, ?, ?, ?, ?)",
            (column.kind, int(column.name[1:]), column.name, column.datatype.value, column.many, column.exclusive),
        )
        for statement in ddl.column(column):
            db.execute(statement)
    for slot in growth.slots:
        db.execute(
            "insert into slot (kind, holder, name, datatype, many, col) values (?, ?, ?, ?, ?, ?)",
            (slot.kind, slot.holder, slot.name, slot.datatype.value, slot.many, slot.column),
        )
    done += [f"class {name}: added" for name, _ in growth.types]
    done += [f"relation {name}: added" for name, _ in growth.relations]
    done += _index(db, layout, schema)
    if before is not None:
        done += _convert(db, layout, schema, stored_schemas(db))
        done += _identify(db, layout, before, schema)
        done += _refill_words(db, layout, before, schema)
        done += _gone(before, schema)
    _views(db, layout, schema)
    db.execute("insert into schema (hash, json) values (?, ?)", (schema.hash, serialise.to_json(schema)))
    db.execute("insert or replace into meta (name, value) values ('layout', (select count(*) from schema))")
    return (*done, f"schema {schema.hash[:12]}: stored")


def _live_slots(layout: Layout, schema: Schema) -> dict[tuple[str, str, str], Slot]:
    """(kind, class or relation, property) → slot, for what `schema` has."""
    out: dict[tuple[str, str, str], Slot] = {}
    for cls in schema.classes.values():
        if not cls.abstract:
            for prop in cls.properties:
                out["version", cls.name, prop.name] = layout.slot("version", layout.types[cls.name], prop)
    for relation in schema.relations.values():
        for prop in relation.properties:
            out["edge", relation.name, prop.name] = layout.slot("edge", layout.relations[relation.name], prop)
    return out


def _index(db: apsw.Connection, layout: Layout, schema: Schema) -> list[str]:
    """Indexes for what is marked and has none yet; a side index for 'some value' is filled from the rows."""
    done: list[str] = []
    for (kind, owner, name), slot in sorted(_live_slots(layout, schema).items()):
        prop = (schema.classes[owner] if kind == "version" else schema.relations[owner]).property(name)
        if prop is None or not prop.indexed:
            continue
        for statement in ddl.indexes(layout.columns[slot.kind, slot.column]):
            made = statement.split(" if not exists ")[1].split()[0]
            if not db.execute("select 1 from sqlite_schema where name = ?", (made,)).get:
                db.execute(statement)
                done.append(f"index on {owner}.{name}: made")
                if slot.many and kind == "version":
                    db.execute(
                        f"insert into {made} select distinct j.value, v.row "
                        f"from version v, json_each(v.{slot.column}) j"
                    )
    return done


def _gone(before: Schema, schema: Schema) -> list[str]:
    done = [
        f"class {name}: gone, its entities stay stored"
        for name in sorted(before.classes.keys() - schema.classes.keys())
    ]
    for kind, was, now in (("class", before.classes, schema.classes), ("relation", before.relations, schema.relations)):
        for name in sorted(was.keys() & now.keys()):
            left = {p.name for p in was[name].properties} - {p.name for p in now[name].properties}
            done += [f"{kind} {name}: property {p} gone, readable as raw" for p in sorted(left)]
    return done


# ---------------------------------------------------------------- conversion


def _convert(db: apsw.Connection, layout: Layout, schema: Schema, history: list[Schema]) -> list[str]:
    """Values of changed declarations into their new slots, and the claims that say them. SchemaError names those
    that do not convert; the transaction is given up then."""
    bad: set[str] = set()
    done: list[str] = []
    for (owner, name), convert in sorted(conversions(history, schema).items(), key=lambda item: item[0]):
        kind: Kind = "version" if owner in schema.classes else "edge"
        holder = layout.types[owner] if kind == "version" else layout.relations[owner]
        was, now = layout.slot(kind, holder, convert.old), layout.slot(kind, holder, convert.new)
        bad |= _convert_rows(db, owner, was, now, convert)
        bad |= _convert_claims(db, kind, owner, name, convert)
        if convert.moves:
            db.execute(
                "insert into conversion (schema, class, property, was, became, old_column, new_column) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (schema.hash, owner, name, _kind_of(was), _kind_of(now), was.column, now.column),
            )
            done.append(f"converted {owner}.{name}")
    if bad:
        raise refused(bad)
    return done


def _kind_of(slot: Slot) -> str:
    return f"{slot.datatype.value}{'[]' if slot.many else ''}"


def _convert_rows(db: apsw.Connection, owner: str, was: Slot, now: Slot, convert: Conversion) -> set[str]:
    encode, decode = encoder(now), decoder(was)
    low, high = was.holder << ROW_BITS, (was.holder + 1) << ROW_BITS
    updates: list[tuple[Any, int]] = []
    bad: set[str] = set()
    for row, stored in db.execute(
        f"select row, {was.column} from {was.kind} where row >= ? and row < ? and {was.column} is not null", (low, high)
    ):
        value = decode(stored) if decode else stored
        try:
            updates.append((encode(convert(value)), row))
        except Lossy:
            bad.add(f"{owner}.{now.name} = {value!r}")
    if convert.moves:
        # The old slot is emptied, so that what is erased later is nowhere else.
        db.executemany(f"update {now.kind} set {now.column} = ?, {was.column} = null where row = ?", updates)
        _move_side_rows(db, was, now, low, high)
    return bad


def _move_side_rows(db: apsw.Connection, was: Slot, now: Slot, low: int, high: int) -> None:
    """The same in the tables of 'some value'."""
    tables = {name for (name,) in db.execute("select name from sqlite_schema where name glob 'some_*'")}
    if f"some_{was.column}" in tables and was.kind == "version":
        db.execute(f"delete from some_{was.column} where row >= ? and row < ?", (low, high))
    if f"some_{now.column}" in tables and now.kind == "version":
        db.execute(
            f"insert or ignore into some_{now.column} select distinct j.value, v.row "
            f"from version v, json_each(v.{now.column}) j where v.row >= ? and v.row < ?",
            (low, high),
        )


def _convert_claims(db: apsw.Connection, kind: Kind, owner: str, name: str, convert: Conversion) -> set[str]:
    table, column = ("claim", "cls") if kind == "version" else ("relation_claim", "rel")
    updates = []
    bad: set[str] = set()
    for row, text in db.execute(f"select row, properties from {table} where {column} = ?", (owner,)):
        says = properties_of(text)
        if says.get(name) is None:
            continue
        try:
            says[name] = convert(says[name])
        except Lossy:
            bad.add(f"{owner}.{name} = {says[name]!r}")
        updates.append((properties_text(says), row))
    db.executemany(f"update {table} set properties = ? where row = ?", updates)
    return bad


def _refill_words(db: apsw.Connection, layout: Layout, before: Schema, schema: Schema) -> list[str]:
    """The word index of classes whose searchable properties are others now."""
    done: list[str] = []
    writers = Writers(layout, schema)
    for name, cls in sorted(schema.classes.items()):
        earlier = before.classes.get(name)
        if cls.abstract:
            continue
        was = {p.name for p in earlier.properties if p.searchable} if earlier else set()
        if {p.name for p in cls.properties if p.searchable} == was:
            continue
        low, high = writers.cls(name).number << ROW_BITS, (writers.cls(name).number + 1) << ROW_BITS
        entities = [
            entity
            for (entity,) in db.execute("select distinct entity from version where row >= ? and row < ?", (low, high))
        ]
        if earlier or entities:
            words.make_again(db, writers, entities)
            done.append(f"{name}: search index made again")
    return done


def _identify(db: apsw.Connection, layout: Layout, before: Schema, schema: Schema) -> list[str]:
    """Identifier rows of entities of the classes whose identifiers are others now. SchemaError where two would hold one
    at one point; the transaction is given up then."""
    classes = reschemed(before, schema)
    entities: set[int] = set()
    for name in classes:
        low = layout.types[name] << ROW_BITS
        entities.update(
            entity
            for (entity,) in db.execute(
                "select distinct entity from version where row >= ? and row < ?", (low, low + (1 << ROW_BITS))
            )
        )
    reader, schemes, todo = RowReader(db, layout, schema, Names(db)), schemes_of(schema), sorted(entities)
    for at in range(0, len(todo), _BATCH):
        rows: dict[int, list[VersionRow]] = defaultdict(list)
        for entity, *row in db.execute(
            f"select v.entity, {reader.version_columns()} from json_each(?) j "
            "cross join version v on v.entity = j.value",
            (keys_json(todo[at : at + _BATCH]),),
        ):
            rows[entity].append(reader.version(tuple(row)))
        db.executemany("delete from identifier where entity = ?", [(entity,) for entity in rows])
        db.executemany(
            "insert into identifier (scheme, value, entity, vf, vt, lf, lt, sf, st) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (i.scheme, i.value, entity, i.valid_from, i.valid_to, i.level_from, i.level_to, i.system_from,
                 i.system_to)
                for entity, held in rows.items()
                for i in identifiers_ever(held[0].entity, held, schemes)
            ],
        )  # fmt: skip
    if entities:
        gained = sorted({scheme for name in classes for _, scheme in schemes[name]})
        refuse_shared(schema, db.execute(_SHARED, (keys_json(gained),)))
    return [f"{name}: identifiers made again" for name in classes]


_SHARED = (
    "select distinct a.scheme, a.value, x.id, y.id from json_each(?) j cross join identifier a on a.scheme = j.value "
    "cross join identifier b on b.scheme = a.scheme and b.value = a.value and b.entity > a.entity "
    "and a.vf < b.vt and b.vf < a.vt and a.sf < b.st and b.sf < a.st and a.lf < b.lt and b.lf < a.lt "
    "cross join entity x on x.key = a.entity cross join entity y on y.key = b.entity"
)


# ---------------------------------------------------------------- views for people


def _views(db: apsw.Connection, layout: Layout, schema: Schema) -> None:
    for (name,) in list(db.execute("select name from sqlite_schema where type = 'view' and name glob 'v_*'")):
        db.execute(f'drop view "{name}"')
    for name in sorted(schema.concrete("Thing") if "Thing" in schema.classes else ()):
        number = layout.types[name]
        columns = [
            f'{slot.column} as "{prop}"'
            for prop, slot in layout.live(schema, "version", name).items()
            if schema.classes[name].property(prop) is not None
        ]
        now = "unixepoch('now', 'subsec') * 1000000"
        db.execute(
            f'create view "v_{name}" as select id, {_readable("vf")} as "validFrom", {_readable("vt")} as "validTo"'
            f"{''.join(', ' + c for c in columns)} from version where t = {number} and st {ddl.CURRENT} "
            f"and lf = 0 and vf <= {now} and vt > {now}"
        )


def _readable(column: str) -> str:
    return f"iif(abs({column}) >= {OPEN}, null, datetime({column} / 1000000, 'unixepoch'))"
