"""Property values ↔ what a column holds.

Text, numbers and dates as they are; booleans as 0 and 1; doubles as REAL; a many-valued property as a JSON
array; an entity-valued one of a relation as the entity's key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Callable

    from kg.model.changes import Value
    from kg.store.sqlite.layout import Slot


def _same(value: Any) -> Any:
    return value


def _array(value: Any) -> str:
    return orjson.dumps(list(value)).decode()


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(orjson.loads(value))


def encoder(slot: Slot) -> Callable[[Value], Any]:
    """From a value in stored form to the column's."""
    if slot.many:
        return _array
    return {Datatype.DOUBLE: float, Datatype.BOOLEAN: int}.get(slot.datatype, _same)


def decoder(slot: Slot) -> Callable[[Any], Value] | None:
    """From a column to the value; None where they are the same."""
    if slot.many:
        return _tuple
    return bool if slot.datatype is Datatype.BOOLEAN else None


def dump(value: Any) -> str:
    """JSON text for the file's own bookkeeping columns."""
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    raise TypeError(type(value).__name__)


def properties_text(properties: Any) -> str:
    """A claim's properties as JSON."""
    return orjson.dumps(properties if type(properties) is dict else dict(properties)).decode()


def properties_of(text: str) -> dict[str, Value]:
    """The reverse; arrays become tuples again."""
    out = orjson.loads(text)
    for name, value in out.items():
        if type(value) is list:
            out[name] = tuple(value)
    return out  # type: ignore[no-any-return]
