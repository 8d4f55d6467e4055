"""Shapefiles (ESRI Shapefile Technical Description, 1998; dBASE III for attributes), as files side by side or in a zip.

The encoding of attributes is that of the .cpg, else of the language byte of the .dbf, else found out; the reference
system is that of the .prj. The two files are read in step, a record at a time.
"""

from __future__ import annotations

import re
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

from pyproj import CRS
from pyproj.exceptions import CRSError

from kg.errors import LoadError
from kg.model.records import BadRow, Record
from loaders.archives import DAMAGED, open_archive
from loaders.shapes import shape
from loaders.text import SAMPLE_BYTES, find_encoding, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kg.model.records import Row

# The language byte of dBASE; 0 and 0x57 say nothing.
_LANGUAGES: Final = {
    0x01: "cp437", 0x02: "cp850", 0x03: "cp1252", 0x13: "cp932", 0x4D: "gb18030", 0x4E: "cp949", 0x4F: "big5",
    0x7A: "gb18030", 0x78: "big5",
}  # fmt: skip
_CODE_PAGES: Final = {
    "936": "gb18030",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "950": "big5",
    "65001": "utf-8",
    "utf8": "utf-8",
}
_AGAIN: Final = "Copy or export it again: all of .shp, .dbf, .shx and .prj belong together."


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the .dbf: `start` and `size` in bytes of a record."""

    name: str
    kind: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class Layer:
    """The files of one layer: beside each other, or members of a zip."""

    path: Path
    stem: str
    zipped: bool

    def open(self, ending: str, stack: ExitStack) -> tuple[IO[bytes], int] | None:
        """A member with its size, None where there is none."""
        if not self.zipped:
            for name in (ending, ending.upper()):
                path = self.path.with_suffix(name)
                if path.is_file():
                    return stack.enter_context(path.open("rb")), path.stat().st_size
            return None
        archive = stack.enter_context(open_archive(self.path))
        for info in archive.infolist():
            if info.filename.lower() == (self.stem + ending).lower():
                return stack.enter_context(archive.open(info)), info.file_size
        return None

    def text(self, ending: str) -> str:
        try:
            with ExitStack() as stack:
                found = self.open(ending, stack)
                return found[0].read(64 * 1024).decode("utf-8", "replace").strip() if found else ""
        except DAMAGED as error:
            raise _damaged(self.path, f"the {ending}: {error}") from None


@dataclass(frozen=True, slots=True)
class ShapefileTable:
    """An opened layer: the attributes, and `geometry`."""

    path: Path
    format: str
    columns: tuple[str, ...]
    evidence: tuple[str, ...]
    layer: Layer
    fields: tuple[Column, ...]
    encoding: str
    count: int
    header_size: int
    record_size: int
    crs: str
    separator: str = ""
    geometric: bool = True

    def about(self) -> int | None:
        return self.count

    def rows(self) -> Iterator[Row]:
        try:
            with ExitStack() as stack:
                attributes, shapes = self.layer.open(".dbf", stack), self.layer.open(".shp", stack)
                assert attributes is not None
                assert shapes is not None
                attributes[0].read(self.header_size)
                shapes[0].read(100)
                for number in range(1, self.count + 1):
                    row = self._row(number, attributes[0].read(self.record_size), shapes[0])
                    if row is not None:
                        yield row
        except (OSError, *DAMAGED) as error:
            raise _damaged(self.path, str(error)) from None

    def _row(self, number: int, raw: bytes, shapes: IO[bytes]) -> Row | None:
        content = _shape_record(shapes, self.path, number)
        if raw[:1] == b"*":  # deleted
            return None
        values: dict[str, Any] = {}
        for column in self.fields:
            cell = raw[column.start : column.start + column.size].strip(b" \0")
            if not cell or (column.kind == "L" and cell == b"?"):
                continue
            try:
                values[column.name] = cell.decode(self.encoding)
            except UnicodeDecodeError:
                text = raw.decode(self.encoding, "replace")
                return BadRow(
                    number,
                    text,
                    f"not {self.encoding}",
                    "Say the encoding with --encoding, such as gb18030.",
                    column.name,
                )
        try:
            geometry = shape(content)
        except (struct.error, ValueError) as error:
            return BadRow(number, raw.decode(self.encoding, "replace"), f"no shape can be read: {error}", _AGAIN)
        if geometry is not None:
            values["geometry"] = geometry
        return Record(number, values)


def _shape_record(file: IO[bytes], path: Path, number: int) -> bytes:
    head = file.read(8)
    if len(head) < 8:
        raise _damaged(path, f"the .shp ends before feature {number}")
    (words,) = struct.unpack(">i", head[4:])
    content = file.read(2 * words)
    if words < 2 or len(content) < 2 * words:
        raise _damaged(path, f"the .shp ends within feature {number}")
    return content


def _damaged(path: Path, reason: str) -> LoadError:
    return LoadError(f"The shapefile is damaged: {reason}", where=str(path), remedy=_AGAIN)


def open_shapefile(path: Path, *, encoding: str = "") -> ShapefileTable:
    """Look at a layer: fields, encoding, reference system. LoadError for what is missing, cut off or no shapefile."""
    layer = _layer(path)
    try:
        with ExitStack() as stack:
            shapes, attributes = layer.open(".shp", stack), layer.open(".dbf", stack)
            if shapes is None or attributes is None:
                ending = ".shp" if shapes is None else ".dbf"
                raise LoadError(f"The {ending} is missing", where=str(path), remedy=_AGAIN)
            head = shapes[0].read(100)
            if len(head) < 100 or struct.unpack(">i", head[:4])[0] != 9994:
                raise _damaged(path, "the .shp does not begin as one")
            if 2 * struct.unpack(">i", head[24:28])[0] > shapes[1]:
                raise _damaged(path, f"the .shp has {shapes[1]} bytes of {2 * struct.unpack('>i', head[24:28])[0]}")
            count, header_size, record_size, language, fields = _dbf_header(path, attributes[0])
            if header_size + count * record_size > attributes[1]:
                raise _damaged(path, f"the .dbf has {attributes[1]} bytes of {header_size + count * record_size}")
            sample = attributes[0].read(min(SAMPLE_BYTES, count * record_size))
    except DAMAGED as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise unreadable(path, error) from None
    name, why = _encoding(path, layer, language, [*(raw for raw, _, _ in fields), *_cut(sample, record_size)], encoding)
    columns = _columns(path, fields, name)
    crs, how = _reference(layer)
    return ShapefileTable(
        path, "shapefile", (*(c.name for c in columns), "geometry"), (why, how), layer, columns, name, count,
        header_size, record_size, crs,
    )  # fmt: skip


def _layer(path: Path) -> Layer:
    if path.suffix.lower() != ".zip":
        return Layer(path, path.stem, zipped=False)
    try:
        with open_archive(path) as archive:
            stems = [info.filename[:-4] for info in archive.infolist() if info.filename.lower().endswith(".shp")]
    except DAMAGED as error:
        raise _damaged(path, f"the zip: {error}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if len(stems) != 1:
        found = ", ".join(stems) or "none"
        raise LoadError(
            "The zip holds no layer, or several", where=str(path), remedy=f"Put one layer into it; it has: {found}."
        )
    return Layer(path, stems[0], zipped=True)


def _dbf_header(path: Path, file: IO[bytes]) -> tuple[int, int, int, int, list[tuple[bytes, str, int]]]:
    head = file.read(32)
    if len(head) < 32:
        raise _damaged(path, "the .dbf has no header")
    count, header_size, record_size = struct.unpack("<IHH", head[4:12])
    rest = file.read(max(0, header_size - 32))
    if len(rest) < header_size - 32 or record_size < 1:
        raise _damaged(path, "the .dbf ends within its header")
    fields = []
    for at in range(0, len(rest) - 31, 32):
        if rest[at] == 0x0D:
            break
        fields.append((rest[at : at + 11].split(b"\0")[0], chr(rest[at + 11]), rest[at + 16]))
    return count, header_size, record_size, head[29], fields


def _columns(path: Path, fields: list[tuple[bytes, str, int]], encoding: str) -> tuple[Column, ...]:
    out: list[Column] = []
    start = 1  # behind the mark of deletion
    for raw, kind, size in fields:
        name = raw.decode(encoding, "replace").strip() or f"field {len(out) + 1}"
        if name == "geometry" or any(c.name == name for c in out):
            raise LoadError(f"Two fields are called {name}", where=str(path), field=name, remedy="Rename one of them.")
        out.append(Column(name, kind, start, size))
        start += size
    return tuple(out)


def _cut(sample: bytes, size: int) -> list[bytes]:
    return [sample[at : at + size] for at in range(0, len(sample) - size + 1, size)]


def _encoding(path: Path, layer: Layer, language: int, seen: list[bytes], said: str) -> tuple[str, str]:
    """The codec of the attributes and why."""
    page = layer.text(".cpg").lower().removeprefix("cp").removeprefix("windows-").removeprefix("ansi ")
    if said or page:
        found = find_encoding(path, b"", said or _CODE_PAGES.get(page, page))
        return found.name, f"encoding {found.name}: {'as said' if said else 'as the .cpg says'}"
    if language in _LANGUAGES:
        return _LANGUAGES[
            language
        ], f"encoding {_LANGUAGES[language]}: as the .dbf's language byte {language:#04x} says"
    found = find_encoding(path, b"\n".join(seen) + b"\n")
    return found.name, found.evidence


def _reference(layer: Layer) -> tuple[str, str]:
    """The EPSG code that the .prj stands for, and what was found."""
    text = layer.text(".prj")
    if not text:
        return "", "reference system: there is no .prj"
    try:
        found = CRS.from_wkt(text)
    except CRSError:
        return "", "reference system: the .prj cannot be read"
    named = re.search(r'AUTHORITY\["EPSG",\s*"?(\d+)"?\]\s*\]$', text)
    code = int(named[1]) if named else found.to_epsg(min_confidence=60)
    if code is None:
        return "", f"reference system: the .prj says {found.name}, which EPSG does not know by that"
    return f"EPSG:{code}", f"reference system: the .prj says {found.name}"
