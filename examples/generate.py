"""Writes the demo park's source files into `examples/park`: the same bytes every time.

    python -m examples.generate

Everything is synthetic and says so (`provenance`): firms carry 示例 in their names and credit codes of the area 999999,
which no registry issues. Administrative and industry codes are the public ones; terms of the trade are real.
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import orjson

from examples import ground, happenings
from examples.catalogue import AREAS, CHAINS, INDUSTRIES, STAGES, TECHNOLOGIES
from examples.firms import (
    CHANGED_2025,
    CORRECTED,
    ENDED_2025,
    SYNTHETIC,
    Firm,
    Row,
    address,
    firms,
    pick,
    picks,
    roll,
    trade,
)

FOLDER = Path(__file__).parent / "park"


# ---------------------------------------------------------------- what everybody may look up


def areas() -> list[Row]:
    return [{"adcode": code, "名称": name, "级别": level, "上级": above} for code, name, level, above in AREAS]


def industries() -> list[Row]:
    return [{"行业代码": code, "名称": name} for code, name in INDUSTRIES]


def chains() -> list[Row]:
    return [{"id": code, "name": zh, "alternativeNames": [en]} for code, (zh, en) in CHAINS.items()]


def stages() -> list[Row]:
    return [
        {
            "id": f"{s.chain}-{s.code}", "name": s.zh, "alternativeNames": [s.en], "position": s.position,
            "importance": round(0.3 + 0.7 * roll("importance", s.code), 2), "chain": s.chain,
            "feeds": [f"{s.chain}-{code}" for code in s.next], "provenance": SYNTHETIC,
        }
        for s in STAGES
    ]  # fmt: skip


def goods(*, materials: bool) -> list[Row]:
    return [
        {"编码": g.code, "名称": g.zh, "英文名": g.en, "环节": f"{s.chain}-{s.code}"}
        for s in STAGES
        for g in s.goods
        if g.material is materials
    ]


def inputs() -> list[Row]:
    by_code = {(s.chain, s.code): s for s in STAGES}
    return [
        {"input": g.code, "output": out.code, "quantity": round(0.1 + 5 * roll("quantity", g.code, out.code), 2)}
        for s in STAGES
        for code in s.next
        for g in s.goods
        for out in by_code[s.chain, code].goods
        if roll("input", g.code, out.code) < 0.6
    ]


def technologies() -> list[Row]:
    by_code = {s.code: s for s in STAGES}
    return [
        {
            "id": code, "name": zh, "alternativeNames": [en], "readinessLevel": level,
            "requiredBy": [g.code for stage in used for g in by_code[stage].goods],
        }
        for code, zh, en, level, used in TECHNOLOGIES
    ]  # fmt: skip


# ---------------------------------------------------------------- the registry


def registry_row(firm: Firm, since: str, changed: Row | None = None) -> Row:
    return {
        "统一社会信用代码": firm.code, "企业名称": firm.name, "曾用名": "", "企业类型": "LIMITED_LIABILITY",
        "注册资本(万元)": firm.capital, "实缴资本(万元)": int(firm.capital * (0.4 + 0.6 * roll("paid", firm.number))),
        "成立日期": firm.founded, "登记状态": "ACTIVE", "行业代码": trade(firm.stage)[1], "区划代码": firm.area,
        "住所": address(firm), "变更日期": since, "注销日期": "", "provenance": SYNTHETIC,
    } | (changed or {})  # fmt: skip


def registry_2024() -> list[Row]:
    return [registry_row(firm, firm.founded) for firm in firms()]


def registry_2025() -> list[Row]:
    """What changed in the year: capital, now and then the name; and what ended."""
    out = []
    for firm in firms():
        if firm.number in CHANGED_2025:
            since = f"2024-{7 + firm.number % 6:02}-{1 + firm.number % 28:02}"
            row = registry_row(firm, since, {"注册资本(万元)": firm.capital * 2})
            if firm.number % 4 == 3:
                row |= {
                    "曾用名": firm.name,
                    "企业名称": firm.name.replace("有限公司", "股份有限公司"),
                    "企业类型": "JOINT_STOCK",
                }
            out.append(row)
        elif firm.number in ENDED_2025:
            out.append(registry_row(firm, firm.founded, {"登记状态": "DEREGISTERED", "注销日期": "2025-03-31"}))
    return out


def registry_correction() -> list[Row]:
    """Recorded on 2026-02-10: since 2025-04-01 the capital was another one."""
    firm = firms()[CORRECTED - 1]
    return [registry_row(firm, "2025-04-01", {"注册资本(万元)": firm.capital * 3})]


# ---------------------------------------------------------------- the park's own office

CONFLICTING = tuple(range(12, 360, 16))


def residents(year: int) -> list[Row]:
    out = []
    for firm in firms():
        if not firm.resident or firm.founded >= f"{year}-01-01" or (year == 2026 and firm.number in ENDED_2025):
            continue
        growth = 1 + 0.25 * (year - 2024) * (roll("growth", firm.number) - 0.3)
        people = int((20 + 900 * roll("people", firm.number) ** 3) * growth)
        row: Row = {
            "id": f"R{firm.number:03}", "name": firm.short, "uscc": firm.code, "employees": people,
            "annualOutput": round(people * (40 + 90 * roll("output", firm.number)), 1),
            "rdRatio": round(3 + 22 * roll("rd", firm.number), 1), "taxPaid": round(people * 3.2, 1),
            "stage": f"{firm.stage.chain}-{firm.stage.code}", "building": f"B{firm.building + 1:02}",
            "since": f"{year}-01-01", "provenance": SYNTHETIC,
        }  # fmt: skip
        if year == 2025 and firm.number in ENDED_2025:
            row |= {"since": "2024-01-01", "gone": "2025-03-31"}
        if year == 2026 and firm.number in CONFLICTING:
            row["registeredCapital"] = firm.capital + 500
        out.append(row)
    return out


def directory() -> list[Row]:
    """An old business directory: nobody keeps it, and a fifth of its addresses are those of before."""
    return [
        {
            "社会信用代码": f.code, "单位名称": f.name, "员工数": 10 * int(2 + 60 * roll("directory", f.number)),
            "地址": address(f) if f.number % 5 else "上海市浦东新区示例旧址", "登载日期": "2025-04-30",
            "provenance": SYNTHETIC,
        }
        for f in firms()
        if f.number % 3 == 0 and f.number not in ENDED_2025
    ]  # fmt: skip


# ---------------------------------------------------------------- who makes, supplies, owns


def produces() -> list[Row]:
    return [
        {
            "uscc": f.code, "good": g.code, "capacity": 100 * int(5 + 95 * roll("capacity", f.number, g.code)),
            "inventoryDays": 5 + int(60 * roll("inventory", f.number, g.code)),
            "share": round(100 * roll("share", f.number, g.code) ** 2, 1), "since": max(f.founded, "2015-01-01"),
        }
        for f in firms()
        for g in f.goods
    ]  # fmt: skip


QUALIFICATIONS = ("QUALIFIED", "QUALIFIED", "TESTING", "SAMPLE")


def supplies(year: int) -> list[Row]:
    """Each firm buys from one to three firms of every stage that feeds its own."""
    makers: dict[tuple[str, str], list[Firm]] = {}
    for firm in firms():
        makers.setdefault((firm.stage.chain, firm.stage.code), []).append(firm)
    out = []
    for stage in STAGES:
        for code in stage.next:
            for customer in makers[stage.chain, code]:
                count = 1 + int(2.6 * roll("count", stage.code, customer.number))
                for supplier in picks(makers[stage.chain, stage.code], count, "supplier", customer.number):
                    out += supply(supplier, customer, year)
    return out


def supply(supplier: Firm, customer: Firm, year: int) -> list[Row]:
    first = 2025 if roll("year of", supplier.number, customer.number) < 0.25 else 2024
    if first != year or {supplier.number, customer.number} & set(ENDED_2025):
        return []
    good = pick(supplier.goods, "good", supplier.number, customer.number)
    since = f"{first - 1 - int(3 * roll('since', supplier.number, customer.number))}-{1 + supplier.number % 12:02}-01"
    return [
        {
            "supplier": supplier.code, "customer": customer.code, "good": good.code,
            "volume": 10 * int(1 + 99 * roll("volume", supplier.number, customer.number)),
            "share": round(10 + 80 * roll("supply share", supplier.number, customer.number), 1),
            "qualification": pick(QUALIFICATIONS, "q", supplier.number, customer.number),
            "since": max(since, supplier.founded, customer.founded),
        }
    ]  # fmt: skip


def investments() -> list[Row]:
    out: list[Row] = []
    for firm in firms():
        if roll("owned", firm.number) < 0.3:
            for owner in picks((f for f in firms() if f.number < firm.number), 2, "owner", firm.number):
                ratio = round(5 + 90 * roll("ratio", owner.number, firm.number) ** 2, 1)
                out.append(
                    {
                        "investor": owner.code, "company": firm.code, "ratio": ratio,
                        "since": max(owner.founded, firm.founded, "2012-01-01"),
                    }
                )  # fmt: skip
    held: dict[str, float] = {}
    kept = []
    for row in out:
        held[row["company"]] = held.get(row["company"], 0.0) + row["ratio"]
        if held[row["company"]] <= 100:
            kept.append(row)
    return kept


def controls() -> list[Row]:
    return [row for row in investments() if row["ratio"] > 50]


FILES = {
    "areas.csv": areas, "industries.csv": industries, "chains.jsonl": chains, "stages.jsonl": stages,
    "products.csv": lambda: goods(materials=False), "materials.csv": lambda: goods(materials=True),
    "inputs.csv": inputs,
    "technologies.jsonl": technologies,
    "park.jsonl": ground.park, "zones.jsonl": ground.zones, "plots.jsonl": ground.plots,
    "buildings.csv": ground.buildings, "registry_2024.csv": registry_2024, "registry_2025.csv": registry_2025,
    "registry_correction.csv": registry_correction, "residents_2024.jsonl": lambda: residents(2024),
    "residents_2025.jsonl": lambda: residents(2025), "residents_2026.jsonl": lambda: residents(2026),
    "directory.csv": directory, "produces.csv": produces, "supplies_2024.csv": lambda: supplies(2024),
    "supplies_2025.csv": lambda: supplies(2025), "investments.csv": investments, "controls.csv": controls,
    "spaces.csv": happenings.spaces, "leases.csv": happenings.leases, "masters.csv": happenings.masters,
    "projects.csv": happenings.projects, "policies.jsonl": happenings.policies, "clauses.jsonl": happenings.clauses,
    "events.jsonl": happenings.events, "risks.csv": happenings.risks, "roads.jsonl": happenings.roads,
}  # fmt: skip


def text(name: str, rows: list[Row]) -> bytes:
    """A file's bytes."""
    if name.endswith(".jsonl"):
        return b"".join(orjson.dumps(row) + b"\n" for row in rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def generate() -> dict[str, bytes]:
    """Every file's bytes by its name."""
    return {name: text(name, make()) for name, make in FILES.items()}


def main(folder: Path = FOLDER) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in generate().items():
        (folder / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content)} bytes\n")


if __name__ == "__main__":
    main()
