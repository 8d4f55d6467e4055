"""What commits opened and closed, from the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from kg.store.base import ChangeEntry, Position
from kg.store.feed import entries_of
from kg.store.neo4j import layout as names
from kg.store.neo4j.layout import using
from kg.store.neo4j.values import edge_of, version_of

if TYPE_CHECKING:
    from kg.store.neo4j.connection import Link
    from kg.store.neo4j.layout import Layout

_COMMITS_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class Found:
    """One commit's entries behind a position."""

    seq: int
    entries: list[tuple[ChangeEntry, int, int]]
    erased: list[ChangeEntry]


async def entries_after(link: Link, layout: Layout, after: Position, until: int) -> Found | None:
    """Of the first commit up to `until` (the latest visible seq) that has any behind the position; None at the end."""
    seq = after.seq
    while True:
        commits = await link.read(
            f"MATCH (t:`{names.TX}`) WHERE t.seq >= $seq AND t.seq <= $until "
            "RETURN t.seq AS seq, t.system ORDER BY seq LIMIT $limit",
            {"seq": seq, "until": until, "limit": _COMMITS_AT_ONCE},
        )
        for number, system in commits:
            found = await _entries(link, layout, number, system)
            entries = [e for e in found if e[0].position > after]
            erased = [e for e in await _erased(link, number, system) if e.position > after]
            if entries or erased:
                return Found(number, entries, erased)
        if len(commits) < _COMMITS_AT_ONCE:
            return None
        seq = commits[-1][0] + 1


async def _entries(link: Link, layout: Layout, seq: int, system: int) -> list[tuple[ChangeEntry, int, int]]:
    """Rows may move meanwhile; whoever asks takes care of that (`Asker.steady`)."""
    asked: dict[str, Any] = {"system": system}
    changed = f"MATCH (c:`{names.CHANGED}`) {using('c', names.CHANGED, 'system')} WHERE c.system = $system"
    named = f"{changed} AND c.relation = $relation UNWIND c.names AS name WITH DISTINCT name"
    versions: dict[int, Any] = {}
    edges: dict[int, Any] = {}
    for (relation,) in await link.read(f"{changed} RETURN DISTINCT c.relation", asked):
        asked["relation"] = relation
        if not relation:
            for (node,) in await link.read(
                f"{named} MATCH (e:`{names.ENTITY}` {{id: name}}) MATCH (e)-[:`{names.HAS_STATE}`*0..1]->(s) "
                "WHERE s._row IS NOT NULL AND (s.systemFrom = $system OR s.systemTo = $system) RETURN properties(s)",
                asked,
            ):
                versions[node["_row"]] = version_of(node)
            continue
        for kind in layout.relation_types(relation):
            for start, end, found in await link.read(
                f"{named} MATCH (a)-[r:{kind} {{edge: name}}]->(b) {using('r', kind, 'edge')} "
                "WHERE r.systemFrom = $system OR r.systemTo = $system RETURN a.id, b.id, properties(r)",
                asked,
            ):
                edges[found["_row"]] = edge_of(relation, start, end, found)
    return entries_of(seq, system, versions.values(), edges.values())


async def _erased(link: Link, seq: int, system: int) -> list[ChangeEntry]:
    return [
        ChangeEntry(Position(seq, 1), system, "erased", "entity", entity, name, 0, 0, {})
        for entity, name in await link.read(
            f"MATCH (t:`{names.TOMBSTONE}` {{seq: $seq}}) RETURN t.entity, t.property", {"seq": seq}
        )
    ]
