"""The demo park many times over, for benchmarks: what each copy holds has ids, codes, names and places of its own.

Copy 0 is the park itself. What everybody may look up (areas, industries, chains, goods, sources) all copies share.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from examples.firms import OUTSIDERS, RESIDENTS, Row, uscc

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST: Final = 1000
SHARED: Final = frozenset({
    "areas.csv", "industries.csv", "chains.jsonl", "stages.jsonl", "products.csv", "materials.csv", "inputs.csv",
    "technologies.jsonl", "sources.jsonl",
})  # fmt: skip
_CODE: Final = re.compile(r"91999999MA(\d{6})[0-9A-Z]{2}")
_ID: Final = re.compile(r"PARK|POL\d(-\d)?|JW-\d\d|[RLKD]\d{3}|[PBSAEC]\d\d|RD\d\d|[ZW]\d")


def named(text: str, copy: int) -> str:
    """A name of the copy's own."""
    return text.replace("示例", f"示例{copy + 1}") if copy else text


def own_id(text: str, copy: int) -> str:
    """A record's id of the copy's own."""
    return f"{text}x{copy}" if copy else text


def moved(position: tuple[float, float], copy: int) -> tuple[float, float]:
    """Degrees, longitude first: copies stand in rows of forty, eastward, then northward."""
    lon, lat = position
    return (round(lon + 0.03 * (copy % 40), 6), round(lat + 0.02 * (copy // 40), 6)) if copy else position


def copied(row: Row, copy: int) -> Row:
    """A row of the park as the copy has it."""
    if not copy:
        return row
    out = {key: _copied(value, copy) for key, value in row.items()}
    if "经度" in out:
        out["经度"], out["纬度"] = moved((out["经度"], out["纬度"]), copy)
    return out


def _copied(value: Any, copy: int) -> Any:
    if isinstance(value, str):
        code = _CODE.fullmatch(value)
        if code is not None:
            return uscc(int(code[1]) + copy * (RESIDENTS + OUTSIDERS))
        return own_id(value, copy) if _ID.fullmatch(value) else named(value, copy)
    if isinstance(value, dict):
        if "coordinates" in value:
            return {**value, "coordinates": _shifted(value["coordinates"], copy)}
        return {key: _copied(one, copy) for key, one in value.items()}
    return [_copied(one, copy) for one in value] if isinstance(value, list) else value


def _shifted(value: Any, copy: int) -> Any:
    if isinstance(value[0], int | float):
        return list(moved((value[0], value[1]), copy))
    return [_shifted(part, copy) for part in value]


def manifest(body: Mapping[str, Any], scale: int) -> dict[str, Any]:
    """What `park.yaml` says, with each decision of a person taken for each copy."""
    loads = [
        _copied(step, copy) if "file" not in step else step
        for step in body["loads"]
        for copy in range(1 if "file" in step else scale)
    ]
    return {**body, "loads": loads}
