"""Refused rows, written so that they can be mended and loaded again: the rows in the form they came in, reasons beside.

`NAME.rejects.csv` (or .jsonl) has the rows alone, under the same column names, so that the same mapping takes it;
`NAME.rejects.reasons.jsonl` says of each what was wrong and how to mend it.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Self, TextIO

import orjson

from kg.errors import LoadError
from kg.model.records import BadRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from kg.model.changes import Rejection
    from kg.model.records import Row, Table

MARK = ".rejects"
REASONS = f"{MARK}.reasons.jsonl"


def source_stem(path: Path) -> str:
    """The file's name without its ending, and without the mark of a rejects file: park.rejects.csv → park."""
    return path.stem.removesuffix(MARK)


class RejectsFile:
    """Opened with the first refused row; a load without one leaves no file."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.table = table
        self.delimited = bool(table.separator)
        ending = ".csv" if self.delimited else ".jsonl"
        self.path = folder / f"{source_stem(table.path)}{MARK}{ending}"
        self.reasons_path = folder / f"{source_stem(table.path)}{MARK}.reasons.jsonl"
        self._rows: TextIO | None = None
        self._reasons: TextIO | None = None
        self._number = 0

    @property
    def written(self) -> bool:
        return self._rows is not None

    def add(self, row: Row, rejections: Iterable[Rejection]) -> None:
        if self._rows is None:
            self._open()
        assert self._rows is not None
        assert self._reasons is not None
        self._number += 1
        self._rows.write(self._text(row) + "\n")
        for rejection in rejections:
            said = {
                "row": row.row, "rejectsRow": self._number + int(self.delimited), "field": rejection.field,
                "value": rejection.value, "reason": rejection.reason, "remedy": rejection.remedy,
            }  # fmt: skip
            self._reasons.write(orjson.dumps(said, default=str).decode() + "\n")

    def _open(self) -> None:
        if self.path.resolve() == self.table.path.resolve():
            raise LoadError(
                "The rejects would be written over the file that is read", where=str(self.path), field="rejects",
                remedy="Name another folder with --rejects, or rename the file.",
            )  # fmt: skip
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # With the mark, so that spreadsheets read Chinese in it.
            self._rows = self.path.open("w", encoding="utf-8-sig" if self.delimited else "utf-8", newline="")
            self._reasons = self.reasons_path.open("w", encoding="utf-8")
        except OSError as error:
            raise LoadError(
                f"The rejects cannot be written: {error.strerror}", where=str(self.path), field="rejects",
                remedy="Name a folder that can be written with --rejects.",
            ) from None  # fmt: skip
        if self.delimited:
            self._rows.write(self._line(self.table.columns) + "\n")

    def _text(self, row: Row) -> str:
        if isinstance(row, BadRow):
            return row.raw
        if self.delimited:
            return self._line([row.values.get(column, "") for column in self.table.columns])
        return orjson.dumps(row.values).decode()

    def _line(self, cells: Iterable[Any]) -> str:
        out = io.StringIO()
        csv.writer(out, delimiter=self.table.separator, lineterminator="").writerow(cells)
        return out.getvalue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for file in (self._rows, self._reasons):
            if file is not None:
                file.close()
