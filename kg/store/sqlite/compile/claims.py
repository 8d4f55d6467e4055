# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""What each record says of an entity, and where records differ."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from kg.query.algebra import MetaName
from kg.schema.types import ROOT_CLASS, Datatype
from kg.store.sqlite.compile.context import Ex, From, conditions, quoted
from kg.store.sqlite.compile.expressions import instant, json_text

if TYPE_CHECKING:
    from kg.query import algebra as a
    from kg.store.sqlite.compile.context import At, Row
    from kg.store.sqlite.compile.plan import Compiler


def _said(c: Compiler, s: a.ClaimsOf | a.ConflictsOf, outer: Row, at: At, m: str) -> tuple[str, list[str]]:
    """Claims `m` of the records that belong to the entity of `outer`."""
    r = c.names.fresh("r")
    tables = f"record {r} cross join claim {m} on {m}.source = {r}.source and {m}.local = {r}.local"
    where = [
        f"{r}.entity = {outer.alias}.entity", *at.system_holds(r), *at.times_hold(m), f"{m}.level <= {at.level}",
    ]  # fmt: skip
    if s.classes is not None:
        where.append(f"{m}.cls in ({', '.join(quoted(cls) for cls in s.classes)})")
    return tables, where


def claims_of(c: Compiler, s: a.ClaimsOf, outer: Row, at: At) -> From:
    m = c.names.fresh("c")
    tables, where = _said(c, s, outer, at, m)
    classes = tuple(s.classes) if s.classes is not None else c.concrete(ROOT_CLASS)
    return From(tables, where, replace(outer, classes=classes, at=at, claim=m))


def claim_ties(row: Row) -> tuple[tuple[str, str], ...]:
    """(role, SQL) of what makes the order of claims total."""
    m = row.claim
    source = f"(select id from source where key = {m}.source)"
    return (("id", source), ("edge", f"{m}.local"), ("sf", f"{m}.sf"), ("vf", f"{m}.vf"), ("level", f"{m}.level"))


def claim_meta(c: Compiler, name: MetaName, row: Row, without: tuple[str, ...]) -> Ex | None:
    """None where it is not the claim's own."""
    m = row.claim
    match name:
        case MetaName.SOURCE:
            return Ex(f"(select id from source where key = {m}.source)")
        case MetaName.RECORD:
            return Ex(f"{m}.local")
        case MetaName.LEVEL:
            return Ex(f"{m}.level", Datatype.INTEGER)
        case MetaName.CONFIDENCE:
            return Ex(f"{m}.confidence", Datatype.DOUBLE)
        case MetaName.STATED:
            return Ex(f"{m}.stated", Datatype.INSTANT)
        case MetaName.RUN:
            return Ex(f"(select id from run where key = {m}.run)")
        case MetaName.PROPERTIES:
            return Ex(_properties(c, row, without), Datatype.JSON, json=True)
        case MetaName.CLASS:
            return Ex(f"{m}.cls")
        case MetaName.PROVENANCE:
            return Ex(f"iif({m}.mentioned, 'mentioned', 'stated')")
        case MetaName.VALID_FROM | MetaName.VALID_TO | MetaName.SYSTEM_FROM | MetaName.SYSTEM_TO:
            column = {"validFrom": "vf", "validTo": "vt", "systemFrom": "sf", "systemTo": "st"}[name.value]
            return Ex(instant(f"{m}.{column}"), Datatype.INSTANT)
        case MetaName.PROPERTY if row.conflict:
            return Ex(f"{row.conflict}.key")
        case MetaName.CHOSEN if row.conflict:
            return Ex(f"{row.conflict}.chosen", Datatype.BOOLEAN)
        case MetaName.VALUE if row.conflict:
            return Ex(_value(c, row), Datatype.JSON, json=True)
        case _:
            return None


