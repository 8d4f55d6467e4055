"""What SQLite raises, as our own errors. No apsw error leaves this package."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import apsw

from kg.errors import (
    JingweiError,
    LimitExceeded,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUSY = (StoreBusy, "Another writer holds the store", "Send the same change again; give its key to make that safe.")
_FULL = (StoreFull, "The disk is full", "Free space; nothing of the refused change was written.")
_READ_ONLY = (
    StoreReadOnly,
    "The store's file cannot be written",
    "Check the permissions of the file and of its folder.",
)
_CORRUPT = (StoreCorrupt, "The store's file is damaged", "Restore a backup; `jingwei check` says what is readable.")
_NO_STORE = (StoreCorrupt, "The file is not a Jingwei store", "Give the path of a store, or of a new file.")
_LARGE = (
    LimitExceeded,
    "The statement or a value in it is too large",
    "Ask for less at once: fewer levels, fields or ids.",
)
_STOPPED = (
    LimitExceeded,
    "The statement was stopped: it took longer than allowed",
    "Ask for less, or raise the limit.",
)
_MEMORY = (StoreError, "SQLite ran out of memory", "Ask for less at once, or give the process more memory.")
_OPEN = (
    StoreError,
    "The store's file cannot be opened",
    "Check that the folder exists and may be entered and written.",
)
_DISK = (
    StoreError,
    "The disk reports an error",
    "Look at the system's log; restore a backup where the file is damaged.",
)
_REFUSED = (
    StoreFull,
    "The disk took no more: a quota or a limit on the size of files is reached",
    "Free space or raise the limit; nothing of the refused change was written.",
)
_RULE = (
    StoreCorrupt,
    "A rule of the store's tables was broken",
    "Report this: a writer produced rows that contradict each other.",
)
_CLOSED = (StoreError, "The store is closed", "Open it again.")
_BUG = (StoreError, "SQLite refused a statement of ours", "Report this with the message.")

FAULTS: Final[dict[type[apsw.Error], tuple[type[JingweiError], str, str]]] = {
    apsw.BusyError: _BUSY,
    apsw.LockedError: _BUSY,
    apsw.ProtocolError: _BUSY,
    apsw.FullError: _FULL,
    apsw.ReadOnlyError: _READ_ONLY,
    apsw.PermissionsError: _READ_ONLY,
    apsw.AuthError: _READ_ONLY,
    apsw.CorruptError: _CORRUPT,
    apsw.FormatError: _CORRUPT,
    apsw.EmptyError: _CORRUPT,
    apsw.NotADBError: _NO_STORE,
    apsw.TooBigError: _LARGE,
    apsw.InterruptError: _STOPPED,
    apsw.AbortError: _STOPPED,
    apsw.ExecTraceAbort: _STOPPED,
    apsw.NoMemError: _MEMORY,
    apsw.CantOpenError: _OPEN,
    apsw.NoLFSError: _OPEN,
    apsw.IOError: _DISK,
    apsw.ConstraintError: _RULE,
    apsw.ConnectionClosedError: _CLOSED,
    apsw.CursorClosedError: _CLOSED,
    apsw.ConnectionNotClosedError: _BUG,
    apsw.VFSFileClosedError: _CLOSED,
    apsw.BindingsError: _BUG,
    apsw.ExecutionCompleteError: _BUG,
    apsw.ExtensionLoadingError: _BUG,
    apsw.ForkingViolationError: _BUG,
    apsw.IncompleteExecutionError: _BUG,
    apsw.InternalError: _BUG,
    apsw.InvalidContextError: _BUG,
    apsw.MismatchError: _BUG,
    apsw.MisuseError: _BUG,
    apsw.NoFTS5Error: _BUG,
    apsw.NotFoundError: _BUG,
    apsw.RangeError: _BUG,
    apsw.SQLError: _BUG,
    apsw.SchemaChangeError: _BUG,
    apsw.ThreadingViolationError: _BUG,
    apsw.VFSNotImplementedError: _BUG,
    apsw.Error: _BUG,
}
"""Every class of apsw's errors → ours, what to say and what to do."""


WRITE_REFUSED: Final = frozenset({apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_TRUNCATE})
"""What SQLite makes of EDQUOT and EFBIG; ENOSPC is SQLITE_FULL."""


def translated(error: apsw.Error, where: str = "") -> JingweiError:
    """Our error for one of apsw's."""
    kind, message, remedy = next(FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS)
    if getattr(error, "extendedresult", 0) in WRITE_REFUSED:
        kind, message, remedy = _REFUSED
    return kind(f"{message}: {error}", where=where, remedy=remedy)


@contextmanager
def faults(where: str = "") -> Iterator[None]:
    """Translates what SQLite raises inside."""
    try:
        yield
    except apsw.Error as error:
        raise translated(error, where) from error
