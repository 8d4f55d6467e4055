"""Decisions, as the graph keeps them: entities of the class ReviewDecision, a record each of the source `jingwei`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import SchemaError
from kg.model.changes import ABOUT, REVIEW, Put, RecordKey, Source
from kg.model.intervals import ALWAYS
from kg.query.algebra import (
    Aligned,
    And,
    Cmp,
    Comparison,
    Const,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Or,
    Prop,
    Query,
    Root,
    Select,
)
from kg.query.secure import EVERYTHING
from kg.schema.instants import instant_micros
from kg.schema.types import ROOT_CLASS
from kg.store.base import Scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kg.ingest.review.items import Named
    from kg.query.algebra import Predicate
    from kg.store.base import Store

DECISION: Final = "ReviewDecision"
SOURCES: Final = (
    Source(ABOUT, "图谱自身 | About the graph itself", level=1),
    Source(REVIEW, "Choices of reviewers 人工审核"),
)
LEAST_LEVEL: Final = 1
"""Who decided what is internal."""
ACCEPTED, REJECTED, UNDONE = "ACCEPTED", "REJECTED", "UNDONE"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided last about an item. `system`: when that became known, microseconds."""

    item: str
    kind: str
    outcome: str
    about: tuple[str, ...]
    kept: str
    preferred: str
    decided_by: str
    reason: str
    run: str
    score: float | None
    system: int


def needs_ontology(store: Store) -> None:
    """SchemaError where the store's ontology cannot hold decisions."""
    if DECISION not in store.schema.classes:
        raise SchemaError(
            f"The ontology has no class {DECISION}, in which decisions are kept", where=store.url,
            remedy="Use the ontology that ships with Jingwei, with modules of your own beside it.",
        )  # fmt: skip


async def decisions(store: Store, *, now: int, item: str = "", open_only: bool = False) -> dict[str, Decision]:
    """All decisions by item (or that on one), those taken back included unless `open_only`."""
    needs_ontology(store)
    where: list[Predicate] = []
    if item:
        where.append(Cmp(Comparison.EQ, Prop("item"), Const(item)))
    if open_only:
        where.append(Or(tuple(Cmp(Comparison.EQ, Prop("outcome"), Const(o)) for o in (ACCEPTED, REJECTED))))
    out: dict[str, Decision] = {}
    async for batch in store.scan(Scan(now, DECISION, where=And(tuple(where)) if where else None), EVERYTHING):
        for row in batch.to_pylist():
            found = _decision(row)
            out[found.item] = found
    return out


def _decision(row: dict[str, Any]) -> Decision:
    return Decision(
        row["item"], row["kind"] or "", row["outcome"] or "", tuple(row["about"] or ()), row["kept"] or "",
        row["preferredSource"] or "", row["decidedBy"] or "", row["reason"] or "", row["decisionRun"] or "",
        row["matchScore"], instant_micros(row["systemFrom"]),
    )  # fmt: skip


def remembered(
    item: Named, outcome: str, *, author: str, reason: str, run: str, level: int = 0, kept: str = "",
    preferred: str = "", score: float | None = None,
) -> Put:  # fmt: skip
    """The statement that keeps a decision."""
    said: dict[str, Any] = {
        "item": item.id, "kind": item.kind.name, "outcome": outcome, "about": item.entities, "kept": kept,
        "preferredSource": preferred, "decidedBy": author, "reason": reason, "decisionRun": run, "matchScore": score,
    }  # fmt: skip
    properties = {name: value for name, value in said.items() if value not in (None, "", ())}
    return Put(RecordKey(ABOUT, item.id), DECISION, properties, ALWAYS, level=max(level, LEAST_LEVEL))


async def survivors(store: Store, ids: Iterable[str], *, now: int) -> dict[str, str]:
    """Ids → the entities that answer to them now; those that nothing answers to are left out."""
    wanted = sorted(set(ids))
    out: dict[str, str] = {}
    for at in range(0, len(wanted), 1000):
        part = tuple(wanted[at : at + 1000])
        shape = Aligned(Obj((Field("id", Leaf(Meta(MetaName.ID))),)))
        query = Query((Root("rows", Select(Ids(ROOT_CLASS, part), shape)),), now=now)
        rows = orjson.loads(await store.execute(query, EVERYTHING))["rows"]
        out |= {one: row["id"] for one, row in zip(part, rows, strict=True) if row is not None}
    return out
