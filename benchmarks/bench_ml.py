"""Learning, measured: `python -m benchmarks.bench_ml --data ../shared/data --out DIR [--only NAME ...] [--seeds N]`.

Writes DIR/metrics.json, DIR/opensiterec.json ({city: {brand: [20 region ids, best first]}}), DIR/*_ranks.json (the
ranks of every test fact) and reliability plots. Each part runs on one core; its results are merged into metrics.json as
soon as it ends. With --small every part runs with smaller settings and one seed, and figures below the floors of
FLOORS end it with an error: that is what CI runs.
"""

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

# `python benchmarks/bench_ml.py` puts this folder, not the repository, on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.ml import links, sites, speed

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("kinships", "umls", "speed", "opensiterec", "icews14")
SEEDS = 5
# What the small run must reach, by part: well below what it does reach, well above every baseline.
FLOORS = {"kinships": 0.75, "umls": 0.85, "opensiterec": 0.26, "icews14": 0.55}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the public tables")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--seeds", type=int, help=f"how many seeds, for every part (default {SEEDS}, or 1 with --small)"
    )
    parser.add_argument("--small", action="store_true", help="a short run with floors, for CI")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        told = "Name the folder with --data (make bench-ml ML_DATA=FOLDER)."
        print(f"The benchmark data is absent: {chosen.data.resolve()}. {told}", file=sys.stderr)
        return 2
    chosen.out.mkdir(parents=True, exist_ok=True)
    data, out, small = chosen.data, chosen.out, chosen.small
    seeds = chosen.seeds or (1 if small else SEEDS)
    runs: dict[str, Callable[[], dict[str, Any]]] = {
        "kinships": lambda: links.static("kinships", data, out, seeds, small=small),
        "umls": lambda: links.static("umls", data, out, seeds, small=small),
        "speed": lambda: speed.run(data),
        "opensiterec": lambda: sites.run(data, out, seeds, small=small),
        "icews14": lambda: links.temporal("icews14", data, out, seeds, small=small),
    }
    path = out / "metrics.json"
    low = False
    for name in chosen.only:
        print(f"== {name}", flush=True)
        begun = time.perf_counter()
        result = runs[name]()
        result["part_seconds"] = time.perf_counter() - begun
        metrics = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        metrics["machine"] = {"python": platform.python_version(), "processor": platform.machine()}
        metrics[name] = result
        path.write_text(json.dumps(metrics, ensure_ascii=False, indent=1), encoding="utf-8")
        if small and name in FLOORS:
            low |= below(name, result)
    print(f"wrote {path}")
    return 1 if low else 0


def below(name: str, result: dict[str, Any]) -> bool:
    """Whether the small run of a part fell below its floor; says so."""
    reached = result["average_recall"]["mean"] if name == "opensiterec" else result["mrr_mean"]
    if reached >= FLOORS[name]:
        return False
    print(f"{name} reaches {reached:.4f}, which is below its floor of {FLOORS[name]}", file=sys.stderr)
    return True


if __name__ == "__main__":
    sys.exit(main())
