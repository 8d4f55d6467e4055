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
MAX_LINE_BYTES: Final = 64 * 1024 * 1024

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
    """`text` without its line end; `wrong` says why it does not decode (then `text` has U+FFFD in it)."""

    number: int
    text: str
    wrong: str = ""


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
    """The file's lines from 1, one at a time. LoadError where one is longer than 64 MiB."""
    old_mac = b"\n" not in sample and b"\r" in sample
    try:
        if encoding.name in _BY_LINE and not old_mac:
            with path.open("rb") as file:
                file.seek(encoding.mark)
                yield from _binary(path, file, encoding)
        else:
            with path.open(encoding=encoding.name, errors="replace", newline=None) as text:
                yield from _wide(text)
    except OSError as error:
        raise unreadable(path, error) from None


def _binary(path: Path, file: BinaryIO, encoding: Encoding) -> Iterator[Line]:
    number = 0
    name = encoding.name
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(raw) > MAX_LINE_BYTES:
            raise LoadError(
                "A line is longer than 64 MiB",
                where=f"{path}:{number}",
                remedy="Is this the format that it was read as?",
            )
        try:
            text = raw.decode(name)
            wrong = ""
        except UnicodeDecodeError as error:
            text = raw.decode(name, "replace")
            wrong = f"byte {error.object[error.start]:#04x} at position {error.start + 1} is not {name}"
        yield Line(number, text.rstrip("\r\n"), wrong)


def _wide(file: TextIO) -> Iterator[Line]:
    for number, text in enumerate(file, start=1):
        wrong = f"not {file.encoding}" if "\ufffd" in text else ""
        yield Line(number, text.rstrip("\n").removeprefix("\ufeff"), wrong)
