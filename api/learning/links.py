"""Link prediction over a store: train at a split instant, evaluate (also on what came true since), answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from api.learning.models import Probabilities, Shelf, Trained, fits, version_of
from api.learning.reading import View, micros, moment, read_links, relations_of, split_instant
from kg.ml.calibration import Calibrator, calibrate, reliability
from kg.ml.card import model_card
from kg.ml.errors import ModelFileError, UnusableData
from kg.ml.graph import Shares, moments_before, triples_of
from kg.ml.links.baselines import Degree, Popularity
from kg.ml.links.blend import Blend, BlendSettings
from kg.ml.links.embedding import Training
from kg.ml.links.evaluation import rank
from kg.ml.links.facts import RELATION, TAIL, Facts, LinkGraph, Queries
from kg.ml.links.held_out import all_candidates, normalised_scores
from kg.ml.links.model import Progress, silent
from kg.ml.links.model_file import graph_print, load_model, save_model
from kg.ml.links.rules.mine import Mining
from kg.ml.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kg.ml.links.rules.model import Fired
    from kg.store.base import Store

_JUDGED: Final = 1000
"""Held-out facts that calibrators are fitted and judged on, at most."""
_SHOWN: Final = 20
"""Held-out facts of a relation from which its own figure is shown."""
_LIMITS: Final = (
    "A prediction says that a fact would fit those known, not why, nor that it holds.",
    "It is no ground for a decision about a firm or a person.",
    "A probability is the share of held-out facts among candidates of such a score: fair if facts lack at random.",
    "Facts that nobody has recorded count as false there, so that it is rather too low.",
    "It sees which relations exist, not their properties, and no property of an entity.",
    "Figures are from facts held out at random; what becomes known later is harder (`jingwei ml evaluate`).",
)


@dataclass(frozen=True, slots=True)
class LinkRecipe:
    """How to train. `every`: cut valid time into `moments` (year, quarter, month) for a temporal model; "" is static.
    `relations`: None is all."""

    name: str = "links"
    level: int = 0
    classes: tuple[str, ...] | None = None
    relations: tuple[str, ...] | None = None
    every: str = ""
    moments: int = 8
    shares: Shares = field(default_factory=Shares)
    training: Training = field(
        default_factory=lambda: Training(rank=64, epochs=30, batch=200, n3=0.01, smooth=0.01, check_every=5, patience=2)
    )
    mining: Mining = field(default_factory=lambda: Mining(walks=60_000))


@dataclass(frozen=True, slots=True)
class Links:
    """A model that can answer: read, checked and ready."""

    trained: Trained
    model: Blend
    calibrator: Calibrator

    @property
    def graph(self) -> LinkGraph:
        return self.model.graph


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate: entity id, the model's score, the probability."""

    entity: str
    score: float
    probability: float


@dataclass(frozen=True, slots=True)
class Reasons:
    """Why: parts that sum to the score, and the rules that fired, each with a path of entity ids."""

    contributions: dict[str, float]
    rules: tuple[Fired, ...]


async def train(
    store: Store, shelf: Shelf, recipe: LinkRecipe, known_at: int | None, progress: Progress = silent
) -> Trained:
    """Train on what was known at the instant (None: now) and keep the model. Raises UnusableData, QueryError."""
    view = View(await split_instant(store, known_at), recipe.level, recipe.classes)
    relations = relations_of(store, recipe.relations)
    valids: tuple[int, ...] = (view.system,)
    if recipe.every:
        valids = tuple(micros(at) for at in moments_before(moment(view.system), recipe.every, recipe.moments))
    graph = await read_links(store, view, valids, relations, recipe.shares)
    arrays = shelf.make().paths(recipe.name)[0]

    def work() -> tuple[Blend, Calibrator, dict[str, float]]:
        model, calibrator, figures = fitted(graph, recipe, progress)
        save_model(model, arrays)
        return model, calibrator, figures

    model, calibrator, figures = await asyncio.to_thread(work)
    trained = Trained(
        name=recipe.name,
        task="links",
        kind=model.kind,
        version=version_of(arrays),
        schema_hash=store.schema.hash,
        system=view.system,
        level=view.level,
        classes=view.classes,
        data=graph_print(graph, with_facts=True),
        valids=valids,
        relations=relations,
        shares=(recipe.shares.valid, recipe.shares.test, recipe.shares.seed),
        probabilities=Probabilities(
            method=calibrator.method, knots=tuple(calibrator.knots.tolist()), values=tuple(calibrator.values.tolist())
        ),
        figures=figures,
    )
    card = model_card(model, figures, split_instant=moment(view.system), limits=_limits(trained))
    shelf.put(trained, card.markdown())
    return trained


