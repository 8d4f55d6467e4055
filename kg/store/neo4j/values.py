"""Rows of the model ↔ properties of nodes and relations."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson
from neo4j.spatial import WGS84Point

from kg.geo.geometry import bounds
from kg.model.changes import RecordKey, Source
from kg.model.intervals import OPEN
from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
from kg.query.text import index_tokens
from kg.store.neo4j import layout as names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kg.store.neo4j.layout import Layout

_POINT: Final = '{"type":"Point","coordinates":['
_META: Final = frozenset(
    {
        names.ID, names.CLASS, names.EDGE, names.VALID_FROM, names.VALID_TO, names.SYSTEM_FROM, names.SYSTEM_TO,
        names.SOURCES,
    }
)  # fmt: skip


def record_key(key: RecordKey) -> str:
    """One text for a record's name."""
    return orjson.dumps((key.source, key.local)).decode()


def record_of(text: str) -> RecordKey:
    return RecordKey(*orjson.loads(text))


def identifier_key(scheme: str, value: str) -> str:
    """One text for an identifier."""
    return orjson.dumps((scheme, value)).decode()


@lru_cache(maxsize=4096)
def _sources(text: str) -> dict[str, str]:
    """Shared by rows that say the same; not to be changed."""
    found: dict[str, str] = orjson.loads(text)
    return found


def sources_text(sources: Mapping[str, str]) -> str:
    return orjson.dumps(dict(sources), option=orjson.OPT_SORT_KEYS).decode()


def properties_text(properties: Mapping[str, Any]) -> str:
    """A claim's properties as JSON."""
    return orjson.dumps(dict(properties)).decode()


def properties_of(text: str) -> dict[str, Any]:
    """The reverse; arrays become tuples again."""
    out = orjson.loads(text)
    for name, value in out.items():
        if type(value) is list:
            out[name] = tuple(value)
    return out  # type: ignore[no-any-return]


# ---------------------------------------------------------------- versions and relations


