"""Schema evolution on rows: what a new Schema makes of stored values, and what it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.errors import SchemaError
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kg.model.changes import Value
    from kg.schema.types import Property, Schema
    from kg.store.tables import Tables


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _to_integer(value: Any) -> int:
    number = float(value) if isinstance(value, str | float) else value
    if int(number) != number:
        raise ValueError(value)
    return int(number)


def _to_boolean(value: Any) -> bool:
    return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]


CONVERSIONS: dict[Datatype, Callable[[Any], Any]] = {
    Datatype.STRING: _to_text,
    Datatype.INTEGER: _to_integer,
    Datatype.LONG: _to_integer,
    Datatype.DOUBLE: float,
    Datatype.BOOLEAN: _to_boolean,
}
"""To the new datatype from another; a KeyError, ValueError or TypeError is a value that does not convert."""


def converter(old: Property, new: Property) -> Callable[[Value], Value] | None:
    """How stored values of a property become those of its new declaration; None: as they are."""
    if old.datatype == new.datatype and old.many == new.many:
        return None
    one: Callable[[Any], Any] = (lambda v: v) if old.datatype == new.datatype else _one(old, new)

    def convert(value: Value) -> Value:
        values = [one(v) for v in (value if isinstance(value, tuple) else (value,))]
        if new.many:
            return tuple(sorted(set(values)))
        if len(values) != 1:
            raise ValueError(value)
        single: Value = values[0]
        return single

    return convert


def _one(old: Property, new: Property) -> Callable[[Any], Any]:
    found = CONVERSIONS.get(new.datatype)
    if found is None:
        raise SchemaError(
            f"Values of {old.datatype.value} cannot become {new.datatype.value}", field=new.name,
            remedy="Declare a new property and leave the old one.",
        )  # fmt: skip
    return found


def changed_properties(old: Schema, new: Schema) -> dict[tuple[str, str], Callable[[Value], Value]]:
    """(class or relation, property) → conversion, wherever a declaration changed."""
    out: dict[tuple[str, str], Callable[[Value], Value]] = {}
    holders: Iterable[tuple[str, Any, Any]] = [
        *((n, c, new.classes.get(n)) for n, c in old.classes.items()),
        *((n, r, new.relations.get(n)) for n, r in old.relations.items()),
    ]
    for name, before, after in holders:
        if after is None:
            continue
        for declared in before.properties:
            now = after.property(declared.name)
            convert = converter(declared, now) if now is not None else None
            if convert is not None:
                out[name, declared.name] = convert
    return out


def convert_tables(tables: Tables, old: Schema, new: Schema) -> tuple[str, ...]:
    """Convert all rows; a line for each property.

    Raises SchemaError with the values that do not convert; then nothing changes.
    """
    conversions = changed_properties(old, new)
    converted: list[tuple[Any, dict[str, Any]]] = []
    bad: list[str] = []
    held: list[tuple[str, Any]] = [(r.cls, r) for t in (tables.versions, tables.claims) for r in t.values()]
    held += [(r.relation, r) for t in (tables.edges, tables.relation_claims) for r in t.values()]
    for name, row in held:
        values = dict(row.properties)
        for prop in [p for p in values if (name, p) in conversions]:
            try:
                values[prop] = conversions[name, prop](values[prop])
            except (KeyError, ValueError, TypeError):
                bad.append(f"{name}.{prop} = {values[prop]!r}")
        if values != row.properties:
            converted.append((row, values))
    if bad:
        raise SchemaError(
            f"{len(bad)} stored values do not convert: {'; '.join(sorted(set(bad))[:5])}",
            remedy="Correct them first, or declare a new property instead of changing the datatype.",
        )
    for row, values in converted:
        row.properties = values
    return tuple(f"converted {name}.{prop}" for name, prop in sorted(conversions))
