"""Text by code point, where Neo4j compares by UTF-16.

Two texts that lie in the graph compare by code point, and so does ORDER BY over them; but a text from the graph and a
parameter, or two calculated ones, compare by UTF-16, in which characters beyond U+FFFF stand before U+E000.
"""

from __future__ import annotations

_ASTRAL, _PRIVATE, _LAST = "\U00010000", "\ue000", "\uffff"


def detours(bound: str) -> list[list[str | None]]:
    """Where the two orders disagree about texts beside `bound`: [prefix, from, before] for texts that begin with the
    prefix and lie, by UTF-16, in [from, before)."""
    out: list[list[str | None]] = []
    for at, char in enumerate(bound):
        if char >= _ASTRAL:
            out.append([bound[:at], bound[:at] + _PRIVATE, None])
        elif char >= _PRIVATE:
            out.append([bound[:at], bound[:at] + _ASTRAL, bound[:at] + _PRIVATE])
    return out


def corrected(test: str, text: str, places: str, item: str) -> str:
    """The test `text < $bound` (or > and so on) turned round where the orders disagree; `places` is `detours`."""
    return (
        f"({test} <> any({item} IN {places} WHERE {text} STARTS WITH {item}[0] AND {text} >= {item}[1] "
        f"AND ({item}[2] IS NULL OR {text} < {item}[2])))"
    )


def sort_key(text: str) -> str:
    """A text whose order by UTF-16 is the order of `text` by code point."""
    return "".join(_LAST + c if c >= _ASTRAL else _LAST + "\0" if c == _LAST else c for c in text)


def sort_key_of(text: str, made: str, index: str, char: str) -> str:
    """The same in Cypher, for text that is calculated there; the last three are fresh names."""
    one = (
        f"CASE WHEN {char} >= '{_ASTRAL}' AND {char} < '{_PRIVATE}' THEN '{_LAST}' + {char} "
        f"WHEN {char} = '{_LAST}' THEN '{_LAST}\\u0000' ELSE {char} END"
    )
    chars = f"[{index} IN range(0, size({text}) - 1) | substring({text}, {index}, 1)]"
    return f"reduce({made} = '', {char} IN {chars} | {made} + {one})"
