"""Claims and records that lie on what they make.

Most entities and relations are what one record says of them, word for word. Then the claim is not written beside the
row, but some notes on it. Where claim and row part ways, in a later commit, the claim becomes a node of its own first.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from kg.model.changes import RecordKey
from kg.model.intervals import OPEN
from kg.store.archive import batches
from kg.store.neo4j import layout as names
from kg.store.neo4j import values
from kg.store.neo4j.layout import using
from kg.store.neo4j.work import BATCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kg.model.rows import ClaimRow, EdgeRow, RecordRow, RelationClaimRow, VersionRow
    from kg.store.commit.rows import Delta
    from kg.store.neo4j.held import Held
    from kg.store.neo4j.layout import Layout
    from kg.store.neo4j.work import Work

NO_CLAIM = ", ".join(f"n.{name} = null" for name in names.SAID)
_NO_RECORD = ", ".join(f"n.{name} = null" for name in names.OF_RECORD)
NO_LINE = ", ".join(f"n.{name} = null" for name in (names.LINE, names.START, names.END))


class Folding:
    """What lies on what in one commit. `versions`, `edges`: by `id` of a row that is inserted, the notes of its claim.
    `records`: by entity that is new, the notes of its record."""

    def __init__(self, work: Work, layout: Layout, held: Held) -> None:
        self.work = work
        self.layout = layout
        self.held = held
        self.versions: dict[int, dict[str, Any]] = {}
        self.edges: dict[int, dict[str, Any]] = {}
        self.records: dict[str, dict[str, Any]] = {}

    # ------------------------------------------------------------ what comes

    def lay(
        self, delta: Delta, present: Mapping[int, bool]
    ) -> tuple[list[RecordRow], list[ClaimRow], list[RelationClaimRow]]:
        """Choose what is to lie on rows that the commit inserts; the records and claims that do not. All have their
        numbers. `present`: by `id` of an inserted version, whether it is the present one."""
        homes = self._homes(delta)
        records = self._lay_records(delta, present)
        claims = self._lay_claims(delta, homes, present)
        return records, claims, self._lay_relation_claims(delta, homes)

    def _homes(self, delta: Delta) -> dict[RecordKey, str | None]:
        """Records of this commit that all readers find at one entity: for new ones that entity, else None."""
        out: dict[RecordKey, str | None] = {}
        for row in delta.records.insert:
            key = RecordKey(row.source, row.local)
            plain = not row.level_from and row.level_to == OPEN and row.home == row.entity
            out[key] = row.entity if plain and key not in out and not self.held.mapped.get(key) else None
        return out

    def _home(self, key: RecordKey, homes: Mapping[RecordKey, str | None]) -> str | None:
        return homes[key] if key in homes else self.held.home(key)

    def _lay_records(self, delta: Delta, present: Mapping[int, bool]) -> list[RecordRow]:
        fresh = {
            row.entity for row in delta.versions.insert
            if present[id(row)] and row.entity in self.held.sought and row.entity not in self.held.entities
        }  # fmt: skip
        rest = []
        for row in delta.records.insert:
            if row.entity in fresh and row.home == row.entity and not row.level_from and row.level_to == OPEN:
                fresh.discard(row.entity)
                self.records[row.entity] = {
                    names.RECORD_KEY: values.record_key(RecordKey(row.source, row.local)), names.RECORD_ROW: row.row,
                    names.RECORD_FROM: row.system_from,
                }  # fmt: skip
            else:
                rest.append(row)
        return rest

    def _lay_claims(
        self, delta: Delta, homes: Mapping[RecordKey, str | None], present: Mapping[int, bool]
    ) -> list[ClaimRow]:
        found: dict[tuple[str, int, int], ClaimRow] = {}
        rest: list[ClaimRow] = []
        for claim in delta.claims.insert:
            home = None if claim.level else self._home(RecordKey(claim.source, claim.local), homes)
            key = (home or "", claim.valid_from, claim.valid_to)
            if home is None or key in found:
                rest.append(claim)
            else:
                found[key] = claim
        for row in delta.versions.insert:
            key = (row.entity, row.valid_from, row.valid_to)
            held = found.get(key)
            if held is None or not _alike(row, held) or (row.mentioned, row.cls) != (held.mentioned, held.cls):
                continue
            notes = values.folded(held)
            if present[id(row)] and self._record_on(row.entity) != notes[names.RECORD_KEY]:
                continue
            if _whole_doubles(row.properties, self.layout.doubles(row.cls)):
                continue
            self.versions[id(row)] = notes
            del found[key]
        return [*rest, *found.values()]

    def _record_on(self, entity: str) -> str | None:
        """The name of the record that lies on an entity, or is about to."""
        fresh = self.records.get(entity)
        if fresh is not None:
            return str(fresh[names.RECORD_KEY])
        held = self.held.records.get(entity)
        return None if held is None else values.record_key(RecordKey(held.source, held.local))

    def _lay_relation_claims(self, delta: Delta, homes: Mapping[RecordKey, str | None]) -> list[RelationClaimRow]:
        found: dict[tuple[str, str, str, int, int], RelationClaimRow] = {}
        rest: list[RelationClaimRow] = []
        for claim in delta.relation_claims.insert:
            start = end = None
            if not claim.level and not claim.references:
                start, end = self._home(claim.start, homes), self._home(claim.end, homes)
            key = (claim.relation, start or "", end or "", claim.valid_from, claim.valid_to)
            if start is None or end is None or key in found:
                rest.append(claim)
            else:
                found[key] = claim
        for row in delta.edges.insert:
            key = (row.relation, row.start, row.end, row.valid_from, row.valid_to)
            held = found.get(key)
            if held is None or not _alike(row, held):
                continue
            if not _whole_doubles(row.properties, self.layout.doubles(row.relation)):
                self.edges[id(row)] = values.folded_relation(held)
                del found[key]
        return [*rest, *found.values()]

    # ------------------------------------------------------------ what parts ways

    async def loosen(self, delta: Delta) -> None:
        """Make nodes of claims and records of which the commit changes something, but not the same of their row."""
        held = self.held
        moved = [*delta.records.close, *(row for row, *_ in delta.records.narrow)]
        apart: set[int] = set()
        both: set[int] = set()
        if moved:
            apart |= await self._of_records({values.record_key(RecordKey(row.source, row.local)) for row in moved})
        # What lies on an entity goes by the record that lies there.
        leaving = {row for row in apart if row in held.present and not held.raw[row][0]}
        for claims, rows in ((delta.claims, delta.versions), (delta.relation_claims, delta.edges)):
            closing: set[int] = {row.row for row in claims.close}
            closed: set[int] = {row.row for row in rows.close}
            twins = {held.twins[one] for one in closing if one in held.twins}
            apart |= twins - closed
            apart |= {one for one in closed if one in held.raw and held.raw[one][1][names.CLAIM_ROW] not in closing}
            apart |= {row.row for row, *_ in rows.narrow if row.row in held.raw}
            both |= twins & closed
        apart = (apart - both) | leaving
        await self.part(sorted(apart))
        await self._part_records([row for row in moved if self._lies(row)])

    def _lies(self, row: RecordRow) -> bool:
        held = self.held.records.get(row.entity)
        return held is not None and held.row == row.row

    async def _of_records(self, keys: set[str]) -> set[int]:
        """Rows that open claims of these records lie on."""
        out: set[int] = set()
        for label in (names.ENTITY, names.STATE):
            for place, found in await self.work.rows(
                f"UNWIND $keys AS key MATCH (n:`{label}` {{{names.RECORD_KEY}: key}}) "
                f"{using('n', label, names.RECORD_KEY)} WHERE n.{names.CLAIM_ROW} IS NOT NULL AND n.systemTo IS NULL "
                "RETURN elementId(n), properties(n)",
                keys=sorted(keys),
            ):
                self.held.see("", place, found, present=label == names.ENTITY)
                out.add(found["_row"])
        for relation in self.layout.relations:
            for kind in self.layout.relation_types(relation):
                for place, found in await self.work.rows(
                    # A record's relations may hang on an entity that it has left: looked for by what they say.
                    f"MATCH ()-[n:{kind}]->() {using('n', kind, names.START, names.END)} "
                    f"WHERE n.{names.START} IN $keys AND n.{names.END} IS NOT NULL AND n.systemTo IS NULL "
                    "RETURN elementId(n), properties(n) "
                    f"UNION MATCH (e:`{names.ENTITY}`)<-[n:{kind}]-() WHERE e.id IN $ids AND n.{names.END} IN $keys "
                    "AND n.systemTo IS NULL RETURN elementId(n), properties(n)",
                    keys=sorted(keys), ids=sorted(self._entities(keys)),
                ):  # fmt: skip
                    self.held.see(relation, place, found, present=kind == self.layout.relation(relation))
                    out.add(found["_row"])
        return out

    def _entities(self, keys: set[str]) -> set[str]:
        """Entities at which the store has these records."""
        return {row.entity for key in keys for row in self.held.mapped.get(values.record_of(key), ())}

    async def part(self, rows: Iterable[int]) -> None:
        """Make nodes of the claims that lie on these rows."""
        held = self.held
        groups: dict[tuple[bool, bool], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        for row in rows:
            relation, found = held.raw.pop(row)
            if relation:
                claim = values.relation_claim(values.relation_claim_on(relation, found))
            else:
                claim = values.claim(values.claim_on(found))
            groups[bool(relation), row in held.present].append((held.places[row], claim))
        for (relates, present), found_ in groups.items():
            match, label, rest = ("()-[n]->()", names.RELATION_CLAIM, f", {NO_LINE}") if relates else (
                "(n)", names.CLAIM, "" if present else f", n.{names.RECORD_KEY} = null"
            )  # fmt: skip
            for some in batches(found_, BATCH):
                ((made,),) = await self.work.rows(
                    f"UNWIND $rows AS r MATCH {match} WHERE elementId(n) = r[0] SET {NO_CLAIM}{rest} "
                    f"CREATE (c:`{label}`) SET c = r[1] RETURN collect([c._row, elementId(c)])",
                    rows=some,
                )
                for number, place in made:
                    held.places[number] = place
                    held.twins.pop(number, None)

    async def _part_records(self, rows: Iterable[RecordRow]) -> None:
        for row in rows:
            ((place,),) = await self.work.rows(
                f"MATCH (n) WHERE elementId(n) = $place SET {_NO_RECORD} "
                f"CREATE (r:`{names.RECORD}`) SET r = $record RETURN elementId(r)",
                place=self.held.places[row.row], record=values.record(row),
            )  # fmt: skip
            self.held.places[row.row] = place
            self.held.records.pop(row.entity)


def _alike(row: VersionRow | EdgeRow, claim: ClaimRow | RelationClaimRow) -> bool:
    """Whether a row is what one claim says, for all readers."""
    return (
        not row.level_from
        and row.level_to == OPEN
        and row.system_from == claim.system_from
        and row.system_to == claim.system_to == OPEN
        and row.sources == {"": claim.source}
        and row.properties == claim.properties
    )


def _whole_doubles(properties: Mapping[str, Any], doubles: frozenset[str]) -> bool:
    """Whether a double is written as a whole number: rows and claims print it differently."""
    for name in doubles:
        value = properties.get(name)
        if type(value) is int or (type(value) is tuple and any(type(one) is int for one in value)):
            return True
    return False
