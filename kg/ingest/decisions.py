"""Decisions of people in a history that is replayed: who was joined with whom, and what was set apart again."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from kg.errors import LoadError
from kg.model.changes import ChangeSet, Merge, Receipt, RecordKey, Split
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
    from typing import Self

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


class Apart(_Part):
    """A record, by its source and the source's own name for it."""

    source: str
    record: str


class Decision(_Part):
    """`merge` is `into` after all; or `split`, the records that go back to the entities that they first were."""

    merge: Named | None = None
    into: Named | None = None
    split: Annotated[tuple[Apart, ...], BeforeValidator(lambda v: (v,) if isinstance(v, dict) else v)] = ()
    by: str = Field(min_length=1)
    reason: str = Field(min_length=1)
    recorded: AwareDatetime

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.merge is None) != (self.into is None) or bool(self.merge) == bool(self.split):
            message = "give either `merge` and `into`, or `split`"
            raise ValueError(message)
        return self

    @property
    def about(self) -> str:
        """A few words for people."""
        if self.merge and self.into:
            return f"{self.merge.name or self.merge.value} joined to {self.into.name or self.into.value}"
        return f"{', '.join(one.record for one in self.split)} set apart"


class Deciding:
    """A decision, ready to be committed once; it starts anew nowhere, so that it may be tried again."""

    def __init__(self, decision: Decision, recorded_at: int) -> None:
        self.decision = decision
        self.recorded_at = recorded_at
        body = orjson.dumps(decision.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
        self.run_name = f"decision-{hashlib.blake2b(body, digest_size=8).hexdigest()}"

    async def done(self, store: Store) -> bool:
        """Whether it was committed before."""
        return await store.receipt(self.run_name) is not None

    async def begun(self, store: Store) -> bool:
        """A decision is one commit: begun is done."""
        return await self.done(store)

    async def run(self, store: Store, *, now: int) -> Receipt:
        """Commit it. `now`: microseconds. LoadError where an entity is not found, or several are."""
        told = self.decision
        if told.merge and told.into:
            loser, survivor = [await _entity(store, one, now) for one in (told.merge, told.into)]
            change: Merge | Split = Merge(survivor, loser)
        else:
            change = Split(tuple(RecordKey(one.source, one.record) for one in told.split))
        clock = await store.clock()
        return await store.commit(
            ChangeSet(
                (change,), run=self.run_name, key=self.run_name, author=told.by, reason=told.reason,
                recorded_at=max(self.recorded_at, clock.system),
            ),
            now=now,
        )  # fmt: skip


async def _entity(store: Store, named: Named, now: int) -> str:
    """Id of the one entity that is named."""
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
