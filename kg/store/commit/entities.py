"""Affected entities: their resolved rows, identifiers, and the uniqueness of the latter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kg.errors import IdentityConflict, ValidationError
from kg.model.boxes import difference
from kg.model.intervals import OPEN, Interval, union
from kg.model.resolve import Claim, Rank, rank, same_version, valid_key, versions
from kg.model.rows import IdentifierRow, RecordRow, VersionRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kg.model.changes import RecordKey
    from kg.store.commit.rows import Delta
    from kg.store.commit.working import Working


_ANY: Rank = (False, 0, 0.0, 0, "", 0, "")


class Entities:
    """Recomputes entities and keeps their new state for the relations' sake."""

    def __init__(self, working: Working, check: Callable[[VersionRow], str] | None) -> None:
        self.w = working
        self.check = check
        self.old: dict[str, list[VersionRow]] = {}
        self.new: dict[str, list[VersionRow]] = {}
        self.old_identifiers: dict[str, list[IdentifierRow]] = {}
        self.new_identifiers: dict[str, list[IdentifierRow]] = {}
        self.done: set[str] = set()  # entities whose rows are in the delta already (`kg.store.commit.plain`)

    def affected(self) -> set[str]:
        """Entities that a changed line or record fact belongs to, before or after."""
        w = self.w
        keys = set(w.changed_records)
        for key, lines in w.lines.items():
            for line in lines.values():
                if line.touched:
                    keys.add(key)
        out = {row.entity for key in keys for row in w.records[key] if row.entity not in self.done}
        out.update(row.entity for key in keys for row in w.stored_records.get(key, ()))
        return out - self.done

    def recompute(self, entities: Iterable[str]) -> None:
        """Resolve each from the claims of all its records."""
        w = self.w
        todo = sorted(entities)
        w.fetch_members(todo)
        known = [e for e in todo if e not in w.minted and e not in self.old]
        if known:
            self.old.update(w.reading.versions(known))
            self.old_identifiers.update(w.reading.identifiers_of(known))
        w.fetch_lines(
            key
            for e in todo
            for key in w.by_entity.get(e, ())
            if key not in w.lines and any(r.entity == e for r in w.records[key])
        )
        for entity in todo:
            claims = self._claims(entity)
            rows = versions(entity, claims, w.schema) if claims else []
            self.new[entity] = rows
            self.new_identifiers[entity] = identifier_rows(entity, rows, w.schemes)

    def _claims(self, entity: str) -> list[Claim]:
        w = self.w
        out: list[Claim] = []
        members = w.members(entity)
        # The segments of one line never meet, so that nothing has to be weighed.
        alone = len(members) == 1 and len(w.record_lines(members[0][0])) == 1
        for key, record in members:
            for level, line in w.record_lines(key).items():
                low = max(level, record.level_from)
                if low >= record.level_to or not line.segments:
                    continue
                source = w.source(key.source)
                for s in line.segments:
                    says = s.payload
                    out.append(
                        Claim(
                            _ANY
                            if alone
                            else rank(source, says.confidence, says.stated, level, key.local, mentioned=says.mentioned),
                            key.source, says.cls, says.properties, s.start, s.end, low, record.level_to,
                            says.mentioned,
                        )
                    )  # fmt: skip
        return out

    # ------------------------------------------------------------ uniqueness

    def collisions(self) -> list[tuple[str, str, int]]:
        """(survivor, loser, level) to merge, for values that meet only above what the other's readers see.

        Also above what the writer sees: an error would tell it that somebody hidden holds the value. Raises
        IdentityConflict for values that two entities hold in the writer's sight.
        """
        w = self.w
        if self.new_identifiers.keys() <= self.done:
            return []
        keys = {(row.scheme, row.value) for rows in self.new_identifiers.values() for row in rows}
        w.fetch_holders(keys)
        found = w.stored_holders
        met: dict[tuple[str, str], IdentifierRow] = {}  # pair of entities → where they meet lowest
        by_key: dict[tuple[str, str], list[IdentifierRow]] = {}
        for rows in self.new_identifiers.values():
            for row in rows:
                by_key.setdefault((row.scheme, row.value), []).append(row)
        for key, mine in by_key.items():
            if not w.schema.schemes[key[0]].identifying:
                continue
            others = [row for row in found.get(key, ()) if row.entity not in self.new_identifiers]
            if len(mine) + len(others) < 2:
                continue
            for i, row in enumerate(mine):
                for other in (*mine[i + 1 :], *others):
                    if row.entity != other.entity and _meet(row, other):
                        upper = max(row, other, key=lambda r: r.level_from)
                        a, b = sorted((row.entity, other.entity))
                        lower = met.get((a, b))
                        if lower is None or upper.level_from < lower.level_from:
                            met[a, b] = upper
        return sorted(self._collision(pair, row) for pair, row in met.items())

    def _collision(self, pair: tuple[str, str], met: IdentifierRow) -> tuple[str, str, int]:
        low = met.level_from
        lowest = {entity: self._lowest(entity) for entity in pair}
        survivor, loser = sorted(pair, key=lambda e: (lowest[e], e))
        if low > self.w.sight or (low > lowest[survivor] and lowest[loser] >= low):
            return survivor, loser, low
        raise IdentityConflict(
            f"Identifier {met.scheme} {met.value} would belong to two entities, {survivor} and {loser}, at one time",
            where=", ".join(self._names(e) for e in pair),
            field=met.scheme, value=met.value,
            remedy="If they are the same, merge them (both records stay); if not, correct the value in one of them.",
        )  # fmt: skip

    def _lowest(self, entity: str) -> int:
        return min((row.level_from for _, row in self.w.members(entity)), default=OPEN)

    # ------------------------------------------------------------ results

    def existence(self, entity: str, level: int) -> tuple[Interval, ...]:
        """When the entity exists for readers of a level."""
        return _existing(self.rows(entity), level)

    def rows(self, entity: str) -> list[VersionRow]:
        """Resolved rows as they will be."""
        rows = self.new.get(entity)
        if rows is None:
            rows = self.old.get(entity)
            if rows is None:
                self.fetch((entity,))
                rows = self.old.get(entity, [])
        return rows

    def fetch(self, entities: Iterable[str]) -> None:
        missing = [e for e in entities if e not in self.new and e not in self.old]
        if missing:
            found = self.w.reading.versions(missing)
            for entity in missing:
                self.old[entity] = found.get(entity, [])

    def existence_changed(self) -> set[str]:
        """Entities whose time of existence differs at some level, brand-new ones left out."""
        out = set()
        for entity, rows in self.new.items():
            if entity in self.w.minted or entity in self.done:
                continue
            before, after = self.old.get(entity, []), rows
            levels = {level for r in (*before, *after) for level in (r.level_from, r.level_to)}
            if any(_existing(before, level) != _existing(after, level) for level in levels):
                out.add(entity)
        return out

    def write(self, delta: Delta, system: int) -> None:
        """Put the differences into the delta; check what is new."""
        for entity, rows in self.new.items():
            if entity in self.done:
                continue
            old = self.old.get(entity)
            if old is None and len(rows) == 1:
                self._write_fresh(entity, rows[0], delta, system)
                continue
            changed = difference(old or [], rows, system, valid_key, same_version)
            judged = [(row.cls, row.mentioned, row.properties) for row in changed.close]
            for row in changed.insert:  # what a cut leaves of a row was judged when it came
                if row.system_to == OPEN and (row.cls, row.mentioned, row.properties) not in judged:
                    self.refuse_misshapen(row)
            delta.versions.take(changed)
            held = self.new_identifiers[entity]
            before = self.old_identifiers.get(entity, [])
            if held or before:
                delta.identifiers.take(difference(before, held, system, identifier_key, always))

    def _write_fresh(self, entity: str, row: VersionRow, delta: Delta, system: int) -> None:
        """The common case: an entity of which nothing was stored, with one version."""
        row.system_from = system
        self.refuse_misshapen(row)
        delta.versions.insert.append(row)
        for held in self.new_identifiers[entity]:
            held.system_from = system
            delta.identifiers.insert.append(held)

    def refuse_misshapen(self, row: VersionRow) -> None:
        """ValidationError for a version that does not keep to its class's shape; a mere mention need not."""
        problem = "" if self.check is None or row.mentioned else self.check(row)
        if problem:
            raise ValidationError(
                f"The entity would not keep to its shape {row.cls}: {problem}", where=self._names(row.entity),
                remedy="Complete or correct the record.",
            )  # fmt: skip

    def _names(self, entity: str) -> str:
        return ", ".join(dict.fromkeys(f"{k.source}/{k.local}" for k, _ in self.w.members(entity) if k.source))

    def write_records(self, delta: Delta, system: int) -> None:
        """Record facts that changed."""
        for key in sorted(self.w.changed_records):
            rows, stored = self.w.records[key], self.w.stored_records.get(key)
            if not stored and len(rows) == 1:
                rows[0].system_from = system
                delta.records.insert.append(rows[0])
                continue
            changed = difference(stored or [], [replace(row) for row in rows], system, _record_key, always)
            delta.records.take(changed)


