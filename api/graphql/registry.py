"""Strawberry types made at run time: names resolve late, so that types may point to one another freely.

Types are made as Strawberry definitions directly, and equal fields are made once: 112 classes are some 2,500 types
with 20,000 fields, most of them inherited (docs/decisions/150-graphql-start.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.federation.params import process_federation_type_directives
from strawberry.federation.schema import FederationAny
from strawberry.schema_directives import OneOf
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField

from api.graphql import scalars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from strawberry.types.base import StrawberryType

    from api.graphql.meaning import Meaning

BUILT_IN: dict[str, Any] = {
    "ID": strawberry.ID,
    "String": str,
    "Int": int,
    "Float": float,
    "Boolean": bool,
    "Long": scalars.Long,
    "Date": scalars.Date,
    "DateTime": scalars.DateTime,
    "GeoJSON": scalars.GeoJSON,
    "JSON": scalars.JSON,
    "_Any": FederationAny,
}
_ANY = StrawberryAnnotation(object)


class Argument(NamedTuple):
    """An argument whose type is given as GraphQL text, e.g. "[ID!]!"."""

    name: str
    type_text: str
    description: str = ""
    default: object = strawberry.UNSET


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of an output or input type. `meaning` says what it selects; input fields have none, nor have fields that
    Strawberry answers."""

    name: str
    type_text: str
    description: str = ""
    meaning: Meaning | None = None
    args: Sequence[Argument] = ()
    default: object = strawberry.UNSET

    def key(self) -> tuple[object, ...]:
        """Equal keys are one field."""
        return self.name, self.type_text, self.description, self.meaning, tuple(self.args), self.default


class MeaningArgument(StrawberryArgument):
    """A Strawberry argument that resolves by name."""

    def __init__(self, made: Argument, registry: Registry) -> None:
        super().__init__(made.name, made.name, _ANY, description=made.description or None, default=made.default)
        self.type_text = made.type_text
        self.registry = registry

    @property
    def type(self) -> Any:
        return self.registry.resolve(self.type_text)


class MeaningField(StrawberryField):
    """A Strawberry field that resolves by name and carries its meaning."""

    def __init__(self, spec: FieldSpec, registry: Registry) -> None:
        # A prefix makes any GraphQL name (`from`, `in`) a Python name.
        super().__init__(
            python_name="f_" + spec.name,
            graphql_name=spec.name,
            type_annotation=_ANY,
            description=spec.description or None,
        )
        self.default_value = spec.default
        self.type_text = spec.type_text
        self.meaning = spec.meaning
        self.arguments = [registry.argument(a) for a in spec.args]
        self.registry = registry

    def __copy__(self) -> MeaningField:
        # The base's drops attributes; nothing changes a generated field after it is made.
        return self

    def resolve_type(self, *, type_definition: StrawberryObjectDefinition | None = None) -> Any:  # noqa: ARG002
        return self.registry.resolve(self.type_text)


class Registry:
    """All types of one GraphQL schema by name."""

    def __init__(self) -> None:
        self.types: dict[str, Any] = {}
        self._resolved: dict[str, StrawberryType | type] = {}
        self._fields: dict[object, MeaningField] = {}
        self._arguments: dict[Argument, MeaningArgument] = {}

    def resolve(self, text: str) -> StrawberryType | type:
        """The Strawberry type of GraphQL text such as `[Park!]!`. KeyError for an unknown name."""
        found = self._resolved.get(text)
        if found is None:
            found = self._resolved[text] = self._parse(text)
        return found

    def _parse(self, text: str) -> StrawberryType | type:
        if not text.endswith("!"):
            return StrawberryOptional(self._parse(text + "!"))
        text = text[:-1]
        if text.startswith("["):
            return StrawberryList(self.resolve(text[1:-1]))
        built_in: StrawberryType | type | None = BUILT_IN.get(text)
        return built_in if built_in is not None else self.types[text]

    def argument(self, made: Argument) -> MeaningArgument:
        """The one argument of this content."""
        found = self._arguments.get(made)
        if found is None:
            found = self._arguments[made] = MeaningArgument(made, self)
        return found

    def field(self, spec: FieldSpec) -> MeaningField:
        """The one field of this content."""
        key = spec.key()
        found = self._fields.get(key)
        if found is None:
            found = self._fields[key] = MeaningField(spec, self)
        return found

    # ------------------------------------------------------------ definitions

    def output(
        self,
        name: str,
        fields: Iterable[FieldSpec],
        description: str = "",
        *,
        interfaces: Sequence[str] = (),
        keys: Sequence[str] = (),
        shareable: bool = False,
        is_type_of: Callable[[Any, Any], bool] | None = None,
    ) -> type:
        """An object type. `interfaces` name types defined before."""
        directives, _ = process_federation_type_directives((), keys=keys, shareable=shareable)
        return self._define(name, fields, description, interfaces, directives, is_type_of=is_type_of)

    def interface(
        self,
        name: str,
        fields: Iterable[FieldSpec],
        description: str = "",
        *,
        interfaces: Sequence[str] = (),
        resolve_type: Callable[[Any, Any, Any], str],
    ) -> type:
        """An interface."""
        return self._define(name, fields, description, interfaces, (), is_interface=True, resolve_type=resolve_type)

    def input(self, name: str, fields: Iterable[FieldSpec], description: str = "", *, one_of: bool = False) -> type:
        """An input type."""
        return self._define(name, fields, description, (), [OneOf()] if one_of else (), is_input=True)

    def enum(self, name: str, values: Mapping[str, str], description: str = "") -> Any:
        """An enum whose values are their own stored text; `values` maps each to its description."""
        if name in self.types:
            return self.types[name]
        made = Enum(  # type: ignore[misc]
            name,
            # The prefix frees names that Enum keeps for itself, such as `name` and `mro`.
            {"m_" + v: strawberry.enum_value(v, name=v, description=text or None) for v, text in values.items()},
        )
        strawberry.enum(made, name=name, description=description or None)
        self.types[name] = made.__strawberry_definition__  # type: ignore[attr-defined]
        return self.types[name]

    def _define(
        self,
        name: str,
        fields: Iterable[FieldSpec],
        description: str,
        interfaces: Sequence[str],
        directives: Sequence[object],
        *,
        is_input: bool = False,
        is_interface: bool = False,
        is_type_of: Callable[[Any, Any], bool] | None = None,
        resolve_type: Callable[[Any, Any, Any], str] | None = None,
    ) -> type:
        made = type(name, (), {"__module__": __name__})
        definition = StrawberryObjectDefinition(
            name=name,
            is_input=is_input,
            is_interface=is_interface,
            origin=made,
            description=description or None,
            # Listed here rather than inherited: Python's method order cannot follow every class graph.
            interfaces=[self.types[i].__strawberry_definition__ for i in interfaces],
            extend=False,
            directives=list(directives),
            is_type_of=is_type_of,
            resolve_type=resolve_type,
            fields=[],
        )
        # Given afterwards, since the constructor would resolve their types, which are not all there yet.
        definition.fields = [self.field(spec) for spec in fields]
        made.__strawberry_definition__ = definition  # type: ignore[attr-defined]
        self.types[name] = made
        return made
