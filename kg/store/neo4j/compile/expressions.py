"""Expressions → Cypher, and how their values are shown."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from kg.model.intervals import MIN, OPEN
from kg.query import algebra as a
from kg.query.algebra import MetaName
from kg.query.values import instant_text, significant
from kg.schema.types import Datatype
from kg.store.lift import Hole
from kg.store.neo4j.compile import calculations
from kg.store.neo4j.compile.context import NOTHING, Ex, Made, as_it_is, edge_property, kinds_of, of_classes
from kg.store.neo4j.layout import ENTITY, RECORD

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kg.store.neo4j.compile.context import Answering, At, Reader, Row
    from kg.store.neo4j.compile.plan import Compiler

_KINDS = {"str": Datatype.STRING, "int": Datatype.LONG, "float": Datatype.DOUBLE, "bool": Datatype.BOOLEAN}
NUMBERS = (Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE)


def expression(c: Compiler, expr: a.Expr, row: Row) -> Ex:
    match expr:
        case a.Prop(name):
            return prop(c, name, row)
        case a.Edge(name):
            return edge(c, name, row)
        case a.Meta(name):
            return meta(c, name, row, expr.without)
        case a.Const(value):
            return const(c, value)
        case a.Calc(op, args):
            return calculations.calc(c, op, args, row)


def const(c: Compiler, value: object) -> Ex:
    if not isinstance(value, Hole) or value.kind == "NoneType":
        return NOTHING
    if value.kind == "tuple":
        return Ex(c.params.add(value, by=list), many=True)
    return Ex(c.params.add(value), _KINDS[value.kind])


def prop(c: Compiler, name: str, row: Row) -> Ex:
    """Of a property that no class of the row has: null."""
    kinds = kinds_of(c.schema, row.classes, name)
    if not kinds:
        return NOTHING
    text = f"{row.alias}.{c.layout.key(name)}"
    having = [cls for classes in kinds.values() for cls in classes]
    owned = "" if len(having) == len(row.classes) else of_classes(row.alias, having)
    # Rows of other classes may still hold a value from when they had the property.
    gone = [cls for cls in row.classes if cls not in having and name in c.layout.raw(cls)]
    if gone:
        text = f"CASE WHEN {owned} THEN {text} END"
    made = [(of_classes(row.alias, classes), _held(text, *kind, owned)) for kind, classes in kinds.items()]
    if len(made) == 1:
        return made[0][1]
    return replace(made[0][1], variants=tuple(made))


def _held(text: str, datatype: Datatype, many: bool, owned: str) -> Ex:
    return Ex(text, datatype, many, stored=not many, owned=owned)


def edge(c: Compiler, name: str, row: Row) -> Ex:
    declared = edge_property(row.relation, name)
    if not row.edge or declared is None:
        return NOTHING
    return Ex(f"{row.edge}.{c.layout.key(name)}", declared.datatype, declared.many, stored=not declared.many)


# ---------------------------------------------------------------- meta


def meta(c: Compiler, name: MetaName, row: Row, without: tuple[str, ...] = ()) -> Ex:
    """What a row does not have is null."""
    v = row.alias
    match name:
        case MetaName.ID:
            return Ex(f"{v}.id", stored=True)
        case MetaName.CLASS:
            return Ex(f"{v}.class", stored=True)
        case MetaName.VALID_FROM | MetaName.VALID_TO | MetaName.SYSTEM_FROM | MetaName.SYSTEM_TO:
            return _instant(f"{v}.{name.value}")
        case MetaName.PROVENANCE:
            return Ex(f"CASE WHEN {v}._mentioned THEN 'mentioned' ELSE 'stated' END")
        case MetaName.SOURCES:
            return Ex(f"{v}.sources", Datatype.JSON, json=_object_without(without))
        case MetaName.RAW:
            return _raw(c, row, without)
        case MetaName.MERGED_FROM:
            return Ex(merged_from(c, row), Datatype.JSON, json=as_it_is)
        case MetaName.RANK:
            return Ex(row.rank, Datatype.INTEGER) if row.rank else NOTHING
        case MetaName.DEPTH | MetaName.PATH | MetaName.VIA:
            return _walk_meta(name, row)
        case _ if name.value.startswith("edge.") and row.edge:
            return _edge_meta(name, row.edge, without)
    return NOTHING


def _walk_meta(name: MetaName, row: Row) -> Ex:
    if not row.walk:
        return NOTHING
    if name is MetaName.DEPTH:
        return Ex(f"{row.walk}[0]", Datatype.INTEGER)
    if name is MetaName.PATH:
        return Ex(f"{row.walk}[1]", Datatype.JSON, json=as_it_is)
    names = row.names
    return Ex(f"{row.walk}[2]", Datatype.JSON, json=lambda taken, _: [names[step] for step in taken])


def _instant(text: str) -> Ex:
    """A bound of an interval; null where it is open."""
    return Ex(f"CASE WHEN {text} = {OPEN} OR {text} = {MIN} THEN null ELSE {text} END", Datatype.INSTANT)


def _edge_meta(name: MetaName, e: str, without: tuple[str, ...]) -> Ex:
    match name:
        case MetaName.EDGE_ID:
            return Ex(f"{e}.edge", stored=True)
        case MetaName.EDGE_SOURCES:
            return Ex(f"{e}.sources", Datatype.JSON, json=_object_without(without))
        case MetaName.EDGE_START:
            return Ex(f"startNode({e}).id", stored=True)
        case MetaName.EDGE_END:
            return Ex(f"endNode({e}).id", stored=True)
        case _:
            return _instant(f"{e}.{name.value.removeprefix('edge.')}")


def _object_without(without: tuple[str, ...]) -> Reader:
    """Of a JSON object: its members in order, without some."""

    def read(text: Any, _: Answering) -> Any:
        return {name: value for name, value in sorted(orjson.loads(text).items()) if name not in without}

    return read


def _raw(c: Compiler, row: Row, without: tuple[str, ...]) -> Ex:
    """Values in stored form of properties that the row's class has no more."""
    gone = {cls: [n for n in c.layout.raw(cls) if n not in without] for cls in row.classes}
    names = sorted({name for held in gone.values() for name in held})
    if not names:
        return Ex("[]", Datatype.JSON, json=lambda _, __: {})
    values = ", ".join(f"{row.alias}.{c.layout.key(name)}" for name in names)

    def read(found: Any, _: Answering) -> Any:
        held = gone.get(found[0], ())
        return {n: v for n, v in zip(names, found[1:], strict=True) if v is not None and n in held}

    return Ex(f"[{row.alias}.class, {values}]", Datatype.JSON, json=read)


