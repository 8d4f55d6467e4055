"""Constants out of a Query: its shape is the key of a plan, the constants are the plan's parameters.

`lift` walks a Query and gives a hashable key and the constants in order; `holed` is the same Query with a `Hole`
where each constant was, which is what gets compiled. Both walk the same way, by `_modes`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from kg.query import algebra as a
from kg.query.text import query_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence


@dataclass(frozen=True, slots=True)
class Hole:
    """The place of a constant: its index among them, and what the statement depends on: its type."""

    index: int
    kind: str


@dataclass(frozen=True, slots=True)
class Latest:
    """In the place of a system instant that is the latest commit's."""


LATEST = Latest()
# Fields whose value is a constant, by class; all other plain values belong to the shape.
_VALUES: dict[type, frozenset[str]] = {
    a.Range: frozenset({"start", "end"}),
    a.Const: frozenset({"value"}),
    a.Near: frozenset({"lon", "lat", "metres"}),
    a.Spatial: frozenset({"geometry"}),
    a.Ids: frozenset({"ids"}),
    a.Keys: frozenset({"keys"}),
    a.Match: frozenset({"text"}),
    a.After: frozenset({"values", "id", "system_from", "valid_from", "edge"}),
    a.Page: frozenset({"first", "binding"}),
    a.Fixed: frozenset({"value"}),
    a.Having: frozenset({"value"}),
    a.Aggregate: frozenset({"first"}),
    a.Query: frozenset({"now", "level"}),
}
_EACH = frozenset({"values"})  # of After: a tuple of constants, each a hole of its own


def _kind(value: Any, cls: type | None = None) -> str:
    if cls is a.Match:  # the statement differs where the words cannot be looked up
        return "words" if query_tokens(value) else "scan"
    if cls is a.Ids and len(value) == 1:  # looking one entity up is asked most, and an equality is the quickest
        return "one"
    return type(value).__name__


@lru_cache(maxsize=256)
def _modes(cls: Hashable) -> tuple[tuple[str, bool], ...]:
    """(field, whether a constant) of a dataclass."""
    constants = _VALUES.get(cast("type[Any]", cls), frozenset())
    return tuple((f.name, f.name in constants) for f in fields(cast("type[Any]", cls)))


class _Constants(list[Any]):
    """Constants in order, and the instants among them."""

    def __init__(self, latest: int) -> None:
        super().__init__((latest,))
        self.systems: set[int] = set()
        self.valids: set[int] = set()


def lift(query: a.Query, latest: int) -> tuple[object, tuple[Any, ...], set[int]]:
    """The key of the query's shape and its constants, `latest` first: the system instant that reads as current.
    Third, the system instants that it names."""
    return lift_at(query, latest)[:3]


def lift_at(query: a.Query, latest: int) -> tuple[object, tuple[Any, ...], set[int], set[int]]:
    """The same, and fourth the valid instants (not ranges) at which the query reads."""
    values = _Constants(latest)
    key = _key(query, values, latest)
    valids = values.valids if isinstance(query.time.valid, int) else values.valids | {query.now}
    return key, tuple(values), values.systems, valids


def _key(node: Any, values: _Constants, latest: int) -> Any:
    cls = type(node)
    if cls is str or cls is int or cls is bool or node is None or cls is float:
        return node
    if cls is tuple:
        return tuple([_key(item, values, latest) for item in node])
    if cls is a.Time:
        return _time_key(node, values, latest)
    if cls in _ATOMS:
        return node
    out: list[Any] = [cls]
    literal = cls is a.Cmp and node.op is a.Comparison.IS_NULL
    for name, constant in _modes(cast("Hashable", cls)):
        value = getattr(node, name)
        if not constant:
            out.append(("literal", value) if literal and name == "right" else _key(value, values, latest))
        elif name in _EACH:
            out.append(tuple([_kind(item) for item in value]))
            values.extend(value)
        else:
            out.append(_kind(value, cls))
            values.append(value)
    return tuple(out)


_ATOMS = frozenset(
    cls for cls in vars(a).values() if isinstance(cls, type) and issubclass(cls, StrEnum) and cls is not StrEnum
)


def _time_key(time: a.Time, values: _Constants, latest: int) -> Any:
    valid, system = time.valid, time.system
    if type(system) is int:
        values.systems.add(system)
    if type(valid) is int:
        values.valids.add(valid)
    return (
        a.Time,
        None if valid is None else _instant_key(valid, values),
        None if system is None else LATEST if system == latest else _instant_key(system, values),
    )


def _instant_key(value: int | a.Range, values: _Constants) -> Any:
    if isinstance(value, a.Range):
        values.extend((value.start, value.end))
        return a.Range, value.start is None, value.end is None
    values.append(value)
    return "instant"


def holed(query: a.Query, latest: int) -> a.Query:
    """The query with holes for its constants."""
    counter = iter(range(1, 1_000_000))

    def hole(value: Any, cls: type | None = None) -> Hole:
        return Hole(next(counter), _kind(value, cls))

    made: a.Query = _holed(query, hole, latest)
    return made


def _holed(node: Any, hole: Callable[..., Hole], latest: int) -> Any:
    cls = type(node)
    if cls in (str, int, bool, float) or node is None or cls in _ATOMS:
        return node
    if cls is tuple:
        return tuple(_holed(item, hole, latest) for item in node)
    if cls is a.Time:
        return a.Time(
            _holed_instant(node.valid, hole),
            LATEST if node.system == latest and node.system is not None else _holed_instant(node.system, hole),  # type: ignore[arg-type]
        )
    literal = cls is a.Cmp and node.op is a.Comparison.IS_NULL
    changed: dict[str, Any] = {}
    for name, constant in _modes(cast("Hashable", cls)):
        value = getattr(node, name)
        if literal and name == "right":
            changed[name] = value
        elif not constant:
            changed[name] = _holed(value, hole, latest)
        elif name in _EACH:
            changed[name] = tuple(hole(item) for item in value)
        else:
            changed[name] = hole(value, cls)
    return cls(**changed)


def _holed_instant(value: Any, hole: Callable[..., Hole]) -> Any:
    if value is None:
        return None
    if isinstance(value, a.Range):
        return a.Range(hole(value.start), hole(value.end))  # type: ignore[arg-type]
    return hole(value)


def filled(node: Any, constants: Sequence[Any]) -> Any:
    """Part of a holed query with the constants in their places again."""
    if isinstance(node, Hole):
        return constants[node.index]
    if isinstance(node, Latest):
        return constants[0]
    if type(node) is tuple:
        return tuple(filled(item, constants) for item in node)
    cls = type(node)
    if cls not in _NODES:
        return node
    return cls(**{name: filled(getattr(node, name), constants) for name, _ in _modes(cast("Hashable", cls))})


_NODES = frozenset(cls for cls in vars(a).values() if isinstance(cls, type) and is_dataclass(cls))
