"""The first screen and GraphiQL in a headless Chromium, over the demo park served by the command."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, ViewportSize, expect, sync_playwright

from kg.schema.questions import read_questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage

pytestmark = [pytest.mark.browser, pytest.mark.backend("chromium")]
ROOT = Path(__file__).parents[3]
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]  # fmt: skip
FIRM = "91999999MA0000461K"  # of nobody; its capital was corrected for the past
WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=375, height=812)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `jingwei demo`."""
    folder = tmp_path_factory.mktemp("demo")
    command = [str(Path(sys.executable).with_name("jingwei")), "demo", "--port", "0", "--store", "sqlite:///demo.db"]
    with (folder / "log").open("w") as log:
        served = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert served.stdout is not None
        for line in served.stdout:
            found = re.search(r"answers at (http://\S+?)/ ", line)
            if found:
                yield found[1]
                break
        else:
            pytest.fail((folder / "log").read_text())
    finally:
        served.terminate()
        served.wait(20)
        if served.stdout is not None:
            served.stdout.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of this module: while it lives, Playwright's event loop runs in this thread, and no other can."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium here: make browser installs one, or says how")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium: Browser, demo: str) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end, none may have asked another host for anything, or complained on the console."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def refuse(route: Route) -> None:
        asked = urlsplit(route.request.url)
        if asked.netloc == urlsplit(demo).netloc or asked.scheme in {"data", "blob"}:
            route.continue_()
        else:
            wrong.append(route.request.url)
            route.abort()

    def heard(message: ConsoleMessage) -> None:
        # Reading pixels back from a software renderer is slow, and the driver says so.
        known = "GPU stall" in message.text or ("404" in message.text and "/nowhere" in message.location["url"])
        if message.type in {"error", "warning"} and not known:
            wrong.append(message.text)

    def make(path: str = "/", *, lang: str = "zh-CN", size: ViewportSize | None = None, **options: Any) -> Page:
        context = chromium.new_context(viewport=size or WIDE, locale=lang, **options)
        contexts.append(context)
        context.route("**", refuse)
        page = context.new_page()
        page.on("console", heard)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(demo + path)
        return page

    yield make
    for context in contexts:
        context.close()
    assert wrong == []


