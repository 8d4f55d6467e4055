# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Applies a Delta inside the write transaction that its Reading read from."""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from kg.errors import StoreCorrupt
from kg.geo.geometry import bounds
from kg.schema.types import Datatype
from kg.store.sqlite.layout import ROW_BITS
from kg.store.sqlite.names import keys_json
from kg.store.sqlite.values import dump, encoder, properties_text
from kg.store.sqlite.words import Wording, wording
from kg.store.sqlite.words import write as write_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import apsw

    from kg.model.changes import Value
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.commit.rows import Delta, Ops
    from kg.store.sqlite.layout import Layout, Slot
    from kg.store.sqlite.names import Names

Boxes = defaultdict[str, list[tuple[int, float | None, float | None, float | None, float | None]]]
"""By column: (row, west, south, east, north)."""
_POINT = '{"type":"Point","coordinates":['
_entity = attrgetter("entity")
TABLES = ("record", "claim", "version", "relation_claim", "edge", "identifier")


class ClassWriter:
    """How versions of one class are written: its statement, encoders, and what is indexed beside the row."""

    def __init__(self, layout: Layout, schema: Schema, name: str) -> None:
        self.number = layout.types[name]
        self.first = self.number << ROW_BITS
        live = layout.live(schema, "version", name)
        self.names = tuple(live)
        self.known = frozenset(live)
        self.encoded = tuple(
            (at, encode) for at, slot in enumerate(live.values()) if (encode := _encoder(slot)) is not None
        )
        self.boxed = tuple(
            (prop, live[prop].column) for prop in live if layout.columns["version", live[prop].column].boxed
        )
        properties = {p.name: p for p in schema.classes[name].properties} if name in schema.classes else {}
        self.searchable = tuple(sorted(n for n, p in properties.items() if p.searchable))
        self.some = tuple((n, live[n].column) for n, p in sorted(properties.items()) if p.many and p.indexed)
        columns = [slot.column for slot in live.values()]
        columns += [f"{column}{axis}" for _, column in self.boxed for axis in "xy"]
        self.insert = (
            f"insert into version (row, t, entity, id, vf, vt, sf, st, lf, lt, mentioned, att"
            f"{_more(columns)}) values ({', '.join('?' * (12 + len(columns)))})"
        )

    def values(self, properties: Any, row: int, boxes: Boxes) -> list[Any]:
        """Of the statement's property columns; adds each geometry's box to `boxes`. KeyError for a property that the
        class never had."""
        if not properties.keys() <= self.known:
            raise KeyError(*(properties.keys() - self.known))
        out: list[Any] = list(map(properties.get, self.names))
        for at, encode in self.encoded:
            value = out[at]
            if value is not None:
                out[at] = encode(value)
        for prop, column in self.boxed:
            shape = properties.get(prop)
            x, y = at_point = _coordinates(shape)
            out += at_point
            if x is not None:
                boxes[column].append((row, x, y, x, y))
            elif shape is not None:
                boxes[column].append((row, *bounds(shape)))
        return out


def _encoder(slot: Slot) -> Callable[[Any], Any] | None:
    """None where the value is stored as it is."""
    plain = slot.datatype in (Datatype.STRING, Datatype.DATE, Datatype.GEOMETRY, Datatype.JSON)
    return None if plain and not slot.many else encoder(slot)


def _coordinates(geometry: str | None) -> tuple[float | None, float | None]:
    if geometry is None or not geometry.startswith(_POINT):
        return None, None
    lon, lat = geometry[len(_POINT) : -2].split(",", 2)[:2]
    return float(lon), float(lat)


def _wordings_differ(was: Mapping[str, Value], now: Mapping[str, Value], names: tuple[str, ...]) -> bool:
    for name in names:  # noqa: SIM110 - a generator costs as much again, for each row
        if was.get(name) != now.get(name):
            return True
    return False


def _more(columns: Iterable[str]) -> str:
    return "".join(f", {column}" for column in columns)


