"""The firms of the demo park, and numbers that look drawn by lot and are the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

from examples import planted
from examples.catalogue import AREAS, STAGES, Good, Stage
from kg.schema.compile import compile_schema
from kg.schema.identifiers import check_character

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.schema.types import Schema

SYNTHETIC = "synthetic"
RESIDENTS, OUTSIDERS = 360, 160
T = TypeVar("T")
Row = dict[str, Any]

# Two of these make a brand; with 示例 behind it no registered firm is meant.
FIRST = "澜砚栎珩霁岫笙翊煦沅绮砺铎弈"
SECOND = "泽衡睿霖朔岚澈昀璟穆徽埔"
CITIES = ("320500", "320200", "320100", "330100", "330200", "330400", "340100")
# Beginning of a stage's code → the trade in a firm's name, and its code of GB/T 4754; the longest that fits.
TRADES = {
    "IC": {
        "": ("材料", "C3985"), "EDA": ("软件", "I6513"), "IP": ("微电子", "I6520"), "DES": ("微电子", "I6520"),
        "FAB": ("集成电路制造", "C3973"), "EQ": ("半导体设备", "C3562"), "PKG": ("封装科技", "C3973"),
        "TEST": ("测试技术", "C3973"), "MODULE": ("功率电子", "C3972"), "BOARD": ("电子科技", "C3972"),
    },
    "BIO": {
        "": ("生物材料", "C2770"), "API": ("化学", "C2710"), "CDMO": ("生物制药", "C2761"),
        "ADC": ("生物制药", "C2761"),
        "CDMO-S": ("制药", "C2720"), "MRNA": ("生物制药", "C2761"), "VACCINE": ("生物制品", "C2761"),
        "TARGET": ("生物科技", "M7340"), "SCREEN": ("药物研究", "M7340"), "AIDD": ("智能科技", "I6513"),
        "CHEM": ("医药科技", "M7340"), "MAB": ("生物科技", "M7340"), "CELL": ("细胞科技", "M7340"),
        "PRECLIN": ("医药研究", "M7340"), "CLINIC": ("医学研究", "M7340"), "REG": ("医药咨询", "M7340"),
        "BIOREACT": ("生物装备", "C3589"), "PURIFY": ("生物装备", "C3589"), "LYOPH": ("制药装备", "C3589"),
        "FILLEQ": ("制药装备", "C3589"), "DEVICE": ("医疗器械", "C3589"), "SEQ": ("基因科技", "C3589"),
        "DIAG": ("诊断科技", "C2770"), "COLD": ("冷链物流", "C2770"), "DIST": ("医药", "C2720"),
    },
}  # fmt: skip


def trade(stage: Stage) -> tuple[str, str]:
    table = TRADES[stage.chain]
    return table[max((start for start in table if stage.code.startswith(start)), key=len)]


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
        """What it makes: firms of a stage take turns, so that every good has a maker."""
        if self.number in planted.GOODS:
            return tuple(g for g in self.stage.goods if g.code in planted.GOODS[self.number])
        kept = planted.NO_RESIDENT_MAKES
        offered = [g for g in self.stage.goods if not (self.resident and g.code in kept)]
        own = offered[self.number // len(STAGES) % len(offered)]
        return tuple(g for g in offered if g == own or g.code in kept or roll("goods", self.number, g.code) < 0.25)

    @property
    def place(self) -> str:
        """The code of its stage, with that of the chain."""
        return f"{self.stage.chain}-{self.stage.code}"


@lru_cache(maxsize=1)
def firms() -> tuple[Firm, ...]:
    out = []
    names: set[str] = set()
    for number in range(1, RESIDENTS + OUTSIDERS + 1):
        resident = number <= RESIDENTS
        stage = STAGES[number % len(STAGES)]
        if number in planted.PLACED:
            stage = next(s for s in STAGES if f"{s.chain}-{s.code}" == planted.PLACED[number])
        kind = trade(stage)[0]
        brand = ""
        for attempt in range(99):
            brand = pick(FIRST, "first", number, attempt) + pick(SECOND, "second", number, attempt)
            if brand + kind not in names:
                break
        names.add(brand + kind)
        area = "310115" if resident else pick(CITIES, "city", number)
        city = "上海" if resident else next(name for code, name, *_ in AREAS if code == area).removesuffix("市")
        year = 2004 + int(roll("year", number) * 19)
        founded = f"{year}-{1 + int(roll('month', number) * 12):02}-{1 + int(roll('day', number) * 28):02}"
        capital = int(10 ** (2.5 + 2.2 * roll("capital", number))) // 10 * 10
        founded, capital, _ = planted.NEW.get(number, (founded, capital, 0))
        short = f"{brand}示例"
        out.append(
            Firm(
                number, f"{city}{short}{kind}有限公司", short, uscc(number), stage, area, resident, founded,
                capital, int(roll("building", number) * 30),
            )
        )  # fmt: skip
    return tuple(out)


def address(firm: Firm) -> str:
    if firm.resident:
        return f"上海市浦东新区经纬示例产业园示例{firm.building + 1}号楼{1 + firm.number % 9}0{1 + firm.number % 8}室"
    return f"{next(name for code, name, *_ in AREAS if code == firm.area)}示例路{firm.number}号"
