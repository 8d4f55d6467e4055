"""What of a name counts, which pairs are proposed and why, and which never are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kg.ingest.matching.candidates import candidates
from kg.ingest.matching.names import address_form, name_form
from kg.ingest.matching.places import Places
from kg.ingest.matching.scoring import Candidate, Kind, Named, kind_of
from kg.schema.compile import compile_schema

PLACES = Places()
CORES = {
    "上海云栖新材料有限公司": "云栖新材料",
    "上海市浦东新区云栖新材料股份有限公司": "云栖新材料",
    "云栖新材料(上海)有限公司": "云栖新材料",
    "\uff08\u4e0a\u6d77\uff09 云栖 新材料 有限责任公司": "云栖新材料",
    "云栖新材料(集团)有限公司": "云栖新材料",
    "江苏省苏州市云栖新材料有限合伙企业(有限合伙)": "云栖新材料",
    "云栖新材料有限公司苏州分公司": "云栖新材料",
    "\uff39\uff35\uff2e\uff31\uff29 Materials (Shanghai) Co., Ltd.": "yunqimaterials",
    "Shanghai Yunqi Materials Inc": "yunqimaterials",
    # Nothing of these tells one firm from another.
    "有限公司": "", "上海有限公司": "", "Co., Ltd.": "", "上海科技有限公司": "", "(集团)": "", "": "", "北京市": "",
}  # fmt: skip


def firm(name: str, text: str, *more: tuple[str, str], **rest: object) -> Named:
    return Named(name, "Enterprise", (("name", text), *more), **rest)  # type: ignore[arg-type]


def between(a: Named, b: Named, kind: Kind = Kind.NAME) -> Candidate | None:
    return next(candidates([a], [b], kind, least=0.0), None)


@pytest.mark.parametrize("name", CORES)
def test_a_name_keeps_what_tells_its_bearer(name: str) -> None:
    assert name_form(name, PLACES).core == CORES[name]


def test_an_address_keeps_its_road_and_number() -> None:
    one = address_form("上海市浦东新区张江镇示例路2288弄3号", PLACES)
    other = address_form("示例路2288弄3号楼", PLACES)
    assert (one.road, one.number) == (other.road, other.number) == ("示例路", "2288-3")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海云栖新材料有限公司", "云栖新材料(上海)股份有限公司"),
        ("上海云栖新材料有限公司", "云栖新材"),
        ("Yunqi Materials Co., Ltd.", "YUNQI MATERIALS LIMITED"),
        ("云栖化学(原名:甲乙示例化学厂)有限公司", "甲乙示例化学厂"),
    ],
)
def test_other_spellings_are_proposed_with_reasons(one: str, other: str) -> None:
    found = between(firm("a", one), firm("b", other))
    assert found is not None
    assert found.score >= 0.6
    assert found.reasons[0].name == "name"
    assert all(reason.detail for reason in found.reasons)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("上海有限公司", "上海股份有限公司"),
        ("上海科技有限公司", "苏州科技有限公司"),
        ("上海云栖材料有限公司", "苏州云栖材料有限公司"),
        ("上海云栖材料有限公司", "上海云栖电子有限公司"),
        ("上海云栖材料有限公司", "上海澜砚材料有限公司"),
        ("上海云栖材料有限公司", "上海云栖材料有限公司嘉定分公司"),
    ],
)
def test_a_suffix_a_trade_or_another_place_is_not_enough(one: str, other: str) -> None:
    assert list(candidates([firm("a", one)], [firm("b", other)], Kind.NAME)) == []


def test_former_names_addresses_and_distance_contribute() -> None:
    known = firm(
        "a", "上海云栖材料有限公司", ("former", "上海甲乙化学厂"), address="上海市示例路12号", point=(121.6, 31.2)
    )
    former = between(known, firm("b", "甲乙化学厂"))
    assert former is not None
    assert former.score >= 0.8
    assert "former" in former.reasons[0].detail
    weak = firm("b", "云栖村料")  # one letter is wrong
    bare = between(known, weak)
    there = between(known, replace(weak, address="示例路12号", point=(121.6, 31.2005)))
    far = between(known, replace(weak, point=(113.2, 23.1)))
    assert bare is not None
    assert there is not None
    assert far is not None
    assert there.score >= 0.6 > bare.score > far.score
    assert [reason.name for reason in there.reasons] == ["name", "address", "distance"]
    assert there.score == pytest.approx(min(sum(r.weight for r in there.reasons), 0.99), abs=1e-3)


def test_a_short_name_of_one_firm_is_not_another_of_its_brand() -> None:
    one = firm("a", "上海云栖示例材料有限公司", ("other", "云栖示例"))
    other = firm("b", "上海云栖示例医学研究有限公司")
    found = between(one, other)
    assert found is not None
    assert [reason.name for reason in found.reasons] == ["name", "full names"]
    assert found.score < 0.6


def test_two_identifiers_of_one_scheme_tell_apart() -> None:
    a = firm("a", "上海云栖材料有限公司", identifiers=(("uscc", "1"),))
    assert between(a, firm("b", "上海云栖材料有限公司", identifiers=(("uscc", "2"),))) is None
    assert between(a, firm("b", "上海云栖材料有限公司", identifiers=(("organisationCode", "2"),))) is not None


def test_a_short_name_that_fits_many_fits_none_well() -> None:
    known = [firm(f"k{i}", f"云栖示例{trade}有限公司") for i, trade in enumerate(("材料", "软件", "物流"))]
    short = firm("s", "云栖示例")
    assert [c.score >= 0.6 for c in candidates([short], known[:1], Kind.NAME)] == [True]
    found = list(candidates([short], known, Kind.NAME, least=0.0))
    assert len(found) == 3
    assert all(c.score < 0.6 and c.reasons[-1].name == "rivals" for c in found)


def test_places_need_a_place_and_terms_the_very_term() -> None:
    here = Named("a", "Building", (("name", "示例1号楼"),), point=(121.6, 31.2))
    there = replace(here, id="b", point=(121.9, 31.2))
    assert between(here, replace(here, id="b")) is not None
    assert list(candidates([here], [replace(here, id="b")], Kind.WHERE)) != []
    assert list(candidates([here], [there], Kind.WHERE)) == []
    assert list(candidates([here], [replace(here, id="b", point=None)], Kind.WHERE)) == []
    arf = Named("p", "Product", (("name", "ArF 光刻胶"),))
    assert list(candidates([arf], [replace(arf, id="q", names=(("name", "ArF光刻胶"),))], Kind.TERM)) != []
    assert list(candidates([arf], [replace(arf, id="q", names=(("name", "KrF光刻胶"),))], Kind.TERM)) == []


def test_kinds_follow_the_ontology() -> None:
    schema = compile_schema()
    assert kind_of(schema, "Enterprise") == (Kind.NAME, "Organisation")
    assert kind_of(schema, "Plot") == (Kind.WHERE, "Place")
    assert kind_of(schema, "Event") is None
    assert kind_of(schema, "Person") is None


def test_each_pair_comes_once_and_never_with_itself() -> None:
    firms = [firm(f"f{i}", "上海云栖材料有限公司") for i in range(4)]
    found = [(c.one, c.other) for c in candidates(firms, firms, Kind.NAME)]
    assert len(found) == len(set(found)) == 6
    assert all(one < other for one, other in found)
