# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""`Reading` over an open write transaction: few statements for many keys."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import orjson

from kg.model.changes import RecordKey
from kg.model.intervals import OPEN
from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
from kg.schema.types import Datatype
from kg.store.sqlite.layout import ROW_BITS
from kg.store.sqlite.names import keys_json
from kg.store.sqlite.values import decoder, properties_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    import apsw

    from kg.model.changes import Source
    from kg.schema.types import Schema
    from kg.store.commit.rows import Span
    from kg.store.sqlite.layout import Kind, Layout
    from kg.store.sqlite.names import Names

CLAIM = (
    "c.source, c.local, c.cls, c.properties, c.vf, c.vt, c.level, c.confidence, c.stated, c.mentioned, c.run, "
    "c.anchors, c.sf, c.st, c.row"
)
RELATION_CLAIM = (
    "c.line, c.source, c.rel, c.start_source, c.start_local, c.end_source, c.end_local, c.properties, c.refs, "
    "c.vf, c.vt, c.level, c.confidence, c.stated, c.run, c.anchors, c.sf, c.st, c.row"
)
RECORD = "r.source, r.local, h.id, e.id, r.lf, r.lt, r.sf, r.st, r.row"
RECORD_ENDS = "cross join entity h on h.key = r.home cross join entity e on e.key = r.entity"
_BY_REFERENCE = (
    "cross join relation_claim_ref f on f.source = ?2 and f.local = j.value "
    "cross join relation_claim c on c.row = f.row"
)
_HELD = f"= {OPEN}"

_FIRST: dict[Kind, int] = {"version": 11, "edge": 12}
"""How many columns of a row stand before its properties."""

Decode = tuple[int, str, "Callable[[Any], Any] | None"]


class RowReader:
    """Builds model rows from the file's. Also used by check, backup and erase."""

    def __init__(self, db: apsw.Connection, layout: Layout, schema: Schema, names: Names) -> None:
        self.db = db
        self.layout = layout
        self.schema = schema
        self.names = names
        self._columns: dict[Kind, tuple[str, ...]] = {
            kind: tuple(name for k, name in layout.columns if k == kind) for kind in ("version", "edge")
        }
        self._decoders: dict[tuple[Kind, int], tuple[Decode, ...]] = {}

    def _decoding(self, kind: Kind, holder: int) -> tuple[Decode, ...]:
        found = self._decoders.get((kind, holder))
        if found is None:
            names = self.layout.type_names if kind == "version" else self.layout.relation_names
            at = {column: i for i, column in enumerate(self._columns[kind], _FIRST[kind])}
            live = self.layout.live(self.schema, kind, names[holder])
            found = tuple((at[slot.column], name, decoder(slot)) for name, slot in sorted(live.items()))
            self._decoders[kind, holder] = found
        return found

    @staticmethod
    def _values(decoding: Iterable[Decode], values: tuple[Any, ...]) -> dict[str, Any]:
        return {
            name: decode(value) if decode else value
            for at, name, decode in decoding
            if (value := values[at]) is not None
        }

    def version_columns(self) -> str:
        return ", ".join(
            ("v.row", "v.t", "v.id", "v.vf", "v.vt", "v.lf", "v.lt", "v.sf", "v.st", "v.mentioned", "v.att",
             *(f"v.{c}" for c in self._columns["version"]))
        )  # fmt: skip

    def version(self, row: tuple[Any, ...]) -> VersionRow:
        number, t, name, vf, vt, lf, lt, sf, st, mentioned, att = row[:11]
        return VersionRow(
            name, self.layout.type_names[t], self._values(self._decoding("version", t), row),
            self.names.attributed(att), vf, vt, lf, lt, sf, st, bool(mentioned), number,
        )  # fmt: skip

    def edge_columns(self) -> str:
        slots = [
            f"(select id from entity where key = e.{name})"
            if self.layout.columns["edge", name].datatype is Datatype.ENTITY
            else f"e.{name}"
            for name in self._columns["edge"]
        ]
        return ", ".join(
            (
                "e.row",
                "e.rel",
                "e.edge",
                "a.id",
                "b.id",
                "e.vf",
                "e.vt",
                "e.lf",
                "e.lt",
                "e.sf",
                "e.st",
                "e.att",
                *slots,
            )
        )

    EDGE_ENDS = "cross join entity a on a.key = e.src cross join entity b on b.key = e.dst"

    def edge(self, row: tuple[Any, ...]) -> EdgeRow:
        number, rel, edge, start, end, vf, vt, lf, lt, sf, st, att = row[:12]
        return EdgeRow(
            edge, self.layout.relation_names[rel], start, end, self._values(self._decoding("edge", rel), row),
            self.names.attributed(att), vf, vt, lf, lt, sf, st, number,
        )  # fmt: skip

    def record(self, row: tuple[Any, ...]) -> RecordRow:
        return RecordRow(self.names.source_ids[row[0]], *row[1:])

    def claim(self, row: tuple[Any, ...]) -> ClaimRow:
        source, local, cls, properties, vf, vt, level, confidence, stated, mentioned, run, anchors, sf, st, number = row
        return ClaimRow(
            self.names.source_ids[source], local, cls, properties_of(properties), vf, vt, level, confidence, stated,
            bool(mentioned), self.names.run_id(run), tuple(orjson.loads(anchors)) if anchors else (), sf, st, number,
        )  # fmt: skip

    def relation_claim(self, row: tuple[Any, ...]) -> RelationClaimRow:
        (line, source, rel, s_source, s_local, e_source, e_local, properties, refs, vf, vt, level, confidence, stated,
         run, anchors, sf, st, number) = row  # fmt: skip
        return RelationClaimRow(
            line, self.names.source_ids[source], rel, RecordKey(s_source, s_local), RecordKey(e_source, e_local),
            properties_of(properties),
            {name: RecordKey(*key) for name, key in orjson.loads(refs).items()} if refs else {},
            vf, vt, level, confidence, stated, self.names.run_id(run),
            tuple(orjson.loads(anchors)) if anchors else (), sf, st, number,
        )  # fmt: skip