class Shapes:
    """How versions and relations of one Layout are written; what it works out about a class it keeps."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._classes: dict[str, tuple[tuple[str, ...], tuple[str, ...], frozenset[str]]] = {}
        self._relations: dict[str, frozenset[str]] = {}

    def version(self, row: VersionRow) -> dict[str, Any]:
        """Properties of the `_State`; of the entity too, where the row is the present one."""
        found = self._classes.get(row.cls)
        if found is None:
            layout = self.layout
            found = layout.placed(row.cls), layout.searchable(row.cls), layout.doubles(row.cls)
            self._classes[row.cls] = found
        placed, searchable, doubles = found
        out = stored(row.properties, doubles)
        for name in placed:
            if name in row.properties:
                place(out, name, str(row.properties[name]))
        words = tokens_of(tuple(searchable_values(row.properties, searchable)))
        if words:
            out[names.WORDS] = words
        out[names.ID] = row.entity
        out[names.CLASS] = row.cls
        if row.mentioned:
            out[names.MENTIONED] = True
        _instants(out, row)
        return out

    def edge(self, row: EdgeRow) -> dict[str, Any]:
        """Properties of a relation row; of the present relation too, where it is that."""
        doubles = self._relations.get(row.relation)
        if doubles is None:
            doubles = self._relations[row.relation] = self.layout.doubles(row.relation)
        out = stored(row.properties, doubles)
        out[names.EDGE] = row.edge
        _instants(out, row)
        return out


def stored(properties: Mapping[str, Any], doubles: frozenset[str]) -> dict[str, Any]:
    """Property values as Neo4j holds them."""
    out = {}
    for name, value in properties.items():
        if name in doubles and value is not None:
            out[name] = [float(one) for one in value] if type(value) is tuple else float(value)
        else:
            out[name] = list(value) if type(value) is tuple else value
    return out


def place(out: dict[str, Any], name: str, geometry: str) -> None:
    """The point, or the box, of a geometry."""
    if geometry.startswith(_POINT):
        lon, lat = geometry[len(_POINT) : -2].split(",", 2)[:2]
        out[names.point(name)] = WGS84Point((float(lon), float(lat)))
    else:
        out.update(zip(names.box(name), bounds(geometry), strict=True))


@lru_cache(maxsize=8192)
def tokens_of(values: tuple[str, ...]) -> str:
    """The search tokens; versions of one entity often share them."""
    return index_tokens(values)


def searchable_values(properties: Mapping[str, Any], wanted: Iterable[str]) -> list[str]:
    """Each value of the searchable properties."""
    out: list[str] = []
    for name in wanted:
        value = properties.get(name)
        if type(value) is str:
            out.append(value)
        elif value is not None:
            out.extend(value)
    return out


def _instants(out: dict[str, Any], row: VersionRow | EdgeRow) -> None:
    out[names.VALID_FROM] = row.valid_from
    out[names.VALID_TO] = row.valid_to
    out[names.SOURCES] = sources_text(row.sources)
    _known(out, row)


def _known(out: dict[str, Any], row: Any) -> None:
    """System instants, level and number of any row with levels."""
    out[names.SYSTEM_FROM] = row.system_from
    if row.system_to != OPEN:
        out[names.SYSTEM_TO] = row.system_to
    if row.level_from:
        out[names.LEVEL_FROM] = row.level_from
    if row.level_to != OPEN:
        out[names.LEVEL_TO] = row.level_to
    out[names.ROW] = row.row


def loaded(found: Mapping[str, Any]) -> dict[str, Any]:
    """Property values of the model out of what a node or relation holds."""
    out = {}
    for name, value in found.items():
        if name[0] != "_" and name not in _META:
            out[name] = tuple(value) if type(value) is list else value
    return out


def version_of(n: Mapping[str, Any]) -> VersionRow:
    """From a `_State`."""
    return VersionRow(
        n["id"], n["class"], loaded(n), _sources(n["sources"]), n["validFrom"], n["validTo"], n.get("_levelFrom", 0),
        n.get("_levelTo", OPEN), n["systemFrom"], n.get("systemTo", OPEN), n.get("_mentioned", False), n["_row"],
    )  # fmt: skip


def edge_of(relation: str, start: str, end: str, r: Mapping[str, Any]) -> EdgeRow:
    """From a relation row of the append-only layer."""
    return EdgeRow(
        r["edge"], relation, start, end, loaded(r), _sources(r["sources"]), r["validFrom"], r["validTo"],
        r.get("_levelFrom", 0), r.get("_levelTo", OPEN), r["systemFrom"], r.get("systemTo", OPEN), r["_row"],
    )  # fmt: skip


# ---------------------------------------------------------------- the store's own rows


def source_of(n: Mapping[str, Any]) -> Source:
    return Source(n["id"], n["label"], n["priority"], n["level"], n["timezone"])


def record(row: RecordRow) -> dict[str, Any]:
    out: dict[str, Any] = {
        "record": record_key(RecordKey(row.source, row.local)), "source": row.source, "local": row.local,
        "entity": row.entity,
    }  # fmt: skip
    if row.home != row.entity:
        out["home"] = row.home
    _known(out, row)
    return out


def record_row(n: Mapping[str, Any]) -> RecordRow:
    return RecordRow(
        n["source"], n["local"], n.get("home", n["entity"]), n["entity"], n.get("_levelFrom", 0),
        n.get("_levelTo", OPEN), n["systemFrom"], n.get("systemTo", OPEN), n["_row"],
    )  # fmt: skip


def identifier(row: IdentifierRow) -> dict[str, Any]:
    out: dict[str, Any] = {
        "key": identifier_key(row.scheme, row.value), "scheme": row.scheme, "value": row.value, "entity": row.entity,
        "validFrom": row.valid_from, "validTo": row.valid_to,
    }  # fmt: skip
    _known(out, row)
    return out


def identifier_row(n: Mapping[str, Any]) -> IdentifierRow:
    return IdentifierRow(
        n["scheme"], n["value"], n["entity"], n["validFrom"], n["validTo"], n.get("_levelFrom", 0),
        n.get("_levelTo", OPEN), n["systemFrom"], n.get("systemTo", OPEN), n["_row"],
    )  # fmt: skip


def claim(row: ClaimRow) -> dict[str, Any]:
    out = _said(row)
    out["record"] = record_key(RecordKey(row.source, row.local))
    out["local"] = row.local
    out["class"] = row.cls
    if row.mentioned:
        out["_mentioned"] = True
    return out


def claim_row(n: Mapping[str, Any]) -> ClaimRow:
    return ClaimRow(
        n["source"], n["local"], n["class"], properties_of(n["properties"]), n["validFrom"], n["validTo"], n["level"],
        n["confidence"], n.get("stated"), n.get("_mentioned", False), n["run"], tuple(n.get("anchors", ())),
        n["systemFrom"], n.get("systemTo", OPEN), n["_row"],
    )  # fmt: skip


def relation_claim(row: RelationClaimRow) -> dict[str, Any]:
    out = _said(row)
    out["line"] = row.line
    out["relation"] = row.relation
    out["start"] = record_key(row.start)
    out["end"] = record_key(row.end)
    if row.references:
        out["references"] = orjson.dumps({n: (k.source, k.local) for n, k in row.references.items()}).decode()
    return out


def relation_claim_row(n: Mapping[str, Any]) -> RelationClaimRow:
    references = orjson.loads(n["references"]) if "references" in n else {}
    return RelationClaimRow(
        n["line"], n["source"], n["relation"], record_of(n["start"]), record_of(n["end"]),
        properties_of(n["properties"]), {name: RecordKey(*key) for name, key in references.items()}, n["validFrom"],
        n["validTo"], n["level"], n["confidence"], n.get("stated"), n["run"], tuple(n.get("anchors", ())),
        n["systemFrom"], n.get("systemTo", OPEN), n["_row"],
    )  # fmt: skip


# ---------------------------------------------------------------- claims that lie on the row that they make


def folded(row: ClaimRow) -> dict[str, Any]:
    """What a version's row says besides, where it is what this claim says word for word."""
    return {names.RECORD_KEY: record_key(RecordKey(row.source, row.local)), **_folded(row)}


