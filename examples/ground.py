"""The ground of the demo park: outline, zones, plots, buildings. Degrees on WGS 84, longitude first."""

from __future__ import annotations

from examples.firms import SYNTHETIC, Row, roll

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
                "经度": round(west + 0.0008 + shift, 6), "纬度": round(south + 0.0011, 6), "provenance": SYNTHETIC,
            }
        )  # fmt: skip
    return out
