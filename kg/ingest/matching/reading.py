"""What matching looks at, read from a store; and all proposals that a store's content gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kg.geo.geometry import point_of
from kg.ingest.matching.candidates import candidates
from kg.ingest.matching.places import Places
from kg.ingest.matching.scoring import FAMILIES, PROPOSED, Named
from kg.query.algebra import (
    ClaimsOf,
    Cmp,
    Comparison,
    Const,
    Extent,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Query,
    Root,
    Rows,
    Select,
)
from kg.query.secure import EVERYTHING
from kg.schema.types import ROOT_CLASS
from kg.store.base import Scan

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from collections.abc import Set as AbstractSet

    from kg.ingest.matching.scoring import Candidate
    from kg.query.algebra import Predicate
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.store.base import Store

_NAMES = (("name", "name"), ("alternativeNames", "other"), ("formerNames", "former"))


async def named(
    store: Store, cls: str, *, now: int, where: Predicate | None = None, scope: Scope = EVERYTHING
) -> AsyncIterator[Named]:
    """Entities of a class that exist at `now` and have a name, a stub by the id that its source gave it."""
    schema = store.schema
    schemes = _schemes(schema, cls)
    known = {p.name for name in schema.concrete(cls) for p in schema.classes[name].properties}
    wanted = tuple(n for n in (*(n for n, _ in _NAMES), "address", "geometry", *schemes) if n in known)
    stubs = await _stub_names(store, cls, now, scope)
    async for batch in store.scan(Scan(now, cls, properties=wanted, where=where), scope):
        for row in batch.to_pylist():
            names = [(said, text) for name, said in _NAMES for text in _texts(row.get(name))]
            names += [("id", text) for text in stubs.get(row["id"], ())]
            if names:
                yield Named(
                    row["id"], row["class"], tuple(names), row.get("address") or "",
                    point_of(row["geometry"]) if row.get("geometry") else None,
                    tuple((scheme, text) for name, scheme in schemes.items() for text in _texts(row.get(name))),
                )  # fmt: skip


def _schemes(schema: Schema, cls: str) -> dict[str, str]:
    """Properties that hold identifiers which find entities, with their schemes."""
    return {
        p.name: p.scheme
        for name in schema.concrete(cls)
        for p in schema.classes[name].properties
        if p.scheme and schema.schemes[p.scheme].identifying
    }


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


async def _stub_names(store: Store, cls: str, now: int, scope: Scope) -> dict[str, list[str]]:
    """What sources call entities of which they say nothing else, by entity."""
    record = Select(ClaimsOf(cls), Rows(Obj((Field("record", Leaf(Meta(MetaName.RECORD))),))))
    shape = Rows(Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("claims", record))))
    where = Cmp(Comparison.EQ, Meta(MetaName.PROVENANCE), Const("mentioned"))
    rows = await rows_of(store, Select(Extent(cls), shape, where=where), now, scope)
    schemes = tuple(f"{scheme}:" for scheme in store.schema.schemes)
    return {
        row["id"]: sorted({c["record"] for c in row["claims"] if not c["record"].startswith(schemes)}) for row in rows
    }


async def rows_of(store: Store, select: Select, now: int, scope: Scope = EVERYTHING) -> list[dict[str, Any]]:
    """The rows of one select of shape Rows."""
    found = await store.execute(Query((Root("rows", select),), now=now), scope)
    rows: list[dict[str, Any]] = orjson.loads(found)["rows"]
    return rows


async def proposals(
    store: Store,
    *,
    now: int,
    since: int | None = None,
    least: float = PROPOSED,
    scope: Scope = EVERYTHING,
    only: Sequence[str] | None = None,
) -> list[Candidate]:
    """Pairs that may be one, best first. `since`: with one side that became known after this system instant;
    `only`: with one side among these ids."""
    out: list[Candidate] = []
    chosen = None if only is None else frozenset(only)
    places: Places | None = None
    for family, kind in FAMILIES:
        if family not in store.schema.classes:
            continue
        # Before any name is held: a register that gives each firm its code has none to compare.
        mine = await _schemes_held(store, family, now, _known_since(since), scope, chosen)
        if not mine or _all_told_apart(mine, await _schemes_held(store, family, now, None, scope)):
            continue
        if places is None:
            places = await _places(store, now, scope)
        new = [
            one
            async for one in named(store, family, now=now, where=_known_since(since), scope=scope)
            if chosen is None or one.id in chosen
        ]
        known = new if since is None and only is None else [o async for o in named(store, family, now=now, scope=scope)]
        out += candidates(new, known, kind, places=places, least=least)
    return sorted(out, key=lambda found: (-found.score, found.one, found.other))


async def _schemes_held(
    store: Store, cls: str, now: int, where: Predicate | None, scope: Scope, chosen: frozenset[str] | None = None
) -> set[frozenset[str]]:
    """Of which identifier schemes entities bear values: each combination once. `chosen`: of these entities alone."""
    schemes = _schemes(store.schema, cls)
    out: set[frozenset[str]] = set()
    async for batch in store.scan(Scan(now, cls, properties=tuple(schemes), where=where), scope):
        for row in batch.to_pylist():
            if chosen is None or row["id"] in chosen:
                out.add(frozenset(scheme for name, scheme in schemes.items() if row.get(name)))
    return out


def _all_told_apart(mine: AbstractSet[frozenset[str]], theirs: AbstractSet[frozenset[str]]) -> bool:
    """Whether identifiers tell every one from every other, as in a registry that gives each firm its code."""
    return all(a & b for a in mine for b in theirs)


def _known_since(since: int | None) -> Predicate | None:
    return None if since is None else Cmp(Comparison.GT, Meta(MetaName.SYSTEM_FROM), Const(since))


async def _places(store: Store, now: int, scope: Scope) -> Places:
    if "AdministrativeArea" not in store.schema.classes:
        return Places()
    return Places(
        [text async for one in named(store, "AdministrativeArea", now=now, scope=scope) for _, text in one.names]
    )


async def those(store: Store, ids: Sequence[str], *, now: int, scope: Scope = EVERYTHING) -> list[Named]:
    """These entities as matching looks at them, retired ids as their survivors, in order of id."""
    shape = Rows(Obj((Field("id", Leaf(Meta(MetaName.ID))), Field("class", Leaf(Meta(MetaName.CLASS))))))
    out: list[Named] = []
    for row in await rows_of(store, Select(Ids(ROOT_CLASS, tuple(ids)), shape), now, scope):
        one = Cmp(Comparison.EQ, Meta(MetaName.ID), Const(row["id"]))
        out += [found async for found in named(store, row["class"], now=now, where=one, scope=scope)]
    return sorted(out, key=lambda found: found.id)
