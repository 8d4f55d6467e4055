"""How long it takes to find, for new names, the known firms that they may be, and how often that is right.

    python benchmarks/bench_match.py [--small] [--out FOLDER]

200,000 known and 20,000 new firms with synthetic names: place, brand, trade, legal form. Half of the new ones are
known firms under another spelling (each kind of spelling is counted by itself), the others are firms of their own, with
brands, trades and places that known firms have too. One process, one thread. A pair counts as found when it is
proposed (`kg.ingest.matching.scoring.PROPOSED`); precision is the share of planted pairs among all proposed. Nothing
is asserted.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections import Counter
from pathlib import Path
from typing import Any

from kg.ingest.matching.candidates import candidates
from kg.ingest.matching.scoring import PROPOSED, Kind, Named

# Letters of brands; two make one.
LETTERS = (
    "澜砚栎珩霁岫笙翊煦沅绮砺铎弈泽衡睿霖朔岚澈昀璟穆徽埔云栖晟钰琛骏翰瀚颐恺祺瑾瑜璞玥珂珺琪琦琳锦钧铭锐锋鑫"
    "淼焱垚森林川岳峰岭嵘巍屹峻崇宏弘泓鸿浩瀛沧润渊源涵洁清泉溪汐涛波瀑启航扬帆"
)
TRADES = (
    "新材料", "材料科技", "微电子", "半导体设备", "生物科技", "生物制药",
    "医疗器械", "智能科技", "软件", "信息技术", "化学",
    "精密机械", "自动化设备", "光电科技",
    "能源科技", "环保工程", "检测技术", "物流", "包装材料", "集成电路",
)  # fmt: skip
CITIES = ("上海", "苏州", "无锡", "南京", "杭州", "宁波", "合肥", "嘉兴", "南通", "常州")
LEGAL = ("有限公司", "股份有限公司", "有限责任公司")
Parts = tuple[str, str, str, str]


def spelt(kind: str, parts: Parts, draw: random.Random) -> str:
    """Another way to write a firm's name."""
    city, brand, trade, legal = parts
    name = f"{city}{brand}{trade}{legal}"
    match kind:
        case "same":
            return name
        case "full width":
            return f"{city} {brand}{trade}{legal}".replace("有限", " 有限 ") + "\u3000"
        case "place in brackets":
            return f"{brand}{trade}({city}){legal}"
        case "no place":
            return f"{brand}{trade}{legal}"
        case "with 市":
            return f"{city}市{brand}{trade}{legal}"
        case "other legal form":
            return f"{city}{brand}{trade}{LEGAL[(LEGAL.index(legal) + 1) % 3]}"
        case "no legal form":
            return f"{city}{brand}{trade}"
        case "group":
            return f"{city}{brand}{trade}(集团){legal}"
        case "short":
            return f"{brand}{trade}"[: len(brand) + 2]
        case _:  # one letter of the trade is wrong
            at = draw.randrange(len(trade))
            return f"{city}{brand}{trade[:at]}{draw.choice('业工商贸')}{trade[at + 1 :]}{legal}"


KINDS = (
    "same", "full width", "place in brackets", "no place", "with 市", "other legal form", "no legal form", "group",
    "short", "typing error", "former name",
)  # fmt: skip


def firms(known_count: int, new_count: int) -> tuple[list[Named], list[Named], dict[str, tuple[str, str]]]:
    """(known, new, new id → (known id, kind of spelling))."""
    draw = random.Random(20260630)
    # Two letters or three; a brand has two or three firms, in several trades and places.
    brands = ["".join(draw.sample(LETTERS, draw.choice((2, 3)))) for _ in range((known_count + new_count) * 2 // 5)]
    all_parts: set[tuple[str, str, str]] = set()
    while len(all_parts) < known_count + new_count:
        all_parts.add((draw.choice(CITIES), draw.choice(brands), draw.choice(TRADES)))
    parts = sorted(all_parts)
    draw.shuffle(parts)
    known, spelling = [], {}
    for number, (city, brand, trade) in enumerate(parts[:known_count]):
        legal = draw.choice(LEGAL)
        spelling[number] = (city, brand, trade, legal)
        known.append(_firm(f"k{number}", f"{city}{brand}{trade}{legal}", number, draw))
    new, truth = [], {}
    for number in range(new_count // 2):
        kind = KINDS[number % len(KINDS)]
        of = draw.randrange(known_count)
        while known[of].names[1:]:
            of = draw.randrange(known_count)
        if kind == "former name":
            other = parts[known_count + number]
            before = f"{other[0]}{other[1]}{other[2]}有限公司"
            known[of] = Named(known[of].id, "Enterprise", (*known[of].names, ("former", before)), known[of].address)
            text = before
        else:
            text = spelt(kind, spelling[of], draw)
        # Short names and wrong letters alone are weak: some rows have the address, as files do.
        with_address = draw.random() < 0.5
        new.append(Named(f"n{number}", "Enterprise", (("name", text),), known[of].address if with_address else ""))
        weak = with_address and kind in {"short", "typing error"}
        truth[f"n{number}"] = (f"k{of}", f"{kind} + address" if weak else kind)
    for number in range(new_count // 2, new_count):
        city, brand, trade = parts[known_count + number]
        new.append(_firm(f"n{number}", f"{city}{brand}{trade}{draw.choice(LEGAL)}", -number, draw))
    return known, new, truth


def _firm(name: str, text: str, number: int, draw: random.Random) -> Named:
    address = f"示例{draw.choice(LETTERS)}{draw.choice(LETTERS)}路{draw.randrange(1, 3000)}号" if number % 3 else ""
    return Named(name, "Enterprise", (("name", text),), address)


def measure(known_count: int, new_count: int) -> dict[str, Any]:
    """One run; prints it."""
    known, new, truth = firms(known_count, new_count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, cpu = time.perf_counter(), time.process_time()
    proposed = list(candidates(new, known, Kind.NAME))
    seconds, used = time.perf_counter() - begun, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = {(found.other, found.one) for found in proposed}
    planted = Counter(kind for _, kind in truth.values())
    right = Counter(kind for name, (of, kind) in truth.items() if (name, of) in pairs)
    total = sum(right.values())
    recalls = {kind: round(right[kind] / count, 3) for kind, count in sorted(planted.items())}
    result = {
        "known": known_count, "new": new_count, "proposed": len(proposed), "least": PROPOSED,
        "precision": round(total / max(len(proposed), 1), 4), "recall": round(total / len(truth), 4),
        "recall_by_spelling": recalls,
        "seconds": round(seconds, 2), "cpu_seconds": round(used, 2), "names_mb": round(before / 1024),
        "peak_mb": round(peak / 1024),
    }  # fmt: skip
    took = f"{seconds:.1f} s ({used:.1f} s of CPU), peak {peak / 1024:.0f} MB"
    print(f"{new_count} new names against {known_count} known: {took}")
    print(f"precision {result['precision']:.3f}, recall {result['recall']:.3f} of {len(truth)} planted pairs")
    for kind, share in recalls.items():
        print(f"  {kind:24} {share:6.3f} of {planted[kind]}")
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--small", action="store_true")
    said = parser.parse_args()
    result = measure(10_000, 1_000) if said.small else measure(200_000, 20_000)
    said.out.mkdir(parents=True, exist_ok=True)
    (said.out / "bench_match.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
