"""A name in Latin letters for a Chinese one."""

from __future__ import annotations

import re


def proposal(text: str, *, upper: bool) -> str:
    """`text` in pinyin and camel case (工业用地 → gongYeYongDi, with `upper` GongYeYongDi); "" if nothing is left."""
    from pypinyin import lazy_pinyin

    parts: list[str] = []
    for run in re.findall(r"[A-Za-z0-9]+|[^A-Za-z0-9\s]+", text):
        parts += [run] if run.isascii() else lazy_pinyin(run, errors="ignore")
    joined = "".join(part[:1].upper() + part[1:] for part in parts)
    joined = re.sub(r"[^A-Za-z0-9]", "", joined.replace("ü", "v").replace("Ü", "V"))
    joined = re.sub(r"^[0-9]+", "", joined)
    return joined if upper else joined[:1].lower() + joined[1:]
