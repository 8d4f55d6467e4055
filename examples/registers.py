"""What registers say of the demo park's firms: the market registry, the park's office, an old directory."""

from __future__ import annotations

from examples import planted
from examples.catalogue import AREAS
from examples.firms import SYNTHETIC, Firm, Row, address, firms, roll, trade

OLD_ADDRESS = "上海市浦东新区示例旧址"


# ---------------------------------------------------------------- the market registry


def paid_in(firm: Firm) -> int:
    if firm.number in planted.NEW:
        return planted.NEW[firm.number][2]
    return int(firm.capital * (0.4 + 0.6 * roll("paid", firm.number)))


def scope(firm: Firm) -> str:
    made = "、".join(g.zh for g in firm.goods) if firm.number == planted.UNREPORTED[1] else ""
    named = f"{made}、除病毒膜等" if made else ""
    return f"{named}{firm.stage.zh}的研发、生产与销售"


def row(firm: Firm, since: str, changed: Row | None = None) -> Row:
    return {
        "统一社会信用代码": firm.code, "企业名称": firm.name, "曾用名": "", "企业类型": "LIMITED_LIABILITY",
        "注册资本(万元)": firm.capital, "实缴资本(万元)": paid_in(firm), "成立日期": firm.founded, "登记状态": "ACTIVE",
        "行业代码": trade(firm.stage)[1], "区划代码": firm.area, "住所": address(firm), "经营范围": scope(firm),
        "变更日期": since, "注销日期": "", "provenance": SYNTHETIC,
    } | (changed or {})  # fmt: skip


def current_name(firm: Firm) -> str:
    """As the registry has it since 2025."""
    if firm.number == planted.RENAMED[1]:
        return planted.NEW_NAME
    if firm.number in planted.CHANGED_2025 and firm.number % 4 == 3:
        return firm.name.replace("有限公司", "股份有限公司")
    return firm.name


def registry_2024() -> list[Row]:
    return [row(firm, firm.founded) for firm in firms() if firm.number not in planted.NEW]


def registry_2025() -> list[Row]:
    """What changed in the year: capital, now and then the name; what is new, and what ended."""
    out = []
    for firm in firms():
        if firm.number in planted.CHANGED_2025:
            since = f"2024-{7 + firm.number % 6:02}-{1 + firm.number % 28:02}"
            changed: Row = {"注册资本(万元)": firm.capital * 2}
            if current_name(firm) != firm.name:
                changed |= {"曾用名": firm.name, "企业名称": current_name(firm), "企业类型": "JOINT_STOCK"}
            out.append(row(firm, since, changed))
        elif firm.number == planted.RENAMED[1]:
            out.append(row(firm, "2024-12-10", {"曾用名": firm.name, "企业名称": planted.NEW_NAME}))
        elif firm.number in planted.NEW:
            out.append(row(firm, firm.founded))
        elif firm.number in planted.ENDED_2025:
            out.append(row(firm, firm.founded, {"登记状态": "DEREGISTERED", "注销日期": "2025-03-31"}))
    return out


def registry_correction() -> list[Row]:
    """Recorded on 2026-02-10: since 2025-04-01 the capital was another one."""
    firm = firms()[planted.CORRECTED - 1]
    return [row(firm, "2025-04-01", {"注册资本(万元)": firm.capital * 3})]


# ---------------------------------------------------------------- the park's own office


def people(firm: Firm, year: int) -> int:
    growth = 1 + 0.25 * (year - 2024) * (roll("growth", firm.number) - 0.3)
    return int((20 + 900 * roll("people", firm.number) ** 3) * growth)


