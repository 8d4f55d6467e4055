"""How alike two entities are, as named contributions that add up; for and against."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rapidfuzz.fuzz import ratio

from kg.geo.geometry import haversine_m
from kg.ingest.matching.names import AddressForm, NameForm, address_form, name_form, plain
from kg.ingest.matching.places import Places

if TYPE_CHECKING:
    from kg.schema.types import Schema

PROPOSED: Final = 0.6
"""Least score of a proposal."""
LOOSE: Final = ("but for legal form or place", "is short for")
"""Ways in which a name fits that several firms may share."""
_ALIKE: Final = 75.0  # least similarity in percent (Indel) of two cores that are spelt differently


class Kind(Enum):
    """What makes two things of a class one."""

    NAME = "name"  # organisations: their names say most
    WHERE = "where"  # places: a name recurs everywhere, so that it counts together with a place or address only
    TERM = "term"  # goods and categories: the very same term


# By the ontology's classes; what is below them is alike.
_KINDS: Final = {
    "Organisation": Kind.NAME, "Place": Kind.WHERE, "Product": Kind.TERM, "Material": Kind.TERM,
    "Technology": Kind.TERM, "IndustryChain": Kind.TERM,
}  # fmt: skip
FAMILIES: Final = tuple(_KINDS.items())
"""(class, how it is matched): entities are compared within one of these."""


@dataclass(frozen=True, slots=True)
class Named:
    """An entity as far as matching looks at it. `names`: ("name" | "former" | "other", text)."""

    id: str
    cls: str
    names: tuple[tuple[str, str], ...]
    address: str = ""
    point: tuple[float, float] | None = None  # longitude, latitude on WGS 84
    identifiers: tuple[tuple[str, str], ...] = ()  # (identifying scheme, value)


@dataclass(frozen=True, slots=True)
class Reason:
    """One contribution to a score; below 0 against."""

    name: str
    weight: float
    detail: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two entities that may be one. `one` < `other`."""

    one: str
    other: str
    score: float
    reasons: tuple[Reason, ...]


def kind_of(schema: Schema, cls: str) -> tuple[Kind, str] | None:
    """How entities of the class are matched, and the class within which; None: not at all."""
    for name in (cls, *schema.classes[cls].ancestors):
        if name in _KINDS:
            return _KINDS[name], name
    return None


class Scorer:
    """Scores pairs of one kind. Keeps normal forms of the names it saw last."""

    def __init__(self, kind: Kind, places: Places | None = None) -> None:
        known = places or Places()
        self.kind = kind
        self.form = lru_cache(maxsize=1 << 17)(lambda name: name_form(name, known))
        self.address = lru_cache(maxsize=1 << 16)(lambda address: address_form(address, known))

    def forms(self, named: Named) -> list[tuple[str, NameForm]]:
        """All names in normal form, former ones in brackets included."""
        out = []
        for said, text in named.names:
            form = self.form(text)
            out.append((said, form))
            if form.former:
                out.append(("former", self.form(form.former)))
        return out

    def score(self, a: Named, b: Named) -> Candidate | None:
        """None where they cannot be one, or nothing says so."""
        if a.id == b.id or _told_apart(a, b):
            return None
        name = self._term(a, b) if self.kind is Kind.TERM else self._names(a, b)
        if name is None:
            return None
        reasons = [name]
        if self.kind is not Kind.TERM:
            reasons += self._in_full(a, b, name)
            reasons += self._where(a, b)
        if self.kind is Kind.WHERE and not any(r.name in {"address", "distance"} and r.weight > 0 for r in reasons):
            reasons.append(Reason("place", -0.5, "neither address nor position says that they are at one place"))
        return candidate(a.id, b.id, reasons)

    def _term(self, a: Named, b: Named) -> Reason | None:
        mine = {plain(text): text for _, text in a.names}
        for _, text in b.names:
            if (form := plain(text)) and form in mine:
                return Reason("name", 0.9, f"{mine[form]} = {text}")
        return None

    def _names(self, a: Named, b: Named) -> Reason | None:
        found = [
            reason
            for said_a, form_a in self.forms(a)
            for said_b, form_b in self.forms(b)
            if (reason := _name(said_a, form_a, said_b, form_b)) is not None
        ]
        return max(found, key=lambda reason: reason.weight, default=None)

    def _in_full(self, a: Named, b: Named, name: Reason) -> list[Reason]:
        """Against: a short name fits, but both are known by longer ones, and these say different things."""
        if LOOSE[1] not in name.detail:
            return []
        mine, theirs = ([form.core for said, form in self.forms(one) if said == "name"] for one in (a, b))
        short = min((form.core for one in (a, b) for _, form in self.forms(one) if form.core), key=len)
        for x in mine:
            for y in theirs:
                if (
                    min(len(x), len(y)) > len(short)
                    and not x.startswith(y)
                    and not y.startswith(x)
                    and ratio(x, y) < _ALIKE
                ):
                    return [Reason("full names", -0.3, f"in full they are called {x} and {y}")]
        return []

    def _where(self, a: Named, b: Named) -> list[Reason]:
        out: list[Reason] = []
        if a.address and b.address:
            reason = _address(self.address(a.address), self.address(b.address))
            if reason is not None:
                out.append(reason)
        if a.point and b.point:
            metres = haversine_m(*a.point, *b.point)
            near, far = (0.25, -0.1) if self.kind is Kind.NAME else (0.35, -0.6)
            if metres <= 100:
                out.append(Reason("distance", near, f"{metres:.0f} m apart"))
            elif metres <= 1000:
                out.append(Reason("distance", near / 2 if self.kind is Kind.NAME else -0.1, f"{metres:.0f} m apart"))
            elif metres > 50_000 or self.kind is Kind.WHERE:
                out.append(Reason("distance", far, f"{metres / 1000:.1f} km apart"))
        return out


