"""Reading a request: parse, limits on its text, validation, variables. Parsed documents are kept."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    Visitor,
    parse,
    validate,
    visit,
)
from graphql.execution.values import get_variable_values

from kg.errors import JingweiError, LimitExceeded, QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLSchema
    from graphql.execution.values import VariableValues

_KEPT: Final = 512
_KEPT_CHARACTERS: Final = 32_768
_MAX_ERRORS: Final = 20
_UNKNOWN_WORD: Final = re.compile(
    r"Expected value of type '(\w+)' not to include unknown field"
    r"|Enum '(\w+)' cannot represent non-enum value|Value '\w+' does not exist in '(\w+)' enum"
)


@dataclass(frozen=True, slots=True)
class TextLimits:
    """Bounds on a request's text; see `kg.settings`."""

    tokens: int = 10_000
    aliases: int = 60
    directives: int = 50


class RequestRefused(Exception):
    """The request cannot be run; `errors` say why."""

    def __init__(self, errors: list[GraphQLError]) -> None:
        super().__init__(errors[0].message if errors else "")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document."""

    text: str
    operations: Mapping[str | None, OperationDefinitionNode]
    fragments: Mapping[str, FragmentDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The named one, or the only one. Raises RequestRefused."""
        if name:
            found = self.operations.get(name)
            if found is not None:
                return found
            names = ", ".join(str(n) for n in self.operations) or "none"
            raise refused(
                QueryError(f"There is no operation {name!r}", where="operationName", remedy=f"There are: {names}.")
            )
        if len(self.operations) != 1:
            raise refused(
                QueryError(
                    "The document has several operations, or none",
                    where="operationName",
                    remedy="Say in operationName which one to run.",
                )
            )
        return next(iter(self.operations.values()))


def refused(error: JingweiError) -> RequestRefused:
    """One of our errors as a refusal of the request."""
    return RequestRefused([GraphQLError(str(error), original_error=error)])


def _too_deep() -> LimitExceeded:
    return LimitExceeded("The request is nested too deeply to be read", remedy="Nest less deeply.")


class Documents:
    """Parses and validates against one schema; valid documents are kept by their text."""

    def __init__(self, schema: GraphQLSchema, limits: TextLimits) -> None:
        self.schema = schema
        self.limits = limits
        self._kept: OrderedDict[str, Document] = OrderedDict()

    def read(self, text: str) -> Document:
        """Raises RequestRefused."""
        kept = self._kept.get(text)
        if kept is not None:
            self._kept.move_to_end(text)
            return kept
        try:
            made = self._read(text)
        except RecursionError:
            raise refused(_too_deep()) from None
        if len(text) <= _KEPT_CHARACTERS:
            self._kept[text] = made
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return made

    def _read(self, text: str) -> Document:
        try:
            document = parse(text, max_tokens=self.limits.tokens)
        except GraphQLSyntaxError as error:
            if "nested too deeply" in error.message:
                raise refused(_too_deep()) from None
            if "tokens" in error.message:
                raise refused(
                    LimitExceeded(
                        f"The request has more than {self.limits.tokens} tokens",
                        remedy="Move values into variables, or send several requests.",
                    )
                ) from None
            raise RequestRefused([error]) from None
        self._check(document)
        errors = validate(self.schema, document, max_errors=_MAX_ERRORS)
        if errors and errors[0].message == "Validation aborted.":
            # graphql-core gives up comparing fields of one key pairwise.
            raise refused(
                LimitExceeded(
                    "The request asks for one key too often", remedy="Ask for each field once in a selection."
                )
            )
        if errors:
            raise RequestRefused([self._with_names(error) for error in errors])
        operations: dict[str | None, OperationDefinitionNode] = {}
        fragments: dict[str, FragmentDefinitionNode] = {}
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                operations[node.name.value if node.name else None] = node
            elif isinstance(node, FragmentDefinitionNode):
                fragments[node.name.value] = node
        return Document(text, operations, fragments)

    def _with_names(self, error: GraphQLError) -> GraphQLError:
        """The error, and what could have stood there where no word is near enough to be suggested."""
        match = _UNKNOWN_WORD.match(error.message)
        if match is None or "Did you mean" in error.message:
            return error
        named = self.schema.type_map.get(match[match.lastindex or 0])
        if isinstance(named, GraphQLInputObjectType):
            names = list(named.fields)
        elif isinstance(named, GraphQLEnumType):
            names = list(named.values)
        else:
            return error
        error.extensions = {"remedy": f"{named.name} knows: {', '.join(names)}."}
        return error

    def _check(self, document: DocumentNode) -> None:
        counter = _Counter()
        visit(document, counter)
        for what, found, most in (
            ("aliases", counter.aliases, self.limits.aliases),
            ("directives", counter.directives, self.limits.directives),
        ):
            if found > most:
                raise refused(
                    LimitExceeded(
                        f"The request has {found} {what}, at most {most} are allowed", remedy="Send several requests."
                    )
                )

    def variables(self, operation: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues:
        """Coerced variables. Raises RequestRefused, also for a variable that the operation does not declare."""
        declared = operation.variable_definitions or ()
        extra = set(given) - {d.variable.name.value for d in declared}
        if extra:
            names = ", ".join(f"${d.variable.name.value}" for d in declared) or "none"
            raise refused(
                QueryError(
                    f"The operation declares no variable ${min(extra)}",
                    where="variables",
                    remedy=f"It declares: {names}.",
                )
            )
        found = get_variable_values(self.schema, declared, dict(given), max_errors=_MAX_ERRORS)
        if isinstance(found, list):
            raise RequestRefused(found)
        return found


class _Counter(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.aliases = 0
        self.directives = 0

    def enter(self, node: Any, *_: Any) -> None:
        if isinstance(node, FieldNode) and node.alias is not None:
            self.aliases += 1
        elif isinstance(node, DirectiveNode):
            self.directives += 1
