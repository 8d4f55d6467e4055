"""Excel workbooks (ECMA-376, part 1, SpreadsheetML), read row by row; texts shared by cells are held in memory.

Titles above the table are passed over, a header of several rows becomes one name a column (joined by a stroke), and a
merged cell stands in every row and column that it covers. Numbers stay numbers: what a spreadsheet has rounded is
refused where a text is meant. Cells formatted as dates come as ISO text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET  # expat of 2.4 and later bounds what entities may grow to

from kg.errors import LoadError
from kg.model.records import Record
from loaders.archives import DAMAGED, open_archive
from loaders.text import unreadable

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator
    from pathlib import Path

    from kg.model.records import Row

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_HEAD_ROWS: Final = 20
# Clause 18.8.30: built-in formats that show a day or a time, those of Chinese locales included.
_DATES: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
# Members that lack, references and numbers that are none, beside what the archive itself may have wrong.
_DAMAGED: Final = (*DAMAGED, ET.ParseError, LookupError, ValueError, OverflowError)
_LAST_COLUMN: Final = 16_384  # XFD: the most columns that the program has
_REMEDY: Final = "Save it again as .xlsx; protected workbooks must be opened first."
Cells = dict[int, Any]


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged range; columns and rows from 1, both ends inclusive."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True, slots=True)
class ExcelTable:
    """An opened sheet."""

    path: Path
    format: str
    columns: tuple[str, ...]
    evidence: tuple[str, ...]
    member: str
    places: tuple[int, ...]  # the sheet's column of each of `columns`
    first: int  # row in which the data begin
    merged: tuple[Merged, ...]
    strings: tuple[str, ...]
    dates: frozenset[int]
    since_1904: bool
    crs: str = ""
    geometric: bool = False
    separator: str = ","

    def about(self) -> int | None:
        return None

    def rows(self) -> Iterator[Row]:
        for number, cells in _filled(self.cells(), self.merged):
            if number < self.first:
                continue
            values = {
                name: cells[at]
                for name, at in zip(self.columns, self.places, strict=True)
                if cells.get(at) not in (None, "")
            }
            if values:
                yield Record(number, values)

    def cells(self) -> Iterator[tuple[int, Cells]]:
        """Rows as (number, column → value), empty ones left out."""
        try:
            with open_archive(self.path) as archive, archive.open(self.member) as file:
                number = 0
                for element in _elements(file, "sheetData", "row"):
                    number = int(element.get("r") or number + 1)
                    yield number, dict(self._row(element))
        except _DAMAGED as error:
            raise _damaged(self.path, error) from None
        except OSError as error:
            raise unreadable(self.path, error) from None

    def _row(self, row: ET.Element) -> Iterator[tuple[int, Any]]:
        at = 0
        for cell in row.iterfind(f"{_MAIN}c"):
            at = _column(cell.get("r") or "") or at + 1
            value = self._value(cell)
            if value not in (None, ""):
                yield at, value

    def _value(self, cell: ET.Element) -> Any:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return "".join(text.text or "" for text in cell.iter(f"{_MAIN}t")).strip()
        text = cell.findtext(f"{_MAIN}v")
        if text is None:
            return None
        if kind == "s":
            return self.strings[int(text)].strip()
        if kind == "b":
            return text == "1"
        if kind == "n":
            number = float(text)
            if int(cell.get("s") or 0) in self.dates:
                return _date(number, since_1904=self.since_1904)
            return int(number) if number.is_integer() and abs(number) < 1e15 else number
        return text.strip()  # "str" of a formula, "d" an ISO date, "e" an error such as #N/A


def _elements(file: IO[bytes], parent: str, child: str) -> Iterator[ET.Element]:
    """The children of an element, one at a time and none kept."""
    held: ET.Element | None = None
    for event, element in ET.iterparse(file, ("start", "end")):  # noqa: S314
        if event == "start":
            if element.tag == f"{_MAIN}{parent}":
                held = element
        elif element.tag == f"{_MAIN}{child}":
            yield element
            if held is not None:
                held.clear()


def _filled(rows: Iterator[tuple[int, Cells]], merged: tuple[Merged, ...]) -> Iterator[tuple[int, Cells]]:
    """Rows in which a merged cell's value stands everywhere that the cell does."""
    if not merged:
        yield from rows
        return
    waiting = sorted(merged, key=lambda m: m.top)
    live: list[tuple[Merged, Any]] = []
    for number, cells in rows:
        while waiting and waiting[0].top <= number:
            one = waiting.pop(0)
            live.append((one, cells.get(one.left) if one.top == number else None))
        live = [(one, value) for one, value in live if one.bottom >= number]
        for one, value in live:
            if value is not None:
                cells.update(dict.fromkeys(range(one.left, one.right + 1), value))
        yield number, cells


