"""Which system instants a store can answer for: from what was pruned up to its latest commit."""

from __future__ import annotations

from kg.errors import QueryError
from kg.query.values import instant_text


def check_readable(at: int, latest: int, pruned_before: int) -> None:
    """QueryError where an instant is later than the latest visible commit, or earlier than what was pruned."""
    if at > latest:
        raise QueryError(
            "The system instant is beyond the latest commit", field="asOf.system", value=shown(at),
            remedy=f"Ask for an instant up to {shown(latest)}, or leave it out to read what is known now."
            if latest else "Leave it out: nothing was recorded yet.",
        )  # fmt: skip
    if at < pruned_before:
        raise QueryError(
            "What was known then has been pruned", field="asOf.system", value=shown(at),
            remedy=f"Ask for an instant from {shown(pruned_before)} on, or a backup from before.",
        )  # fmt: skip


def shown(instant: int) -> str | int:
    """An instant for an error: ISO 8601 in UTC; the number of microseconds where no calendar has it."""
    try:
        return instant_text(instant)
    except OverflowError:
        return instant
