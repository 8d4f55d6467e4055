"""Where the rows lie that a commit read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kg.model.intervals import OPEN
from kg.store.neo4j import layout as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.model.changes import RecordKey
    from kg.model.rows import RecordRow


@dataclass(slots=True)
class Held:
    """Where the rows lie that were handed out. Rows and claims go by their numbers."""

    places: dict[int, str] = field(default_factory=dict)  # element ids
    present: set[int] = field(default_factory=set)  # versions that lie on their entity, relations of the present
    twins: dict[int, int] = field(default_factory=dict)  # claim → the row that it lies on
    raw: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    """Row that a claim lies on → ("" or its relation, its properties)."""
    records: dict[str, RecordRow] = field(default_factory=dict)  # entity → the record that lies on it
    mapped: dict[RecordKey, list[RecordRow]] = field(default_factory=dict)
    entities: set[str] = field(default_factory=set)  # such as have a node
    sought: set[str] = field(default_factory=set)  # ids of which it is known whether they have one

    def see(self, relation: str, place: str, found: Mapping[str, Any], *, present: bool) -> None:
        """Note a version's or a relation's row."""
        row = found["_row"]
        self.places[row] = place
        if present:
            self.present.add(row)
        claim = found.get(names.CLAIM_ROW)
        if claim is not None:
            self.places[claim] = place
            self.twins[claim] = row
            self.raw[row] = (relation, found)

    def home(self, key: RecordKey) -> str | None:
        """The entity that all readers find the record at; None where that is not so simple."""
        rows = self.mapped.get(key, ())
        if len(rows) != 1 or rows[0].level_from or rows[0].level_to != OPEN:
            return None
        return rows[0].entity
