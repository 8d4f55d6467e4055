"""The audit file: one JSON line a request, appended in one write and never changed."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

FILE: Final = "audit.jsonl"
_SHOWN: Final = 2000


class Audit:
    """Appends to a file that only its owner reads. Answers wait for their line: none goes out unrecorded."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        except OSError as error:
            raise SettingsError(
                f"The audit file cannot be opened: {error.strerror}",
                where=str(self.path),
                remedy="Name a folder that can be written in the setting `data_dir`.",
            ) from error

    def write(self, entry: dict[str, Any]) -> None:
        """One line. OSError where the disk refuses."""
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            os.write(self._file, line)

    def close(self) -> None:
        """Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def of_text(text: str) -> dict[str, Any]:
    """What the audit keeps of a request's text: its hash, and its beginning. Values of variables are not kept."""
    return {"sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), "text": text[:_SHOWN]}
