"""The pages' addresses: who asks, in which language, of which point in time, and what is answered when it fails."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from api.page import card, drawing, listing, places, related
from api.page.history import history
from api.page.moment import KNOWN, VALID, BadMoment, Moment, read_moment
from api.page.overview import Freshness, overview
from api.page.questions import Questions
from api.page.reading import Visit
from api.page.rendering import Renderer
from api.page.voice import Voice
from kg.errors import AccessDenied, JingweiError, ScopeDenied, StoreError
from kg.query.secure import Limits

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request

    from api.auth.audit import Audit
    from api.auth.grants import Grant
    from api.graphql.engine import Engine
    from api.guard import Guard
    from api.page.voice import Language
    from kg.query.secure import Scope
    from kg.schema.questions import Question
    from kg.settings import Settings

LANGUAGE_COOKIE: Final = "lang"
_YEAR: Final = 365 * 86_400
_JSON: Final = "application/json"


class Pages:
    """Handlers of the pages. Every one of them reads through `Store.execute` with the caller's Scope."""

    def __init__(
        self,
        engine: Engine,
        guard: Guard,
        audit: Audit,
        settings: Settings,
        clock: Callable[[], int],
        questions: Sequence[Question] = (),
    ) -> None:
        self.engine = engine
        self.guard = guard
        self.audit = audit
        self.settings = settings
        self.clock = clock
        self.zone = ZoneInfo(settings.timezone)
        self.questions = Questions(engine, questions)
        self.freshness = Freshness()
        self.render = Renderer(engine.api.schema, engine.api.names, demo=settings.demo)

    def routes(self) -> list[Route]:
        return [
            self._route("/", self.home),
            self._route("/search", self.search),
            self._route("/suggest", self.suggest),
            self._route("/c/{cls}", self.listing),
            self._route("/e/{key:path}", self.entity),
            self._route("/r/{step}/{key:path}", self.related),
            self._route("/around.geojson", self.around),
        ]

    # ------------------------------------------------------------ pages

    async def home(self, _request: Request, visit: Visit) -> Response:
        found = await overview(visit)
        seq = (await visit.store.clock()).seq
        sources = await self.freshness.sources(visit, found.entities + found.relations, seq)
        asked = await self.questions.all(visit)
        return self.render.page("home.html", visit, overview=found, sources=sources, questions=asked)

    async def search(self, request: Request, visit: Visit) -> Response:
        text, kind = _given(request, "q"), _given(request, "kind")
        found = await listing.search(visit, text, kind, _given(request, "after")) if text else None
        return self.render.page("search.html", visit, text=text, kind=kind, found=found)

    async def suggest(self, request: Request, visit: Visit) -> Response:
        text = _given(request, "q")
        found = await listing.search(visit, text, "", "", listing.SUGGESTIONS) if text else None
        hits = [
            {"name": hit.name, "label": hit.label, "also": hit.also, "href": hit.href}
            for hit in (found.hits if found else ())
        ]
        total = found.total if found else 0
        if total > len(hits):
            name = visit.voice("all results", n=total)
            hits.append({"name": name, "label": "", "also": "", "href": visit.moment.link("/search", q=text)})
        return _json({"total": total, "hits": hits})

    async def listing(self, request: Request, visit: Visit) -> Response:
        name = request.path_params["cls"]
        cls = visit.schema.classes.get(name)
        if cls is None or not visit.limits.classes(name):
            return self.render.fault(visit, 404, visit.voice("no class", value=name), visit.voice("no class help"))
        params = {key: value.strip() for key, value in visit.params.items()}
        found = await listing.listing(visit, cls, params)
        kept = {k: v for k, v in params.items() if k in {"q", "kind", "sort"} or k.startswith(listing.FILTER)}
        return self.render.page("list.html", visit, cls=cls, found=found, params=params, kept_filters=kept)

    async def entity(self, request: Request, visit: Visit) -> Response:
        head = await self._head(request, visit)
        if isinstance(head, Response):
            return head
        own = await card.properties(visit, head)
        told = await history(visit, head)
        return self.render.page(
            "card.html",
            visit,
            head=head,
            own=own,
            history=told,
            clocks=drawing.clocks(told.versions, visit.voice, visit.voice("diagram", n=told.total)),
            related=await related.related(visit, head),
            place=await places.place(visit, head, own),
        )

    async def related(self, request: Request, visit: Visit) -> Response:
        head = await self._head(request, visit)
        if isinstance(head, Response):
            return head
        step = request.path_params["step"]
        kind = next((one for one in related.kinds(visit, head.cls.name) if one.step == step), None)
        if kind is None:
            return self.render.fault(visit, 404, visit.voice("no step", value=step))
        found = await related.all_of(visit, head, kind, _given(request, "after"))
        return self.render.page("related.html", visit, head=head, found=found)

    async def around(self, request: Request, visit: Visit) -> Response:
        found = await places.around(visit, _given(request, "bbox"))
        told = "map all" if found["shown"] == found["total"] else "map some"
        found["note"] = visit.voice(told, n=found["total"], shown=found["shown"], total=found["total"])
        return _json(found, "application/geo+json")

    async def _head(self, request: Request, visit: Visit) -> card.Head | Response:
        """Whose card it is, or the answer where that is elsewhere or nowhere."""
        key = request.path_params["key"]
        head = await card.find(visit, key)
        if isinstance(head, card.Head):
            return head
        if head.moved:
            where = request.url.path.removeprefix(visit.moment.root).removesuffix(key)
            others = {name: value for name, value in visit.params.items() if name not in {VALID, KNOWN}}
            return RedirectResponse(visit.moment.link(f"{where}{head.moved}", **others), 302)
        voice = visit.voice
        return self.render.fault(
            visit, 404, voice("not found"), voice("not found help", value=key), elsewhen=head.times
        )

    # ------------------------------------------------------------ around every page

    def _route(self, path: str, handler: Callable[[Request, Visit], Awaitable[Response]]) -> Route:
        async def answer(request: Request) -> Response:
            started = time.perf_counter()
            response, grant = await self._answer(request, handler)
            _remember(request, response)
            self._record(request, response, grant, started)
            return response

        return Route(path, answer, methods=["GET"], name=path)

    async def _answer(
        self, request: Request, handler: Callable[[Request, Visit], Awaitable[Response]]
    ) -> tuple[Response, Grant | None]:
        voice = Voice(_language(request), self.zone, self.clock())
        visit = self._nowhere(request, voice)
        grant: Grant | None = None
        try:
            grant = self.guard.grant(request)
            visit = await self._visit(request, voice, grant.scope)
            return await handler(request, visit), grant
        except ScopeDenied as error:
            return self.render.fault(visit, 403, voice("forbidden"), detail=str(error)), grant
        except AccessDenied as error:
            told = self.render.fault(visit, 401, voice("denied"), voice("denied help"), detail=str(error))
            told.headers["WWW-Authenticate"] = 'Bearer realm="jingwei"'
            return told, grant
        except BadMoment as error:
            detail = voice(f"{error.word} help", value=error.given, today=error.today)
            return self.render.fault(visit, 400, voice(error.word), detail), grant
        except StoreError as error:
            return self.render.fault(visit, 503, voice("failing"), detail=str(error)), grant
        except JingweiError as error:
            return self.render.fault(visit, 400, voice("wrong"), detail=str(error)), grant

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Addresses that are none: a page for people, plain text for others."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        if status != 404 or "text/html" not in request.headers.get("accept", ""):
            text = error.detail if isinstance(error, HTTPException) else "Not Found"
            return PlainTextResponse(text, status)
        voice = Voice(_language(request), self.zone, self.clock())
        return self.render.fault(self._nowhere(request, voice), 404, voice("no page"))

    def _nowhere(self, request: Request, voice: Voice) -> Visit:
        """For pages that ask nothing."""
        from kg.query.secure import PUBLIC

        return self._made(request, PUBLIC, Moment(root=_root(request)), voice, {})

    async def _visit(self, request: Request, voice: Voice, scope: Scope) -> Visit:
        store = self.engine.store
        latest = (await store.clock()).system
        moment = read_moment(request.query_params, _root(request), self.zone, voice.now, latest)
        labels = {source.id: voice.said(source.label) for source in await store.sources(scope)}
        return self._made(request, scope, moment, voice, labels)

    def _made(self, request: Request, scope: Scope, moment: Moment, voice: Voice, labels: dict[str, str]) -> Visit:
        store = self.engine.store
        limits = Limits(store.schema, scope)
        path = request.url.path.removeprefix(moment.root)
        seconds = self.settings.statement_timeout_seconds
        return Visit(
            store, scope, limits, moment, voice, voice.now, seconds, labels, path, dict(request.query_params)
        )  # fmt: skip

    def _record(self, request: Request, response: Response, grant: Grant | None, started: float) -> None:
        self.audit.write(
            {
                "at": datetime.fromtimestamp(self.clock() / 1e6, UTC).isoformat(),
                "grant": grant.name if grant else None,
                "address": request.client.host if request.client else None,
                "method": request.method,
                "page": request.url.path,
                "asked": request.url.query[:500],
                "status": response.status_code,
                "ms": round((time.perf_counter() - started) * 1000, 1),
            }
        )


def _given(request: Request, name: str) -> str:
    return request.query_params.get(name, "").strip()


def _root(request: Request) -> str:
    return str(request.scope.get("root_path", ""))


def _language(request: Request) -> Language:
    """Asked for in the address, remembered, preferred by the browser, else Chinese."""
    for given in (_given(request, "lang"), request.cookies.get(LANGUAGE_COOKIE, "")):
        if given in {"zh", "en"}:
            return "en" if given == "en" else "zh"
    best, found = 0.0, "zh"
    for part in request.headers.get("accept-language", "").split(","):
        tag, _, weight = part.strip().partition(";q=")
        short = tag.split("-")[0].lower()
        try:
            wanted = float(weight or 1)
        except ValueError:
            continue
        if short in {"zh", "en"} and wanted > best:
            best, found = wanted, short
    return "en" if found == "en" else "zh"


def _remember(request: Request, response: Response) -> None:
    language = _given(request, "lang")
    if language in {"zh", "en"}:
        where = _root(request) or "/"
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR, path=where, samesite="lax", httponly=True)
    response.headers["Vary"] = "Accept-Language, Cookie"


def _json(value: Any, media: str = _JSON) -> Response:
    return Response(orjson.dumps(value), media_type=media)
