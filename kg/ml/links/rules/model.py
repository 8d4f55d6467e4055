"""Rules as a model: every tail that a rule leads to, with the confidence that some rule is right."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError
from kg.ml.links.facts import Floats, Ints, LinkGraph, Queries
from kg.ml.links.model import FitReport, LinkModel, Progress
from kg.ml.links.rules.mine import Mining, Rule, covered, mine
from kg.ml.links.rules.walk import FactIndex, Trails

_COLUMNS = 9


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that speaks for an answer, in words, and the entities on one way through its body."""

    rule: Rule
    text: str
    path: tuple[str, ...]


class Rules(LinkModel):
    """score(h, r, t) = -sum over firing rules of log(1 - confidence): the noisy-or, on a scale that adds up by rule.

    Rules are mined from train alone. On temporal graphs a body must hold near the query's moment.
    """

    kind: ClassVar[str] = "rules"

    def __init__(self, mining: Mining | None = None) -> None:
        super().__init__()
        self.mining = mining or Mining()
        self.rules: dict[int, list[Rule]] = {}
        self._index: FactIndex | None = None
        self._covers: dict[tuple[tuple[int, ...], int], NDArray[np.bool_]] = {}

    def _fit(self, graph: LinkGraph, _progress: Progress, _checkpoint: Path | None, /) -> FitReport:
        self._take(mine(graph, self.mining, self._start(graph)))
        return FitReport()

    def _start(self, graph: LinkGraph) -> FactIndex:
        self._index, self._covers = FactIndex(graph), {}
        return self._index

    def _take(self, rules: list[Rule]) -> None:
        self.rules = {}
        for rule in rules:
            self.rules.setdefault(rule.head, []).append(rule)

    @property
    def index(self) -> FactIndex:
        if self._index is None:
            return self._start(self.graph)
        return self._index

    def _score_tails(self, queries: Queries) -> Floats:
        out = np.zeros((len(queries), len(self.graph.entities)), dtype=np.float32)
        for relation in np.unique(queries.relations).tolist():
            rows = np.flatnonzero(queries.relations == relation)
            for rule in self.rules.get(relation, ()):
                owner, tails = self._fire(rule, queries[rows])
                out[rows[owner], tails] += np.float32(-np.log1p(-min(rule.confidence, 0.999)))
        return out

    def _fire(self, rule: Rule, queries: Queries) -> tuple[Ints, Ints]:
        """(row in ``queries``, tail) of what a rule concludes."""
        temporal = self.graph.is_temporal
        if rule.tail is None:
            moments = queries.moments if temporal else None
            return self.index.walk(queries.heads, rule.body, moments, self.mining.within)
        if temporal:
            owner, ends = self.index.walk(queries.heads, rule.body, queries.moments, self.mining.within)
            rows = np.unique(owner if rule.end is None else owner[ends == rule.end])
        else:
            rows = np.flatnonzero(self._cover(rule)[queries.heads])
        return rows, np.full(len(rows), rule.tail)

    def _cover(self, rule: Rule) -> NDArray[np.bool_]:
        key = (rule.body, -1 if rule.end is None else rule.end)
        if key not in self._covers:
            mask = np.zeros(len(self.graph.entities), dtype=bool)
            mask[covered(self.index, *key)] = True
            self._covers[key] = mask
        return self._covers[key]

    def explain(self, query: Queries, tail: int, *, first: int = 5) -> list[Fired]:
        """The best rules that lead from the (single) query to ``tail``, each with one way through its body."""
        fired = []
        for rule in self.rules.get(int(query.relations[0]), ()):
            _, tails = self._fire(rule, query)
            if tail in tails.tolist():
                fired.append(Fired(rule, rule_text(rule, self.graph), self._path(rule, query, tail)))
            if len(fired) == first:
                break
        return fired

    def _path(self, rule: Rule, query: Queries, tail: int) -> tuple[str, ...]:
        trails = Trails(np.zeros(1, dtype=np.int64), query.heads[:, None])
        moments = query.moments if self.graph.is_temporal else None
        for relation in rule.body:
            trails = self.index.follow(trails, relation, moments, self.mining.within)
        goal = tail if rule.is_cyclic else rule.end
        rows = trails.visited if goal is None else trails.visited[trails.ends == goal]
        return tuple(self.graph.entities[i] for i in rows[0])

    def settings(self) -> dict[str, Any]:
        return {"mining": asdict(self.mining)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> "Rules":
        return cls(Mining(**settings["mining"]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        rows = [
            [
                r.head,
                len(r.body),
                *r.body,
                *([-1] * (3 - len(r.body))),
                -1 if r.tail is None else r.tail,
                -1 if r.end is None else r.end,
                r.support,
                r.covered,
            ]
            for group in self.rules.values()
            for r in group
        ]
        confidence = [r.confidence for group in self.rules.values() for r in group]
        return {"rules": np.array(rows, dtype=np.int64).reshape(-1, _COLUMNS), "confidence": np.array(confidence)}

    def restore(self, arrays: Mapping[str, NDArray[Any]], graph: LinkGraph) -> None:
        if "rules" not in arrays or arrays["rules"].ndim != 2 or arrays["rules"].shape[1] != _COLUMNS:
            raise ModelFileError("The file holds no table of rules", field="rules", remedy="Mine again.")
        self._graph = graph
        self._start(graph)
        self._take(
            [
                Rule(
                    row[0],
                    tuple(row[2 : 2 + row[1]]),
                    None if row[5] < 0 else row[5],
                    None if row[6] < 0 else row[6],
                    row[7],
                    row[8],
                    float(confidence),
                )
                for row, confidence in zip(arrays["rules"].tolist(), arrays["confidence"], strict=True)
            ]
        )


def rule_text(rule: Rule, graph: LinkGraph, names_of: Mapping[str, str] | None = None) -> str:
    """Such as ``uncle(X, Y) <= brother(X, A), father(A, Y)``; an inverse relation is written with its ends swapped.
    ``names_of``: entities for people, where they are other than in the graph."""
    n = len(graph.relations)

    def constant(entity: int) -> str:
        return (names_of or {}).get(graph.entities[entity], graph.entities[entity])

    def atom(relation: int, left: str, right: str) -> str:
        name = graph.relations[relation % n]
        return f"{name}({left}, {right})" if relation < n else f"{name}({right}, {left})"

    last = "Y" if rule.is_cyclic else ("Z" if rule.end is None else constant(rule.end))
    names = ["X", *"AB"[: len(rule.body) - 1], last]
    target = "Y" if rule.tail is None else constant(rule.tail)
    body = ", ".join(atom(r, names[i], names[i + 1]) for i, r in enumerate(rule.body))
    return f"{atom(rule.head, 'X', target)} <= {body}"
