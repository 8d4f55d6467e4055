"""Relations that lead nowhere back to their start (`jw:acyclic`), such as what lies in what: a file may hold no circle.

Circles among what several sources or files say are conflicts, kept like others; walks end on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.ingest.seen import Seen, Step, Steps
from kg.model.changes import ByIdentifier, ByRecord, Put, Rejection, Relate
from kg.model.intervals import Interval, intersect

if TYPE_CHECKING:
    from kg.ingest.building import Built
    from kg.ingest.compiling import Plan
from kg.model.changes import Ref


class Circles:
    """What the rows of one file say of acyclic relations, for a plan that has some.

    Ends are kept as hashes of 64 bits, those of many rows in a temporary database (`Seen`, `Steps`).
    """

    def __init__(self, plan: Plan, where: str) -> None:
        self.where = where
        self.relations = {link.relation.name for link in plan.links if link.relation.acyclic}
        cls = plan.cls
        self.schemes = tuple((p.name, p.scheme) for p in cls.properties if p.scheme) if cls and self.relations else ()
        self._names = Seen()  # identifier → the record that holds it
        self._steps = Steps()

    def refusal(self, built: Built, row: int) -> Rejection | None:
        """What is wrong with a row that closes a circle; the steps of any other row are kept."""
        if not self.relations:
            return None
        for change in built.entities:
            if isinstance(change, Put):
                for name, scheme in self.schemes:
                    value = change.properties.get(name)
                    if isinstance(value, str):
                        record = ByRecord(change.record.source, change.record.local)
                        self._names.first(hash(ByIdentifier(scheme, value)), hash(record), row)
        steps = [c for c in built.relations if isinstance(c, Relate) and c.relation in self.relations]
        for step in steps:
            way = self._way(step, row)
            if way:
                rows = " → ".join(f"row {number}" for number in way)
                return Rejection(
                    f"{self.where}:{row}", step.relation, _shown(step.end), f"a circle: {rows} lead back to the start",
                    f"{step.relation} never leads back to where it starts: correct one of these rows.",
                )  # fmt: skip
        for step in steps:
            self._steps.add(hash((step.relation, self._one(hash(step.start)))), Step(hash(step.end), *step.valid, row))
        return None

    def _one(self, ref: int) -> int:
        return self._names.get(ref, ref)

    def _way(self, step: Relate, row: int) -> list[int]:
        """Rows of a circle that the step closes at some valid instant, [] if none."""
        start = self._one(hash(step.start))
        stack: list[tuple[int, tuple[Interval, ...], list[int]]] = [(self._one(hash(step.end)), (step.valid,), [row])]
        seen: set[int] = set()
        while stack:
            here, valid, way = stack.pop()
            if here == start:
                return way
            if here in seen:
                continue
            seen.add(here)
            for one in self._steps.of(hash((step.relation, here))):
                both = intersect(valid, (Interval(one.start, one.end),))
                if both:
                    stack.append((self._one(one.to), both, [*way, one.row]))
        return []


def _shown(ref: Ref) -> str:
    if isinstance(ref, ByIdentifier):
        return ref.value
    return ref.local if isinstance(ref, ByRecord) else ref.id
