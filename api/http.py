"""GraphQL over HTTP: POST and GET, batches, limits on the body, the audit line."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.responses import Response

from api.auth.audit import of_text
from api.graphql import engine as engines
from api.graphql.instants import parse_as_of_header
from api.page import graphiql
from kg.errors import AccessDenied, JingweiError, LimitExceeded, QueryError
from kg.query.algebra import Time

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from api.auth.audit import Audit
    from api.auth.grants import Grant
    from api.graphql.engine import Answer, Engine
    from api.guard import Guard
    from kg.settings import Settings

AS_OF_HEADER: Final = "jingwei-as-of"
_JSON: Final = "application/json"
_RESPONSE_JSON: Final = "application/graphql-response+json"


class _Refused(Exception):
    def __init__(self, status: int, error: JingweiError) -> None:
        super().__init__(str(error))
        self.status = status
        self.error = error


class GraphQLRoute:
    """The handlers of /graphql."""

    def __init__(
        self, engine: Engine, guard: Guard, audit: Audit, settings: Settings, clock: Callable[[], int]
    ) -> None:
        self.engine = engine
        self.guard = guard
        self.audit = audit
        self.clock = clock
        self.max_body = settings.max_body_bytes
        self.max_batch = settings.max_batch

    async def post(self, request: Request) -> Response:
        """One operation as a JSON object, or several as a list, answered in order."""
        started = time.perf_counter()
        grant: Grant | None = None
        try:
            grant = self.guard.grant(request)
            parsed = _parsed(await self._body(request))
            header = _header_time(request)
            if isinstance(parsed, list):
                self._check_batch(parsed)
                operations = [_operation(item, header, f"[{i}]") for i, item in enumerate(parsed)]
            else:
                operations = [_operation(parsed, header, "body")]
        except _Refused as refusal:
            return self._refuse(request, grant, refusal.status, refusal.error, started)
        except AccessDenied as error:
            return self._refuse(request, grant, 401, error, started)
        except JingweiError as error:
            return self._refuse(request, grant, 400, error, started)
        answers = [await self.engine.answer(operation, grant.scope) for operation in operations]
        for operation, answer in zip(operations, answers, strict=True):
            self._record(request, grant, operation, answer, started)
        if isinstance(parsed, list):
            body = b"[" + b",".join(answer.body for answer in answers) + b"]"
            return _response(request, body, answers)
        return _response(request, answers[0].body, answers)

    async def get(self, request: Request) -> Response:
        """The GraphiQL page for a browser, else an operation from `query`, `variables` and `operationName`."""
        if "text/html" in request.headers.get("accept", ""):
            return graphiql()
        started = time.perf_counter()
        grant: Grant | None = None
        try:
            grant = self.guard.grant(request)
            given: dict[str, Any] = dict(request.query_params)
            if given.get("variables"):
                given["variables"] = _parsed(given["variables"].encode())
            operation = _operation(given, _header_time(request), "query string")
        except _Refused as refusal:
            return self._refuse(request, grant, refusal.status, refusal.error, started)
        except AccessDenied as error:
            return self._refuse(request, grant, 401, error, started)
        except JingweiError as error:
            return self._refuse(request, grant, 400, error, started)
        answer = await self.engine.answer(operation, grant.scope)
        self._record(request, grant, operation, answer, started)
        return _response(request, answer.body, [answer])

    # ------------------------------------------------------------ the request

    async def _body(self, request: Request) -> bytes:
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media != _JSON:
            # Also what keeps forms on other sites from sending operations: they cannot send JSON.
            raise _Refused(
                415,
                QueryError(
                    "The body is not said to be JSON",
                    where="header Content-Type",
                    value=media,
                    remedy="Send `Content-Type: application/json`.",
                ),
            )
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.max_body:
                raise _Refused(
                    413,
                    LimitExceeded(
                        f"The body is larger than {self.max_body} bytes",
                        remedy="Send several requests, or raise the setting max_body_bytes.",
                    ),
                )
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_batch(self, parsed: list[Any]) -> None:
        if not 1 <= len(parsed) <= self.max_batch:
            raise LimitExceeded(
                f"A batch holds 1 to {self.max_batch} operations",
                where="body",
                value=len(parsed),
                remedy="Put several root fields into one operation: they are answered by one statement.",
            )

    # ------------------------------------------------------------ the record

    def _refuse(
        self, request: Request, grant: Grant | None, status: int, error: JingweiError, started: float
    ) -> Response:
        entry = self._entry(request, grant, started) | {"status": status, "code": error.code}
        self.audit.write(entry)
        if status == 401:
            return self.guard.refusal(error)
        body = orjson.dumps({"errors": [{"message": str(error), "extensions": error.as_dict()}]})
        return Response(body, status, media_type=_JSON)

    def _record(
        self, request: Request, grant: Grant, operation: engines.Request, answer: Answer, started: float
    ) -> None:
        entry = self._entry(request, grant, started) | {
            "operation": operation.operation,
            **of_text(operation.text),
            "ran": answer.ran,
            "errors": answer.errors,
            "bytes": len(answer.body),
        }
        self.audit.write(entry)

    def _entry(self, request: Request, grant: Grant | None, started: float) -> dict[str, Any]:
        return {
            "at": datetime.fromtimestamp(self.clock() / 1e6, UTC).isoformat(),
            "grant": grant.name if grant else None,
            "address": request.client.host if request.client else None,
            "method": request.method,
            "ms": round((time.perf_counter() - started) * 1000, 1),
        }


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise QueryError(
            f"That is no JSON: {error}", where="body", remedy='Send e.g. {"query": "{ __typename }", "variables": {}}.'
        ) from error


def _operation(given: Any, header: Time, where: str) -> engines.Request:
    if not isinstance(given, dict):
        raise QueryError("An operation is a JSON object", where=where, remedy='Send e.g. {"query": "{ __typename }"}.')
    text, variables, name = given.get("query"), given.get("variables") or {}, given.get("operationName")
    if not isinstance(text, str) or not text.strip():
        raise QueryError(
            "The request holds no query", where=where, field="query", remedy='Send e.g. {"query": "{ __typename }"}.'
        )
    if not isinstance(variables, dict):
        raise QueryError("Variables are a JSON object", where=where, field="variables", remedy='Send e.g. {"id": "…"}.')
    if name is not None and not isinstance(name, str):
        raise QueryError(
            "The operation's name is a string", where=where, field="operationName", remedy="Send a string, or nothing."
        )
    return engines.Request(text, variables, name or None, header)


def _header_time(request: Request) -> Time:
    text = request.headers.get(AS_OF_HEADER)
    return engines.LATEST if text is None else Time(*parse_as_of_header(text))


def _response(request: Request, body: bytes, answers: list[Answer]) -> Response:
    """As GraphQL over HTTP has it: plain JSON is 200, its own media type says 400 for what was not run. Where the store
    could not answer one of the operations, 503 says so to what stands between, which can send them again."""
    own = _RESPONSE_JSON in request.headers.get("accept", "")
    if any(answer.away for answer in answers):
        status = 503
    else:
        status = 200 if not own or all(answer.ran for answer in answers) else 400
    return Response(body, status, media_type=_RESPONSE_JSON if own else _JSON)


__all__ = ["AS_OF_HEADER", "GraphQLRoute"]
