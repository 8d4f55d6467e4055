"""Identifiers by their declared scheme: normalise, check the pattern, check the check character.

Nothing here knows a scheme by name: whatever Turtle declares works (see `kg.schema.types.Scheme`).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from operator import getitem
from typing import TYPE_CHECKING, Final

from kg.errors import IdentifierError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Callable

    from kg.schema.types import Scheme

# 9.13E+17, 9.13101E17: what a spreadsheet makes of a long number; 913101150000000000.0: what a float column does.
RUINED: Final = re.compile(r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d{1,3}|\d{6,}\.0+")
RUINED_REMEDY: Final = (
    "Format the column as text in the spreadsheet and enter the code again from its source; "
    "the digits that were lost cannot be guessed."
)
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))


def normalise(scheme: Scheme, text: str) -> str:
    """`text` as the scheme writes it: NFKC (full-width to half-width), trimmed, `strip` removed, upper-cased if said.

    Idempotent. Does not check; see `check`.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_INVISIBLE)
    text = text.strip()
    for character in scheme.strip:
        text = text.replace(character, "")
    return text.upper() if scheme.upper else text


def check(scheme: Scheme, value: str) -> None:
    """Raises IdentifierError unless the normalised `value` matches the scheme's pattern and check character."""
    wrong = checker(scheme)(value)
    if wrong is not None:
        raise IdentifierError(wrong[0], remedy=wrong[1], field=scheme.name, value=value)


def check_character(scheme: Scheme, body: str) -> str:
    """The check character for `body`, which has one character for each weight.

    SchemaError where the scheme declares no checksum, IdentifierError where the body does not fit.
    """
    if not scheme.modulus:
        raise SchemaError(f"identifier scheme {scheme.name!r} has no check character")
    if len(body) != len(scheme.weights):
        raise IdentifierError(
            f"the body of a {scheme.name} has {len(scheme.weights)} characters, not {len(body)}",
            field=scheme.name,
            value=body,
        )
    total = 0
    for character, weight in zip(body, scheme.weights, strict=True):
        index = scheme.alphabet.find(character)
        if index < 0:
            raise IdentifierError(
                f"{character!r} does not occur in a {scheme.name}",
                remedy=f"Its characters are {scheme.alphabet}.",
                field=scheme.name,
                value=body,
            )
        total += index * weight
    return scheme.check_alphabet[(scheme.modulus - total % scheme.modulus) % scheme.modulus]


@lru_cache(maxsize=256)
def checker(scheme: Scheme) -> Callable[[str], tuple[str, str] | None]:
    """A function from a normalised value to None or (what is wrong, remedy). Compiled once for a scheme."""
    matches = re.compile(scheme.pattern or ".+").fullmatch
    label = scheme.label.text() or scheme.name
    length = len(scheme.weights) + 1
    products = [
        {character: index * weight for index, character in enumerate(scheme.alphabet)} for weight in scheme.weights
    ]
    modulus, check_alphabet = scheme.modulus, scheme.check_alphabet

    def refuse(value: str) -> tuple[str, str]:
        if RUINED.fullmatch(value):
            return (
                f"a spreadsheet turned this {label} into a number and lost digits",
                RUINED_REMEDY,
            )
        example = f" An example is {scheme.example}." if scheme.example else ""
        return f"not a {label}: it does not match {scheme.pattern}", f"Correct it at its source.{example}"

    def checked(value: str) -> tuple[str, str] | None:
        if not matches(value):
            return refuse(value)
        if not modulus:
            return None
        try:
            if len(value) != length:
                raise KeyError(value)
            total = sum(map(getitem, products, value))  # the check character has no product
        except KeyError:
            return refuse(value)
        expected = check_alphabet[(modulus - total % modulus) % modulus]
        if value[-1] != expected:
            return (
                f"not a {label}: the check character is {value[-1]!r}, the other characters give {expected!r}",
                "A character was mistyped or two were swapped: compare it with the source.",
            )
        return None

    return checked
