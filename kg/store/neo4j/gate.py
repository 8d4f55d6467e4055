"""What a reader knows before it asks, and how a statement proves that nothing changed beneath it.

See docs/decisions/190-neo4j-layout.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kg.store.neo4j.layout import GATE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Head:
    """The Gate as it was read: the latest visible commit, and what the present is a copy of."""

    system: int
    seq: int
    writing: int
    written: int
    held_from: int
    held_to: int
    split: bool
    moved: bool  # whether any entity was ever merged into another
    pruned: int
    schema: int  # ordinal of the Schema that the graph fits

    @property
    def quiet(self) -> bool:
        """No writer stands between announcing and publishing: rows lie still."""
        return self.writing == self.written

    def present(self, valid: int, system: int, level: int) -> bool:
        """Whether the current plan answers for these instants and this level."""
        return system == self.system and self.held_from <= valid < self.held_to and (level == 0 or not self.split)


HEAD: Final = (
    f"MATCH (g:`{GATE}` {{id: 0}}) RETURN g.system, g.seq, g.writing, g.written, g.heldFrom, g.heldTo, "
    "g.split, coalesce(g.moved, true), g.pruned, g.schema"
)
"""Gives the fields of `Head` in order."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A read: `text` gives exactly one row with the column `answer`, reading the present where `current`.

    Parameters may not begin with an underscore. Each of `before` is asked first, with the parameters known by then, and
    its answer makes one more.
    """

    text: str
    parameters: Mapping[str, Any]
    current: bool = False
    before: tuple[Before, ...] = ()


@dataclass(frozen=True, slots=True)
class Before:
    """A statement like `Statement`, and how the parameter of its name is made of its answer. Of equal `key` it is the
    same until something is committed."""

    parameter: str
    text: str
    make: Callable[[Any], Any]
    key: str


def guarded(statement: Statement, head: Head) -> tuple[str, dict[str, Any]]:
    """Text and parameters of a statement that gives [answer, whole].

    No row: the head is no longer the latest. `whole` false: a commit came, or was announced, while it ran.
    """
    text = (
        f"MATCH (_g:`{GATE}` {{id: 0}}) WHERE _g.writing = $_writing "
        f"CALL () {{ {statement.text} }} "
        f"WITH collect(answer) AS _answers MATCH (_h:`{GATE}` {{id: 0}}) WHERE size(_answers) = 1 "
        "RETURN _answers[0] AS answer, _h.writing = $_writing AS whole"
    )
    return text, {**statement.parameters, "_writing": head.writing}