def _column(reference: str) -> int:
    """AB12 → 28; 0 where there is no reference."""
    number = 0
    for letter in reference:
        if not letter.isalpha():
            break
        number = number * 26 + ord(letter) - 64
    return number


def _date(number: float, *, since_1904: bool) -> str:
    """Clause 18.17.4.1: days since 1899-12-30 (with the day that never was, 1900-02-29), or since 1904-01-01."""
    if since_1904:
        number += 1462
    elif number < 60:
        number += 1
    moment = datetime(1899, 12, 30) + timedelta(milliseconds=round(number * 86_400_000))  # noqa: DTZ001  # a local time
    return moment.date().isoformat() if number.is_integer() else moment.isoformat(timespec="seconds")


def _damaged(path: Path, error: Exception) -> LoadError:
    return LoadError(f"The workbook is damaged, or no .xlsx: {error}", where=str(path), remedy=_REMEDY)


def open_excel(path: Path, *, layer: str = "") -> ExcelTable:
    """Look at a sheet (`layer` is its name; default the first): header, columns. LoadError for what is no workbook."""
    try:
        with open_archive(path) as archive:
            sheets, since_1904 = _sheets(archive)
            member = sheets.get(layer) if layer else next(iter(sheets.values()), None)
            if member is None:
                raise LoadError(
                    "There is no such sheet", where=str(path), field="layer", value=layer or None,
                    remedy=f"Say one with --layer: {', '.join(sheets) or 'there is none'}.",
                )  # fmt: skip
            strings, dates, merged = _strings(archive), _date_styles(archive), _merged(archive, member)
    except _DAMAGED as error:
        raise _damaged(path, error) from None
    except OSError as error:
        raise unreadable(path, error) from None
    name = next(sheet for sheet, at in sheets.items() if at == member)
    raw = ExcelTable(path, "excel", (), (), member, (), 1, merged, strings, dates, since_1904)
    columns, places, header, depth = _header(path, list(islice(_filled(raw.cells(), merged), _HEAD_ROWS)), merged)
    others = [sheet for sheet in sheets if sheet != name]
    evidence = (
        f"sheet {name}" + (f" (there are also {', '.join(others)})" if others else ""),
        f"names of columns in row {header}" + (f" to {header + depth - 1}" if depth > 1 else ""),
    )
    return ExcelTable(
        path, "excel", columns, evidence, member, places, header + depth, merged, strings, dates, since_1904
    )