def folded_relation(row: RelationClaimRow) -> dict[str, Any]:
    """The same for a relation's row."""
    return {
        names.LINE: row.line, names.START: record_key(row.start), names.END: record_key(row.end), **_folded(row),
    }  # fmt: skip


def _folded(row: ClaimRow | RelationClaimRow) -> dict[str, Any]:
    out: dict[str, Any] = {names.CLAIM_ROW: row.row, "_run": row.run}
    if row.confidence != 1.0:
        out["_confidence"] = float(row.confidence)
    if row.stated is not None:
        out["_stated"] = row.stated
    if row.anchors:
        out["_anchors"] = list(row.anchors)
    return out


def claim_on(n: Mapping[str, Any]) -> ClaimRow:
    """The claim that lies on a version's row."""
    source, local = orjson.loads(n[names.RECORD_KEY])
    return ClaimRow(
        source, local, n["class"], loaded(n), n["validFrom"], n["validTo"], 0, n.get("_confidence", 1.0),
        n.get("_stated"), n.get("_mentioned", False), n["_run"], tuple(n.get("_anchors", ())), n["systemFrom"],
        n.get("systemTo", OPEN), n[names.CLAIM_ROW],
    )  # fmt: skip


def relation_claim_on(relation: str, r: Mapping[str, Any]) -> RelationClaimRow:
    """The claim that lies on a relation's row."""
    return RelationClaimRow(
        r[names.LINE], _sources(r["sources"])[""], relation, record_of(r[names.START]), record_of(r[names.END]),
        loaded(r), {}, r["validFrom"], r["validTo"], 0, r.get("_confidence", 1.0), r.get("_stated"), r["_run"],
        tuple(r.get("_anchors", ())), r["systemFrom"], r.get("systemTo", OPEN), r[names.CLAIM_ROW],
    )  # fmt: skip


def record_on(entity: str, key: str, number: int, since: int) -> RecordRow:
    """The record that lies on an entity, of what `layout.RECORD_ON` lists."""
    source, local = orjson.loads(key)
    return RecordRow(source, local, entity, entity, 0, OPEN, since, OPEN, number)


def _said(row: ClaimRow | RelationClaimRow) -> dict[str, Any]:
    out: dict[str, Any] = {
        "source": row.source, "properties": properties_text(row.properties), "validFrom": row.valid_from,
        "validTo": row.valid_to, "level": row.level, "confidence": float(row.confidence), "run": row.run,
        "systemFrom": row.system_from, "_row": row.row,
    }  # fmt: skip
    if row.stated is not None:
        out["stated"] = row.stated
    if row.anchors:
        out["anchors"] = list(row.anchors)
    if row.system_to != OPEN:
        out["systemTo"] = row.system_to
    if row.level == OPEN:
        out["logged"] = row.run  # an entry of the statement log
    return out
