"""Answers as tables: labels, units and links from the ontology; coverage; sources; two dates."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from kg.model.changes import ChangeSet, Put, RecordKey
from kg.model.intervals import OPEN, Interval
from kg.schema.questions import Question
from tests.api.graphql import park
from tests.api.page.test_pages import GRANTS

if TYPE_CHECKING:
    from tests.api.page.conftest import Site

pytestmark = pytest.mark.anyio
NOW = datetime(2025, 1, 31, tzinfo=UTC)
EARLY = datetime(2024, 6, 1, tzinfo=UTC)
LATEST = datetime(2025, 1, 3, tzinfo=UTC)


def question(graphql: str, valid: datetime = NOW, system: datetime = NOW, **variables: Any) -> Question:
    return Question("q", "问", "Asked", graphql, variables, {}, valid, system, page=True)


async def told(site: Site, *questions: Question, lang: str = "en", key: str = "", **more: Any) -> str:
    """The questions' section, white space collapsed."""
    pages = await site(questions=questions, **more)
    text = re.sub(r"\s+", " ", (await pages.get("/", lang, **({"X-API-Key": key} if key else {}))).text)
    return text.split('<ol class="questions">')[1].split("</ol>")[0]


def cells(text: str) -> list[list[str]]:
    """Rows of the last table, as text."""
    body = text.rsplit("<tbody>", maxsplit=1)[-1].split("</tbody>", maxsplit=1)[0]
    return [
        [re.sub(r"<[^>]*>", "|", cell).strip("|") for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", body)
    ]


async def test_nested_rows_become_a_table_with_labels_units_and_links(site: Site) -> None:
    text = await told(
        site,
        question("""{ enterprises(orderBy: [{name: asc}]) { totalCount nodes { name registeredCapital
            suppliedBy(edgeOrderBy: [{share: desc}]) { edges { share product { name } node { name } } } } } }"""),
        lang="zh",
    )
    assert re.findall(r"<th [^>]*>([^<]*)", text.split("</thead>")[0]) == ["企业", "注册资本", "产品", "供应商", "份额"]
    assert cells(text) == [
        ["丙化工", "80 万元", "—", "—", "—"],
        ["乙材料（受控）", "80 万元", "光刻胶", "丙化工", "0.25"],
        ["甲芯集团", "600 万元", "硅片", "乙材料（受控）", "0.6"],
        ["光刻胶", "丙化工", "0.1"],
    ]
    assert 'rowspan="2"' in text
    assert text.count('href="/e/') == 9


async def test_one_thing_is_told_before_the_rows_below_it(site: Site) -> None:
    text = await told(
        site,
        question(
            '{ products(where: {code: {eq: "2613"}}) { nodes { name price producedBy { nodes { name status } } } } }'
        ),
    )
    facts = re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(.*?)</dd>", text.split('<dl class="facts')[1])
    assert [(label, re.sub(r"<[^>]*>", "", value)) for label, value in facts] == [
        ("Product", "硅片"),
        ("Price", "CNY 10.5"),
    ]
    assert cells(text) == [["乙材料（受控）", "active"]]


async def test_figures_have_names(site: Site) -> None:
    text = await told(
        site,
        question("{ enterpriseAggregate(groupBy: [status]) { count group { status } sum { registeredCapital } } }"),
    )
    assert re.findall(r"<th [^>]*>([^<]*)", text.split("</thead>")[0]) == ["Count", "Status", "total RegisteredCapital"]
    assert cells(text)[0] == ["2", "active", "CNY 6.8 million"]
    assert "Registry" in text


async def test_coverage_counts_all_whom_it_could_be_known_of(site: Site) -> None:
    """Filters leave out those of whom a value is unknown: coverage is over the whole class."""
    text = await told(
        site,
        question("{ enterprises(where: {checkedAt: {isNull: true}}) { nodes { tags suppliedBy { totalCount } } } }"),
    )
    known = dict(re.findall(r'<span class="known">([^<]*) <b>([^<]*)</b>', text))
    assert known == {"CheckedAt": "0/3", "Tags": "0/3", "SuppliedBy": "2/3"}


async def test_coverage_says_nothing_of_what_is_masked(site: Site) -> None:
    asked = question("{ enterprises { nodes { name registeredCapital } } }")
    assert "RegisteredCapital <b>" in await told(site, asked, grants=GRANTS, key="guest")
    assert "RegisteredCapital <b>" not in await told(site, asked, grants=GRANTS, key="masked")


async def test_a_question_out_of_reach_is_left_out_but_in_the_demo(site: Site) -> None:
    asked = (question("{ plots { nodes { name } } }"), question("{ enterprises { nodes { name } } }"))
    found = await told(site, *asked, grants=GRANTS, key="plots")
    assert found.count("<h3>") == 1
    assert "一号地块" in found


async def test_a_question_without_an_answer_says_so(site: Site) -> None:
    assert "Nothing in this graph answers it." in await told(
        site, question('{ plots(where: {plotNumber: {eq: "Z-99"}}) { nodes { plotNumber } } }')
    )


async def test_a_question_that_cannot_be_asked_says_why(site: Site) -> None:
    assert "Did you mean" in await told(site, question("{ plots { nodes { plotNumbr } } }"))


async def test_pinned_questions_keep_their_dates_and_the_others_follow_the_clock_bar(site: Site) -> None:
    graphql = '{ enterprises(where: {name: {startsWith: "甲"}}) { nodes { name } } }'
    today, pinned = question(graphql, NOW, LATEST), question(graphql, EARLY, LATEST)
    pages = await site(questions=(today, pinned))

    async def names(query: str) -> list[str]:
        return re.findall(r">(甲芯\w\w)<", (await pages.get(f"/{query}", "en")).text.split('id="classes"')[0])

    assert await names("") == ["甲芯集团", "甲芯科技"]
    assert await names("?valid=2024-03-01") == ["甲芯科技", "甲芯科技"]
    text = (await pages.get("/", "en")).text
    assert "2025-01-31</dd>" in text
    assert "2024-06-01 08:00</dd>" in text
    # The link asks the same in GraphiQL, with the same two clocks.
    assert "headers=%7B%0A++%22Jingwei-As-Of%22%3A+%22valid%3D2024-06-01T00%3A00%3A00Z" in text


async def test_a_list_that_was_cut_by_its_query_says_so(site: Site) -> None:
    more = ChangeSet(
        tuple(
            Put(RecordKey(park.REGISTRY, f"n{i}"), "Plot", {"name": f"地块{i}"}, Interval(park.Y2024, OPEN))
            for i in range(8)
        ),
        sources=park.SOURCES,
    )
    pages = await site(
        more, questions=(question("{ plots(first: 3) { nodes { name } } }"),
                         question("{ plots(first: 3) { totalCount nodes { name } } }")),
    )  # fmt: skip
    text = (await pages.get("/", "en")).text
    assert "The query asks for the first 3." in text
    assert "3 of 9" in text