def candidate(a: str, b: str, reasons: list[Reason]) -> Candidate:
    """The sum of the contributions, between 0 and 0.99: a person decides."""
    score = round(min(max(sum(reason.weight for reason in reasons), 0.0), 0.99), 3)
    return Candidate(min(a, b), max(a, b), score, tuple(reasons))


def _told_apart(a: Named, b: Named) -> bool:
    """Whether both bear an identifier of one scheme, and not the same."""
    mine, theirs = dict(a.identifiers), dict(b.identifiers)
    return any(scheme in theirs and theirs[scheme] != value for scheme, value in mine.items())


def _name(said_a: str, a: NameForm, said_b: str, b: NameForm) -> Reason | None:
    found = _compared(a, b)
    if found is None:
        return None
    weight, how = found
    for said in {said_a, said_b}:
        if said == "former":
            weight, how = weight - 0.05, f"{how}, a former name"
        elif said == "other":
            weight, how = weight - 0.02, f"{how}, another name"
        elif said == "id":
            how = f"{how}, by the source's own id"
    if a.branch != b.branch:
        weight, how = weight - 0.5, f"{how}; but one is a branch"
    if a.group != b.group:
        weight, how = weight - 0.05, f"{how}; one is a group"
    return Reason("name", round(weight, 3), how) if weight > 0 else None


def _compared(a: NameForm, b: NameForm) -> tuple[float, str] | None:
    """(weight, how) of two names, whatever they are used for."""
    if a.whole and a.text == b.text:
        return 0.95, f"both are called {a.text}"
    if not a.core or not b.core:  # a place, a trade and a legal form are nobody's
        return None
    elsewhere = bool(a.places and b.places and not a.places & b.places)
    if a.core == b.core:
        if elsewhere:
            return 0.4, f"both are called {a.core}, but of {_all(a.places)} and {_all(b.places)}"
        return 0.9, f"both are called {a.core} but for legal form or place"
    short, long = sorted((a.core, b.core), key=len)
    least = 4 if short.isascii() else 2
    off = 0.3 if elsewhere else 0.0
    if len(short) >= least and long.startswith(short):
        return min(0.5 + 0.06 * len(short) / (2 if short.isascii() else 1), 0.75) - off, f"{short} is short for {long}"
    if len(short) > least and long[:2] == short[:2] and _in_order(short, long) and not short.isascii():
        # What is left out may be of the brand: not enough by itself.
        return min(0.4 + 0.04 * len(short), 0.58) - off, f"{short} is short for {long}"
    alike = ratio(short, long)
    if alike < _ALIKE or len(short) < 2 * least:
        return None
    # A brand that differs in its first letters is another brand; one letter of a trade may make it another trade.
    same_brand = short[:2] == long[:2]
    weight = alike / 100 * (0.8 if same_brand and alike >= 90 else 0.6 if same_brand else 0.5)
    return round(weight - off, 3), f"{short} and {long} are {alike:.0f} % alike"


def _all(places: frozenset[str]) -> str:
    return ", ".join(sorted(places))


def _in_order(short: str, long: str) -> bool:
    rest = iter(long)
    return all(letter in rest for letter in short)


def _address(a: AddressForm, b: AddressForm) -> Reason | None:
    if not a.text or not b.text:
        return None
    if a.text == b.text:
        return Reason("address", 0.3, f"both at {a.text}")
    if a.road and a.road == b.road:
        if a.number == b.number:
            return Reason("address", 0.25, f"both at {a.road}{a.number}")
        return Reason("address", 0.05, f"both in {a.road}")
    if a.road and b.road:
        return Reason("address", -0.05, f"{a.road} and {b.road}")
    short, long = sorted((a.text, b.text), key=len)
    if len(short) >= 6 and short in long:
        return Reason("address", 0.2, f"{short} is in {long}")
    return None
