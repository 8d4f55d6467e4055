"""Answers GraphQL requests: the compiled way where every field is generated, by Strawberry where one is not."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import orjson
from graphql import FieldNode, FragmentSpreadNode, GraphQLError, InlineFragmentNode

from api.graphql.compile import Compiled, Compiler, Limits
from api.graphql.introspect import ROOTS, Introspector
from api.graphql.learned import ask, learned_roots
from api.graphql.operation import Document, Documents, RequestRefused, TextLimits
from api.learning.serving import Asking, Learned
from kg.errors import JingweiError, LimitExceeded, StoreError
from kg.query.algebra import Fixed, Root, Select, Time
from kg.query.cursor import CursorCodec, Token, binding
from kg.query.secure import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphql import FragmentDefinitionNode, GraphQLResolveInfo, OperationDefinitionNode
    from graphql.execution.values import VariableValues

    from api.graphql.schema import GraphQLApi
    from kg.query.secure import Scope
    from kg.settings import Settings
    from kg.store.base import Store

_log = logging.getLogger(__name__)
_CONSTANT_ANSWERS: Final = 8
_INTROSPECTION: Final = frozenset({*ROOTS, "__typename"})
_REMEDY: Final = "Compare with the schema at /schema.graphql, or ask in GraphiQL, which completes names."


LATEST: Final = Time()


@dataclass(frozen=True, slots=True)
class Request:
    """One operation, as it came."""

    text: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation: str | None = None
    time: Time = LATEST  # of the header Jingwei-As-Of


@dataclass(frozen=True, slots=True)
class Answer:
    """The response's JSON. `ran`: the operation was executed, if not always well; False: it was refused.

    `away`: the store could not answer, and may answer the same request later.
    """

    body: bytes
    ran: bool
    errors: int = 0
    away: bool = False


class Engine:
    """Runs operations against one store. `now`: microseconds UTC, the default valid instant."""

    def __init__(self, api: GraphQLApi, store: Store, settings: Settings, now: Callable[[], int]) -> None:
        self.api = api
        self.store = store
        self.now = now
        self.timeout = settings.statement_timeout_seconds
        self.learned = Learned(store, settings)
        self.limits = Limits(
            settings.max_depth,
            settings.max_cost,
            settings.max_page_size,
            settings.max_representations,
            settings.max_tokens,
        )
        text = TextLimits(settings.max_tokens, settings.max_aliases, settings.max_directives)
        self.documents = Documents(api.core, text)
        self._constant: dict[tuple[str, str | None], Answer] = {}
        api.set_root(_root)

    async def answer(self, request: Request, scope: Scope, *, plainly: bool = False) -> Answer:
        """Never raises but for cancellation. `plainly`: by Strawberry even where the compiled answer could go out."""
        try:
            document = self.documents.read(request.text)
            operation = document.operation(request.operation)
            variables = self.documents.variables(operation, request.variables)
            roots = _roots(operation, document.fragments)
            if not plainly and roots <= _INTROSPECTION and roots & ROOTS.keys():
                return await self._introspect(request, document, operation, variables)
            plain = plainly or not all(self._is_generated(name) for name in roots)
            cursors = _Cursors(self.store, self.api.schema.hash, scope)
            compiler = Compiler(
                self.api, document.fragments, variables, limits=self.limits, cursors=cursors, plain=plain
            )
            now = self.now()
            if learned_roots(roots, self.api):
                compiler.learned = await ask(self.learned, compiler, operation, Asking(scope, now, request.time))
            compiled = compiler.compile(operation, now, request.time)
            data = await self._data(compiled, scope)
            return await self._plainly(request, compiled, data) if plain else _told(compiled, data)
        except RequestRefused as refusal:
            return _failed(refusal.errors, ran=False)
        except StoreError as error:
            return _failed([GraphQLError(str(error), original_error=error)], ran=True, away=True)
        except JingweiError as error:
            return _failed([GraphQLError(str(error), original_error=error)], ran=not isinstance(error, LimitExceeded))
        except RecursionError:
            limit = LimitExceeded("The request is nested too deeply", remedy="Nest less deeply.")
            return _failed([GraphQLError(str(limit), original_error=limit)], ran=False)
        except Exception as error:  # noqa: BLE001  # the last resort: logged, and answered without details
            return _failed([_unexpected(error)], ran=True)

    async def _plainly(self, request: Request, compiled: Compiled, data: bytes) -> Answer:
        """By Strawberry, field by field, reading generated roots from the compiled answer."""
        context = _Plain(orjson.loads(data), {key: error for _, key, error in compiled.faults})
        result: Any = await self.api.strawberry.execute(
            request.text,
            variable_values=dict(request.variables),
            context_value=context,
            operation_name=request.operation,
        )
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [formatted(error) for error in result.errors]
        return Answer(orjson.dumps(body), ran=True, errors=len(result.errors or ()))

    async def _introspect(
        self, request: Request, document: Document, operation: OperationDefinitionNode, variables: VariableValues
    ) -> Answer:
        """From the schema alone, in a thread; kept where it has no variables, since it is large and stays the same."""
        kept = (request.text, request.operation)
        if not request.variables and kept in self._constant:
            return self._constant[kept]
        compiler = Compiler(
            self.api, document.fragments, variables, limits=self.limits, cursors=_Cursors(self.store, "", PUBLIC)
        )
        introspector = Introspector(self.api.core, compiler.collector, variables)
        data = await asyncio.to_thread(lambda: orjson.dumps({"data": introspector.answer(operation)}))
        answer = Answer(data, ran=True)
        if not request.variables and len(self._constant) < _CONSTANT_ANSWERS:
            self._constant[kept] = answer
        return answer

    def compiled(self, request: Request, scope: Scope) -> Compiled:
        """What `answer` would ask the store. Raises RequestRefused, and LimitExceeded before anything runs."""
        document = self.documents.read(request.text)
        operation = document.operation(request.operation)
        variables = self.documents.variables(operation, request.variables)
        cursors = _Cursors(self.store, self.api.schema.hash, scope)
        compiler = Compiler(self.api, document.fragments, variables, limits=self.limits, cursors=cursors)
        return compiler.compile(operation, self.now(), request.time)

    def _is_generated(self, root: str) -> bool:
        query = self.api.core.query_type
        assert query is not None
        return root == "__typename" or (root in query.fields and self.api.meaning(query.fields[root]) is not None)

    async def _data(self, compiled: Compiled, scope: Scope) -> bytes:
        """The answer's `data`. Raises what the store raises, and LimitExceeded after the time allowed."""
        fixed = _fixed(compiled.query.roots)
        if fixed is not None:
            return fixed if compiled.assemble is None else compiled.assemble(fixed)
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self.store.execute(compiled.query, scope)
        except TimeoutError:
            raise LimitExceeded(
                f"The answer took longer than {self.timeout:g} s",
                remedy="Filter more, ask for less, or raise the setting statement_timeout_seconds.",
            ) from None
        return answer if compiled.assemble is None else compiled.assemble(answer)


