"""Decisions of reviewers in a history that is replayed: who was joined with whom, and what was set apart again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from kg.errors import LoadError
from kg.ingest.review.deciding import By, accept, undo
from kg.ingest.review.decisions import ACCEPTED, UNDONE, decisions
from kg.ingest.review.items import ItemKind, merge_id
from kg.model.changes import ChangeSet, Receipt
from kg.query.algebra import (
    Cmp,
    Comparison,
    Const,
    Extent,
    Keys,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Prop,
    Query,
    Root,
    Rows,
    Select,
)
from kg.query.algebra import Field as Key
from kg.query.secure import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from kg.ingest.review.decisions import Decision
    from kg.store.base import Store


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Named(_Part):
    """An entity of a class, by its name as it is now, or by an identifier."""

    cls: str = Field(alias="class")
    name: str = ""
    scheme: str = ""
    value: str = ""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.name) == bool(self.scheme and self.value):
            message = "give either `name`, or `scheme` and `value`"
            raise ValueError(message)
        return self


class DecisionStep(_Part):
    """`merge` is `into` after all; or `undo`, the entity whose merge is taken back."""

    merge: Named | None = None
    into: Named | None = None
    undo: Named | None = None
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    recorded: AwareDatetime

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.merge is None) != (self.into is None) or bool(self.merge) == bool(self.undo):
            message = "give either `merge` and `into`, or `undo`"
            raise ValueError(message)
        return self

    @property
    def about(self) -> str:
        """A few words for people."""
        if self.merge and self.into:
            return f"{self.merge.name or self.merge.value} joined to {self.into.name or self.into.value}"
        assert self.undo is not None
        return f"{self.undo.name or self.undo.value} set apart again"


class Replay:
    """A decision, ready to be taken once. One that was interrupted is found taken, and only marked as done."""

    def __init__(self, step: DecisionStep, recorded_at: int) -> None:
        self.step = step
        self.recorded_at = recorded_at
        body = orjson.dumps(step.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        self.key = f"replay-{hashlib.blake2b(body, digest_size=8).hexdigest()}"

    async def done(self, store: Store) -> bool:
        """Whether it was taken before."""
        return await store.receipt(self.key) is not None

    async def begun(self, store: Store) -> bool:
        """Whether anything of it is in the store: what is not marked as done is taken again."""
        return await self.done(store)

    async def run(self, store: Store, *, now: int) -> Receipt:
        """Take it, at the instant at which it was taken. `now`: microseconds.

        LoadError where an entity is not found, or several are; what `kg.ingest.review` raises.
        """
        step = self.step
        recorded_at = max(self.recorded_at, (await store.clock()).system)
        by = By(step.by, step.reason, now=recorded_at, recorded_at=recorded_at)
        kept = await _entity(store, step.into or step.undo, recorded_at)
        of_it = [one for one in (await decisions(store, now=recorded_at)).values() if one.kept == kept]
        outcome = ACCEPTED if step.merge else UNDONE
        taken = [one for one in of_it if (one.outcome, one.decided_by, one.reason) == (outcome, step.by, step.reason)]
        receipt = Receipt(read=1, unchanged=1)
        if not taken:
            if step.merge is not None:
                item = merge_id(kept, await _entity(store, step.merge, recorded_at))
                made, receipt = await accept(store, item, by, into=kept)
            else:
                made, receipt = await undo(store, _only(of_it, store), by)
            taken = [made]
        mark = ChangeSet((), run=taken[0].run, key=self.key, recorded_at=(await store.clock()).system)
        await store.commit(mark, now=now)
        return Receipt(
            1, loaded=1 - receipt.unchanged, unchanged=receipt.unchanged, system=receipt.system, seq=receipt.seq,
            run=taken[0].run,
        )  # fmt: skip


def _only(found: Sequence[Decision], store: Store) -> str:
    """The item of the one merge that stands."""
    standing = [one.item for one in found if one.outcome == ACCEPTED and one.item.startswith(f"{ItemKind.MERGE}:")]
    if len(standing) != 1:
        raise LoadError(
            f"{len(standing)} merges into this entity stand", where=store.url, field="undo",
            remedy="Name an entity into which exactly one was merged.",
        )  # fmt: skip
    return standing[0]


async def _entity(store: Store, named: Named | None, now: int) -> str:
    """Id of the one entity that is named."""
    assert named is not None
    cls = store.schema.classes.get(named.cls)
    if cls is None:
        raise LoadError("There is no such class", field="class", value=named.cls, remedy="Name one of the ontology.")
    shape = Rows(Obj((Key("id", Leaf(Meta(MetaName.ID))),)))
    if named.name:
        where = Cmp(Comparison.EQ, Prop("name"), Const(named.name))
        select = Select(Extent(named.cls), shape, where)
    else:
        select = Select(Keys(named.cls, ((named.scheme, named.value),)), shape)
    answer = await store.execute(Query((Root("found", select),), now), EVERYTHING)
    found = orjson.loads(answer)["found"]
    if len(found) != 1:
        raise LoadError(
            f"{len(found)} entities are named so", where=store.url, field=named.scheme or "name",
            value=named.value or named.name, remedy="Name exactly one that the store holds.",
        )  # fmt: skip
    return str(found[0]["id"])
