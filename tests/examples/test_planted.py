"""What is planted in the demo park is found by asking: GraphQL alone, through the loaded store."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import yaml

from api.graphql.engine import Engine, Request
from api.graphql.instants import parse_instant
from api.graphql.schema import GraphQLApi
from examples import generate
from kg.ingest.manifest import Manifest, micros
from kg.query.algebra import Time
from kg.query.secure import EVERYTHING, Scope
from kg.settings import Settings
from kg.store.open import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.schema.types import Schema

PLANTED: dict[str, Any] = yaml.safe_load((Path(generate.__file__).parent / "planted.yaml").read_text(encoding="utf-8"))
Ask = Callable[..., Any]
HERE = '{registeredIn: {some: {node: {name: {eq: "浦东新区"}}}}}'


@pytest.fixture(scope="module")
def ask(schema: Schema, manifest: Manifest, park_url: str) -> Iterator[Ask]:
    """Asks one operation of the SQLite store; `valid` and `system` are instants, `level` the reader's."""
    with asyncio.Runner() as runner:
        store = runner.run(open_store(park_url, schema, create=False))
        engine = Engine(GraphQLApi(schema), store, Settings(), lambda: micros(manifest.today))

        def asked(text: str, valid: str = "", system: str = "", level: int = 3, **variables: Any) -> Any:
            time = Time(*(parse_instant(one, "test") if one else None for one in (valid, system)))
            scope = EVERYTHING if level == 3 else Scope(level=level)
            answer = runner.run(engine.answer(Request(text, variables, time=time), scope))
            body = orjson.loads(answer.body)
            assert "errors" not in body, body["errors"]
            return body["data"]

        yield asked
        runner.run(store.close())


def pages(ask: Ask, root: str, selection: str, where: str = "{}", **more: Any) -> list[dict[str, Any]]:
    """All nodes of a root."""
    out: list[dict[str, Any]] = []
    after = None
    text = f"""query($after: String) {{ {root}(first: 100, after: $after, where: {where})
        {{ nodes {{ {selection} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
    while True:
        found = ask(text, after=after, **more)[root]
        out += found["nodes"]
        if not found["pageInfo"]["hasNextPage"]:
            return out
        after = found["pageInfo"]["endCursor"]


def codes(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["uscc"] for node in nodes}


def test_gaps_and_what_only_looks_like_one(ask: Ask) -> None:
    where = f"{{consumedBy: {{some: {{node: {HERE}}}}}, producedBy: {{none: {{node: {HERE}}}}}}}"
    users = f"consumedByAggregate(where: {HERE}) {{ count }}"
    suspects = pages(ask, "goods", f"code name {users} producedBy {{ nodes {{ uscc name }} }}", where)
    count = {one["code"]: one["consumedByAggregate"][0]["count"] for one in suspects}
    false: dict[str, Any] = {}
    for one in suspects:
        # A resident whose registered business it is.
        in_scope = pages(
            ask, "enterprises", "uscc", f'{{and: [{HERE}, {{businessScope: {{contains: "{one["name"]}"}}}}]}}'
        )
        if in_scope:
            false["missing_data"] = {"good": one["code"], "maker": in_scope[0]["uscc"]}
        # A maker without a code, whose name a resident bore.
        for maker in one["producedBy"]["nodes"]:
            bore = f'{{and: [{HERE}, {{formerNames: {{eq: "{maker["name"]}"}}}}]}}'
            for resident in [] if maker["uscc"] else pages(ask, "enterprises", "uscc name", bore):
                false["former_name"] = {
                    "good": one["code"], "listed_as": maker["name"], "maker": resident["uscc"], "now": resident["name"],
                }  # fmt: skip
    seeming = {found["good"] for found in false.values()}
    assert {"real": {c: n for c, n in count.items() if c not in seeming}, **false} == PLANTED["gaps"]


def test_seven_use_arf_photoresist(ask: Ask) -> None:
    found = ask('{ materials(where: {code: {eq: "IC-RESIST-1"}}) { nodes { consumedBy { nodes { uscc } } } } }')
    assert codes(found["materials"]["nodes"][0]["consumedBy"]["nodes"]) == set(PLANTED["arf_users"])


def supply(ask: Ask) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Customer and good → suppliers, with who controls them."""
    nodes = pages(
        ask, "enterprises",
        "uscc suppliedBy(first: 60) { edges { product { code } node { uscc controlledBy { nodes { id } } } } }",
    )  # fmt: skip
    out: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for node in nodes:
        for edge in node["suppliedBy"]["edges"]:
            out.setdefault((node["uscc"], edge["product"]["code"]), []).append(edge["node"])
    return out


