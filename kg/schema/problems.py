"""What is wrong with an ontology: all of it at once, each with file, subject and remedy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

from kg.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True, order=True)
class SchemaProblem:
    """One thing that must be mended. `line` is 1-based, 0 where it is not known."""

    file: str
    line: int
    subject: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = f"{place}: {self.subject}: {self.message}" if self.subject else f"{place}: {self.message}"
        return f"{text}. {self.remedy}" if self.remedy else text


class OntologyError(SchemaError):
    """An ontology that does not compile. `problems` holds every problem found, in file order."""

    code: ClassVar[str] = "ONTOLOGY_INVALID"
    about: ClassVar[str] = "Ontology modules do not compile; `problems` lists everything that must be mended."

    problems: tuple[SchemaProblem, ...] = ()

    def as_dict(self) -> dict[str, object]:
        out = super().as_dict()
        out["problems"] = [
            {"file": p.file, "line": p.line, "subject": p.subject, "message": p.message, "remedy": p.remedy}
            for p in self.problems
        ]
        return out

    def __reduce__(self) -> tuple[object, ...]:
        return ontology_error, (self.problems,)


def ontology_error(problems: Sequence[SchemaProblem]) -> OntologyError:
    """The error for one or more problems; its message lists them all, its place is the first one's."""
    first = problems[0]
    if len(problems) == 1:
        message = first.message
    else:
        message = f"{len(problems)} problems in the ontology: " + " | ".join(str(problem) for problem in problems)
    place = f"{first.file}:{first.line}" if first.line else first.file
    error = OntologyError(
        message,
        where=f"{place}, {first.subject}" if len(problems) == 1 and first.subject else place,
        remedy=first.remedy if len(problems) == 1 else "",
    )
    error.problems = tuple(problems)
    return error


class Problems:
    """Collects problems while an ontology is compiled, each once."""

    def __init__(self) -> None:
        self._found: dict[SchemaProblem, None] = {}

    def add(self, file: str, subject: str, message: str, remedy: str = "", line: int = 0) -> None:
        self._found[SchemaProblem(file, line, subject, message, remedy)] = None

    def __bool__(self) -> bool:
        return bool(self._found)

    def sorted(self) -> tuple[SchemaProblem, ...]:
        return tuple(sorted(self._found))

    def relined(self, lines: dict[SchemaProblem, int]) -> tuple[SchemaProblem, ...]:
        """The problems with the given lines, sorted."""
        return tuple(sorted(replace(p, line=lines.get(p, p.line)) for p in self._found))


def suggestion(name: str, known: Iterable[str]) -> str:
    """ "Did you mean …?" for the nearest of `known`, or ""."""
    near = nearest(name, known)
    return f"Did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The one of `known` that `name` resembles most, case aside; "" where none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else ""
