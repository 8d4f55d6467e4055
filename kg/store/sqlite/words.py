# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""The word index: an entry for each entity and wording that a row of it ever had.

An entry's rowid is `entity << ENTRY_BITS | number`. It stands for the entity, not for a row: a row that was cut says
nothing new, so that it costs no entry. What is found are candidates; the visible row decides (`kg.query.text.rank`).
"""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from kg.errors import StoreError
from kg.query.text import index_tokens
from kg.store.sqlite.layout import ROW_BITS
from kg.store.sqlite.names import keys_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import apsw

    from kg.store.sqlite.writer import Writers

ENTRY_BITS = 20
"""An entity has at most 2^20 different wordings."""
_BATCH = 5_000

Wording = tuple[str, ...]
"""The values of a row's searchable properties, one after the other."""


def wording(properties: Any, names: Iterable[str]) -> Wording:
    """Each value of the searchable properties `names`."""
    out: list[str] = []
    for name in names:
        value = properties.get(name)
        if type(value) is str:
            out.append(value)
        elif value is not None:
            out.extend(value)
    return tuple(out)


def write(db: apsw.Connection, said: Collection[tuple[int, Wording]], fresh: Collection[int]) -> None:
    """Entries of (entity's key, wording); `fresh` are entities that have none yet. StoreError for too many."""
    wordings = dict.fromkeys([one for one in said if one[1]])
    known = {entity for entity, _ in wordings} - set(fresh)
    # The index keeps the size of each entry in a table of its own, by rowid.
    last: dict[int, int] = dict(
        db.execute(
            f"select j.value, n & {(1 << ENTRY_BITS) - 1} from (select value, (select max(id) from words_docsize "
            f"where id >= value << {ENTRY_BITS} and id < value + 1 << {ENTRY_BITS}) as n from json_each(?)) j "
            "where n is not null",
            (keys_json(known),),
        )
    )
    entries: list[tuple[int, str]] = []
    # Out of order each entry would become a segment of the index.
    for entity, words in sorted(wordings, key=itemgetter(0)):
        number = last.get(entity, -1) + 1
        last[entity] = number
        if number >> ENTRY_BITS:
            raise StoreError(
                f"An entity has had more than {1 << ENTRY_BITS} different names", where=str(entity),
                remedy="Prune its history, or keep what changes so often as observations.",
            )  # fmt: skip
        tokens = index_tokens(words)
        if tokens:
            entries.append((entity << ENTRY_BITS | number, tokens))
    db.executemany("insert into words (rowid, tokens) values (?, ?)", entries)


def make_again(db: apsw.Connection, writers: Writers, entities: Collection[int]) -> None:
    """All entries of these entities, from the rows that are there."""
    todo = sorted(entities)
    for at in range(0, len(todo), _BATCH):
        some = todo[at : at + _BATCH]
        db.executemany(
            "delete from words where rowid >= ? and rowid < ?",
            [(entity << ENTRY_BITS, entity + 1 << ENTRY_BITS) for entity in some],
        )
        rows: dict[int, list[int]] = defaultdict(list)
        for (row,) in db.execute(
            "select v.row from json_each(?) j cross join version v on v.entity = j.value", (keys_json(some),)
        ):
            rows[row >> ROW_BITS].append(row)
        said = [found for number, these in rows.items() for found in _said(db, writers, number, these)]
        write(db, said, set(some))


def _said(db: apsw.Connection, writers: Writers, number: int, rows: list[int]) -> Iterable[tuple[int, Wording]]:
    """(entity, wording) of rows of one class."""
    layout, schema = writers.layout, writers.schema
    name = layout.type_names[number]
    searchable = writers.cls(name).searchable
    if not searchable:
        return
    live = layout.live(schema, "version", name)
    columns = ", ".join(f"v.{live[prop].column}" for prop in searchable)
    for entity, *values in db.execute(
        f"select v.entity, {columns} from json_each(?) j cross join version v on v.row = j.value", (keys_json(rows),)
    ):
        says = {
            prop: tuple(orjson.loads(value)) if live[prop].many else value
            for prop, value in zip(searchable, values, strict=True)
            if value is not None
        }
        yield entity, wording(says, searchable)
