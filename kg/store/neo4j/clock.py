"""The writers' side of the Clock and the Gate: locking, announcing, publishing, settling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kg.model.intervals import MIN, OPEN
from kg.store.neo4j.layout import CLOCK, GATE

if TYPE_CHECKING:
    from kg.store.neo4j.work import Work

_FIELDS: Final = (
    "system", "seq", "row", "epoch", "pivot", "heldFrom", "heldTo", "split", "moved", "pruned", "schema",
    "attempt",
)  # fmt: skip


@dataclass(slots=True)
class Ticks:
    """The Clock as the holder of its lock sees and changes it."""

    system: int = 0
    seq: int = 0
    row: int = 1  # number of the next row
    epoch: int = 0  # of the latest facts
    pivot: int = MIN  # the valid instant that the present is a copy of
    held_from: int = MIN
    held_to: int = OPEN
    split: bool = False
    moved: bool = False  # whether any entity was ever merged into another
    pruned: int = 0
    schema: int = 0
    attempt: str = ""  # of the latest facts: a writer whose reply was lost asks for it

    def values(self) -> list[Any]:
        return [
            self.system, self.seq, self.row, self.epoch, self.pivot, self.held_from, self.held_to, self.split,
            self.moved, self.pruned, self.schema, self.attempt,
        ]  # fmt: skip

    def published(self) -> dict[str, Any]:
        """What the Gate takes over."""
        return {
            "system": self.system, "seq": self.seq, "heldFrom": self.held_from, "heldTo": self.held_to,
            "split": self.split, "moved": self.moved, "pruned": self.pruned, "schema": self.schema,
            "written": self.epoch,
        }  # fmt: skip


async def lock(work: Work) -> tuple[Ticks, int]:
    """Take the Clock's lock for the rest of the transaction; its values, and `written` of the Gate."""
    listed = ", ".join("coalesce(c.moved, true)" if name == "moved" else f"c.{name}" for name in _FIELDS)
    # The write comes before any value is read: it is what takes the lock.
    (found,) = await work.rows(
        f"MATCH (c:`{CLOCK}` {{id: 0}}) SET c.locked = true WITH c MATCH (g:`{GATE}` {{id: 0}}) "
        f"RETURN {listed}, g.written"
    )
    return Ticks(*found[:-1]), found[-1]


async def keep(work: Work, ticks: Ticks) -> None:
    """Write the Clock, in the transaction that holds its lock."""
    listed = ", ".join(f"c.{name} = $values[{at}]" for at, name in enumerate(_FIELDS))
    await work.rows(f"MATCH (c:`{CLOCK}` {{id: 0}}) SET {listed}", values=ticks.values())


ANNOUNCE: Final = (
    f"MATCH (g:`{GATE}` {{id: 0}}) SET g.locked = true "
    "SET g.writing = CASE WHEN g.writing < $epoch THEN $epoch ELSE g.writing END"
)
"""Before facts are committed. Its own transaction, by the holder of the Clock's lock."""

PUBLISH: Final = (
    f"MATCH (g:`{GATE}` {{id: 0}}) SET g.locked = true WITH g WHERE g.written < $epoch "
    "SET g += $values SET g.writing = CASE WHEN g.writing < $epoch THEN $epoch ELSE g.writing END"
)
"""After facts were committed, by their writer or by anybody who saw them. A late one changes nothing."""

SETTLE: Final = f"MATCH (g:`{GATE}` {{id: 0}}) SET g += $values SET g.writing = $epoch"
"""By the holder of the Clock's lock, so that no facts are on their way: takes announcements back."""
