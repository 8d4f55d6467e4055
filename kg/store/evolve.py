"""Schema evolution on rows: what a new Schema makes of stored values, and what it cannot.

A value converts where it would be read the same if it were loaded under the new Schema, and where no two stored values
become one: then rows, claims and what is resolved from them stay as many as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from kg.errors import SchemaError
from kg.schema.types import Datatype
from kg.schema.values import Refused
from kg.schema.values import converter as reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kg.model.changes import Value
    from kg.schema.types import EntityClass, Property, Relation, Schema
    from kg.store.tables import Tables

_NUMBERS: Final = frozenset({Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE})
CONVERTIBLE: Final[dict[Datatype, frozenset[Datatype]]] = {
    Datatype.STRING: _NUMBERS | {Datatype.BOOLEAN, Datatype.DATE},
    **dict.fromkeys(_NUMBERS, _NUMBERS | {Datatype.STRING}),
    **dict.fromkeys((Datatype.BOOLEAN, Datatype.DATE, Datatype.INSTANT), frozenset({Datatype.STRING})),
}
"""To a datatype, from which others."""


class Lossy(ValueError):
    """A stored value that does not convert, or not without loss."""


@dataclass(slots=True)
class Conversion:
    """What becomes of one property's values. Use one for each property and migration: it remembers what it has seen.

    `moves`: the stored form may change; else values are only looked at (an enumeration that lists fewer of them).
    """

    old: Property
    new: Property
    moves: bool
    _one: Callable[[Any], Any]
    _seen: dict[Any, Any] = field(default_factory=dict)

    def __call__(self, value: Value) -> Value:
        """The value under the new declaration. Lossy."""
        values = [self._converted(v) for v in (value if isinstance(value, tuple) else (value,))]
        if self.new.many:
            return tuple(sorted(set(values)))
        if len(values) != 1:
            raise Lossy(value)
        single: Value = values[0]
        return single

    def _converted(self, value: Any) -> Any:
        try:
            out = self._one(value)
        except Refused as error:
            raise Lossy(error.message) from None
        if self.new.values and out not in self.new.values:
            raise Lossy(f"{out} is no longer listed")
        if self._seen.setdefault(out, value) != value:
            raise Lossy(f"{self._seen[out]!r} becomes the same")
        return out


def conversion(owner: str, old: Property, new: Property) -> Conversion | None:
    """How stored values of a property become those of its new declaration; None: as they are.

    Raises SchemaError where the datatypes have no conversion.
    """
    if old.datatype is not new.datatype or old.many != new.many:
        return Conversion(old, new, True, _one(owner, old, new))
    if new.values and not (old.values and set(old.values) <= set(new.values)):
        return Conversion(old, new, False, lambda value: value)
    return None


def _one(owner: str, old: Property, new: Property) -> Callable[[Any], Any]:
    if old.datatype is new.datatype and new.datatype is not Datatype.GEOMETRY:
        return lambda value: value
    if old.datatype not in CONVERTIBLE.get(new.datatype, ()):
        raise SchemaError(
            f"Values of {_called(old)} cannot become {_called(new)}", where=owner, field=new.name,
            remedy="Declare a property of another name and load its values; the old one stays readable as raw.",
        )  # fmt: skip
    if new.datatype is Datatype.STRING:
        return _text
    read = reader(replace(new, many=False), None, None, None)
    if new.datatype not in _NUMBERS:
        return read

    def one(value: Any) -> Any:
        out = read(value)
        if not _same(value, out):
            raise Lossy(value)
        return out

    return one


def _called(prop: Property) -> str:
    return f"{'many ' if prop.many else ''}{prop.datatype.value}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _same(value: Any, out: Any) -> bool:
    """Whether nothing is lost: digits of a number, leading zeros of a text that becomes a whole one."""
    if isinstance(value, str) and isinstance(out, int):
        return value.strip() == str(out)
    return Decimal(value.strip() if isinstance(value, str) else repr(value)) == Decimal(repr(out))


def conversions(history: Sequence[Schema], new: Schema) -> dict[tuple[str, str], Conversion]:
    """(class or relation, property) → conversion, wherever a declaration differs from the last one before it.

    `history`: all Schemas that the store ever fitted, oldest first: a property may have been gone in between.
    """
    out: dict[tuple[str, str], Conversion] = {}
    for owner, now in _owners(new):
        for declared in now.properties:
            before = _last(history, owner, declared.name)
            found = None if before is None else conversion(owner, before, declared)
            if before is not None and declared.scheme and declared.scheme != before.scheme:
                found = _identified(new, before, declared, found)
            if found is not None:
                out[owner, declared.name] = found
    return out


def _identified(schema: Schema, old: Property, new: Property, found: Conversion | None) -> Conversion:
    """Values are identifiers now: a load would refuse those that fail the scheme's check, or write them otherwise."""
    read = reader(replace(new, many=False), schema.schemes[new.scheme], None, None)

    def one(value: Any) -> Any:
        out = found._one(value) if found is not None else value  # noqa: SLF001 - of the same class
        if read(out) != out:
            raise Lossy(value)
        return out

    return Conversion(old, new, found is not None and found.moves, one)


def _owners(schema: Schema) -> Iterator[tuple[str, EntityClass | Relation]]:
    yield from ((name, cls) for name, cls in schema.classes.items() if not cls.abstract)
    yield from schema.relations.items()


def _last(history: Sequence[Schema], owner: str, name: str) -> Property | None:
    for schema in reversed(history):
        holder = schema.classes.get(owner) or schema.relations.get(owner)
        found = holder.property(name) if holder is not None else None
        if found is not None:
            return found
    return None


def refused(bad: Iterable[str]) -> SchemaError:
    """The error that names the values."""
    named = sorted(set(bad))
    more = f"; and {len(named) - 5} more" if len(named) > 5 else ""
    return SchemaError(
        f"{len(named)} stored values do not convert: {'; '.join(named[:5])}{more}",
        remedy="Declare a new property and leave the old one, keep an enumeration's old values listed, "
        "or correct the values and prune what they superseded.",
    )


def convert_tables(tables: Tables, old: Schema, new: Schema) -> tuple[str, ...]:
    """Convert all rows; a line for each property.

    Raises SchemaError with the values that do not convert; then nothing changes.
    """
    wanted = conversions((*tables.earlier, old), new)
    converted: list[tuple[Any, dict[str, Any]]] = []
    bad: list[str] = []
    held: list[tuple[str, Any]] = [(r.cls, r) for t in (tables.versions, tables.claims) for r in t.values()]
    held += [(r.relation, r) for t in (tables.edges, tables.relation_claims) for r in t.values()]
    for name, row in held:
        values = dict(row.properties)
        for prop in [p for p in values if (name, p) in wanted]:
            try:
                values[prop] = wanted[name, prop](values[prop])
            except Lossy:
                bad.append(f"{name}.{prop} = {values[prop]!r}")
        if values != row.properties or any(type(values[p]) is not type(v) for p, v in row.properties.items()):
            converted.append((row, values))
    if bad:
        raise refused(bad)
    for row, values in converted:
        row.properties = values
    return tuple(f"converted {name}.{prop}" for (name, prop), how in sorted(wanted.items()) if how.moves)