def _header(
    path: Path, head: list[tuple[int, Cells]], merged: tuple[Merged, ...]
) -> tuple[tuple[str, ...], tuple[int, ...], int, int]:
    """(names, their columns, first row of the header, rows of it)."""
    if not head:
        raise LoadError("The sheet is empty", where=str(path), remedy="Its first rows name the columns.")
    wide = max(len(set(map(str, cells.values()))) for _, cells in head)
    # A title above the table is one value, however wide it is merged.
    index = next(i for i, (_, cells) in enumerate(head) if len(set(map(str, cells.values()))) > min(1, wide - 1))
    row = head[index][0]
    here = [m for m in merged if m.top == row]
    depth = max((m.bottom - m.top + 1 for m in here if m.left == m.right), default=1)
    if depth == 1 and any(m.right > m.left for m in here):
        depth = 2
    rows = [cells for number, cells in head if row <= number < row + depth]
    names: dict[int, str] = {}
    for at in sorted({at for cells in rows for at in cells}):
        parts = dict.fromkeys(str(cells[at]).strip() for cells in rows if at in cells)
        names[at] = "/".join(parts)
    where = f"{path}:{row}"
    double = sorted({name for name in names.values() if list(names.values()).count(name) > 1})
    if double:
        raise LoadError(
            f"Two columns are called {double[0]}", where=where, field=double[0], remedy="Give each column its own name."
        )
    unnamed = sorted({at for number, cells in head if number >= row + depth for at in cells} - names.keys())
    if unnamed:
        raise LoadError(f"Column {unnamed[0]} has no name", where=where, remedy="Name it in the header.")
    return tuple(names.values()), tuple(names), row, depth


def _parsed(archive: zipfile.ZipFile, member: str) -> ET.Element:
    with archive.open(member) as file:
        return ET.parse(file).getroot()  # noqa: S314


def _sheets(archive: zipfile.ZipFile) -> tuple[dict[str, str], bool]:
    """Members by the name of their sheet, hidden ones last; and whether days count from 1904."""
    book = _parsed(archive, "xl/workbook.xml")
    targets = {r.get("Id"): r.get("Target", "") for r in _parsed(archive, "xl/_rels/workbook.xml.rels")}
    found = sorted(book.iter(f"{_MAIN}sheet"), key=lambda sheet: sheet.get("state", "visible") != "visible")
    out = {}
    for sheet in found:
        target = targets[sheet.get(_RELATION)]
        out[sheet.get("name", "")] = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    properties = book.find(f"{_MAIN}workbookPr")
    return out, properties is not None and properties.get("date1904") in {"1", "true"}


def _strings(archive: zipfile.ZipFile) -> tuple[str, ...]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return ()
    out = []
    with archive.open("xl/sharedStrings.xml") as file:
        for element in _elements(file, "sst", "si"):
            # Phonetic guides (rPh) are no part of the text.
            runs = [*element.iterfind(f"{_MAIN}t"), *element.iterfind(f"{_MAIN}r/{_MAIN}t")]
            out.append("".join(run.text or "" for run in runs))
    return tuple(out)


def _date_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    """Indexes of cell styles that show a number as a date."""
    if "xl/styles.xml" not in archive.namelist():
        return frozenset()
    styles = _parsed(archive, "xl/styles.xml")
    own = {int(f.get("numFmtId", 0)): f.get("formatCode", "") for f in styles.iter(f"{_MAIN}numFmt")}
    shows = {
        n
        for n, code in own.items()
        if re.search(r"[ymdh年月日时]", re.sub(r'"[^"]*"|\[[^\]]*\]|\\.', "", code.lower()))
    }
    cells = styles.find(f"{_MAIN}cellXfs")
    found = [] if cells is None else [int(xf.get("numFmtId", 0)) for xf in cells.iterfind(f"{_MAIN}xf")]
    return frozenset(i for i, number in enumerate(found) if number in shows or (number in _DATES and number not in own))


def _merged(archive: zipfile.ZipFile, member: str) -> tuple[Merged, ...]:
    """The merged ranges, which stand behind all rows: a pass of their own over the text."""
    out = []
    rest = b""
    with archive.open(member) as file:
        while chunk := file.read(1 << 20):
            text = rest + chunk
            out += re.findall(rb'<(?:\w+:)?mergeCell\s+ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"', text)
            rest = text[text.rfind(b"<") :][-200:]
            # What is whole in the rest would be found twice.
            rest = b"" if b">" in rest else rest
    return tuple(
        Merged(_column(a.decode()), int(b), min(_column(c.decode()), _LAST_COLUMN), int(d))
        for a, b, c, d in dict.fromkeys(out)
    )
