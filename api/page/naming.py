"""What a Query's parts are called, and how their values are written: from the ontology, in the visitor's language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from api.page.voice import NOTHING, Voice, kind_of
from kg.query.algebra import Calc, Edge, Edges, Meta, MetaName, Op, Prop, Step, Walk
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kg.query.algebra import Aggregate, Expr, Select
    from kg.query.contexts import RowContext
    from kg.schema.types import Property, Schema

_OPS: Final = {Op.DISTANCE: "distance", Op.AREA: "area", Op.GRID: "grid", Op.YEAR: "year"}
_INSTANTS: Final = frozenset({"validFrom", "validTo", "systemFrom", "systemTo", "stated"})
_META: Final = frozenset(
    {"id", "class", "validFrom", "validTo", "systemFrom", "systemTo", "provenance", "sources", "depth", "path", "via",
     "rank", "source", "record", "level", "confidence", "property", "value"}
)  # fmt: skip


@dataclass(frozen=True)
class Naming:
    """`source`: a source's label by its id."""

    schema: Schema
    voice: Voice
    source: Callable[[str], str]

    def of(self, action: Select | Aggregate) -> str:
        """What the rows are: a class, or the relation by which they are reached."""
        source, relations = action.source, self.schema.relations
        if isinstance(source, (Step, Walk)) and (isinstance(source, Step) or source.steps):
            name, out = (source.relation, source.out) if isinstance(source, Step) else source.steps[0]
            return self.voice.label(relations[name].label if out else relations[name].inverse_label)
        if isinstance(source, Edges):
            return self.voice.label(relations[source.relation].label)
        return self.voice.label(self.schema.classes[source.cls].label)

    def property(self, expr: Expr, ctx: RowContext) -> Property | None:
        match expr:
            case Prop(name):
                found = ctx.properties(self.schema, name)
                return found[0] if found else None
            case Edge(name):
                return ctx.relation.property(name) if ctx.relation else None
        return None

    def label(self, expr: Expr, ctx: RowContext) -> str:
        prop = self.property(expr, ctx)
        if prop is not None:
            return self.voice.label(prop.label)
        if isinstance(expr, Calc):
            if expr.op in _OPS:
                return self.voice(_OPS[expr.op])
            return self.label(expr.args[0], ctx) if expr.args else ""
        if isinstance(expr, Meta):
            name = expr.name.value.removeprefix("edge.")
            return self.voice("chosen column" if name == "chosen" else name if name in _META else "value")
        return ""

    def kind(self, expr: Expr, prop: Property | None) -> str:
        """How a column of it stands: see `answers.Cell`."""
        if prop is not None:
            return kind_of(prop)
        if isinstance(expr, Meta) and expr.name.value.removeprefix("edge.") in _INSTANTS:
            return "date"
        numbers = {MetaName.DEPTH, MetaName.RANK, MetaName.CONFIDENCE}
        measured = isinstance(expr, Calc) and expr.op in {Op.DISTANCE, Op.AREA}
        return "number" if measured or (isinstance(expr, Meta) and expr.name in numbers) else ""

    def show(self, expr: Expr, prop: Property | None) -> Callable[[Any], str]:
        """Writes one value that is there."""
        voice = self.voice
        if prop is not None and prop.datatype is not Datatype.ENTITY:
            return lambda value: voice.value(prop, value)
        if isinstance(expr, Calc) and expr.op is Op.DISTANCE:
            return lambda value: f"{value:,.0f} m"
        if not isinstance(expr, Meta):
            return self.plain
        match expr.name:
            case MetaName.CLASS:
                return lambda value: voice.label(self.schema.classes[value].label)
            case MetaName.SOURCE:
                return self.source
            case MetaName.SOURCES | MetaName.EDGE_SOURCES:
                return lambda value: voice.and_(sorted({self.source(one) for one in value.values() if one})) or NOTHING
            case MetaName.VIA:
                return lambda value: " → ".join(voice.step(self.schema, step) for step in value)
            case MetaName.PROPERTY:
                return self._property_label
        if expr.name.value.removeprefix("edge.") in _INSTANTS:
            return voice.moment
        return self.plain

    def value_of(self, name: str, value: Any) -> str:
        """A value of the property of this name, whatever class has it."""
        prop = self._properties.get(name)
        return self.plain(value) if prop is None else self.voice.value(prop, value)

    def count(self, value: Any) -> str:
        return f"{value:,}"

    def plain(self, value: Any) -> str:
        if isinstance(value, bool):
            return self.voice("yes" if value else "no")
        return self.voice.and_([str(one) for one in value]) or NOTHING if isinstance(value, list) else str(value)

    def _property_label(self, name: str) -> str:
        prop = self._properties.get(name)
        return name if prop is None else self.voice.label(prop.label)

    @cached_property
    def _properties(self) -> Mapping[str, Property]:
        return {prop.name: prop for cls in self.schema.classes.values() for prop in cls.properties}