def _limits(trained: Trained) -> tuple[str, ...]:
    seen = f"It read as level {trained.level}" + (
        f", classes {', '.join(trained.classes)}." if trained.classes is not None else ", all classes seen there."
    )
    return (*_LIMITS, f"{seen} Readers who see less are not answered.")


def fitted(
    graph: LinkGraph, recipe: LinkRecipe, progress: Progress = silent
) -> tuple[Blend, Calibrator, dict[str, float]]:
    """Pure: the model, its calibrator (both chosen on valid) and its figures on test."""
    if not len(graph.valid):
        raise UnusableData(
            "There are too few facts to hold some out",
            value=len(graph.train),
            remedy="Load more, or name a larger share with --valid.",
        )
    training = replace(recipe.training, seed=recipe.shares.seed)
    model = Blend(BlendSettings(training, mining=replace(recipe.mining, seed=recipe.shares.seed)))
    model.fit(graph, progress=progress)
    with one_thread():
        valid = _sample(graph.valid, recipe.shares.seed)
        calibrator = calibrate(*all_candidates(model, graph, valid, earlier=(graph.train,)))
        figures = held_out_figures(model, calibrator, graph, recipe.shares.seed)
    return model, calibrator, figures


def _sample(facts: Facts, seed: int) -> Facts:
    order = np.random.default_rng([seed, 11]).permutation(len(facts))[:_JUDGED]
    return Facts(np.ascontiguousarray(facts.rows[np.sort(order)]))


def held_out_figures(model: Blend, calibrator: Calibrator, graph: LinkGraph, seed: int) -> dict[str, float]:
    """MRR and Hits@10 of the test facts beside two baselines; Brier score and calibration error of the probabilities.
    Without a test part: of valid, named so."""
    part, facts = ("test", graph.test) if len(graph.test) else ("valid", graph.valid)
    ranks = rank(model.score_tails, graph, facts)
    out = {f"{part} facts": float(len(facts)), f"{part} MRR": ranks.mrr, f"{part} Hits@10": ranks.hits(10)}
    for relation, (mrr, count) in sorted(ranks.mrr_by_relation().items()):
        if count >= _SHOWN:
            out[f"{part} MRR, {graph.relations[relation]} ({count})"] = mrr
    for baseline in (Popularity(), Degree()):
        baseline.fit(graph)
        out[f"{part} MRR of {baseline.kind}"] = rank(baseline.score_tails, graph, facts).mrr
    earlier = (graph.train, graph.valid) if part == "test" else (graph.train,)
    scores, truth = all_candidates(model, graph, _sample(facts, seed), earlier=earlier)
    judged = reliability(calibrator(scores), truth)
    return out | {f"{part} Brier": judged.brier, f"{part} ECE": judged.ece, f"{part} prevalence": judged.prevalence}


async def load(store: Store, shelf: Shelf, trained: Trained) -> Links:
    """Read again what it learned from, and make it ready.

    Raises SchemaMismatch; ModelFileError where the store gives other facts now: some were erased.
    """
    fits(trained, store.schema.hash)
    valid, test, seed = trained.shares
    graph = await read_links(store, trained.view, trained.valids, trained.relations, Shares(valid, test, seed))
    if graph_print(graph, with_facts=True) != trained.data:
        raise ModelFileError(
            "The store no longer gives what the model learned from",
            where=f"model {trained.name}",
            remedy="Something was erased since, or the model belongs to another store. Train again.",
        )
    arrays = shelf.paths(trained.name)[0]
    model = await asyncio.to_thread(load_model, arrays, graph)
    told = trained.probabilities
    if not isinstance(model, Blend) or told is None:
        raise ModelFileError("The file holds no link predictor", where=str(arrays), remedy="Train again.")
    return Links(trained, model, Calibrator(told.method, np.array(told.knots), np.array(told.values)))


