"""A Query made to say, beside what was asked, who each row is and which sources its values come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from kg.query.algebra import (
    Aggregate,
    ClaimsOf,
    ConflictsOf,
    EdgeField,
    Edges,
    Field,
    Join,
    Leaf,
    Meta,
    MetaName,
    Obj,
    Page,
    PageOf,
    Query,
    Root,
    Rows,
    Select,
    Step,
    Trail,
)

ID_KEY: Final = " id"
CLASS_KEY: Final = " class"
SOURCES_KEY: Final = " sources"
EDGE_KEY: Final = " edge"
"""No alias of GraphQL can be spelt so."""
BEHIND: Final = " behind "
SAMPLE: Final = 2000
"""Rows whose sources are read for an aggregate."""

A = TypeVar("A", Select, Aggregate)
_WHO: Final = (
    Field(ID_KEY, Leaf(Meta(MetaName.ID))),
    Field(CLASS_KEY, Leaf(Meta(MetaName.CLASS))),
    Field(SOURCES_KEY, Leaf(Meta(MetaName.SOURCES))),
)


def with_origins(query: Query) -> Query:
    """The same question; its answer has, under keys that the asker did not name, ids, classes and sources.

    An aggregate's rows are read beside it (the first SAMPLE), under the root's key after BEHIND.
    """
    roots: list[Root] = []
    for root in query.roots:
        action = root.action
        if isinstance(action, Select):
            roots.append(Root(root.key, _select(action)))
            continue
        roots.append(root)
        if isinstance(action, Aggregate):
            said = MetaName.EDGE_SOURCES if isinstance(action.source, Edges) else MetaName.SOURCES
            rows = Rows(Obj((Field("s", Leaf(Meta(said))),)))
            behind = Select(action.source, rows, action.where, page=Page(SAMPLE), time=action.time)
            roots.append(Root(BEHIND + root.key, behind))
    return replace(query, roots=tuple(roots))


def _select(select: Select) -> Select:
    if isinstance(select.source, (ClaimsOf, ConflictsOf)):
        return select
    shape = select.shape
    if not isinstance(shape, PageOf):
        return replace(select, shape=replace(shape, obj=_obj(shape.obj)))
    related = isinstance(select.source, Step)
    fields = []
    for part in shape.fields:
        edge = tuple(_edge(item) for item in part.edge)
        if edge and related:
            edge = (*edge, EdgeField(EDGE_KEY, Leaf(Meta(MetaName.EDGE_SOURCES))))
        fields.append(replace(part, obj=None if part.obj is None else _obj(part.obj), edge=edge))
    return replace(select, shape=PageOf(tuple(fields)))


def _edge(item: EdgeField) -> EdgeField:
    shape = item.shape
    if isinstance(shape, Obj):
        return replace(item, shape=_obj(shape))
    return replace(item, shape=replace(shape, obj=_obj(shape.obj))) if isinstance(shape, Join) else item


def _obj(obj: Obj) -> Obj:
    fields: list[Field] = []
    for part in obj.fields:
        shape = part.shape
        if isinstance(shape, Select):
            fields.append(replace(part, shape=_select(shape)))
        elif isinstance(shape, Obj):
            fields.append(replace(part, shape=_obj(shape)))
        elif isinstance(shape, (Join, Trail)):
            fields.append(replace(part, shape=replace(shape, obj=_obj(shape.obj))))
        else:
            fields.append(part)
    return Obj((*fields, *_WHO))
