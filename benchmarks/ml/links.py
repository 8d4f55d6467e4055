"""Link prediction on public tables: figures, ranks of every test fact, baselines, calibration."""

import json
import resource
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kg.ml.calibration import Reliability, calibrate, reliability
from kg.ml.links.baselines import Chance, Degree, Popularity
from kg.ml.links.blend import Blend, BlendSettings
from kg.ml.links.embedding import Training
from kg.ml.links.evaluation import KnownTails, Ranks, rank
from kg.ml.links.facts import Facts, LinkGraph, read_quadruples, read_triples
from kg.ml.links.held_out import all_candidates, one_to_one, one_to_one_to_fit
from kg.ml.links.model import EpochReport, LinkModel
from kg.ml.links.rules.mine import Mining
from kg.ml.links.rules.model import Rules
from kg.ml.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

# Chosen on valid; test was read once, by this file.
STATIC = Training(rank=400, epochs=60, batch=50, n3=0.01, check_every=5, check_facts=5000, patience=4)
# Four epochs, a tenth of what the embedding alone would want: beside the counts the rest adds nothing (decision 104).
TEMPORAL = Training(rank=100, epochs=4, batch=1000, n3=0.01, smooth=0.01, check_every=0)

MINING = Mining(walks=60_000)
# Few walks close a path near a moment.
TEMPORAL_MINING = Mining(walks=3_000_000)

# For CI: smaller, with the same code.
SMALL_STATIC = Training(rank=64, epochs=15, batch=100, n3=0.01, check_every=5, patience=2)
SMALL_TEMPORAL = Training(rank=16, epochs=1, batch=1000, n3=0.01, smooth=0.01, check_every=0)
SMALL_FACTS = 1500


def show(report: EpochReport) -> None:
    print(
        f"  epoch {report.epoch}: loss {report.loss:.4f}, {report.seconds:.1f} s, valid {report.valid_mrr}", flush=True
    )


def static(name: str, data: Path, out: Path, seeds: int, *, small: bool = False) -> dict[str, Any]:
    """ComplEx-N3 with rules over seeds, the embedding alone beside it, calibration for each; rules alone once."""
    graph = read_triples(data / "kge" / name)
    training = SMALL_STATIC if small else STATIC
    runs: list[dict[str, Any]] = []
    for seed in range(seeds):
        model = Blend(BlendSettings(replace(training, seed=seed), mining=replace(MINING, seed=seed)))
        entry, ranks = _run(model, graph)
        if model.embedding is not None:
            entry["embedding_alone"] = rank(model.embedding.score_tails, graph, graph.test).summary()
        entry["weights"] = dict(zip(model.channel_names, model.weights.tolist(), strict=True))
        if seed == 0:
            write_ranks(out / f"{name}_ranks.json", graph, ranks)
        entry["calibration"] = calibrated(model, graph, out, name if seed == 0 else f"{name}-{seed}")
        runs.append(entry)
    return {
        "model": "blend",
        "runs": runs,
        **_spread(runs),
        "embedding_alone": _spread([{"test": run["embedding_alone"]} for run in runs]),
        "rules": _run(Rules(MINING), graph)[0],
        "baselines": _baselines(graph),
    }


