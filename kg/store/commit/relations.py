"""Affected relations: which claim lines make up which relation at which level, clipped to their ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kg.errors import ValidationError
from kg.model.boxes import difference
from kg.model.changes import Clipped, RecordKey
from kg.model.ids import edge_id
from kg.model.intervals import Interval, intersect, union
from kg.model.lines import Segment
from kg.model.resolve import Claim, Rank, edges, rank, same_edge, valid_key
from kg.store.commit.working import RelationLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from kg.model.changes import Value
    from kg.model.rows import EdgeRow, RecordRow
    from kg.store.commit.entities import Entities
    from kg.store.commit.rows import Delta
    from kg.store.commit.working import Working

Identity = tuple[str, str, str, str]
"""(edge id, relation, start entity, end entity)."""
Place = tuple[int, int, Identity, dict[str, str]]
"""(level from, level to, identity, entity-valued properties)."""
Said = tuple[RelationLine, int, Segment[Any], int, int, dict[str, str]]
"""A segment of a line, with the line's level and the levels and references of one of its places."""
_ANY: Rank = (False, 0, 0.0, 0, "", 0, "")


class Relations:
    """Recomputes relations after the entities are known."""

    def __init__(self, working: Working, entities: Entities) -> None:
        self.w = working
        self.entities = entities
        self._edges: dict[tuple[object, ...], str] = {}
        self._places: dict[str, list[Place]] = {}  # by line, of its key references alone
        self._existence: dict[tuple[str, int], tuple[Interval, ...]] = {}
        self._levels: dict[str, frozenset[int]] = {}  # where the rows of an entity are divided
        self._fit: set[tuple[str, str]] = set()  # (entity, class) that all its rows are of

    def write(self, delta: Delta, system: int) -> list[Clipped]:
        """Put the differences into the delta; what was clipped by an end's ceasing to exist."""
        w = self.w
        shaken = self.entities.existence_changed()
        self._adopt_touching(shaken)
        lines = self._affected_lines()
        if not lines and not shaken:
            return []
        self._prefetch(lines)
        identities = self._identities(lines)
        self._adopt_contributors(identities)
        held = self._perhaps_stored(identities)
        stored = w.reading.edges(held) if held else {}
        self.entities.fetch({e for i in identities for e in i[2:]})
        contributions = self._contributions({i[0] for i in identities})
        clipped: list[Clipped] = []
        for identity in sorted(identities):
            edge, relation, start, end = identity
            old = stored.get(edge)
            wanted = edges(edge, relation, start, end, self._claims(contributions.get(edge, ())))
            new = [part for row in wanted for part in self._clip(row)]
            if old is None and len(new) == 1:  # the common case
                new[0].system_from = system
                self._check_ends(identity)
                delta.edges.insert += new
                continue
            old = old or []
            changed = difference(old, new, system, valid_key, same_edge)
            if changed.insert:
                self._check_ends(identity)
            delta.edges.take(changed)
            if old and changed.close and (start in shaken or end in shaken):
                was, now = (_covered([row for row in rows if row.level_from <= w.sight]) for rows in (old, new))
                clipped += [
                    Clipped(relation, start, end, one, intersect((one,), now))
                    for one in was
                    if intersect((one,), now) != (one,)
                ]
        return clipped

    # ------------------------------------------------------------ which lines

    def _adopt_touching(self, shaken: set[str]) -> None:
        """Lines of all records of entities whose existence changed, and of records that moved or came back:
        a run taken back may leave relations of a record of which nothing is said."""
        w = self.w
        keys = {key for e in shaken for key in w.by_entity.get(e, ())} | w.changed_records
        if keys:
            found = w.reading.relation_claims_of(keys)
            w.adopt_relation(row for rows in found.values() for row in rows)
        self.touching = keys

    def _affected_lines(self) -> list[RelationLine]:
        w = self.w
        out: list[RelationLine] = []
        for name, lines in w.relation_lines.items():
            meta = w.relation_meta[name]
            if any(line.touched for line in lines.values()) or self._touches(meta):
                out.append(meta)
        return out

    def _touches(self, meta: RelationLine) -> bool:
        if not self.touching:
            return False
        if meta.start in self.touching or meta.end in self.touching:
            return True
        return any(key in self.touching for key in self._references(meta))

    def _references(self, meta: RelationLine) -> Iterator[RecordKey]:
        yield from meta.key_references.values()
        for line in self.w.relation_lines[meta.line].values():
            for segment in line.segments:
                yield from segment.payload.references.values()
            for row in line.stored.values():
                yield from row.references.values()

    def _prefetch(self, lines: Iterable[RelationLine]) -> None:
        w = self.w
        keys: set[RecordKey] = set()
        for meta in lines:
            keys.update((meta.start, meta.end))
            keys.update(self._references(meta))
        w.fetch_records(keys)

    # ------------------------------------------------------------ which relations

    def _identities(self, lines: Iterable[RelationLine]) -> set[Identity]:
        """Of the lines, as record facts are and as they were."""
        out: set[Identity] = set()
        changed = self.w.changed_records
        for meta in lines:
            moved = not changed.isdisjoint((meta.start, meta.end, *meta.key_references.values()))
            places = self._places[meta.line] = self._placed(meta, {})
            for place in places:
                out.add(place[2])
            if moved:
                for place in self._placed(meta, {}, stored=True):
                    out.add(place[2])
        return out

    def _placed(self, meta: RelationLine, references: Mapping[str, RecordKey], *, stored: bool = False) -> list[Place]:
        """Where a line is, level by level."""
        names = {**meta.key_references, **references}
        start, end = self._facts(meta.start, stored), self._facts(meta.end, stored)
        facts = {name: self._facts(key, stored) for name, key in names.items()}
        return list(self._level_by_level(meta, start, end, facts))

    def _level_by_level(
        self, meta: RelationLine, start: list[RecordRow], end: list[RecordRow], facts: dict[str, list[RecordRow]]
    ) -> Iterator[Place]:
        relation = self.w.schema.relations[meta.relation]
        every = (start, end, *facts.values())
        if all(len(rows) == 1 for rows in every) and len({(r[0].level_from, r[0].level_to) for r in every}) == 1:
            bounds = [start[0].level_from, start[0].level_to]
        else:
            bounds = sorted({b for rows in every for row in rows for b in (row.level_from, row.level_to)})
        for low, high in pairwise(bounds):
            a, b = _entity(start, low), _entity(end, low)
            if a is None or b is None:
                continue
            values = {n: e for n, rows in facts.items() if (e := _entity(rows, low)) is not None}
            key: dict[str, Value] = dict(meta.key)
            missing = False
            for name in meta.key_references:
                missing |= name not in values
                key[name] = values.get(name, "")
            if not missing:
                yield low, high, self._identity(relation.name, a, b, key), values
                if relation.symmetric and a != b:
                    # Said from one end, true from both: two rows, so that reads need no case of their own.
                    yield low, high, self._identity(relation.name, b, a, key), values

    def _identity(self, relation: str, start: str, end: str, key: Mapping[str, Value]) -> Identity:
        name = (relation, start, end, *key.items())
        edge = self._edges.get(name)
        if edge is None:
            edge = self._edges[name] = edge_id(relation, start, end, key)
        return edge, relation, start, end

    def _facts(self, key: RecordKey, stored: bool) -> list[RecordRow]:
        if stored:
            self.w.record(key)
            return self.w.stored_records.get(key, [])
        return self.w.record(key)

    def _adopt_contributors(self, identities: set[Identity]) -> None:
        """All lines between any records of the two ends: several sources may claim one relation."""
        w = self.w
        w.fetch_members({e for i in identities for e in i[2:]})
        pairs: set[tuple[str, RecordKey, RecordKey]] = set()
        keys: dict[str, list[RecordKey]] = {}
        for _, relation, *both in identities:
            for entity in both:
                if entity not in keys:
                    keys[entity] = [k for k, _ in w.members(entity)]
            pairs.update([(relation, a, b) for a in keys[both[0]] for b in keys[both[1]]])
        w.fetch_pairs(pairs)

    def _contributions(self, wanted: set[str]) -> dict[str, list[Said]]:
        """What is said of each relation."""
        w = self.w
        out: dict[str, list[Said]] = {}
        for name, lines in w.relation_lines.items():
            meta = w.relation_meta[name]
            by_references: dict[tuple[tuple[str, RecordKey], ...], list[Place]] = {}
            for level, line in lines.items():
                for s in line.segments:
                    places = self._places_of(meta, s.payload.references, by_references)
                    for low, high, identity, references in places:
                        if high > level and identity[0] in wanted:
                            said = (meta, level, s, low, high, references)
                            out.setdefault(identity[0], []).append(said)
        return out

    def _places_of(
        self,
        meta: RelationLine,
        references: Mapping[str, RecordKey],
        known: dict[tuple[tuple[str, RecordKey], ...], list[Place]],
    ) -> list[Place]:
        if references == meta.key_references and meta.line in self._places:
            return self._places[meta.line]
        name = tuple(sorted(references.items()))
        places = known.get(name)
        if places is None:
            places = known[name] = self._placed(meta, references)
        return places

    def _claims(self, said: Sequence[Said]) -> list[Claim]:
        alone = len(said) == 1  # nothing has to be weighed
        out: list[Claim] = []
        for meta, level, s, low, high, references in said:
            says, weight = s.payload, _ANY
            if not alone:
                local = f"{meta.start.source}/{meta.start.local}/{meta.end.source}/{meta.end.local}"
                weight = rank(self.w.source(meta.source), says.confidence, says.stated, level, local, mentioned=False)
            out.append(
                Claim(weight, meta.source, "", {**says.properties, **references}, s.start, s.end, max(level, low), high)
            )
        return out

    def _perhaps_stored(self, identities: set[Identity]) -> set[str]:
        """Relations that may have rows: a relation has some only where a stored claim says so of these two ends."""
        w = self.w
        ends: dict[str, set[str]] = {}
        for name, lines in w.relation_lines.items():
            if any(line.stored for line in lines.values()):
                meta = w.relation_meta[name]
                found = ends.setdefault(meta.relation, set())
                for key in (meta.start, meta.end):
                    found.update(row.entity for row in (*w.record(key), *w.stored_records.get(key, ())))
        nothing: set[str] = set()
        return {
            edge
            for edge, relation, start, end in identities
            if start in (found := ends.get(relation, nothing)) and end in found
        }

    # ------------------------------------------------------------ ends

    def _clip(self, row: EdgeRow) -> Iterator[EdgeRow]:
        least, most = row.level_from, row.level_to
        inside = [b for entity in (row.start, row.end) for b in self._divided(entity) if least < b < most]
        if not inside and self._covers(row.start, row) and self._covers(row.end, row):
            yield row
            return
        whole = (Interval(row.valid_from, row.valid_to),)
        for low, high in pairwise(sorted({least, most, *inside})):
            parts = intersect(whole, intersect(self._exists(row.start, low), self._exists(row.end, low)))
            for part in parts:
                yield replace(row, valid_from=part.start, valid_to=part.end, level_from=low, level_to=high)

    def _covers(self, entity: str, row: EdgeRow) -> bool:
        """Whether the entity exists as long as the relation holds."""
        return any(
            start <= row.valid_from and row.valid_to <= end for start, end in self._exists(entity, row.level_from)
        )

    def _divided(self, entity: str) -> frozenset[int]:
        found = self._levels.get(entity)
        if found is None:
            rows = self.entities.rows(entity)
            found = frozenset({b for v in rows for b in (v.level_from, v.level_to)})
            self._levels[entity] = found
        return found

    def _exists(self, entity: str, level: int) -> tuple[Interval, ...]:
        found = self._existence.get((entity, level))
        if found is None:
            found = self._existence[entity, level] = self.entities.existence(entity, level)
        return found

    def _check_ends(self, identity: Identity) -> None:
        _, name, start, end = identity
        relation = self.w.schema.relations[name]
        for entity, wanted, which in ((start, relation.domain, "start"), (end, relation.range, "end")):
            if (entity, wanted) in self._fit:
                continue
            rows = self.entities.rows(entity)
            wrong = next((r.cls for r in rows if not self.w.schema.is_a(r.cls, wanted)), None)
            if wrong is not None:
                raise ValidationError(
                    f"{name} takes a {wanted} as its {which}, and {entity} is a {wrong}", field=which, value=entity,
                    remedy=f"Name a {wanted}, or use a relation that a {wrong} may have.",
                )  # fmt: skip
            self._fit.add((entity, wanted))


def _covered(rows: list[EdgeRow]) -> tuple[Interval, ...]:
    return union(Interval(row.valid_from, row.valid_to) for row in rows)


def _entity(rows: list[RecordRow], level: int) -> str | None:
    for row in rows:
        if row.level_from <= level < row.level_to:
            return row.entity
    return None
