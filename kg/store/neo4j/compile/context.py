"""What the parts of the compiler share: parameters, times, rows, Cypher fragments, and how values are read back."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from kg.query.algebra import Range
from kg.schema.types import Datatype
from kg.store.lift import Latest
from kg.store.neo4j.layout import RECORD_FROM, known, quoted, seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kg.query.algebra import Time
    from kg.query.cursor import CursorCodec
    from kg.schema.types import Property, Relation, Schema
    from kg.store.lift import Hole


@dataclass(frozen=True, slots=True)
class Answering:
    """What reading an answer back needs besides the answer: the query's constants and the store's cursors."""

    constants: Sequence[Any]
    codec: CursorCodec


Reader: TypeAlias = "Callable[[Any, Answering], Any]"
"""From what a Cypher expression gave to what stands in the answer."""


def as_it_is(value: Any, answering: Answering) -> Any:
    """The reader of what needs no change."""
    del answering
    return value


@dataclass(frozen=True, slots=True)
class Made:
    """A Cypher expression, and how its value is read. `ahead`: (alias, expression) that the clause before must name."""

    text: str
    read: Reader = as_it_is
    ahead: tuple[tuple[str, str], ...] = ()


PART = "_part"
"""The nodes of entities that a part of a stream is of."""

_AGGREGATES = re.compile(r"\b(count|collect|sum|min|max)\(")


def alone(made: Made, names: Names) -> Made:
    """Where a subquery aggregates, Neo4j takes the column around it for an aggregation too, and refuses it beside
    other values: it becomes a column of its own in the clause before."""
    if not _AGGREGATES.search(made.text):
        return made
    alias = names.fresh("c")
    return Made(alias, made.read, (*made.ahead, (alias, made.text)))


def returned(made: Made, wrapped: str = "") -> str:
    """The end of a subquery that gives the expression; `wrapped` is what is returned where it is not that alone."""
    ahead = ", ".join(f"{text} AS {alias}" for alias, text in made.ahead)
    return f"{f'WITH *, {ahead} ' if ahead else ''}RETURN {wrapped or made.text}"


class Params:
    """The statement's parameters: each is made from constants by a function, and stands in the text as $pN."""

    def __init__(self) -> None:
        self.makers: list[tuple[Callable[..., Any] | None, tuple[int, ...]]] = []
        self._known: dict[tuple[object, tuple[int, ...]], str] = {}

    def add(self, *holes: Hole, by: Callable[..., Any] | None = None) -> str:
        """The placeholder of a constant, or of what `by` makes of several."""
        key = (by, tuple(h.index for h in holes))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = f"$p{len(self.makers)}"
            self.makers.append((by, key[1]))
        return found

    def bind(self, constants: Sequence[Any]) -> dict[str, Any]:
        return {
            f"p{i}": constants[at[0]] if by is None else by(*[constants[j] for j in at])
            for i, (by, at) in enumerate(self.makers)
        }


