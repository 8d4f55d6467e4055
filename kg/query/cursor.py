"""Page cursors: opaque tokens that hold where a page ended and at which instants it was read.

A token is encrypted and authenticated by AES-SIV (RFC 5297), which is deterministic: equal answers of one store have
equal bytes. What it is bound to (query shape, schema, scope) is authenticated with it, so that a token of another
query, of a changed ontology or of another caller's scope does not decode.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kg.errors import CursorError
from kg.query.algebra import After, Page, Time

if TYPE_CHECKING:
    from kg.query.algebra import Select
    from kg.query.secure import Scope

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Token:
    """What a cursor holds: the instants of the page's select (each an instant or a Range) and the row."""

    time: Time
    after: After


class CursorCodec:
    """Makes and reads cursors with a store's secret (any length from 16 bytes)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise ValueError("A cursor secret has at least 16 bytes")
        self._cipher = AESSIV(hashlib.sha512(b"jingwei cursor\0" + secret).digest())

    def encode(self, token: Token, binding: str) -> str:
        """The token's text, URL-safe."""
        after = token.after
        time = [_plain(token.time.valid), _plain(token.time.system)]
        content = [_VERSION, time, after.values, after.id, after.edge, after.system_from, after.valid_from]
        sealed = self._cipher.encrypt(orjson.dumps(content), [binding.encode()])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def decode(self, text: str, binding: str) -> Token:
        """CursorError where the text was altered or was made for something else."""
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            content = orjson.loads(self._cipher.decrypt(sealed, [binding.encode()]))
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise CursorError(
                "The cursor does not belong to this query",
                field="after",
                value=text,
                remedy="Pass on a cursor of this same field, filter, order and instant, or begin without one.",
            ) from error
        version, (valid, system), values, id_, edge, system_from, valid_from = content
        if version != _VERSION:
            raise CursorError("The cursor is of an earlier release", field="after", remedy="Begin without a cursor.")
        return Token(Time(_timed(valid), _timed(system)), After(tuple(values), id_, system_from, valid_from, edge))


def _plain(when: Any) -> Any:
    return when if when is None or isinstance(when, int) else [when.start, when.end]


def _timed(when: Any) -> Any:
    from kg.query.algebra import Range

    return Range(*when) if isinstance(when, list) else when


def binding(select: Select, schema_hash: str, scope: Scope) -> str:
    """What a page's cursors are bound to: source, filter, order and instants, the schema and the scope.

    `select` is as the API made it from the request: before `secure`, and with the instants that were asked for, not
    those to which a cursor pins them. Shape and size of the page do not count: the next one may ask for other fields.
    """
    shape = (select.source, select.where, select.order, select.time)
    limits = (
        scope.level,
        None if scope.classes is None else sorted(scope.classes),
        sorted((cls, repr(where)) for cls, where in scope.rows.items()),
        sorted((cls, sorted(names)) for cls, names in scope.masks.items()),
    )
    digest = hashlib.sha256(repr((shape, schema_hash, limits)).encode("utf-8", "surrogatepass"))
    return base64.urlsafe_b64encode(digest.digest()[:18]).decode()


def resume(select: Select, token: Token, first: int | None) -> Select:
    """The select of the page behind a cursor: at the same instants, after the same row."""
    return replace(select, page=Page(first, token.after, select.page.binding), time=token.time)