def _roots(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> frozenset[str]:
    """Names of all root fields, also of those that directives may leave out."""
    stack = [operation.selection_set]
    names: set[str] = set()
    seen: set[str] = set()
    while stack:
        for node in stack.pop().selections:
            if isinstance(node, FieldNode):
                names.add(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                stack.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                stack.append(fragments[node.name.value].selection_set)
    return frozenset(names)


def _told(compiled: Compiled, data: bytes) -> Answer:
    """The answer's bytes go through; roots that could not be compiled are null in them."""
    if not compiled.faults:
        return Answer(b'{"data":' + data + b"}", ran=True)
    errors = [
        GraphQLError(str(error), [node], path=[key], original_error=error) for node, key, error in compiled.faults
    ]
    told = orjson.dumps([formatted(error) for error in errors])
    return Answer(b'{"data":' + data + b',"errors":' + told + b"}", ran=True, errors=len(errors))


def _fixed(roots: Sequence[Root]) -> bytes | None:
    """The answer where no root asks the store anything."""
    if any(not isinstance(root.action, Fixed) for root in roots):
        return None
    return orjson.dumps({root.key: root.action.value for root in roots if isinstance(root.action, Fixed)})


@dataclass(frozen=True, slots=True)
class _Cursors:
    store: Store
    schema_hash: str
    scope: Scope

    def binding(self, select: Select) -> str:
        return binding(select, self.schema_hash, self.scope)

    def decode(self, text: str, binding: str) -> Token:
        secret = self.store.cursor_secret
        return CursorCodec(secret).decode(text, binding)


@dataclass(frozen=True, slots=True)
class _Plain:
    """The context of one plain execution: the compiled answer of all generated roots."""

    data: dict[str, Any]
    faults: dict[str, JingweiError]

    def root(self, key: str) -> Any:
        if key in self.faults:
            raise self.faults[key]
        return self.data[key]


def _root(_source: Any, info: GraphQLResolveInfo[Any], **_: Any) -> Any:
    context: _Plain = info.context
    return context.root(str(info.path.key))


# ---------------------------------------------------------------- errors


def formatted(error: GraphQLError) -> dict[str, Any]:
    """An error of the response: message, locations, path, and `extensions` with `code` and `remedy`."""
    original = error.original_error
    out: dict[str, Any] = {"message": error.message}
    if error.locations:
        out["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        out["path"] = list(error.path)
    if isinstance(original, JingweiError):
        out["message"] = str(original)  # graphql-core takes the bare message of what a resolver raises
        out["extensions"] = original.as_dict()
    elif original is not None and not isinstance(original, GraphQLError):
        unexpected = _unexpected(original)
        out["message"] = unexpected.message
        out["extensions"] = unexpected.extensions
    else:
        out["extensions"] = {"code": "QUERY_INVALID", "remedy": _REMEDY, **(error.extensions or {})}
    return out


def _unexpected(error: BaseException) -> GraphQLError:
    number = uuid4().hex[:12]
    _log.error("A request failed unexpectedly (%s)", number, exc_info=error)
    return GraphQLError(
        "Something went wrong inside the server",
        extensions={"code": "INTERNAL", "remedy": f"Ask the operator to look for {number} in the log."},
    )


def _failed(errors: list[GraphQLError], *, ran: bool, away: bool = False) -> Answer:
    told = [formatted(error) for error in errors]
    body: dict[str, Any] = {"data": None, "errors": told} if ran else {"errors": told}
    return Answer(orjson.dumps(body), ran=ran, errors=len(errors), away=away)
