"""A name → its normal form: what of it tells who bears it.

A Chinese firm's name is place + brand + trade + legal form (Provisions on the Registration of Enterprise Names,
article 8): 上海 云栖 新材料 有限公司. Place and legal form are taken off, wherever they stand; the core is left. A name
of which nothing is left, or only a trade, has no core and is evidence of nothing.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kg.ingest.matching.places import Places

# Longest first where one ends as another does.
_LEGAL: Final = (
    "集团股份有限公司", "有限合伙企业", "普通合伙企业", "股份有限公司", "有限责任公司", "集团有限公司", "个人独资企业",
    "特殊普通合伙", "合伙企业", "集团公司",
    "有限合伙", "普通合伙", "股份公司", "责任公司", "有限公司", "合作公司", "总公司", "集团", "公司", "总厂",
)  # fmt: skip
_LATIN_FORMS: Final = """
co ltd limited inc incorporated corp corporation company llc llp lp gmbh ag sa bv nv plc pte pty kk group
holdings holding
"""
_LEGAL_LATIN: Final = frozenset(_LATIN_FORMS.split())
_GROUP: Final = ("集团", "group", "holdings", "holding")
_BRANCH: Final = re.compile(r"(?:分公司|分厂|分行|支行|分店|分部|办事处|代表处|营业部|branch)$")
_FORMER: Final = re.compile(r"^(?:原名|曾用名|原|曾)[::]?(.{2,})$")
_BRACKETS: Final = re.compile(r"[(\[{<【〔《「『](.*?)[)\]}>】〕》」』]")
_NOISE: Final = re.compile(r"[^0-9a-z\u3400-\u9fff\U00020000-\U0003ffff\u3040-\u30ff\uac00-\ud7af]+")
# What a firm does says little about who it is.
_TRADES: Final = re.compile(
    "(?:新?材料|科技|技术|电子|电气|电器|软件|信息|网络|智能|机械|设备|装备|仪器|化工|化学|生物|医药|制药|医疗|器械|食品|服装|纺织|"
    "贸易|商贸|实业|工业|工程|建设|建筑|装饰|物流|运输|投资|管理|咨询|服务|文化|传媒|广告|教育|能源|环保|汽车|半导体|微电子|集成电路|"
    "光电|通信|数据|制造|发展|产业|进出口|国际|控股|开发|研究|系统|自动化)+"
)


@dataclass(frozen=True, slots=True)
class NameForm:
    """A name as it is compared. `core` is "" where nothing tells its bearer from others."""

    text: str  # all of it, in one case and width, without spaces and punctuation
    core: str  # without places, legal form and branch
    places: frozenset[str]  # 上海; empty where none is said
    whole: bool  # whether all of it together tells: 上海电气集团 has no core, and is one firm all the same
    branch: str  # what makes it a branch: "苏州分公司"
    group: bool  # whether it calls itself a group
    former: str = ""  # a former name that stands in its brackets


def plain(text: str) -> str:
    """In one width and case, without spaces and punctuation."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", text).casefold())


def name_form(name: str, places: Places) -> NameForm:
    """The normal form of an organisation's name."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    text = _NOISE.sub("", _BRACKETS.sub(lambda m: "" if _FORMER.match(m[1].strip()) else m[1], folded))
    rest, said, former = _without_brackets(folded, places)
    core = _NOISE.sub("", rest)
    branch = ""
    if core.isascii():
        core, found = _without_words(rest, places)
    else:
        core, branch = _without_branch(core)
        found, core = places.leading(_without_legal(core))
        core = _without_legal(core)
    said |= found
    nobody = len(core) < 2 or bool(places.whole(core))
    trade = not nobody and bool(_TRADES.fullmatch(core))
    return NameForm(
        text, "" if nobody or trade else core, said, not nobody and (not trade or bool(said)), branch,
        any(word in text for word in _GROUP), former,
    )  # fmt: skip


def _without_brackets(folded: str, places: Places) -> tuple[str, frozenset[str], str]:
    """(the name, places in brackets, former name in brackets). Other brackets stay, without their marks."""
    said: set[str] = set()
    former: list[str] = []

    def bracket(match: re.Match[str]) -> str:
        inner = match[1].strip()
        if (found := _FORMER.match(inner)) is not None:
            former.append(found[1])
            return " "
        if place := places.whole(_NOISE.sub("", inner)):
            said.add(place)
            return " "
        return f" {inner} "

    return _BRACKETS.sub(bracket, folded), frozenset(said), former[0] if former else ""


def _without_branch(core: str) -> tuple[str, str]:
    """云栖有限公司苏州分公司 → the head firm, and what stands behind its legal form."""
    if not _BRANCH.search(core):
        return core, ""
    cut = max((core.rfind(word) + len(word) for word in ("有限公司", "集团", "总公司") if word in core), default=0)
    if 0 < cut < len(core):
        return core[:cut], core[cut:]
    return _BRANCH.sub("", core), "branch"


def _without_legal(core: str) -> str:
    """Legal forms at the end, one after the other."""
    while (word := next((word for word in _LEGAL if core.endswith(word)), "")) and len(word) < len(core):
        core = core[: -len(word)]
    return "" if core in _LEGAL else core


def _without_words(text: str, places: Places) -> tuple[str, frozenset[str]]:
    words = re.findall(r"[a-z0-9]+", text)
    said = set()
    while words and words[-1] in _LEGAL_LATIN:
        words.pop()
    while len(words) > 1 and (place := places.whole(words[0])):
        said.add(place)
        words.pop(0)
    while len(words) > 1 and ((place := places.whole(words[-1])) or words[-1] in _LEGAL_LATIN):
        said |= {place} - {""}
        words.pop()
    return "".join(words), frozenset(said)


# ---------------------------------------------------------------- addresses

_ROAD: Final = re.compile(r"([\u4e00-\u9fff]{1,8}?(?:大道|公路|路|街|道|巷|弄))(\d+)(?:弄|号|-)?(?:(\d+)号)?")
_AREA: Final = re.compile(r"^.*?(?:新区|开发区|高新区|园区|区|县|镇|街道)")


@dataclass(frozen=True, slots=True)
class AddressForm:
    """An address as it is compared: all of it, and its road with the number."""

    text: str
    road: str = ""
    number: str = ""


def address_form(address: str, places: Places) -> AddressForm:
    """The normal form of an address: without province, city and district; "" where it says nothing else."""
    text = _NOISE.sub("", unicodedata.normalize("NFKC", address).casefold())
    _, text = places.leading(text)
    text = re.sub(r"^(?:新区|区|县|镇|街道)", "", text)
    found = _ROAD.search(text)
    if found is None:
        return AddressForm(text)
    road = _AREA.sub("", found[1]) or found[1]
    return AddressForm(text, road, "-".join(part for part in (found[2], found[3]) if part))
