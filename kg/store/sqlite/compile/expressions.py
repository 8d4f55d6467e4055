# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Expressions → SQL, and their JSON text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from kg.geo.geometry import EARTH_RADIUS_M
from kg.model.intervals import MIN, OPEN
from kg.query import algebra as a
from kg.query.algebra import MetaName, Op
from kg.schema.types import Datatype
from kg.store.lift import Hole
from kg.store.sqlite.compile.context import Ex, edge_property, kinds_of, quoted, version_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.store.sqlite.compile.context import Row
    from kg.store.sqlite.compile.plan import Compiler

_KINDS = {"str": Datatype.STRING, "int": Datatype.LONG, "float": Datatype.DOUBLE, "bool": Datatype.BOOLEAN}
NUMBERS = (Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE)


def _array(values: object) -> str:
    return orjson.dumps(values, default=list).decode()


def expression(c: Compiler, expr: a.Expr, row: Row) -> Ex:
    """QueryError for what the row does not have."""
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
            return calc(c, op, args, row)


def const(c: Compiler, value: object) -> Ex:
    if not isinstance(value, Hole):  # isNull's operand stays in the shape
        return Ex("1" if value else "0", Datatype.BOOLEAN)
    if value.kind == "NoneType":
        return Ex("null")
    if value.kind == "tuple":
        return Ex(c.params.add(value, by=_array), many=True)
    return Ex(c.params.add(value), _KINDS[value.kind])


def prop(c: Compiler, name: str, row: Row) -> Ex:
    """Of a property that no class of the row has: null."""
    kinds = kinds_of(c.schema, row.classes, name)
    if len(kinds) > 1:
        variants = []
        for classes in kinds.values():
            numbers = ", ".join(str(c.layout.types[cls]) for cls in classes)
            test = f"{row.alias}.t in ({numbers})" if not row.claim else f"{row.claim}.cls in ({_texts(classes)})"
            variants.append((test, prop(c, name, replace(row, classes=tuple(classes)))))
        cases = " ".join(f"when {test} then {ex.sql}" for test, ex in variants)
        return Ex(f"case {cases} end", variants[0][1].datatype, variants=tuple(variants))
    if row.claim:
        return _claimed(c, name, row)
    columns = version_columns(c.schema, c.layout, row.classes, name)
    slot = columns.slot
    if slot is None:
        return Ex("null")
    missing = f"{row.alias}.t in ({', '.join(map(str, columns.absent))})" if slot.many and columns.absent else ""
    single = columns.single
    if single is not None:
        taken = c.layout.columns["version", single].taken
        if not taken.intersection(columns.absent):
            return Ex(f"{row.alias}.{single}", slot.datatype, slot.many, missing=missing)
    cases = " ".join(
        f"when {row.alias}.t in ({', '.join(map(str, numbers))}) then {row.alias}.{column}"
        for column, numbers in columns.by_column.items()
    )
    return Ex(f"case {cases} end", slot.datatype, slot.many, missing=missing)