def test_one_controller_stands_behind_two_suppliers(ask: Ask) -> None:
    found = []
    for (customer, good), suppliers in supply(ask).items():
        behind = set.intersection(*({c["id"] for c in s["controlledBy"]["nodes"]} for s in suppliers))
        if len(suppliers) > 1 and behind:
            (controller,) = behind
            found.append((customer, good, codes(suppliers), controller))
    ((customer, good, suppliers_found, controller),) = found
    code = ask("query($id: ID!) { enterprise(id: $id) { uscc } }", id=controller)["enterprise"]["uscc"]
    told = PLANTED["hidden_single_source"]
    assert (customer, good, code) == (told["customer"], told["good"], told["controller"])
    assert suppliers_found == set(told["suppliers"])


def test_one_supplier_stands_three_tiers_above_five_firms(ask: Ask) -> None:
    told = PLANTED["tier_three"]
    above = """query($uscc: String!) { enterprise(uscc: $uscc) {
        suppliedByClosure(minDepth: 3, maxDepth: 3, first: 500) { edges { depth node { uscc } } } } }"""
    common: set[str] | None = None
    for firm in told["firms"]:
        edges = ask(above, uscc=firm)["enterprise"]["suppliedByClosure"]["edges"]
        assert {edge["depth"] for edge in edges} == {3}
        tier = codes([edge["node"] for edge in edges])
        common = tier if common is None else common & tier
    assert common == {told["supplier"]}
    below = ask(above.replace("suppliedBy", "suppliesTo"), uscc=told["supplier"])["enterprise"]["suppliesToClosure"]
    assert codes([edge["node"] for edge in below["edges"]]) == set(told["firms"])


def test_an_ownership_loop(ask: Ask) -> None:
    owns = {
        node["uscc"]: codes(node["investsIn"]["nodes"])
        for node in pages(ask, "enterprises", "uscc investsIn(first: 100) { nodes { uscc } }")
        if node["uscc"]
    }
    left = dict(owns)
    while True:  # who owns nobody that is left, or is owned by nobody, is in no loop
        owned = set().union(*left.values()) if left else set()
        kept = {a: b & left.keys() for a, b in left.items() if b & left.keys() and a in owned}
        if kept == left:
            break
        left = kept
    assert left.keys() == set(PLANTED["ownership_loop"])


def test_a_fire_leaves_one_customer_with_stock_for_45_days(ask: Ask) -> None:
    told = PLANTED["fire"]
    (fire,) = ask("{ fires { nodes { startedAt affects { nodes { ... on Enterprise { uscc } } } } } }")["fires"][
        "nodes"
    ]
    (burnt,) = fire["affects"]["nodes"]
    assert (fire["startedAt"], burnt["uscc"]) == (told["started"], told["supplier"])
    by_customer = {c: s for (c, good), s in supply(ask).items() if good == told["good"]}
    touched = [c for c, suppliers in by_customer.items() if burnt["uscc"] in codes(suppliers)]
    assert len(touched) == told["customers"]
    alone = [c for c in touched if len(by_customer[c]) == 1]
    assert alone == [told["exposed"]]
    stock = ask(
        """query($uscc: String!) { enterprise(uscc: $uscc) {
        consumes(where: {code: {eq: "IC-RESIST-1"}}) { edges { inventoryDays } } } }""",
        uscc=alone[0],
    )["enterprise"]["consumes"]["edges"]
    assert stock == [{"inventoryDays": told["inventory_days"]}]
    burning = datetime.fromisoformat(fire["startedAt"]) + timedelta(hours=8)
    assert str(burning.date() + timedelta(days=told["inventory_days"])) == told["runs_out"]


def test_a_relocation_showed_four_months_before(ask: Ask) -> None:
    told = PLANTED["relocation"]
    text = """{ relocations { nodes { startedAt affects { nodes { ... on Enterprise { uscc riskSignals(
        orderBy: [{date: asc}]) { nodes { date kind } } } } } } } }"""
    (move,) = ask(text)["relocations"]["nodes"]
    (firm,) = move["affects"]["nodes"]
    signals = firm["riskSignals"]["nodes"]
    assert firm["uscc"] == told["firm"]
    assert move["startedAt"].startswith(told["moved"])
    assert [one["kind"] for one in signals] == told["signals"]
    assert signals[0]["date"] == told["first_signal"]
    first, moved = date.fromisoformat(signals[0]["date"]), date.fromisoformat(told["moved"])
    assert (moved.year, moved.month - 4, moved.day) == (first.year, first.month, first.day)
    early = "query($uscc: String!) { enterprise(uscc: $uscc) { riskSignals { nodes { kind } } } }"
    known = ask(early, valid=told["known_by"], system=told["known_by"], uscc=firm["uscc"])
    assert [one["kind"] for one in known["enterprise"]["riskSignals"]["nodes"]] == told["signals"][:1]


