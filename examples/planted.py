"""What is hidden in the demo park, by numbers of firms. `planted.yaml` says the same as answers, for tests alone.

docs/demo-park.md tells each as a story.
"""

from __future__ import annotations

from typing import Final

# ---------------------------------------------------------------- gaps of the chains

GAPS: Final = ("IC-RESIST-1", "IC-GAS-4", "IC-EQ-METRO-2", "IC-SUBSTR-1", "BIO-RESIN-P-1", "BIO-GLASS-2")
"""Goods that residents use and no resident makes."""

UNREPORTED: Final = ("BIO-FILTER-1", 62)
"""A gap that is none: the resident's business scope names the good, which the survey of makers left out."""

RENAMED: Final = ("IC-CMP-1", 104)
"""Another: the old directory knows the maker under its former name, without a code."""
NEW_NAME: Final = "上海砚朔示例抛光科技有限公司"

NO_RESIDENT_MAKES: Final = frozenset({*GAPS, UNREPORTED[0], RENAMED[0]})

INPUTS: Final = {
    "IC-RESIST-1": ("IC-FAB-LOGIC-1", "IC-FAB-LOGIC-2", "IC-FAB-MEM-2"),
    "IC-GAS-4": ("IC-FAB-LOGIC-1", "IC-FAB-MEM-2"),
    "IC-EQ-METRO-2": ("IC-FAB-LOGIC-1", "IC-FAB-MEM-1"),
    "IC-SUBSTR-1": ("IC-PKG-ADV-1",),
    "BIO-RESIN-P-1": ("BIO-CDMO-B-1",),
    "BIO-GLASS-2": ("BIO-FILL-1",),
    "BIO-FILTER-1": ("BIO-CDMO-B-1", "BIO-VACCINE-1"),
    "IC-CMP-1": ("IC-FAB-LOGIC-1", "IC-FAB-LOGIC-2"),
    "IC-WET-3": ("IC-FAB-LOGIC-1", "IC-FAB-ANALOG-1"),
    "IC-POLY-1": ("IC-WAFER-1", "IC-WAFER-2", "IC-WAFER-3"),
    "IC-WAFER-2": ("IC-FAB-ANALOG-1", "IC-EPI-1"),
    "IC-WAFER-3": ("IC-FAB-LOGIC-1", "IC-EPI-2"),
    "IC-EPI-1": ("IC-FAB-POWER-1",),
    "IC-EPI-2": ("IC-FAB-RF-1",),
}
"""Into what each of these goes, and into nothing else."""

GOODS: Final = {
    33: ("IC-FAB-MEM-1", "IC-FAB-MEM-2"), 126: ("IC-FAB-MEM-2",), 219: ("IC-FAB-MEM-1",), 312: ("IC-FAB-MEM-2",),
    35: ("IC-FAB-POWER-1",), 128: ("IC-FAB-POWER-1", "IC-FAB-POWER-2"), 221: ("IC-FAB-POWER-1",),
    381: ("IC-WET-3",), 474: ("IC-WET-3",), 374: ("IC-POLY-1",), 375: ("IC-WAFER-2",), 468: ("IC-WAFER-3",),
    376: ("IC-EPI-1",), 283: ("IC-EPI-2",), 469: ("IC-EPI-2",),
}  # fmt: skip
"""What these firms make, and nothing else."""

ARF_MAKERS: Final = (378, 471, 518, 519, 520)
PLACED: Final = {518: "IC-RESIST", 519: "IC-RESIST", 520: "IC-RESIST"}
"""Firms at another stage than their number would give."""

# ---------------------------------------------------------------- supply

BURNT: Final = 378
"""A maker of ArF photoresist whose plant burns on 2026-05-18."""
EXPOSED: Final = 32
"""Who buys from it alone, and has stock for 45 days."""
STOCK_DAYS: Final = 45

CONTROLLER: Final = 467
TWINS: Final = (381, 474)
"""Two suppliers of hydrogen peroxide to one customer; one firm controls both."""
TWINS_CUSTOMER: Final = 127

ROOT_SUPPLIER: Final = 374
"""The polysilicon maker three tiers above five fabs."""
FIVE: Final = (35, 128, 221, 36, 129)

