"""What the parts of the compiler share: parameters, times, rows, SQL fragments."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.model.intervals import OPEN
from kg.query.algebra import Range
from kg.schema.types import Datatype
from kg.store.lift import Hole, Latest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kg.query.algebra import Time
    from kg.schema.types import Property, Relation, Schema
    from kg.store.sqlite.layout import Layout, Slot

Transform = "Callable[..., Any]"


class Params:
    """The statement's parameters: each is made from constants by a function, and stands in the text as ?n."""

    def __init__(self) -> None:
        self.makers: list[tuple[Callable[..., Any] | None, tuple[int, ...]]] = []
        self._known: dict[tuple[object, tuple[int, ...]], str] = {}

    def add(self, *holes: Hole, by: Callable[..., Any] | None = None) -> str:
        """The placeholder of a constant, or of what `by` makes of several."""
        key = (by, tuple(h.index for h in holes))
        found = self._known.get(key)
        if found is None:
            self.makers.append((by, key[1]))
            found = self._known[key] = f"?{len(self.makers)}"
        return found

    def trimmed(self, sql: str) -> str:
        """The finished statement, once the last parameters that it does not use after all are dropped."""
        # SQLite counts to the highest number, so that an unused one before it costs nothing.
        while self.makers and not re.search(rf"\?{len(self.makers)}(?!\d)", sql):
            self.makers.pop()
        return sql

    def bind(self, constants: Sequence[Any]) -> tuple[Any, ...]:
        return tuple([constants[at[0]] if by is None else by(*[constants[i] for i in at]) for by, at in self.makers])


@dataclass(frozen=True, slots=True)
class Span:
    """A Range as SQL; "" is unbounded."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class At:
    """The instants of a select. `system` None: the latest commit's, so that partial indexes serve."""

    valid: str | Span
    system: str | Span | None
    level: str

    @property
    def current(self) -> bool:
        return self.system is None

    @property
    def ranged(self) -> bool:
        return isinstance(self.valid, Span) or isinstance(self.system, Span)

    def system_holds(self, alias: str) -> list[str]:
        """For rows without a valid axis of their own, as of the instant (a range: as of now)."""
        if self.system is None or isinstance(self.system, Span):
            out = [f"{alias}.st = {OPEN}"]
        else:
            out = [f"{alias}.sf <= {self.system}", f"{alias}.st > {self.system}"]
        return [*out, f"{alias}.lf <= {self.level}", f"{alias}.lt > {self.level}"]

    def times_hold(self, alias: str) -> list[str]:
        known = [f"{alias}.st = {OPEN}"] if self.system is None else _meets(self.system, f"{alias}.sf", f"{alias}.st")
        return [*known, *_meets(self.valid, f"{alias}.vf", f"{alias}.vt")]

    def holds(self, alias: str) -> list[str]:
        """Conditions under which a row of `alias` is seen."""
        return [*self.times_hold(alias), f"{alias}.lf <= {self.level}", f"{alias}.lt > {self.level}"]


def _meets(when: str | Span, start: str, end: str) -> list[str]:
    if isinstance(when, Span):
        return [*([f"{start} < {when.end}"] if when.end else []), *([f"{end} > {when.start}"] if when.start else [])]
    return [f"{start} <= {when}", f"{end} > {when}"]


@dataclass(frozen=True, slots=True)
class WalkRow:
    """How a row was reached: the CTE of levels, and the row's depth."""

    levels: str
    depth: str
    steps: tuple[tuple[int, bool], ...]  # (number of the relation, outward)
    names: tuple[str, ...]
    at: At


@dataclass(frozen=True, slots=True)
class Row:
    """What expressions read: a version under `alias`, and how it was reached."""

    alias: str
    classes: tuple[str, ...]  # concrete ones that it may be of
    at: At
    edge: str = ""
    relation: Relation | None = None
    walk: WalkRow | None = None
    rank: str = ""
    position: str = ""
    claim: str = ""
    conflict: str = ""