def test_a_firm_is_registered_here_and_works_elsewhere(ask: Ask) -> None:
    where = f"{{and: [{HERE}, {{operatesAt: {{some: {{node: {{isA: AdministrativeArea}}}}}}}}]}}"
    (found,) = pages(ask, "enterprises", "uscc operatesAt { nodes { name } }", where)
    told = PLANTED["elsewhere"]
    assert (found["uscc"], found["operatesAt"]["nodes"]) == (told["firm"], [{"name": told["works_in"]}])


def test_leads_that_tempt(ask: Ask) -> None:
    sued = "{stage: {eq: LEAD}, targets: {some: {node: {riskSignals: {some: {node: {kind: {eq: LITIGATION}}}}}}}}"
    target = """name committedInvestment targets { nodes { ... on Enterprise { uscc
        affectedBy { nodes { ... on Litigation { caseNumber } } } } } }"""
    (lead,) = pages(ask, "attractionProjects", target, sued)
    (refused,) = pages(ask, "attractionProjects", target, "{stage: {eq: REFUSED}}")
    largest = ask("{ attractionProjects(first: 1, orderBy: [{committedInvestment: desc}]) { nodes { name } } }")
    assert largest["attractionProjects"]["nodes"] == [{"name": lead["name"]}], "the most tempting of all"
    (firm,), (other,) = lead["targets"]["nodes"], refused["targets"]["nodes"]
    told = PLANTED["leads"]
    case = [one.get("caseNumber") for one in firm["affectedBy"]["nodes"]]
    assert {"project": lead["name"], "firm": firm["uscc"], "case": case[0]} == told["in_litigation"]
    assert {"project": refused["name"], "firm": other["uscc"]} == told["refused"]


def test_the_best_space_comes_too_late(ask: Ask) -> None:
    fits = """{availability: {eq: AVAILABLE}, area: {gte: 1500}, clearHeight: {gte: 6.5}, floorLoad: {gte: 10},
        powerKVA: {gte: 1250}, dualSupply: {eq: true}%s}"""
    text = "{ spaces(where: %s, orderBy: [{area: desc}]) { nodes { area deliverable: deliverableOn } } }"
    told = PLANTED["space"]
    assert ask(text % (fits % ""))["spaces"]["nodes"] == [told["best"], told["in_time"]]
    by_then = fits % ', deliverableOn: {lte: "2026-09-30"}'
    assert ask(text % by_then)["spaces"]["nodes"] == [told["in_time"]]


def test_a_plot_that_can_be_had_next_year(ask: Ask) -> None:
    text = "{ plots(where: {availability: {eq: AVAILABLE}}) { nodes { plotNumber validFrom } } }"
    today = {one["plotNumber"] for one in ask(text)["plots"]["nodes"]}
    later = {
        one["plotNumber"]: one["validFrom"] for one in ask(text, valid="2027-01-01T00:00:00+08:00")["plots"]["nodes"]
    }
    told = PLANTED["plot"]
    assert later.keys() - today == {told["number"]}
    assert later[told["number"]] == told["available_from"]
    assert told["number"] not in {
        one["plotNumber"] for one in ask(text, valid="2026-12-31T23:59:59+08:00")["plots"]["nodes"]
    }


def test_a_clause_that_is_dead(ask: Ask) -> None:
    text = "{ policyClauses { nodes { name validTo } } }"
    then = {
        one["name"]: one["validTo"] for one in ask(text, valid="2024-07-31T23:59:59+08:00")["policyClauses"]["nodes"]
    }
    now = {one["name"] for one in ask(text)["policyClauses"]["nodes"]}
    told = PLANTED["clause"]
    assert then.keys() - now == {told["name"]}
    assert then[told["name"]] == told["dead_from"]


def test_four_projects_landed_and_one_paid_less(ask: Ask) -> None:
    nodes = pages(
        ask, "attractionProjects",
        "name committedInvestment targets { nodes { ... on Enterprise { uscc paidInCapital } } }",
        "{stage: {eq: LANDED}}",
    )  # fmt: skip
    found = [
        {
            "project": one["name"], "firm": firm["uscc"], "promised": one["committedInvestment"],
            "paid": firm["paidInCapital"],
        }
        for one in nodes
        for firm in one["targets"]["nodes"]
    ]  # fmt: skip
    assert sorted(found, key=lambda one: one["project"]) == PLANTED["landed"]
    assert [one["project"] for one in found if one["paid"] < one["promised"]] == [PLANTED["below_promise"]]


def test_sources_differ_in_23_places(ask: Ask) -> None:
    counts: Counter[str] = Counter()
    for node in pages(ask, "things", "conflicts { property value }"):
        counts.update({one["property"] for one in node["conflicts"]})
    assert {"total": counts.total(), **counts} == PLANTED["conflicts"]


