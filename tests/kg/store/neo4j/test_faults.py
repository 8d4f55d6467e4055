"""No error of the driver leaves the adapter, and no secret stands in an error. Needs no server."""

from collections.abc import Iterator

import pytest
from neo4j import exceptions as vendor

from kg.errors import (
    JingweiError,
    LimitExceeded,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    ValidationError,
)
from kg.store.neo4j.connection import Access, Link
from kg.store.neo4j.faults import FAULTS, faults, passing, translated


def tree(root: type[BaseException]) -> Iterator[type[BaseException]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


VENDOR = sorted(
    {cls for cls in (*tree(vendor.GqlError), *tree(vendor.DriverError)) if cls.__module__ == vendor.__name__},
    key=lambda cls: cls.__name__,
)


def server_says(code: str, message: str = "no") -> vendor.Neo4jError:
    return vendor.Neo4jError._hydrate_neo4j(code=code, message=message)


@pytest.mark.parametrize("cls", VENDOR, ids=lambda cls: cls.__name__)
def test_every_class_has_a_translation_of_its_own(cls: type[BaseException]) -> None:
    assert cls in FAULTS
    kind, message, remedy = FAULTS[cls]
    assert issubclass(kind, JingweiError)
    assert message
    assert remedy


@pytest.mark.parametrize(
    ("error", "kind", "again"),
    [
        (server_says("Neo.TransientError.Transaction.DeadlockDetected"), StoreBusy, True),
        (server_says("Neo.TransientError.Transaction.LockAcquisitionTimeout"), StoreBusy, True),
        (server_says("Neo.TransientError.General.DatabaseUnavailable"), StoreUnavailable, True),
        (server_says("Neo.TransientError.General.MemoryPoolOutOfMemoryError"), LimitExceeded, False),
        (server_says("Neo.ClientError.Transaction.TransactionTimedOut"), LimitExceeded, False),
        (server_says("Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration"), LimitExceeded, False),
        (server_says("Neo.ClientError.Security.Unauthorized"), StoreError, False),
        (server_says("Neo.ClientError.Security.Forbidden"), StoreReadOnly, False),
        (server_says("Neo.ClientError.General.ForbiddenOnReadOnlyDatabase"), StoreReadOnly, True),
        (server_says("Neo.ClientError.Schema.ConstraintValidationFailed"), StoreError, False),
        (server_says("Neo.DatabaseError.Transaction.TransactionCommitFailed", "No space left on device"),
         StoreFull, False),
        (server_says("Neo.DatabaseError.Transaction.TransactionLogError", "Could not append"), StoreUnavailable, True),
        (server_says("Neo.DatabaseError.Transaction.TransactionStartFailed", "It needs to be restarted."),
         StoreUnavailable, True),
        (server_says("Neo.ClientError.Statement.ExecutionFailed", "Property value is too large to index"),
         ValidationError, False),
        (vendor.ServiceUnavailable("gone"), StoreUnavailable, True),
        (vendor.IncompleteCommit("gone"), StoreUnavailable, True),
        (vendor.SessionExpired("gone"), StoreUnavailable, True),
        (vendor.ConnectionAcquisitionTimeoutError("full"), StoreBusy, False),
        (ConnectionResetError("gone"), StoreUnavailable, True),
        (vendor.ResultConsumedError(None, "used"), StoreError, False),
    ],
)  # fmt: skip
def test_what_becomes_of_an_error(error: Exception, kind: type[JingweiError], again: bool) -> None:
    assert type(translated(error, "bolt://here")) is kind or issubclass(type(translated(error)), kind)
    assert passing(error) is again
    with pytest.raises(kind) as caught, faults("bolt://here"):
        raise error
    assert caught.value.where == "bolt://here"
    assert caught.value.remedy


@pytest.mark.parametrize("value", ["\ud800", 2**63])
def test_values_that_the_protocol_has_no_place_for_are_the_writers_fault(value: object) -> None:
    error: Exception = OverflowError("too large")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as found:
            error = found
    with pytest.raises(ValidationError), faults():
        raise error


def test_no_secret_is_shown() -> None:
    assert "hush" not in repr(Access("me", "hush"))
    with pytest.raises(StoreError) as caught:
        Link("neo4j://me:hush@host", Access())
    assert "hush" not in str(caught.value)
    with pytest.raises(StoreError):
        Link("http://host", Access())
