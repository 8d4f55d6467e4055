"""Answers to the competency questions, reckoned from the demo park's source files by plain Python: no store, no query.

One function a question, by its id with underscores. Each gives the whole of the expected `data`.
"""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING, Any

import orjson

from examples import layers
from tests.examples.conftest import PARK

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows = list[dict[str, Any]]
TODAY = "2026-06-30"
ARF, PEROXIDE = "IC-RESIST-1", "IC-WET-3"


@lru_cache(maxsize=64)
def rows(name: str) -> Rows:
    path = PARK / name
    if name.endswith(".jsonl"):
        return [orjson.loads(line) for line in path.read_bytes().splitlines()]
    if name.endswith(".geojson"):
        return [feature["properties"] for feature in orjson.loads(path.read_bytes())["features"]]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def both(name: str) -> Rows:
    """A file of 2024 and one of 2025."""
    return rows(name.format(2024)) + rows(name.format(2025))


@lru_cache(maxsize=1)
def registry() -> dict[str, dict[str, Any]]:
    """What the registry says today of each firm that is left, by its code."""
    told = [*both("registry_{}.csv"), *rows("registry_correction.csv")]
    told.sort(key=lambda row: row["变更日期"])
    found = {row["统一社会信用代码"]: row for row in told}
    return {code: row for code, row in found.items() if not row["注销日期"]}


def name_of(code: str) -> str:
    return str(registry()[code]["企业名称"])


def city(code: str) -> str:
    area = registry()[code]["区划代码"]
    return str(next(row["名称"] for row in rows("areas.csv") if row["adcode"] == area))


def here(code: str) -> bool:
    return code in registry() and city(code) == "浦东新区"


def goods() -> dict[str, str]:
    return {row["编码"]: row["名称"] for row in [*rows("products.csv"), *rows("materials.csv")]}


def supplies() -> Rows:
    """Of firms that are left."""
    return [row for row in both("supplies_{}.csv") if {row["supplier"], row["customer"]} <= registry().keys()]


def nodes(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"nodes": list(found)}


def edges(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"edges": list(found)}


def percent(text: str) -> float:
    return round(float(text) / 100, 12)


def midnight(day: str) -> str:
    """Of Shanghai, in UTC."""
    return f"{date.fromisoformat(day) - timedelta(days=1)}T16:00:00Z"


def in_utc(text: str) -> str:
    return f"{datetime.fromisoformat(text) - timedelta(hours=8):%Y-%m-%dT%H:%M:%S}Z"


# ---------------------------------------------------------------- the chain


def arf_photoresist_makers() -> Any:
    made = [row for row in both("produces_{}.csv") if row["good"] == ARF]
    made.sort(key=lambda row: -float(row["capacity"]))
    told = [
        {
            "capacity": float(row["capacity"]),
            "node": {"name": name_of(row["uscc"]), "registeredIn": nodes([{"name": city(row["uscc"])}])},
        }
        for row in made
    ]
    return {"materials": nodes([{"name": goods()[ARF], "producedBy": edges(told)}])}


def goods_no_resident_makes() -> Any:
    made = {row["good"] for row in both("produces_{}.csv") if here(row["uscc"])}
    used: dict[str, int] = {}
    for row in rows("consumes.csv"):
        used[row["good"]] = used.get(row["good"], 0) + 1
    told = [
        {"code": code, "name": goods()[code], "consumedByAggregate": [{"count": count}]}
        for code, count in sorted(used.items())
        if code not in made
    ]
    return {"goods": {"totalCount": len(told), "nodes": told}}


def stages_before_logic_fabs() -> Any:
    before = [row for row in rows("stages.jsonl") if "IC-FAB-LOGIC" in row["feeds"]]
    before.sort(key=lambda row: -row["importance"])

    def members(stage: str) -> int:
        return len(
            {r["id"] for year in (2024, 2025, 2026) for r in rows(f"residents_{year}.jsonl") if r["stage"] == stage}
        )

    told = [
        {"name": r["name"], "importance": r["importance"], "membersAggregate": [{"count": members(r["id"])}]}
        for r in before[:5]
    ]
    return {"chainStages": nodes([{"downstreamOf": {"totalCount": len(before), "nodes": told}}])}