class RelationWriter:
    """The same for one relation."""

    def __init__(self, layout: Layout, schema: Schema, name: str) -> None:
        self.number = layout.relations[name]
        live = layout.live(schema, "edge", name)
        self.encoders = tuple((prop, encoder(slot), slot.datatype is Datatype.ENTITY) for prop, slot in live.items())
        self.entities = tuple(prop for prop, slot in live.items() if slot.datatype is Datatype.ENTITY)
        columns = [slot.column for slot in live.values()]
        self.insert = (
            f"insert into edge (row, edge, rel, src, dst, vf, vt, sf, st, lf, lt, att{_more(columns)}) "
            f"values ({', '.join('?' * (12 + len(columns)))})"
        )

    def values(self, properties: Any, entities: dict[str, int]) -> list[Any]:
        out = []
        for prop, encode, entity in self.encoders:
            value = properties.get(prop)
            out.append(None if value is None else entities[value] if entity else encode(value))
        return out


class Writers:
    """Prepared statements' texts by class and relation for one Schema and layout."""

    def __init__(self, layout: Layout, schema: Schema) -> None:
        self.layout = layout
        self.schema = schema
        self._classes: dict[str, ClassWriter] = {}
        self._relations: dict[str, RelationWriter] = {}

    def cls(self, name: str) -> ClassWriter:
        found = self._classes.get(name)
        if found is None:
            found = self._classes[name] = ClassWriter(self.layout, self.schema, name)
        return found

    def relation(self, name: str) -> RelationWriter:
        found = self._relations.get(name)
        if found is None:
            found = self._relations[name] = RelationWriter(self.layout, self.schema, name)
        return found


