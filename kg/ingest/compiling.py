"""A mapping, checked against the ontology and the source's columns, as functions from a record to changes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from kg.errors import LoadError
from kg.ingest.cells import Reading, reader
from kg.ingest.mapping import ColumnMapping, Mapping
from kg.ingest.units import factor, known_units, split_heading
from kg.schema.problems import suggestion
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kg.ingest.mapping import EndMapping, PointMapping, RelationMapping, ValidMapping
    from kg.model.changes import Source
    from kg.schema.types import EntityClass, Property, Relation, Schema, Scheme

ATTRIBUTES = "attributes"


@dataclass(frozen=True, slots=True)
class Cell:
    """A column, the property it goes to, and how its cells are read."""

    column: str
    property: str
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class End:
    """How a row names an entity: `scheme`, else the record of `source`."""

    column: str
    value: str
    scheme: Scheme | None
    source: str
    split: str
    field: str


@dataclass(frozen=True, slots=True)
class Valid:
    """Columns of dates; "" is none."""

    start: str = ""
    end: str = ""
    ended: str = ""
    inclusive: bool = True


@dataclass(frozen=True, slots=True)
class Link:
    """A relation of a row. `outward`: the row's entity (or `start`) is its subject."""

    relation: Relation
    outward: bool
    end: End
    cells: tuple[Cell, ...]
    references: tuple[tuple[str, End], ...]
    constants: dict[str, Any]
    stub: str
    valid: Valid | None
    start: End | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a record. `cls` is None where rows are relations; then `links` has one, with a start."""

    cls: EntityClass | None
    id_columns: tuple[str, ...]
    id_scheme: Scheme | None
    cells: tuple[Cell, ...]
    constants: dict[str, Any]
    points: tuple[PointMapping, ...]
    links: tuple[Link, ...]
    valid: Valid
    stated: str
    patch: bool
    known: frozenset[str]  # columns that are spoken for; others go under attributes, or nowhere
    keep_rest: bool
    shapes: tuple[Cell, ...]  # those of `cells` that hold geometries
    notes: tuple[str, ...] = field(default=())


def class_mapping(schema: Schema, name: str, columns: Sequence[str]) -> tuple[Mapping, tuple[str, ...]]:
    """The mapping that `--class NAME` stands for: columns that are called as a property is, or as it is labelled.

    Of a header of several rows (资本(万元)/注册资本) the lowest name counts, if no other column has it; a unit may
    stand in any.
    """
    cls = _class(schema, name, "--class")
    by_name: dict[str, Property] = {}
    for declared in cls.properties:
        for text in (declared.name, declared.label.zh, declared.label.en):
            if text:
                by_name.setdefault(text.strip().lower(), declared)
    # 企业名称 is the 名称 of an 企业.
    for above in (cls, *(schema.classes[name] for name in cls.ancestors)):
        for declared in cls.properties:
            if above.label.zh and declared.label.zh:
                by_name.setdefault(f"{above.label.zh}{declared.label.zh}", declared)
    mapped: dict[str, ColumnMapping] = {}
    taken: set[str] = set()
    lowest = Counter(column.rpartition("/")[2].strip() for column in columns)
    for column in columns:
        plain, unit = split_heading(column)
        found = by_name.get(column.strip().lower()) or by_name.get(plain.lower())
        group, _, last = column.rpartition("/")
        if found is None and group and lowest[last.strip()] == 1:
            plain, unit = split_heading(last)
            found = by_name.get(plain.lower())
            units = (split_heading(part)[1] for part in reversed(group.split("/")))
            unit = unit or next(filter(None, units), "")
        if found is None or found.name in taken:
            continue
        taken.add(found.name)
        usable = unit if unit and factor(unit, found.unit) is not None and _is_number(found) else ""
        mapped[column] = ColumnMapping(property=found.name, unit=usable)
    ids = tuple(c for c in columns if c.strip().lower() == "id" and c not in mapped)
    notes = [f"{column} → {to.property}{f' ({to.unit})' if to.unit else ''}" for column, to in mapped.items()]
    return Mapping(cls=name, columns=mapped, id=ids[:1]), tuple(notes)


def _is_number(declared: Property) -> bool:
    return declared.datatype in {Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE}


class Compiler:
    """Checks one mapping. Every complaint is a LoadError that names the place in the mapping and the nearest word."""

    def __init__(
        self,
        mapping: Mapping,
        schema: Schema,
        columns: Sequence[str],
        source: Source,
        where: str,
        *,
        fixed: bool = True,
    ) -> None:
        self.mapping = mapping
        self.schema = schema
        self.columns = tuple(columns)
        self.fixed = fixed  # whether every row has all columns, so that one that is absent is a mistake
        self.source = source
        self.where = where
        _zone(mapping.timezone or source.timezone, where)
        self.notes: list[str] = []

    def plan(self) -> Plan:
        return self._entities() if self.mapping.cls else self._relations()

    # ------------------------------------------------------------ rows that are entities

    def _entities(self) -> Plan:
        m = self.mapping
        cls = _class(self.schema, m.cls, "class", self.where)
        cells = tuple(
            self._cell(column, to, self._property(cls, to.property, f"columns.{column}"), f"columns.{column}")
            for column, to in m.columns.items()
        )
        doubly = _first_double([c.property for c in cells] + [p.property for p in m.points] + list(m.constants))
        if doubly:
            raise self._wrong(f"{doubly} is said twice", "columns", doubly, "Map each property once.")
        constants = {
            name: self._constant(self._property(cls, name, f"constants.{name}"), value)
            for name, value in m.constants.items()
        }
        for point in m.points:
            declared = self._property(cls, point.property, "points.property")
            if declared.datatype is not Datatype.GEOMETRY:
                raise self._wrong(f"{declared.name} holds no geometry", "points.property", declared.name, "")
            self._has(point.longitude, "points.longitude")
            self._has(point.latitude, "points.latitude")
        links = tuple(self._link(cls, r, f"relations.{i}") for i, r in enumerate(m.relations))
        id_columns, id_scheme = self._id(cls, cells)
        keeps = cls.property(ATTRIBUTES)
        known = self._known(cells, links, id_columns)
        keep_rest = m.rest == ATTRIBUTES and keeps is not None and ATTRIBUTES not in {c.property for c in cells}
        rest = [c for c in self.columns if c not in known and not c.startswith("_")]
        if rest:
            place = "kept under attributes" if keep_rest else "left out"
            self.notes.append(f"{place}: {', '.join(rest)}")
        valid = self._valid(m.valid, "valid")
        return Plan(
            cls, id_columns, id_scheme, cells, constants, m.points, links, valid, self._has(m.stated, "stated"),
            m.patch, known, keep_rest,
            tuple(c for c in cells if (p := cls.property(c.property)) and p.datatype is Datatype.GEOMETRY),
            tuple(self.notes),
        )  # fmt: skip

    def _id(self, cls: EntityClass, cells: Iterable[Cell]) -> tuple[tuple[str, ...], Scheme | None]:
        """Columns of the source's own id: those said, else an identifying identifier, else the name."""
        if self.mapping.id:
            for column in self.mapping.id:
                self._has(column, "id")
            only = {c.column: c.property for c in cells}.get(self.mapping.id[0]) if len(self.mapping.id) == 1 else None
            declared = cls.property(only) if only else None
            return self.mapping.id, self.schema.schemes[declared.scheme] if declared and declared.scheme else None
        for cell in cells:
            declared = cls.property(cell.property)
            if declared is not None and declared.scheme and self.schema.schemes[declared.scheme].identifying:
                self.notes.append(f"rows are told apart by {cell.column}")
                return (cell.column,), self.schema.schemes[declared.scheme]
        name = next((c.column for c in cells if c.property == "name"), None)
        if name is None:
            raise LoadError(
                f"Nothing tells the rows apart: no column is an identifier or the name of {cls.name}", where=self.where,
                field="id", remedy="Say in the mapping which column holds the source's own id: `id: COLUMN`.",
            )  # fmt: skip
        self.notes.append(f"rows are told apart by {name}, for want of an identifier")
        return (name,), None

    def _known(self, cells: Iterable[Cell], links: Iterable[Link], ids: Iterable[str]) -> frozenset[str]:
        m = self.mapping
        names = {c.column for c in cells} | set(ids) | {m.stated}
        for valid in (m.valid, *(r.valid for r in m.relations)):
            names |= {valid.from_, valid.to, valid.ended} if valid else set()
        for point in m.points:
            names |= {point.longitude, point.latitude}
        for link in links:
            names |= {link.end.column} | {c.column for c in link.cells} | {e.column for _, e in link.references}
        return frozenset(names - {""})

    # ------------------------------------------------------------ relations

    def _relations(self) -> Plan:
        m = self.mapping
        relation, outward = self._step(m.relation, "relation")
        if not outward:
            raise self._wrong(
                f"{m.relation} is the inverse of {relation.name}", "relation", m.relation,
                f"Write relation: {relation.name} and exchange `from` and `to`.",
            )  # fmt: skip
        assert m.from_ is not None
        assert m.to is not None
        cells, references = self._relation_columns(relation, m.columns, "columns")
        self._stub(m.stub, "stub")
        link = Link(
            relation, True, self._end(m.to, "to"), cells, references, self._relation_constants(relation, m.constants),
            m.stub, None, self._end(m.from_, "from"),
        )  # fmt: skip
        known = self._known(cells, (link,), (link.start.column,) if link.start else ())
        rest = [c for c in self.columns if c not in known and not c.startswith("_")]
        if rest:
            self.notes.append(f"left out: {', '.join(rest)}")
        valid = self._valid(m.valid, "valid")
        return Plan(
            None, (), None, (), {}, (), (link,), valid, self._has(m.stated, "stated"), m.patch, known, False,
            (), tuple(self.notes),
        )  # fmt: skip

    def _link(self, cls: EntityClass, said: RelationMapping, place: str) -> Link:
        relation, outward = self._step(said.relation, f"{place}.relation")
        here = relation.domain if outward else relation.range
        if not self.schema.is_a(cls.name, here):
            usable = sorted({name for name, _, _ in self.schema.steps_from(cls.name)})
            raise self._wrong(
                f"{said.relation} does not start at {cls.name}", f"{place}.relation", said.relation,
                f"{cls.name} has {', '.join(usable)}.",
            )  # fmt: skip
        cells, references = self._relation_columns(relation, said.columns, f"{place}.columns")
        self._stub(said.stub, f"{place}.stub")
        return Link(
            relation, outward, self._end(said.to, f"{place}.to"), cells, references,
            self._relation_constants(relation, said.constants), said.stub,
            self._valid(said.valid, f"{place}.valid") if said.valid else None,
        )  # fmt: skip

    def _step(self, name: str, place: str) -> tuple[Relation, bool]:
        found = self.schema.step(name)
        if found is None:
            known = [*self.schema.relations, *self.schema.inverses]
            raise self._wrong(f"There is no relation {name}", place, name, suggestion(name, known))
        return found

    def _relation_columns(
        self, relation: Relation, columns: dict[str, ColumnMapping], place: str
    ) -> tuple[tuple[Cell, ...], tuple[tuple[str, End], ...]]:
        cells: list[Cell] = []
        references: list[tuple[str, End]] = []
        for column, to in columns.items():
            declared = self._relation_property(relation, to.property, f"{place}.{column}")
            if declared.datatype is Datatype.ENTITY:
                scheme = self._scheme(to.scheme, f"{place}.{column}.scheme") if to.scheme else None
                source = to.source or self.source.id
                references.append((declared.name, End(self._has(column, place), "", scheme, source, "", declared.name)))
            else:
                cells.append(self._cell(column, to, declared, f"{place}.{column}"))
        return tuple(cells), tuple(references)

    def _relation_constants(self, relation: Relation, constants: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self._constant(self._relation_property(relation, name, f"constants.{name}"), value)
            for name, value in constants.items()
        }

    def _relation_property(self, relation: Relation, name: str, place: str) -> Property:
        found = relation.property(name)
        if found is None:
            known = [p.name for p in relation.properties]
            raise self._wrong(
                f"{relation.name} has no property {name}", place, name,
                suggestion(name, known) or f"It has {', '.join(known) or 'none'}.",
            )  # fmt: skip
        return found

    def _end(self, said: EndMapping, place: str) -> End:
        scheme = self._scheme(said.scheme, f"{place}.scheme") if said.scheme else None
        column = self._has(said.column, f"{place}.column")
        return End(column, said.value, scheme, said.source or self.source.id, said.split, place)

    def _scheme(self, name: str, place: str) -> Scheme:
        found = self.schema.schemes.get(name)
        if found is None:
            known = list(self.schema.schemes)
            raise self._wrong(
                f"There is no identifier scheme {name}", place, name,
                suggestion(name, known) or f"There are {', '.join(known)}.",
            )  # fmt: skip
        return found

    def _stub(self, name: str, place: str) -> None:
        if name:
            _class(self.schema, name, place, self.where)

    # ------------------------------------------------------------ columns

    def _cell(self, column: str, to: ColumnMapping, declared: Property, place: str) -> Cell:
        self._has(column, place)
        if to.unit and (not _is_number(declared) or factor(to.unit, declared.unit) is None):
            units = ", ".join(u for u in known_units(declared.unit) if u)
            raise self._wrong(
                f"{declared.name} is in {declared.unit or 'no unit'}, to which {to.unit} has no fixed factor",
                f"{place}.unit", to.unit, f"Use one of {units}." if units else "Leave the unit out.",
            )  # fmt: skip
        for word, value in to.values.items():
            if declared.values and str(value) not in declared.values:
                raise self._wrong(
                    f"{declared.name} has no value {value}", f"{place}.values.{word}", value,
                    f"It has {', '.join(declared.values)}.",
                )  # fmt: skip
        return Cell(column, declared.name, reader(declared, Reading(to.unit, to.split, to.values)))

    def _constant(self, declared: Property, value: Any) -> Any:
        return reader(declared, Reading())(value)

    def _property(self, cls: EntityClass, name: str, place: str) -> Property:
        found = cls.property(name)
        if found is None:
            guess = suggestion(name, [p.name for p in cls.properties])
            if self.schema.step(name):
                guess = "It is a relation: map it under `relations`."
            raise self._wrong(f"{cls.name} has no property {name}", place, name, guess)
        return found

    def _has(self, column: str, place: str) -> str:
        if column and not self.fixed and column not in self.columns:
            self.notes.append(f"in no record: {column}")
        elif column and column not in self.columns:
            guess = suggestion(column, self.columns) or f"There are {', '.join(self.columns)}."
            raise self._wrong(f"The source has no column {column}", place, column, guess)
        return column

    def _valid(self, said: ValidMapping | None, place: str) -> Valid:
        if said is None:
            return Valid()
        for name in (said.from_, said.to, said.ended):
            self._has(name, place)
        return Valid(said.from_, said.to, said.ended, said.inclusive)

    def _wrong(self, message: str, place: str, value: object, remedy: str) -> LoadError:
        return LoadError(message, where=self.where, field=place, value=value, remedy=remedy)


def _first_double(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _class(schema: Schema, name: str, place: str, where: str = "") -> EntityClass:
    found = schema.classes.get(name)
    if found is not None and not found.abstract:
        return found
    concrete = [c.name for c in schema.classes.values() if not c.abstract]
    if found is not None:
        remedy = f"Name one of {', '.join(schema.concrete(name))}."
    else:
        labelled = {
            label: c.name for c in schema.classes.values() if not c.abstract for label in (c.label.zh, c.label.en)
        }
        exact = labelled.get(name)
        remedy = f"Did you mean {exact!r}?" if exact else suggestion(name, concrete)
    raise LoadError(
        f"{name} is abstract: nothing is only that" if found else f"There is no class {name}", where=where, field=place,
        value=name, remedy=remedy or "jingwei ontology docs lists the classes.",
    )  # fmt: skip


def _zone(name: str, where: str) -> None:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise LoadError(
            "There is no such time zone",
            where=where,
            field="timezone",
            value=name,
            remedy="Say one such as Asia/Shanghai.",
        ) from None