@dataclass(frozen=True, slots=True)
class Ex:
    """A compiled expression. `many`: a JSON array. `json`: the SQL gives JSON text already. `shown`: a calculated
    number, printed with 15 digits. `variants`: (test, expression), where classes hold a property differently."""

    sql: str
    datatype: Datatype = Datatype.STRING
    many: bool = False
    json: bool = False
    shown: bool = False
    variants: tuple[tuple[str, Ex], ...] = ()
    missing: str = ""  # of a many-valued one: the test of rows that do not have the property at all

    @property
    def textual(self) -> bool:
        return self.datatype not in _NUMBERS


_NUMBERS = frozenset({Datatype.BOOLEAN, Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE, Datatype.INSTANT})


@dataclass(slots=True)
class From:
    """Rows of a source: FROM and WHERE, and the CTEs they need."""

    tables: str
    where: list[str]
    row: Row
    ctes: list[str] = field(default_factory=list)
    recursive: bool = False
    keys: tuple[str, ...] = ()  # columns that find the rows again: alias.row …
    aligned: str = ""  # for Ids and Keys: the position in the list


class Names:
    """Fresh aliases."""

    def __init__(self) -> None:
        self._next = 0

    def fresh(self, prefix: str) -> str:
        self._next += 1
        return f"{prefix}{self._next}"


def quoted(text: str) -> str:
    """An SQL string literal, for what comes from the Schema and for answer keys."""
    return "'" + text.replace("'", "''") + "'"


def conditions(items: Iterable[str]) -> str:
    return " and ".join(items) or "1"


@dataclass(slots=True)
class Columns:
    """Which columns hold a property for rows of some classes."""

    by_column: dict[str, list[int]]  # column → numbers of the classes
    slot: Slot | None
    absent: list[int]

    @property
    def single(self) -> str | None:
        return next(iter(self.by_column)) if len(self.by_column) == 1 else None


def version_columns(schema: Schema, layout: Layout, classes: Sequence[str], name: str) -> Columns:
    """Of the classes that have the property; those that hold it in another datatype than the first are absent."""
    out = Columns({}, None, [])
    for cls in classes:
        prop = schema.classes[cls].property(name)
        number = layout.types[cls]
        if prop is None:
            out.absent.append(number)
            continue
        slot = layout.slot("version", number, prop)
        if out.slot is not None and (slot.datatype, slot.many) != (out.slot.datatype, out.slot.many):
            out.absent.append(number)
            continue
        out.slot = out.slot or slot
        out.by_column.setdefault(slot.column, []).append(number)
    return out


def kinds_of(schema: Schema, classes: Sequence[str], name: str) -> dict[tuple[Datatype, bool], list[str]]:
    """The classes that have the property, by how they hold it."""
    out: dict[tuple[Datatype, bool], list[str]] = {}
    for cls in classes:
        prop = schema.classes[cls].property(name)
        if prop is not None:
            out.setdefault((prop.datatype, prop.many), []).append(cls)
    return out


def edge_property(relation: Relation | None, name: str) -> Property:
    prop = None if relation is None else relation.property(name)
    if prop is None:
        raise QueryError(
            f"The relation {relation.name} has no such property" if relation else "There is no relation here",
            field=name,
            remedy="Read relation properties where a relation was followed.",
        )
    return prop


class Times:
    """Time values of a Query → `At`."""

    def __init__(self, params: Params, now: Hole, level: Hole) -> None:
        self._params = params
        self.root = At(params.add(now), None, params.add(level))

    def inner(self, outer: At, time: Time) -> At:
        valid: Any = time.valid
        system: Any = time.system
        return At(
            outer.valid if valid is None else self._when(valid),
            outer.system if system is None else None if isinstance(system, Latest) else self._when(system),
            outer.level,
        )

    def _when(self, value: Hole | Range) -> str | Span:
        if isinstance(value, Range):
            start, end = _open(value.start), _open(value.end)
            return Span(self._params.add(start) if start else "", self._params.add(end) if end else "")
        return self._params.add(value)


def _open(value: Any) -> Hole | None:
    hole: Hole = value
    return None if hole.kind == "NoneType" else hole