def query_of(links: Links, entity: str, relation: str, *, out: bool, valid: int) -> Queries:
    """The question in the model's numbers. Raises UnknownName for what was not known at the split."""
    graph = links.graph
    at = None
    if graph.is_temporal:
        at = graph.moments[int(np.searchsorted(np.array(links.trained.valids), valid, side="right")) - 1]
    return graph.query(entity, relation, moment=at, head_side=not out)


def known_ends(graph: LinkGraph, query: Queries) -> frozenset[str]:
    """Who is known to answer, at any moment, in any part."""
    n = len(graph.relations)
    relation, entity = int(query.relations[0]), int(query.heads[0])
    rows = triples_of((graph.train, graph.valid, graph.test))
    here, there = (0, TAIL) if relation < n else (TAIL, 0)
    held = rows[(rows[:, RELATION] == relation % n) & (rows[:, here] == entity), there]
    return frozenset(graph.entities[i] for i in held.tolist())


def candidates(links: Links, query: Queries) -> list[Scored]:
    """Every entity that is not known to answer (nor is the one asked about), best first."""
    graph = links.graph
    with one_thread():
        scores = links.model.score_tails(query)[0].astype(np.float64)
        shares = links.calibrator(normalised_scores(links.model, query)[0])
    left_out = known_ends(graph, query) | {graph.entities[int(query.heads[0])]}
    order = np.argsort(-scores, kind="stable")
    return [
        Scored(graph.entities[i], float(scores[i]), float(shares[i]))
        for i in order.tolist()
        if graph.entities[i] not in left_out
    ]


def reasons(links: Links, query: Queries, entity: str) -> Reasons:
    tail = links.graph.entity(entity)
    with one_thread():
        parts = links.model.explain(query, tail)
        fired = links.model.rules.explain(query, tail) if links.model.rules is not None else []
    return Reasons(parts, tuple(fired))


async def evaluate(store: Store, links: Links, until: int | None, named: Callable[[str], None]) -> dict[str, float]:
    """The held-out figures again, and the ranks of what became known after the split, up to `until` (None: now)."""
    graph, trained = links.graph, links.trained
    named("held out at the split")
    figures = await asyncio.to_thread(held_out_figures, links.model, links.calibrator, graph, trained.shares[2])
    later = View(await split_instant(store, until), trained.level, trained.classes)
    named("known later")
    after = await read_links(store, later, (later.system,), trained.relations, Shares(0, 0, 0))
    told, outside = later_facts(graph, after)
    figures |= {"later facts": float(len(told) + outside), "later facts of entities not known then": float(outside)}
    if len(told):
        ranks = await asyncio.to_thread(rank, links.model.score_tails, graph, told)
        figures |= {"later MRR": ranks.mrr, "later Hits@10": ranks.hits(10)}
        for baseline in (Popularity(), Degree()):
            baseline.fit(graph)
            figures[f"later MRR of {baseline.kind}"] = rank(baseline.score_tails, graph, told).mrr
    return figures


def later_facts(graph: LinkGraph, after: LinkGraph) -> tuple[Facts, int]:
    """Facts of `after` that `graph` does not have, in its numbers and at its last moment; and how many more name
    something that it does not know."""
    known = {tuple(row) for row in triples_of((graph.train, graph.valid, graph.test)).tolist()}
    rows, outside = [], 0
    for h, r, t in triples_of((after.train,)).tolist():
        names: Sequence[Any] = (
            graph.entity_index.get(after.entities[h]),
            graph.relation_index.get(after.relations[r]),
            graph.entity_index.get(after.entities[t]),
        )
        if None in names:
            outside += 1
        elif tuple(names) not in known:
            rows.append((*names, len(graph.moments) - 1))
    return Facts.of(rows), outside
