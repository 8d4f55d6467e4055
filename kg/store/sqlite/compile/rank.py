"""The rank of a row for a text query: one call over its searchable values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from kg.query.text import rank as text_rank
from kg.schema.types import Datatype
from kg.store.sqlite.compile.context import kinds_of
from kg.store.sqlite.compile.expressions import prop

if TYPE_CHECKING:
    from kg.schema.types import Property
    from kg.store.sqlite.compile.context import Row
    from kg.store.sqlite.compile.plan import Compiler

FUNCTION = "jw_rank"


def rank(c: Compiler, row: Row, query: str, without: tuple[tuple[str, str], ...] = ()) -> str:
    """SQL: null where nothing matches. `without`: (class, property) that are not searched."""
    single: list[str] = []
    many: list[str] = []
    for name in c.searchable(row.classes):
        holders = {cls: p for cls in row.classes if (p := c.schema.classes[cls].property(name)) is not None}
        for columns in kinds_of(c.schema, row.classes, name).values():
            classes = [cls for cls in columns if _searched(holders[cls]) and (cls, name) not in without]
            if not classes:
                continue
            ex = prop(c, name, replace(row, classes=tuple(columns)))
            sql = ex.sql
            if set(classes) != set(holders):
                sql = f"iif({row.alias}.t in ({', '.join(str(c.layout.types[cls]) for cls in classes)}), {sql}, null)"
            (many if ex.many else single).append(sql)
    if not single and not many:
        return "null"
    return f"{FUNCTION}({', '.join((query, str(len(single)), *single, *many))})"


def _searched(prop_: Property) -> bool:
    return prop_.searchable and prop_.datatype is Datatype.STRING


def rank_function(query: str, singles: int, *values: str | None) -> int | None:
    """As called in statements: single values first, then JSON arrays."""
    found = [v for v in values[:singles] if v is not None]
    for array in values[singles:]:
        if array is not None:
            found.extend(orjson.loads(array))
    return text_rank(found, query)
