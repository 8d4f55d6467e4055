"""Decisions: accept, reject, undo. Each is one commit with the person's name, and stays in the graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kg.errors import NotFound, QueryError, ValidationError
from kg.geo.geometry import canonical
from kg.ingest.matching.reading import proposals, rows_of
from kg.ingest.review.decisions import (
    ACCEPTED,
    REJECTED,
    SOURCES,
    UNDONE,
    Decision,
    decisions,
    needs_ontology,
    remembered,
)
from kg.ingest.review.items import ItemKind, parse
from kg.ingest.review.listing import conflicts
from kg.ingest.review.merging import parted, union_of
from kg.model.changes import REVIEW, ById, ChangeSet, Put, RecordKey, Retract
from kg.model.intervals import MIN, OPEN, Interval
from kg.query.algebra import ClaimsOf, Field, Ids, Leaf, Meta, MetaName, Obj, Rows, Select
from kg.schema.checks import compile_checks
from kg.schema.instants import instant_micros
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from kg.ingest.review.items import Named
    from kg.ingest.review.merging import Union
    from kg.model.changes import Change, Receipt
    from kg.store.base import Store


@dataclass(frozen=True, slots=True)
class By:
    """Who decides, why, and when: `now` is the clock's reading, `recorded_at` replays history (microseconds)."""

    author: str
    reason: str
    now: int
    recorded_at: int | None = None


async def accept(store: Store, item: str, by: By, *, prefer: str = "", into: str = "") -> tuple[Decision, Receipt]:
    """Accept an item: a merge is made; of a conflict the value of the source `prefer` is taken; a stub becomes the
    entity `into` (or the only one that it may be).

    Raises QueryError, NotFound, IdentityConflict, ValidationError.
    """
    named = parse(item)
    await _not_decided(store, named, by)
    run = f"review {named.id} {by.now}"
    if named.kind is ItemKind.MERGE:
        union = await union_of(store, *named.entities, now=by.now, keep=into)
        return await _merged(store, named, by, run, union)
    if named.kind is ItemKind.STUB:
        target = into or await _only_fit(store, named, by.now)
        union = await union_of(store, named.entities[0], target, now=by.now, keep=target)
        return await _merged(store, named, by, run, union)
    if named.kind is ItemKind.CONFLICT:
        return await _preferred(store, named, by, run, prefer)
    raise QueryError(
        "A refused row is not accepted as it is", field="ID", value=item,
        remedy="Mend it in the rejects file and load that; or reject the item, so that it is listed no more.",
    )  # fmt: skip


async def reject(store: Store, item: str, by: By) -> tuple[Decision, Receipt]:
    """Reject an item: it is not proposed again. Nothing else changes."""
    named = parse(item)
    await _not_decided(store, named, by)
    run = f"review {named.id} {by.now}"
    put = remembered(named, REJECTED, author=by.author, reason=by.reason, run=run)
    return await _commit(store, named, by, run, (put,))


async def undo(store: Store, item: str, by: By) -> tuple[Decision, Receipt]:
    """Take a decision back: what was one is two again, a preference is gone, a rejected item is proposed again."""
    named = parse(item)
    made = await _decided(store, named, by)
    if made is None or made.outcome == UNDONE:
        raise NotFound(
            "Nothing was decided about this item", field="ID", value=item,
            remedy="`jingwei review list --decided` shows what was.",
        )  # fmt: skip
    run = f"review {named.id} {by.now}"
    changes: list[Change] = []
    level = 0
    if made.outcome == ACCEPTED and named.kind is ItemKind.CONFLICT:
        changes.append(Retract(made.run))
    elif made.outcome == ACCEPTED:
        (loser,) = (entity for entity in made.about if entity != made.kept)
        split, level = await parted(store, made.kept, loser, merged_at=made.system, now=by.now)
        changes.append(split)
    changes.append(
        remembered(
            named_of(named, made), UNDONE, author=by.author, reason=by.reason, run=run, level=level, kept=made.kept,
            preferred=made.preferred, score=made.score,
        )
    )  # fmt: skip
    return await _commit(store, named, by, run, tuple(changes))


def named_of(named: Named, made: Decision) -> Named:
    """The item with the entities that the decision is about."""
    return replace(named, entities=made.about)


# ---------------------------------------------------------------- what accepting means


async def _merged(store: Store, named: Named, by: By, run: str, union: Union) -> tuple[Decision, Receipt]:
    about = tuple(sorted((union.survivor, union.loser)))
    put = remembered(
        replace(named, entities=about), ACCEPTED, author=by.author, reason=by.reason, run=run, level=union.level,
        kept=union.survivor, score=union.score,
    )  # fmt: skip
    return await _commit(store, named, by, run, (union.change, put))


