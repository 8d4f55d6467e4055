"""Lines of a text file, with its encoding found out and the evidence for it."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, TextIO

from kg.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAMPLE_BYTES: Final = 256 * 1024
MAX_LINE: Final = 16 << 20
"""Bytes, or characters where a file is decoded before it is split."""
_SHOWN: Final = 200
_ONE_ENCODING: Final = "Save the file in one encoding."

# Both Big5 and GB18030 decode nearly any Chinese text of the other; what comes out is rare characters.
# The last leading byte of the frequent half of each set: GB 2312 level 1, Big5 level 1.
_FREQUENT: Final = {"gb18030": ("gb2312", 0xD7), "big5": ("big5", 0xC6)}
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In these a line feed byte is a line feed, so that a file splits into lines before it is decoded.
_BY_LINE: Final = frozenset({"utf-8", "ascii", "gb18030", "gbk", "gb2312", "big5", "cp950", "latin-1", "cp1252"})


@dataclass(frozen=True, slots=True)
class Encoding:
    """A Python codec name, how many bytes of mark to skip, and why this one."""

    name: str
    mark: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Line:
    """`text` without its line end. `wrong`: why it cannot be used, `remedy`: what to do then; bytes that do not decode
    are U+FFFD in `text`, and of a line that is too long it has the beginning, behind a quote that is
    never closed, so that the rest is not taken for a row."""

    number: int
    text: str
    wrong: str = ""
    remedy: str = ""


def read_sample(path: Path) -> bytes:
    """The first part of the file and, where that is plain ASCII, the part around its first other byte."""
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
            if not head.isascii():
                return head
            while chunk := file.read(SAMPLE_BYTES):
                if not chunk.isascii():
                    # From the start of a line, lest the sample begins inside a character.
                    cut = chunk.find(b"\n") + 1 if chunk[:1].isascii() else 0
                    return head + chunk[cut:] + file.readline(SAMPLE_BYTES)
            return head
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> LoadError:
    return LoadError(
        f"The file cannot be read: {error.strerror or error}",
        where=str(path),
        remedy="Check the path and its permissions.",
    )


def times(path: Path, mark: bytes) -> int:
    """How often some bytes stand in a file, but for those that a block of reading divides."""
    found = 0
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                found += block.count(mark)
    except OSError as error:
        raise unreadable(path, error) from None
    return found


def find_encoding(path: Path, sample: bytes, said: str = "") -> Encoding:
    """The encoding that was said, else the one found. LoadError for an unknown name, and for a binary file."""
    if said:
        try:
            name = codecs.lookup(said).name
        except LookupError:
            raise LoadError(
                "There is no such encoding", where=str(path), field="encoding", value=said,
                remedy="Say utf-8, gb18030, big5 or utf-16.",
            ) from None  # fmt: skip
        mark = next((len(m) for m, of in _MARKS if of == name and sample.startswith(m)), 0)
        return Encoding(name, mark if name == "utf-8" else 0, f"encoding {name}: as said")
    for bom, name in _MARKS:
        if sample.startswith(bom):
            return Encoding(name, len(bom) if name == "utf-8" else 0, f"encoding {name}: the file starts with its mark")
    if sample.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"SQLite format 3", b"\x1f\x8b", b"%PDF")):
        raise LoadError(
            "This is a binary file, not text", where=str(path),
            remedy="Name the format it has (--format), or export it as text.",
        )  # fmt: skip
    if sample.isascii():
        return Encoding("utf-8", 0, "encoding utf-8: nothing but ASCII was seen")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return Encoding("utf-8", 0, "encoding utf-8: everything seen decodes")
    except UnicodeDecodeError:
        pass
    return _chinese(path, sample)


def _chinese(path: Path, sample: bytes) -> Encoding:
    lines = sample.split(b"\n")
    lines = lines[:-1] or lines
    score: dict[str, float] = {}
    shares: dict[str, str] = {}
    for name in ("utf-8", *_FREQUENT):
        good = frequent = chinese = 0
        for line in lines:
            try:
                text = line.decode(name)
            except UnicodeDecodeError:
                continue
            good += 1
            if name != "utf-8":
                seen = [c for c in text if c >= "\u3400"]
                chinese += len(seen)
                frequent += sum(1 for c in seen if _is_frequent(c, name))
        share = good / len(lines)
        usual = frequent / chinese if chinese else float(name == "utf-8")
        score[name] = share * share * usual
        shares[name] = f"{name} decodes {share:.0%} of the lines" + (
            "" if name == "utf-8" else f", {usual:.0%} of it frequent characters"
        )
    best = max(score, key=lambda name: score[name])
    if score[best] < 0.3:
        raise LoadError(
            f"The encoding cannot be told: {'; '.join(shares.values())}", where=str(path), field="encoding",
            remedy="Say it with --encoding, or save the file as UTF-8.",
        )  # fmt: skip
    others = "; ".join(text for name, text in shares.items() if name != best)
    return Encoding(best, 0, f"encoding {shares[best]} ({others})")


def _is_frequent(character: str, name: str) -> bool:
    codec, high = _FREQUENT[name]
    try:
        code = character.encode(codec)
    except UnicodeEncodeError:
        return False
    # Rows below hold punctuation and full-width forms, which say as much as a frequent character.
    return len(code) == 1 or code[0] <= high


def lines(path: Path, encoding: Encoding, sample: bytes) -> Iterator[Line]:
    """The file's lines from 1, one at a time; one that is longer than MAX_LINE is wrong, and the next one is read."""
    old_mac = b"\n" not in sample and b"\r" in sample
    try:
        if encoding.name in _BY_LINE and not old_mac:
            with path.open("rb") as file:
                file.seek(encoding.mark)
                yield from _binary(file, encoding)
        else:
            with path.open(encoding=encoding.name, errors="replace", newline=None) as text:
                yield from _wide(text)
    except OSError as error:
        raise unreadable(path, error) from None


def _binary(file: BinaryIO, encoding: Encoding) -> Iterator[Line]:
    number = 0
    name = encoding.name
    while raw := file.readline(MAX_LINE):
        number += 1
        if len(raw) == MAX_LINE and not raw.endswith(b"\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield _too_long(number, raw[:_SHOWN].decode(name, "replace"))
            continue
        try:
            text = raw.decode(name)
        except UnicodeDecodeError as error:
            found = f"byte {error.object[error.start]:#04x} at position {error.start + 1} is not {name}"
            yield Line(number, raw.decode(name, "replace").rstrip("\r\n"), f"mixed encodings: {found}", _ONE_ENCODING)
            continue
        yield Line(number, text.rstrip("\r\n"))


def _wide(file: TextIO) -> Iterator[Line]:
    number = 0
    while text := file.readline(MAX_LINE):
        number += 1
        if len(text) == MAX_LINE and not text.endswith("\n"):
            while (rest := file.readline(MAX_LINE)) and not rest.endswith("\n"):
                pass
            yield _too_long(number, text[:_SHOWN])
            continue
        plain = text.rstrip("\n").removeprefix("\ufeff")
        if "\ufffd" in text:
            yield Line(number, plain, f"mixed encodings: not {file.encoding}", _ONE_ENCODING)
        else:
            yield Line(number, plain)


def _too_long(number: int, beginning: str) -> Line:
    return Line(
        number, f'"{beginning.replace(chr(34), chr(39))} …', f"the line is longer than {MAX_LINE >> 20} MiB",
        "Look at it in the file: line ends or a quote are missing, or the file is of another format.",
    )  # fmt: skip