def _texts(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _claimed(c: Compiler, name: str, row: Row) -> Ex:
    """Of what a claim says: of the classes that have the property."""
    found = [(cls, p) for cls in row.classes if (p := c.schema.classes[cls].property(name)) is not None]
    if not found:
        return Ex("null")
    declared = found[0][1]
    path = quoted(f'$."{name}"')
    value = f"({row.claim}.properties {'->' if declared.many else '->>'} {path})"
    if len(found) == len(row.classes):
        return Ex(value, declared.datatype, declared.many)
    there = f"{row.claim}.cls in ({_texts([cls for cls, _ in found])})"
    missing = f"not {there}" if declared.many else ""
    return Ex(f"iif({there}, {value}, null)", declared.datatype, declared.many, missing=missing)


def edge(c: Compiler, name: str, row: Row) -> Ex:
    if not row.edge:
        return Ex("null")
    prop_ = edge_property(row.relation, name)
    assert row.relation is not None
    slot = c.layout.slot("edge", c.layout.relations[row.relation.name], prop_)
    column = f"{row.edge}.{slot.column}"
    if slot.datatype is Datatype.ENTITY:
        return Ex(f"(select id from entity where key = {column})")
    return Ex(column, slot.datatype, slot.many)


def meta(c: Compiler, name: MetaName, row: Row, without: tuple[str, ...] = ()) -> Ex:
    """What a row does not have is null."""
    if row.claim:
        found = c.claim_meta(name, row, without)
        if found is not None:
            return found
    v = row.alias
    if name is MetaName.ID:
        return Ex(f"{v}.id")
    match name:
        case MetaName.CLASS:
            if len(row.classes) == 1:
                return Ex(quoted(row.classes[0]))
            return Ex(f"(select name from class_type where t = {v}.t)")
        case MetaName.VALID_FROM | MetaName.VALID_TO | MetaName.SYSTEM_FROM | MetaName.SYSTEM_TO:
            return Ex(instant(f"{v}.{_INTERVAL[name]}"), Datatype.INSTANT)
        case MetaName.PROVENANCE:
            return Ex(f"iif({v}.mentioned, 'mentioned', 'stated')")
        case MetaName.SOURCES:
            return _sources(v, without)
        case MetaName.RAW:
            return Ex(c.raw(row, without), Datatype.JSON, json=True)
        case MetaName.MERGED_FROM:
            return Ex(merged_from(row), Datatype.JSON, json=True)
        case MetaName.RANK:
            return Ex(row.rank or "null", Datatype.INTEGER)
        case _ if name in _EDGE and row.edge:
            return _edge_meta(name, row.edge, without)
    return _walk_meta(c, name, row)


def _walk_meta(c: Compiler, name: MetaName, row: Row) -> Ex:
    match name:
        case MetaName.DEPTH:
            return Ex(row.position or (row.walk.depth if row.walk else "null"), Datatype.INTEGER)
        case MetaName.PATH | MetaName.VIA:
            return Ex(c.path(row, name), Datatype.JSON, json=True)
    return Ex("null")


def _sources(alias: str, without: tuple[str, ...]) -> Ex:
    stored = f"(select sources from attribution where key = {alias}.att)"
    if without:
        stored = f"jw_only({stored}, 'null', {quoted(_array(without))})"
    return Ex(stored, Datatype.JSON, json=True)


def instant(column: str) -> str:
    """A bound of an interval; null where it is open."""
    return f"nullif(nullif({column}, {OPEN}), {MIN})"


_INTERVAL = {
    MetaName.VALID_FROM: "vf", MetaName.VALID_TO: "vt", MetaName.SYSTEM_FROM: "sf", MetaName.SYSTEM_TO: "st",
    MetaName.EDGE_VALID_FROM: "vf", MetaName.EDGE_VALID_TO: "vt",
    MetaName.EDGE_SYSTEM_FROM: "sf", MetaName.EDGE_SYSTEM_TO: "st",
}  # fmt: skip
_EDGE = frozenset(name for name in MetaName if name.value.startswith("edge."))


def _edge_meta(name: MetaName, e: str, without: tuple[str, ...]) -> Ex:
    match name:
        case MetaName.EDGE_ID:
            return Ex(f"{e}.edge")
        case MetaName.EDGE_SOURCES:
            return _sources(e, without)
        case MetaName.EDGE_START:
            return Ex(f"(select id from entity where key = {e}.src)")
        case MetaName.EDGE_END:
            return Ex(f"(select id from entity where key = {e}.dst)")
        case _:
            return Ex(instant(f"{e}.{_INTERVAL[name]}"), Datatype.INSTANT)


def merged_from(row: Row) -> str:
    holds = " and ".join(row.at.system_holds("r"))
    still = " and ".join(row.at.system_holds("o"))
    return (
        f"(select '[' || coalesce(group_concat(json_quote(id)), '') || ']' from ("
        "select distinct h.id as id from record r "
        f"cross join entity h on h.key = r.home where r.entity = {row.alias}.entity and r.home <> r.entity and {holds} "
        f"and not exists (select 1 from record o where o.entity = r.home and {still}) order by h.id))"
    )


# ---------------------------------------------------------------- calculations

_ARITHMETIC = {Op.ADD: "+", Op.SUBTRACT: "-", Op.MULTIPLY: "*"}


def calc(c: Compiler, op: Op, args: tuple[a.Expr, ...], row: Row) -> Ex:
    if op is Op.DISTANCE:
        return distance(c, args, row)
    given = [expression(c, arg, row) for arg in args]
    if any(g.many for g in given):
        return Ex("null")
    first = given[0].sql
    if op in _ARITHMETIC:
        if any(g.datatype is Datatype.DOUBLE for g in given):
            return Ex(f"jw_finite({first} {_ARITHMETIC[op]} {given[1].sql})", Datatype.DOUBLE, shown=True)
        return Ex(f"({first} {_ARITHMETIC[op]} {given[1].sql})", Datatype.LONG, shown=True)
    match op:
        case Op.DIVIDE:
            return Ex(f"jw_finite({first} * 1.0 / nullif({given[1].sql}, 0))", Datatype.DOUBLE, shown=True)
        case Op.AREA:
            return Ex(f"jw_area({first})", Datatype.DOUBLE, shown=True)
        case Op.GRID:
            return Ex(f"jw_grid({first}, {given[1].sql})")
        case Op.YEAR | Op.LENGTH:
            return Ex(f"jw_{op.value}({first})", Datatype.INTEGER)
        case _:
            return Ex(f"jw_{op.value}({first})")


def distance(c: Compiler, args: tuple[a.Expr, ...], row: Row) -> Ex:
    geometry, lon, lat = args
    at = [expression(c, lon, row).sql, expression(c, lat, row).sql]
    return Ex(distance_sql(c, geometry, row, *at), Datatype.DOUBLE)


def distance_sql(c: Compiler, geometry: a.Expr, row: Row, lon: str, lat: str) -> str:
    """Of a point by its coordinates beside the geometry, of anything else by its text."""
    found = expression(c, geometry, row)
    column = found.sql.rpartition(".")[2]
    known = c.layout.columns.get(("version", column))
    if isinstance(geometry, a.Prop) and known is not None and known.boxed and not row.claim:
        return haversine_or_exact(found.sql, lon, lat)
    return f"jw_distance({found.sql}, {lon}, {lat})"


def haversine_or_exact(column: str, lon: str, lat: str) -> str:
    """Of a geometry's column: by its coordinates where it is a point."""
    point = haversine(f"{column}x", f"{column}y", lon, lat)
    return f"iif({column}x is null, jw_distance({column}, {lon}, {lat}), {point})"


def haversine(x: str, y: str, lon: str, lat: str) -> str:
    """`kg.geo.geometry.haversine_m` and `round_mm` in SQL, operation by operation: three times as fast as a call."""
    half_phi = f"sin((radians({lat}) - radians({y})) / 2.0)"
    half_lambda = f"sin(radians({lon} - {x}) / 2.0)"
    a_ = f"{half_phi} * {half_phi} + cos(radians({y})) * cos(radians({lat})) * {half_lambda} * {half_lambda}"
    return f"floor(2.0 * {EARTH_RADIUS_M} * asin(sqrt(min(1.0, {a_}))) * 1000.0 + 0.5) / 1000.0"


# ---------------------------------------------------------------- JSON text


def json_text(ex: Ex) -> str:
    """SQL of the value's JSON, never null."""
    if ex.variants:
        cases = " ".join(f"when {test} then {json_text(one)}" for test, one in ex.variants)
        return f"case {cases} else 'null' end"
    if ex.sql == "null":
        return "'null'"
    if ex.many:
        text = f"jw_instants({ex.sql})" if ex.datatype is Datatype.INSTANT else f"coalesce({ex.sql}, '[]')"
        return f"iif({ex.missing}, 'null', {text})" if ex.missing else text
    if ex.shown:
        return f"jw_shown({ex.sql})"
    match ex.datatype:
        case Datatype.BOOLEAN:
            return f"case {ex.sql} when 1 then 'true' when 0 then 'false' else 'null' end"
        case Datatype.INSTANT:
            return f"jw_instant({ex.sql})"
        case Datatype.STRING | Datatype.DATE | Datatype.ENTITY:
            return f"json_quote({ex.sql})"
        case _:
            return f"coalesce({ex.sql}, 'null')"