async def _only_fit(store: Store, named: Named, now: int) -> str:
    (stub,) = named.entities
    found = await proposals(store, now=now, only=(stub,))
    if len(found) == 1:
        return found[0].other if found[0].one == stub else found[0].one
    fitting = ", ".join(c.other if c.one == stub else c.one for c in found)
    raise QueryError(
        "Which entity the mention means is not said" if not found else "It may be any of several entities",
        field="ID", value=named.id, remedy=f"Name it: --as {fitting or 'ENTITY'}.",
    )  # fmt: skip


async def _preferred(store: Store, named: Named, by: By, run: str, prefer: str) -> tuple[Decision, Receipt]:
    (entity,) = named.entities
    found = {item.id: item async for item in conflicts(store, now=by.now, only=(entity,))}
    item = found.get(named.id)
    if item is None:
        other = [one for one in found if one.startswith(f"conflict:{entity}:{named.field_name}:")]
        raise NotFound(
            "The sources do not differ so (any more)", field="ID", value=named.id,
            remedy=f"They differ so now: {', '.join(other)}." if other else "They agree now.",
        )  # fmt: skip
    sides = [side for side in item.sides if side.sources[0] != REVIEW]
    names = sorted({side.sources[0] for side in sides})
    values = [side.value for side in sides if side.sources[0] == prefer]
    if not values or any(value != values[0] for value in values):
        raise QueryError(
            f"{prefer} says more than one thing itself" if values else "Which source is right is not said",
            field="--prefer", value=prefer or None,
            remedy=f"Name one: --prefer {' or '.join(names)}." if not values else "Mend its records.",
        )  # fmt: skip
    cls = item.sides[0].cls
    stored, wrong = compile_checks(store.schema, canonical).values(cls, {item.field_name: values[0]}, where=named.id)
    if wrong:
        raise ValidationError(wrong[0].message, where=named.id, field=item.field_name, value=values[0])
    choices = await _intervals(store, entity, prefer, by.now)
    puts = tuple(
        Put(
            RecordKey(REVIEW, entity), cls, stored, interval, patch=True, level=level, entity=ById(entity),
        )
        for interval, level in choices
    )  # fmt: skip
    level = min(level for _, level in choices)
    put = remembered(named, ACCEPTED, author=by.author, reason=by.reason, run=run, level=level, preferred=prefer)
    return await _commit(store, named, by, run, (*puts, put))


async def _intervals(store: Store, entity: str, source: str, now: int) -> list[tuple[Interval, int]]:
    """When the source's present claims hold, and their levels: a preference reaches no further."""
    names = (
        ("source", MetaName.SOURCE), ("from", MetaName.VALID_FROM), ("to", MetaName.VALID_TO), ("level", MetaName.LEVEL)
    )  # fmt: skip
    claims = Select(ClaimsOf(ROOT_CLASS), Rows(Obj(tuple(Field(n, Leaf(Meta(m))) for n, m in names))))
    rows = await rows_of(store, Select(Ids(ROOT_CLASS, (entity,)), Rows(Obj((Field("claims", claims),)))), now)
    out = set()
    for claim in rows[0]["claims"]:
        if claim["source"] == source:
            start = MIN if claim["from"] is None else instant_micros(claim["from"])
            end = OPEN if claim["to"] is None else instant_micros(claim["to"])
            out.add((Interval(start, end), int(claim["level"])))
    return sorted(out)


# ---------------------------------------------------------------- the commit


async def _decided(store: Store, named: Named, by: By) -> Decision | None:
    needs_ontology(store)
    return (await decisions(store, now=by.now, item=named.id)).get(named.id)


async def _not_decided(store: Store, named: Named, by: By) -> None:
    made = await _decided(store, named, by)
    if made is not None and made.outcome != UNDONE:
        raise QueryError(
            f"It was {made.outcome.lower()} by {made.decided_by or 'somebody'} already", field="ID", value=named.id,
            remedy=f"Take that back first: jingwei review undo {named.id}",
        )  # fmt: skip


async def _commit(
    store: Store, named: Named, by: By, run: str, changes: tuple[Change, ...]
) -> tuple[Decision, Receipt]:
    receipt = await store.commit(
        ChangeSet(
            changes, run=run, sources=SOURCES, author=by.author, reason=by.reason, recorded_at=by.recorded_at
        ),
        now=by.now,
    )  # fmt: skip
    made = await _decided(store, named, by)
    assert made is not None
    return made, receipt
