"""Strawberry types made at run time: names resolve late, so that types may point to one another freely."""

from __future__ import annotations

import types
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

import strawberry
from strawberry import federation
from strawberry.annotation import StrawberryAnnotation
from strawberry.federation.schema import FederationAny
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import StrawberryField

from api.graphql import scalars

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from strawberry.types.base import StrawberryObjectDefinition, StrawberryType

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


class Argument(StrawberryArgument):
    """An argument whose type is given as GraphQL text, e.g. "[ID!]!"."""

    def __init__(self, name: str, type_text: str, description: str = "", *, default: object = strawberry.UNSET) -> None:
        super().__init__(
            python_name=name,
            graphql_name=name,
            type_annotation=StrawberryAnnotation(object),
            description=description or None,
            default=default,
        )
        self.type_text = type_text
        self.registry: Registry | None = None

    @property
    def type(self) -> Any:
        assert self.registry is not None
        return self.registry.resolve(self.type_text)


class MeaningField(StrawberryField):
    """A generated field. `meaning` says what it selects; input fields and fields that Strawberry answers have none."""

    def __init__(
        self,
        name: str,
        type_text: str,
        description: str = "",
        *,
        meaning: Meaning | None = None,
        args: Sequence[Argument] = (),
        directives: Sequence[object] = (),
        default: object = strawberry.UNSET,
    ) -> None:
        # A prefix makes any GraphQL name (`from`, `in`) a Python name.
        super().__init__(
            python_name="f_" + name,
            graphql_name=name,
            type_annotation=StrawberryAnnotation(object),
            description=description or None,
            directives=directives,
        )
        self.init = self.repr = self.compare = False
        self.default_value = default
        self.type_text = type_text
        self.meaning = meaning
        self.arguments = list(args)
        self.registry: Registry | None = None

    def __copy__(self) -> MeaningField:
        # The base's drops attributes; nothing changes a generated field after it is made.
        return self

    def resolve_type(self, *, type_definition: StrawberryObjectDefinition | None = None) -> Any:  # noqa: ARG002
        if self.registry is None or not self.registry.complete:
            return object
        return self.registry.resolve(self.type_text)


class Registry:
    """All types of one GraphQL schema by name."""

    module: ClassVar[str] = "api.graphql.generated"

    def __init__(self) -> None:
        self.types: dict[str, Any] = {}
        self.complete = False
        """Until all types are made, nothing resolves: the dataclass machinery asks too early."""
        self._resolved: dict[str, StrawberryType | type] = {}

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

    # ------------------------------------------------------------ definitions

    def output(
        self,
        name: str,
        fields: Iterable[MeaningField],
        description: str = "",
        *,
        interfaces: Sequence[str] = (),
        keys: Sequence[str] = (),
        shareable: bool = False,
        namespace: Mapping[str, object] | None = None,
    ) -> type:
        """An object type. `interfaces` name types defined before."""
        cls = self._new(name, fields, namespace)
        made: type = federation.type(
            cls, name=name, description=description or None, keys=list(keys), shareable=shareable
        )
        return self._add(name, made, interfaces)

    def interface(
        self,
        name: str,
        fields: Iterable[MeaningField],
        description: str = "",
        *,
        interfaces: Sequence[str] = (),
        namespace: Mapping[str, object] | None = None,
    ) -> type:
        made: type = federation.interface(
            self._new(name, fields, namespace), name=name, description=description or None
        )
        return self._add(name, made, interfaces)

    def input(self, name: str, fields: Iterable[MeaningField], description: str = "", *, one_of: bool = False) -> type:
        cls = self._new(name, fields, None)
        made: type = strawberry.input(cls, name=name, description=description or None, one_of=one_of)
        return self._add(name, made, ())

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

    def _new(self, name: str, fields: Iterable[MeaningField], namespace: Mapping[str, object] | None) -> type:
        body: dict[str, Any] = dict(namespace or {})
        annotations = body["__annotations__"] = {}
        for field in fields:
            field.registry = self
            for argument in field.arguments:
                argument.registry = self  # type: ignore[attr-defined]
            body[field.python_name] = field
            annotations[field.python_name] = object
        body["__module__"] = __name__
        return types.new_class(name, (), {}, lambda ns: ns.update(body))

    def _add(self, name: str, made: Any, interfaces: Sequence[str]) -> type:
        # Interfaces are set here rather than inherited: Python's method order cannot follow every class graph.
        made.__strawberry_definition__.interfaces = [self.types[i].__strawberry_definition__ for i in interfaces]
        self.types[name] = made
        return made  # type: ignore[no-any-return]
