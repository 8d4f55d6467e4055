"""Writes the demo park's source files into `examples/park`: the same bytes every time.

    python -m examples.generate

Everything is synthetic and says so (`provenance`): firms carry 示例 in their names and credit codes of the area 999999,
which no registry issues. Administrative and industry codes are the public ones; terms of the trade are real.
"""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from examples.catalogue import AREAS, CHAINS, INDUSTRIES, STAGES, TECHNOLOGIES, Good, Stage
from kg.schema.compile import compile_schema
from kg.schema.identifiers import check_character

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.schema.types import Schema

FOLDER = Path(__file__).parent / "park"
SYNTHETIC = "synthetic"
RESIDENTS, OUTSIDERS = 360, 160
T = TypeVar("T")
Row = dict[str, Any]

# Two of these make a brand; with 示例 behind it no registered firm is meant.
FIRST = "澜砚栎珩霁岫笙翊煦沅绮砺铎弈"
SECOND = "泽衡睿霖朔岚澈昀璟穆徽埔"
CITIES = ("320500", "320200", "320100", "330100", "330200", "330400", "340100")
TRADES = {
    "EDA": ("软件", "I6513"), "IP": ("微电子", "I6520"), "DES": ("微电子", "I6520"), "FAB": ("集成电路制造", "C3973"),
    "EQ": ("半导体设备", "C3562"), "PKG": ("封装科技", "C3973"), "TEST": ("测试技术", "C3973"),
    "MODULE": ("功率电子", "C3972"), "BOARD": ("电子科技", "C3972"),
}  # fmt: skip


