"""GraphQL over the hand-made park schema, without a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from api.graphql.compile import Compiled, Compiler, Limits
from api.graphql.operation import Documents, TextLimits
from kg.query.algebra import After, Select, Time
from kg.query.cursor import Token

if TYPE_CHECKING:
    from api.graphql.schema import GraphQLApi

Compile = Callable[..., Compiled]


class FixedCursors:
    """Every cursor says the same, and bindings are recognisable."""

    def binding(self, select: Select) -> str:
        return "binding"

    def decode(self, text: str, binding: str) -> Token:
        return Token(Time(1, 2), After((text,), "id"))


@pytest.fixture(scope="session")
def documents(api: GraphQLApi) -> Documents:
    return Documents(api.core, TextLimits())


@pytest.fixture(scope="session")
def compile_text(api: GraphQLApi, documents: Documents) -> Compile:
    def run(
        text: str, variables: dict[str, Any] | None = None, *, limits: Limits | None = None, plain: bool = False
    ) -> Compiled:
        document = documents.read(text)
        operation = document.operation(None)
        values = documents.variables(operation, variables or {})
        compiler = Compiler(
            api, document.fragments, values, limits=limits or Limits(), cursors=FixedCursors(), plain=plain
        )
        return compiler.compile(operation, 0, Time())

    return run
