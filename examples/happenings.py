"""Spaces and leases, technologies, attraction projects, policies, events and warning signs of the demo park."""

from __future__ import annotations

from examples.catalogue import TECHNOLOGIES
from examples.firms import ENDED_2025, OUTSIDERS, RESIDENTS, SYNTHETIC, Firm, Row, firms, pick, roll, uscc
from examples.ground import HIGH, ROAD, SOUTH, WEST, WIDE

SPACES = 46
STAGES = ("LEAD", "LEAD", "CONTACTED", "CONTACTED", "NEGOTIATING", "NEGOTIATING", "COMMITTED", "REFUSED")
LANDED = (3, 11, 20, 33)
"""Projects that landed; the third invested less than it had promised."""


def spaces() -> list[Row]:
    out = []
    for number in range(1, SPACES + 1):
        free = number % 4 == 0
        out.append(
            {
                "空间编号": f"S{number:02}",
                "名称": f"示例{(number - 1) % 30 + 1}号楼{1 + number // 8}层{number % 4 + 1}单元",
                "楼栋": f"B{(number - 1) % 30 + 1:02}",
                "面积(㎡)": 300 + 50 * int(60 * roll("space", number) ** 2),
                "层高(米)": pick((3.9, 4.5, 5.4, 7.2, 8.1), "clear", number),
                "楼面荷载(kN/㎡)": pick((3, 5, 7.5, 10, 15), "load", number),
                "配电(kVA)": pick((160, 315, 630, 1250, 2500), "power", number),
                "双回路": "是" if number % 3 == 0 else "否",
                "火灾危险类别": pick(("NONE", "D", "C", "B", "A"), "hazard", number),
                "租金(元/㎡/天)": round(1.6 + 2.8 * roll("rent", number), 2),
                "状态": "AVAILABLE" if free else "OCCUPIED",
                "可交付日期": f"2026-{7 + number % 6:02}-01" if free else "",
                "启用日期": "2018-01-01",
                "provenance": SYNTHETIC,
            }
        )
    return out


def tenants() -> list[Firm]:
    return [f for f in firms() if f.resident and f.number not in ENDED_2025 and f.founded < "2018-01-01"][:60]


def leases() -> list[Row]:
    out = []
    for number, firm in enumerate(tenants(), start=1):
        start = 2018 + number % 6
        out.append(
            {
                "lease": f"L{number:03}",
                "tenant": firm.code,
                "space": f"S{(number - 1) % SPACES + 1:02}",
                "area": 100 + 20 * int(40 * roll("leased", number)),
                "rent": round(1.5 + 2.5 * roll("lease rent", number), 2),
                "from": f"{start}-{1 + number % 12:02}-01",
                "to": f"{start + 9}-{1 + number % 12:02}-01",
            }
        )
    return out


def masters() -> list[Row]:
    return [
        {"uscc": firm.code, "technology": code}
        for code, _, _, _, used in TECHNOLOGIES
        for firm in firms()
        if firm.stage.code in used and roll("masters", firm.number, code) < 0.6
    ]


def projects() -> list[Row]:
    out = []
    for number in range(1, 43):
        target = uscc(RESIDENTS + 1 + number * 3 % OUTSIDERS)
        stage = pick(STAGES, "stage", number)
        promised = 1000 * int(2 + 40 * roll("promise", number) ** 2)
        if number in LANDED:
            stage = "LANDED"
        out.append(
            {
                "项目编号": f"A{number:02}",
                "项目名称": f"示例招商项目{number:02}",
                "阶段": stage,
                "负责人": f"示例专员{1 + number % 5}",
                "承诺投资(万元)": promised,
                "承诺": f"三年内年产值{promised * 2}万元",
                "下一步": "" if stage in {"LANDED", "REFUSED"} else "现场考察",
                "下一步日期": ""
                if stage in {"LANDED", "REFUSED"}
                else f"2026-{7 + number % 3:02}-{1 + number % 28:02}",
                "目标企业": target,
                "意向地块": f"P{1 + number % 24:02}" if number % 3 == 0 else "",
                "状态日期": f"2026-{1 + number % 6:02}-{1 + number % 27:02}",
                "provenance": SYNTHETIC,
            }
        )
    return out


