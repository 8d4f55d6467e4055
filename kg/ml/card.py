"""Model cards: what a model was trained on, how it was split, what it reached, what it cannot do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kg.ml.errors import UnusableData
from kg.ml.links.facts import LinkGraph
from kg.ml.links.model import LinkModel
from kg.ml.links.model_file import graph_print


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The content of a card. ``figures``: by name, such as ``valid mrr``; ``limits``: one sentence each."""

    kind: str
    settings: Mapping[str, object]
    schema_hash: str
    graph_print: str
    split_instant: datetime | None
    entities: int
    relations: int
    moments: int
    facts: Mapping[str, int]
    figures: Mapping[str, float]
    limits: Sequence[str]

    def markdown(self) -> str:
        """The card for people."""
        split = self.split_instant.isoformat() if self.split_instant else "fixed by the data set"
        parts = ", ".join(f"{name} {count:,}" for name, count in self.facts.items())
        lines = [
            f"# Model card: {self.kind}",
            "",
            "| | |",
            "|---|---|",
            f"| Data | {self.entities:,} entities, {self.relations:,} relations, {self.moments:,} moments |",
            f"| Facts | {parts} |",
            f"| Split (system clock) | {split} |",
            f"| Schema | `{self.schema_hash or 'none'}` |",
            f"| Graph | `{self.graph_print[:16]}` |",
            *(f"| {name} | {value:.4f} |" for name, value in self.figures.items()),
            "",
            "## Settings",
            "",
            *(f"- {name}: {value}" for name, value in self.settings.items()),
            "",
            "## Limits",
            "",
            *(f"- {limit}" for limit in self.limits),
            "",
        ]
        return "\n".join(lines)


def model_card(
    model: LinkModel, figures: Mapping[str, float], *, split_instant: datetime | None = None, limits: Sequence[str] = ()
) -> ModelCard:
    """A card of a fitted model. Raises NotFitted, and UnusableData where there is no figure to show."""
    graph = model.graph
    if not figures:
        raise UnusableData("A model card needs at least one figure", remedy="Evaluate the model first.")
    return ModelCard(
        model.kind,
        model.settings(),
        graph.schema_hash,
        graph_print(graph),
        split_instant,
        len(graph.entities),
        len(graph.relations),
        len(graph.moments),
        {"train": len(graph.train), "valid": len(graph.valid), "test": len(graph.test)},
        dict(figures),
        (*_own_limits(graph), *limits),
    )


def _own_limits(graph: LinkGraph) -> tuple[str, ...]:
    seen = {int(e) for e in graph.train.rows[:, [0, 2]].ravel()}
    unseen = len(graph.entities) - len(seen)
    out = ["It answers only for entities, relations and moments known at the split; others are refused."]
    if unseen:
        out.append(f"{unseen:,} entities have no training fact: what it says about them is a guess.")
    if not graph.is_temporal:
        out.append("It knows no time: a prediction says 'at some moment', not when.")
    return tuple(out)
