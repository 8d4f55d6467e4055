# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Objects → SQL that concatenates their JSON text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from kg.query import algebra as a
from kg.store.sqlite.compile.context import Row, conditions, edge_property, quoted
from kg.store.sqlite.compile.expressions import expression, json_text
from kg.store.sqlite.compile.sources import class_test, survivor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.store.sqlite.compile.plan import Compiler

_PARTS_PER_CALL = 500  # SQLite's functions take 1,000 arguments


def fixed_text(value: object) -> str:
    """JSON of a value known beforehand."""
    return orjson.dumps(value).decode()


def text_of_key(key: str) -> str:
    """SQL literal of `"key":`."""
    return quoted(fixed_text(key) + ":")


def concatenated(parts: Sequence[str]) -> str:
    """One SQL expression of texts; neighbouring literals become one."""
    merged: list[str] = []
    for part in parts:
        if merged and _literal(part) and _literal(merged[-1]):
            merged[-1] = merged[-1][:-1] + part[1:]
        else:
            merged.append(part)
    if len(merged) <= 100:
        return "(" + " || ".join(merged) + ")"
    calls = [f"concat({', '.join(merged[i : i + _PARTS_PER_CALL])})" for i in range(0, len(merged), _PARTS_PER_CALL)]
    return calls[0] if len(calls) == 1 else f"concat({', '.join(calls)})"


def _literal(part: str) -> bool:
    return part.startswith("'") and part.endswith("'") and part.count("'") % 2 == 0 and _closed(part)


def _closed(part: str) -> bool:
    return "'" not in part[1:-1].replace("''", "")


def obj(c: Compiler, o: a.Obj, row: Row) -> str:
    """Keys in order; a key stands only on rows of the classes it is for, guarded in the same pass."""
    fields = [(only, field) for field in o.fields if (only := _only(c, field, row)) is not None]
    parts: list[str] = []
    # Where the first key may be missing on some rows, every key brings a comma and the first comma is cut off.
    cut = bool(fields) and bool(fields[0][0])
    for i, (only, field) in enumerate(fields):
        lead = ["','"] if i or cut else []
        item = [*lead, text_of_key(field.key), shape(c, field.shape, row)]
        parts += [f"iif({only}, {concatenated(item)}, '')"] if only else item
    if cut:
        parts = [f"substr({concatenated(parts)}, 2)"]
    return concatenated(["'{'", *parts, "'}'"])


def _only(c: Compiler, field: a.Field, row: Row) -> str | None:
    """The guard: "" for none, None where the field stands on no row here."""
    if field.only is None:
        return ""
    both = [name for name in row.classes if name in field.only]
    if len(both) == len(row.classes):
        return ""
    if not both:
        return None
    return f"{row.alias}.t in ({', '.join(str(c.layout.types[name]) for name in both)})"


def shape(c: Compiler, s: a.Leaf | a.Fixed | a.Obj | a.Join | a.Trail | a.Select | a.Aggregate, row: Row) -> str:
    match s:
        case a.Leaf(expr):
            return json_text(expression(c, expr, row))
        case a.Fixed():
            return c.fixed(s)
        case a.Obj():
            return obj(c, s, row)
        case a.Join():
            return join(c, s, row)
        case a.Trail(o):
            return c.trail(o, row)
        case a.Select():
            return c.select(s, row, row.at)
        case a.Aggregate():
            return c.aggregate(s, row, row.at)


def join(c: Compiler, j: a.Join, row: Row) -> str:
    """The entity that a relation property names."""
    if not row.edge:
        return "'null'"
    prop = edge_property(row.relation, j.name)
    assert row.relation is not None
    slot = c.layout.slot("edge", c.layout.relations[row.relation.name], prop)
    v = c.names.fresh("v")
    joined = Row(v, c.concrete(j.cls), row.at)
    where = [
        f"{v}.entity = {survivor(row.at, f'{row.edge}.{slot.column}')}",
        *class_test(c, v, j.cls),
        *row.at.holds(v),
    ]
    if j.where is not None:
        where.append(c.predicate(j.where, joined))
    return f"coalesce((select {obj(c, j.obj, joined)} from version {v} where {conditions(where)} limit 1), 'null')"


def edge_obj(c: Compiler, fields: Sequence[a.EdgeField], row: Row, cursor: str) -> str:
    """A connection's edge."""
    parts: list[str] = ["'{'"]
    for i, field in enumerate(fields):
        parts += [*(["','"] if i else []), text_of_key(field.key)]
        parts.append(cursor if isinstance(field.shape, a.Cursor) else shape(c, field.shape, row))
    return concatenated([*parts, "'}'"])
