"""What the planner reads from a store and what it hands back.

A store opens its write transaction, gives the planner a `Reading` of that transaction, and applies the
`Delta` in the same transaction: closes and narrows first, then inserts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from kg.model.intervals import OPEN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from kg.model.boxes import Difference
    from kg.model.changes import Receipt, RecordKey, Source
    from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow

R = TypeVar("R")
Span = tuple[int, int, int, int, int]
"""Of a version: (row id, valid from, valid to, level from, level to)."""


class Reading(Protocol):
    """Current rows (`system_to = OPEN`) unless said otherwise; absent keys are left out of the answer.

    Rows handed out are the planner's to keep, not to change. Each carries the store's `row` id.
    Collections may hold many thousand keys: answer each call with few statements.
    """

    def sources(self) -> Mapping[str, Source]: ...

    def records(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RecordRow]]: ...

    def records_of(self, entities: Collection[str]) -> dict[str, list[RecordRow]]:
        """By entity: rows whose `entity` or whose `home` it is (a row may stand under two)."""
        ...

    def claims(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[ClaimRow]]: ...

    def versions(self, entities: Collection[str]) -> dict[str, list[VersionRow]]: ...

    def spans(self, entities: Collection[str]) -> dict[str, list[Span]]:
        """Where the rows of `versions` lie, without what they say."""
        ...

    def identifiers(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[IdentifierRow]]:
        """By (scheme, value)."""
        ...

    def identifiers_of(self, entities: Collection[str]) -> dict[str, list[IdentifierRow]]: ...

    def relation_claims(self, lines: Collection[str]) -> dict[str, list[RelationClaimRow]]: ...

    def relation_claims_between(
        self, pairs: Collection[tuple[str, RecordKey, RecordKey]]
    ) -> dict[tuple[str, RecordKey, RecordKey], list[RelationClaimRow]]:
        """By (relation, start, end), whatever the source and the key properties."""
        ...

    def relation_claims_of(self, keys: Collection[RecordKey]) -> dict[RecordKey, list[RelationClaimRow]]:
        """By record: rows that have it as start, end or reference (a row may stand under several)."""
        ...

    def edges(self, edges: Collection[str]) -> dict[str, list[EdgeRow]]: ...

    def claim_history(self, run: str) -> dict[RecordKey, list[ClaimRow]]:
        """All rows ever, superseded ones too, of each record that the run touched: a row of its `run`, a row opened
        or closed by one of its commits, or an affirmation by it."""
        ...

    def relation_claim_history(self, run: str) -> dict[str, list[RelationClaimRow]]:
        """The same by line."""
        ...

    def runs_at(self, systems: Collection[int]) -> dict[int, str]:
        """The run of the commit at each system instant."""
        ...

    def affirmations(self, rows: Collection[int], *, relation: bool) -> dict[int, tuple[str, ...]]:
        """Runs that stated again what a claim row (by row id) says already, oldest first."""
        ...

    def records_of_source(self, source: str) -> list[RecordKey]:
        """All records that a source claims, for a change of its priority."""
        ...

    def lines_of_source(self, source: str) -> list[str]:
        """The same for relation claim lines."""
        ...

    def revisions(self, entities: Collection[str]) -> dict[str, int]:
        """The newest system instant at which any version or relation row of the entity was opened or closed."""
        ...


@dataclass(slots=True)
class Ops(Generic[R]):
    """Row operations on one kind of row. `close` sets system_to to the commit's instant."""

    insert: list[R] = field(default_factory=list)
    close: list[R] = field(default_factory=list)
    narrow: list[tuple[R, int, int]] = field(default_factory=list)  # (row, level_from, level_to)
    anchors: list[tuple[R, tuple[int, ...]]] = field(default_factory=list)  # claim rows only
    affirm: list[tuple[R, str]] = field(default_factory=list)  # claim rows only: (row, run)

    def __bool__(self) -> bool:
        return bool(self.insert or self.close or self.narrow)

    def take(self, difference: Difference[Any]) -> None:
        """Add what brings stored rows to their new state."""
        self.insert += difference.insert
        self.close += difference.close
        self.narrow += difference.narrow


@dataclass(slots=True)
class Delta:
    """All that one commit writes, beside its tx row."""

    system: int
    sources: list[Source] = field(default_factory=list)
    records: Ops[RecordRow] = field(default_factory=Ops)
    claims: Ops[ClaimRow] = field(default_factory=Ops)
    versions: Ops[VersionRow] = field(default_factory=Ops)
    relation_claims: Ops[RelationClaimRow] = field(default_factory=Ops)
    edges: Ops[EdgeRow] = field(default_factory=Ops)
    identifiers: Ops[IdentifierRow] = field(default_factory=Ops)
    receipt: Receipt | None = None

    @property
    def writes(self) -> bool:
        """Whether facts change: only then the commit gets a seq and moves the clock. Affirmations, anchors and
        log entries (`kg.store.commit.log`) alone are bookkeeping; they are applied all the same."""
        if any((self.sources, self.records, self.versions, self.edges, self.identifiers)):
            return True
        return any(
            ops.close or any(row.level != OPEN for row in ops.insert) for ops in (self.claims, self.relation_claims)
        )
