"""The questions of the first screen: each asked now, with its dates, coverage, sources and the query behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson

from api.graphql.engine import Request
from api.graphql.operation import RequestRefused
from api.page.answers import Tabler
from api.page.coverage import coverage
from api.page.naming import Naming
from api.page.origins import BEHIND, SAMPLE, with_origins
from kg.errors import JingweiError, ScopeDenied
from kg.query.algebra import Aggregate, Select, Time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from api.graphql.engine import Engine
    from api.page.answers import Table
    from api.page.coverage import Known
    from api.page.reading import Visit
    from kg.query.algebra import Query
    from kg.schema.questions import Question

_KEPT_BEHIND: Final = "s"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answer, or with what kept it from one (`fault`).

    `pinned`: the question says itself of which dates it asks. `valid`, `known`: ISO instants, "" for now and the
    latest.
    """

    id: str
    text: str
    other: str  # in the other language
    query: str
    variables: str
    link: str
    pinned: bool
    valid: str
    known: str
    tables: tuple[Table, ...] = ()
    coverage: tuple[Known, ...] = ()
    sources: tuple[str, ...] = ()
    more_sources: bool = False
    fault: str = ""

    @property
    def empty(self) -> bool:
        return not any(table.rows or table.facts for table in self.tables)

    @property
    def part_known(self) -> tuple[Known, ...]:
        return tuple(one for one in self.coverage if not one.whole)


class Questions:
    """Answers them for one visitor after the other."""

    def __init__(self, engine: Engine, questions: Sequence[Question]) -> None:
        self.engine = engine
        self.questions = tuple(questions)
        # Those asked of the demo's today are asked of every today; the others are about the dates that they name.
        self.today = max(((q.valid, q.system) for q in self.questions), default=None)

    async def all(self, visit: Visit) -> list[Asked]:
        return [await self.one(question, visit) for question in self.questions]

    async def one(self, question: Question, visit: Visit) -> Asked:
        pinned = (question.valid, question.system) != self.today
        time = Time(_micros(question.valid), _micros(question.system)) if pinned else visit.moment.time
        header = question.as_of if pinned else visit.moment.header
        zh = visit.voice.language == "zh"
        variables = (
            orjson.dumps(dict(question.variables), option=orjson.OPT_INDENT_2).decode() if question.variables else ""
        )
        asked = Asked(
            question.id,
            question.zh if zh else question.en,
            question.en if zh else question.zh,
            question.graphql.strip(),
            variables,
            _link(visit.moment.root, question.graphql.strip(), variables, header),
            pinned,
            question.valid.isoformat() if pinned else "",
            question.system.isoformat() if pinned else "",
        )
        request = Request(question.graphql, question.variables, None, time)
        try:
            compiled = self.engine.compiled(request, visit.scope)
            if compiled.faults:
                raise compiled.faults[0][2]
            answer = orjson.loads(await visit.run(with_origins(compiled.query)))
            known = await coverage(visit, compiled.query, time)
        except ScopeDenied:
            return _with(asked, fault=visit.voice("not allowed"))
        except (JingweiError, RequestRefused) as error:
            return _with(asked, fault=visit.voice("not answered", message=str(error)))
        return _answered(asked, visit, compiled.query, answer, known)


def _answered(asked: Asked, visit: Visit, query: Query, answer: dict[str, Any], known: tuple[Known, ...]) -> Asked:
    tabler = Tabler(Naming(visit.schema, visit.voice, visit.source), visit.moment)
    tables, more = [], False
    for root in query.roots:
        if isinstance(root.action, (Select, Aggregate)):
            tables.append(tabler.table(root.action, answer[root.key]))
        behind = answer.get(BEHIND + root.key, [])
        more = more or len(behind) == SAMPLE
        for row in behind:
            tabler.sources.update(source for source in (row[_KEPT_BEHIND] or {}).values() if source)
    sources = tuple(sorted(visit.source(one) for one in tabler.sources))
    return _with(asked, tables=tuple(tables), coverage=known, sources=sources, more_sources=more)


def _with(asked: Asked, **parts: Any) -> Asked:
    from dataclasses import replace

    return replace(asked, **parts)


def _link(root: str, query: str, variables: str, header: str) -> str:
    """GraphiQL with everything filled in, the two clocks among the headers."""
    params = {"query": query}
    if variables:
        params["variables"] = variables
    if header:
        params["headers"] = orjson.dumps({"Jingwei-As-Of": header}, option=orjson.OPT_INDENT_2).decode()
    return f"{root}/graphql?{urlencode(params)}"


def _micros(instant: datetime) -> int:
    from kg.ingest.manifest import micros

    return micros(instant)
