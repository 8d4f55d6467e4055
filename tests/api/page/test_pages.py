"""The pages by their HTML: languages, points in time, who sees what, what is escaped, what fails and how."""

from __future__ import annotations

import hashlib
import html
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from api.auth.grants import Grant, Grants
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.model.intervals import OPEN, Interval
from kg.query.algebra import Cmp, Comparison, Const, Prop
from kg.query.secure import EVERYTHING, PUBLIC, Scope
from tests.api.graphql import park

if TYPE_CHECKING:
    from tests.api.page.conftest import Site

pytestmark = pytest.mark.anyio
ROWS = Scope(rows={"Enterprise": Cmp(Comparison.EQ, Prop("status"), Const("active"))})
SCOPES = {
    "owner": EVERYTHING,
    "guest": PUBLIC,
    "plots": Scope(classes=frozenset({"Plot"})),
    "masked": Scope(masks={"Enterprise": frozenset({"registeredCapital"})}),
    "rows": ROWS,
    "nothing": Scope(classes=frozenset()),
}
GRANTS = Grants(tuple((hashlib.sha256(name.encode()).digest(), Grant(name, scope)) for name, scope in SCOPES.items()))
PATHS = ("/", "/search?q=jia", "/c/Enterprise", "/e/{a}", "/e/{l}", "/r/suppliedBy/{a}")


def change(*changes: Any, run: str = "more") -> ChangeSet:
    return ChangeSet(changes, sources=park.SOURCES, run=run)


def put(local: str, source: str = park.REGISTRY, **properties: Any) -> Put:
    return Put(RecordKey(source, local), "Enterprise", properties, Interval(park.Y2024, OPEN))


