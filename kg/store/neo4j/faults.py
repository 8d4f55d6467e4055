"""Neo4j's errors become ours. No error of the driver leaves this package."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from neo4j import exceptions as vendor

from kg.errors import (
    JingweiError,
    LimitExceeded,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    ValidationError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    Fault = tuple[type[JingweiError], str, str]

_BUSY = (StoreBusy, "The server asks to try again", "Send the same change again; give its key to make that safe.")
_WAITED = (
    StoreBusy,
    "The statement was stopped while it waited for a lock: it is held for longer than allowed, or the server stops",
    "Send the same change again; give its key to make that safe.",
)
_AWAY = (
    StoreUnavailable,
    "The server cannot be reached",
    "Look whether it runs and the URL is right; send the request again.",
)
_POOL = (
    StoreBusy,
    "All connections to the server are in use",
    "Send the request again, or raise JINGWEI_NEO4J_POOL.",
)
_AUTH = (
    StoreError,
    "The server refuses the credentials",
    "Set JINGWEI_NEO4J_USER and JINGWEI_NEO4J_PASSWORD.",
)
_FORBIDDEN = (
    StoreReadOnly,
    "The server's user may not do this",
    "Give the user the rights that docs/operating.md lists.",
)
_READ_ONLY = (StoreReadOnly, "The database is read-only", "Allow writing, or name a database that may be written.")
_RULE = (
    StoreCorrupt,
    "A constraint of the graph was broken",
    "Report this: a writer produced rows that contradict each other.",
)
_SETTINGS = (StoreError, "The driver refuses the settings", "Check the URL and the JINGWEI_NEO4J_ settings.")
_BUG = (StoreError, "Neo4j refused a statement of ours", "Report this with the message.")
_SERVER = (StoreError, "The server failed", "Look at the server's log.")
_FULL = (StoreFull, "The server's disk is full", "Free space; nothing of the refused change was written.")
_STOPPED = (
    LimitExceeded,
    "The statement was stopped: it took longer than allowed",
    "Ask for less, or raise the limit.",
)
_MEMORY = (
    LimitExceeded,
    "The statement needs more memory than the server allows",
    "Ask for less at once, or give the server more memory.",
)
_LONG = (
    ValidationError,
    "A value is too long for the index on its property",
    "An indexed text holds about 8,000 bytes: shorten the value, or take jw:indexed off the property.",
)

_DOWN = (
    StoreUnavailable,
    "The server's database has stopped: its disk may be full",
    "Look at the server's log and its disk, restart it; then send the same change again, with its key.",
)

FAULTS: Final[dict[type[BaseException], Fault]] = {
    vendor.TransientError: _BUSY,
    vendor.DatabaseUnavailable: _AWAY,
    vendor.NotALeader: _BUSY,
    vendor.ForbiddenOnReadOnlyDatabase: _READ_ONLY,
    vendor.AuthError: _AUTH,
    vendor.TokenExpired: _AUTH,
    vendor.Forbidden: _FORBIDDEN,
    vendor.ConstraintError: _RULE,
    vendor.CypherSyntaxError: _BUG,
    vendor.CypherTypeError: _BUG,
    vendor.ClientError: _BUG,
    vendor.DatabaseError: _SERVER,
    vendor.Neo4jError: _SERVER,
    vendor.ServiceUnavailable: _AWAY,
    vendor.RoutingServiceUnavailable: _AWAY,
    vendor.WriteServiceUnavailable: _AWAY,
    vendor.ReadServiceUnavailable: _AWAY,
    vendor.IncompleteCommit: _AWAY,
    vendor.SessionExpired: _AWAY,
    vendor.ConnectionPoolError: _POOL,
    vendor.ConnectionAcquisitionTimeoutError: _POOL,
    vendor.ConfigurationError: _SETTINGS,
    vendor.AuthConfigurationError: _SETTINGS,
    vendor.CertificateConfigurationError: _SETTINGS,
    vendor.UnsupportedServerProduct: _SETTINGS,
    vendor.DriverError: _BUG,
    vendor.SessionError: _BUG,
    vendor.TransactionError: _BUG,
    vendor.TransactionNestingError: _BUG,
    vendor.ResultError: _BUG,
    vendor.ResultConsumedError: _BUG,
    vendor.ResultFailedError: _BUG,
    vendor.ResultNotSingleError: _BUG,
    vendor.BrokenRecordError: _BUG,
    vendor.GqlError: _SERVER,
}
"""Every class of the driver's errors → ours, what to say and what to do."""

CODES: Final[tuple[tuple[str, Fault], ...]] = (
    ("Neo.ClientError.Transaction.TransactionTimedOut", _STOPPED),
    ("Neo.ClientError.Transaction.LockClientStopped", _WAITED),
    ("Neo.TransientError.General.MemoryPoolOutOfMemoryError", _MEMORY),
    ("Neo.TransientError.General.TransactionOutOfMemoryError", _MEMORY),
    ("Neo.TransientError.General.TransactionMemoryLimit", _MEMORY),
    ("Neo.TransientError.General.OutOfMemoryError", _MEMORY),
    ("Neo.DatabaseError.Transaction.TransactionLogError", _DOWN),
    ("Neo.TransientError.Database.DatabaseUnavailable", _AWAY),
    ("Neo.TransientError.General.DatabaseUnavailable", _AWAY),
)
"""Beginnings of the server's codes that say more than the class."""

TEXTS: Final[tuple[tuple[str, Fault], ...]] = (
    ("needs to be restarted", _DOWN),
    ("No space left on device", _FULL),
    ("Property value is too large to index", _LONG),
)
"""What the server's messages say where it has no code for it."""


def translated(error: BaseException, where: str = "") -> JingweiError:
    """Our error for one of the driver's (or for a socket's)."""
    kind, message, remedy = _fault(error)
    return kind(f"{message}: {error}", where=where, remedy=remedy)


def _fault(error: BaseException) -> Fault:
    text, code = str(error), getattr(error, "code", None) or ""
    for begins, fault in CODES:
        if code.startswith(begins):
            return fault
    for holds, fault in TEXTS:
        if holds in text:
            return fault
    return next((FAULTS[cls] for cls in type(error).__mro__ if cls in FAULTS), _AWAY)


def passing(error: BaseException) -> bool:
    """Whether the same may succeed when tried again; after a lost commit nothing is known yet."""
    if isinstance(error, OSError):
        return True
    if not isinstance(error, vendor.DriverError | vendor.Neo4jError):
        return False
    fault = _fault(error)
    kind = fault[0]
    if kind in {LimitExceeded, StoreFull, ValidationError}:
        return False
    return kind is StoreUnavailable or fault is _WAITED or error.is_retryable()


@contextmanager
def faults(where: str = "") -> Iterator[None]:
    """Translates what the driver raises inside."""
    try:
        yield
    except (vendor.GqlError, vendor.DriverError, vendor.Neo4jError, OSError) as error:
        raise translated(error, where) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise ValidationError(
            f"A value cannot be stored: {error}",
            remedy="Texts are Unicode without lone surrogates; integers have 64 bits.",
        ) from error
