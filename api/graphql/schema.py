"""The executable GraphQL schema of one ontology Schema."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType
from strawberry.federation import Schema as FederationSchema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema_converter import GraphQLCoreConverter

from api.graphql.names import Names
from api.graphql.registry import MeaningField
from api.graphql.scalars import SCALARS
from api.graphql.types import TYPENAME_KEY, TypeBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphql import GraphQLField, GraphQLResolveInfo, GraphQLSchema

    from api.graphql.meaning import Meaning
    from kg.schema.types import EntityClass, Schema


class _Schema(FederationSchema):
    """Federation without its own `_entities`: ours answers all representations in one statement."""

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
        self._attach()

    @cached_property
    def sdl(self) -> str:
        """Federation v2 SDL."""
        return print_schema(self.strawberry)

    def _attach(self) -> None:
        """Give every field a resolver that reads the compiled answer, and unions their members."""
        for type_ in self.core.type_map.values():
            if isinstance(type_, GraphQLUnionType):
                type_.resolve_type = lambda obj, _info, _type: obj[TYPENAME_KEY]
            if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)) and not type_.name.startswith("__"):
                for field in type_.fields.values():
                    field.resolve = _from_answer if self.meaning(field) is not None else _from_key

    def meaning(self, field: GraphQLField) -> Meaning | None:
        """What a generated field means; None for one that Strawberry answers."""
        definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
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
