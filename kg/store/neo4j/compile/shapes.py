"""Objects → lists of values in order, and the functions that make objects of them again.

Cypher's maps lose the order of their keys, and naming each key on each row costs more than the values do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.query import algebra as a
from kg.schema.types import ROOT_CLASS
from kg.store.lift import Hole
from kg.store.neo4j.compile import sources
from kg.store.neo4j.compile.context import Made, Row, alone, as_it_is, edge_property, of_classes, returned
from kg.store.neo4j.compile.expressions import expression, shown
from kg.store.neo4j.compile.shaper import Columns, Each, Record
from kg.store.neo4j.layout import ENTITY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.store.neo4j.compile.context import Answering, Reader
    from kg.store.neo4j.compile.plan import Compiler

_ABSENT = object()


def obj(c: Compiler, o: a.Obj, row: Row) -> Made:
    """Keys in order; a key stands only on rows of the classes it is for."""
    keys: list[str] = []
    parts: list[Made] = []
    for field in o.fields:
        made = shape(c, field.shape, row)
        if field.only is not None:
            both = [name for name in row.classes if name in field.only]
            if not both:
                continue
            if len(both) < len(row.classes):
                made = _guarded(made, of_classes(row.alias, both))
        keys.append(field.key)
        parts.append(alone(made, c.names))
    readers = [made.read for made in parts]
    if len(parts) == 1 and not isinstance(readers[0], _Guarded):
        return Made(parts[0].text, Record(keys, readers), _ahead(parts))
    text = f"[{', '.join(made.text for made in parts)}]"
    return Made(text, _object(keys, readers), _ahead(parts))


def _ahead(parts: Sequence[Made]) -> tuple[tuple[str, str], ...]:
    return tuple(item for made in parts for item in made.ahead)


def _guarded(made: Made, test: str) -> Made:
    return Made(f"CASE WHEN {test} THEN [{made.text}] END", _Guarded(made.read), made.ahead)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """Of a list of the value, or of null where the row's class has no such key."""

    read: Reader

    def __call__(self, found: Any, at: Answering) -> Any:
        return _ABSENT if found is None else self.read(found[0], at)


def _object(keys: list[str], readers: list[Reader]) -> Reader:
    if not any(isinstance(read, _Guarded) for read in readers):
        return Record(keys, readers)

    def careful(found: Any, at: Answering) -> Any:
        out: dict[str, Any] = {}
        for key, read, value in zip(keys, readers, found, strict=True):
            made = read(value, at)
            if made is not _ABSENT:
                out[key] = made
        return out

    return careful


def shape(c: Compiler, s: a.Leaf | a.Fixed | a.Obj | a.Join | a.Trail | a.Select | a.Aggregate, row: Row) -> Made:
    match s:
        case a.Leaf(expr):
            return shown(c, expression(c, expr, row), row)
        case a.Fixed():
            return fixed(s.value)
        case a.Obj():
            return obj(c, s, row)
        case a.Join():
            return join(c, s, row)
        case a.Trail(o):
            return trail(c, o, row)
        case a.Select():
            return c.select(s, row, row.at)
        case a.Aggregate():
            return c.aggregate(s, row, row.at)


def fixed(value: Any) -> Made:
    """A value known beforehand: the graph is not asked."""
    if isinstance(value, Hole):
        index = value.index
        return Made("null", lambda _, at: at.constants[index])
    return Made("null", lambda _, __: value)


def join(c: Compiler, j: a.Join, row: Row) -> Made:
    """The entity that a relation property names."""
    declared = edge_property(row.relation, j.name)
    if not row.edge or declared is None:
        return Made("null")
    x, i, n = c.names.fresh("x"), c.names.fresh("i"), c.names.fresh("n")
    held = f"WITH {row.edge}.{c.layout.key(j.name)} AS {x} WITH {sources.survivor(c, row.at, x)} AS {i}"
    found = sources.version(c, n, j.cls, row.at)
    tests = [c.predicate(j.where, found.row)] if j.where is not None else []
    made = obj(c, j.obj, found.row)
    text = f"COLLECT {{ {held} MATCH ({n}:`{ENTITY}` {{id: {i}}}) {found.text(*tests)} {returned(made)} LIMIT 1 }}"
    return Made(text, _first(made.read))


def _first(read: Reader) -> Reader:
    return lambda found, at: read(found[0], at) if found else None


def trail(c: Compiler, o: a.Obj, row: Row) -> Made:
    """The entities along the path as objects."""
    if not row.walk:
        return Made("null")
    i, n, w = c.names.fresh("i"), c.names.fresh("n"), c.names.fresh("w")
    found = sources.version(c, n, ROOT_CLASS, row.at)
    on_path = Row(found.row.alias, n, c.concrete(ROOT_CLASS), row.at, walk=w, names=row.names)
    made = obj(c, o, on_path)
    text = (
        f"COLLECT {{ UNWIND range(0, size({row.walk}[1]) - 1) AS {i} "
        f"MATCH ({n}:`{ENTITY}` {{id: {row.walk}[1][{i}]}}) {found.text()} "
        f"WITH *, [{i}, {row.walk}[1][0..{i} + 1], {row.walk}[2][0..{i}]] AS {w} ORDER BY {i} {returned(made)} }}"
    )
    return Made(text, each(made.read))


def each(read: Reader) -> Reader:
    """Of a list."""
    return as_it_is if read is as_it_is else Each(read)


def columns(c: Compiler, before: str, made: Made) -> Made | None:
    """Rows as a list of columns, each a list: fewer lists to send and to read. None where rows are not flat.

    COLLECT's own list stays around it: an item of a subquery is planned within an expression, and badly.
    """
    if not isinstance(made.read, Record) or len(made.read.keys) < 2 or made.ahead or "{" in made.text:
        return None
    rows, row = c.names.fresh("x"), c.names.fresh("x")
    listed = ", ".join(f"[{row} IN {rows} | {row}[{i}]]" for i in range(len(made.read.keys)))
    return Made(f"COLLECT {{ {before} WITH collect({made.text}) AS {rows} RETURN [{listed}] }}", Columns(made.read))


def edge_obj(c: Compiler, fields: Sequence[a.EdgeField], row: Row) -> tuple[Made, list[tuple[str, Reader | None]]]:
    """A connection's edge: its values, and (key, reader) of each; None for the cursor, which has no value here."""
    parts: list[Made] = []
    readers: list[tuple[str, Reader | None]] = []
    for field in fields:
        if isinstance(field.shape, a.Cursor):
            readers.append((field.key, None))
            parts.append(Made("null"))
            continue
        made = alone(shape(c, field.shape, row), c.names)
        parts.append(made)
        readers.append((field.key, made.read))
    return Made(f"[{', '.join(made.text for made in parts)}]", ahead=_ahead(parts)), readers