def has_records(c: Compiler, at: At, key: str) -> str:
    """Test: some record is at the entity of the id `key`, a variable or property."""
    o, e = c.names.fresh("r"), c.names.fresh("n")
    own = " AND ".join(at.identity(o))
    return (
        f"(EXISTS {{ MATCH ({o}:`{RECORD}` {{entity: {key}}}) WHERE {own} }} "
        f"OR EXISTS {{ MATCH ({e}:`{ENTITY}` {{id: {key}}}) WHERE {at.recorded(e)} }})"
    )


def merged_from(c: Compiler, row: Row) -> str:
    r = c.names.fresh("r")
    here = " AND ".join([f"{r}.home IS NOT NULL", *row.at.identity(r)])
    return (
        f"COLLECT {{ MATCH ({r}:`{RECORD}` {{entity: {row.alias}.id}}) WHERE {here} "
        f"AND NOT {has_records(c, row.at, f'{r}.home')} "
        f"WITH DISTINCT {r}.home AS home ORDER BY home RETURN home }}"
    )


# ---------------------------------------------------------------- shown


def shown(c: Compiler, ex: Ex, row: Row) -> Made:
    """The value and how it stands in the answer."""
    del c
    if ex.json is not None:
        return Made(ex.text, _or_null(ex.json))
    if ex.null:
        return Made("null")
    if ex.variants:
        return _by_kind(ex, row)
    if ex.many:
        each = _each(reader_of(ex.datatype))
        if not ex.owned:
            return Made(ex.text, lambda found, at: [] if found is None else each(found, at))
        text = f"CASE WHEN {ex.owned} THEN coalesce({ex.text}, []) END"
        return Made(text, lambda found, at: None if found is None else each(found, at))
    if ex.shown:
        return Made(ex.text, lambda found, _: significant(found, 15) if isinstance(found, float) else found)
    return Made(ex.text, reader_of(ex.datatype))


def _by_kind(ex: Ex, row: Row) -> Made:
    """Where classes hold the property differently: which way comes first."""
    cases = " ".join(f"WHEN {test} THEN {i}" for i, (test, _) in enumerate(ex.variants))
    readers: Mapping[int, Reader] = {i: _of_kind(one) for i, (_, one) in enumerate(ex.variants)}
    del row

    def read(found: Any, at: Answering) -> Any:
        return None if found[0] is None else readers[found[0]](found[1], at)

    return Made(f"[CASE {cases} END, {ex.text}]", read)


def _of_kind(ex: Ex) -> Reader:
    one = reader_of(ex.datatype)
    if not ex.many:
        return one
    each = _each(one)
    return lambda found, at: [] if found is None else each(found, at)


def _each(one: Reader) -> Reader:
    if one is as_it_is:
        return as_it_is
    return lambda found, at: [one(item, at) for item in found]


def _or_null(one: Reader) -> Reader:
    return lambda found, at: None if found is None else one(found, at)


def _instant_shown(found: Any, _: Answering) -> Any:
    return None if found is None or found in {OPEN, MIN} else instant_text(found)


def _json_shown(found: Any, _: Answering) -> Any:
    return None if found is None else orjson.Fragment(found)


def reader_of(datatype: Datatype) -> Reader:
    """How a stored value of a datatype stands in an answer."""
    if datatype is Datatype.INSTANT:
        return _instant_shown
    if datatype in (Datatype.GEOMETRY, Datatype.JSON):
        return _json_shown
    return as_it_is
