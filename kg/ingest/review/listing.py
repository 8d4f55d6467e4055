"""What waits for a decision: worked out anew from what the store holds now, less what was decided.

Proposals are not stored (docs/decisions/161-review.md): a stored one would be of yesterday's names, and would have to
be taken back whenever a load changes them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import LoadError
from kg.ingest.compiling import ATTRIBUTES
from kg.ingest.matching.reading import proposals, rows_of
from kg.ingest.matching.scoring import PROPOSED, Reason
from kg.ingest.rejects import MARK, REASONS
from kg.ingest.review.decisions import DECISION, REJECTED, Decision, decisions, survivors
from kg.ingest.review.items import Item, ItemKind, Side, fingerprint, merge_id
from kg.model.changes import RESERVED, REVIEW
from kg.query.algebra import (
    After,
    ClaimsOf,
    Cmp,
    Comparison,
    ConflictsOf,
    Const,
    Extent,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Page,
    Prop,
    Rows,
    Select,
)
from kg.query.secure import EVERYTHING
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from kg.ingest.matching.scoring import Candidate
    from kg.store.base import Store

BATCH: Final = 2000
CANDIDATES: Final = 3
"""Entities that a stub may be, shown with it: the best ones; all are among `proposals`."""


async def waiting(
    store: Store,
    *,
    now: int,
    kinds: Collection[ItemKind] = tuple(ItemKind),
    rejects: Path | None = None,
    least: float = PROPOSED,
) -> AsyncIterator[Item]:
    """All items without a decision: merges, best first; conflicts; stubs; refused rows of the folder `rejects`."""
    made = await decisions(store, now=now, open_only=True)
    found: list[Candidate] = []
    stubbed: set[str] = set()
    if not {ItemKind.MERGE, ItemKind.STUB}.isdisjoint(kinds):
        found = await proposals(store, now=now, least=least)
        found = await _undecided(store, found, made, now)
        stubbed = {row["id"] for row in await _stub_rows(store, now)}
    if ItemKind.MERGE in kinds:
        merges = [
            Item(merge_id(c.one, c.other), ItemKind.MERGE, (Side(c.one), Side(c.other)), c.score, c.reasons)
            for c in found
            if stubbed.isdisjoint((c.one, c.other))
        ]
        for at in range(0, len(merges), BATCH):
            for item in await labelled(store, merges[at : at + BATCH], now=now):
                yield item
    if ItemKind.CONFLICT in kinds:
        async for item in conflicts(store, now=now):
            if item.id not in made:
                yield item
    if ItemKind.STUB in kinds:
        stubs = [item for item in _stubs(sorted(stubbed), found) if item.id not in made]
        for at in range(0, len(stubs), BATCH):
            for item in await labelled(store, stubs[at : at + BATCH], now=now):
                yield item
    if ItemKind.ROW in kinds and rejects is not None:
        for item in refused(rejects):
            if item.id not in made:
                yield item


# ---------------------------------------------------------------- merges and stubs


async def _undecided(store: Store, found: Sequence[Candidate], made: dict[str, Decision], now: int) -> list[Candidate]:
    """Without pairs that were rejected, be it under an id that has gone into another since."""
    apart = [d.about for d in made.values() if d.outcome == REJECTED and len(d.about) == 2]
    answers = await survivors(store, (entity for pair in apart for entity in pair), now=now)
    rejected = {frozenset(answers.get(entity, entity) for entity in pair) for pair in apart}
    return [c for c in found if frozenset((c.one, c.other)) not in rejected]


async def made_by(store: Store, since: int, touched: Callable[[], Collection[str]], *, now: int) -> tuple[int, int]:
    """(pairs proposed, conflicts) of a load that nobody has decided: of entities whose version became known after a
    system instant, and of entities of which something was said."""
    if DECISION not in store.schema.classes:
        return 0, 0
    made = await decisions(store, now=now, open_only=True)
    pairs = await _undecided(store, await proposals(store, now=now, since=since), made, now)
    if len([s for s in await store.sources(EVERYTHING) if s.id not in RESERVED]) == 1:
        return len(pairs), 0  # a source alone contradicts nobody
    differing = [item.id async for item in conflicts(store, now=now, only=sorted(touched())) if item.id not in made]
    return len(pairs), len(differing)


async def _stub_rows(store: Store, now: int) -> list[dict[str, Any]]:
    where = Cmp(Comparison.EQ, Meta(MetaName.PROVENANCE), Const("mentioned"))
    select = Select(Extent(ROOT_CLASS), Rows(Obj((Field("id", Leaf(Meta(MetaName.ID))),))), where=where)
    return await rows_of(store, select, now)


def _stubs(ids: Sequence[str], found: Sequence[Candidate]) -> Iterator[Item]:
    """Each stub with the entities that it may be, best first."""
    fitting: dict[str, list[Candidate]] = defaultdict(list)
    known = set(ids)
    for c in found:
        for one in {c.one, c.other} & known:
            fitting[one].append(c)
    items = []
    for stub in ids:
        best = fitting[stub][:CANDIDATES]
        others = tuple(Side(c.other if c.one == stub else c.one) for c in best)
        score = best[0].score if best else None
        items.append(Item(f"stub:{stub}", ItemKind.STUB, (Side(stub), *others), score, best[0].reasons if best else ()))
    yield from sorted(items, key=lambda item: (-(item.score or 0.0), item.id))


async def labelled(store: Store, items: Sequence[Item], *, now: int) -> list[Item]:
    """The items with names, classes and sources of their sides."""
    ids = tuple(sorted({side.id for item in items for side in item.sides if side.id}))
    if not ids:
        return list(items)
    said = Select(
        ClaimsOf(ROOT_CLASS),
        Rows(Obj((Field("source", Leaf(Meta(MetaName.SOURCE))), Field("record", Leaf(Meta(MetaName.RECORD)))))),
    )
    shape = Obj(
        (
            Field("id", Leaf(Meta(MetaName.ID))), Field("class", Leaf(Meta(MetaName.CLASS))),
            Field("name", Leaf(Prop("name"))), Field("claims", said),
        )
    )  # fmt: skip
    rows = {row["id"]: row for row in await rows_of(store, Select(Ids(ROOT_CLASS, ids), Rows(shape)), now)}
    return [replace(item, sides=tuple(_labelled(side, rows.get(side.id)) for side in item.sides)) for item in items]


def _labelled(side: Side, row: dict[str, Any] | None) -> Side:
    if row is None:
        return side
    claims = [c for c in row["claims"] if c["source"] != REVIEW]
    sources = side.sources or tuple(sorted({c["source"] for c in claims}))
    label = row["name"] or ", ".join(sorted({c["record"] for c in claims}))
    return replace(side, label=side.label or label, cls=row["class"], sources=sources)


# ---------------------------------------------------------------- conflicts


async def conflicts(store: Store, *, now: int, only: Sequence[str] | None = None) -> AsyncIterator[Item]:
    """Where sources differ about an entity and property at `now`, decided or not, in order of entity and property.

    `only`: of these entities. What no property of the ontology holds (`attributes`) is not compared: every source has
    other columns.
    """
    names = (
        ("property", MetaName.PROPERTY), ("value", MetaName.VALUE), ("source", MetaName.SOURCE),
        ("record", MetaName.RECORD), ("level", MetaName.LEVEL), ("chosen", MetaName.CHOSEN),
    )  # fmt: skip
    differing = Select(ConflictsOf(ROOT_CLASS), Rows(Obj(tuple(Field(n, Leaf(Meta(m))) for n, m in names))))
    shape = Rows(
        Obj(
            (
                Field("id", Leaf(Meta(MetaName.ID))), Field("class", Leaf(Meta(MetaName.CLASS))),
                Field("name", Leaf(Prop("name"))), Field("conflicts", differing),
            )
        )
    )  # fmt: skip
    if only is not None:
        for at in range(0, len(only), BATCH):
            for row in await rows_of(store, Select(Ids(ROOT_CLASS, tuple(only[at : at + BATCH])), shape), now):
                for item in _conflicts_of(row):
                    yield item
        return
    after: After | None = None
    while True:
        rows = await rows_of(store, Select(Extent(ROOT_CLASS), shape, page=Page(BATCH, after)), now)
        for row in rows:
            for item in _conflicts_of(row):
                yield item
        if len(rows) < BATCH:
            return
        after = After((), rows[-1]["id"])


def _conflicts_of(row: dict[str, Any]) -> Iterator[Item]:
    by_property: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for said in row["conflicts"]:
        if said["property"] != ATTRIBUTES:
            by_property[said["property"]].append(said)
    for name, claims in sorted(by_property.items()):
        stated = [c for c in claims if c["source"] != REVIEW]
        print_of = fingerprint((c["source"], c["record"], c["value"]) for c in stated)
        sides = tuple(
            Side(row["id"], row["name"] or "", row["class"], (c["source"],), c["value"], bool(c["chosen"]), c["record"])
            for c in claims
        )
        yield Item(f"conflict:{row['id']}:{name}:{print_of}", ItemKind.CONFLICT, sides, field_name=name)


# ---------------------------------------------------------------- refused rows


def refused(folder: Path) -> Iterator[Item]:
    """Rows in the rejects files of a folder, by file and row. LoadError for a file of reasons that cannot be read."""
    for path in sorted(folder.glob(f"*{REASONS}")):
        stem = path.name.removesuffix(REASONS)
        by_row: dict[int, list[dict[str, Any]]] = defaultdict(list)
        try:
            for line in path.read_bytes().splitlines():
                said = orjson.loads(line)
                by_row[int(said["row"])].append(said)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LoadError(
                f"The reasons of refused rows cannot be read: {error}", where=str(path),
                remedy="Load the source file again, which writes them anew.",
            ) from None  # fmt: skip
        files = (folder / f"{stem}{MARK}{ending}" for ending in (".csv", ".jsonl"))
        rows = next((str(file) for file in files if file.exists()), "")
        for row, wrong in sorted(by_row.items()):
            said = [{n: w.get(n) for n in ("field", "value", "reason", "remedy")} for w in wrong]
            yield Item(
                f"row:{stem}:{row}:{fingerprint(said)}", ItemKind.ROW, file=rows or wrong[0].get("file", ""), row=row,
                wrong=tuple(said), reasons=tuple(Reason("refused", 0.0, str(w["reason"])) for w in wrong),
            )  # fmt: skip
