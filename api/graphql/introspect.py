"""Introspection without the executor: graphql-core's own resolvers, each part of the schema told once.

The executor needs about ten seconds for the standard question to 2,400 types, and the event loop waits meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from graphql import GraphQLList, GraphQLNonNull, GraphQLString, SchemaMetaFieldDef, TypeMetaFieldDef, is_leaf_type
from graphql.execution.values import get_argument_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphql import GraphQLField, GraphQLSchema, OperationDefinitionNode, SelectionSetNode
    from graphql.execution.values import VariableValues

    from api.graphql.collect import Collector

ROOTS = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}


@dataclass(slots=True)
class _Part:
    """One key of an object: how its value is had, and what of it is told."""

    key: str
    resolve: Any
    args: dict[str, Any]
    many: bool
    leaf: Any  # the type that serialises it, where it is a leaf
    below: _Plan | None


@dataclass(slots=True)
class _Plan:
    """What a selection tells of one type; `known`: what it told already, by the thing's identity (and the thing,
    so that no other takes its place in memory)."""

    parts: list[_Part] = field(default_factory=list)
    known: dict[object, tuple[Any, dict[str, Any]]] = field(default_factory=dict)


class Introspector:
    """Answers `__schema` and `__type` of one operation."""

    def __init__(self, schema: GraphQLSchema, collector: Collector, variables: VariableValues) -> None:
        self._schema = schema
        self._info: Any = SimpleNamespace(schema=schema)
        self._collector = collector
        self._variables = variables
        self._plans: dict[tuple[int, ...], _Plan] = {}

    def answer(self, operation: OperationDefinitionNode) -> dict[str, Any]:
        """The operation's data; its roots are `__schema`, `__type` and `__typename` only."""
        out: dict[str, Any] = {}
        for selected in self._collector.collect([operation.selection_set], ("",)):
            if selected.name == "__typename":
                out[selected.key] = "Query"
                continue
            definition = ROOTS[selected.name]
            args = get_argument_values(definition, selected.nodes[0], self._variables)
            thing = self._schema if selected.name == "__schema" else self._schema.get_type(args["name"])
            plan = self._plan(_named(definition.type), selected.selections)
            out[selected.key] = None if thing is None else self._tell(plan, thing)
        return out

    def _plan(self, type_: Any, selections: Sequence[SelectionSetNode]) -> _Plan:
        key = tuple(id(s) for s in selections)
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = _Plan()
            for selected in self._collector.collect(selections, ("",)):
                if selected.name == "__typename":
                    found.parts.append(
                        _Part(selected.key, lambda _t, _i, name=type_.name: name, {}, False, GraphQLString, None)
                    )
                    continue
                definition: GraphQLField = type_.fields[selected.name]
                args = get_argument_values(definition, selected.nodes[0], self._variables)
                inner = _named(definition.type)
                leaf = inner if is_leaf_type(inner) else None
                below = None if leaf is not None else self._plan(inner, selected.selections)
                found.parts.append(
                    _Part(selected.key, definition.resolve, args, _is_list(definition.type), leaf, below)
                )
        return found

    def _tell(self, plan: _Plan, thing: Any) -> dict[str, Any]:
        # Fields, arguments and enum values come as (name, definition).
        identity = (thing[0], id(thing[1])) if isinstance(thing, tuple) else id(thing)
        known = plan.known.get(identity)
        if known is not None:
            return known[1]
        out: dict[str, Any] = {}
        for part in plan.parts:
            value = part.resolve(thing, self._info, **part.args)
            if value is None:
                out[part.key] = None
            elif part.many:
                out[part.key] = [self._value(part, item) for item in value]
            else:
                out[part.key] = self._value(part, value)
        plan.known[identity] = thing, out
        return out

    def _value(self, part: _Part, value: Any) -> Any:
        return part.leaf.serialize(value) if part.below is None else self._tell(part.below, value)


def _is_list(type_: Any) -> bool:
    return isinstance(type_.of_type if isinstance(type_, GraphQLNonNull) else type_, GraphQLList)


def _named(type_: Any) -> Any:
    while isinstance(type_, (GraphQLNonNull, GraphQLList)):
        type_ = type_.of_type
    return type_
