"""JSON Lines: a JSON object on each line, in UTF-8 (other encodings are found out as in other text)."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from kg.errors import LoadError
from kg.model.records import BadRow, Record
from loaders.text import Encoding, find_encoding, lines, read_sample, times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kg.model.records import Row


@dataclass(frozen=True, slots=True)
class JsonlTable:
    """An opened file; each record has keys of its own."""

    path: Path
    format: str
    columns: tuple[str, ...]
    evidence: tuple[str, ...]
    encoding: Encoding
    sample: bytes
    separator: str = ""
    crs: str = ""
    geometric: bool = False

    def about(self) -> int | None:
        return times(self.path, b"\n") or None

    def rows(self) -> Iterator[Row]:
        for line in lines(self.path, self.encoding, self.sample):
            text = line.text
            if not text or text.isspace():
                continue
            if line.wrong:
                yield BadRow(line.number, text, line.wrong, line.remedy)
                continue
            try:
                value = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                yield BadRow(line.number, text, f"not JSON: {error.msg} at character {error.pos + 1}", _REMEDY)
                continue
            if _LONG.search(text):
                try:
                    value = json.loads(text)  # which rounds no whole number
                except (ValueError, RecursionError) as error:
                    yield BadRow(line.number, text, f"not JSON: {error}", _REMEDY)
                    continue
            twice = isinstance(value, dict) and named_twice(text, value)
            if twice:
                yield BadRow(line.number, text, f"two values are called {twice!r}", "Keep one of them.", twice)
            elif isinstance(value, dict):
                yield Record(line.number, {name: item for name, item in value.items() if item is not None})
            else:
                yield BadRow(line.number, text, "JSON, but no object", _REMEDY)


def named_twice(text: str, value: dict[str, object]) -> str:
    """A name that the object has twice, "" if none: parsers keep the last value and lose the others in silence."""
    names = [name for name in value if text.count(f'"{name}"') > 1]
    if not names:
        return ""
    seen: Counter[str] = Counter()

    def count(pairs: list[tuple[str, object]]) -> None:
        seen.clear()  # the outermost object is the last one to be complete
        seen.update(name for name, _ in pairs)

    json.loads(text, object_pairs_hook=count)
    return next((name for name in names if seen[name] > 1), "")


_LONG = re.compile("[0-9]{19}")
_REMEDY = 'Write one object a line, such as {"name": "…"}; NaN and Infinity are no JSON.'


def open_jsonl(path: Path, *, encoding: str = "") -> JsonlTable:
    """Look at a file. LoadError if it is empty, binary, or one JSON document rather than lines of them."""
    sample = read_sample(path)
    found = find_encoding(path, sample, encoding)
    first = next((line.text for line in lines(path, found, sample) if line.text.strip()), None)
    if first is None:
        raise LoadError("The file is empty", where=str(path), remedy=_REMEDY)
    if first.strip() in {"[", "{"}:
        raise LoadError(
            "This is one JSON document over several lines, not JSON Lines", where=str(path),
            remedy="Write each record on a line of its own (jq -c '.[]' does it).",
        )  # fmt: skip
    return JsonlTable(path, "jsonl", (), (found.evidence,), found, sample)
