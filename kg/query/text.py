"""Text search: what matches, in which order, and the tokens by which a full-text index finds candidates.

Membership and rank depend on the query and on the visible row alone, never on a corpus, so that they are equal in
every store and tell nothing about rows that a reader may not see.

A value has three forms: its normalised text; its pinyin, each Chinese character's syllable without tone (ü as v) in the
place of the character, all else kept; and the initials of that. A query is normalised and split on white space into
terms; a row matches when each term is found in some form of some value. A term is found in the text as a substring; one
of ASCII letters only also in the pinyin, beginning where a syllable or a kept run of characters begins, and, with two
letters or more, anywhere in the initials. An empty query matches nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXACT, PREFIX, INSIDE, SOUND_PREFIX, SOUND_INSIDE = range(5)
"""Kinds of a match, best first."""

TOKENIZER = "ascii"
"""The FTS5 tokenizer for `index_tokens`: it splits at ASCII punctuation only and folds nothing else."""

_LETTERS = re.compile(r"[a-z]+")
_NO_LETTERS = re.compile(r"[^a-z]")
_NO_SOUNDS = re.compile(r"[\x00-\x60\x7b-\x7f]+")
# At each position: three ASCII letters or digits, else two characters, else one; never over a space or ASCII sign.
_GRAMS = re.compile(r"(?=([0-9a-z]{3}|[0-9a-z\u0080-\U0010ffff]{1,2}))")
_PIECES = re.compile(r"[0-9a-z\u0080-\U0010ffff]+")
# These begin tokens of pinyin and of initials, and keep them apart from grams of the text.
_SOUND, _INITIAL = "ˉ", "ˊ"
_NEXT_SOUND, _NEXT_INITIAL = f" {_SOUND}", f" {_INITIAL}"
_SOUND_LENGTH, _INITIAL_LENGTH = 10, 4
_ASCII = re.compile(r"[\x00-\x7f]")
_LONGEST_WORD = 4
_CAP = 9999


def normalise(text: str) -> str:
    """NFKC (full-width forms become half-width), case folded, white space collapsed to single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    composed = unicodedata.normalize("NFKC", text)
    folded = composed.casefold()
    if folded != composed:  # folding may take a normalised text apart again
        folded = unicodedata.normalize("NFKC", folded)
    return " ".join(folded.split())


# ---------------------------------------------------------------- pinyin


class _Readings(dict[str, str]):
    """Character → its usual syllable, or itself where it is not Chinese. Filled as characters are met."""

    def __missing__(self, char: str) -> str:
        readings = _pinyin_dict().get(ord(char), "") if char >= "\u2e80" else ""
        found = _toneless(readings.split(",", 1)[0]) if readings else char
        self[char] = found
        if "," in readings:
            _HETERONYMS.add(char)
        return found


_READINGS = _Readings()
_HETERONYMS: set[str] = set()


def _pinyin_dict() -> Mapping[int, str]:
    from pypinyin.constants import PINYIN_DICT

    return PINYIN_DICT


@lru_cache(maxsize=1)
def _word_sizes() -> Mapping[str, tuple[int, ...]]:
    """By the first two characters of known words, the sizes to look up, longest first."""
    from pypinyin.constants import PHRASES_DICT

    sizes: dict[str, set[int]] = {}
    for word in PHRASES_DICT:
        if 2 <= len(word) <= _LONGEST_WORD:
            sizes.setdefault(word[:2], set()).add(len(word))
    return {head: tuple(sorted(found, reverse=True)) for head, found in sizes.items()}


@lru_cache(maxsize=16384)
def _word_syllables(word: str) -> tuple[str, ...]:
    """Of a known word, else ()."""
    from pypinyin.constants import PHRASES_DICT

    return tuple(_toneless(reading[0]) for reading in PHRASES_DICT.get(word, ()))


@lru_cache(maxsize=4096)
def _toneless(syllable: str) -> str:
    plain = unicodedata.normalize("NFD", syllable.replace("ü", "v").replace("ǖ", "v"))
    plain = plain.replace("u\u0308", "v")
    return "".join(c for c in plain if c.isascii()) or syllable


