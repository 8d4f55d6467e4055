"""Facts as integer columns, the graph they belong to, and the names behind the integers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import UnknownName, UnusableData

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

HEAD: Final = 0
RELATION: Final = 1
TAIL: Final = 2
MOMENT: Final = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """``rows``: int64 of shape (n, 4): head, relation, tail, moment.

    A *moment* is the index of a bin on the valid clock; a static graph has the single moment 0.
    """

    rows: Ints

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or self.rows.shape[1] != 4 or self.rows.dtype != np.int64:
            raise UnusableData(
                "Facts are an int64 array of shape (n, 4)",
                value=f"{self.rows.dtype} {self.rows.shape}",
                remedy="Build them with Facts.of(heads, relations, tails, moments).",
            )

    @classmethod
    def of(cls, rows: Iterable[Sequence[int]]) -> "Facts":
        """From rows of 3 (static) or 4 integers."""
        table = np.asarray(list(rows), dtype=np.int64)
        if table.size == 0:
            table = table.reshape(0, 4)
        if table.ndim == 2 and table.shape[1] == 3:
            table = np.column_stack([table, np.zeros(len(table), dtype=np.int64)])
        return cls(np.ascontiguousarray(table))

    def __len__(self) -> int:
        return len(self.rows)

    def both_ways(self, n_relations: int) -> "Facts":
        """The facts followed by their reciprocals: tail, relation + n_relations, head, moment."""
        turned = self.rows[:, [TAIL, RELATION, HEAD, MOMENT]].copy()
        turned[:, RELATION] += n_relations
        return Facts(np.concatenate([self.rows, turned]))


@dataclass(frozen=True, slots=True)
class Queries:
    """Questions *head, relation, ? at moment*: three int64 columns of length n.

    Relations run over twice the graph's number: ``r + n_relations`` asks for the head of ``r``.
    """

    heads: Ints
    relations: Ints
    moments: Ints

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, rows: "slice | Ints") -> "Queries":
        return Queries(self.heads[rows], self.relations[rows], self.moments[rows])


@dataclass(frozen=True, slots=True)
class Asked:
    """Distinct queries and, in CSR form, the tails that answer each: ``tails[starts[i]:starts[i + 1]]``."""

    queries: Queries
    tails: Ints
    starts: Ints
    # For each input fact, its place in ``tails``.
    place: Ints = field(repr=False)

    @property
    def counts(self) -> Ints:
        return np.diff(self.starts)

    def owners(self) -> Ints:
        """For each entry of ``tails`` the row of its query."""
        return np.repeat(np.arange(len(self.queries)), self.counts)


def asked(facts: Facts) -> Asked:
    """Group facts by (head, relation, moment). Duplicated facts stay duplicated."""
    rows = facts.rows
    order = np.lexsort((rows[:, TAIL], rows[:, MOMENT], rows[:, RELATION], rows[:, HEAD]))
    sorted_rows = rows[order]
    keys = sorted_rows[:, [HEAD, RELATION, MOMENT]]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = np.any(keys[1:] != keys[:-1], axis=1)
    at = np.flatnonzero(first)
    place = np.empty(len(rows), dtype=np.int64)
    place[order] = np.arange(len(rows))
    return Asked(
        Queries(keys[at, 0], keys[at, 1], keys[at, 2]),
        sorted_rows[:, TAIL],
        np.append(at, len(rows)).astype(np.int64),
        place,
    )


@dataclass(frozen=True)
class LinkGraph:
    """Names, and facts split into train, valid and test. ``moments`` is in the order of the valid clock."""

    entities: tuple[str, ...]
    relations: tuple[str, ...]
    train: Facts
    valid: Facts
    test: Facts
    moments: tuple[str, ...] = ("always",)
    schema_hash: str = ""

    def __post_init__(self) -> None:
        bounds = np.array([len(self.entities), len(self.relations), len(self.entities), len(self.moments)])
        for name, facts in (("train", self.train), ("valid", self.valid), ("test", self.test)):
            if len(facts) and (np.any(facts.rows < 0) or np.any(facts.rows >= bounds)):
                row = int(np.flatnonzero(np.any((facts.rows < 0) | (facts.rows >= bounds), axis=1))[0])
                raise UnknownName(
                    "A fact names an entity, relation or moment outside the graph",
                    where=f"{name}, row {row}",
                    value=tuple(facts.rows[row].tolist()),
                    remedy="Give the graph all names, or leave the fact out.",
                )
        if not len(self.train):
            raise UnusableData(
                "There is no fact to train on", where="train", remedy="Check the split instant and Scope."
            )

    @property
    def is_temporal(self) -> bool:
        return len(self.moments) > 1

    @cached_property
    def entity_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.entities)}

    @cached_property
    def relation_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.relations)}

    @cached_property
    def moment_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.moments)}

    def entity(self, name: str) -> int:
        return _lookup(self.entity_index, name, "entity")

    def relation(self, name: str) -> int:
        return _lookup(self.relation_index, name, "relation")

    def moment(self, name: str) -> int:
        return _lookup(self.moment_index, name, "moment")

    def query(self, entity: str, relation: str, *, moment: str | None = None, head_side: bool = False) -> Queries:
        """One query by names; ``head_side`` asks who stands before ``entity``.

        Raises UnknownName, also for an empty relation.
        """
        number = self.relation(relation) + (len(self.relations) if head_side else 0)
        if moment is None and self.is_temporal:
            raise UnknownName("A temporal graph needs a moment", field="moment", remedy="Name one of graph.moments.")
        at = 0 if moment is None else self.moment(moment)
        return Queries(np.array([self.entity(entity)]), np.array([number]), np.array([at]))


def _lookup(index: dict[str, int], name: str, kind: str) -> int:
    if name in index:
        return index[name]
    shown = ", ".join(list(index)[:5])
    raise UnknownName(
        f"The model knows no such {kind}" if name else f"The {kind} is empty",
        field=kind,
        value=name,
        remedy=f"Known are {len(index)}, such as {shown}. What came after the split instant is not.",
    )


def read_triples(folder: Path, *, delimiter: str = "\t") -> LinkGraph:
    """A folder with ``train.txt``, ``valid.txt``, ``test.txt`` of *head, relation, tail* names.

    Names of all three parts get a number, so that a test fact with an unseen name is ranked rather than dropped.
    """
    parts = {name: _named_rows(folder / f"{name}.txt", delimiter, 3) for name in ("train", "valid", "test")}
    every = [row for rows in parts.values() for row in rows]
    entities = tuple(sorted({row[0] for row in every} | {row[2] for row in every}))
    relations = tuple(sorted({row[1] for row in every}))
    of_entity = {name: i for i, name in enumerate(entities)}
    of_relation = {name: i for i, name in enumerate(relations)}
    facts = {
        name: Facts.of([(of_entity[h], of_relation[r], of_entity[t]) for h, r, t in rows])
        for name, rows in parts.items()
    }
    return LinkGraph(entities, relations, facts["train"], facts["valid"], facts["test"])


def read_quadruples(folder: Path) -> LinkGraph:
    """A folder with ``entity2id.txt``, ``relation2id.txt`` and parts of *head, relation, tail, day* as ids."""
    entities = _names_by_id(folder / "entity2id.txt")
    relations = _names_by_id(folder / "relation2id.txt")
    facts = {
        name: Facts.of([[int(cell) for cell in row] for row in _named_rows(folder / f"{name}.txt", "\t", 4)])
        for name in ("train", "valid", "test")
    }
    days = 1 + max(int(part.rows[:, MOMENT].max()) for part in facts.values())
    return LinkGraph(
        entities, relations, facts["train"], facts["valid"], facts["test"], tuple(f"day {day}" for day in range(days))
    )


def _named_rows(path: Path, delimiter: str, width: int) -> list[list[str]]:
    rows = [line.split(delimiter) for line in path.read_text(encoding="utf-8").splitlines() if line]
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            raise UnusableData(
                f"A row has {len(row)} cells, not {width}",
                where=f"{path.name}, row {number}",
                value=row,
                remedy="Each line is one fact, its cells parted by tabs.",
            )
    return rows


def _names_by_id(path: Path) -> tuple[str, ...]:
    pairs = [(int(number), name) for name, number in _named_rows(path, "\t", 2)]
    names = [""] * (max(number for number, _ in pairs) + 1)
    for number, name in pairs:
        names[number] = name
    return tuple(names)
