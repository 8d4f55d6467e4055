"""Units as people write them in column names and cells, and what they are in the ontology's units.

Exact decimal factors. A unit that has no factor to the property's unit is an error: money of another currency has a
rate and a day, which are no unit.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_MONEY: Final[dict[str, int | Decimal]] = {
    "元": 1, "人民币元": 1, "人民币": 1, "rmb": 1, "cny": 1, "¥": 1, "￥": 1, "千元": 1_000,
    "万": 10_000, "万元": 10_000,
    "万元人民币": 10_000, "万人民币": 10_000, "人民币万元": 10_000, "百万元": 1_000_000, "千万元": 10_000_000,
    "亿": 100_000_000, "亿元": 100_000_000, "亿元人民币": 100_000_000,
}  # fmt: skip
# 1 mu is 10,000/15 m2 (State Council, 1984), which has no finite decimal form.
_AREA: Final[dict[str, int | Decimal]] = {
    "m2": 1, "m²": 1, "㎡": 1, "平方米": 1, "平米": 1, "万平方米": 10_000, "万平米": 10_000, "ha": 10_000,
    "公顷": 10_000, "km2": 1_000_000, "km²": 1_000_000, "平方公里": 1_000_000, "平方千米": 1_000_000,
    "亩": Decimal(10_000) / 15, "mu": Decimal(10_000) / 15,
}  # fmt: skip
_FRACTION: Final[dict[str, int | Decimal]] = {
    "1": 1, "%": Decimal("0.01"), "％": Decimal("0.01"), "百分比": Decimal("0.01"), "‰": Decimal("0.001"),
    "成": Decimal("0.1"),
}  # fmt: skip
_TABLES: Final[dict[str, dict[str, int | Decimal]]] = {
    "CNY": _MONEY,
    "m2": _AREA,
    "1": _FRACTION,
    "m": {"m": 1, "米": 1, "cm": Decimal("0.01"), "厘米": Decimal("0.01"), "km": 1000, "公里": 1000, "千米": 1000},
    "kVA": {"kva": 1, "千伏安": 1, "mva": 1000, "兆伏安": 1000, "va": Decimal("0.001")},
    "kW": {"kw": 1, "千瓦": 1, "mw": 1000, "兆瓦": 1000, "w": Decimal("0.001")},
    "kN/m2": {
        "kn/m2": 1, "kn/m²": 1, "kn/㎡": 1, "千牛/平方米": 1, "kpa": 1,
        "t/m2": Decimal("9.80665"), "吨/平方米": Decimal("9.80665"),
    },
    "CNY/(m2.d)": {"cny/(m2.d)": 1, "元/平方米/天": 1, "元/㎡/天": 1, "元/平米/天": 1, "元/㎡·天": 1},
    "d": {"d": 1, "天": 1, "日": 1, "周": 7, "星期": 7},
    "": {**_FRACTION, "": 1, "万": 10_000, "亿": 100_000_000, "千": 1000, "人": 1, "家": 1, "个": 1, "名": 1},
}  # fmt: skip
FACTORS: Final[dict[str, dict[str, Decimal]]] = {
    unit: {name: Decimal(factor) for name, factor in table.items()} for unit, table in _TABLES.items()
}
"""Property unit → unit as written, in lower case → factor."""

_BRACKETS: Final = re.compile(r"^(?P<name>.*?)\s*[(（\[【](?:单位[:：])?\s*(?P<unit>[^()（）\[\]【】]*)[)）\]】]\s*$")


def split_heading(heading: str) -> tuple[str, str]:
    """A column name and the unit in brackets behind it: 注册资本(万元) → 注册资本, 万元."""
    match = _BRACKETS.match(heading.strip())
    return (match["name"].strip(), match["unit"].strip()) if match else (heading.strip(), "")


def factor(written: str, unit: str) -> Decimal | None:
    """What a number in the unit `written` is multiplied by to be in `unit`; None if that is not known."""
    table = FACTORS.get(unit)
    key = written.strip().lower()
    if table is not None and key in table:
        return table[key]
    return Decimal(1) if key == unit.lower() else None


def known_units(unit: str) -> tuple[str, ...]:
    """How `unit` and its multiples may be written."""
    return tuple(FACTORS.get(unit, {unit: Decimal(1)}))