@dataclass(frozen=True, slots=True)
class Span:
    """A Range as Cypher; "" is unbounded."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class At:
    """The instants of a select. `present`: the copy of the present answers for them.

    `holes` are the constants behind the instants, for cursors: of an instant its one, of a Range both ends.
    """

    valid: str | Span
    system: str | Span
    level: str
    latest: str  # the latest commit's instant
    present: bool
    valid_holes: tuple[Hole | None, ...]
    system_holes: tuple[Hole | None, ...]

    @property
    def ranged(self) -> bool:
        return isinstance(self.valid, Span) or isinstance(self.system, Span)

    def holds(self, alias: str) -> list[str]:
        """Conditions under which a row of the append-only layer is seen."""
        return [*self.times_hold(alias), seen(alias, self.level)]

    def times_hold(self, alias: str) -> list[str]:
        return [*_meets(self.valid, f"{alias}.validFrom", f"{alias}.validTo"), *self._known(alias, self.system)]

    def _known(self, alias: str, system: str | Span) -> list[str]:
        if isinstance(system, Span):
            return _meets(system, f"{alias}.systemFrom", f"coalesce({alias}.systemTo, {2**62})")
        return [known(alias, system)]

    def identity(self, alias: str) -> list[str]:
        """For rows without a valid axis of their own, as of the instant (a range: as of the latest commit)."""
        return [known(alias, self._known_at), seen(alias, self.level)]

    def recorded(self, alias: str) -> str:
        """The same for the record that lies on an entity."""
        return f"{alias}.{RECORD_FROM} <= {self._known_at}"

    @property
    def _known_at(self) -> str:
        return self.latest if isinstance(self.system, Span) else self.system


def _meets(when: str | Span, start: str, end: str) -> list[str]:
    if isinstance(when, Span):
        return [*([f"{start} < {when.end}"] if when.end else []), *([f"{end} > {when.start}"] if when.start else [])]
    return [f"{start} <= {when}", f"{end} > {when}"]


@dataclass(frozen=True, slots=True)
class Row:
    """What expressions read: a version under `alias`, its entity's node, and how it was reached.

    `step`: alias of the list [depth, path, via] of a walk. `position`: depth on a trail.
    """

    alias: str
    node: str
    classes: tuple[str, ...]  # concrete ones that it may be of
    at: At
    edge: str = ""
    relation: Relation | None = None
    walk: str = ""
    names: tuple[str, ...] = ()  # of a walk: its steps' names
    rank: str = ""


@dataclass(frozen=True, slots=True)
class Ex:
    """A compiled expression. `stored`: text as it lies in the graph, which compares by code point with its like.
    `shown`: a calculated number, printed with 15 digits. `variants`: (test, expression), where classes hold a property
    differently. `classes`: the test of rows that have the property, where some have not. `json`: how a JSON text is
    read."""

    text: str
    datatype: Datatype = Datatype.STRING
    many: bool = False
    stored: bool = False
    shown: bool = False
    variants: tuple[tuple[str, Ex], ...] = ()
    owned: str = ""
    json: Reader | None = None

    @property
    def textual(self) -> bool:
        return self.datatype not in _NUMBERS

    @property
    def null(self) -> bool:
        return self.text == "null"


_NUMBERS = frozenset({Datatype.BOOLEAN, Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE, Datatype.INSTANT})
NOTHING = Ex("null")


@dataclass(slots=True)
class From:
    """Rows of a source: clauses that end in a MATCH, UNWIND or WITH to which WHERE may be put."""

    clauses: str
    where: list[str]
    row: Row
    filtered: bool = True  # whether WHERE may follow directly; else after a WITH *

    def text(self, *more: str) -> str:
        tests = [*self.where, *more]
        if not tests:
            return self.clauses
        return f"{self.clauses}{'' if self.filtered else ' WITH *'} WHERE {' AND '.join(tests)}"


class Names:
    """Fresh aliases."""

    def __init__(self) -> None:
        self._next = 0

    def fresh(self, prefix: str) -> str:
        self._next += 1
        return f"{prefix}{self._next}"


def literal(text: str) -> str:
    """A Cypher string literal, for class and relation names of the Schema. ValueError for anything else."""
    quoted(text)
    return f"'{text}'"


def literals(names: Iterable[str]) -> str:
    return "[" + ", ".join(literal(name) for name in names) + "]"


def of_classes(alias: str, names: Sequence[str]) -> str:
    """Test: the row's concrete class is one of these."""
    return f"{alias}.class = {literal(names[0])}" if len(names) == 1 else f"{alias}.class IN {literals(names)}"


def kinds_of(schema: Schema, classes: Sequence[str], name: str) -> Mapping[tuple[Datatype, bool], list[str]]:
    """The classes that have the property, by how they hold it."""
    out: dict[tuple[Datatype, bool], list[str]] = {}
    for cls in classes:
        prop = schema.classes[cls].property(name)
        if prop is not None:
            out.setdefault((prop.datatype, prop.many), []).append(cls)
    return out


def edge_property(relation: Relation | None, name: str) -> Property | None:
    return None if relation is None else relation.property(name)


class Times:
    """Time values of a Query → `At`. `present`: whether the present holds all its valid instants."""

    def __init__(self, params: Params, root: At, *, present: bool, latest: Hole) -> None:
        self._params = params
        self.root = root
        self._present = present
        self._latest = latest

    def inner(self, outer: At, time: Time) -> At:
        valid: Any = time.valid
        system: Any = time.system
        said, valid_holes = (outer.valid, outer.valid_holes) if valid is None else self._when(valid)
        if system is None:
            known_, system_holes = outer.system, outer.system_holes
            latest = outer.system == outer.latest
        elif isinstance(system, Latest):
            known_, system_holes, latest = outer.latest, (self._latest,), True
        else:
            known_, system_holes = self._when(system)
            latest = False
        present = self._present and latest and not isinstance(said, Span)
        return At(said, known_, outer.level, outer.latest, present, valid_holes, system_holes)

    def _when(self, value: Hole | Range) -> tuple[str | Span, tuple[Hole | None, ...]]:
        if isinstance(value, Range):
            start, end = _open(value.start), _open(value.end)
            span = Span(self._params.add(start) if start else "", self._params.add(end) if end else "")
            return span, (start, end)
        return self._params.add(value), (value,)


def _open(value: Any) -> Hole | None:
    hole: Hole = value
    return None if hole.kind == "NoneType" else hole


def instants(holes: tuple[Hole | None, ...], constants: Sequence[Any]) -> int | Range:
    """The instant, or Range, behind an `At`'s holes."""
    found = [None if hole is None else constants[hole.index] for hole in holes]
    if len(found) == 2:
        return Range(*found)
    assert isinstance(found[0], int)
    return found[0]


def mentions(node: object, wanted: Callable[[object], bool]) -> bool:
    """Whether something of the kind stands anywhere in a part of a query."""
    if wanted(node):
        return True
    if isinstance(node, tuple):
        return any(mentions(item, wanted) for item in node)
    if is_dataclass(node):
        return any(mentions(getattr(node, f.name), wanted) for f in fields(node))
    return False
