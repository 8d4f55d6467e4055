"""Zip archives within limits: a few kilobytes must not become a full disk or a full memory."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Final

from kg.errors import LoadError

if TYPE_CHECKING:
    from pathlib import Path

DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What `zipfile` raises for an archive that is cut off, altered, encrypted or packed in a way that it does not know."""
MOST_MEMBERS: Final = 10_000
MOST_BYTES: Final = 8 << 30
"""Of all members together, unpacked."""
SWELLING_BYTES: Final = 64 << 20
MOST_SWELLING: Final = 250
"""Times that a member of more than SWELLING_BYTES may grow; real tables grow less than a hundred times."""


def open_archive(path: Path) -> zipfile.ZipFile:
    """An archive that may be read. LoadError where it would swell beyond the limits; DAMAGED and OSError as ever.

    `zipfile` reads no more of a member than its entry states, so that the stated sizes bound what is read.
    """
    archive = zipfile.ZipFile(path)
    try:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise _refused(path, f"{len(members)} members", f"at most {MOST_MEMBERS} are read")
        if (total := sum(info.file_size for info in members)) > MOST_BYTES:
            raise _refused(path, f"{total} bytes unpacked", f"at most {MOST_BYTES} are read")
        for info in members:
            if info.file_size > max(SWELLING_BYTES, MOST_SWELLING * info.compress_size):
                times = f"{info.filename} grows {info.file_size // max(1, info.compress_size)} times"
                raise _refused(path, times, f"at most {MOST_SWELLING} times is read")
    except BaseException:
        archive.close()
        raise
    return archive


def _refused(path: Path, found: str, most: str) -> LoadError:
    return LoadError(
        f"The archive is too large when unpacked: {found}, {most}", where=str(path),
        remedy="If it is from somebody you trust, unpack it, look at it, and load the files in it.",
    )  # fmt: skip
