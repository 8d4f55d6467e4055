"""Refused rows, written so that they can be mended and loaded again: the rows in the form they came in, reasons beside.

`NAME.rejects.csv` (or .jsonl) has the rows alone, under the same column names, so that the same mapping takes it;
`NAME.rejects.reasons.jsonl` says of each what was wrong and how to mend it. Both appear when the load is done, so that
the file that is read may be the very one: what is still refused of it takes its place. When nothing is refused any
more, the reasons go; the rows are the person's who mended them, and stay.
"""

from __future__ import annotations

import csv
import io
import json
import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson

from kg.errors import LoadError
from kg.model.records import BadRow

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kg.model.changes import Rejection
    from kg.model.records import Row, Table

MARK = ".rejects"
REASONS = f"{MARK}.reasons.jsonl"
_TOLD_APART: Final = re.compile("~[0-9a-f]{6}$")


def source_stem(path: Path) -> str:
    """The file's name without its ending, and without the mark of a rejects file: park.rejects.csv → park."""
    stem = path.stem
    return _TOLD_APART.sub("", stem.removesuffix(MARK)) if stem.endswith(MARK) else stem


class RejectsFile:
    """The refused rows of one load. Files are opened with the first of them."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.table = table
        self.delimited = bool(table.separator)
        self.origin = str(table.path)
        ending = ".csv" if self.delimited else ".jsonl"
        stem = table.path.stem.removesuffix(MARK)
        if table.path.stem.endswith(MARK) and table.path.parent.resolve() == folder.resolve():
            self.origin = _origin(folder / f"{stem}{REASONS}") or self.origin
        elif _origin(folder / f"{stem}{REASONS}") not in {"", self.origin}:
            # Another file of this name has refused rows that wait here.
            stem += f"~{blake2b(str(table.path.resolve()).encode(), digest_size=3).hexdigest()}"
        self.path = folder / f"{stem}{MARK}{ending}"
        self.reasons_path = folder / f"{stem}{REASONS}"
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
                "value": rejection.value, "reason": rejection.reason, "remedy": rejection.remedy, "file": self.origin,
            }  # fmt: skip
            self._reasons.write(_json(said) + "\n")

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # With the mark, so that spreadsheets read Chinese in it.
            encoding = "utf-8-sig" if self.delimited else "utf-8"
            self._rows = _unfinished(self.path).open("w", encoding=encoding, newline="")
            self._reasons = _unfinished(self.reasons_path).open("w", encoding="utf-8")
        except OSError as error:
            raise self._unwritable(error) from None
        if self.delimited:
            self._rows.write(self._line(self.table.columns) + "\n")

    def _unwritable(self, error: OSError) -> LoadError:
        return LoadError(
            f"The rejects cannot be written: {error.strerror}", where=str(self.path), field="rejects",
            remedy="Set data_dir (JINGWEI_DATA_DIR) to a folder that can be written.",
        )  # fmt: skip

    def close(self, *, done: bool, mended: bool) -> None:
        """`done`: the load came to its end; else the files of an earlier one stay as they are. `mended`: where it
        refused nothing, no row waits any more."""
        files = [(file, path) for file, path in ((self._rows, self.path), (self._reasons, self.reasons_path)) if file]
        try:
            for file, path in files:
                file.close()
                _unfinished(path).replace(path) if done else _unfinished(path).unlink()
            if done and mended and not files:
                self.reasons_path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None

    def _text(self, row: Row) -> str:
        if isinstance(row, BadRow):
            return row.raw
        if self.delimited:
            return self._line([row.values.get(column, "") for column in self.table.columns])
        return _json(row.values)

    def _line(self, cells: Iterable[Any]) -> str:
        out = io.StringIO()
        csv.writer(out, delimiter=self.table.separator, lineterminator="").writerow(cells)
        return out.getvalue()


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, default=str).decode()
    except TypeError:  # a whole number beyond 64 bits
        return json.dumps(value, default=str)


def _unfinished(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _origin(reasons: Path) -> str:
    """The file whose rows were refused, "" where there are no reasons, or they do not say."""
    try:
        with reasons.open("rb") as file:
            said = orjson.loads(file.readline() or b"{}")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise LoadError(
            f"The reasons of refused rows cannot be read: {error}", where=str(reasons), field="rejects",
            remedy="Remove that file and the rejects beside it, or mend it.",
        ) from None  # fmt: skip
    return str(said.get("file", ""))