def test_one_correction(ask: Ask) -> None:
    told = PLANTED["correction"]
    text = "query($uscc: String!) { enterprise(uscc: $uscc) { registeredCapital } }"

    def capital(valid: str, system: str) -> float:
        return float(ask(text, valid=valid, system=system, uscc=told["firm"])["enterprise"]["registeredCapital"])

    recorded = datetime.fromisoformat(told["recorded"])
    just_before = (recorded - timedelta(microseconds=1)).isoformat()
    day_before = (datetime.fromisoformat(told["about"]) - timedelta(microseconds=1)).isoformat()
    assert capital(told["about"], just_before) == told["before"]
    assert capital(told["about"], told["recorded"]) == told["after"]
    assert capital(day_before, told["recorded"]) == told["before"]


def test_two_merges_and_one_that_was_undone(ask: Ask) -> None:
    text = """query($uscc: String!, $name: String!) {
        enterprise(uscc: $uscc) { mergedFrom } enterprises(where: {name: {eq: $name}}) { totalCount } }"""

    def state(one: dict[str, Any], system: datetime) -> tuple[int, int]:
        """Entities that went into the firm, and entities that are called as the directory has it."""
        found = ask(text, system=system.isoformat(), uscc=one["firm"], name=one["listed_as"])
        return len(found["enterprise"]["mergedFrom"]), found["enterprises"]["totalCount"]

    instant = datetime.fromisoformat
    tick = timedelta(microseconds=1)
    for one in PLANTED["merges"]:
        assert state(one, instant(one["recorded"]) - tick) == (0, 1)
        assert state(one, instant(one["recorded"])) == (1, 0)
    wrong = PLANTED["wrong_merge"]
    assert state(wrong, instant(wrong["merged"]) - tick) == (0, 1)
    assert state(wrong, instant(wrong["merged"])) == (1, 0)
    assert state(wrong, instant(wrong["undone"]) - tick) == (1, 0)
    assert state(wrong, instant(wrong["undone"])) == (0, 1)
    today = pages(ask, "enterprises", "uscc mergedFrom")
    assert {one["uscc"] for one in today if one["mergedFrom"]} == {one["firm"] for one in PLANTED["merges"]}


def test_firms_that_ended(ask: Ask) -> None:
    told = PLANTED["ended"]
    before = (datetime.fromisoformat(told["at"]) - timedelta(microseconds=1)).isoformat()
    text = "query($c: [Identifier!]!) { lookup(identifiers: $c) { ... on Enterprise { uscc validTo } } }"
    ids = [{"scheme": "uscc", "value": code} for code in told["firms"]]
    then, now = ask(text, valid=before, c=ids)["lookup"], ask(text, c=ids)["lookup"]
    assert [one["uscc"] for one in then] == told["firms"]
    assert {one["validTo"] for one in then} == {told["at"]}
    assert now == [None] * len(told["firms"])
    alive = {one["uscc"] for one in pages(ask, "enterprises", "uscc")}
    everybody = {one["uscc"] for one in pages(ask, "enterprises", "uscc", valid=before)}
    assert everybody - alive == set(told["firms"])


def test_a_restricted_dataset(ask: Ask) -> None:
    text = "{ attractionProjects { totalCount } riskSignals { totalCount } }"
    found = [ask(text, level=level) for level in range(4)]
    assert {
        "AttractionProject": [one["attractionProjects"]["totalCount"] for one in found],
        "RiskSignal": [one["riskSignals"]["totalCount"] for one in found],
    } == PLANTED["restricted"]


def test_ids_of_other_services(ask: Ask) -> None:
    text = "query($c: [Identifier!]!) { lookup(identifiers: $c) { __typename name } }"
    forms = {"waterStation": ("WS-31-{:04}", "PumpStation"), "roadEdge": ("TE-{:05}", "RoadSegment")}
    for scheme, (form, cls) in forms.items():
        many = PLANTED["foreign_ids"][scheme]
        wanted = [{"scheme": scheme, "value": form.format(n)} for n in range(1, many + 2)]
        found = [one for at in range(0, len(wanted), 100) for one in ask(text, c=wanted[at : at + 100])["lookup"]]
        assert Counter(one and one["__typename"] for one in found) == {cls: many, None: 1}


def test_one_source_is_fourteen_months_old(ask: Ask) -> None:
    (oldest,) = ask(
        '{ sources(where: {updatedOn: {gte: "2025-01-01"}}, orderBy: [{updatedOn: asc}], first: 1) '
        "{ nodes { name updatedOn } } }"
    )["sources"]["nodes"]
    told = PLANTED["stale_source"]
    assert (oldest["name"], oldest["updatedOn"]) == (told["name"], told["updated"])
    today = datetime(2026, 6, 30, tzinfo=UTC)
    updated = date.fromisoformat(oldest["updatedOn"])
    assert (today.year - updated.year) * 12 + today.month - updated.month == told["months"]
