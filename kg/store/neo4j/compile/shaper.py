"""Readers as Python source: what rebuilds an answer is written once a shape, not called value by value.

A list of rows of three values becomes `[{"a": x, "b": y, "c": z} for x, y, z in rows]`; a reader of any other kind is
called from within. The source is made of keys as literals and of names that this module gives, and of nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from kg.store.neo4j.compile.context import as_it_is

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kg.store.neo4j.compile.context import Answering, Reader

_DEEPEST: Final = 8
"""Comprehensions within each other; Python allows 20."""


class Source:
    """Names of one piece of source, and what stands behind them."""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}
        self.depth = 0
        self._next = 0

    def fresh(self) -> str:
        self._next += 1
        return f"v{self._next}"

    def value(self, read: Reader, name: str) -> str:
        """The expression for what `read` makes of the value that an expression gives."""
        if read is as_it_is:
            return name
        if isinstance(read, Written):
            return read.write(self, name)
        called = f"f{len(self.held)}"
        self.held[called] = read
        return f"{called}({name}, at)"


class Written(ABC):
    """A reader that gives its own source; called, it compiles that first."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: Callable[[Any, Answering], Any] | None = None

    def __call__(self, found: Any, at: Answering) -> Any:
        made = self._made
        if made is None:
            source = Source()
            text = f"lambda found, at: {self.write(source, 'found')}"
            made = self._made = eval(text, source.held)  # noqa: S307 - see above: no text of anybody else's
        return made(found, at)

    @abstractmethod
    def write(self, source: Source, name: str) -> str:
        """An expression that reads the value called `name`, which may stand in it several times."""


class Record(Written):
    """An object of a list of its values; of the value alone where there is one key only."""

    __slots__ = ("keys", "readers")

    def __init__(self, keys: Sequence[str], readers: Sequence[Reader]) -> None:
        super().__init__()
        self.keys = keys
        self.readers = readers

    def write(self, source: Source, name: str) -> str:
        names = [name] if len(self.keys) == 1 else [f"{name}[{at}]" for at in range(len(self.keys))]
        return self.of(source, names)

    def of(self, source: Source, names: Sequence[str]) -> str:
        """The object of values that have names of their own."""
        items = zip(self.keys, self.readers, names, strict=True)
        return "{" + ", ".join(f"{key!r}: {source.value(read, name)}" for key, read, name in items) + "}"


class Each(Written):
    """A list of what another reader makes of each item."""

    __slots__ = ("read",)

    def __init__(self, read: Reader) -> None:
        super().__init__()
        self.read = read

    def write(self, source: Source, name: str) -> str:
        if source.depth == _DEEPEST:
            called = f"f{len(source.held)}"
            source.held[called] = Each(self.read)
            return f"{called}({name}, at)"
        source.depth += 1
        read = self.read
        if isinstance(read, Record) and len(read.keys) > 1:
            names = [source.fresh() for _ in read.keys]
            text = f"[{read.of(source, names)} for {', '.join(names)} in {name}]"
        else:
            item = source.fresh()
            text = f"[{source.value(read, item)} for {item} in {name}]"
        source.depth -= 1
        return text


class Columns(Written):
    """A list of objects, of a list of one list: of the values of each key, a list each."""

    __slots__ = ("record",)

    def __init__(self, record: Record) -> None:
        super().__init__()
        self.record = record

    def write(self, source: Source, name: str) -> str:
        names = [source.fresh() for _ in self.record.keys]
        return f"[{self.record.of(source, names)} for {', '.join(names)} in zip(*{name}[0], strict=True)]"
