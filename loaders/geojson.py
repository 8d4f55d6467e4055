"""GeoJSON (RFC 7946): a FeatureCollection, read feature by feature, whatever its size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from kg.errors import LoadError
from kg.model.records import BadRow, Record
from loaders.text import Encoding, find_encoding, read_sample, times, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kg.model.records import Row

CHUNK: Final = 256 * 1024
# NaN, which is no JSON but is met, costs its feature alone: the check of the row refuses it.
_DECODER: Final = json.JSONDecoder()
_REMEDY: Final = 'A file is {"type": "FeatureCollection", "features": [{"type": "Feature", …}]}.'


@dataclass(frozen=True, slots=True)
class GeoJsonTable:
    """An opened collection. A record has the properties, `geometry`, and `id` where a feature has one."""

    path: Path
    format: str
    columns: tuple[str, ...]
    evidence: tuple[str, ...]
    encoding: Encoding
    crs: str
    separator: str = ""
    geometric: bool = True

    def about(self) -> int | None:
        return times(self.path, b'"Feature"') or None

    def rows(self) -> Iterator[Row]:
        try:
            with self.path.open(encoding=self.encoding.name) as file:
                file.seek(self.encoding.mark)
                for number, feature in enumerate(_features(file, self.path), start=1):
                    yield _record(number, feature)
        except OSError as error:
            raise unreadable(self.path, error) from None
        except UnicodeDecodeError as error:
            raise LoadError(
                f"The file is not {self.encoding.name}: {error.reason}", where=str(self.path), field="encoding",
                remedy="Save it in UTF-8, as RFC 7946 demands, or say --encoding.",
            ) from None  # fmt: skip


def _record(number: int, feature: Any) -> Row:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raw = json.dumps(feature, ensure_ascii=False)
        return BadRow(number, raw, "not a Feature", _REMEDY)
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        return BadRow(number, json.dumps(feature, ensure_ascii=False), "`properties` is no object", _REMEDY)
    values = {name: value for name, value in properties.items() if value is not None and value != ""}
    if feature.get("id") is not None:
        values.setdefault("id", str(feature["id"]))
    if feature.get("geometry") is not None:
        values["geometry"] = feature["geometry"]
    return Record(number, values)


class _Text:
    """A window on the file's text."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self.file, self.path = file, path
        self.buffer, self.at = "", 0
        self.ended = False
        self.features = 0  # that were read whole

    def more(self) -> bool:
        chunk = self.file.read(max(CHUNK, len(self.buffer) - self.at))
        self.buffer, self.at = self.buffer[self.at :] + chunk, 0
        self.ended = not chunk
        return not self.ended

    def peek(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            while self.at < len(self.buffer) and self.buffer[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def take(self, expected: str) -> None:
        found = self.peek()
        if found != expected or not found:
            raise self.wrong(f"{expected!r} is expected, {found!r} stands" if found else "the file ends in the middle")
        self.at += 1

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                found, end = _DECODER.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                if self.more():
                    continue
                raise self.wrong(f"not JSON: {error.msg}") from None
            except (ValueError, RecursionError) as error:  # a number of thousands of digits; objects in objects
                raise self.wrong(f"not JSON: {error}") from None
            # A number may go on in the next chunk.
            if (end < len(self.buffer) and self.buffer[end] not in ".eE+-0123456789") or not self.more():
                self.at = end
                return found

    def wrong(self, reason: str) -> LoadError:
        return LoadError(
            f"The file is damaged: {reason.removesuffix(' starting at')}",
            where=f"{self.path}:{self.features + 1}" if self.features else str(self.path),
            remedy="Export it again. " + _REMEDY,
        )


def _members(text: _Text) -> Iterator[str]:
    """Names of the members of the object that begins here; the caller reads each value."""
    text.take("{")
    if text.peek() == "}":
        return
    while True:
        name = text.value()
        if not isinstance(name, str):
            raise text.wrong("a name is expected")
        text.take(":")
        yield name
        if text.peek() == "}":
            return
        text.take(",")


def _features(file: TextIO, path: Path) -> Iterator[Any]:
    text = _Text(file, path)
    if text.peek() != "{":
        raise LoadError("This is no GeoJSON object", where=str(path), remedy=_REMEDY)
    found = False
    for name in _members(text):
        if name != "features":
            text.value()
            continue
        found = True
        text.take("[")
        while text.peek() != "]":
            yield text.value()
            text.features += 1
            if text.peek() != "]":
                text.take(",")
        text.take("]")
    if not found:
        raise LoadError("The object has no `features`", where=str(path), field="features", remedy=_REMEDY)


def open_geojson(path: Path, *, encoding: str = "") -> GeoJsonTable:
    """Look at a file as far as its first feature. LoadError if it is empty, binary or no FeatureCollection."""
    sample = read_sample(path)
    if not sample.strip():
        raise LoadError("The file is empty", where=str(path), remedy=_REMEDY)
    found = find_encoding(path, sample, encoding)
    table = GeoJsonTable(path, "geojson", (), (found.evidence,), found, _declared(path, found))
    next(table.rows(), None)
    return table


def _declared(path: Path, encoding: Encoding) -> str:
    """The system that a `crs` member before the features names (GeoJSON of 2008), else WGS 84, as RFC 7946 says."""
    with path.open(encoding=encoding.name, errors="replace") as file:
        file.seek(encoding.mark)
        text = _Text(file, path)
        if text.peek() == "{":
            for name in _members(text):
                if name == "features":
                    break
                value = text.value()
                if name == "crs" and isinstance(value, dict):
                    called = str((value.get("properties") or {}).get("name", ""))
                    return "EPSG:4326" if "CRS84" in called else called
    return "EPSG:4326"