def _units(text: str) -> list[str]:
    """A syllable or a kept character for each character of a normalised text.

    Characters of several readings take the reading of the longest known word (2 to 4 characters) from the left.
    """
    units = [_READINGS[char] for char in text]
    if _HETERONYMS.isdisjoint(text):
        return units
    sizes_of = _word_sizes().get
    until = 0
    for at in range(len(text) - 1):
        sizes = sizes_of(text[at : at + 2])
        if sizes is None or at < until:
            continue
        for size in sizes:
            syllables = _word_syllables(text[at : at + size])
            if len(syllables) == size:
                units[at : at + size] = syllables
                until = at + size
                break
    return units


@dataclass(frozen=True, slots=True)
class Forms:
    """The search forms of one value. `starts`: letter offset in `pinyin` → character position, where a syllable or a
    kept run begins; empty with `pinyin` and `initials` where the value has no Chinese character."""

    text: str
    pinyin: str = ""
    initials: str = ""
    starts: Mapping[int, int] | None = None


@lru_cache(maxsize=16384)
def forms(value: str) -> Forms:
    """The forms of a value as it is stored."""
    text = normalise(value)
    if text.isascii():
        return Forms(text)
    units = _units(text)
    if all(map(str.__eq__, units, text)):
        return Forms(text)
    return Forms(text, "".join(units), "".join([unit[0] for unit in units]), dict(_starts(text, units)))


def _starts(text: str, units: list[str]) -> Iterable[tuple[int, int]]:
    offset, fresh = 0, True
    for position, (char, unit) in enumerate(zip(text, units, strict=True)):
        chinese = unit != char
        if (chinese or fresh) and char != " ":
            yield offset, position
        fresh = chinese or char == " "
        offset += len(unit)


# ---------------------------------------------------------------- matching


@lru_cache(maxsize=1024)
def terms(query: str) -> tuple[str, ...]:
    """The normalised terms of a query."""
    return tuple(normalise(query).split(" ")) if normalise(query) else ()


def _place(found: Forms, term: str, sounds: bool) -> tuple[int, int, int] | None:
    """Where a term stands in a value at best: (kind, position in characters, length of the value)."""
    at = found.text.find(term)
    if at >= 0:
        return INSIDE, min(at, _CAP), min(len(found.text), _CAP)
    if not sounds or not found.starts:
        return None
    best: int | None = None
    at = found.pinyin.find(term)
    while at >= 0:
        if at in found.starts:
            best = found.starts[at]
            break
        at = found.pinyin.find(term, at + 1)
    if len(term) > 1:
        at = found.initials.find(term)
        if at >= 0 and (best is None or at < best):
            best = at
    if best is None:
        return None
    return SOUND_INSIDE if best else SOUND_PREFIX, min(best, _CAP), min(len(found.text), _CAP)


def rank(values: Iterable[str], query: str) -> int | None:
    """How well a row's searchable values match, smaller is better; None where they do not.

    kind * 10^8 + position * 10^4 + length, the latter two capped at 9999. A value that equals the normalised query is
    EXACT, one that begins with it PREFIX (position 0). Else each term takes its best place over the values (text before
    sound, then position, then length); the row has the worst kind among its terms, and the first term's position
    and length.
    """
    wanted = terms(query)
    if not wanted:
        return None
    whole = " ".join(wanted)
    rows = [forms(value) for value in values]
    starting = [row.text for row in rows if row.text.startswith(whole)]
    if starting:
        length = min(map(len, starting))
        return (PREFIX if length > len(whole) else EXACT) * 10**8 + min(length, _CAP)
    places: list[tuple[int, int, int]] = []
    for term in wanted:
        sounds = _LETTERS.fullmatch(term) is not None
        found = [place for row in rows if (place := _place(row, term, sounds)) is not None]
        if not found:
            return None
        places.append(min(found))
    return max(place[0] for place in places) * 10**8 + places[0][1] * 10**4 + places[0][2]


def matches(values: Iterable[str], query: str) -> bool:
    """Whether a row with these searchable values is found."""
    return rank(values, query) is not None


# ---------------------------------------------------------------- index