class Writer:
    """One transaction's writing. `sequence` numbers go on from those in the file."""

    def __init__(self, db: apsw.Connection, writers: Writers, names: Names) -> None:
        self.db = db
        self.writers = writers
        self.names = names
        self.ending: dict[str, VersionRow] = {}  # a row of each entity that ends in this commit: its words are indexed
        self.sequence: dict[str, int] = dict(
            db.execute("select name, value from meta where name in ('version_sequence', 'edge_sequence')")
        )

    def next_row(self, table: str) -> int:
        """The number that the table's next row gets (versions and edges: the low bits)."""
        if table in ("version", "edge"):
            return self.sequence.get(f"{table}_sequence", 1)
        return int(self.db.execute(f"select coalesce(max(row), 0) + 1 from {table}").get)

    def apply(self, delta: Delta) -> None:
        """Closes and narrows, then inserts."""
        self.names.put_sources(delta.sources)
        self._names(delta)
        for table in TABLES:
            ops: Ops[Any] = getattr(delta, f"{table}s")
            self._close(table, ops, delta.system)
        self.ending.update((v.entity, v) for v in delta.versions.close)
        self.records(delta.records.insert)
        self.claims(delta.claims.insert)
        self.versions(delta.versions.insert)
        self.relation_claims(delta.relation_claims.insert)
        self.edges(delta.edges.insert)
        self.identifiers(delta.identifiers.insert)
        self.keep_sequences()
        self._bookkeeping(delta)

    def _names(self, delta: Delta) -> None:
        ids: list[str] = []
        for record in delta.records.insert:
            ids += (record.entity, record.home) if record.entity != record.home else (record.entity,)
        ids += map(_entity, delta.versions.insert)
        ids += map(_entity, delta.versions.close)
        ids += self.entities_of_edges(delta.edges.insert)
        ids += [identifier.entity for identifier in delta.identifiers.insert]
        self.names.mint(ids)

    def entities_of_edges(self, edges: Iterable[EdgeRow]) -> list[str]:
        """Ends, and what entity-valued properties name."""
        ids: list[str] = []
        for edge in edges:
            ids += (edge.start, edge.end)
            for name in self.writers.relation(edge.relation).entities:
                if name in edge.properties:
                    ids.append(str(edge.properties[name]))
        return ids

    def keep_sequences(self) -> None:
        """Writes down where the numbers of versions and edges go on."""
        self.db.executemany("insert or replace into meta (name, value) values (?, ?)", list(self.sequence.items()))

    def _close(self, table: str, ops: Ops[Any], system: int) -> None:
        if ops.close:
            # In order of the rows: a commit wrote its rows in order of the entities, so that neighbours share pages.
            rows = sorted([row.row for row in ops.close])
            self.db.executemany(f"update {table} set st = ? where row = ?", [(system, row) for row in rows])
        if ops.narrow:
            if table in ("claim", "relation_claim"):
                raise AssertionError(f"{table} rows have one level and are not narrowed")
            self.db.executemany(
                f"update {table} set lf = ?, lt = ? where row = ?", [(lf, lt, row.row) for row, lf, lt in ops.narrow]
            )

    def records(self, rows: Sequence[RecordRow]) -> None:
        entities = self.names.entities
        if rows:
            source = {name: self.names.source(name) for name in {r.source for r in rows}}
            self.db.executemany(
                "insert into record (source, local, home, entity, lf, lt, sf, st) values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (source[r.source], r.local, entities[r.home], entities[r.entity], r.level_from, r.level_to,
                     r.system_from, r.system_to)
                    for r in rows
                ],
            )  # fmt: skip

    def claims(self, rows: Sequence[ClaimRow]) -> None:
        if rows:
            source = {name: self.names.source(name) for name in {c.source for c in rows}}
            run = {name: self.names.run(name) for name in {c.run for c in rows}}
            self.db.executemany(
                "insert into claim (source, local, cls, properties, vf, vt, level, confidence, stated, mentioned, run, "
                "anchors, sf, st) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (source[c.source], c.local, c.cls, properties_text(c.properties), c.valid_from, c.valid_to, c.level,
                     c.confidence, c.stated, int(c.mentioned), run[c.run], dump(c.anchors) if c.anchors else None,
                     c.system_from, c.system_to)
                    for c in rows
                ],
            )  # fmt: skip

    def relation_claims(self, rows: Sequence[RelationClaimRow]) -> None:
        if not rows:
            return
        source, run = self.names.source, self.names.run
        first = self.next_row("relation_claim")
        self.db.executemany(
            "insert into relation_claim (row, line, source, rel, start_source, start_local, end_source, end_local, "
            "properties, refs, vf, vt, level, confidence, stated, run, anchors, sf, st) "
            f"values ({', '.join('?' * 19)})",
            [
                (row, c.line, source(c.source), c.relation, c.start.source, c.start.local, c.end.source, c.end.local,
                 properties_text(c.properties),
                 dump({n: (k.source, k.local) for n, k in c.references.items()}) if c.references else None,
                 c.valid_from, c.valid_to, c.level, c.confidence, c.stated, run(c.run),
                 dump(c.anchors) if c.anchors else None, c.system_from, c.system_to)
                for row, c in enumerate(rows, first)
            ],
        )  # fmt: skip
        references = {
            (key.source, key.local, row) for row, c in enumerate(rows, first) for key in c.references.values()
        }
        if references:
            self.db.executemany("insert into relation_claim_ref values (?, ?, ?)", sorted(references))

    def _take(self, table: str, count: int) -> int:
        name = f"{table}_sequence"
        first = self.sequence.get(name, 1)
        self.sequence[name] = first + count
        return first

    def versions(self, rows: Sequence[VersionRow], *, index_words: bool = True) -> None:
        if not rows:
            return
        entities, attribution = self.names.entities, self.names.attribution
        at = self._take("version", len(rows))
        statements: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        said: list[tuple[int, Wording]] = []
        boxes: Boxes = defaultdict(list)
        some: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        classes: dict[str, ClassWriter] = {v.cls: self.writers.cls(v.cls) for v in rows}
        ending, fresh = self.ending, self.names.fresh
        count = Counter(map(_entity, rows))
        meeting: list[int] = []  # a row that is the only one of its entity overlaps nothing
        for v in rows:
            name, properties = v.entity, v.properties
            how = classes[v.cls]
            row = how.first | at
            at += 1
            entity = entities[name]
            values = how.values(properties, row, boxes)
            statements[how.insert].append(
                (row, how.number, entity, name, v.valid_from, v.valid_to, v.system_from, v.system_to,
                 v.level_from, v.level_to, int(v.mentioned), attribution(v.sources), *values)
            )  # fmt: skip
            if entity not in fresh or count[name] > 1:
                meeting.append(row)
            was = ending.get(name)
            if was is None or was.cls != v.cls or _wordings_differ(was.properties, properties, how.searchable):
                said.append((entity, wording(properties, how.searchable)))
            for prop, column in how.some:
                some[column].extend((value, row) for value in properties.get(prop, ()))  # type: ignore[union-attr]
        for statement, tuples in statements.items():
            self.db.executemany(statement, tuples)
        if index_words:
            write_words(self.db, said, self.names.fresh)
        for column, placed in boxes.items():
            self.db.executemany(
                f"insert into box_{column} (row, west, south, east, north) values (?, ?, ?, ?, ?)", placed
            )
        for column, found in some.items():
            self.db.executemany(f"insert into some_{column} values (?, ?)", found)
        self._refuse_overlaps("version", "entity", meeting)

    def _refuse_overlaps(self, table: str, same: str, rows: list[int]) -> None:
        """StoreCorrupt where a new row's box meets another's; the transaction is given up then.

        One statement a commit: a trigger on each row took 14 of 33 µs (docs/decisions/141-overlap-check.md).
        """
        found = self.db.execute(
            f"select a.{same} from json_each(?) j cross join {table} a on a.row = j.value cross join {table} b "
            f"on b.{same} = a.{same} and b.st > a.sf and b.row <> a.row and b.sf < a.st "
            "and b.vf < a.vt and b.vt > a.vf and b.lf < a.lt and b.lt > a.lf limit 1",
            (keys_json(rows),),
        ).get
        if found is not None:
            raise StoreCorrupt(
                f"Two {table} rows would hold at one point", field=same, value=found,
                remedy="Report this: the commit was refused and nothing of it was written.",
            )  # fmt: skip

    def edges(self, rows: Sequence[EdgeRow]) -> None:
        if not rows:
            return
        entities, attribution = self.names.entities, self.names.attribution
        at = self._take("edge", len(rows))
        statements: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for e in rows:
            how = self.writers.relation(e.relation)
            statements[how.insert].append(
                (how.number << ROW_BITS | at, e.edge, how.number, entities[e.start], entities[e.end], e.valid_from,
                 e.valid_to, e.system_from, e.system_to, e.level_from, e.level_to, attribution(e.sources),
                 *how.values(e.properties, entities))
            )  # fmt: skip
            at += 1
        for statement, values in statements.items():
            self.db.executemany(statement, values)
        fresh, count = self.names.fresh, Counter(e.edge for e in rows)
        self._refuse_overlaps(
            "edge",
            "edge",
            [
                self.writers.relation(e.relation).number << ROW_BITS | number
                for number, e in enumerate(rows, at - len(rows))
                if count[e.edge] > 1 or not (entities[e.start] in fresh or entities[e.end] in fresh)
            ],
        )

    def identifiers(self, rows: Iterable[IdentifierRow]) -> None:
        entities = self.names.entities
        values = [
            (i.scheme, i.value, entities[i.entity], i.valid_from, i.valid_to, i.level_from, i.level_to, i.system_from,
             i.system_to)
            for i in rows
        ]  # fmt: skip
        if values:
            self.db.executemany(
                "insert into identifier (scheme, value, entity, vf, vt, lf, lt, sf, st) "
                "values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )

    def _bookkeeping(self, delta: Delta) -> None:
        for table, ops in (("claim", delta.claims), ("relation_claim", delta.relation_claims)):
            kept: Ops[Any] = ops
            if kept.anchors:
                self.db.executemany(
                    f"update {table} set anchors = ? where row = ?",
                    [(dump(anchors) if anchors else None, row.row) for row, anchors in kept.anchors],
                )
            if kept.affirm:
                self.db.executemany(
                    "insert into affirmation (relation, claim, run) values (?, ?, ?)",
                    [(int(table == "relation_claim"), row.row, self.names.run(run)) for row, run in kept.affirm],
                )