# ---------------------------------------------------------------- suppliers and owners


def after_the_fire() -> Any:
    (fire,) = rows("fires.jsonl")
    burnt = fire["affects"]
    sold = sorted((r for r in supplies() if r["supplier"] == burnt), key=lambda r: -float(r["share"]))

    def customer(row: dict[str, Any]) -> dict[str, Any]:
        firm = row["customer"]
        sellers = sorted(name_of(r["supplier"]) for r in supplies() if (r["customer"], r["good"]) == (firm, ARF))
        (days,) = [r["inventoryDays"] for r in rows("consumes.csv") if (r["uscc"], r["good"]) == (firm, ARF)]
        return {
            "name": name_of(firm),
            "suppliedBy": nodes([{"name": name} for name in sellers]),
            "consumes": edges([{"inventoryDays": float(days)}]),
        }

    told = [{"share": percent(row["share"]), "node": customer(row)} for row in sold]
    firm = {"name": name_of(burnt), "suppliesTo": edges(told)}
    return {
        "fires": nodes([{"name": fire["name"], "startedAt": in_utc(fire["startedAt"][:19]), "affects": nodes([firm])}])
    }


ROOT = "91999999MA0003742B"


def tiers(start: str) -> list[dict[str, str]]:
    """Customers by tier, each with the firm that it is reached from, at its least tier."""
    seen, out = {start}, [{start: ""}]
    while out[-1] and len(out) < 4:
        reached = {
            row["customer"]: row["supplier"]
            for row in sorted(supplies(), key=lambda row: row["supplier"])
            if row["supplier"] in out[-1] and row["customer"] not in seen
        }
        seen |= reached.keys()
        out.append(reached)
    return out


def third_tier() -> Any:
    names = sorted(name_of(code) for code in tiers(ROOT)[3])
    told = [{"depth": 3, "node": {"name": name}} for name in names]
    return {"enterprise": {"name": name_of(ROOT), "suppliesToClosure": {"totalCount": len(told), "edges": told}}}


def way_to_a_fab() -> Any:
    at = "91999999MA0000365A"
    found = tiers(ROOT)
    way = [at]
    for tier in (3, 2, 1):
        way.insert(0, found[tier][way[0]])
    told = {"depth": 3, "via": ["suppliesTo"] * 3, "nodes": [{"name": name_of(code)} for code in way]}
    return {"paths": [told]}


def two_suppliers_one_controller() -> Any:
    customer = "91999999MA000127X7"
    bought = [row for row in supplies() if (row["customer"], row["good"]) == (customer, PEROXIDE)]

    def controllers(company: str) -> Rows:
        held = [row for row in rows("controls.csv") if row["company"] == company]
        return [{"ratio": percent(row["ratio"]), "node": {"name": name_of(row["investor"])}} for row in held]

    told = [
        {
            "share": percent(row["share"]),
            "node": {"name": name_of(row["supplier"]), "controlledBy": edges(controllers(row["supplier"]))},
        }
        for row in bought
    ]
    told.sort(key=lambda edge: str(edge["node"]))
    return {"enterprise": {"suppliedBy": edges(told)}}


def ownership_loop() -> Any:
    start = "91999999MA0000509U"
    owned: dict[str, list[tuple[str, str]]] = {}
    for row in rows("investments.csv"):
        owned.setdefault(row["investor"], []).append((row["company"], row["ratio"]))

    def back(firm: str, steps: int) -> bool:
        return firm == start if not steps else any(back(company, steps - 1) for company, _ in owned.get(firm, []))

    def held(firm: str, steps: int) -> dict[str, Any]:
        if not steps:
            return {"name": name_of(firm)}
        kept = [(company, ratio) for company, ratio in owned.get(firm, []) if back(company, steps - 1)]
        found = [{"ratio": percent(ratio), "node": held(company, steps - 1)} for company, ratio in kept]
        return {"name": name_of(firm), "investsIn": edges(found)}

    return {"enterprise": held(start, 3)}


