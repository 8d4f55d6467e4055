"""Where values lie in the file: numbers of classes and relations, and property slots.

A slot is a column of `version` (or `edge`) that holds one property for a class. A property of one name,
datatype and cardinality has the same slot in all classes where it can; properties of classes that never meet
share columns of one datatype. Slots are written down in the file, never reused and never retyped: a class and a
column belong together for ever. Indexed properties have a column to themselves, so that a partial index holds
only them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from kg.schema import serialise
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import apsw

    from kg.schema.types import Property, Schema

Kind = Literal["version", "edge"]
ROW_BITS = 40
"""A row id is `type << ROW_BITS | sequence`: a class is a range of row ids."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One property of one class (or relation) in one column. `holder` is the class's number."""

    kind: Kind
    holder: int
    name: str
    datatype: Datatype
    many: bool
    column: str


@dataclass(slots=True)
class Column:
    kind: Kind
    name: str
    datatype: Datatype
    many: bool
    exclusive: bool
    taken: set[int] = field(default_factory=set)  # holders that ever used it

    @property
    def boxed(self) -> bool:
        """Whether it has an R*Tree and the two columns for a point's coordinates."""
        return self.kind == "version" and self.datatype is Datatype.GEOMETRY and not self.many


@dataclass(slots=True)
class Layout:
    """The file's own record of its layout; grows, never shrinks."""

    types: dict[str, int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)
    columns: dict[tuple[Kind, str], Column] = field(default_factory=dict)
    slots: list[Slot] = field(default_factory=list)
    _by_key: dict[tuple[Kind, int, str, Datatype, bool], Slot] = field(default_factory=dict)
    _by_holder: dict[tuple[Kind, int], list[Slot]] = field(default_factory=dict)
    type_names: dict[int, str] = field(default_factory=dict)
    relation_names: dict[int, str] = field(default_factory=dict)

    def add(self, slot: Slot) -> None:
        self.slots.append(slot)
        self._by_key[slot.kind, slot.holder, slot.name, slot.datatype, slot.many] = slot
        self._by_holder.setdefault((slot.kind, slot.holder), []).append(slot)
        self.columns[slot.kind, slot.column].taken.add(slot.holder)

    def slot(self, kind: Kind, holder: int, prop: Property) -> Slot:
        """KeyError where the property has none: the store was not migrated to this Schema."""
        return self._by_key[kind, holder, prop.name, prop.datatype, prop.many]

    def slots_of(self, kind: Kind, holder: int) -> Sequence[Slot]:
        """All slots the class ever had, gone properties included, oldest first."""
        return self._by_holder.get((kind, holder), ())

    def live(self, schema: Schema, kind: Kind, name: str) -> dict[str, Slot]:
        """Property name → slot for one class or relation as the Schema has it now; gone properties follow under
        their own name where no live property has it (the newest slot of that name)."""
        holder = self.types[name] if kind == "version" else self.relations[name]
        owner = schema.classes.get(name) if kind == "version" else schema.relations.get(name)
        out = {slot.name: slot for slot in self.slots_of(kind, holder)}
        for prop in owner.properties if owner is not None else ():
            out[prop.name] = self.slot(kind, holder, prop)
        return out

    def boxed(self) -> Iterator[Column]:
        return (column for column in self.columns.values() if column.boxed)


def read(db: apsw.Connection) -> Layout:
    """The layout written down in the file."""
    layout = Layout()
    layout.types = dict(db.execute("select name, t from class_type order by t"))
    layout.relations = dict(db.execute("select name, r from relation_type order by r"))
    layout.type_names = {t: name for name, t in layout.types.items()}
    layout.relation_names = {r: name for name, r in layout.relations.items()}
    for kind, name, datatype, many, exclusive in db.execute(
        "select kind, name, datatype, many, exclusive from slot_column order by kind, ordinal"
    ):
        layout.columns[kind, name] = Column(kind, name, Datatype(datatype), bool(many), bool(exclusive))
    for kind, holder, name, datatype, many, column in db.execute(
        "select kind, holder, name, datatype, many, col from slot order by ordinal"
    ):
        layout.add(Slot(kind, holder, name, Datatype(datatype), bool(many), column))
    return layout


def stored_schemas(db: apsw.Connection) -> list[Schema]:
    """All Schemas that the file was ever made to fit, oldest first."""
    return [serialise.from_json(text) for (text,) in db.execute("select json from schema order by ordinal")]


@dataclass(slots=True)
class Growth:
    """What a Schema needs beyond a layout."""

    types: list[tuple[str, int]] = field(default_factory=list)
    relations: list[tuple[str, int]] = field(default_factory=list)
    columns: list[Column] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)


def grow(layout: Layout, schema: Schema) -> Growth:
    """Extends `layout` to fit `schema` and says what was added. Same inputs, same result."""
    growth = Growth()
    for name in sorted(n for n, c in schema.classes.items() if not c.abstract and n not in layout.types):
        number = layout.types[name] = len(layout.types) + 1
        layout.type_names[number] = name
        growth.types.append((name, number))
    for name in sorted(n for n in schema.relations if n not in layout.relations):
        number = layout.relations[name] = len(layout.relations) + 1
        layout.relation_names[number] = name
        growth.relations.append((name, number))
    classes = [
        (layout.types[c.name], c.properties) for _, c in sorted(schema.classes.items()) if c.name in layout.types
    ]
    _place(layout, growth, "version", classes)
    _place(
        layout, growth, "edge", [(layout.relations[r.name], r.properties) for _, r in sorted(schema.relations.items())]
    )
    return growth


def _place(layout: Layout, growth: Growth, kind: Kind, holders: Iterable[tuple[int, Sequence[Property]]]) -> None:
    bearers: dict[tuple[str, Datatype, bool], list[tuple[int, Property]]] = defaultdict(list)
    for holder, properties in holders:
        for prop in properties:
            bearers[prop.name, prop.datatype, prop.many].append((holder, prop))
    # Widest first: what many classes hold packs badly when it comes last.
    for (name, datatype, many), uses in sorted(bearers.items(), key=lambda item: (-len(item[1]), item[0])):
        new = [holder for holder, prop in uses if (kind, holder, name, datatype, many) not in layout._by_key]  # noqa: SLF001
        if not new:
            continue
        exclusive = any(prop.indexed for _, prop in uses)
        own = {s.column for s in layout.slots if (s.kind, s.name, s.datatype, s.many) == (kind, name, datatype, many)}
        column = _column_for(layout, growth, kind, datatype, many, own, new, exclusive=exclusive)
        for holder in new:
            slot = Slot(kind, holder, name, datatype, many, column.name)
            layout.add(slot)
            growth.slots.append(slot)


def _column_for(
    layout: Layout,
    growth: Growth,
    kind: Kind,
    datatype: Datatype,
    many: bool,
    own: set[str],
    holders: Sequence[int],
    *,
    exclusive: bool,
) -> Column:
    fitting = [c for c in layout.columns.values() if (c.kind, c.datatype, c.many) == (kind, datatype, many)]
    for column in fitting:
        if column.name in own and column.taken.isdisjoint(holders):
            return column
    if not exclusive:
        for column in fitting:
            if not column.exclusive and column.taken.isdisjoint(holders):
                return column
    ordinal = sum(1 for k, _ in layout.columns if k == kind)
    column = Column(kind, f"{'s' if kind == 'version' else 'e'}{ordinal}", datatype, many, exclusive)
    layout.columns[kind, column.name] = column
    growth.columns.append(column)
    return column
