"""The pages: a plain one at `/`, GraphiQL at `/graphql`. Assets are local."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from starlette.responses import Response

    from api.graphql.schema import GraphQLApi

STATIC: Final = Path(__file__).parent / "static"

_HOME: Final = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>经纬 Jingwei</title>
<link rel="icon" href="data:,">
<style>
:root {{ color-scheme: light dark; font: 16px/1.6 system-ui, "Noto Sans CJK SC", "Microsoft YaHei", sans-serif }}
body {{ max-width: 46rem; margin: 3rem auto; padding: 0 1rem }}
h1 {{ font-weight: 600 }} pre {{ overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: .4rem }}
</style>
</head>
<body>
<h1>经纬 Jingwei</h1>
<p>园区与城市的时空知识图谱服务：同一套本体，既知何时为真，也知何时得知，且每个事实都有来源。</p>
<p lang="en">A knowledge graph of a park or city: every fact says when it was true, when it was known, and by whom.</p>
{demo}
<ul>
<li><a href="graphql">GraphiQL：在浏览器里提问</a> · <span lang="en">ask in the browser</span></li>
<li><a href="schema.graphql">schema.graphql：全部可问的内容</a> · <span lang="en">all that can be asked</span></li>
<li><a href="healthz">healthz：运行状况</a> · <span lang="en">health</span></li>
</ul>
<p>试一问 · <span lang="en">Try one question</span>: <a href="graphql?query={link}">GraphiQL</a></p>
<pre><code>{question}</code></pre>
</body>
</html>
"""
_DEMO: Final = (
    "<p><strong>演示模式：仅本机可访问，不需要密钥。</strong> "
    '<span lang="en">Demo: open on this machine only, without keys.</span></p>'
)
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


def home(api: GraphQLApi, *, demo: bool) -> Response:
    """What this is, in both languages."""
    question = example(api)
    return HTMLResponse(
        _HOME.format(demo=_DEMO if demo else "", question=html.escape(question), link=quote(question, safe=""))
    )


def graphiql() -> Response:
    """The page that `make setup` builds."""
    file = STATIC / "graphiql" / "index.html"
    if not file.is_file():
        return HTMLResponse(_NO_ASSETS, 503)
    return HTMLResponse(file.read_text(encoding="utf-8"))
