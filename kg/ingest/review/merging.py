"""Two entities become one, and two again: which goes on, for which readers, and what goes back where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import IdentityConflict, NotFound
from kg.ingest.matching.reading import those
from kg.ingest.matching.scoring import PROPOSED, Scorer, kind_of
from kg.model.changes import Merge, RecordKey, Split
from kg.query.algebra import (
    Aligned,
    ClaimsOf,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Query,
    Range,
    Root,
    Rows,
    Select,
    Time,
)
from kg.query.secure import EVERYTHING, Scope
from kg.schema.instants import instant_micros
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.store.base import Store

_TOP: Final = 3


@dataclass(frozen=True, slots=True)
class Union:
    """A merge to be made. `score` is None where nothing proposes it."""

    survivor: str
    loser: str
    level: int
    score: float | None

    @property
    def change(self) -> Merge:
        return Merge(self.survivor, self.loser, self.level)


async def union_of(store: Store, one: str, other: str, *, now: int, keep: str = "") -> Union:
    """How two entities become one. `keep` is the one whose id goes on; else a stub yields, then what has fewer records,
    then the greater id.

    The merge is for readers of the least level who see both and enough to see why. NotFound, IdentityConflict.
    """
    pair = (one, other)
    seen = await _seen(store, pair, now, EVERYTHING)
    for entity in pair:
        if entity not in seen:
            raise NotFound(
                "There is no such entity now", field="ID", value=entity,
                remedy="It may have gone into another since: `jingwei review list` gives the ids of now.",
            )  # fmt: skip
    if seen[one]["id"] == seen[other]["id"]:
        raise IdentityConflict("The two are one already", field="ID", value=seen[one]["id"], remedy="Nothing is to do.")
    ids = (seen[one]["id"], seen[other]["id"])
    by_id = {row["id"]: row for row in seen.values()}

    def weight(entity: str) -> tuple[bool, bool, int, str]:
        row = by_id[entity]
        return entity != keep, row["provenance"] == "mentioned", -len(row["claims"]), entity

    survivor, loser = sorted(ids, key=weight)
    level, score = await _level(store, survivor, loser, now)
    return Union(survivor, loser, level, score)


async def _seen(store: Store, ids: Sequence[str], now: int, scope: Scope) -> dict[str, dict[str, Any]]:
    """Asked id → the row that answers, where one does."""
    claims = Select(ClaimsOf(ROOT_CLASS), Rows(Obj((Field("record", Leaf(Meta(MetaName.RECORD))),))))
    shape = Aligned(
        Obj(
            (
                Field("id", Leaf(Meta(MetaName.ID))), Field("class", Leaf(Meta(MetaName.CLASS))),
                Field("provenance", Leaf(Meta(MetaName.PROVENANCE))), Field("claims", claims),
            )
        )
    )  # fmt: skip
    query = Query((Root("rows", Select(Ids(ROOT_CLASS, tuple(ids)), shape)),), now=now)
    rows = orjson.loads(await store.execute(query, scope))["rows"]
    return {one: row for one, row in zip(ids, rows, strict=True) if row is not None}


async def _level(store: Store, survivor: str, loser: str, now: int) -> tuple[int, float | None]:
    """(least level that sees both and why, score there); why, at whatever level that is, if anything says so."""
    both: int | None = None
    for level in range(_TOP + 1):
        scope = Scope(level=level)
        if len(await _seen(store, (survivor, loser), now, scope)) < 2:
            continue
        both = level if both is None else both
        sides = await those(store, (survivor, loser), now=now, scope=scope)
        if len(sides) < 2:
            continue
        kind = kind_of(store.schema, sides[0].cls)
        found = Scorer(kind[0]).score(*sides) if kind is not None else None
        if found is not None and found.score >= PROPOSED:
            return level, found.score
    return (_TOP if both is None else both), None


# ---------------------------------------------------------------- taking a merge back


async def parted(store: Store, survivor: str, loser: str, *, merged_at: int, now: int) -> tuple[Split, int]:
    """(the split that takes a merge back, its level): every record goes to where it would be had they never been one.

    What was the loser's before `merged_at` (system instant) goes back to it. A record that came since goes with it
    where it bears an identifier that only the loser's records bear.
    """
    level = await _merged_level(store, survivor, loser, now)
    before = merged_at - 1
    theirs = await _records(store, loser, system=before, now=now)
    ours = await _records(store, survivor, system=before, now=now)
    held = await _records(store, survivor, system=None, now=now)
    back = [key for key in theirs if key in held]
    loser_ids = {one for said in theirs.values() for one in said}
    own_ids = {one for said in ours.values() for one in said}
    since = [key for key in held if key not in theirs and key not in ours]
    back += [key for key in since if held[key] & (loser_ids - own_ids) and not held[key] & (own_ids - loser_ids)]
    return Split(tuple(back), level, into=loser), level


async def _merged_level(store: Store, survivor: str, loser: str, now: int) -> int:
    """The least level whose readers see the loser in the survivor."""
    for level in range(_TOP + 1):
        seen = await _seen(store, (survivor, loser), now, Scope(level=level))
        if len(seen) == 2 and seen[survivor]["id"] == seen[loser]["id"]:
            return level
    raise IdentityConflict(
        "The two are not one any more", field="ID", value=loser,
        remedy="Something else has parted them; there is nothing to take back.",
    )  # fmt: skip


async def _records(
    store: Store, entity: str, *, system: int | None, now: int
) -> dict[RecordKey, frozenset[tuple[str, str]]]:
    """Records of an entity as known at a system instant, with the identifiers that they ever bear."""
    instants = Select(
        Ids(ROOT_CLASS, (entity,)), Rows(Obj((Field("from", Leaf(Meta(MetaName.VALID_FROM))),))),
        time=Time(Range(), system),
    )  # fmt: skip
    said = tuple(
        Field(name, Leaf(Meta(meta)))
        for name, meta in (
            ("source", MetaName.SOURCE), ("record", MetaName.RECORD), ("class", MetaName.CLASS),
            ("properties", MetaName.PROPERTIES),
        )
    )  # fmt: skip
    rows = orjson.loads(
        await store.execute(Query((Root("rows", instants),), now=now), EVERYTHING)
    )["rows"]  # fmt: skip
    out: dict[RecordKey, frozenset[tuple[str, str]]] = {}
    if not rows:
        return out
    # Any instant at which it exists will do: claims are read for all of valid time.
    start = rows[0]["from"]
    valid = instant_micros(start) if start is not None else await _before_all(store, entity, system, now)
    claims = Select(ClaimsOf(ROOT_CLASS), Rows(Obj(said)), time=Time(Range(), None))
    select = Select(Ids(ROOT_CLASS, (entity,)), Rows(Obj((Field("claims", claims),))), time=Time(valid, system))
    answer = orjson.loads(await store.execute(Query((Root("rows", select),), now=now), EVERYTHING))["rows"]
    for row in answer:
        for claim in row["claims"]:
            key = RecordKey(claim["source"], claim["record"])
            out[key] = out.get(key, frozenset()) | _identifiers(store, claim)
    return out


async def _before_all(store: Store, entity: str, system: int | None, now: int) -> int:
    """An instant in the first version of an entity that has no known beginning."""
    shape = Rows(Obj((Field("to", Leaf(Meta(MetaName.VALID_TO))),)))
    select = Select(Ids(ROOT_CLASS, (entity,)), shape, time=Time(Range(), system))
    rows = orjson.loads(await store.execute(Query((Root("rows", select),), now=now), EVERYTHING))["rows"]
    end = rows[0]["to"]
    return now if end is None else instant_micros(end) - 1


def _identifiers(store: Store, claim: dict[str, Any]) -> frozenset[tuple[str, str]]:
    said = claim["properties"]
    cls = store.schema.classes.get(claim["class"])
    found = set()
    for declared in cls.properties if cls is not None else ():
        value = said.get(declared.name)
        if value is not None and declared.scheme and store.schema.schemes[declared.scheme].identifying:
            found |= {(declared.scheme, one) for one in (value if isinstance(value, list) else [value])}
    return frozenset(found)
