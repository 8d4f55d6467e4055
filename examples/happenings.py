"""Technologies, attraction projects, policies, events and warning signs of the demo park."""

from __future__ import annotations

from examples import planted
from examples.catalogue import TECHNOLOGIES
from examples.firms import OUTSIDERS, RESIDENTS, SYNTHETIC, Row, firms, pick, roll

STAGES = ("LEAD", "LEAD", "CONTACTED", "CONTACTED", "NEGOTIATING", "NEGOTIATING", "COMMITTED", "DROPPED")
OVER = {"LANDED", "REFUSED", "DROPPED"}


def masters() -> list[Row]:
    return [
        {"uscc": firm.code, "technology": code}
        for code, _, _, _, used in TECHNOLOGIES
        for firm in firms()
        if firm.stage.code in used and roll("masters", firm.number, code) < 0.6
    ]


def target(project: int) -> int:
    """The number of the firm that a project is after."""
    special = {
        **{number: landed[0] for number, landed in planted.LANDED.items()},
        planted.TEMPTING_LEAD: planted.IN_LITIGATION,
        planted.REFUSING_PROJECT: planted.REFUSED,
    }
    return special.get(project, RESIDENTS + 1 + project * 3 % OUTSIDERS)


def projects() -> list[Row]:
    return [_project(number) for number in range(1, 43)]


def _project(number: int) -> Row:
    stage = pick(STAGES, "stage", number)
    promised = 1000 * int(2 + 40 * roll("promise", number) ** 2)
    text = f"三年内年产值{promised * 2}万元"
    if number in planted.LANDED:
        stage, promised = "LANDED", planted.LANDED[number][4]
        text = f"落地后一年内实缴资本{promised}万元"
    elif number == planted.TEMPTING_LEAD:
        stage, promised, text = "LEAD", 80_000, "ArF光刻胶量产线,三年内年产值160000万元"
    elif number == planted.REFUSING_PROJECT:
        stage, promised, text = "REFUSED", 60_000, "ArF光刻胶配套产线;对方已决定在当地扩产"
    elif number == planted.SPACE_PROJECT:
        stage = "NEGOTIATING"
        text = "需1500平方米以上、净高6.5米以上、荷载10kN/㎡以上、配电1250kVA以上、双回路,2026-09-30前进场"
    over = stage in OVER
    return {
        "项目编号": f"A{number:02}", "项目名称": f"示例招商项目{number:02}", "阶段": stage,
        "负责人": f"示例专员{1 + number % 5}", "承诺投资(万元)": promised, "承诺": text,
        "下一步": "" if over else "现场考察",
        "下一步日期": "" if over else f"2026-{7 + number % 3:02}-{1 + number % 28:02}",
        "目标企业": firms()[target(number) - 1].code, "意向地块": f"P{1 + number % 24:02}" if number % 3 == 0 else "",
        "状态日期": f"2026-{1 + number % 6:02}-{1 + number % 27:02}", "provenance": SYNTHETIC,
    }  # fmt: skip


# Code, name, in force from, no longer from, issuer. The third is dead since 2024-08-01, and its clause with it.
POLICIES = (
    ("POL1", "示例园区集成电路产业扶持办法", "2023-01-01", "2028-01-01", "示例园区管委会"),
    ("POL2", "示例园区生物医药创新支持细则", "2024-03-01", "2027-01-01", "示例园区管委会"),
    ("POL3", "示例园区设备购置补贴办法", "2021-08-01", "2024-08-01", "示例园区管委会"),
    ("POL4", "示例园区人才安居办法", "2025-01-01", "2028-01-01", "示例园区管委会"),
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


def fires() -> list[Row]:
    """A fire at a supplier, told on the day."""
    return [
        _event(
            "E01", "示例光刻胶工厂火灾", "2026-05-18T02:40:00+08:00", "2026-05-18T11:00:00+08:00", "SEVERE", "CONTAINED"
        )
        | {"affects": firms()[planted.BURNT - 1].code}
    ]


def events() -> list[Row]:
    """What else happened in a year."""
    told = (
        ("E02", "示例园区北部停电", "2026-03-03T09:10:00+08:00", "2026-03-03T12:30:00+08:00", "MODERATE", "CLOSED", 5),
        ("E03", "示例园区内涝", "2025-09-11T18:00:00+08:00", "2025-09-12T06:00:00+08:00", "MODERATE", "CLOSED", 21),
        ("E04", "示例危化品泄漏演练", "2026-06-10T14:00:00+08:00", "2026-06-10T16:00:00+08:00", "MINOR", "CLOSED", 58),
    )
    return [_event(*row) | {"affects": firms()[number - 1].code} for *row, number in told]


def relocations() -> list[Row]:
    firm = firms()[planted.MOVED - 1]
    told = _event("E05", f"{firm.short}迁往合肥", "2026-05-08T09:00:00+08:00", "", "MODERATE", "CLOSED")
    return [told | {"affects": firm.code}]


def litigations() -> list[Row]:
    firm = firms()[planted.IN_LITIGATION - 1]
    told = _event("E06", f"{firm.short}专利侵权纠纷", "2026-04-21T09:00:00+08:00", "", "SEVERE", "ONGOING")
    return [told | {"affects": firm.code, "caseNumber": "(2026)示例民初518号"}]


def _event(code: str, name: str, start: str, end: str, severity: str, status: str) -> Row:
    said = {"id": code, "name": name, "startedAt": start, "endedAt": end, "severity": severity, "status": status}
    return {key: value for key, value in said.items() if value} | {"provenance": SYNTHETIC}


RISKS = ("LITIGATION", "PENALTY", "ABNORMAL_OPERATION", "ARREARS", "SHARE_PLEDGE")
SIGNS = (("2026-01-08", "POWER_DROP", "MINOR"), ("2026-02-14", "LAYOFF", "MODERATE"),
         ("2026-03-20", "LEASE_NOT_RENEWED", "MODERATE"), ("2026-04-02", "RELOCATION", "SEVERE"))  # fmt: skip
"""What was noticed at the firm that left."""


def risks(report: str) -> list[Row]:
    """Reports of the credit service: of the year 2025, then of the months of 2026 by their number."""
    if report == "2025":
        wanted = {target(project) for project in range(1, 43)}
        return [
            _risk(
                f"K{f.number:03}", pick(RISKS[1:] if f.number in wanted else RISKS, "risk kind", f.number),
                f"2025-{1 + f.number % 12:02}-15", pick(("MINOR", "MODERATE", "SEVERE"), "risk severity", f.number),
                f.code,
            )
            for f in firms()
            if roll("risk", f.number) < 0.08 and f.number not in {*planted.ENDED_2025, planted.MOVED}
        ]  # fmt: skip
    moved, sued = firms()[planted.MOVED - 1], firms()[planted.IN_LITIGATION - 1]
    out = [
        _risk(f"K9{number:02}", kind, day, severity, moved.code)
        for number, (day, kind, severity) in enumerate(SIGNS, start=1)
        if day.startswith(report)
    ]
    if report == "2026-04":
        out.append(_risk("K910", "LITIGATION", "2026-04-21", "SEVERE", sued.code))
    return out


def _risk(code: str, kind: str, day: str, severity: str, firm: str) -> Row:
    return {
        "信号编号": code, "类型": kind, "日期": day, "程度": severity, "企业": firm, "provenance": SYNTHETIC,
    }  # fmt: skip
