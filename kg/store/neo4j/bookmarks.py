"""Bookmarks: what one process has seen of a cluster, for another one to wait for.

What the driver calls a bookmark names a transaction, and so would tell a caller whether anything was committed that its
scope hides. Hence they go out sealed by AES-SIV (RFC 5297) under a random nonce, and only sealed ones come in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kg.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NONCE_BYTES: Final = 16


@dataclass(slots=True)
class Cause:
    """What the reads and writes of one task must see, and then what they saw, as bookmarks of the driver."""

    held: frozenset[str]


_cause: ContextVar[Cause | None] = ContextVar("jingwei_neo4j_cause", default=None)


def cause() -> Cause | None:
    """That of the running task."""
    return _cause.get()


@contextmanager
def caused(bookmarks: frozenset[str]) -> Iterator[Cause]:
    """Sessions that this task opens inside wait for the bookmarks, and leave theirs."""
    made = Cause(bookmarks)
    token = _cause.set(made)
    try:
        yield made
    finally:
        _cause.reset(token)


class Seal:
    """Makes and reads the texts that callers hold."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESSIV(hashlib.sha512(b"jingwei bookmark\0" + secret).digest())

    def seal(self, bookmarks: frozenset[str]) -> str:
        """URL-safe text; "" of none."""
        if not bookmarks:
            return ""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt("\n".join(sorted(bookmarks)).encode(), [nonce])
        return base64.urlsafe_b64encode(nonce + sealed).rstrip(b"=").decode()

    def open(self, text: str) -> frozenset[str]:
        """QueryError for what is not of this store."""
        if not text:
            return frozenset()
        try:
            sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            found = self._cipher.decrypt(sealed[_NONCE_BYTES:], [sealed[:_NONCE_BYTES]])
        except (binascii.Error, InvalidTag, ValueError) as error:
            raise QueryError(
                "The bookmark is not of this store", field="Jingwei-Bookmark", value=text,
                remedy="Send it as an earlier answer had it, or leave it out.",
            ) from error  # fmt: skip
        return frozenset(found.decode().split("\n"))