SUPPLIERS: Final = {
    (32, "IC-RESIST-1"): (378,), (125, "IC-RESIST-1"): (378, 471), (218, "IC-RESIST-1"): (471, 519),
    (311, "IC-RESIST-1"): (378, 471), (33, "IC-RESIST-1"): (471,), (126, "IC-RESIST-1"): (519,),
    (312, "IC-RESIST-1"): (471, 520), (127, "IC-WET-3"): TWINS,
    (375, "IC-POLY-1"): (374,), (468, "IC-POLY-1"): (374,), (376, "IC-WAFER-2"): (375,),
    (469, "IC-WAFER-3"): (468,), (283, "IC-WAFER-3"): (468,), (35, "IC-EPI-1"): (376,), (128, "IC-EPI-1"): (376,),
    (221, "IC-EPI-1"): (376,), (36, "IC-EPI-2"): (469,), (129, "IC-EPI-2"): (283, 469),
}  # fmt: skip
"""From whom these buy that; all others draw lots."""
RESERVED: Final = frozenset({374, 375, 468, 376, 469, 283, *TWINS, *ARF_MAKERS})
"""Sell to those of SUPPLIERS alone."""

# ---------------------------------------------------------------- ownership, registers

LOOP: Final = ((50, 143, 12.5), (143, 236, 8.0), (236, 50, 15.0))
"""Investor, company, percent: each owns a part of the next."""
CONTROL: Final = ((CONTROLLER, 381, 80.0), (CONTROLLER, 474, 67.0))

ENDED_2025: Final = (31, 89, 204, 411)
CHANGED_2025: Final = tuple(range(7, 300, 9))
CORRECTED: Final = 46
ELSEWHERE: Final = 247
"""Registered in the park; works in Suzhou."""
MOVED: Final = 133
"""Left for Hefei on 2026-05-08; the first sign came four months before."""

# ---------------------------------------------------------------- attraction of firms

LANDED: Final = {
    3: (322, "2024-09-12", 12000, 9000, 8000),
    11: (345, "2024-12-03", 5000, 5000, 5000),
    20: (357, "2025-03-18", 30000, 6000, 15000),
    33: (359, "2025-05-27", 20000, 12000, 10000),
}
"""Project → firm, founded, registered capital, paid in, promised (万元): the third paid less than it had promised."""
NEW: Final = {firm: (founded, capital, paid) for firm, founded, capital, paid, _ in LANDED.values()}

IN_LITIGATION: Final = 518
"""A maker of ArF photoresist and the lead with the largest promise; it is being sued."""
TEMPTING_LEAD: Final = 7
CAPACITY: Final = {(518, "IC-RESIST-1"): 9900}
""" … and the largest capacity."""
REFUSED: Final = 471
REFUSING_PROJECT: Final = 15

SPACE_PROJECT: Final = 24
"""Needs a space by 2026-09-30; the best one comes on 2026-12-01, the next best in time."""
SPACES: Final = {
    20: {
        "面积(㎡)": 3200, "层高(米)": 8.1, "楼面荷载(kN/㎡)": 15, "配电(kVA)": 2500, "双回路": "是",
        "火灾危险类别": "C", "可交付日期": "2026-12-01",
    },
    32: {
        "面积(㎡)": 1800, "层高(米)": 7.2, "楼面荷载(kN/㎡)": 10, "配电(kVA)": 1250, "双回路": "是",
        "火灾危险类别": "C", "可交付日期": "2026-08-01",
    },
}  # fmt: skip
NEXT_YEAR_PLOT: Final = 21
"""Occupied until the end of 2026, available from 2027-01-01."""

# ---------------------------------------------------------------- sources that differ: 11 + 7 + 3 + 2 = 23

CAPITAL_DIFFERS: Final = tuple(range(28, 360, 32))
ADDRESS_DIFFERS: Final = (15, 51, 96, 150, 195, 240, 291)
EMPLOYEES_DIFFER: Final = (33, 105, 222)
MERGED: Final = (7, 118)
"""Residents whom the old directory names otherwise and without a code: joined by a person."""
WRONGLY_MERGED: Final = 206
"""A resident to whom a firm of a like name was joined, which was undone."""