# ---------------------------------------------------------------- land and space


def free_plots() -> Rows:
    return [row for row in rows("plots.jsonl") if row["availability"] == "AVAILABLE"]


def plots_to_be_had() -> Any:
    zone = {row["id"]: row["name"] for row in rows("zones.jsonl")}
    told = [
        {
            "plotNumber": row["plotNumber"], "area": float(row["area"]), "landUse": row["landUse"],
            "locatedIn": nodes([{"name": zone[row["zone"]]}]),
        }
        for row in sorted(free_plots(), key=lambda row: -row["area"])
    ]  # fmt: skip
    return {"plots": {"totalCount": len(told), "nodes": told}}


def plots_of_next_year() -> Any:
    free = [*free_plots(), *rows("plots_2027.jsonl")]
    told = [{"plotNumber": row["plotNumber"], "validFrom": midnight(row["since"])} for row in free]
    return {"plots": nodes(sorted(told, key=lambda row: str(row["plotNumber"])))}


def space_in_time() -> Any:
    building = {row["楼栋编号"]: row["名称"] for row in rows("buildings.csv")}
    least = {"面积(㎡)": 1500, "层高(米)": 6.5, "楼面荷载(kN/㎡)": 10, "配电(kVA)": 1250}
    named = {"面积(㎡)": "area", "层高(米)": "clearHeight", "楼面荷载(kN/㎡)": "floorLoad", "配电(kVA)": "powerKVA"}
    fit = [
        row
        for row in rows("spaces.csv")
        if row["状态"] == "AVAILABLE" and row["双回路"] == "是" and row["可交付日期"] <= "2026-09-30"
        if all(float(row[column]) >= bound for column, bound in least.items())
    ]
    told = [
        {
            "name": row["名称"], **{key: float(row[column]) for column, key in named.items()},
            "rent": float(row["租金(元/㎡/天)"]), "deliverableOn": row["可交付日期"],
            "locatedIn": nodes([{"name": building[row["楼栋"]]}]),
        }
        for row in sorted(fit, key=lambda row: -float(row["面积(㎡)"]))
    ]  # fmt: skip
    return {"spaces": nodes(told)}