def violations(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2 A and AA."""
    axe = ROOT / "web/page/node_modules/axe-core/axe.min.js"
    page.evaluate(axe.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], exclude: [['.maplibregl-map']]})"
        ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | ')))"
    )
    return list(found)


def overflow(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


# ---------------------------------------------------------------- looks and access


@pytest.mark.parametrize(
    "look",
    [
        {"size": WIDE, "lang": "zh-CN", "color_scheme": "light"},
        {"size": NARROW, "lang": "en-GB", "color_scheme": "dark"},
    ],
    ids=["1440 zh light", "375 en dark"],
)
@pytest.mark.parametrize("path", ["/", f"/e/{FIRM}", "/c/Enterprise", "/c/Space?q=shili", "/search?q=gkj", "/nowhere"])
def test_pages_fit_and_are_accessible(opened: Callable[..., Page], path: str, look: dict[str, Any]) -> None:
    page = opened(path, **look)
    assert overflow(page) <= 0
    assert violations(page) == []


def test_every_question_of_the_page_is_answered(opened: Callable[..., Page]) -> None:
    asked = read_questions().page
    page = opened()
    expect(page.locator(".question")).to_have_count(len(asked))
    for question in asked:
        shown = page.locator(f"#{question.id}")
        expect(shown.locator("h3")).to_have_text(question.zh)
        assert shown.locator("table, .facts").count() >= 1, question.id
        assert shown.locator(".notice").count() == 0, question.id
        assert len(re.findall(r"\d{4}-\d\d-\d\d", shown.locator(".basis").inner_text())) >= 2, question.id


# ---------------------------------------------------------------- by keyboard


def test_the_first_key_leads_past_the_header(opened: Callable[..., Page]) -> None:
    page = opened()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    assert page.locator(".skip").bounding_box()["y"] >= 0  # type: ignore[index]
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize("typed", ["光刻", "guangke", "gkj"])
def test_search_by_keyboard_alone(opened: Callable[..., Page], typed: str) -> None:
    page = opened()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type(typed)
    expect(page.locator("#suggestions li").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    first = page.locator('#suggestions li[aria-selected="true"]')
    name = str(first.evaluate("item => item.firstChild.textContent"))
    assert "光刻" in name
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(name)
    page.go_back()
    page.locator("#q").focus()
    page.keyboard.type(typed)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?**")
    assert page.locator(".hits li").count() >= 3


def test_pages_work_without_script(opened: Callable[..., Page]) -> None:
    page = opened(f"/e/{FIRM}", java_script_enabled=False)
    expect(page.locator("noscript")).to_be_visible()
    page.locator("#q").fill("ArF")
    page.locator(".search button").click()
    page.locator(".hits a").first.click()
    expect(page.locator("h1")).to_contain_text("ArF")


# ---------------------------------------------------------------- language and time


def test_the_language_is_remembered(opened: Callable[..., Page]) -> None:
    page = opened("/c/Plot?p.availability=AVAILABLE")
    page.locator(".languages a", has_text="English").click()
    expect(page.locator("h1")).to_contain_text("Plot")
    assert "p.availability=AVAILABLE" in page.url
    page.locator(".brand").click()
    expect(page.locator("h1")).to_have_text("What is in the graph")


def test_the_point_in_time_is_set_kept_and_left(opened: Callable[..., Page]) -> None:
    page = opened(f"/e/{FIRM}")
    capital = page.locator(".properties div", has_text="注册资本").locator("dd")
    expect(capital).to_contain_text("6.771 亿元")
    page.locator('input[name="valid"]').fill("2025-05-01")
    page.locator('input[name="known"]').fill("2025-12-31")
    page.locator(".clock-bar button").click()
    expect(capital).to_contain_text("2.257 亿元")
    page.locator("#related table a").first.click()
    expect(page.locator(".clock-bar.moved")).to_be_visible()
    assert "known=2025-12-31" in page.url
    page.locator(".clock-note a").click()
    assert "known" not in page.url


# ---------------------------------------------------------------- the map


def test_the_map_draws_the_park_s_own_geometries(opened: Callable[..., Page]) -> None:
    page = opened(f"/e/{FIRM}")
    drawn = page.locator("#map[data-shown]")
    drawn.wait_for(timeout=30_000)
    assert int(drawn.get_attribute("data-shown") or 0) > 3
    expect(page.locator("#map-note")).to_contain_text("显示周边")
    page.wait_for_timeout(1_000)
    shot = base64.b64encode(page.locator("#map").screenshot()).decode()
    colours = page.evaluate(
        """async data => {
          const image = new Image(); image.src = `data:image/png;base64,${data}`; await image.decode();
          const canvas = Object.assign(document.createElement("canvas"), {width: image.width, height: image.height});
          const pen = canvas.getContext("2d"); pen.drawImage(image, 0, 0);
          const pixels = pen.getImageData(0, 0, image.width, image.height).data, seen = {};
          for (let i = 0; i < pixels.length; i += 4) {
            const key = pixels.slice(i, i + 3).join(); seen[key] = (seen[key] ?? 0) + 1;
          }
          return seen;
        }""",
        shot,
    )
    # The place itself, plots and roads around it, in the colours of map.js.
    assert colours.get("179,92,0", 0) > 50
    assert len([count for count in colours.values() if count > 300]) >= 3


# ---------------------------------------------------------------- GraphiQL


def execute(page: Page, text: str) -> None:
    """Run what the editor holds, once it holds `text`."""
    expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text(text, timeout=30_000)
    page.get_by_role("button", name=re.compile("Execute")).click()


def test_graphiql_answers_and_documents_in_chinese(opened: Callable[..., Page]) -> None:
    asked = "{ plots(first: 1) { totalCount nodes { plotNumber } } }"
    page = opened(f"/graphql?{urlencode({'query': asked})}")
    execute(page, "plots")
    answer = page.locator(".graphiql-response .view-lines")
    expect(answer).to_contain_text("totalCount", timeout=30_000)
    expect(answer).to_contain_text("JW-")
    page.get_by_role("button", name=re.compile("Show Documentation Explorer")).click()
    page.locator(".graphiql-doc-explorer").get_by_role("link", name="Query", exact=True).click()
    explorer = page.locator(".graphiql-doc-explorer-content")
    expect(explorer).to_contain_text("全部查询入口")
    expect(explorer).to_contain_text("分页查询地块")
    explorer.get_by_role("link", name="PlotConnection", exact=True).first.click()
    expect(explorer).to_contain_text("本页实体")


def test_a_question_opens_in_graphiql_with_its_clocks_and_the_same_answer(opened: Callable[..., Page]) -> None:
    question = next(one for one in read_questions().page if one.id == "capital-as-known-in-2025")
    page = opened()
    link = page.locator(f"#{question.id} .button")
    page.locator(f"#{question.id} summary").click()
    link.click()
    with page.expect_response(lambda one: "uscc" in (one.request.post_data or "")) as told:
        execute(page, "enterprise")
    assert json.loads(told.value.text())["data"] == dict(question.expected)
    assert told.value.request.headers["jingwei-as-of"] == question.as_of
