"""What was known at an instant of the system clock: the only door through which stored facts become training data."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from kg.ml.errors import UnusableData
from kg.ml.links.facts import Facts, LinkGraph


@dataclass(frozen=True, slots=True)
class StoredFact:
    """A relation as a scan gives it. ``valid`` and ``system`` are half-open intervals of aware UTC datetimes; an open
    end is None. Level and Scope are the scan's business."""

    head: str
    relation: str
    tail: str
    valid_from: datetime
    valid_to: datetime | None
    system_from: datetime
    system_to: datetime | None


def known_at(facts: Iterable[StoredFact], system: datetime) -> list[StoredFact]:
    """Those that the store would have answered at ``system``: recorded before or at it, not yet superseded, and already
    begun in the world. A correction recorded later changes nothing; nor does what was announced for a later day.

    Raises UnusableData for a naive ``system``.
    """
    if system.tzinfo is None:
        raise UnusableData("The split instant has no time zone", field="system", value=system, remedy="Give it in UTC.")
    return [
        fact
        for fact in facts
        if fact.system_from <= system
        and (fact.system_to is None or system < fact.system_to)
        and fact.valid_from <= system
    ]


def graph_at(
    facts: Iterable[StoredFact], system: datetime, *, valid_share: float = 0.1, seed: int = 0, schema_hash: str = ""
) -> LinkGraph:
    """A static graph of what was known and valid at ``system``, a random share held out to choose by (no test part).

    The order of ``facts`` does not matter. Raises UnusableData if nothing was known.
    """
    import numpy as np

    now_valid = {
        (fact.head, fact.relation, fact.tail)
        for fact in known_at(facts, system)
        if fact.valid_to is None or system < fact.valid_to
    }
    rows = sorted(now_valid)
    entities = tuple(sorted({head for head, _, _ in rows} | {tail for _, _, tail in rows}))
    relations = tuple(sorted({relation for _, relation, _ in rows}))
    of_entity = {name: i for i, name in enumerate(entities)}
    of_relation = {name: i for i, name in enumerate(relations)}
    table = Facts.of([(of_entity[h], of_relation[r], of_entity[t]) for h, r, t in rows]).rows
    order = np.random.default_rng(seed).permutation(len(table))
    cut = int(valid_share * len(table))
    return LinkGraph(
        entities,
        relations,
        Facts(table[np.sort(order[cut:])]),
        Facts(table[np.sort(order[:cut])]),
        Facts.of([]),
        schema_hash=schema_hash,
    )