class WriteReading(RowReader):
    """`kg.store.commit.rows.Reading`."""

    def sources(self) -> Mapping[str, Source]:
        return dict(self.names.source_rows)

    def _by_source(self, keys: Collection[RecordKey]) -> Iterator[tuple[int, dict[str, RecordKey]]]:
        """(source's number, local id → the key) of each source."""
        grouped: dict[str, dict[str, RecordKey]] = defaultdict(dict)
        for key in keys:
            grouped[key.source][key.local] = key
        for source, locals_ in grouped.items():
            number = self.names.sources.get(source)
            if number is not None:
                yield number, locals_

    def records(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RecordRow]]:
        out: dict[RecordKey, list[RecordRow]] = {}
        for source, locals_ in self._by_source(keys):
            for row in self.db.execute(
                f"select {RECORD} from json_each(?) j cross join record r on r.source = ? and r.local = j.value "
                f"and r.st {_HELD} {RECORD_ENDS}",
                (keys_json(locals_), source),
            ):
                out.setdefault(locals_[row[1]], []).append(self.record(row))
        return out

    def records_of(self, entities: Collection[str]) -> dict[str, list[RecordRow]]:
        out: dict[str, list[RecordRow]] = {}
        asked = keys_json(list(entities))
        for row in self.db.execute(
            f"select {RECORD} from json_each(?) j cross join entity e on e.id = j.value "
            f"cross join record r on r.entity = e.key and r.st {_HELD} cross join entity h on h.key = r.home",
            (asked,),
        ):
            made = self.record(row)
            out.setdefault(made.entity, []).append(made)
        for row in self.db.execute(
            f"select {RECORD} from json_each(?) j cross join entity h on h.id = j.value "
            f"cross join record r on r.home = h.key and r.home <> r.entity and r.st {_HELD} "
            "cross join entity e on e.key = r.entity",
            (asked,),
        ):
            made = self.record(row)
            out.setdefault(made.home, []).append(made)
        return out

    def claims(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[ClaimRow]]:
        return self._claims(keys, f"and c.st {_HELD}")

    def _claims(self, keys: Collection[RecordKey], held: str) -> dict[RecordKey, list[ClaimRow]]:
        out: dict[RecordKey, list[ClaimRow]] = {}
        for source, locals_ in self._by_source(keys):
            for row in self.db.execute(
                f"select {CLAIM} from json_each(?) j cross join claim c on c.source = ? and c.local = j.value {held}",
                (keys_json(locals_), source),
            ):
                out.setdefault(locals_[row[1]], []).append(self.claim(row))
        return out

    def versions(self, entities: Collection[str]) -> dict[str, list[VersionRow]]:
        """Row numbers first: they name the class, and a class has few of the table's columns."""
        rows: dict[int, list[int]] = defaultdict(list)
        for (row,) in self.db.execute(
            f"select v.row from json_each(?) j cross join entity n on n.id = j.value "
            f"cross join version v on v.entity = n.key and v.st {_HELD}",
            (keys_json(entities),),
        ):
            rows[row >> ROW_BITS].append(row)
        out: dict[str, list[VersionRow]] = defaultdict(list)
        for number, these in rows.items():
            cls, attributed = self.layout.type_names[number], self.names.attributed
            live = self.layout.live(self.schema, "version", cls)
            names = sorted(live)
            decoding = [(name, decode) for name in names if (decode := decoder(live[name])) is not None]
            columns = "".join(f", v.{slot.column}" for _, slot in sorted(live.items()))
            for row in self.db.execute(
                f"select v.row, v.id, v.vf, v.vt, v.lf, v.lt, v.sf, v.st, v.mentioned, v.att{columns} "
                "from json_each(?) j cross join version v on v.row = j.value",
                (keys_json(these),),
            ):
                held, entity, vf, vt, lf, lt, sf, st, mentioned, att, *values = row
                properties = {name: value for name, value in zip(names, values, strict=True) if value is not None}
                for name, decode in decoding:
                    if name in properties:
                        properties[name] = decode(properties[name])
                out[entity].append(
                    VersionRow(entity, cls, properties, attributed(att), vf, vt, lf, lt, sf, st, bool(mentioned), held)
                )
        return dict(out)

    def spans(self, entities: Collection[str]) -> dict[str, list[Span]]:
        """From the index alone."""
        out: dict[str, list[Span]] = {}
        for entity, *span in self.db.execute(
            "select n.id, v.row, v.vf, v.vt, v.lf, v.lt from json_each(?) j cross join entity n on n.id = j.value "
            f"cross join version v on v.entity = n.key and v.st {_HELD}",
            (keys_json(entities),),
        ):
            out.setdefault(entity, []).append(tuple(span))
        return out

    def _identifier_rows(self, sql: str, bindings: tuple[object, ...]) -> Iterator[IdentifierRow]:
        for row in self.db.execute(
            f"select i.scheme, i.value, e.id, i.vf, i.vt, i.lf, i.lt, i.sf, i.st, i.row {sql}", bindings
        ):
            yield IdentifierRow(*row)

    def identifiers(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[IdentifierRow]]:
        out: dict[tuple[str, str], list[IdentifierRow]] = {}
        grouped: dict[str, list[str]] = defaultdict(list)
        for scheme, value in keys:
            grouped[scheme].append(value)
        for scheme, values in grouped.items():
            for made in self._identifier_rows(
                f"from json_each(?) j cross join identifier i on i.scheme = ? and i.value = j.value and i.st {_HELD} "
                "cross join entity e on e.key = i.entity",
                (keys_json(values), scheme),
            ):
                out.setdefault((made.scheme, made.value), []).append(made)
        return out

    def identifiers_of(self, entities: Collection[str]) -> dict[str, list[IdentifierRow]]:
        out: dict[str, list[IdentifierRow]] = {}
        for made in self._identifier_rows(
            f"from json_each(?) j cross join entity e on e.id = j.value "
            f"cross join identifier i on i.entity = e.key and i.st {_HELD}",
            (keys_json(entities),),
        ):
            out.setdefault(made.entity, []).append(made)
        return out

    def relation_claims(self, lines: Collection[str]) -> dict[str, list[RelationClaimRow]]:
        return self._relation_claims(lines, f"and c.st {_HELD}")

    def _relation_claims(self, lines: Collection[str], held: str) -> dict[str, list[RelationClaimRow]]:
        out: dict[str, list[RelationClaimRow]] = {}
        for row in self.db.execute(
            f"select {RELATION_CLAIM} from json_each(?) j cross join relation_claim c on c.line = j.value {held}",
            (keys_json(lines),),
        ):
            made = self.relation_claim(row)
            out.setdefault(made.line, []).append(made)
        return out

    def relation_claims_between(
        self, pairs: Collection[tuple[str, RecordKey, RecordKey]]
    ) -> dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]]:
        out: dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]] = {}
        asked = keys_json([(rel, a.source, a.local, b.source, b.local) for rel, a, b in pairs])
        for row in self.db.execute(
            f"select {RELATION_CLAIM} from json_each(?) j cross join relation_claim c "
            "on c.start_source = j.value ->> 1 and c.start_local = j.value ->> 2 "
            "and c.end_source = j.value ->> 3 and c.end_local = j.value ->> 4 "
            f"and c.rel = j.value ->> 0 and c.st {_HELD}",
            (asked,),
        ):
            made = self.relation_claim(row)
            out.setdefault((made.relation, made.start, made.end), []).append(made)
        return out

    def relation_claims_of(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RelationClaimRow]]:
        out: dict[RecordKey, list[RelationClaimRow]] = {}
        grouped: dict[str, list[str]] = defaultdict(list)
        for key in keys:
            grouped[key.source].append(key.local)
        found: dict[RecordKey, dict[int, RelationClaimRow]] = defaultdict(dict)
        for source, locals_ in grouped.items():
            for join in (
                "cross join relation_claim c on c.start_source = ?2 and c.start_local = j.value",
                "cross join relation_claim c on c.end_source = ?2 and c.end_local = j.value",
                _BY_REFERENCE,
            ):
                for local, *row in self.db.execute(
                    f"select j.value, {RELATION_CLAIM} from json_each(?1) j {join} and c.st {_HELD}",
                    (keys_json(locals_), source),
                ):
                    made = self.relation_claim(tuple(row))
                    found[RecordKey(source, local)].setdefault(made.row, made)
        for key, rows in found.items():
            out[key] = list(rows.values())
        return out

    def edges(self, edges: Collection[str]) -> dict[str, list[EdgeRow]]:
        out: dict[str, list[EdgeRow]] = {}
        for row in self.db.execute(
            f"select {self.edge_columns()} from json_each(?) j cross join edge e on e.edge = j.value and e.st {_HELD} "
            f"{self.EDGE_ENDS}",
            (keys_json(edges),),
        ):
            made = self.edge(row)
            out.setdefault(made.edge, []).append(made)
        return out

    # A claim's remainders keep its run, but every record and line of a run has a row that one of the run's own
    # commits wrote: `tx` says which rows those are, so that claims need no index on their run.
    def _rows_of_run(self, run: str, table: str, what: str) -> Iterable[tuple[Any, ...]]:
        return self.db.execute(
            f"select distinct {what} from run n cross join tx on tx.run = n.id cross join {table} c "
            f"on c.row >= tx.{table}s_from and c.row < tx.{table}s_to where n.id = ?",
            (run,),
        )

    def _affirmed_of_run(self, run: str, table: str, what: str) -> Iterable[tuple[Any, ...]]:
        return self.db.execute(
            f"select distinct {what} from run n cross join affirmation a on a.run = n.key and a.relation = ? "
            f"cross join {table} c on c.row = a.claim where n.id = ?",
            (int(table == "relation_claim"), run),
        )

    def _logged_by_run(self, run: str, table: str, what: str) -> Iterable[tuple[Any, ...]]:
        return self.db.execute(
            f"select distinct {what} from run n cross join {table} c on c.run = n.key and c.level = {OPEN} "
            "where n.id = ?",
            (run,),
        )

    def _closed_by_run(self, run: str, table: str, what: str) -> Iterable[tuple[Any, ...]]:
        return self.db.execute(
            f"select distinct {what} from tx cross join {table} c on c.st = tx.system and c.st < {OPEN} "
            "where tx.run = ?",
            (run,),
        )

    def _ways_of_run(self) -> tuple[Callable[[str, str, str], Iterable[tuple[Any, ...]]], ...]:
        return (self._rows_of_run, self._logged_by_run, self._closed_by_run, self._affirmed_of_run)

    def claim_history(self, run: str) -> dict[RecordKey, list[ClaimRow]]:
        keys = {
            RecordKey(self.names.source_ids[source], local)
            for rows in self._ways_of_run()
            for source, local in rows(run, "claim", "c.source, c.local")
        }
        return self._claims(keys, "")

    def relation_claim_history(self, run: str) -> dict[str, list[RelationClaimRow]]:
        lines = {line for rows in self._ways_of_run() for (line,) in rows(run, "relation_claim", "c.line")}
        return self._relation_claims(lines, "")

    def runs_at(self, systems: Collection[int]) -> dict[int, str]:
        return dict(
            self.db.execute(
                "select t.system, t.run from json_each(?) j cross join tx t on t.system = j.value",
                (keys_json(systems),),
            )
        )

    def affirmations(self, rows: Collection[int], *, relation: bool) -> dict[int, tuple[str, ...]]:
        out: dict[int, list[str]] = defaultdict(list)
        for claim, run in self.db.execute(
            "select a.claim, n.id from json_each(?) j cross join affirmation a on a.relation = ? and a.claim = j.value "
            "cross join run n on n.key = a.run order by a.ordinal",
            (keys_json(rows), int(relation)),
        ):
            out[claim].append(run)
        return {claim: tuple(runs) for claim, runs in out.items()}

    def records_of_source(self, source: str) -> list[RecordKey]:
        return [
            RecordKey(source, local)
            for (local,) in self.db.execute(
                "select distinct local from claim where source = ? order by local", (self.names.sources.get(source),)
            )
        ]

    def lines_of_source(self, source: str) -> list[str]:
        return [
            line
            for (line,) in self.db.execute(
                "select distinct line from relation_claim where source = ? order by line",
                (self.names.sources.get(source),),
            )
        ]

    def revisions(self, entities: Collection[str]) -> dict[str, int]:
        out: dict[str, int] = {}
        asked = keys_json(entities)
        for join in ("version r on r.entity = n.key", "edge r on r.src = n.key", "edge r on r.dst = n.key"):
            for name, opened, closed in self.db.execute(
                f"select n.id, max(r.sf), max(iif(r.st < {OPEN}, r.st, r.sf)) from json_each(?) j "
                f"cross join entity n on n.id = j.value cross join {join} group by n.key",
                (asked,),
            ):
                out[name] = max(opened, closed, out.get(name, opened))
        return out
