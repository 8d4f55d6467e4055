"""Learning, measured: `python -m benchmarks.bench_ml --data ../shared/data --out DIR [--only NAME ...] [--seeds N]`.

Writes DIR/metrics.json, DIR/opensiterec.json ({city: {brand: [20 region ids, best first]}}), DIR/*_ranks.json (the
ranks of every test fact) and reliability plots. Each part runs on one core; its results are merged into metrics.json as
soon as it ends.
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
# Seeds of each part unless --seeds says otherwise: the long ones are run once.
SEEDS = {"kinships": 5, "umls": 5, "opensiterec": 5, "icews14": 1, "speed": 1}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the public tables")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, help="how many seeds, for every part")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        print(f"The benchmark data is absent: {chosen.data.resolve()}", file=sys.stderr)
        return 2
    chosen.out.mkdir(parents=True, exist_ok=True)
    data, out = chosen.data, chosen.out
    runs: dict[str, Callable[[int], dict[str, Any]]] = {
        "kinships": lambda n: links.static("kinships", data, out, n),
        "umls": lambda n: links.static("umls", data, out, n),
        "speed": lambda _: speed.run(data),
        "opensiterec": lambda n: sites.run(data, out, n),
        "icews14": lambda n: links.temporal("icews14", data, out, n),
    }
    path = out / "metrics.json"
    for name in chosen.only:
        print(f"== {name}", flush=True)
        begun = time.perf_counter()
        result = runs[name](chosen.seeds or SEEDS[name])
        result["part_seconds"] = time.perf_counter() - begun
        metrics = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        metrics["machine"] = {"python": platform.python_version(), "processor": platform.machine()}
        metrics[name] = result
        path.write_text(json.dumps(metrics, ensure_ascii=False, indent=1), encoding="utf-8")
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
