"""Blocks: which known entities are worth scoring against a new one.

Every entity has keys: its names whole, their cores, the cores' first letters and pairs of letters, its address.
Postings of all keys lie in two flat arrays (hash of the key, row), 12 bytes a key, so that 200,000 names take some
20 MB. A key that more than `COMMON` entities share tells nobody apart and is passed over; a row counts by how rare
the keys are that it shares, and the first `WORTH` rows are scored. Two that bear identifiers of one scheme are two, or
would have met by it: such rows are left out from the start.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING, Final

import numpy as np

from kg.ingest.matching.names import plain
from kg.ingest.matching.scoring import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from kg.ingest.matching.scoring import Named, Scorer

COMMON: Final = 2000
WORTH: Final = 40


class Blocks:
    """An index over known entities of one kind; rows are numbered as they come."""

    def __init__(self, known: Iterable[Named], scorer: Scorer) -> None:
        self.scorer = scorer
        self.known: list[Named] = []
        self._bits: dict[str, int] = {}
        hashes, rows, schemes = array("q"), array("I"), array("Q")
        for row, one in enumerate(known):
            self.known.append(one)
            schemes.append(self._schemes(one))
            for key in keys(one, scorer):
                hashes.append(hash(key))
                rows.append(row)
        unordered = np.frombuffer(hashes, np.int64) if hashes else np.zeros(0, np.int64)
        order = np.argsort(unordered, kind="stable")
        self._hashes = unordered[order]
        self._rows = (np.frombuffer(rows, np.uint32) if rows else np.zeros(0, np.uint32))[order]
        self._identified = np.frombuffer(schemes, np.uint64) if schemes else np.zeros(0, np.uint64)
        self._kinds = frozenset(self._identified.tolist())

    def _schemes(self, one: Named) -> int:
        """A bit for each identifier scheme of which the entity bears a value."""
        found = 0
        for scheme, _ in one.identifiers:
            # Schemes beyond the 64th have no bit; scoring looks at the values anyhow.
            found |= self._bits.setdefault(scheme, 1 << len(self._bits) if len(self._bits) < 64 else 0)
        return found

    def worth(self, one: Named) -> Sequence[Named]:
        """Known entities that share enough with `one`, those that share most first; itself is left out."""
        mine = self._schemes(one)
        if all(mine & theirs for theirs in self._kinds):
            return ()
        wanted = np.fromiter({hash(key) for key in keys(one, self.scorer)}, np.int64)
        starts = np.searchsorted(self._hashes, wanted, "left")
        sizes = np.searchsorted(self._hashes, wanted, "right") - starts
        usable = (sizes > 0) & (sizes <= COMMON)
        parts = [self._rows[start : start + size] for start, size in zip(starts[usable], sizes[usable], strict=True)]
        if not parts:
            return ()
        weights = np.repeat(np.log(math.e * len(self.known) / sizes[usable]), sizes[usable])
        together = np.concatenate(parts)
        if mine:
            apart = (self._identified[together] & np.uint64(mine)) == 0
            together, weights = together[apart], weights[apart]
        rows, places = np.unique(together, return_inverse=True)
        shared = np.bincount(places, weights, len(rows))
        best = np.lexsort((rows, -shared.round(9)))[: WORTH + 1]
        return [found for row in rows[best] if (found := self.known[row]).id != one.id][:WORTH]


def keys(one: Named, scorer: Scorer) -> Iterator[tuple[str, str]]:
    """(what it is of, text) of each key of an entity."""
    if scorer.kind is Kind.TERM:
        yield from (("=", term) for _, text in one.names if (term := plain(text)))
        return
    for _, form in scorer.forms(one):
        if form.whole:
            yield "=", form.text
        if not form.core:
            continue
        yield "c", form.core
        if scorer.kind is Kind.NAME:
            yield "h", form.core[: 5 if form.core.isascii() else 2]
            yield from (("2", form.core[at : at + 2]) for at in range(len(form.core) - 1) if not form.core.isascii())
            yield from (("4", form.core[at : at + 4]) for at in range(len(form.core) - 3) if form.core.isascii())
        elif one.point:
            # A name that stands in every street is looked up near by.
            x, y = round(one.point[0] * 200), round(one.point[1] * 200)
            yield from (("@", f"{form.core} {x + i} {y + j}") for i in (-1, 0, 1) for j in (-1, 0, 1))
    if one.address:
        address = scorer.address(one.address)
        if address.road and address.number:
            yield "a", f"{address.road} {address.number}"
        elif len(address.text) >= 6:
            yield "a", address.text
