"""Spaces to let in the demo park, and leases."""

from __future__ import annotations

from datetime import date, timedelta

from examples import planted
from examples.firms import SYNTHETIC, Firm, Row, firms, pick, roll

SPACES, LEASES = 46, 60


def is_free(number: int) -> bool:
    return number % 4 == 0


def spaces() -> list[Row]:
    out = []
    for number in range(1, SPACES + 1):
        free = is_free(number)
        said: Row = {
            "空间编号": f"S{number:02}",
            "名称": f"示例{(number - 1) % 30 + 1}号楼{1 + number // 8}层{number % 4 + 1}单元",
            "楼栋": f"B{(number - 1) % 30 + 1:02}", "面积(㎡)": 300 + 50 * int(60 * roll("space", number) ** 2),
            "层高(米)": pick((3.9, 4.5, 5.4, 7.2, 8.1), "clear", number),
            "楼面荷载(kN/㎡)": pick((3, 5, 7.5, 10, 15), "load", number),
            "配电(kVA)": pick((160, 315, 630, 1250, 2500), "power", number),
            "双回路": "是" if number % 3 == 0 else "否",
            "火灾危险类别": pick(("NONE", "D", "C", "B", "A"), "hazard", number),
            "租金(元/㎡/天)": round(1.6 + 2.8 * roll("rent", number), 2),
            "状态": "AVAILABLE" if free else "OCCUPIED",
            "可交付日期": f"2026-{7 + number % 6:02}-01" if free else "", "启用日期": "2018-01-01",
            "provenance": SYNTHETIC,
        }  # fmt: skip
        out.append(said | planted.SPACES.get(number, {}))
    return out


def tenants() -> list[Firm]:
    gone = {*planted.ENDED_2025, planted.MOVED, planted.ELSEWHERE}
    return [f for f in firms() if f.resident and f.number not in gone and f.founded < "2018-01-01"][:LEASES]


def leases() -> list[Row]:
    """One that runs for each space that is taken; the others are over."""
    areas = {row["空间编号"]: row["面积(㎡)"] for row in spaces()}
    taken = [n for n in range(1, SPACES + 1) if not is_free(n)]
    out = []
    for number, firm in enumerate(tenants(), start=1):
        runs = number <= len(taken)
        space = f"S{taken[number - 1] if runs else 1 + number * 7 % SPACES:02}"
        start, end = (2021 + number % 4, 2026 + number % 4) if runs else (2018, 2020)
        month = 8 + number % 5
        out.append(
            {
                "lease": f"L{number:03}", "tenant": firm.code, "space": space, "area": areas[space],
                "rent": round(1.5 + 2.5 * roll("lease rent", number), 2), "from": f"{start}-{month:02}-01",
                "to": str(date(end, month, 1) - timedelta(days=1)),
            }
        )  # fmt: skip
    return out