def index_tokens(values: Iterable[str]) -> str:
    """Tokens, separated by spaces, by which `query_tokens` finds at least all rows that match.

    For an FTS5 column with `tokenize = 'ascii'` (`detail = none` is enough). Candidates are to be checked by `rank`.
    """
    out: list[str] = []
    for value in values:
        text = normalise(value)
        if text.isascii():
            out += _GRAMS.findall(text)
        elif _ASCII.search(text):
            out += _GRAMS.findall(text)
            for piece in _NO_SOUNDS.split(text):
                if piece and not piece.isascii():
                    out += _piece_tokens(piece)
        else:
            out += [text[at : at + 2] for at in range(len(text))]
            out += _sound_tokens(text, _units(text))
    return " ".join(out)


@lru_cache(maxsize=16384)
def _piece_tokens(piece: str) -> tuple[str, ...]:
    """Of what stands between ASCII signs and digits, which no term that is looked up by sound can span. Such pieces
    repeat."""
    return tuple((_mixed_tokens if _ASCII.search(piece) else _sound_tokens)(piece, _units(piece)))


def _sound_tokens(text: str, units: list[str]) -> list[str]:
    """Of a text without ASCII, several in one string."""
    pinyin, initials = "".join(units), "".join([unit[0] for unit in units])
    if not pinyin.isascii() or not pinyin.isalpha():
        return _mixed_tokens(text, units)
    sounds = [pinyin[at : at + _SOUND_LENGTH] for at in accumulate(map(len, units[:-1]), initial=0)]
    starts = [initials[at : at + _INITIAL_LENGTH] for at in range(len(initials) - 1)]
    return [_SOUND + _NEXT_SOUND.join(sounds), *([_INITIAL + _NEXT_INITIAL.join(starts)] if starts else ())]


def _mixed_tokens(text: str, units: list[str]) -> list[str]:
    if "".join(units) == text:
        return []
    # Terms that are looked up here are ASCII letters, so that nothing beyond another character can match.
    pinyin = _NO_LETTERS.sub(" ", "".join(units))
    initials = _NO_LETTERS.sub(" ", "".join([unit[0] for unit in units]))
    sounds = [pinyin[at : at + _SOUND_LENGTH].split(" ", 1)[0] for at, _ in _starts(text, units)]
    starts = [initials[at : at + _INITIAL_LENGTH].split(" ", 1)[0] for at in range(len(initials) - 1)]
    return [*[_SOUND + sound for sound in sounds if sound], *[_INITIAL + s for s in starts if len(s) > 1]]


@lru_cache(maxsize=1024)
def query_tokens(query: str) -> str | None:
    """An FTS5 expression over `index_tokens` that all matching rows satisfy.

    None where the query has nothing to look up (empty, or ASCII signs only): then rows are to be scanned.
    """
    parts = [part for part in map(_term_expression, terms(query)) if part]
    return " AND ".join(parts) if parts else None


def _term_expression(term: str) -> str:
    exact: dict[str, None] = {}
    for piece in _PIECES.findall(term):
        grams = [piece[i : i + _gram_size(piece, i)] for i in range(len(piece)) if _gram_size(piece, i)]
        exact.update(dict.fromkeys(f'"{gram}"' for gram in grams) if grams else {f'"{piece}" *': None})
    if not exact:
        return ""
    options = [" AND ".join(exact)]
    if _LETTERS.fullmatch(term):
        options.append(f'"{_SOUND}{term[:_SOUND_LENGTH]}" *')
        if len(term) > 1:
            last = max(1, len(term) - _INITIAL_LENGTH + 1)
            grams = [term[i : i + _INITIAL_LENGTH] for i in range(last)]
            star = " *" if len(term) < _INITIAL_LENGTH else ""
            options.append(" AND ".join(f'"{_INITIAL}{gram}"{star}' for gram in grams))
    return "(" + " OR ".join(f"({option})" for option in options) + ")"


def _gram_size(piece: str, at: int) -> int:
    """How long the gram of the index is at this place, 0 where the piece ends too early to know."""
    rest = piece[at : at + 3]
    if len(rest) == 3 and rest.isascii():
        return 3
    if len(rest) >= 2 and not (len(rest) == 2 and rest.isascii()):
        return 2
    return 0