def temporal(name: str, data: Path, out: Path, seeds: int, *, small: bool = False) -> dict[str, Any]:
    """TNTComplEx with recurrence over seeds; the embedding alone beside it. A small run ranks a sample of test."""
    graph = read_quadruples(data / name)
    training = SMALL_TEMPORAL if small else TEMPORAL
    part = Facts(graph.test.rows[:: len(graph.test) // SMALL_FACTS]) if small else graph.test
    runs: list[dict[str, Any]] = []
    first: dict[str, Any] = {}
    for seed in range(seeds):
        # No walks: rules only explain here.
        model = Blend(BlendSettings(replace(training, seed=seed), mining=Mining(walks=0)))
        entry, ranks = _run(model, graph, part)
        if model.embedding is not None:
            entry["embedding_alone"] = rank(model.embedding.score_tails, graph, part).summary()
        entry["weights"] = dict(zip(model.channel_names, model.weights.tolist(), strict=True))
        print(json.dumps(entry), flush=True)
        runs.append(entry)
        if seed == 0:
            write_ranks(out / f"{name}_ranks.json", graph, ranks)
            common = sorted(ranks.mrr_by_relation().items(), key=lambda item: -item[1][1])[:10]
            by_moment = [m for m, _ in ranks.mrr_by_moment().values()]
            first = {
                "calibration": calibrated(model, graph, out, name, facts=300),
                "mrr_of_commonest_relations": {graph.relations[r]: {"mrr": m, "facts": n} for r, (m, n) in common},
                "mrr_by_day_quartiles": np.quantile(by_moment, [0.25, 0.5, 0.75]).tolist(),
                "example": _example(model, graph),
            }
    return {
        "model": "blend",
        "runs": runs,
        **_spread(runs),
        **first,
        "rules": _run(Rules(MINING if small else TEMPORAL_MINING), graph, part)[0],
        "baselines": _baselines(graph, part),
    }


def _run(model: LinkModel, graph: LinkGraph, part: Facts | None = None) -> tuple[dict[str, Any], Ranks]:
    """Fit, and rank ``part`` (None: test)."""
    begun = time.perf_counter()
    cpu = time.process_time()
    report = model.fit(graph, progress=show)
    seconds, cpu_seconds = time.perf_counter() - begun, time.process_time() - cpu
    begun = time.perf_counter()
    with one_thread():
        ranks = rank(model.score_tails, graph, graph.test if part is None else part)
    scored = time.perf_counter() - begun
    entry = {
        "kind": model.kind,
        "settings": model.settings(),
        "epochs": len(report.epochs),
        "kept_epoch": report.kept_epoch,
        "train_seconds": seconds,
        "train_cpu_seconds": cpu_seconds,
        "seconds_per_epoch": float(np.median([e.seconds for e in report.epochs])) if report.epochs else None,
        "evaluate_seconds": scored,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "test": ranks.summary(),
    }
    print(f"{model.kind}: {entry['test']} in {seconds:.1f} s ({cpu_seconds:.1f} s of CPU)", flush=True)
    return entry, ranks


def _spread(runs: list[dict[str, Any]]) -> dict[str, Any]:
    values = [run["test"]["mrr"] for run in runs]
    return {"mrr_mean": float(np.mean(values)), "mrr_std": float(np.std(values)), "seeds": len(values)}


def _baselines(graph: LinkGraph, part: Facts | None = None) -> dict[str, Any]:
    makers: tuple[Callable[[], LinkModel], ...] = (Chance, Popularity, Degree)
    return {maker().kind: _run(maker(), graph, part)[0]["test"] for maker in makers}


def write_ranks(path: Path, graph: LinkGraph, ranks: Ranks) -> None:
    """One row a test fact: head, relation, tail, moment as written in the data, rank of the tail, rank of the head."""
    rows = [
        [graph.entities[h], graph.relations[r], graph.entities[t], graph.moments[m], float(a), float(b)]
        for (h, r, t, m), a, b in zip(ranks.facts.rows.tolist(), ranks.ranks[0], ranks.ranks[1], strict=True)
    ]
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")


def calibrated(model: LinkModel, graph: LinkGraph, out: Path, name: str, *, facts: int = 2000) -> dict[str, Any]:
    """Calibrators fitted on valid, judged on test: all candidates of sampled queries, and 1:1 with false neighbours."""
    rng = np.random.default_rng(0)
    valid, test = (Facts(part.rows[rng.permutation(len(part))[:facts]]) for part in (graph.valid, graph.test))
    result: dict[str, Any] = {}
    with one_thread():
        fitted = calibrate(*all_candidates(model, graph, valid, earlier=(graph.train,)))
        scores, truth = all_candidates(model, graph, test, earlier=(graph.train, graph.valid))
        everyone = reliability(fitted(scores), truth)
        result["all_candidates"] = _judged(fitted.method, everyone)
        every = KnownTails(graph, (graph.train, graph.valid, graph.test))
        many = 4000 if len(graph.moments) == 1 else 3000
        part = Facts(graph.valid.rows[:many])
        # Of the test part only its size is used: facts as many as valid's that nobody has told us.
        unknown = round(len(graph.test) * len(part) / len(graph.valid))
        fitted = calibrate(*one_to_one_to_fit(model, graph, part, earlier=(graph.train,), still_unknown=unknown))
        scores, truth = one_to_one(model, graph, Facts(graph.test.rows[:many]), known=every, seed=1)
        judged = reliability(fitted(scores), truth)
        result["one_to_one"] = _judged(fitted.method, judged)
    for suffix, shown, title in (("", judged, "1:1"), ("_all", everyone, "all candidates")):
        plot = reliability_svg(shown, f"{name}, {title}")
        (out / f"{name}{suffix}_reliability.svg").write_text(plot, encoding="utf-8")
    print("calibration", json.dumps({k: {m: v[m] for m in ("prevalence", "brier", "ece")} for k, v in result.items()}))
    return result


def _judged(method: str, result: Reliability) -> dict[str, Any]:
    return {
        "method": method,
        "prevalence": result.prevalence,
        "brier": result.brier,
        "ece": result.ece,
        "bins": [
            [float(p), float(f), int(n)]
            for p, f, n in zip(result.mean_probability, result.frequency, result.count, strict=True)
        ],
    }


def _example(model: Blend, graph: LinkGraph) -> dict[str, Any]:
    from kg.ml.links.facts import Queries

    h, r, t, m = graph.test.rows[0].tolist()
    query = Queries(np.array([h]), np.array([r]), np.array([m]))
    parts = model.explain(query, t)
    return {
        "fact": [graph.entities[h], graph.relations[r], graph.entities[t], graph.moments[m]],
        "score": float(model.score_tails(query)[0, t]),
        "parts": dict(sorted(parts.items(), key=lambda item: -abs(item[1]))),
    }


def reliability_svg(result: Reliability, title: str) -> str:
    """Mean probability (x) against frequency (y), a dot a bin, and the diagonal. Both axes end at 1, or at a tenth, a
    hundredth... that holds all dots."""
    side, pad = 240, 34
    most = max(float(result.mean_probability.max()), float(result.frequency.max()))
    top = 10.0 ** np.ceil(np.log10(most)) if most > 0 else 1.0
    points = [
        (pad + p / top * side, pad + (1 - f / top) * side)
        for p, f in zip(result.mean_probability.tolist(), result.frequency.tolist(), strict=True)
    ]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="#1764ab"/>' for x, y in points)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    whole = side + 2 * pad
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {whole + 10}" '
        f'font-family="sans-serif" font-size="11">'
        f'<rect width="{whole}" height="{whole + 10}" fill="#fff"/>'
        f'<rect x="{pad}" y="{pad}" width="{side}" height="{side}" fill="none" stroke="#999"/>'
        f'<line x1="{pad}" y1="{pad + side}" x2="{pad + side}" y2="{pad}" stroke="#bbb" stroke-dasharray="4 3"/>'
        f'<polyline points="{line}" fill="none" stroke="#1764ab"/>{dots}'
        f'<text x="8" y="{pad - 12}">{title}: ECE {result.ece:.2g}, Brier {result.brier:.2g}</text>'
        f'<text x="{pad}" y="{whole + 2}">predicted probability 0 to {top:g}</text>'
        f'<text transform="translate(14,{pad + side}) rotate(-90)">observed frequency 0 to {top:g}</text></svg>\n'
    )
