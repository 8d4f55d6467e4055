"""Differences between two versions of a property; see `kg.schema.difference`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kg.schema.types import Property


class Severity(StrEnum):
    """How much a change matters to one side."""

    NONE = "none"
    NOTICE = "notice"  # visible, breaks nothing
    CHECK = "check"  # what exists may violate the new rule, or answers may change
    BREAKING = "breaking"  # what exists no longer fits, or a request that worked fails


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One difference. `subject`: "Enterprise", "Enterprise.status", "suppliesTo.share", "scheme uscc"."""

    subject: str
    kind: str  # such as "class removed", "datatype changed"
    message: str
    data: Severity
    api: Severity
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        return f"{self.subject}: {self.message} [data: {self.data}, API: {self.api}]"


# Widening keeps every value; all else needs a recorded conversion.
WIDER: Final = {
    (Datatype.INTEGER, Datatype.LONG),
    (Datatype.INTEGER, Datatype.DOUBLE),
}


def matched(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
    """(pairs, removed, added): by name, then by IRI."""
    by_iri = {held.iri: held for held in after.values() if held.name not in before}
    pairs, removed = [], []
    for name, held in before.items():
        other = after.get(name) or by_iri.get(held.iri)
        if other is None:
            removed.append(held)
        else:
            pairs.append((held, other))
    taken = {other.name for _, other in pairs}
    return pairs, removed, [held for name, held in after.items() if name not in taken]


def property_changes(
    owner: str,
    own_before: Mapping[str, Property],
    own_after: Mapping[str, Property],
    all_before: Mapping[str, Property],
    all_after: Mapping[str, Property],
    above: Mapping[str, tuple[Property, Property]],
) -> Iterator[SchemaChange]:
    """Own properties, and inherited ones that the class constrains in its own way.

    `above`: inherited property → as its own class declared it before and declares it after; absent where that class
    is not above this one both times.
    """
    pairs, removed, added = matched(own_before, own_after)
    for p in removed:
        if p.name in all_after:
            yield SchemaChange(
                f"{owner}.{p.name}",
                "property moved up",
                f"is inherited from {all_after[p.name].owner} now",
                Severity.CHECK,
                Severity.NOTICE,
                p.owner,
                all_after[p.name].owner,
            )
            yield from _property(owner, p, all_after[p.name])
            continue
        yield SchemaChange(
            f"{owner}.{p.name}",
            "property removed",
            "the property is gone; stored values stay reachable as `raw`",
            Severity.BREAKING,
            Severity.BREAKING,
            p.name,
        )
    for p in added:
        if p.name in all_before:
            yield SchemaChange(
                f"{owner}.{p.name}",
                "property moved down",
                f"was inherited from {all_before[p.name].owner}",
                Severity.CHECK,
                Severity.CHECK,
                all_before[p.name].owner,
                owner,
            )
            yield from _property(owner, all_before[p.name], p)
            continue
        yield SchemaChange(
            f"{owner}.{p.name}",
            "property added",
            "new property, and every entity needs it" if p.min_count else "new property",
            Severity.CHECK if p.min_count else Severity.NONE,
            Severity.NOTICE,
            "",
            p.name,
        )
    for old, new in pairs:
        yield from _property(owner, old, new)
    for name in sorted({*all_before, *all_after} - {*own_before, *own_after}):
        yield from _inherited(owner, all_before.get(name), all_after.get(name), above.get(name))


def _inherited(
    owner: str, old: Property | None, new: Property | None, above: tuple[Property, Property] | None
) -> Iterator[SchemaChange]:
    """What changes for this class alone; what changes on the class above is told there."""
    if old is None or new is None:
        if above is None:
            gone = new is None
            yield SchemaChange(
                f"{owner}.{(old or new).name}",  # type: ignore[union-attr]
                "property removed" if gone else "property added",
                "no longer inherited; stored values stay reachable as `raw`" if gone else "inherited now",
                Severity.BREAKING if gone else Severity.CHECK if new and new.min_count else Severity.NONE,
                Severity.BREAKING if gone else Severity.NOTICE,
            )
        return
    told = {(c.kind, c.before, c.after) for c in _property(owner, *above)} if above else set()
    yield from (c for c in _property(owner, old, new) if (c.kind, c.before, c.after) not in told)


def _property(owner: str, old: Property, new: Property) -> Iterator[SchemaChange]:
    subject = f"{owner}.{new.name}"
    yield from _form(subject, old, new)
    yield from _constraints(subject, old, new)


def _form(subject: str, old: Property, new: Property) -> Iterator[SchemaChange]:
    if old.name != new.name:
        yield SchemaChange(
            subject, "property renamed", f"was {old.name}", Severity.CHECK, Severity.BREAKING, old.name, new.name
        )
    if old.datatype is not new.datatype:
        wider = (old.datatype, new.datatype) in WIDER
        yield SchemaChange(
            subject,
            "datatype changed",
            f"is {new.datatype.value}, was {old.datatype.value}"
            + ("; every stored value converts" if wider else "; stored values that do not convert are lost to queries"),
            Severity.CHECK if wider else Severity.BREAKING,
            Severity.BREAKING,
            old.datatype.value,
            new.datatype.value,
        )
    if old.many != new.many:
        yield SchemaChange(
            subject,
            "cardinality changed",
            "may have many values now" if new.many else "has one value now: of many stored ones the rest is lost",
            Severity.CHECK if new.many else Severity.BREAKING,
            Severity.BREAKING,
            "many" if old.many else "one",
            "many" if new.many else "one",
        )
    for field, what in (("scheme", "identifier scheme"), ("unit", "unit"), ("target", "target class")):
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            yield SchemaChange(
                subject,
                f"{what} changed",
                f"{what} is {now or 'none'}, was {was or 'none'}"
                + ("; stored numbers are not converted" if field == "unit" else ""),
                Severity.BREAKING if field != "scheme" or now else Severity.CHECK,
                Severity.BREAKING if field != "scheme" else Severity.CHECK,
                was,
                now,
            )
    yield from sensitivity_change(subject, old.sensitivity, new.sensitivity)
    for flag in ("indexed", "searchable"):
        was, now = getattr(old, flag), getattr(new, flag)
        if was != now:
            lost = f"no longer {flag}: " + ("slower" if flag == "indexed" else "searches find less")
            yield SchemaChange(
                subject,
                f"{flag} changed",
                f"is {flag} now; the index is built" if now else lost,
                Severity.NOTICE,
                Severity.NOTICE if now or flag == "indexed" else Severity.CHECK,
                str(was).lower(),
                str(now).lower(),
            )
    yield from text_changes(subject, old, new, ("iri", "value_labels", "alignments"))


def _constraints(subject: str, old: Property, new: Property) -> Iterator[SchemaChange]:
    for field, tighter in (
        ("min_count", new.min_count > old.min_count),
        ("max_count", below(new.max_count, old.max_count)),
        ("min_length", below(_negated(new.min_length), _negated(old.min_length))),
        ("max_length", below(new.max_length, old.max_length)),
        ("min_inclusive", _above(new.min_inclusive, old.min_inclusive)),
        ("min_exclusive", _above(new.min_exclusive, old.min_exclusive)),
        ("max_inclusive", below(new.max_inclusive, old.max_inclusive)),
        ("max_exclusive", below(new.max_exclusive, old.max_exclusive)),
        ("pattern", bool(new.pattern)),
    ):
        was, now = getattr(old, field), getattr(new, field)
        if was == now or (field == "max_count" and old.many != new.many):
            continue
        term = "sh:" + "".join(part if i == 0 else part.capitalize() for i, part in enumerate(field.split("_")))
        yield SchemaChange(
            subject,
            f"{term} {'tightened' if tighter else 'loosened'}",
            f"{term} is {said(now)}, was {said(was)}" + ("; stored values may violate it" if tighter else ""),
            Severity.CHECK if tighter else Severity.NONE,
            Severity.CHECK if tighter else Severity.NOTICE,
            said(was),
            said(now),
        )
    yield from _values(subject, old.values, new.values)


def _values(subject: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[SchemaChange]:
    if old == new:
        return
    if not old or not new:
        yield SchemaChange(
            subject,
            "values listed" if new else "values no longer listed",
            f"only {', '.join(new)} are allowed now" if new else "any text is allowed now",
            Severity.CHECK if new else Severity.NONE,
            Severity.BREAKING,
            ", ".join(old),
            ", ".join(new),
        )
        return
    lost = [value for value in old if value not in new]
    gained = [value for value in new if value not in old]
    if lost:
        yield SchemaChange(
            subject,
            "values removed",
            f"{', '.join(lost)} no longer allowed",
            Severity.BREAKING,
            Severity.BREAKING,
            ", ".join(old),
            ", ".join(new),
        )
    if gained:
        # A client that branches on the values meets one that it does not know.
        yield SchemaChange(
            subject, "values added", f"{', '.join(gained)} added", Severity.NONE, Severity.CHECK, "", ", ".join(gained)
        )
    if not lost and not gained:
        yield SchemaChange(subject, "values reordered", "same values in another order", Severity.NONE, Severity.NOTICE)


def _negated(value: int | None) -> int | None:
    return None if value is None else -value


def below(now: Any, was: Any) -> bool:
    return now is not None and (was is None or now < was)


def _above(now: Any, was: Any) -> bool:
    return now is not None and (was is None or now > was)


def said(value: object) -> str:
    return "none" if value is None or value == "" else str(value)


def sensitivity_change(subject: str, old: int, new: int) -> Iterator[SchemaChange]:
    if old != new:
        yield SchemaChange(
            subject,
            "sensitivity raised" if new > old else "sensitivity lowered",
            f"is read from level {new}, was {old}",
            Severity.NONE,
            # Lowered: what was hidden is shown, which somebody should have meant.
            Severity.BREAKING if new > old else Severity.CHECK,
            str(old),
            str(new),
        )


def text_changes(subject: str, old: Any, new: Any, others: tuple[str, ...]) -> Iterator[SchemaChange]:
    """Labels, definitions and whatever else changes no answer."""
    known = {f.name for f in fields(old)}
    for field in ("label", "definition", *others):
        if field in known and getattr(old, field) != getattr(new, field):
            was, now = getattr(old, field), getattr(new, field)
            text = field in {"label", "definition", "inverse_label"}
            yield SchemaChange(
                subject,
                f"{field.replace('_', ' ')} changed",
                f"{field.replace('_', ' ')} changed",
                Severity.NONE,
                Severity.NOTICE,
                f"{was.en} / {was.zh}" if text else str(was),
                f"{now.en} / {now.zh}" if text else str(now),
            )