def roll(*key: object) -> float:
    """A number in [0, 1) that belongs to the key: the same on every machine and in any order of calls."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def pick(among: Sequence[T], *key: object) -> T:
    return among[int(roll(*key) * len(among))]


def picks(among: Iterable[T], count: int, *key: object) -> list[T]:
    """Distinct ones."""
    return sorted(among, key=lambda one: roll(*key, repr(one)))[:count]


@lru_cache(maxsize=1)
def schema() -> Schema:
    return compile_schema()


def uscc(number: int) -> str:
    """A credit code with valid check characters (GB 32100, GB 11714) in an area that does not exist."""
    body = f"MA{number:06}"
    organisation = body + check_character(schema().schemes["organisationCode"], body)
    whole = f"91999999{organisation}"
    return whole + check_character(schema().schemes["uscc"], whole)


@dataclass(frozen=True, slots=True)
class Firm:
    """An enterprise of the demo."""

    number: int
    name: str
    short: str
    code: str
    stage: Stage
    area: str
    resident: bool
    founded: str
    capital: int  # 万元
    building: int

    @property
    def goods(self) -> tuple[Good, ...]:
        offered = self.stage.goods
        return tuple(
            g for g in offered if g == offered[self.number % len(offered)] or roll("goods", self.number, g.code) < 0.25
        )


@lru_cache(maxsize=1)
def firms() -> tuple[Firm, ...]:
    out = []
    names: set[str] = set()
    for number in range(1, RESIDENTS + OUTSIDERS + 1):
        resident = number <= RESIDENTS
        stage = STAGES[number % len(STAGES)]
        trade = next((v for k, v in TRADES.items() if stage.code.startswith(k)), ("材料", "C3985"))
        brand = ""
        for attempt in range(99):
            brand = pick(FIRST, "first", number, attempt) + pick(SECOND, "second", number, attempt)
            if brand + trade[0] not in names:
                break
        names.add(brand + trade[0])
        area = "310115" if resident else pick(CITIES, "city", number)
        city = "上海" if resident else next(name for code, name, *_ in AREAS if code == area).removesuffix("市")
        year = 2004 + int(roll("year", number) * 19)
        founded = f"{year}-{1 + int(roll('month', number) * 12):02}-{1 + int(roll('day', number) * 28):02}"
        capital = int(10 ** (2.5 + 2.2 * roll("capital", number))) // 10 * 10
        short = f"{brand}示例"
        out.append(
            Firm(
                number, f"{city}{short}{trade[0]}有限公司", short, uscc(number), stage, area, resident, founded,
                capital, int(roll("building", number) * 30),
            )
        )  # fmt: skip
    return tuple(out)


def trade_code(firm: Firm) -> str:
    return next((v[1] for k, v in TRADES.items() if firm.stage.code.startswith(k)), "C3985")


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


# ---------------------------------------------------------------- the ground

WEST, SOUTH, WIDE, HIGH, ROAD = 121.5900, 31.1900, 0.0032, 0.0022, 0.0004
USES = ("INDUSTRIAL", "INDUSTRIAL", "RESEARCH", "RESEARCH", "LOGISTICS", "COMMERCIAL")


def rectangle(west: float, south: float, east: float, north: float) -> Row:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in ring]]}


def corner(number: int) -> tuple[float, float]:
    """South-west corner of plot 0 to 23: six columns, four rows."""
    return WEST + number % 6 * (WIDE + ROAD), SOUTH + number // 6 * (HIGH + ROAD)


def park() -> list[Row]:
    outline = rectangle(WEST - ROAD, SOUTH - ROAD, WEST + 6 * (WIDE + ROAD), SOUTH + 4 * (HIGH + ROAD))
    return [
        {
            "id": "PARK", "name": "经纬示例产业园", "alternativeNames": ["Jingwei Demo Park"], "grade": "示例",
            "area": 4_900_000, "establishedOn": "2004-01-01", "geometry": outline, "within": "310115",
            "provenance": SYNTHETIC,
        }
    ]  # fmt: skip


def zones() -> list[Row]:
    named = (
        ("Z1", "制造区", "芯片制造与封测"),
        ("Z2", "设备材料区", "设备、零部件与材料"),
        ("Z3", "研发区", "设计与软件"),
    )
    return [
        {"id": code, "name": name, "function": function, "park": "PARK", "since": "2016-01-01"}
        for code, name, function in named
    ]


def plots() -> list[Row]:
    out = []
    for number in range(24):
        west, south = corner(number)
        free = number in {5, 11, 16, 17, 22}
        out.append(
            {
                "id": f"P{number + 1:02}", "name": f"示例地块{number + 1:02}", "plotNumber": f"JW-{number + 1:02}",
                "landUse": USES[number % 6], "area": 74_000 + 100 * number, "floorAreaRatio": 1.2 + 0.2 * (number % 8),
                "heightLimit": 24 + 6 * (number % 6), "availability": "AVAILABLE" if free else "OCCUPIED",
                "zone": f"Z{1 + number // 8}", "since": "2016-01-01",
                "geometry": rectangle(west, south, west + WIDE, south + HIGH), "provenance": SYNTHETIC,
            }
        )  # fmt: skip
    return out


def buildings() -> list[Row]:
    taken = [n for n in range(24) if n not in {5, 11, 16, 17, 22}]
    out = []
    for number in range(30):
        west, south = corner(taken[number % len(taken)])
        shift = 0.0016 * (number // len(taken))
        storeys = 2 + int(roll("storeys", number) * 9)
        out.append(
            {
                "楼栋编号": f"B{number + 1:02}", "名称": f"示例{number + 1}号楼",
                "地块": f"P{taken[number % len(taken)] + 1:02}", "层数": storeys, "高度(米)": round(storeys * 4.5, 1),
                "可用面积(平方米)": 6000 + 200 * int(roll("usable", number) * 90),
                "竣工日期": f"{2008 + number % 14}年{1 + number % 12}月",
                "经度": round(west + 0.0008 + shift, 6), "纬度": round(south + 0.0011, 6), "数据性质": SYNTHETIC,
            }
        )  # fmt: skip
    return out


# ---------------------------------------------------------------- the registry

CHANGED_2025 = tuple(range(7, 300, 9))
ENDED_2025 = (31, 89, 204, 411)
CORRECTED = 46


def registry_row(firm: Firm, since: str, changed: Row | None = None) -> Row:
    return {
        "统一社会信用代码": firm.code, "企业名称": firm.name, "曾用名": "", "企业类型": "LIMITED_LIABILITY",
        "注册资本(万元)": firm.capital, "实缴资本(万元)": int(firm.capital * (0.4 + 0.6 * roll("paid", firm.number))),
        "成立日期": firm.founded, "登记状态": "ACTIVE", "行业代码": trade_code(firm), "区划代码": firm.area,
        "住所": address(firm), "变更日期": since, "注销日期": "", "数据性质": SYNTHETIC,
    } | (changed or {})  # fmt: skip


def address(firm: Firm) -> str:
    if firm.resident:
        return f"上海市浦东新区经纬示例产业园示例{firm.building + 1}号楼{1 + firm.number % 9}0{1 + firm.number % 8}室"
    return f"{next(name for code, name, *_ in AREAS if code == firm.area)}示例路{firm.number}号"


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
            "数据性质": SYNTHETIC,
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
    makers: dict[str, list[Firm]] = {}
    for firm in firms():
        makers.setdefault(firm.stage.code, []).append(firm)
    out = []
    for stage in STAGES:
        for code in stage.next:
            for customer in makers[code]:
                count = 1 + int(2.2 * roll("count", stage.code, customer.number))
                for supplier in picks(makers[stage.code], count, "supplier", customer.number):
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
    "technologies.jsonl": technologies, "park.jsonl": park, "zones.jsonl": zones, "plots.jsonl": plots,
    "buildings.csv": buildings, "registry_2024.csv": registry_2024, "registry_2025.csv": registry_2025,
    "registry_correction.csv": registry_correction, "residents_2024.jsonl": lambda: residents(2024),
    "residents_2025.jsonl": lambda: residents(2025), "residents_2026.jsonl": lambda: residents(2026),
    "directory.csv": directory, "produces.csv": produces, "supplies_2024.csv": lambda: supplies(2024),
    "supplies_2025.csv": lambda: supplies(2025), "investments.csv": investments, "controls.csv": controls,
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
