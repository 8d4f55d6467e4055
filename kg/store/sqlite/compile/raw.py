"""Stored values whose property the Schema has no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.schema.types import Datatype
from kg.store.sqlite.compile.context import Ex, quoted
from kg.store.sqlite.compile.expressions import json_text

if TYPE_CHECKING:
    from kg.store.sqlite.compile.context import Row
    from kg.store.sqlite.compile.plan import Compiler


def raw(c: Compiler, row: Row, without: tuple[str, ...]) -> str:
    """SQL of a JSON object by class: gone properties that have a value, in name order, in stored form."""
    cases = []
    for cls in row.classes:
        known = {p.name for p in c.schema.classes[cls].properties} | set(without)
        live = c.layout.live(c.schema, "version", cls)
        members = []
        for name, slot in sorted(live.items()):
            if name not in known:
                column = f"{row.alias}.{slot.column}"
                stored = Datatype.LONG if slot.datatype is Datatype.INSTANT else slot.datatype
                if slot.datatype in (Datatype.GEOMETRY, Datatype.JSON):
                    stored = Datatype.STRING  # as text, as it is stored
                text = json_text(Ex(column, stored, slot.many))
                members.append(f"iif({column} is null, '', {quoted(',' + _key(name))} || {text})")
        if members:
            body = " || ".join(members)
            cases.append(f"when {c.layout.types[cls]} then '{{' || substr({body}, 2) || '}}'")
    if not cases:
        return "'{}'"
    return f"case {row.alias}.t {' '.join(cases)} else '{{}}' end"


def _key(name: str) -> str:
    return f'"{name}":'
