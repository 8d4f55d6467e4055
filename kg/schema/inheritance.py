"""Classes with what they inherit: order, cycles, one meaning for a name along a line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kg.schema.shapes import PropertyShape, empty_range
from kg.schema.types import ROOT_CLASS, Datatype, Property

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.schema.turtle import Modules


def cycles(parents: Mapping[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Each cycle once, as the names along it, beginning with the least name."""
    found: set[tuple[str, ...]] = set()
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            cycle = trail[trail.index(name) :]
            least = cycle.index(min(cycle))
            found.add(tuple(cycle[least:] + cycle[:least]))
            return
        if name in done:
            return
        for parent in parents.get(name, ()):
            visit(parent, [*trail, name])
        done.add(name)

    for name in sorted(parents):
        visit(name, [])
    return sorted(found)


def ancestors(parents: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Transitive ancestors, nearest first: a class stands behind all that descend from it. No cycles allowed."""
    sets: dict[str, frozenset[str]] = {}

    def of(name: str) -> frozenset[str]:
        if name not in sets:
            sets[name] = frozenset(parents[name]).union(*(of(parent) for parent in parents[name]))
        return sets[name]

    for name in parents:
        of(name)
    return {name: tuple(sorted(up, key=lambda a: (-len(sets[a]), a))) for name, up in sets.items()}


class Inheritance:
    """Works out each class's properties from the shapes of all classes."""

    def __init__(
        self,
        modules: Modules,
        lines: Mapping[str, tuple[str, ...]],
        shapes: Mapping[str, list[PropertyShape]],
    ) -> None:
        """`lines`: class → ancestors, nearest first; `shapes`: class → its own property shapes."""
        self.modules = modules
        self.lines = lines
        self.own = {name: self._merged(shapes.get(name, [])) for name in lines}
        self._made: dict[str, dict[str, PropertyShape]] = {}

    def properties(self, name: str) -> tuple[Property, ...]:
        """Own and inherited properties in name order."""
        made = self._of(name)
        return tuple(made[held].property for held in sorted(made))

    def _merged(self, shapes: list[PropertyShape]) -> dict[str, PropertyShape]:
        """Several shapes for one property of one class all hold."""
        out: dict[str, PropertyShape] = {}
        # Shapes are blank nodes, whose names differ from run to run.
        for shape in sorted(shapes, key=lambda shape: repr(shape.property)):
            held = out.get(shape.property.name)
            out[shape.property.name] = shape if held is None else self._both(held, shape)
        return out

    def _of(self, name: str) -> dict[str, PropertyShape]:
        if name in self._made:
            return self._made[name]
        out: dict[str, PropertyShape] = {}
        # Farthest first, so that each step tightens what stands above it.
        for class_name in (*reversed(self.lines[name]), name):
            for held, shape in self.own[class_name].items():
                before = out.get(held)
                if before is None:
                    out[held] = shape
                elif before.owner in self.lines[class_name]:
                    out[held] = self._both(before, shape)
                else:
                    self.modules.report(
                        shape.node,
                        f"{name} would inherit {held!r} from both {before.owner} and {class_name}",
                        f"Declare it once on a common ancestor, such as {ROOT_CLASS}, or rename one.",
                    )
        lower: dict[str, str] = {}
        for held in sorted(out):
            if held.lower() in lower:
                self.modules.report(
                    out[held].node,
                    f"{held!r} and {lower[held.lower()]!r} of {name} differ only in upper and lower case",
                    "Rename one of them.",
                )
            lower[held.lower()] = held
        self._made[name] = out
        return out

    def _both(self, above: PropertyShape, below: PropertyShape) -> PropertyShape:
        """The shape for a property that two shapes describe: both hold, and the upper one owns it."""
        first, second = above.property, below.property
        if first.datatype is not second.datatype or first.iri != second.iri:
            what = (
                f"is {second.datatype.value} here and {first.datatype.value} on {above.owner}"
                if first.datatype is not second.datatype
                else f"is another term than {self.modules.show(above.path)} on {above.owner}"
            )
            self.modules.report(
                below.node,
                f"{second.name!r} {what}",
                "A name has one meaning along a line of classes: make them equal, or rename one.",
            )
            return above
        for term, loose, strict in (
            ("jw:scheme", first.scheme, second.scheme),
            ("jw:unit", first.unit, second.unit),
            ("sh:pattern", first.pattern, second.pattern),
        ):
            if strict and loose and strict != loose:
                self.modules.report(
                    below.node, f"{term} {strict!r} differs from {loose!r} on {above.owner}", "Keep one of them."
                )
            elif strict and not loose and term != "sh:pattern" and above.owner != below.owner:
                self.modules.report(
                    below.node, f"{term} is given here, but not on {above.owner}", f"Move it to {above.owner}."
                )
        if above.owner != below.owner:
            for term in ("indexed", "searchable", "sensitivity"):
                if getattr(second, term) > getattr(first, term):
                    self.modules.report(
                        below.node,
                        f"jw:{term} is given here, but not on {above.owner}",
                        f"Move it to {above.owner}: the property is held in one place for all its classes.",
                    )
        merged = self._tightened(above, below)
        return PropertyShape(below.node, above.path, above.owner, merged)

    def _tightened(self, above: PropertyShape, below: PropertyShape) -> Property:
        a, b = above.property, below.property
        values = a.values or b.values
        labels = a.value_labels if a.values else b.value_labels
        if a.values and b.values:
            values = tuple(value for value in a.values if value in b.values)
            given = dict(zip(a.values, a.value_labels, strict=False)) | dict(
                zip(b.values, b.value_labels, strict=False)
            )
            labels = tuple(given[value] for value in values) if given else ()
            if not values:
                self.modules.report(
                    below.node, f"sh:in has no value in common with {above.owner}", "Keep some of them."
                )
        same = above.owner == below.owner
        made = replace(
            a,
            label=b.label,
            definition=b.definition,
            many=a.many and (b.many or not same),
            min_count=max(a.min_count, b.min_count),
            max_count=_fewest(a.max_count, b.max_count),
            values=values,
            value_labels=labels,
            pattern=a.pattern or b.pattern,
            scheme=a.scheme or b.scheme,
            unit=a.unit or b.unit,
            min_length=_fullest(a.min_length, b.min_length),
            max_length=_fewest(a.max_length, b.max_length),
            min_inclusive=_highest(a.min_inclusive, b.min_inclusive),
            max_inclusive=_lowest(a.max_inclusive, b.max_inclusive),
            min_exclusive=_highest(a.min_exclusive, b.min_exclusive),
            max_exclusive=_lowest(a.max_exclusive, b.max_exclusive),
            sensitivity=max(a.sensitivity, b.sensitivity),
            indexed=a.indexed or b.indexed,
            searchable=a.searchable or b.searchable,
        )
        if made.max_count is not None and made.min_count > made.max_count:
            self.modules.report(
                below.node,
                f"needs at least {made.min_count} and at most {made.max_count} values, {above.owner} considered",
                "Change sh:minCount or sh:maxCount.",
            )
        if made.datatype is not Datatype.ENTITY and empty_range(made):
            self.modules.report(below.node, f"its bounds leave no value, {above.owner} considered", "Widen them.")
        return made


def _fewest(first: int | None, second: int | None) -> int | None:
    return min((count for count in (first, second) if count is not None), default=None)


def _fullest(first: int | None, second: int | None) -> int | None:
    return max((count for count in (first, second) if count is not None), default=None)


def _lowest(first: float | str | None, second: float | str | None) -> float | str | None:
    if first is None or second is None:
        return second if first is None else first
    return min(first, second)


def _highest(first: float | str | None, second: float | str | None) -> float | str | None:
    if first is None or second is None:
        return second if first is None else first
    return max(first, second)