def metres(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Haversine on a sphere of 6,371,008.8 m."""
    (x1, y1), (x2, y2) = ([radians(v) for v in p] for p in (a, b))
    chord = sin((y2 - y1) / 2) ** 2 + cos(y1) * cos(y2) * sin((x2 - x1) / 2) ** 2
    return round(2 * 6_371_008.8 * asin(sqrt(chord)), 3)


def charging_near_a_plot() -> Any:
    away = {f"示例园区充电站{n}号（公用）": metres((121.6, 31.195), layers.charging_place(n)) for n in range(1, 13)}
    told = sorted((d, name) for name, d in away.items() if d <= 500)
    return {"chargingStations": nodes([{"name": name, "geometryDistance": d} for d, name in told])}


def pump_stations_in_the_park() -> Any:
    (park,) = rows("park.jsonl")
    ring = park["geometry"]["coordinates"][0]
    (west, east), (south, north) = ((min(v), max(v)) for v in zip(*ring, strict=True))
    places = [layers.pump_place(number) for number in range(1, layers.STATIONS + 1)]
    count = sum(west <= x <= east and south <= y <= north for x, y in places)
    return {"pumpStations": {"totalCount": count}, "parks": nodes([{"name": park["name"]}])}


def leases_that_end() -> Any:
    ending = [row for row in rows("leases.csv") if "2026-07-01" <= row["to"] <= "2026-12-31"]
    told = [
        {"name": row["lease"], "to": row["to"], "rent": float(row["rent"]), "area": float(row["area"])}
        for row in sorted(ending, key=lambda row: (row["to"], row["lease"]))
    ]
    return {"leases": {"totalCount": len(told), "nodes": told}}


# ---------------------------------------------------------------- policies


def clauses_in_force() -> Any:
    policy = {row["id"]: row["name"] for row in rows("policies.jsonl")}
    told = [
        {key: row[key] for key in ("name", "condition", "benefit", "expiresOn")}
        | {"clauseOf": nodes([{"name": policy[row["policy"]]}])}
        for row in sorted(rows("clauses.jsonl"), key=lambda row: str(row["name"]))
        if row["effectiveOn"] <= TODAY < row["expiresOn"]
    ]
    return {"policyClauses": {"totalCount": len(told), "nodes": told}}


def equipment_subsidy_in_2024() -> Any:
    (row,) = [
        r
        for r in rows("clauses.jsonl")
        if r["name"] == "设备补贴" and r["effectiveOn"] <= "2024-07-31" < r["expiresOn"]
    ]
    told = {"benefit": row["benefit"], "expiresOn": row["expiresOn"], "validTo": midnight(row["expiresOn"])}
    return {"policyClauses": nodes([told])}


# ---------------------------------------------------------------- history and provenance


def capital_as_known_in_2025() -> Any:
    told = [
        r
        for r in both("registry_{}.csv")
        if r["统一社会信用代码"] == "91999999MA0000461K" and r["变更日期"] < "2025-05"
    ]
    return {
        "enterprise": {"name": told[-1]["企业名称"], "registeredCapital": float(told[-1]["注册资本(万元)"]) * 10_000}
    }


def head_count_over_the_years() -> Any:
    code = "91999999MA0000322W"
    found = [r for year in (2024, 2025, 2026) for r in rows(f"residents_{year}.jsonl") if r["uscc"] == code]
    said = [(registry()[code]["成立日期"], None), *((r["since"], r["employees"]) for r in found)]
    ends = [*(midnight(day) for day, _ in said[1:]), None]
    told = [
        {"employees": people, "validFrom": midnight(day), "validTo": end}
        for (day, people), end in zip(said, ends, strict=True)
    ]
    return {"enterprise": {"name": name_of(code), "versions": told}}


def firms_that_ended() -> Any:
    told = both("registry_{}.csv")
    (gone,) = [r for r in told if r["统一社会信用代码"] == "91999999MA0000891D" and r["注销日期"]]
    (left,) = rows("registry_correction.csv")
    today = [None, {"name": name_of("91999999MA0000461K")}]
    before = [
        {"name": gone["企业名称"], "validTo": midnight(gone["注销日期"])},
        {"name": left["企业名称"], "validTo": midnight(left["变更日期"])},
    ]
    return {"today": today, "before": before}


def where_sources_differ() -> Any:
    code = "91999999MA0000285N"
    (office,) = [r for r in rows("residents_2026.jsonl") if r["uscc"] == code]
    capitals = {
        "market-registry": float(registry()[code]["注册资本(万元)"]), "park-office": float(office["registeredCapital"]),
    }  # fmt: skip
    assert len(set(capitals.values())) == 2
    told = [
        {
            "property": "registeredCapital", "source": source, "value": capital * 10_000,
            "chosen": source == "market-registry",
        }
        for source, capital in capitals.items()
    ]  # fmt: skip
    return {"enterprise": {"name": name_of(code), "conflicts": told}}


def age_of_sources() -> Any:
    told = sorted(rows("sources.jsonl"), key=lambda row: str(row["updatedOn"]))
    return {"sources": nodes([{key: row[key] for key in ("name", "publisher", "updatedOn")} for row in told])}


# ---------------------------------------------------------------- attraction


def landed_and_paid() -> Any:
    told = [
        {
            "name": row["项目名称"], "committedInvestment": float(row["承诺投资(万元)"]) * 10_000,
            "targets": nodes([
                {
                    "name": name_of(row["目标企业"]),
                    "paidInCapital": float(registry()[row["目标企业"]]["实缴资本(万元)"]) * 10_000,
                }
            ]),
        }
        for row in rows("projects.csv")
        if row["阶段"] == "LANDED"
    ]  # fmt: skip
    return {"attractionProjects": nodes(told)}


def leads_at_law() -> Any:
    cases = {row["affects"]: row for row in rows("litigations.jsonl") if row["status"] == "ONGOING"}
    told = [
        {
            "name": row["项目名称"], "stage": row["阶段"], "committedInvestment": float(row["承诺投资(万元)"]) * 10_000,
            "targets": nodes([
                {
                    "name": name_of(row["目标企业"]),
                    "affectedBy": nodes([{key: cases[row["目标企业"]][key] for key in ("name", "caseNumber")}]),
                }
            ]),
        }
        for row in rows("projects.csv")
        if row["阶段"] in {"LEAD", "CONTACTED", "NEGOTIATING"} and row["目标企业"] in cases
    ]  # fmt: skip
    return {"attractionProjects": nodes(told)}


def signs_of_leaving() -> Any:
    (move,) = rows("relocations.jsonl")
    signs = [r for name in ("2025", "2026_01", "2026_02", "2026_03", "2026_04") for r in rows(f"risks_{name}.csv")]
    told = [
        {"date": row["日期"], "kind": row["类型"], "severity": row["程度"]}
        for row in sorted(signs, key=lambda row: str(row["日期"]))
        if row["企业"] == move["affects"]
    ]
    firm = {"name": name_of(move["affects"]), "riskSignals": nodes(told)}
    return {
        "relocations": nodes(
            [{"name": move["name"], "startedAt": in_utc(move["startedAt"][:19]), "affects": nodes([firm])}]
        )
    }


def registered_here_working_elsewhere() -> Any:
    area = {row["adcode"]: row["名称"] for row in rows("areas.csv")}
    told = [
        {
            "name": name_of(row["uscc"]),
            "operatesAt": edges([{"role": row["role"], "since": row["since"], "node": {"name": area[row["adcode"]]}}]),
        }
        for row in rows("visits.csv")
        if here(row["uscc"])
    ]
    return {"enterprises": nodes(told)}


# ---------------------------------------------------------------- figures, names, numbers


def capital_by_legal_form() -> Any:
    by_form: dict[str, list[float]] = {}
    for row in registry().values():
        by_form.setdefault(row["企业类型"], []).append(float(row["注册资本(万元)"]) * 10_000)
    told = [
        {
            "count": len(found), "group": {"legalForm": form}, "sum": {"registeredCapital": sum(found)},
            "max": {"registeredCapital": max(found)},
        }
        for form, found in sorted(by_form.items())
    ]  # fmt: skip
    return {"enterpriseAggregate": told}


def found_by_former_name() -> Any:
    old = "上海岫昀示例材料有限公司"
    (entry,) = [row for row in rows("directory.csv") if row["单位名称"] == old]
    (firm,) = [row for row in registry().values() if row["曾用名"] == old]
    told = [
        {"name": entry["单位名称"], "uscc": entry["社会信用代码"] or None, "formerNames": []},
        {"name": firm["企业名称"], "uscc": firm["统一社会信用代码"], "formerNames": [old]},
    ]
    return {"search": nodes(told)}


def ids_of_three_services() -> Any:
    (station,) = [row for row in rows("pump_stations.geojson") if row["站号"] == "WS-31-0007"]
    (firm,) = [row for row in rows("residents_2026.jsonl") if row["uscc"] == "91999999MA0000322W"]
    told = [
        {
            "__typename": "PumpStation", "name": station["名称"], "capacity": float(station["设计流量"]),
            "quantityUnit": station["单位"], "commissionedOn": station["投运日期"],
        },
        {"__typename": "RoadSegment", "name": "示例路段042", "lanes": 2},
        {"__typename": "Enterprise", "name": name_of(firm["uscc"]), "employees": firm["employees"]},
        None,
    ]  # fmt: skip
    return {"lookup": told}
