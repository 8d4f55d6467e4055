"""What a loader reads from a source: records as plain mappings, and rows that it could not read, as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Record:
    """One record. Values are text in text formats, JSON values in JSON ones; absent and empty cells are left out.

    `row` is where a person finds it: the line on which it starts (1 is the first), or the feature's number.
    """

    row: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read; `raw` is its whole text, so that nothing is lost."""

    row: int
    raw: str
    reason: str
    remedy: str
    field: str = ""
    value: Any = None


Row: TypeAlias = "Record | BadRow"


class Table(Protocol):
    """An opened source. `rows` may be called again and then starts anew; it holds a bounded number of rows."""

    @property
    def path(self) -> Path: ...

    @property
    def format(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in the source's order; () where each record has its own."""
        ...

    @property
    def separator(self) -> str:
        """Between values, in delimited text; else ""."""
        ...

    @property
    def crs(self) -> str:
        """The reference system that the source declares, such as "EPSG:4549"; "" where it declares none."""
        ...

    @property
    def geometric(self) -> bool:
        """Whether the format has geometries of its own, and a place to declare their reference system."""
        ...

    @property
    def evidence(self) -> tuple[str, ...]:
        """What was found out about the source rather than said, a sentence each, for people."""
        ...

    def rows(self) -> Iterator[Row]: ...

    def about(self) -> int | None:
        """About how many rows there are, to show how far a load has come; None where only reading tells."""
        ...
