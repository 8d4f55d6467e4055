"""What a bad input is, for the table, its test and its page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Case:
    """One bad input: `files` are written, the commands of `before` succeed in silence, then `command` fails.

    Commands are what follows `jingwei`; those that read or write a store and name none get one of their own. `shown` is
    what the page shows of the input where that is not the text of its files.
    """

    name: str
    command: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    before: tuple[tuple[str, ...], ...] = ()
    shown: str = ""
