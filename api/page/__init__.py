"""The pages: the first screen with its lists and cards, and GraphiQL at `/graphql`. Assets are local."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from starlette.responses import Response

    from api.graphql.schema import GraphQLApi

STATIC: Final = Path(__file__).parent / "static"

_NO_ASSETS: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>GraphiQL</title></head>
<body><p>GraphiQL is not built here: run <code>make setup</code>. Questions can be sent by POST to this address.</p>
<p lang="zh-CN">尚未构建 GraphiQL：请运行 <code>make setup</code>。也可以用 POST 向本地址提问。</p></body></html>
"""


def example(api: GraphQLApi) -> str:
    """A question that every schema can answer."""
    from api.graphql.names import plural
    from kg.schema.types import ROOT_CLASS

    names = api.names
    root = names.root(plural(names.base(api.schema.classes[ROOT_CLASS]).lower()), f"all of class {ROOT_CLASS}")
    return f"{{\n  {root}(first: 5) {{\n    totalCount\n    nodes {{ id __typename }}\n  }}\n}}"


def graphiql() -> Response:
    """The page that `make setup` builds."""
    file = STATIC / "graphiql" / "index.html"
    if not file.is_file():
        return HTMLResponse(_NO_ASSETS, 503)
    return HTMLResponse(file.read_text(encoding="utf-8"))