def _properties(c: Compiler, row: Row, without: tuple[str, ...]) -> str:
    """A JSON object of all that the claim says, by its class; instants and JSON as answers show them."""
    cases = []
    for cls in row.classes:
        shown = {p.name: _shown_kind(p.datatype) for p in c.schema.classes[cls].properties if p.name not in without}
        cases.append(f"when {quoted(cls)} then jw_claimed({row.claim}.properties, {quoted(_dump(shown))})")
    return f"case {row.claim}.cls {' '.join(cases)} else '{{}}' end" if cases else "'{}'"


def _shown_kind(datatype: Datatype) -> str:
    return {Datatype.INSTANT: "instant", Datatype.GEOMETRY: "json", Datatype.JSON: "json"}.get(datatype, "")


def _dump(value: object) -> str:
    return orjson.dumps(value).decode()


# ---------------------------------------------------------------- conflicts


def conflicts_of(c: Compiler, s: a.ConflictsOf, outer: Row, at: At) -> From:
    """(claim, property) for each property of which the claims that hold say more than one thing."""
    m, k, d = c.names.fresh("c"), c.names.fresh("k"), c.names.fresh("c")
    tables, where = _said(c, s, outer, at, m)
    others, other_where = _said(c, s, outer, at, d)
    hidden = f" and j.key not in ({', '.join(quoted(n) for n in s.without)})" if s.without else ""
    differing = (
        f"select j.key from {others} cross join json_each({d}.properties) j where {conditions(other_where)}{hidden} "
        "group by j.key having count(distinct j.type in ('true', 'false') || coalesce(j.value, '')) > 1"
    )
    v = c.names.fresh("v")
    row = replace(outer, classes=c.concrete(ROOT_CLASS), at=at, claim=m, conflict=k)
    chosen = _chosen(c, row, outer, at, v, "j")
    where.append(f"j.key in ({differing})")
    # The list of (property, chosen) of one claim is a table of its own, so that expressions may name its columns.
    each = f"cross join json_each({m}.properties) j"
    return From(
        f"(select {m}.row as claim, j.key as key, j.value as value, {chosen} as chosen from {tables} {each} "
        f"where {conditions(where)}) {k} cross join claim {m} on {m}.row = {k}.claim",
        [],
        row,
    )


def _chosen(c: Compiler, row: Row, outer: Row, at: At, v: str, j: str) -> str:
    """SQL: whether the resolved version has the value."""
    cases = []
    there = [f"{v}.entity = {outer.alias}.entity", *at.holds(v)]
    names = sorted({p.name for cls in row.classes for p in c.schema.classes[cls].properties})
    for name in names:
        columns: dict[str, list[int]] = {}
        for cls in row.classes:
            prop = c.schema.classes[cls].property(name)
            if prop is not None:
                number = c.layout.types[cls]
                columns.setdefault(c.layout.slot("version", number, prop).column, []).append(number)
        tests = " or ".join(
            f"({v}.t in ({', '.join(map(str, numbers))}) and {v}.{column} = {j}.value)"
            for column, numbers in columns.items()
        )
        cases.append(
            f"when {quoted(name)} then exists (select 1 from version {v} where {conditions(there)} and ({tests}))"
        )
    return f"case {j}.key {' '.join(cases)} else 0 end"


def _value(c: Compiler, row: Row) -> str:
    cases = []
    names = {p.name: p for cls in row.classes for p in c.schema.classes[cls].properties}
    for name, prop in sorted(names.items()):
        text = json_text(Ex(f"{row.conflict}.value", prop.datatype, prop.many))
        cases.append(f"when {quoted(name)} then {text}")
    return f"case {row.conflict}.key {' '.join(cases)} else json_quote({row.conflict}.value) end"


def conflict_ties(row: Row) -> tuple[tuple[str, str], ...]:
    """(role, SQL): property, source, record, level."""
    m = row.claim
    source = f"(select id from source where key = {m}.source)"
    return (("property", f"{row.conflict}.key"), ("id", source), ("edge", f"{m}.local"), ("level", f"{m}.level"))