POLICIES = (
    ("POL1", "示例园区集成电路产业扶持办法", "2023-01-01", "2027-12-31", "示例园区管委会"),
    ("POL2", "示例园区生物医药创新支持细则", "2024-03-01", "2026-12-31", "示例园区管委会"),
    ("POL3", "示例园区设备购置补贴办法", "2021-08-01", "2024-07-31", "示例园区管委会"),
    ("POL4", "示例园区人才安居办法", "2025-01-01", "2027-12-31", "示例园区管委会"),
)
CLAUSES = (
    ("POL1", "第五条", "流片补贴", "年研发占比不低于10%", "首轮流片费用30%,不超过500万元"),
    ("POL1", "第七条", "材料首用奖励", "首次采用本地光刻胶等材料", "采购额10%,不超过300万元"),
    ("POL1", "第九条", "增资奖励", "实缴资本增加2000万元以上", "增资额1%"),
    ("POL2", "第三条", "临床奖励", "取得临床批件", "每项200万元"),
    ("POL2", "第六条", "委托生产支持", "委托园区内企业生产", "合同额5%"),
    ("POL3", "第四条", "设备补贴", "购置单台500万元以上设备", "购置额15%"),
    ("POL4", "第二条", "人才公寓", "员工在园区缴纳社保", "租金减半三年"),
)


def policies() -> list[Row]:
    return [
        {
            "id": code,
            "name": name,
            "documentNumber": f"示例〔{start[:4]}〕{number}号",
            "issuer": issuer,
            "effectiveOn": start,
            "expiresOn": end,
            "publishedOn": start,
            "policyLevel": "TOWN",
            "provenance": SYNTHETIC,
        }
        for number, (code, name, start, end, issuer) in enumerate(POLICIES, start=1)
    ]


def clauses() -> list[Row]:
    span = {code: (start, end) for code, _, start, end, _ in POLICIES}
    return [
        {
            "id": f"{policy}-{number}",
            "name": name,
            "clauseNumber": where,
            "condition": condition,
            "benefit": benefit,
            "issuer": "示例园区管委会",
            "policy": policy,
            "effectiveOn": span[policy][0],
            "expiresOn": span[policy][1],
            "reviewStatus": "REVIEWED",
            "provenance": SYNTHETIC,
        }
        for number, (policy, where, name, condition, benefit) in enumerate(CLAUSES, start=1)
    ]


def events() -> list[Row]:
    """A fire at a supplier, and what else happens in a year."""
    makers = [f for f in firms() if f.stage.code == "RESIST" and not f.resident]
    told = [
        (
            "E01",
            "示例光刻胶工厂火灾",
            "2026-05-18T02:40:00+08:00",
            "2026-05-18T11:00:00+08:00",
            "SEVERE",
            "CONTAINED",
            makers[0].code,
        ),
        (
            "E02",
            "示例园区北部停电",
            "2026-03-03T09:10:00+08:00",
            "2026-03-03T12:30:00+08:00",
            "MODERATE",
            "CLOSED",
            firms()[4].code,
        ),
        (
            "E03",
            "示例园区内涝",
            "2025-09-11T18:00:00+08:00",
            "2025-09-12T06:00:00+08:00",
            "MODERATE",
            "CLOSED",
            firms()[20].code,
        ),
        (
            "E04",
            "示例危化品泄漏演练",
            "2026-06-10T14:00:00+08:00",
            "2026-06-10T16:00:00+08:00",
            "MINOR",
            "CLOSED",
            firms()[57].code,
        ),
    ]
    names = ("id", "name", "startedAt", "endedAt", "severity", "status", "affects")
    return [dict(zip(names, row, strict=True)) | {"provenance": SYNTHETIC} for row in told]


def risks() -> list[Row]:
    kinds = ("LITIGATION", "PENALTY", "ABNORMAL_OPERATION", "ARREARS", "SHARE_PLEDGE", "LAYOFF")
    return [
        {
            "信号编号": f"K{firm.number:03}",
            "类型": pick(kinds, "risk kind", firm.number),
            "日期": f"2025-{1 + firm.number % 12:02}-15",
            "程度": pick(("MINOR", "MODERATE", "SEVERE"), "risk severity", firm.number),
            "企业": firm.code,
            "provenance": SYNTHETIC,
        }
        for firm in firms()
        if roll("risk", firm.number) < 0.08
    ]


def roads() -> list[Row]:
    """The grid between the plots: seven roads from south to north, five from west to east."""
    east, north = WEST + 6 * (WIDE + ROAD) - ROAD / 2, SOUTH + 4 * (HIGH + ROAD) - ROAD / 2
    lines = []
    for i in range(7):
        x = WEST - ROAD / 2 + i * (WIDE + ROAD)
        lines.append((f"示例南北{i + 1}路", [[x, SOUTH - ROAD / 2], [x, north]]))
    for j in range(5):
        y = SOUTH - ROAD / 2 + j * (HIGH + ROAD)
        lines.append((f"示例东西{j + 1}路", [[WEST - ROAD / 2, y], [east, y]]))
    return [
        {
            "id": f"RD{number:02}",
            "name": name,
            "lanes": 2 + 2 * (number % 2),
            "roadClass": "支路",
            "since": "2016-01-01",
            "geometry": {"type": "LineString", "coordinates": [[round(x, 6), round(y, 6)] for x, y in line]},
            "provenance": SYNTHETIC,
        }
        for number, (name, line) in enumerate(lines, start=1)
    ]