class Links(HTMLParser):
    """Every address that a page names, and every attribute and element that its policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.forbidden: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.urls += [v for k, v in attrs if k in {"href", "src", "action", "data-around", "data-home"} and v]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.forbidden.append(tag)
        self.forbidden += [k for k in given if k == "style" or k.startswith("on")]


# ---------------------------------------------------------------- languages


async def test_the_language_is_asked_for_remembered_preferred_or_chinese(site: Site) -> None:
    pages = await site()

    async def lang(path: str = "/", accept: str = "", cookie: str = "") -> str:
        headers = {"Cookie": f"lang={cookie}"} if cookie else {}
        found = re.search(r'<html lang="([^"]+)"', (await pages.get(path, accept, **headers)).text)
        assert found
        return found[1]

    assert await lang() == "zh-CN"
    assert await lang(accept="de, en;q=0.8, zh;q=0.3") == "en"
    assert await lang(accept="en;q=bad, zh-TW") == "zh-CN"
    assert await lang(accept="en", cookie="zh") == "zh-CN"
    assert await lang("/?lang=en", accept="zh", cookie="zh") == "en"
    answer = await pages.get("/?lang=en")
    assert "lang=en" in answer.headers["set-cookie"]
    assert "set-cookie" not in (await pages.get("/?lang=xx")).headers


async def test_every_word_is_said_in_both_languages() -> None:
    from api.page.words import WORDS

    for key, (en, zh) in WORDS.items():
        assert en, key
        assert zh, key
        assert sorted(re.findall(r"{\w+}", en)) == sorted(re.findall(r"{\w+}", zh)), key


async def test_labels_follow_the_language(site: Site) -> None:
    pages = await site()
    zh, en = (await pages.get("/c/Enterprise")).text, (await pages.get("/c/Enterprise", "en")).text
    assert "<h1>企业" in zh
    assert "<h1>Enterprise" in en


# ---------------------------------------------------------------- what is said


async def test_the_overview_counts_and_tells_how_old_each_source_is(site: Site) -> None:
    pages = await site()
    text = (await pages.get("/", "en")).text
    assert re.search(r"entities</dt><dd>7</dd>", text)
    assert re.search(r"relations</dt><dd>5</dd>", text)
    for source, day in (("Registry", "2025-01-03"), ("Survey", "2025-01-03"), ("Closed", "2025-01-03")):
        assert re.search(rf"{source}.*?{day}", text, re.DOTALL), source
    assert "stale" not in re.sub(r"<[^>]*>", "", text.split('id="freshness"')[1].split("</p>", 1)[1])


async def test_a_source_that_was_silent_for_a_year_is_marked(site: Site) -> None:
    pages = await site(change(Put(RecordKey("old", "o"), "Plot", {"name": "旧"}, Interval(park.Y2024, OPEN))))
    # The park's clock stands in January 2025; as seen from two years later all of it is old.
    from zoneinfo import ZoneInfo

    from api.page.overview import STALE_DAYS
    from api.page.voice import Voice

    voice = Voice("en", ZoneInfo("Asia/Shanghai"), park.T1 + (STALE_DAYS + 1) * park.DAY)
    assert voice.since(park.T1) > STALE_DAYS
    assert voice.age(park.T1) == "12 months"
    assert "old" in (await pages.get("/", "en")).text


async def test_a_card_shows_values_sources_conflicts_history_and_relations(site: Site) -> None:
    pages = await site()
    text = re.sub(r"\s+", " ", (await pages.get(f"/e/{pages.ids['a']}", "en")).text)
    assert "<h1>甲芯集团</h1>" in text
    # The registry says 150 employees, the survey 149: the registry comes first.
    conflicts = text.split('id="conflicts"')[1].split("</table>")[0]
    assert re.search(r"150</td><td>Registry</td>.*?chosen.*?149</td><td>Survey</td>.*?not chosen", conflicts)
    assert "甲芯科技" in text.split('id="history"')[1]  # the former name
    assert '<a href="/e/{}">乙材料'.format(pages.ids["b"]) in text
    assert "60%" in text or "0.6" in text
    assert 'data-around="/around.geojson"' in text


async def test_a_card_is_found_by_an_identifier_and_keeps_the_point_in_time(site: Site) -> None:
    pages = await site()
    for key in ("A-12", "plotNumber:A-12"):
        answer = await pages.get(f"/e/{key}?valid=2024-06-01")
        assert answer.status_code == 302
        assert answer.headers["location"] == f"/e/{pages.ids['l']}?valid=2024-06-01"
    assert (await pages.get("/r/contains/A-12")).headers["location"] == f"/r/contains/{pages.ids['l']}"


async def test_search_finds_by_characters_pinyin_and_initials(site: Site) -> None:
    pages = await site()
    for text in ("甲芯", "jiaxin", "jxjt"):
        assert "甲芯集团" in (await pages.get(f"/search?q={text}")).text, text
        hits = (await pages.get(f"/suggest?q={text}")).json()
        assert hits["hits"][0]["href"] == f"/e/{pages.ids['a']}"
    assert "没有" in (await pages.get("/search?q=qqq")).text


async def test_the_map_s_surroundings_are_the_graph_s_own(site: Site) -> None:
    pages = await site()
    found = (await pages.get("/around.geojson?bbox=121.4,31.1,121.55,31.3")).json()
    assert {f["properties"]["name"] for f in found["features"]} == {"甲芯集团", "乙材料（受控）", "一号地块"}
    assert (found["shown"], found["total"]) == (3, 3)
    for bad in ("", "1,2,3", "a,b,c,d", "0,0,0,0]"):
        assert (await pages.get(f"/around.geojson?bbox={bad}")).status_code == 400


# ---------------------------------------------------------------- points in time


async def test_a_point_in_time_changes_the_answer_and_holds_through_links(site: Site) -> None:
    pages = await site()
    path = f"/e/{pages.ids['a']}?valid=2024-06-01"
    text = (await pages.get(path)).text
    assert "<h1>甲芯科技</h1>" in text
    assert "2024-06-01日终" in text
    inner = [url for url in Links(text).urls if re.match(r"/(e|c|r|around)", url)]
    assert inner
    own = [url for url in inner if "known=" not in url]  # links to versions name both dates
    assert all("valid=2024-06-01" in url for url in own)
    # On 2 January nobody knew yet of the name that held since the 1st.
    both = f"/e/{pages.ids['a']}?valid=2025-01-20&known=2025-01-02"
    assert "<h1>甲芯科技</h1>" in (await pages.get(both)).text
    assert "<h1>甲芯集团</h1>" in (await pages.get(f"/e/{pages.ids['a']}?known=2025-01-31")).text


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("valid=yesterday", "日期无法识别"),
        ("valid=2025-02-30", "日期无法识别"),
        ("valid=2025-04-01T00:00", "日期无法识别"),
        ("known=0000-01-01", "日期无法识别"),
        ("known=2025-02-01", "不能晚于今天"),
    ],
)
async def test_a_point_in_time_that_is_none_is_told(site: Site, query: str, said: str) -> None:
    answer = await (await site()).get(f"/?{query}")
    assert answer.status_code == 400
    assert said in answer.text
    assert html.escape(query.split("=")[1]) in answer.text


async def test_who_is_not_there_then_is_told_with_the_times_when_they_are(site: Site) -> None:
    pages = await site()
    answer = await pages.get(f"/e/{pages.ids['a']}?valid=2020-01-01")
    assert answer.status_code == 404
    link = next(u for u in Links(answer.text).urls if u.startswith("/e/"))
    assert (await pages.get(link)).status_code == 200


# ---------------------------------------------------------------- nothing clipped in silence


async def test_long_lists_go_on_page_by_page(site: Site) -> None:
    many = [put(f"n{i:03d}", name=f"{i:03d}号企业", status="active") for i in range(130)]
    ties = [
        Relate(park.REGISTRY, "suppliesTo", park._of(f"n{i:03d}"), park._of("a"),
               {"product": park._of("p1"), "share": i / 1000}, Interval(park.Y2024, OPEN))
        for i in range(130)
    ]  # fmt: skip
    pages = await site(change(*many, *ties))
    for path, total in (("/c/Enterprise", 133), (f"/r/suppliedBy/{pages.ids['a']}", 132), ("/search?q=qiye", 130)):
        seen: set[str] = set()
        at: str | None = path
        while at:
            text = (await pages.get(at)).text
            assert str(total) in text
            main = text.split("<main", 1)[1]
            seen.update(url for url in Links(main).urls if url.startswith("/e/") and url != f"/e/{pages.ids['a']}")
            found = re.search(r'rel="next" href="([^"]+)"', text)
            at = html.unescape(found[1]) if found else None
        assert len(seen) >= total - 1, path
    card = (await pages.get(f"/e/{pages.ids['a']}")).text
    assert f"/r/suppliedBy/{pages.ids['a']}" in card
    assert "查看全部 132 条" in card


async def test_a_changed_cursor_is_refused(site: Site) -> None:
    assert (await (await site()).get("/c/Enterprise?after=abc")).status_code == 400


@pytest.mark.parametrize("query", ["p.status=nonsense", "p.stauts=active", "kind=Plot", "sort=nope", "sort=tags"])
async def test_filters_that_are_none_are_told(site: Site, query: str) -> None:
    answer = await (await site()).get(f"/c/Enterprise?{query}")
    assert answer.status_code == 400


async def test_filters_and_order(site: Site) -> None:
    pages = await site()

    async def names(query: str) -> list[str]:
        text = (await pages.get(f"/c/Enterprise?{query}")).text.split("<tbody>")[-1]
        return re.findall(r'href="/e/\w+">([^<]+)', text)

    assert await names("p.status=suspended") == ["丙化工"]
    assert await names("sort=-employees") == ["甲芯集团", "丙化工", "乙材料（受控）"]
    assert await names("q=yi&sort=name") == ["乙材料（受控）"]


# ---------------------------------------------------------------- safe


@pytest.mark.parametrize("path", [*PATHS, "/nowhere", "/e/nobody", "/c/Nothing", "/?valid=x"])
async def test_no_page_names_another_site_or_has_script_of_its_own(site: Site, path: str) -> None:
    pages = await site()
    answer = await pages.get(path.format(**pages.ids))
    found = Links(answer.text)
    assert found.urls
    assert all(url.startswith(("/", "#", "?")) and not url.startswith("//") for url in found.urls)
    assert found.forbidden == []
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert answer.headers["cache-control"] == "no-store"


async def test_what_people_wrote_is_never_markup(site: Site) -> None:
    evil = "<script>alert('经')</script>\"'><img src=x onerror=alert(1)>"
    bad = Source("<b>evil</b>", "<i>evil</i>", 30)
    more = ChangeSet(
        (Put(RecordKey(bad.id, "<u>r</u>"), "Enterprise", {"name": evil, "status": "active"},
             Interval(park.Y2024, OPEN)),
         Relate(bad.id, "suppliesTo", ByRecord(bad.id, "<u>r</u>"), park._of("a"), {"product": park._of("p1")},
                Interval(park.Y2024, OPEN))),
        sources=(bad,), run="evil",
    )  # fmt: skip
    pages = await site(more)
    listed = (await pages.get("/c/Enterprise")).text
    link = next(u for u in Links(listed).urls if u.startswith("/e/") and u[3:] not in pages.ids.values())
    for path in (*PATHS, link, "/search?q=script", f"/search?q={evil}", f"/e/{evil}", f"/c/{evil}", f"/?valid={evil}"):
        text = (await pages.get(path.format(**pages.ids))).text
        for markup in ("<script>alert", "<img", "<b>evil", "<i>evil", "<u>r"):
            assert markup not in text.replace('<img src="/static/site/mark.svg"', ""), path
    assert "&lt;script&gt;" in listed


# ---------------------------------------------------------------- who sees what


async def test_without_a_key_a_page_says_what_is_needed(site: Site) -> None:
    pages = await site(grants=GRANTS)
    for path in ("/", "/c/Enterprise", f"/e/{pages.ids['a']}", "/suggest?q=a", "/around.geojson?bbox=1,1,2,2"):
        answer = await pages.get(path, "en")
        assert answer.status_code == 401
        assert "A key is needed" in answer.text
        assert "甲芯" not in answer.text


@pytest.mark.parametrize("name", SCOPES)
async def test_every_page_answers_every_scope(site: Site, name: str) -> None:
    pages = await site(grants=GRANTS)
    for path in PATHS:
        answer = await pages.get(path.format(**pages.ids), **{"X-API-Key": name})
        # A scope without classes has nothing to search in, and is told so.
        assert answer.status_code in ({200, 404, 403} if name == "nothing" else {200, 404}), (path, answer.text)
        if name != "owner":
            assert "受控" not in answer.text, path
            assert "Closed" not in answer.text, path
        if name == "rows":
            assert "丙化工" not in answer.text, path
        if name == "plots":
            assert "甲芯" not in answer.text, path
        if name == "masked":
            assert "6,000,000" not in answer.text, path
            assert "600 万元" not in answer.text, path


async def test_pages_of_two_stores_that_differ_in_what_is_hidden_are_equal(site: Site) -> None:
    plain = await site(grants=GRANTS)
    hidden = ChangeSet(
        (Put(RecordKey(park.SECRET, "x-c"), "Enterprise", {"name": "丙（密）"}, Interval(park.Y2024, OPEN),
             entity=park._of("c")),
         Put(RecordKey(park.SECRET, "x-d"), "Enterprise", {"name": "丁（密）"}, Interval(park.Y2024, OPEN))),
        sources=park.SOURCES, run="hidden",
    )  # fmt: skip
    more = await site(hidden, grants=GRANTS)
    for path in (*PATHS, "/e/{c}", "/around.geojson?bbox=120,30,123,33"):
        texts = [(await pages.get(path.format(**pages.ids), **{"X-API-Key": "guest"})).text for pages in (plain, more)]
        assert texts[0] == texts[1], path


# ---------------------------------------------------------------- what is not there


@pytest.mark.parametrize("path", ["/nowhere", "/e/nobody", "/c/Nothing", "/r/nothing/{a}", "/r/suppliedBy/nobody"])
@pytest.mark.parametrize(("lang", "said"), [("zh", "返回总览"), ("en", "To the overview")])
async def test_what_is_not_there_is_told_in_both_languages(site: Site, path: str, lang: str, said: str) -> None:
    pages = await site()
    answer = await pages.get(path.format(**pages.ids), lang)
    assert answer.status_code == 404
    assert said in answer.text


async def test_machines_are_told_in_plain_text(site: Site) -> None:
    answer = await (await site()).http.get("/nowhere", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.text) == (404, "Not Found")


async def test_a_store_that_fails_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from kg.errors import StoreCorrupt
    from kg.store.memory import MemoryStore

    pages = await site()

    async def corrupt(*_: object) -> bytes:
        raise StoreCorrupt("The file is damaged")

    monkeypatch.setattr(MemoryStore, "execute", corrupt)
    answer = await pages.get("/")
    assert answer.status_code == 503
    assert "The file is damaged" in answer.text


async def test_visits_are_in_the_audit_file(site: Site, tmp_path: Any) -> None:
    pages = await site(grants=GRANTS)
    await pages.get("/search?q=jia", **{"X-API-Key": "guest"})
    await pages.get("/c/Enterprise")
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert '"page":"/search"' in lines[0]
    assert '"grant":"guest"' in lines[0]
    assert '"status":401' in lines[1]