def identifier_rows(
    entity: str, rows: Sequence[VersionRow], schemes: Mapping[str, tuple[tuple[str, str], ...]]
) -> list[IdentifierRow]:
    """What an entity's rows of one system instant identify it by. `schemes`: by class, (property, scheme) of each."""
    if len(rows) == 1:
        row = rows[0]
        return [
            IdentifierRow(scheme, str(one), entity, row.valid_from, row.valid_to, row.level_from, row.level_to)
            for name, scheme in schemes[row.cls]
            if (value := row.properties.get(name)) is not None
            for one in (value if isinstance(value, tuple) else (value,))
        ]
    held: dict[tuple[str, str, int, int], list[Interval]] = {}
    for row in rows:
        for name, scheme in schemes[row.cls]:
            value = row.properties.get(name)
            if value is None:
                continue
            for one in value if isinstance(value, tuple) else (value,):
                slot = held.setdefault((scheme, str(one), row.level_from, row.level_to), [])
                slot.append(row.valid)
    return [
        IdentifierRow(scheme, value, entity, valid.start, valid.end, low, high)
        for (scheme, value, low, high), intervals in held.items()
        for valid in union(intervals)
    ]


def moved(rows: list[RecordRow], level: int, entity: str) -> list[RecordRow]:
    """Record facts after the record went to `entity` for readers of `level` and above."""
    out: list[RecordRow] = []
    for row in rows:
        if row.level_from < level:
            out.append(replace(row, level_to=min(row.level_to, level), row=0))
        if row.level_to > level:
            out.append(replace(row, level_from=max(row.level_from, level), entity=entity, row=0))
    return out


def moved_keys(working: Working, keys: Iterable[RecordKey], level: int, entity: str | None) -> None:
    """Move records to an entity (None: to the one each was first seen as)."""
    for key in keys:
        rows = working.record(key)
        new: list[RecordRow] = []
        for row in rows:
            new += moved([row], level, entity if entity is not None else row.home)
        working.set_record(key, new)


def _existing(rows: Iterable[VersionRow], level: int) -> tuple[Interval, ...]:
    """When there is a row for readers of a level."""
    return union(row.valid for row in rows if row.level_from <= level < row.level_to)


def _meet(a: IdentifierRow, b: IdentifierRow) -> bool:
    return (
        a.valid_from < b.valid_to
        and b.valid_from < a.valid_to
        and a.level_from < b.level_to
        and b.level_from < a.level_to
    )


def identifier_key(row: IdentifierRow) -> tuple[str, str, int, int]:
    """Which identifier rows are one, levels aside."""
    return row.scheme, row.value, row.valid_from, row.valid_to


def _record_key(row: RecordRow) -> tuple[str, str]:
    return row.home, row.entity


def always(_a: object, _b: object) -> bool:
    """Rows of one key say the same."""
    return True
