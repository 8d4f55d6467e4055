"""Delimited text: CSV, TSV and their relatives (RFC 4180), from whatever program wrote them.

The separator is found among comma, semicolon, tab and bar, the encoding by its mark or by what decodes. A row that
cannot be read is one bad row, whole, and the next line is read as if nothing had happened: a quote that is never
closed costs its own line and not the rest of the file.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from kg.errors import LoadError
from kg.model.records import BadRow, Record
from loaders.text import Encoding, find_encoding, lines, read_sample, times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kg.model.records import Row
    from loaders.text import Line

SEPARATORS: Final = ",;\t|"
_NAMES: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
# A quoted value may run over lines; one that runs over more than this was never closed.
MAX_RECORD_LINES: Final = 500
_SNIFFED_ROWS: Final = 50

# The module's limit is for the whole process and too small for a boundary polygon in a cell.
csv.field_size_limit(64 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class CsvTable:
    """An opened file of delimited text; the first line that is not empty names the columns."""

    path: Path
    format: str
    columns: tuple[str, ...]
    evidence: tuple[str, ...]
    encoding: Encoding
    separator: str
    header_line: int
    sample: bytes
    crs: str = ""
    geometric: bool = False

    def rows(self) -> Iterator[Row]:
        source = lines(self.path, self.encoding, self.sample)
        for line in source:
            if line.number >= self.header_line:
                break
        return self._rows(source)

    def about(self) -> int | None:
        return max(0, times(self.path, b"\n") - self.header_line) or None

    def _rows(self, source: Iterator[Line]) -> Iterator[Row]:
        separator, columns = self.separator, self.columns
        width = len(columns)
        pushed: list[Line] = []
        while True:
            line = pushed.pop() if pushed else next(source, None)
            if line is None:
                return
            if not line.text:
                continue
            if line.wrong:
                yield BadRow(line.number, line.text, line.wrong, line.remedy)
                continue
            if '"' in line.text:
                cells, bad = self._quoted(line, source, pushed)
                if bad is not None:
                    yield bad
                    continue
            else:
                cells = line.text.split(separator)
            if "\0" in line.text:
                yield _bad(line, "a NUL character", "Export the row again: NULs come from a damaged or a binary file.")
            elif len(cells) == width:
                values = {n: c for n, c in zip(columns, cells, strict=True) if c}
                if values:
                    yield Record(line.number, values)
            else:
                yield from self._ragged(line, cells, width)

    def _ragged(self, line: Line, cells: list[str], width: int) -> Iterator[Row]:
        if not any(cell.strip() for cell in cells):
            return
        # Spreadsheets leave out, or add, empty cells at the end of a row.
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            cells = cells[:width]
        if len(cells) == width:
            yield Record(line.number, {n: c for n, c in zip(self.columns, cells, strict=True) if c})
            return
        yield _bad(
            line, f"{len(cells)} values for {width} columns",
            "Put quotes around a value that has a separator in it, and one separator between any two values.",
        )  # fmt: skip

    def _quoted(self, first: Line, source: Iterator[Line], pushed: list[Line]) -> tuple[list[str], BadRow | None]:
        """The cells of a record that has quotes in it. Lines read in vain go back to `pushed`, the next one on top."""
        taken: list[Line] = []

        def texts() -> Iterator[str]:
            yield first.text + "\n"
            while len(taken) < MAX_RECORD_LINES:
                line = pushed.pop() if pushed else next(source, None)
                if line is None:
                    return
                taken.append(line)
                if line.wrong:
                    return
                yield line.text + "\n"

        try:
            cells = next(csv.reader(texts(), delimiter=self.separator, strict=True))
        except csv.Error as error:
            pushed.extend(reversed(taken))
            if taken or "end of data" in str(error):
                reason = "a quote is opened and never closed"
            else:
                reason = "text follows a closing quote"
            return [], _bad(first, reason, 'Close the quote; write a quote inside a quoted value twice: "".')
        if taken and len(cells) != len(self.columns):
            pushed.extend(reversed(taken))
            reason = (
                f"a quote is opened and closed {len(taken)} lines further on, where the values do not fit the columns"
            )
            return [], _bad(first, reason, 'Close the quote; write a quote inside a quoted value twice: "".')
        return cells, None


def _bad(line: Line, reason: str, remedy: str) -> BadRow:
    return BadRow(line.number, line.text, reason, remedy)


def open_csv(path: Path, *, encoding: str = "", separator: str = "", name: str = "csv") -> CsvTable:
    """Look at a file: its encoding, separator and columns. LoadError if it is empty, binary or has no usable header."""
    sample = read_sample(path)
    found = find_encoding(path, sample, encoding)
    head = [line for line in islice(lines(path, found, sample), _SNIFFED_ROWS * 4) if line.text.strip()][:_SNIFFED_ROWS]
    if not head:
        raise LoadError("The file is empty", where=str(path), remedy="Its first line names the columns.")
    texts = [line.text for line in head]
    if separator:
        if len(separator) != 1:
            raise LoadError(
                "A separator is one character", where=str(path), field="separator", value=separator,
                remedy="Say one of , ; | or a tab.",
            )  # fmt: skip
        chosen, why = separator, f"separator {_NAMES.get(separator, repr(separator))}: as said"
    else:
        chosen, why = _separator(texts)
    header = _header(path, head[0], chosen)
    return CsvTable(
        path, name, _columns(path, head[0], header), (found.evidence, why), found, chosen, head[0].number, sample
    )


def _header(path: Path, line: Line, separator: str) -> list[str]:
    try:
        return next(csv.reader([line.text], delimiter=separator, strict=True), [])
    except csv.Error as error:
        raise LoadError(
            f"The line of column names cannot be read: {error}", where=f"{path}:{line.number}",
            remedy="Close its quotes, and write each name on one line.",
        ) from None  # fmt: skip


def _columns(path: Path, line: Line, header: list[str]) -> tuple[str, ...]:
    where = f"{path}:{line.number}"
    if line.wrong or "\0" in line.text:
        raise LoadError(
            f"The line of column names cannot be read: {line.wrong or 'a NUL character'}", where=where,
            remedy="Say the right encoding with --encoding, or the right format with --format.",
        )  # fmt: skip
    names = [name.strip() for name in header]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise LoadError("The line of column names is empty", where=where, remedy="Name each column in the first line.")
    for number, name in enumerate(names, start=1):
        if not name:
            raise LoadError(
                f"Column {number} has no name", where=where,
                remedy="Name it; of a header with two rows or merged cells make one row with a name in each cell.",
            )  # fmt: skip
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise LoadError(
            f"Two columns are called {double[0]}", where=where, field=double[0], remedy="Give each column its own name."
        )
    return tuple(names)


def _cells(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return text.split(separator)


def _separator(texts: list[str]) -> tuple[str, str]:
    """The separator that gives most rows as many values as there are column names."""
    best, rank, why = ",", (0.0, 0), ""
    for candidate in SEPARATORS:
        width = len(_cells(texts[0], candidate))
        if width < 2:
            continue
        fitting = sum(1 for text in texts if len(_cells(text, candidate)) == width)
        if (fitting / len(texts), width) > rank:
            best, rank = candidate, (fitting / len(texts), width)
            why = f"separator {_NAMES[candidate]}: {width} values in {fitting} of the first {len(texts)} rows"
    return best, why or "separator comma: one column"
