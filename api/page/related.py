"""A card's relations with their properties: the first of each kind together, and all of one kind page by page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from api.page.answers import Cell, Column, Item
from api.page.voice import NOTHING, is_number, kind_of
from kg.query.algebra import (
    Edge,
    EdgeField,
    Field,
    Ids,
    InfoPart,
    Join,
    Leaf,
    Meta,
    MetaName,
    Obj,
    One,
    Order,
    Page,
    PageField,
    PageOf,
    PagePart,
    Prop,
    Select,
    Step,
)
from kg.query.cursor import resume
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.page.card import Head
    from api.page.reading import Visit
    from kg.schema.types import Property, Relation

FIRST: Final = 6
PAGE: Final = 100
BROAD: Final = 3
"""Columns beyond which a table takes the whole width."""
_NODE: Final = Obj(
    (
        Field("id", Leaf(Meta(MetaName.ID))),
        Field("class", Leaf(Meta(MetaName.CLASS))),
        Field("name", Leaf(Prop("name"))),
    )
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A relation as read from one end."""

    step: str
    relation: Relation
    outward: bool

    @property
    def target(self) -> str:
        return self.relation.range if self.outward else self.relation.domain


@dataclass(frozen=True, slots=True)
class Related:
    """What stands at the other end of one kind of relation. `next`: cursor of the page after this one."""

    step: str
    label: str
    help: str
    total: int
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sources: tuple[str, ...]
    next: str = ""
    continued: bool = False

    @property
    def broad(self) -> bool:
        return len(self.columns) > BROAD

    @property
    def whole(self) -> bool:
        return len(self.rows) == self.total


def kinds(visit: Visit, cls: str) -> list[Kind]:
    """What an entity of the class may have, as far as the visitor sees it."""
    seen = frozenset(visit.relations())
    return [Kind(step, relation, out) for step, relation, out in visit.schema.steps_from(cls) if relation.name in seen]


async def related(visit: Visit, head: Head) -> list[Related]:
    """The first few of every kind that there are, and how many: one statement."""
    offered = kinds(visit, head.cls.name)
    if not offered:
        return []
    fields = tuple(Field(kind.step, _select(visit, kind, FIRST)) for kind in offered)
    answer = await visit.ask(("it", Select(Ids(head.cls.name, (head.id,)), One(Obj(fields)))))
    found = answer["it"] or {}
    made = [_made(visit, kind, found[kind.step]) for kind in offered if kind.step in found]
    return sorted((one for one in made if one.total), key=lambda one: (not one.broad, -one.total, one.step))


async def all_of(visit: Visit, head: Head, kind: Kind, after: str) -> Related:
    """One page of one kind: one statement. Raises CursorError."""
    select = _select(visit, kind, PAGE)
    bound = visit.binding(replace(select, page=Page(), time=visit.moment.time))
    select = replace(select, page=Page(PAGE, None, bound))
    if after:
        select = resume(select, visit.token(after, bound), PAGE)
    answer = await visit.ask(
        ("it", Select(Ids(head.cls.name, (head.id,)), One(Obj((Field(kind.step, select),))), time=select.time))
    )
    found = (answer["it"] or {}).get(kind.step)
    if found is None:
        return Related(kind.step, visit.voice.step(visit.schema, kind.step), "", 0, (), (), ())
    return replace(_made(visit, kind, found), continued=bool(after))


def _shown(visit: Visit, relation: Relation) -> list[Property]:
    hidden = visit.limits.masked_edge(relation)
    return [p for p in relation.properties if p.name not in hidden]


def _select(visit: Visit, kind: Kind, first: int) -> Select:
    edge: list[EdgeField] = [EdgeField("node", _NODE)]
    measures = []
    for prop in _shown(visit, kind.relation):
        if prop.datatype is Datatype.ENTITY:
            edge.append(EdgeField(f"p {prop.name}", Join(prop.name, prop.target or ROOT_CLASS, _NODE)))
            continue
        edge.append(EdgeField(f"p {prop.name}", Leaf(Edge(prop.name))))
        if is_number(prop):
            measures.append(prop)
    edge += [
        EdgeField("vf", Leaf(Meta(MetaName.EDGE_VALID_FROM))),
        EdgeField("vt", Leaf(Meta(MetaName.EDGE_VALID_TO))),
        EdgeField("sources", Leaf(Meta(MetaName.EDGE_SOURCES))),
    ]
    # The largest share first, where there are shares; else the largest of another measure; then by name.
    measures.sort(key=lambda p: (p.max_inclusive is None, p.name))
    order = (*(Order(Edge(p.name), descending=True) for p in measures[:1]), Order(Prop("name")))
    shape = PageOf(
        (
            PageField("edges", PagePart.EDGES, edge=tuple(edge)),
            PageField("total", PagePart.TOTAL),
            PageField("info", PagePart.INFO, info=(("next", InfoPart.HAS_NEXT), ("end", InfoPart.END))),
        )
    )
    source = Step(kind.relation.name, kind.outward, kind.target)
    return Select(source, shape, None, order, Page(first, None, visit.binding(Select(source, shape, None, order))))


def _made(visit: Visit, kind: Kind, found: dict[str, Any]) -> Related:
    voice, edges = visit.voice, found["edges"]
    shown = [p for p in _shown(visit, kind.relation) if any(edge[f"p {p.name}"] not in (None, []) for edge in edges)]
    shown.sort(key=lambda p: (p.datatype is not Datatype.ENTITY, not is_number(p), p.name))
    classes = {edge["node"]["class"] for edge in edges}
    dated = any(edge["vf"] or edge["vt"] for edge in edges)
    columns = [Column(voice("other end")), *(Column(voice.label(p.label), kind_of(p)) for p in shown)]
    if len(classes) > 1:
        columns.insert(1, Column(voice("class")))
    if dated:
        columns.append(Column(voice("valid"), "date"))
    rows = []
    for edge in edges:
        cells = [_named(visit, edge["node"])]
        if len(classes) > 1:
            cells.append(Cell((Item(voice.label(visit.schema.classes[edge["node"]["class"]].label)),)))
        for prop in shown:
            value = edge[f"p {prop.name}"]
            if prop.datatype is Datatype.ENTITY:
                cells.append(_named(visit, value) if value else Cell((Item(NOTHING),)))
            else:
                cells.append(Cell((Item(voice.value(prop, value)),), kind_of(prop)))
        if dated:
            cells.append(Cell((Item(_span(visit, edge)),), "date"))
        rows.append(tuple(cells))
    label = kind.relation.label if kind.outward else kind.relation.inverse_label
    info = found.get("info") or {}
    return Related(
        kind.step,
        voice.label(label) or kind.step,
        voice.label(kind.relation.definition),
        found["total"],
        tuple(columns),
        tuple(rows),
        tuple(sorted(_sources(visit, edges))),
        info["end"] if info.get("next") else "",
    )


def _span(visit: Visit, edge: dict[str, Any]) -> str:
    voice = visit.voice
    if edge["vf"] and not edge["vt"]:
        return voice("since", day=voice.moment(edge["vf"]))
    return voice.interval(edge["vf"], edge["vt"])


def _sources(visit: Visit, edges: Sequence[dict[str, Any]]) -> set[str]:
    return {visit.source(one) for edge in edges for one in (edge["sources"] or {}).values() if one}


def _named(visit: Visit, node: dict[str, Any]) -> Cell:
    return Cell((Item(node["name"] or node["id"], visit.moment.link(f"/e/{node['id']}")),))
