"""Where things are: what a card's map shows, and what lies around it, as GeoJSON of the graph's own geometries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.geo.geometry import bounds, parse_bbox
from kg.query.algebra import (
    Cmp,
    Comparison,
    Const,
    Extent,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Not,
    Obj,
    Order,
    Page,
    PageField,
    PageOf,
    PagePart,
    Prop,
    Rows,
    Select,
    Spatial,
    Walk,
)
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from api.page.card import Head, Properties
    from api.page.reading import Visit
    from kg.schema.types import Schema

AROUND: Final = 1000
_FEATURE: Final = "geosparql#Feature"
_HOPS: Final = 3
_NAMED: Final = 6
_WHO: Final = (
    Field("id", Leaf(Meta(MetaName.ID))),
    Field("class", Leaf(Meta(MetaName.CLASS))),
    Field("name", Leaf(Prop("name"))),
)


@dataclass(frozen=True, slots=True)
class Place:
    """`focus`: GeoJSON text of what the card is about; `box`: west, south, east, north; `names`: of the places that
    stand for an entity without a geometry of its own (the first few), `more`: how many others do."""

    focus: str
    box: tuple[float, float, float, float]
    text: str
    names: tuple[str, ...] = ()
    more: int = 0


def feature_class(schema: Schema) -> str | None:
    """The class of what lies on the ground: the one that the ontology aligns with GeoSPARQL's Feature."""
    return next(
        (
            cls.name
            for cls in schema.classes.values()
            if any(iri.endswith(_FEATURE) for _, iri in cls.alignments) and geometry_of(schema, cls.name)
        ),
        None,
    )


def geometry_of(schema: Schema, cls: str) -> str:
    """The name of the class's geometry; "" for none."""
    return next((p.name for p in schema.classes[cls].properties if p.datatype is Datatype.GEOMETRY), "")


async def place(visit: Visit, head: Head, own: Properties) -> Place | None:
    """Its own geometry, else those of the nearest places to which its relations lead: at most one statement."""
    if own.geometry is not None:
        feature = _feature(head.id, head.name, head.cls.name, own.geometry)
        return _framed([feature], visit.voice.place(own.geometry), ())
    schema = visit.schema
    cls = feature_class(schema)
    if cls is None or not visit.limits.classes(cls):
        return None
    name = geometry_of(schema, cls)
    steps = _steps(visit, cls)
    if not steps or name in visit.masked(cls):
        return None
    walk = Walk(steps, cls, 1, _HOPS, Ids(ROOT_CLASS, (head.id,)))
    there = Not(Cmp(Comparison.IS_NULL, Prop(name), Const(True)))  # the algebra's own form
    obj = Obj((*_WHO, Field("depth", Leaf(Meta(MetaName.DEPTH))), Field("g", Leaf(Prop(name)))))
    nearest = (Order(Meta(MetaName.DEPTH)),)
    rows = (await visit.ask(("at", Select(walk, Rows(obj), there, nearest))))["at"]
    if not rows:
        return None
    rows = [row for row in rows if row["depth"] == rows[0]["depth"]]
    features = [_feature(row["id"], row["name"], row["class"], row["g"]) for row in rows]
    names = tuple(row["name"] or row["id"] for row in rows)
    framed = _framed(features, visit.voice.place(rows[0]["g"]), names[:_NAMED])
    return replace(framed, more=len(names) - len(framed.names))


def _steps(visit: Visit, cls: str) -> tuple[tuple[str, bool], ...]:
    """Relations that lead from a thing to where it is; those between like places (adjacent) lead away from it."""
    schema, out = visit.schema, []
    for name in visit.relations():
        relation = schema.relations[name]
        if relation.symmetric:
            continue
        if schema.is_a(relation.range, cls):
            out.append((name, True))
        elif schema.is_a(relation.domain, cls):
            out.append((name, False))
    return tuple(out)


def _feature(ident: str, name: str | None, cls: str, geometry: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": {"id": ident, "name": name or "", "class": cls},
    }


def _framed(features: list[dict[str, Any]], text: str, names: tuple[str, ...]) -> Place:
    boxes = [bounds(orjson.dumps(feature["geometry"]).decode()) for feature in features]
    box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
    return Place(orjson.dumps({"type": "FeatureCollection", "features": features}).decode(), box, text, names)


async def around(visit: Visit, bbox: str) -> dict[str, Any]:
    """A FeatureCollection of what meets the box "west,south,east,north", with `total`: how many do: one statement.

    At most AROUND features of each class are in it. Raises QueryError for a box that is none.
    """
    box = f"[{bbox}]"
    parse_bbox(box)
    schema = visit.schema
    roots = []
    for cls in schema.classes.values():
        name = geometry_of(schema, cls.name)
        inherited = any(geometry_of(schema, parent) for parent in cls.ancestors)
        if not name or inherited or not visit.limits.classes(cls.name) or name in visit.masked(cls.name):
            continue
        shape = PageOf(
            (
                PageField("nodes", PagePart.NODES, obj=Obj((*_WHO, Field("g", Leaf(Prop(name)))))),
                PageField("total", PagePart.TOTAL),
            )
        )
        roots.append((cls.name, Select(Extent(cls.name), shape, Spatial("bbox", name, box), page=Page(AROUND))))
    answer = await visit.ask(*roots) if roots else {}
    features = []
    for found in answer.values():
        for row in found["nodes"]:
            feature = _feature(row["id"], row["name"], row["class"], row["g"])
            feature["properties"]["label"] = visit.voice.label(schema.classes[row["class"]].label)
            feature["properties"]["href"] = visit.moment.link(f"/e/{row['id']}")
            features.append(feature)
    total = sum(found["total"] for found in answer.values())
    return {"type": "FeatureCollection", "features": features, "shown": len(features), "total": total}
