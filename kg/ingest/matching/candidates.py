"""New entities against known ones → scored candidates. Pure: what is known comes as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.ingest.matching.blocks import Blocks
from kg.ingest.matching.scoring import LOOSE, PROPOSED, Candidate, Reason, Scorer, candidate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kg.ingest.matching.places import Places
    from kg.ingest.matching.scoring import Kind, Named


def candidates(
    new: Iterable[Named],
    known: Iterable[Named],
    kind: Kind,
    *,
    places: Places | None = None,
    least: float = PROPOSED,
) -> Iterator[Candidate]:
    """Pairs of one of `new` with one of `known` that score `least` or more, each pair once, in order of `new`.

    `new` may be among `known`: nothing is paired with itself. Memory grows with `known` alone.
    """
    scorer = Scorer(kind, places)
    blocks = Blocks(known, scorer)
    seen: set[tuple[str, str]] = set()
    for one in new:
        scored = [found for other in blocks.worth(one) if (found := scorer.score(one, other)) is not None]
        for found in _crowded(scored):
            pair = found.one, found.other
            if found.score >= least and pair not in seen:
                seen.add(pair)
                yield found


def _crowded(scored: list[Candidate]) -> Iterator[Candidate]:
    """A name without its place, or a short one, that fits several firms fits none of them well."""
    loose = [c for c in scored if any(how in c.reasons[0].detail for how in LOOSE)]
    for found in sorted(scored, key=lambda c: (-c.score, c.one, c.other)):
        weight = found.reasons[0].weight
        rivals = sum(other.reasons[0].weight > weight - 0.2 for other in loose) - 1
        if rivals > 0 and found in loose:
            crowd = Reason("rivals", -0.15 * min(rivals, 3), f"the name fits {rivals + 1} of them")
            yield candidate(found.one, found.other, [*found.reasons, crowd])
        else:
            yield found
