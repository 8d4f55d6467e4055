"""What the demo park knows of two trades: stages of the chains, and their goods. Terms of the trade, no firm's data.

`chains.csv` has a stage a line: chain, code, 中文, English, position, codes of the stages that it feeds, and its goods
(中文/English, `*` a material).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

POSITIONS: Final = {"U": "UPSTREAM", "M": "MIDSTREAM", "D": "DOWNSTREAM", "S": "SUPPORT"}


@dataclass(frozen=True, slots=True)
class Good:
    """A product, or a material."""

    code: str
    zh: str
    en: str
    material: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a chain; `next` are codes of the stages that it feeds."""

    chain: str
    code: str
    zh: str
    en: str
    position: str
    next: tuple[str, ...]
    goods: tuple[Good, ...]


def _stages() -> tuple[Stage, ...]:
    out = []
    with (Path(__file__).parent / "chains.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            made = []
            for number, good in enumerate(row["goods"].split(";"), start=1):
                zh, _, en = good.rstrip("*").partition("¦" if "¦" in good else "/")
                made.append(Good(f"{row['chain']}-{row['code']}-{number}", zh, en, good.endswith("*")))
            following = tuple(code for code in row["next"].split(";") if code)
            position = POSITIONS[row["position"]]
            out.append(Stage(row["chain"], row["code"], row["zh"], row["en"], position, following, tuple(made)))
    return tuple(out)


CHAINS: Final = {
    "IC": ("集成电路产业链", "Integrated circuits"),
    "BIO": ("生物医药产业链", "Biomedicine"),
}
STAGES: Final = _stages()

AREAS: Final = (
    ("310000", "上海市", "PROVINCE", ""),
    ("310115", "浦东新区", "COUNTY", "310000"),
    ("320000", "江苏省", "PROVINCE", ""),
    ("320100", "南京市", "CITY", "320000"),
    ("320200", "无锡市", "CITY", "320000"),
    ("320500", "苏州市", "CITY", "320000"),
    ("330000", "浙江省", "PROVINCE", ""),
    ("330100", "杭州市", "CITY", "330000"),
    ("330200", "宁波市", "CITY", "330000"),
    ("330400", "嘉兴市", "CITY", "330000"),
    ("340000", "安徽省", "PROVINCE", ""),
    ("340100", "合肥市", "CITY", "340000"),
)
"""Public administrative codes (GB/T 2260): code, name, level, the area above."""

INDUSTRIES: Final = (
    ("C3973", "集成电路制造"),
    ("C3972", "半导体分立器件制造"),
    ("C3985", "电子专用材料制造"),
    ("C3562", "半导体器件专用设备制造"),
    ("I6520", "集成电路设计"),
    ("I6513", "应用软件开发"),
    ("C2710", "化学药品原料药制造"),
    ("C2720", "化学药品制剂制造"),
    ("C2761", "生物药品制造"),
    ("C3589", "其他医疗设备及器械制造"),
    ("M7340", "医学研究和试验发展"),
    ("C2770", "卫生材料及医药用品制造"),
)
"""GB/T 4754-2017: code, name."""

TECHNOLOGIES: Final = (
    ("T01", "浸没式光刻", "Immersion lithography", 8, ("EQ-LITHO", "RESIST")),
    ("T02", "原子层沉积", "Atomic layer deposition", 8, ("EQ-DEPO", "PRECUR")),
    ("T03", "碳化硅外延生长", "SiC epitaxial growth", 7, ("EPI",)),
    ("T04", "混合键合", "Hybrid bonding", 6, ("PKG-ADV",)),
    ("T05", "硅通孔", "Through-silicon via", 8, ("PKG-ADV",)),
    ("T06", "化学放大光刻胶配方", "Chemically amplified resists", 7, ("RESIST", "RESIN")),
    ("T07", "高深宽比刻蚀", "High-aspect-ratio etching", 7, ("EQ-ETCH",)),
    ("T08", "BCD工艺", "BCD process", 9, ("FAB-ANALOG",)),
    ("T09", "连续灌流培养", "Continuous perfusion culture", 7, ("CDMO-B", "SUT")),
    ("T10", "定点偶联", "Site-specific conjugation", 6, ("ADC-M", "LINKER")),
    ("T11", "脂质纳米颗粒包封", "Lipid nanoparticle encapsulation", 8, ("MRNA", "LIPID")),
    ("T12", "蛋白A亲和层析", "Protein A chromatography", 9, ("RESIN-P", "PURIFY")),
)
