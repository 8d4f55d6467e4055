"""Templates: escaped throughout, without inline script or style, under a policy that lets nothing in from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from api.graphql.names import lower_first, plural
from api.page import drawing
from api.page.moment import KNOWN, VALID
from api.page.overview import MOST

if TYPE_CHECKING:
    from api.graphql.names import Names
    from api.page.overview import SourceAge
    from api.page.reading import Visit
    from kg.schema.types import EntityClass, Schema

TEMPLATES: Final = Path(__file__).parent / "templates"
POLICY: Final = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)


class Renderer:
    """Fills templates for a visit."""

    def __init__(self, schema: Schema, names: Names, *, demo: bool) -> None:
        self.schema = schema
        self.names = names
        self.environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals |= {
            "demo": demo,
            "bar": drawing.bar,
            "ask_class": self._ask_class,
            "ask_entity": self._ask_entity,
            "most": MOST,
        }
        self.environment.filters["grouped"] = lambda number: f"{number:,}"

    def page(self, template: str, visit: Visit, *, status: int = 200, **values: Any) -> Response:
        def spark(source: SourceAge) -> Any:
            return drawing.sparkline(source.months, visit.voice("spark", figures=_figures(visit, source)))

        def lang_query(language: str) -> str:
            return urlencode({**visit.params, "lang": language})

        kept = {k: v for k, v in visit.params.items() if v and k not in {VALID, KNOWN, "after", "lang"}}
        text = self.environment.get_template(template).render(
            w=visit.voice, at=visit.moment, visit=visit, here=visit.path, spark=spark, lang_query=lang_query, kept=kept,
            now_query=urlencode(kept), **values,
        )  # fmt: skip
        return HTMLResponse(text, status, {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"})

    def fault(self, visit: Visit, status: int, title: str, help: str = "", **values: Any) -> Response:  # noqa: A002
        """What went wrong, in the visitor's language, with a way on."""
        given = {"detail": "", "elsewhen": (), **values}
        return self.page("fault.html", visit, status=status, title=title, help=help, code=status, **given)

    # ------------------------------------------------------------ questions to go on with

    def _ask_class(self, cls: EntityClass) -> str:
        root = self._root(plural(lower_first(self.names.base(cls))))
        return f"{{\n  {root}(first: 20) {{\n    totalCount\n    nodes {{ id name }}\n  }}\n}}"

    def _ask_entity(self, cls: EntityClass, ident: str) -> str:
        root = self._root(lower_first(self.names.base(cls)))
        return (
            f"{{\n  {root}(id: {orjson.dumps(ident).decode()}) {{\n    id\n    name\n    sources\n"
            "    claims { source record validFrom validTo systemFrom properties }\n"
            "    conflicts { property value source chosen }\n  }\n}"
        )

    def _root(self, name: str) -> str:
        return self.names.field_prefix + name[:1].upper() + name[1:] if self.names.field_prefix else name


def _figures(visit: Visit, source: SourceAge) -> str:
    """The months that have any, in words."""
    year, month = map(int, visit.voice.day(visit.now).split("-")[:2])
    first = year * 12 + month - len(source.months)
    named = ((first + i, count) for i, count in enumerate(source.months) if count)
    return visit.voice.and_([f"{at // 12:04d}-{at % 12 + 1:02d} {count:,}" for at, count in named])