def residents(year: int) -> list[Row]:
    out = []
    for firm in firms():
        if not firm.resident or firm.founded >= f"{year}-01-01" or (year == 2026 and firm.number in planted.ENDED_2025):
            continue
        staff = people(firm, year)
        said: Row = {
            "id": f"R{firm.number:03}", "name": firm.short, "uscc": firm.code, "employees": staff,
            "annualOutput": round(staff * (40 + 90 * roll("output", firm.number)), 1),
            "rdRatio": round(3 + 22 * roll("rd", firm.number), 1), "taxPaid": round(staff * 3.2, 1),
            "stage": firm.place, "building": f"B{firm.building + 1:02}",
            "since": f"{year}-01-01", "provenance": SYNTHETIC,
        }  # fmt: skip
        if firm.number == planted.ELSEWHERE:
            del said["building"]
        if year == 2025 and firm.number in planted.ENDED_2025:
            said |= {"since": "2024-01-01", "gone": "2025-03-31"}
        if year == 2026 and firm.number in planted.CAPITAL_DIFFERS:
            said["registeredCapital"] = firm.capital + 500
        out.append(said)
    return out


def visits() -> list[Row]:
    """Who was found to work elsewhere."""
    firm = firms()[planted.ELSEWHERE - 1]
    return [{"uscc": firm.code, "adcode": "320500", "role": "实际经营地", "since": "2024-06-01"}]


# ---------------------------------------------------------------- a directory that nobody keeps


def unnamed_codes() -> list[tuple[str, Firm]]:
    """What the directory names without a code: name as printed, and the firm whose place it stands in."""
    renamed, (first, second) = firms()[planted.RENAMED[1] - 1], planted.MERGED
    other = firms()[second - 1]
    like = firms()[planted.WRONGLY_MERGED - 1]
    kind = trade(other.stage)[0]
    return [
        (firms()[first - 1].name, firms()[first - 1]),
        (f"{other.short}({kind})上海公司", other),
        (f"{like.short}仪器经营部", like),
        (renamed.name, renamed),
    ]


def directory() -> list[Row]:
    """Of April 2025: every third firm, and a few under another name and without a code."""
    listed = [
        f for f in firms() if f.number % 3 == 0 and f.number not in planted.ENDED_2025 and f.founded < "2025-01-01"
    ]
    entries = [(f.code, current_name(f), f) for f in listed] + [("", name, f) for name, f in unnamed_codes()]
    return [
        {
            "名录编号": f"D{number:03}", "社会信用代码": code, "单位名称": name,
            "员工数": people(f, 2026) + 40 if f.number in planted.EMPLOYEES_DIFFER else "",
            "地址": OLD_ADDRESS if f.number in planted.ADDRESS_DIFFERS else address(f), "登载日期": "2025-04-30",
            "provenance": SYNTHETIC,
        }
        for number, (code, name, f) in enumerate(entries, start=1)
    ]  # fmt: skip


def directory_goods() -> list[Row]:
    """The directory's list of what firms without a code make."""
    good, number = planted.RENAMED
    old_name = firms()[number - 1].name
    return [
        {"名录编号": entry["名录编号"], "主要产品": good, "登载日期": "2025-04-30"}
        for entry in directory()
        if entry["单位名称"] == old_name
    ]


SOURCES = (
    ("statistics", "统计用区划与分类", "示例统计部门", "YEARLY", "2024-07-01"),
    ("chain-research", "产业链研究", "示例研究院", "YEARLY", "2026-06-02"),
    ("planning", "规划资源数据", "示例规划部门", "IRREGULAR", "2026-06-15"),
    ("market-registry", "市场主体登记", "示例登记机关", "YEARLY", "2026-02-10"),
    ("park-office", "园区管理办公室", "示例园区管委会", "CONTINUOUS", "2026-06-30"),
    ("old-directory", "旧企业名录", "示例名录出版者", "IRREGULAR", "2025-04-30"),
    ("credit", "信用监测", "示例征信机构", "MONTHLY", "2026-04-25"),
    ("water-service", "供排水服务", "示例水务服务", "QUARTERLY", "2026-04-10"),
    ("traffic-service", "交通服务", "示例交通服务", "QUARTERLY", "2025-12-15"),
)


def sources() -> list[Row]:
    return [
        {
            "id": code, "name": name, "publisher": publisher, "updateFrequency": often, "updatedOn": updated,
            "provenance": SYNTHETIC,
        }
        for code, name, publisher, often, updated in SOURCES
    ]  # fmt: skip


def areas() -> list[Row]:
    return [{"adcode": code, "名称": name, "级别": level, "上级": above} for code, name, level, above in AREAS]
