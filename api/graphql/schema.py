"""The executable GraphQL schema of one ontology Schema."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphql import GraphQLArgument, GraphQLField, GraphQLInputField, GraphQLUnionType, Undefined
from strawberry import UNSET
from strawberry.federation import Schema as FederationSchema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from api.graphql.names import Names
from api.graphql.registry import MeaningArgument, MeaningField
from api.graphql.scalars import SCALARS
from api.graphql.types import TYPENAME_KEY, TypeBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLResolveInfo, GraphQLSchema

    from api.graphql.meaning import Meaning
    from kg.schema.types import EntityClass, Schema

_BACKREF = GraphQLCoreConverter.DEFINITION_BACKREF


class _Converter(GraphQLCoreConverter):
    """Converts each generated field once, however many types have it."""

    _known: dict[object, Any]

    def from_field(self, field: Any, *, type_definition: Any = None) -> GraphQLField:
        if not isinstance(field, MeaningField):
            return super().from_field(field, type_definition=type_definition)
        found: GraphQLField | None = self._known.get(field)
        if found is None:
            found = self._known[field] = GraphQLField(
                self._type(field),
                {str(a.graphql_name): self.from_argument(a) for a in field.arguments},
                _from_answer if field.meaning is not None else _from_key,
                description=field.description,
                extensions={_BACKREF: field},
            )
        return found

    def from_input_field(self, field: Any, *, type_definition: Any = None) -> GraphQLInputField:
        if not isinstance(field, MeaningField):
            return super().from_input_field(field, type_definition=type_definition)
        found: GraphQLInputField | None = self._known.get(field)
        if found is None:
            found = self._known[field] = GraphQLInputField(
                self._type(field),
                Undefined if field.default_value is UNSET else field.default_value,
                description=field.description,
                extensions={_BACKREF: field},
            )
        return found

    def from_argument(self, argument: Any) -> GraphQLArgument:
        if not isinstance(argument, MeaningArgument):
            return super().from_argument(argument)
        found: GraphQLArgument | None = self._known.get(argument)
        if found is None:
            found = self._known[argument] = GraphQLArgument(
                self._type(argument),
                Undefined if argument.default is UNSET else argument.default,
                description=argument.description,
                extensions={_BACKREF: argument},
            )
        return found

    def _type(self, part: MeaningField | MeaningArgument) -> Any:
        found = self._known.get(part.type_text)
        if found is None:
            found = self._known[part.type_text] = self.from_maybe_optional(part.registry.resolve(part.type_text))
        return found


class _Schema(FederationSchema):
    """Federation without its own `_entities`: ours answers all representations in one statement."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "schema_converter":
            # Strawberry makes its converter inside its constructor and offers no other way to give it one.
            value.__class__ = _Converter
            value._known = {}  # noqa: SLF001
        super().__setattr__(name, value)

    def _get_federation_query_type(self, query: Any, *_: Any) -> Any:
        return query

    def process_errors(self, errors: Any, execution_context: Any = None) -> None:
        """Errors are logged by the engine, which knows which of them are faults of ours."""


class GraphQLApi:
    """GraphQL types of a Schema, with what the compiler needs to read an operation."""

    def __init__(self, schema: Schema, *, type_prefix: str = "", field_prefix: str = "") -> None:
        self.schema = schema
        self.names = Names(schema, type_prefix, field_prefix)
        builder = TypeBuilder(schema, self.names)
        query = builder.build()
        self.possible = builder.possible
        self.object_types = builder.object_types
        self.classes = {name: cls for cls, name in builder.object_types.items()}
        self.identifiers = builder.identifiers
        types = [builder.registry.types[n] for n in builder.object_types.values()]
        self.strawberry = _Schema(query=query, types=types, config=StrawberryConfig(scalar_map=SCALARS))
        self.core: GraphQLSchema = self.strawberry._schema  # noqa: SLF001  # its one handle on graphql-core
        union = self.core.type_map["_Entity"]
        assert isinstance(union, GraphQLUnionType)
        union.resolve_type = lambda obj, _info, _type: obj[TYPENAME_KEY]

    @cached_property
    def sdl(self) -> str:
        """Federation v2 SDL."""
        return print_schema(self.strawberry)

    def meaning(self, field: GraphQLField) -> Meaning | None:
        """What a generated field means; None for one that Strawberry answers."""
        definition = field.extensions.get(_BACKREF)
        return definition.meaning if isinstance(definition, MeaningField) else None

    def set_root(self, resolve: Callable[..., Any]) -> None:
        """`resolve` answers every generated root field under plain execution."""
        query = self.core.query_type
        assert query is not None
        for field in query.fields.values():
            if self.meaning(field) is not None:
                field.resolve = resolve
        query.fields["_service"].resolve = lambda _source, _info: {"sdl": self.sdl}
        query.fields[self.names.root("ontology", "the built-in root ontology")].resolve = lambda _source, _info: {
            "hash": self.schema.hash,
            "classes": [self._told(cls) for cls in self.schema.classes.values()],
        }

    def _told(self, cls: EntityClass) -> dict[str, Any]:
        return {
            "name": cls.name,
            "iri": cls.iri,
            "typeName": self.names.class_type(cls),
            "label": cls.label.text,
            "parents": cls.parents,
            "abstract": cls.abstract,
        }


def _from_answer(source: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
    """The compiled answer has the request's own keys."""
    return source[info.path.key]


def _from_key(source: Any, info: GraphQLResolveInfo[Any], **args: Any) -> Any:
    found = source[info.field_name]
    return found(**args) if callable(found) else found
