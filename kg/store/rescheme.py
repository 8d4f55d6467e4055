"""Schema evolution of identifiers: what a property that gains a scheme, or gets another one, makes of stored rows.

Identifier rows are what the version rows of an entity give under the Schema, at each system instant and level. So they
are made again from all version rows, as if every commit had been under the new Schema.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from kg.errors import SchemaError
from kg.model.boxes import difference
from kg.model.intervals import OPEN
from kg.store.commit.entities import always, identifier_key, identifier_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kg.model.rows import IdentifierRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.tables import Tables

Schemes = dict[str, tuple[tuple[str, str], ...]]
"""Class → (property, scheme) of each of its properties that has one."""


def schemes_of(schema: Schema) -> Schemes:
    """Of all classes."""
    return {cls.name: tuple((p.name, p.scheme) for p in cls.properties if p.scheme) for cls in schema.classes.values()}


def reschemed(before: Schema, now: Schema) -> tuple[str, ...]:
    """Concrete classes whose stored values are identifiers under `now` and were not, or the contrary, or of another
    scheme. A class that is new, or was gone, counts where it has any."""
    was = schemes_of(before)
    return tuple(
        name
        for name, held in sorted(schemes_of(now).items())
        if not now.classes[name].abstract and set(held) ^ set(was.get(name, ()))
    )


def identifiers_ever(entity: str, rows: Sequence[VersionRow], schemes: Schemes) -> list[IdentifierRow]:
    """All identifier rows of an entity, superseded ones included, from all its version rows."""
    known = dict.fromkeys({row.cls for row in rows}, ()) | schemes
    current: dict[int, IdentifierRow] = {}
    past: list[IdentifierRow] = []
    number = 0
    for system in sorted({row.system_from for row in rows} | {r.system_to for r in rows if r.system_to != OPEN}):
        held = [row for row in rows if row.system_from <= system < row.system_to]
        wanted = identifier_rows(entity, held, known)
        changed = difference(list(current.values()), wanted, system, identifier_key, always)
        for row in changed.close:
            row.system_to = system
            past.append(current.pop(row.row))
        for row, low, high in changed.narrow:
            row.level_from, row.level_to = low, high
        for row in changed.insert:
            if row.system_to == OPEN:
                number += 1
                row.row = number
                current[number] = row
            else:
                past.append(row)
    out = [*past, *current.values()]
    for row in out:
        row.row = 0
    return out


def refuse_shared(schema: Schema, rows: Iterable[tuple[str, str, str, str]]) -> None:
    """SchemaError for (scheme, value, entity, entity) of values that two entities hold at one point."""
    named = [
        f"{scheme} {value} ({', '.join(sorted(both))})"
        for scheme, value, *both in sorted(rows)
        if schema.schemes[scheme].identifying
    ]
    if named:
        more = f"; and {len(named) - 5} more" if len(named) > 5 else ""
        raise SchemaError(
            f"{len(named)} values would identify two entities at one time: {'; '.join(named[:5])}{more}",
            remedy="Merge the entities, correct the values and prune what was superseded, or declare the scheme as not "
            "identifying.",
        )


def rescheme_tables(tables: Tables, before: Schema, now: Schema) -> tuple[str, ...]:
    """Make the identifier rows of the classes concerned again; a line for each. SchemaError before anything changes."""
    classes = reschemed(before, now)
    if not classes:
        return ()
    rows: dict[str, list[VersionRow]] = defaultdict(list)
    for version in tables.versions.values():
        rows[version.entity].append(version)
    schemes = schemes_of(now)
    made = {e: identifiers_ever(e, held, schemes) for e, held in rows.items() if {r.cls for r in held} & set(classes)}
    kept = [row for row in tables.identifiers.values() if row.entity not in made]
    refuse_shared(now, shared([*kept, *(row for found in made.values() for row in found)]))
    for number in [n for n, row in tables.identifiers.items() if row.entity in made]:
        tables.identifiers.drop(number)
    for found in made.values():
        for row in found:
            tables.identifiers.add(row)
    return tuple(f"{name}: identifiers made again" for name in classes)


def shared(rows: Iterable[IdentifierRow]) -> set[tuple[str, str, str, str]]:
    """(scheme, value, entity, entity) of values that two entities hold at one point."""
    by_value: Mapping[tuple[str, str], list[IdentifierRow]] = defaultdict(list)
    for row in rows:
        by_value[row.scheme, row.value].append(row)
    return {
        (a.scheme, a.value, a.entity, b.entity)
        for held in by_value.values()
        for i, a in enumerate(held)
        for b in held[i + 1 :]
        if a.entity != b.entity
        and a.valid_from < b.valid_to
        and b.valid_from < a.valid_to
        and a.system_from < b.system_to
        and b.system_from < a.system_to
        and a.level_from < b.level_to
        and b.level_from < a.level_to
    }
