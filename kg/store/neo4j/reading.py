"""`Reading` over an open write transaction: one statement for many keys."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kg.model.changes import RecordKey
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.held import Held
from kg.store.neo4j.layout import current, using

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from kg.model.changes import Source
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
    from kg.store.commit.rows import Span
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.work import Work

_COUNTED = (names.RECORD, names.CLAIM, names.STATE, names.RELATION_CLAIM, names.IDENTIFIER)
_HELD = f"AND {current('n')}"


def _seek(label: str, *keys: str) -> str:
    """Nodes `n` whose first key is one of $keys."""
    return f"UNWIND $keys AS key MATCH (n:`{label}`) {using('n', label, *keys)} WHERE n.{keys[0]} = key"


class WriteReading:
    """`kg.store.commit.rows.Reading`. `held`: where all lies that was handed out."""

    def __init__(self, work: Work, layout: Layout, *, moved: bool) -> None:
        self.work = work
        self.layout = layout
        self.moved = moved  # whether any record ever left the entity that it was first seen as
        self.held = Held()
        self._there: dict[str, bool] = {}
        self._sources: dict[str, Source] | None = None
        self._pairs: dict[str, tuple[str, RecordKey, RecordKey]] = {}  # of each line met so far

    def there(self, label: str) -> bool:
        """Whether there are any nodes of a label of the store's own, or any relations of a type of states. What is
        not there is not asked for: thousands of keys cost as much where they find nothing."""
        if not self._there:
            types = [self.layout.state_relation(name) for name in self.layout.relations]
            counts = [f"CALL () {{ MATCH (n:`{one}`) RETURN count(n) AS c{i} }}" for i, one in enumerate(_COUNTED)]
            counts += [
                f"CALL () {{ MATCH ()-[n:{kind}]->() RETURN count(n) AS c{i} }}"
                for i, kind in enumerate(types, len(_COUNTED))
            ]
            (found,) = self.work.ask(f"{' '.join(counts)} RETURN {', '.join(f'c{i}' for i in range(len(counts)))}")
            self._there = {name: count > 0 for name, count in zip((*_COUNTED, *types), found, strict=True)}
        return self._there[label]

    def _nodes(self, label: str, text: str, /, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Properties of the nodes `n`, of a label of the store's own, that a statement matches."""
        if not self.there(label):
            return
        # One record for all: a record each costs the driver more than what is in it.
        ((rows,),) = self.work.ask(f"{text} RETURN collect([elementId(n), properties(n)])", **parameters)
        for place, found in rows:
            self.held.places[found["_row"]] = place
            yield found

    def _rows(self, text: str, /, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Properties of the versions `n` that a statement matches."""
        ((rows,),) = self.work.ask(
            f"{text} RETURN collect([elementId(n), n:`{names.ENTITY}`, properties(n)])", **parameters
        )
        for place, present, found in rows:
            self.held.see("", place, found, present=present)
            yield found

    def sources(self) -> Mapping[str, Source]:
        if self._sources is None:
            self._sources = {
                s["id"]: values.source_of(s)
                for (s,) in self.work.ask(f"MATCH (n:`{names.SOURCE}`) RETURN properties(n)")
            }
        return self._sources

    # ------------------------------------------------------------ entities

    def records(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RecordRow]]:
        out: dict[RecordKey, list[RecordRow]] = defaultdict(list)
        asked = _keys(keys)
        for found in self._nodes(names.RECORD, f"{_seek(names.RECORD, 'record')} {_HELD}", keys=asked):
            row = values.record_row(found)
            out[RecordKey(row.source, row.local)].append(row)
        for row in self._records_on(_seek(names.ENTITY, names.RECORD_KEY), asked):
            out[RecordKey(row.source, row.local)].append(row)
        self.held.mapped.update({key: out.get(key, []) for key in keys})
        return dict(out)

    def _records_on(self, text: str, keys: list[str]) -> Iterator[RecordRow]:
        """Records that lie on the entities `n` that a statement matches."""
        ((rows,),) = self.work.ask(f"{text} RETURN collect([elementId(n), {names.RECORD_ON}])", keys=keys)
        for place, entity, key, *rest in rows:
            self.held.entities.add(entity)
            if key is None:
                continue
            row = self.held.records[entity] = values.record_on(entity, key, *rest)
            self.held.places[row.row] = place
            yield row

    def records_of(self, entities: Collection[str]) -> dict[str, list[RecordRow]]:
        out: dict[str, list[RecordRow]] = defaultdict(list)
        asked = sorted(entities)
        for side in ("entity", "home") if self.moved else ("entity",):
            for found in self._nodes(names.RECORD, f"{_seek(names.RECORD, side)} {_HELD}", keys=asked):
                row = values.record_row(found)
                out[row.entity if side == "entity" else row.home].append(row)
        for row in self._records_on(_seek(names.ENTITY, names.ID), asked):
            out[row.entity].append(row)
        self.held.sought.update(asked)
        return dict(out)

    def claims(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[ClaimRow]]:
        return self._claims(keys, _HELD)

    def _claims(self, keys: Collection[RecordKey], held: str) -> dict[RecordKey, list[ClaimRow]]:
        out: dict[RecordKey, list[ClaimRow]] = defaultdict(list)
        asked = _keys(keys)
        for found in self._nodes(names.CLAIM, f"{_seek(names.CLAIM, 'record')} {held}", keys=asked):
            row = values.claim_row(found)
            out[RecordKey(row.source, row.local)].append(row)
        for label in (names.ENTITY, names.STATE):
            if label == names.STATE and not self.there(label):
                continue
            text = f"{_seek(label, names.RECORD_KEY)} AND n.`{names.CLAIM_ROW}` IS NOT NULL {held}"
            for found in self._rows(text, keys=asked):
                row = values.claim_on(found)
                out[RecordKey(row.source, row.local)].append(row)
        return dict(out)

    def versions(self, entities: Collection[str]) -> dict[str, list[VersionRow]]:
        out: dict[str, list[VersionRow]] = defaultdict(list)
        for found in self._rows(
            f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
            f"MATCH (e)-[:`{names.HAS_STATE}`*0..1]->(n) WHERE n._row IS NOT NULL AND {current('n')}",
            ids=sorted(entities),
        ):
            out[found["id"]].append(values.version_of(found))
        self.held.entities.update(out)
        return dict(out)

    def spans(self, entities: Collection[str]) -> dict[str, list[Span]]:
        return {
            entity: [(r.row, r.valid_from, r.valid_to, r.level_from, r.level_to) for r in rows]
            for entity, rows in self.versions(entities).items()
        }

    def identifiers(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[IdentifierRow]]:
        out: dict[tuple[str, str], list[IdentifierRow]] = defaultdict(list)
        asked = [values.identifier_key(*key) for key in sorted(keys)]
        for found in self._nodes(names.IDENTIFIER, f"{_seek(names.IDENTIFIER, 'key')} {_HELD}", keys=asked):
            out[found["scheme"], found["value"]].append(values.identifier_row(found))
        return dict(out)

    def identifiers_of(self, entities: Collection[str]) -> dict[str, list[IdentifierRow]]:
        out: dict[str, list[IdentifierRow]] = defaultdict(list)
        text = f"{_seek(names.IDENTIFIER, 'entity')} {_HELD}"
        for found in self._nodes(names.IDENTIFIER, text, keys=sorted(entities)):
            out[found["entity"]].append(values.identifier_row(found))
        return dict(out)

    def revisions(self, entities: Collection[str]) -> dict[str, int]:
        instants = "RETURN r.systemFrom AS opened, r.systemTo AS closed"
        found = self.work.ask(
            f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
            f"CALL (e) {{ MATCH (e)-[:`{names.HAS_STATE}`*0..1]->(r) WHERE r._row IS NOT NULL {instants} "
            f"UNION ALL MATCH (e)-[r]-(:`{names.ENTITY}`) {instants} }} RETURN id, max(opened), max(closed)",
            ids=sorted(entities),
        )
        return {entity: max(opened, closed or opened) for entity, opened, closed in found}

    # ------------------------------------------------------------ relations

    def relation_claims(self, lines: Collection[str]) -> dict[str, list[RelationClaimRow]]:
        return self._relation_claims(lines, _HELD)

    def _relation_claims(self, lines: Collection[str], held: str) -> dict[str, list[RelationClaimRow]]:
        """Of lines that were met before: by the records that they are between."""
        wanted = set(lines)
        out: dict[str, list[RelationClaimRow]] = defaultdict(list)
        for row in self._between({self._pairs[line] for line in wanted if line in self._pairs}, held):
            if row.line in wanted:
                out[row.line].append(row)
        return dict(out)

    def relation_claims_between(
        self, pairs: Collection[tuple[str, RecordKey, RecordKey]]
    ) -> dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]]:
        out: dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]] = defaultdict(list)
        for row in self._between(pairs, _HELD):
            out[row.relation, row.start, row.end].append(row)
        return dict(out)

    def _between(self, pairs: Collection[tuple[str, RecordKey, RecordKey]], held: str) -> list[RelationClaimRow]:
        out: list[RelationClaimRow] = []
        asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for relation, start, end in sorted(pairs):
            asked[relation].append((values.record_key(start), values.record_key(end)))
        label = names.RELATION_CLAIM
        for relation, ends in asked.items():
            nodes = self._nodes(
                label,
                f"UNWIND $ends AS ends MATCH (n:`{label}`) {using('n', label, 'start', 'end')} "
                f"WHERE n.start = ends[0] AND n.end = ends[1] AND n.relation = $relation {held}",
                ends=ends, relation=relation,
            )  # fmt: skip
            out += [self._met(values.relation_claim_row(found)) for found in nodes]
            if relation in self.layout.relations:
                between = f"n.{names.START} = ends[0] AND n.{names.END} = ends[1]"
                out += self._on_relations(relation, "UNWIND $ends AS ends", between, held, ends=ends)
        return out

    def _on_relations(
        self, relation: str, first: str, where: str, held: str, **asked: Any
    ) -> Iterator[RelationClaimRow]:
        """Claims that lie on rows `n` of a relation."""
        for kind in self._kinds(relation):
            hint = using("n", kind, names.START, names.END)
            ((rows,),) = self.work.ask(
                f"{first} MATCH ()-[n:{kind}]->() {hint} WHERE {where} {held} "
                "RETURN collect([elementId(n), properties(n)])",
                **asked,
            )
            yield from self._claims_on(relation, rows, present=kind == self.layout.relation(relation))

    def _claims_on(self, relation: str, rows: list[Any], *, present: bool) -> Iterator[RelationClaimRow]:
        for place, found in rows:
            self.held.see(relation, place, found, present=present)
            yield self._met(values.relation_claim_on(relation, found))

    def _met(self, row: RelationClaimRow) -> RelationClaimRow:
        self._pairs[row.line] = (row.relation, row.start, row.end)
        return row

    def relation_claims_of(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RelationClaimRow]]:
        found: dict[RecordKey, dict[int, RelationClaimRow]] = defaultdict(dict)
        wanted = set(keys)
        referred = f"MATCH (f:`{names.REFERENCE}` {{record: key}})-[:`{names.REFERRED_BY}`]->(n)"
        rows = [
            self._met(values.relation_claim_row(node))
            for text in (
                f"{_seek(names.RELATION_CLAIM, 'start', 'end')} AND n.end IS NOT NULL {_HELD}",
                f"{_seek(names.RELATION_CLAIM, 'end')} {_HELD}",
                f"UNWIND $keys AS key {referred} {using('f', names.REFERENCE, 'record')} WHERE {current('n')}",
            )
            for node in self._nodes(names.RELATION_CLAIM, text, keys=_keys(keys))
        ]
        for row in (*rows, *self._relation_claims_at(keys)):
            for key in {row.start, row.end, *row.references.values()} & wanted:
                found[key].setdefault(row.row, row)
        return {key: list(rows.values()) for key, rows in found.items()}

    def _relation_claims_at(self, keys: Collection[RecordKey]) -> Iterator[RelationClaimRow]:
        """Claims of these records that lie on relations: those of the entities that the records are at."""
        missing = [key for key in keys if key not in self.held.mapped]
        if missing:
            self.records(missing)
        entities = sorted({row.entity for key in keys for row in self.held.mapped.get(key, ())})
        for relation in self.layout.relations if entities else ():
            for kind in self._kinds(relation):
                ((rows,),) = self.work.ask(
                    f"UNWIND $ids AS id MATCH (e:`{names.ENTITY}` {{id: id}}) {using('e', names.ENTITY, 'id')} "
                    f"MATCH (e)-[n:{kind}]-() WHERE n.{names.CLAIM_ROW} IS NOT NULL {_HELD} "
                    f"AND (n.{names.START} IN $keys OR n.{names.END} IN $keys) WITH DISTINCT n "
                    "RETURN collect([elementId(n), properties(n)])",
                    ids=entities, keys=_keys(keys),
                )  # fmt: skip
                yield from self._claims_on(relation, rows, present=kind == self.layout.relation(relation))

    def _kinds(self, relation: str) -> list[str]:
        """Types that a relation's rows may be of."""
        present, other = self.layout.relation_types(relation)
        return [present, other] if self.there(other) else [present]

    def edges(self, edges: Collection[str]) -> dict[str, list[EdgeRow]]:
        out: dict[str, list[EdgeRow]] = defaultdict(list)
        if not edges:
            return out
        asked = sorted(edges)
        for relation in self.layout.schema.relations:
            present = self.layout.relation(relation)
            for kind in self._kinds(relation):
                ((rows,),) = self.work.ask(
                    f"UNWIND $edges AS edge MATCH (a)-[r:{kind} {{edge: edge}}]->(b) {using('r', kind, 'edge')} "
                    f"WHERE {current('r')} RETURN collect([elementId(r), a.id, b.id, properties(r)])",
                    edges=asked,
                )
                for place, start, end, found in rows:
                    self.held.see(relation, place, found, present=kind == present)
                    out[found["edge"]].append(values.edge_of(relation, start, end, found))
        return dict(out)

    # ------------------------------------------------------------ history

    # A claim's remainders keep its run, but every record and line of a run has a row that one of the run's own
    # commits wrote, is named in the statement log, or was stated again.
    def claim_history(self, run: str) -> dict[RecordKey, list[ClaimRow]]:
        systems, affirmed = self._of_run(run, relation=False)
        label, said = names.CLAIM, f"n.`{names.CLAIM_ROW}` IS NOT NULL"
        found = self.work.ask(
            # Taking a run back is rare: better one look at every claim now than two index entries for each.
            f"CALL () {{ MATCH (n:`{label}`) WHERE n.systemFrom IN $systems OR n.systemTo IN $systems "
            f"RETURN n.record AS key UNION MATCH (n:`{label}`) {using('n', label, 'logged')} WHERE n.logged = $run "
            f"RETURN n.record AS key UNION MATCH (n:`{names.ENTITY}`|`{names.STATE}`) WHERE {said} "
            "AND (n.systemFrom IN $systems OR n.systemTo IN $systems) "
            f"RETURN n.{names.RECORD_KEY} AS key }} RETURN key",
            systems=systems, run=run,
        )  # fmt: skip
        return self._claims([values.record_of(key) for key in sorted({*affirmed, *(key for (key,) in found)})], "")

    def relation_claim_history(self, run: str) -> dict[str, list[RelationClaimRow]]:
        systems, affirmed = self._of_run(run, relation=True)
        label = names.RELATION_CLAIM
        listed = "RETURN DISTINCT n.line AS line, n.relation, n.start, n.end"
        found = self.work.ask(
            f"CALL () {{ MATCH (n:`{label}`) WHERE n.systemFrom IN $systems OR n.systemTo IN $systems RETURN n "
            f"UNION MATCH (n:`{label}`) {using('n', label, 'logged')} WHERE n.logged = $run RETURN n "
            f"UNION MATCH (n:`{label}`) WHERE n.line IN $affirmed RETURN n }} {listed}",
            systems=systems, run=run, affirmed=affirmed,
        )  # fmt: skip
        touched = "(n.systemFrom IN $systems OR n.systemTo IN $systems OR n._line IN $affirmed)"
        found += self._lines_on(touched, systems=systems, affirmed=affirmed)
        for line, relation, start, end in found:
            self._pairs[line] = (relation, values.record_of(start), values.record_of(end))
        return self._relation_claims(sorted({line for line, *_ in found}), "")

    def _of_run(self, run: str, *, relation: bool) -> tuple[list[int], list[str]]:
        """System instants of its commits, and what it stated again: records, or lines of relations."""
        found = self.work.ask(f"MATCH (t:`{names.TX}` {{run: $run}}) RETURN t.system", run=run)
        affirmed = self.work.ask(
            f"MATCH (a:`{names.AFFIRMATION}` {{run: $run}}) WHERE a.relation = $relation RETURN DISTINCT a.key",
            run=run, relation=relation,
        )  # fmt: skip
        return [system for (system,) in found], [key for (key,) in affirmed]

    def _lines_on(self, where: str, **asked: Any) -> list[list[Any]]:
        """[line, relation, start, end] of claims that lie on rows `n` of relations."""
        out: list[list[Any]] = []
        for relation in self.layout.relations:
            out += self.work.ask(
                f"MATCH ()-[n:{self.layout.row_relations(relation)}]->() WHERE n.{names.CLAIM_ROW} IS NOT NULL "
                f"AND {where} RETURN DISTINCT n.{names.LINE}, $relation, n.{names.START}, n.{names.END}",
                relation=relation, **asked,
            )  # fmt: skip
        return out

    def runs_at(self, systems: Collection[int]) -> dict[int, str]:
        found = self.work.ask(
            f"UNWIND $systems AS system MATCH (t:`{names.TX}` {{system: system}}) RETURN system, t.run",
            systems=sorted(systems),
        )
        return dict(found)

    def affirmations(self, rows: Collection[int], *, relation: bool) -> dict[int, tuple[str, ...]]:
        del relation  # rows of all kinds are numbered in one series
        out: dict[int, list[str]] = defaultdict(list)
        for row, run in self.work.ask(
            f"UNWIND $rows AS row MATCH (a:`{names.AFFIRMATION}` {{claim: row}}) RETURN row, a.run ORDER BY a._row",
            rows=sorted(rows),
        ):
            out[row].append(run)
        return {row: tuple(runs) for row, runs in out.items()}

    def records_of_source(self, source: str) -> list[RecordKey]:
        found = self.work.ask(
            f"CALL () {{ MATCH (n:`{names.CLAIM}`) WHERE n.source = $source RETURN n.record AS key "
            f"UNION MATCH (n:`{names.ENTITY}`|`{names.STATE}`) WHERE n.`{names.CLAIM_ROW}` IS NOT NULL "
            f"AND n.{names.RECORD_KEY} STARTS WITH $start RETURN n.{names.RECORD_KEY} AS key }} RETURN key",
            source=source, start=values.record_key(RecordKey(source, "")).removesuffix('"]'),
        )  # fmt: skip
        return sorted(values.record_of(key) for (key,) in found)

    def lines_of_source(self, source: str) -> list[str]:
        found = self.work.ask(
            f"MATCH (n:`{names.RELATION_CLAIM}`) WHERE n.source = $source "
            "RETURN DISTINCT n.line, n.relation, n.start, n.end",
            source=source,
        )
        found += self._lines_on("n.sources = $sources", sources=values.sources_text({"": source}))
        for line, relation, start, end in found:
            self._pairs[line] = (relation, values.record_of(start), values.record_of(end))
        return sorted({line for line, *_ in found})


def _keys(keys: Collection[RecordKey]) -> list[str]:
    return [values.record_key(key) for key in sorted(keys)]
