"""The one tree of errors that Jingwei raises.

An error says what was wrong (``message``), where (``where``: file and row, subject, or place in a query; ``field``;
``value``) and what to do about it (``remedy``). ``code`` is stable: clients may
branch on it, and the wording may change.
Adapters translate what their libraries raise into this tree, so that no vendor error leaves an adapter.
"""

from typing import ClassVar, Final

# A longer value is shown cut: an error is read by people, and a value may be a whole geometry.
SHOWN_VALUE_CHARS: Final = 120


class JingweiError(Exception):
    """Base of every error that Jingwei raises on purpose.

    ``value`` is what was refused, as it came in. ``str(error)`` is one line; :meth:`as_dict` is the same for machines.
    Subclasses set ``code`` and ``about``; both are checked by the tests to be there and unique.
    """

    code: ClassVar[str] = "JINGWEI_ERROR"
    about: ClassVar[str] = "An error of Jingwei that has no narrower class."

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        where: str = "",
        field: str = "",
        value: object = None,
    ) -> None:
        # Keyword arguments do not reach BaseException, so that pickling needs __reduce__ below.
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.where = where
        self.field = field
        self.value = value

    def __str__(self) -> str:
        place = [self.where] if self.where else []
        if self.field:
            place.append(f"field {self.field}")
        if self.value is not None:
            place.append(f"value {shown_value(self.value)}")
        text = f"{self.message} ({', '.join(place)})" if place else self.message
        if not self.remedy:
            return text
        return f"{text}{'' if text.endswith(('.', '!', '?', '。')) else '.'} {self.remedy}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.message, self.remedy, self.where, self.field, self.value)

    def as_dict(self) -> dict[str, object]:
        """The error for a machine: ``code`` and ``message`` always, the others where they are set."""
        out: dict[str, object] = {"code": self.code, "message": self.message}
        if self.where:
            out["where"] = self.where
        if self.field:
            out["field"] = self.field
        if self.value is not None:
            plain = isinstance(self.value, (bool, int, float, str)) and len(str(self.value)) <= SHOWN_VALUE_CHARS
            out["value"] = self.value if plain else shown_value(self.value)
        if self.remedy:
            out["remedy"] = self.remedy
        return out


def shown_value(value: object) -> str:
    """A value for people, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_VALUE_CHARS else f"{text[: SHOWN_VALUE_CHARS - 1]}…"


def _rebuild(cls: type[JingweiError], message: str, remedy: str, where: str, field: str, value: object) -> JingweiError:
    return cls(message, remedy=remedy, where=where, field=field, value=value)


class SchemaError(JingweiError):
    code = "SCHEMA_INVALID"
    about = "An ontology module cannot be compiled: unknown term or constraint, contradiction between modules."


class ValidationError(JingweiError):
    code = "DATA_INVALID"
    about = "A record or a change does not satisfy the schema: type, cardinality, pattern, range, shape."


class IdentifierError(ValidationError):
    code = "IDENTIFIER_INVALID"
    about = "An identifier does not match its scheme's pattern or checksum."


class IdentityConflict(JingweiError):
    code = "IDENTITY_CONFLICT"
    about = "Identifiers of one record belong to different entities, or an owned identifier is already taken."


class StaleExpectation(JingweiError):
    code = "STALE_EXPECTATION"
    about = "A change was made against a version that is no longer the current one."


class IdempotencyConflict(JingweiError):
    code = "IDEMPOTENCY_CONFLICT"
    about = "An idempotency key was used before for a different change."


class QueryError(JingweiError):
    code = "QUERY_INVALID"
    about = "A query names something that the schema does not have, or combines what cannot be combined."


class CursorError(QueryError):
    code = "CURSOR_INVALID"
    about = "A page cursor was altered, belongs to another query, or has expired."


class LimitExceeded(QueryError):
    code = "LIMIT_EXCEEDED"
    about = "A request asks for more than the limits allow: depth, cost, aliases, page size, size of the text, seconds."


class AccessDenied(JingweiError):
    code = "ACCESS_DENIED"
    about = "The caller is not known, or may not do this at all."


class ScopeDenied(AccessDenied):
    code = "SCOPE_DENIED"
    about = "The caller's scope does not reach a class, property, level or area that the request names."


class StoreError(JingweiError):
    code = "STORE_ERROR"
    about = "The store could not do what was asked."


class StoreBusy(StoreError):
    code = "STORE_BUSY"
    about = "Another writer held the store for longer than the time allowed; the same change can be sent again."


class StoreUnavailable(StoreError):
    code = "STORE_UNAVAILABLE"
    about = "The store's server cannot be reached now; the same request can be sent again."


class StoreReadOnly(StoreError):
    code = "STORE_READ_ONLY"
    about = "The store cannot be written: file permissions, a read-only file system, or opened so."


class StoreFull(StoreError):
    code = "STORE_FULL"
    about = "The disk or the quota of the store is used up; nothing of the refused change was written."


class StoreCorrupt(StoreError):
    code = "STORE_CORRUPT"
    about = "The store's file is damaged or is not a Jingwei store."


class NotFound(JingweiError):
    code = "NOT_FOUND"
    about = "What was asked for by its name or identifier does not exist, or not in the caller's scope."


class LoadError(JingweiError):
    code = "LOAD_FAILED"
    about = "A source cannot be read: missing file, wrong encoding, malformed row, mapping that does not fit."


class SettingsError(JingweiError):
    code = "SETTINGS_INVALID"
    about = "A setting is unknown or its value is not acceptable."
