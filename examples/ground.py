"""The ground of the demo park: outline, zones, plots, buildings, roads. Degrees on WGS 84, longitude first."""

from __future__ import annotations

from examples import planted
from examples.firms import SYNTHETIC, Row, roll

WEST, SOUTH, WIDE, HIGH, ROAD = 121.5900, 31.1900, 0.0032, 0.0022, 0.0004
FREE = frozenset({5, 11, 16, 17, 22})
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
    return [plot(number) for number in range(24)]


def plot(number: int) -> Row:
    west, south = corner(number)
    return {
        "id": f"P{number + 1:02}", "name": f"示例地块{number + 1:02}", "plotNumber": f"JW-{number + 1:02}",
        "landUse": USES[number % 6], "area": 74_000 + 100 * number,
        "floorAreaRatio": round(1.2 + 0.2 * (number % 8), 1), "heightLimit": 24 + 6 * (number % 6),
        "availability": "AVAILABLE" if number in FREE else "OCCUPIED",
        "zone": f"Z{1 + number // 8}", "since": "2016-01-01",
        "geometry": rectangle(west, south, west + WIDE, south + HIGH), "provenance": SYNTHETIC,
    }  # fmt: skip


def plots_next_year() -> list[Row]:
    """Known in June 2026: from next year on a plot can be had."""
    return [plot(planted.NEXT_YEAR_PLOT - 1) | {"availability": "AVAILABLE", "since": "2027-01-01"}]


def buildings() -> list[Row]:
    taken = [n for n in range(24) if n not in FREE]
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
                "经度": round(west + 0.0008 + shift, 6), "纬度": round(south + 0.0011, 6), "provenance": SYNTHETIC,
            }
        )  # fmt: skip
    return out


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
