"""From a store's scans (Arrow batches) to a graph that can be learned from. Pure: the caller scans and gives instants.

Whoever scans does so at the split instant; here each row is asked once more whether it was known then and held at the
moment that it is read for, so that a scan at a wrong instant cannot leak.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kg.ml.errors import UnusableData
from kg.ml.links.facts import HEAD, TAIL, Facts, Ints, LinkGraph

STATIC: Final = ("always",)


@dataclass(frozen=True, slots=True)
class Shares:
    """How known facts are dealt out: ``valid`` chooses (weights, epochs, calibrator), ``test`` gives the figures."""

    valid: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.valid < 1 and 0 <= self.test < 1 and self.valid + self.test < 1):
            raise UnusableData(
                "The shares of valid and test leave nothing to train on",
                field="shares",
                value=(self.valid, self.test),
                remedy="Give two shares of at least 0 whose sum is below 1.",
            )


@dataclass(slots=True)
class FactCollector:
    """Takes the batches of relation scans one by one; holds names once and integers for the rest.

    ``system``: the split instant. Memory: 32 bytes a fact and the names of entities.
    """

    system: datetime
    relations: tuple[str, ...]
    moments: tuple[str, ...] = STATIC
    _parts: list[tuple[Any, Any, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.system.tzinfo is None:
            raise UnusableData(
                "The split instant has no time zone", field="system", value=self.system, remedy="Give it in UTC."
            )

    def add(self, batch: pa.RecordBatch, relation: str, *, valid: datetime, moment: int = 0) -> None:
        """Rows of a scan of ``relation`` (columns as `kg.store.base.Scan` lists them) that were known at the split and
        held at ``valid``."""
        kept = batch.filter(known_and_valid(batch, self.system, valid))
        if kept.num_rows:
            self._parts.append(
                (kept.column("start"), kept.column("end"), self.relations.index(relation), moment),
            )

    def graph(self, shares: Shares, *, schema_hash: str = "") -> LinkGraph:
        """The graph, its facts split by (head, relation, tail): all moments of a fact are on one side.

        The order of batches and rows does not matter. Raises UnusableData if nothing was known.
        """
        heads = pa.chunked_array([part[0] for part in self._parts], pa.string())
        tails = pa.chunked_array([part[1] for part in self._parts], pa.string())
        names = pc.unique(pa.chunked_array([*heads.chunks, *tails.chunks], pa.string()))
        names = names.take(pc.sort_indices(names))
        sizes = [len(part[0]) for part in self._parts]
        used = sorted({relation for _, _, relation, _ in self._parts}, key=lambda i: self.relations[i])
        number = {relation: i for i, relation in enumerate(used)}
        table = np.column_stack(
            [
                _indices(heads, names),
                np.repeat(np.array([number[part[2]] for part in self._parts], dtype=np.int64), sizes),
                _indices(tails, names),
                np.repeat(np.array([part[3] for part in self._parts], dtype=np.int64), sizes),
            ]
        )
        rows = np.unique(table, axis=0) if len(table) else table.reshape(0, 4)
        train, valid, test = split(rows, shares)
        return LinkGraph(
            tuple(names.to_pylist()),
            tuple(self.relations[i] for i in used),
            train,
            valid,
            test,
            self.moments,
            schema_hash,
        )


def known_and_valid(batch: pa.RecordBatch, system: datetime, valid: datetime) -> pa.Array:
    """Boolean by row: recorded by ``system`` and not superseded then; held at ``valid``. Open ends are null."""
    at, when = _instant(system), _instant(valid)
    mask = None
    for name, instant in (("system", at), ("valid", when)):
        begun = pc.fill_null(pc.less_equal(batch.column(f"{name}From"), instant), True)
        on = pc.fill_null(pc.greater(batch.column(f"{name}To"), instant), True)
        here = pc.and_(begun, on)
        mask = here if mask is None else pc.and_(mask, here)
    return mask


def _instant(value: datetime) -> pa.Scalar:
    return pa.scalar(value, pa.timestamp("us", tz="UTC"))


def _indices(column: pa.ChunkedArray, names: pa.Array) -> NDArray[np.int64]:
    if not len(column):
        return np.empty(0, dtype=np.int64)
    return np.asarray(pc.index_in(column, value_set=names).to_numpy(), dtype=np.int64)


def split(rows: Ints, shares: Shares) -> tuple[Facts, Facts, Facts]:
    """(train, valid, test) of ``rows`` int64 (n, 4), distinct and in order; dealt by (head, relation, tail)."""
    triples, owner = np.unique(rows[:, HEAD : TAIL + 1], axis=0, return_inverse=True)
    order = np.random.default_rng(shares.seed).permutation(len(triples))
    cuts = np.cumsum([int(shares.test * len(triples)), int(shares.valid * len(triples))])
    part = np.zeros(len(triples), dtype=np.int64)
    part[order[: cuts[0]]] = 2
    part[order[cuts[0] : cuts[1]]] = 1
    of_row = part[np.ravel(owner)]
    train, valid, test = (Facts(np.ascontiguousarray(rows[of_row == number])) for number in range(3))
    return train, valid, test


def moments_before(split_at: datetime, every: str, count: int) -> tuple[datetime, ...]:
    """``count`` instants of the valid clock, the last one ``split_at``, the others at the starts of the calendar units
    (``year``, ``quarter`` or ``month``, UTC) before it, in order."""
    months = {"year": 12, "quarter": 3, "month": 1}
    if every not in months or count < 2:
        raise UnusableData(
            "Moments are at least two, a year, a quarter or a month apart",
            field="every",
            value=(every, count),
            remedy="Say year, quarter or month, and 2 or more.",
        )
    step = months[every]
    month = split_at.year * 12 + split_at.month - 1
    month -= month % step
    out = [split_at]
    while len(out) < count:
        start = split_at.replace(
            year=month // 12, month=month % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
        )
        if start < out[-1]:
            out.append(start)
        month -= step
    return tuple(reversed(out))


def triples_of(parts: Iterable[Facts]) -> Ints:
    """Distinct (head, relation, tail) of several parts, int64 (n, 3)."""
    rows: Sequence[Ints] = [part.rows[:, HEAD : TAIL + 1] for part in parts]
    return np.asarray(np.unique(np.concatenate(rows), axis=0))
