"""What a change of the ontology breaks: for data that is stored already, and for users of the API.

`diff(before, after)` is what `jingwei ontology diff A B` prints. Renamed terms are recognised by their IRI where that
stayed (a new `jw:graphqlName`), else proposed where one term went and one of the same shape came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kg.schema.property_changes import (
    SchemaChange,
    Severity,
    below,
    matched,
    property_changes,
    said,
    sensitivity_change,
    text_changes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kg.schema.types import EntityClass, Property, Relation, Schema, Scheme

__all__ = ["SchemaChange", "Severity", "diff"]


def diff(before: Schema, after: Schema) -> list[SchemaChange]:
    """All differences in meaning, worst first, then by subject. [] exactly for equal hashes."""
    found = [
        *_classes(before, after),
        *_relations(before, after),
        *_schemes(before, after),
        *_levels(before, after),
    ]
    order = list(Severity)
    return sorted(found, key=lambda c: (-max(order.index(c.data), order.index(c.api)), c.subject, c.kind))


# ---------------------------------------------------------------- classes


def _classes(before: Schema, after: Schema) -> Iterator[SchemaChange]:
    pairs, removed, added = matched(before.classes, after.classes)
    for cls in removed:
        near = _renamed(cls, added)
        yield SchemaChange(
            cls.name,
            "class removed",
            f"the class is gone{near}; its stored entities have no class any more",
            Severity.BREAKING,
            Severity.BREAKING,
            cls.name,
        )
    for cls in added:
        yield SchemaChange(cls.name, "class added", "new class", Severity.NONE, Severity.NOTICE, "", cls.name)
    for old, new in pairs:
        yield from _class(old, new, before, after)


def _renamed(cls: EntityClass, added: list[EntityClass]) -> str:
    own = {p.iri for p in cls.properties if p.owner == cls.name}
    same = [
        other.name
        for other in added
        if (own and own == {p.iri for p in other.properties if p.owner == other.name})
        or (other.label == cls.label and cls.label.text())
    ]
    return f", or was it renamed to {same[0]}" if same else ""


def _class(old: EntityClass, new: EntityClass, before: Schema, after: Schema) -> Iterator[SchemaChange]:
    name = new.name
    if old.name != name:
        yield SchemaChange(
            name,
            "class renamed",
            f"was {old.name}",
            Severity.BREAKING,
            Severity.BREAKING,
            old.name,
            name,
        )
    if old.abstract != new.abstract:
        yield SchemaChange(
            name,
            "abstract changed",
            "may no longer have instances of its own" if new.abstract else "may now have instances of its own",
            Severity.BREAKING if new.abstract else Severity.NONE,
            Severity.BREAKING,
            str(old.abstract).lower(),
            str(new.abstract).lower(),
        )
    if (old.ancestors, old.parents) != (new.ancestors, new.parents):
        lost = sorted(set(old.ancestors) - set(new.ancestors))
        gained = sorted(set(new.ancestors) - set(old.ancestors))
        yield SchemaChange(
            name,
            "ancestors changed",
            "; ".join(
                filter(
                    None,
                    (
                        f"is no longer a {', '.join(lost)}" if lost else "",
                        f"is now a {', '.join(gained)}" if gained else "",
                        "" if lost or gained else "its direct parents are others",
                    ),
                )
            ),
            Severity.CHECK if lost else Severity.NONE,
            Severity.BREAKING if lost else Severity.NOTICE,
            ", ".join(old.parents),
            ", ".join(new.parents),
        )
    if old.graphql_name != new.graphql_name:
        yield SchemaChange(
            name,
            "GraphQL name changed",
            f"is {new.graphql_name} in GraphQL, was {old.graphql_name}",
            Severity.NONE,
            Severity.BREAKING,
            old.graphql_name,
            new.graphql_name,
        )
    yield from sensitivity_change(name, old.sensitivity, new.sensitivity)
    if old.closed != new.closed:
        word = "is closed" if new.closed else "is no longer closed"
        yield SchemaChange(name, "closed changed", word, Severity.NONE, Severity.NOTICE)
    yield from text_changes(name, old, new, ("iri", "alignments"))
    yield from property_changes(
        name,
        {p.name: p for p in old.properties if p.owner == old.name},
        {p.name: p for p in new.properties if p.owner == new.name},
        {p.name: p for p in old.properties},
        {p.name: p for p in new.properties},
        _above(old, new, before, after),
    )


def _above(old: EntityClass, new: EntityClass, before: Schema, after: Schema) -> dict[str, tuple[Property, Property]]:
    """Inherited property → as declared before and after, where one class above declares it both times."""
    found = {}
    for owner in set(old.ancestors) & set(new.ancestors):
        for p in before.classes[owner].properties:
            now = after.classes[owner].property(p.name)
            if p.owner == owner and now is not None and now.owner == owner:
                found[p.name] = (p, now)
    return found


# ---------------------------------------------------------------- relations


def _relations(before: Schema, after: Schema) -> Iterator[SchemaChange]:
    pairs, removed, added = matched(before.relations, after.relations)
    for relation in removed:
        yield SchemaChange(
            relation.name,
            "relation removed",
            "the relation is gone; stored ones are no longer read",
            Severity.BREAKING,
            Severity.BREAKING,
            relation.name,
        )
    for relation in added:
        yield SchemaChange(
            relation.name, "relation added", "new relation", Severity.NONE, Severity.NOTICE, "", relation.name
        )
    for old, new in pairs:
        yield from _relation(old, new, before, after)


def _relation(old: Relation, new: Relation, before: Schema, after: Schema) -> Iterator[SchemaChange]:
    name = new.name
    if old.name != name:
        yield SchemaChange(
            name, "relation renamed", f"was {old.name}", Severity.BREAKING, Severity.BREAKING, old.name, name
        )
    for end, was, now in (("domain", old.domain, new.domain), ("range", old.range, new.range)):
        if was == now:
            continue
        wider = was in after.classes and after.is_a(was, now)
        narrower = now in before.classes and before.is_a(now, was)
        word = "wider" if wider else "narrower" if narrower else "another class"
        yield SchemaChange(
            name,
            f"{end} changed",
            f"{end} is {now}, was {was}: {word}",
            Severity.NONE if wider else Severity.CHECK if narrower else Severity.BREAKING,
            Severity.CHECK if wider else Severity.BREAKING,
            was,
            now,
        )
    if old.key != new.key:
        yield SchemaChange(
            name,
            "key changed",
            f"its identity is made with {', '.join(new.key) or 'no property'}, was {', '.join(old.key) or 'none'}: "
            "stored relations split or fall together",
            Severity.BREAKING,
            Severity.CHECK,
            ", ".join(old.key),
            ", ".join(new.key),
        )
    if old.inverse != new.inverse:
        yield SchemaChange(
            name,
            "inverse changed",
            f"inverse is {new.inverse or 'none'}, was {old.inverse or 'none'}",
            Severity.NONE,
            Severity.BREAKING if old.inverse else Severity.NOTICE,
            old.inverse,
            new.inverse,
        )
    if old.symmetric != new.symmetric:
        yield SchemaChange(
            name,
            "symmetry changed",
            "is symmetric now" if new.symmetric else "is no longer symmetric",
            Severity.BREAKING,
            Severity.BREAKING,
            str(old.symmetric).lower(),
            str(new.symmetric).lower(),
        )
    if old.acyclic != new.acyclic:
        yield SchemaChange(
            name,
            "jw:acyclic changed",
            "may hold no circles now" if new.acyclic else "may hold circles now",
            Severity.NOTICE if new.acyclic else Severity.NONE,
            Severity.NONE,
            str(old.acyclic).lower(),
            str(new.acyclic).lower(),
        )
    for term, was_count, now_count, tighter in (
        ("sh:minCount", old.min_count, new.min_count, new.min_count > old.min_count),
        ("sh:maxCount", old.max_count, new.max_count, below(new.max_count, old.max_count)),
    ):
        if was_count != now_count:
            yield SchemaChange(
                name,
                f"{term} {'tightened' if tighter else 'loosened'}",
                f"{term} is {said(now_count)}, was {said(was_count)}",
                Severity.CHECK if tighter else Severity.NONE,
                Severity.CHECK if tighter else Severity.NOTICE,
                said(was_count),
                said(now_count),
            )
    yield from sensitivity_change(name, old.sensitivity, new.sensitivity)
    yield from text_changes(name, old, new, ("iri", "inverse_label", "alignments"))
    was_own, now_own = {p.name: p for p in old.properties}, {p.name: p for p in new.properties}
    yield from property_changes(name, was_own, now_own, was_own, now_own, {})


# ---------------------------------------------------------------- the rest


def _schemes(before: Schema, after: Schema) -> Iterator[SchemaChange]:
    pairs, removed, added = matched(before.schemes, after.schemes)
    for scheme in removed:
        yield SchemaChange(
            f"scheme {scheme.name}",
            "scheme removed",
            "the identifier scheme is gone",
            Severity.BREAKING,
            Severity.BREAKING,
            scheme.name,
        )
    for scheme in added:
        yield SchemaChange(
            f"scheme {scheme.name}", "scheme added", "new identifier scheme", Severity.NONE, Severity.NOTICE
        )
    for old, new in pairs:
        yield from _scheme(old, new)


def _scheme(old: Scheme, new: Scheme) -> Iterator[SchemaChange]:
    subject = f"scheme {new.name}"
    if old.name != new.name:
        yield SchemaChange(
            subject, "scheme renamed", f"was {old.name}", Severity.BREAKING, Severity.BREAKING, old.name, new.name
        )
    rules = ("pattern", "alphabet", "weights", "modulus", "check_alphabet", "upper", "strip")
    changed = [rule for rule in rules if getattr(old, rule) != getattr(new, rule)]
    if changed:
        yield SchemaChange(
            subject,
            "rules changed",
            f"{', '.join(changed)} changed; stored identifiers may violate it or be written otherwise",
            Severity.CHECK,
            Severity.CHECK,
        )
    if old.identifying != new.identifying:
        yield SchemaChange(
            subject,
            "identifying changed",
            "finds entities now: one value, one entity" if new.identifying else "no longer finds entities",
            Severity.CHECK if new.identifying else Severity.NONE,
            Severity.CHECK if new.identifying else Severity.BREAKING,
        )
    yield from sensitivity_change(subject, old.sensitivity, new.sensitivity)
    yield from text_changes(subject, old, new, ("iri", "owner", "example"))


def _levels(before: Schema, after: Schema) -> Iterator[SchemaChange]:
    if before.level_names != after.level_names:
        fewer = len(after.level_names) < len(before.level_names)
        yield SchemaChange(
            "levels",
            "levels changed",
            f"levels are {', '.join(label.text() for label in after.level_names)}",
            Severity.BREAKING if fewer else Severity.NOTICE,
            Severity.CHECK,
            ", ".join(label.text() for label in before.level_names),
            ", ".join(label.text() for label in after.level_names),
        )
