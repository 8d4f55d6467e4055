# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Sources → FROM and WHERE."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from kg.errors import QueryError
from kg.query import algebra as a
from kg.query.text import query_tokens
from kg.store.sqlite.compile.context import From, Row
from kg.store.sqlite.layout import ROW_BITS
from kg.store.sqlite.words import ENTRY_BITS

if TYPE_CHECKING:
    from kg.schema.types import Relation
    from kg.store.lift import Hole
    from kg.store.sqlite.compile.context import At
    from kg.store.sqlite.compile.plan import Compiler


def source(c: Compiler, s: a.Source, outer: Row | None, at: At) -> From:
    """Rows of the source; those of Step, Self and claims hang on `outer`."""
    match s:
        case a.Extent(cls):
            return extent(c, cls, at)
        case a.Ids(cls, ids):
            return ids_source(c, cls, ids, at)
        case a.Keys(cls, keys):
            return keys_source(c, cls, keys, at)
        case a.Step():
            return step(c, s, _enclosing(outer, s), at)
        case a.Walk():
            return c.walk(s, outer, at)
        case a.Match():
            return match(c, s, at)
        case a.Edges():
            return edges(c, s, at)
        case a.Self(cls):
            return itself(c, cls, _enclosing(outer, s), at)
        case a.ClaimsOf():
            return c.claims_of(s, _enclosing(outer, s), at)
        case a.ConflictsOf():
            return c.conflicts_of(s, _enclosing(outer, s), at)


def _enclosing(outer: Row | None, s: a.Source) -> Row:
    if outer is None:
        raise QueryError(f"{type(s).__name__} needs a row around it", remedy="Put it below a select of entities.")
    return outer


def relation_of(c: Compiler, name: str) -> Relation:
    found = c.schema.relations.get(name)
    if found is None:
        raise QueryError("Unknown relation", field="relation", value=name, remedy="Name a relation of the ontology.")
    return found


def class_test(c: Compiler, alias: str, cls: str, *, indexed: bool = False) -> list[str]:
    """The row is of the class or below. Unless `indexed`, no index on classes is taken for it."""
    classes = c.concrete(cls)
    numbers = [c.layout.types[n] for n in classes]
    if not numbers:
        return ["0"]
    if set(numbers) == set(c.layout.type_names):
        return []
    column = f"{alias}.t" if indexed else f"+{alias}.t"
    return [f"{column} = {numbers[0]}" if len(numbers) == 1 else f"{column} in ({', '.join(map(str, numbers))})"]


def extent(c: Compiler, cls: str, at: At) -> From:
    v = c.names.fresh("v")
    classes = c.concrete(cls)
    if at.current:
        where = class_test(c, v, cls, indexed=True)
    else:
        ranges = [(n << ROW_BITS, (n + 1) << ROW_BITS) for n in _runs(c, classes)]
        tests = [f"({v}.row >= {low} and {v}.row < {high})" for low, high in ranges]
        # The class by its rows, unless an index on a property knows better: those begin with `t`.
        where = ["(" + " or ".join(tests) + ")", *class_test(c, v, cls, indexed=True)] if tests else ["0"]
    return From(f"version {v}", [*where, *at.holds(v)], Row(v, classes, at), keys=(f"{v}.row",))


def _runs(c: Compiler, classes: tuple[str, ...]) -> list[int]:
    return sorted(c.layout.types[n] for n in classes)


# ---------------------------------------------------------------- by id and by identifier


def ids_json(ids: tuple[str, ...]) -> str:
    return orjson.dumps(ids).decode()


def survivor(at: At, key: str) -> str:
    """SQL of the entity that answers for the entity `key`: itself, or the survivor of its merge."""
    moved, own = " and ".join(at.system_holds("r")), " and ".join(at.system_holds("o"))
    # Most ids never moved: one look into a small index settles that.
    return (
        f"iif(exists (select 1 from record m where m.home = {key} and m.home <> m.entity), "
        f"coalesce((select r.entity from record r where r.home = {key} and r.home <> r.entity and {moved} "
        f"and not exists (select 1 from record o where o.entity = {key} and {own}) "
        f"order by (select id from entity where key = r.entity) limit 1), {key}), {key})"
    )


def id_keys(c: Compiler, ids: object, at: At) -> str:
    """A select of (key, position) for a list of ids."""
    hole: Hole = ids  # type: ignore[assignment]
    return (
        f"select {survivor(at, 'n.key')} as k, j.key as position from json_each({c.params.add(hole, by=ids_json)}) j "
        f"cross join entity n on n.id = j.value"
    )


def identifier_keys(c: Compiler, keys: object, at: At) -> str:
    """The same for a list of (scheme, value): the holder, the one of least id where a range has several."""
    hole: Hole = keys  # type: ignore[assignment]
    return f"select {holder('j', at)} as k, j.key as position from json_each({c.params.add(hole, by=ids_json)}) j"


def holder(j: str, at: At) -> str:
    """SQL of the entity that holds the identifier in `j.value`."""
    return (
        f"(select i.entity from identifier i cross join entity n on n.key = i.entity where i.scheme = {j}.value ->> 0 "
        f"and i.value = {j}.value ->> 1 and {' and '.join(at.holds('i'))} order by n.id limit 1)"
    )


def only_id(ids: tuple[str, ...]) -> str:
    return ids[0]


def ids_source(c: Compiler, cls: str, ids: object, at: At) -> From:
    hole: Hole = ids  # type: ignore[assignment]
    if hole.kind == "one":
        v = c.names.fresh("v")
        key = f"(select {survivor(at, 'n.key')} from entity n where n.id = {c.params.add(hole, by=only_id)})"
        where = [f"{v}.entity = {key}", *class_test(c, v, cls), *at.holds(v)]
        return From(f"version {v}", where, Row(v, c.concrete(cls), at), keys=(f"{v}.row",))
    return _listed(c, cls, id_keys(c, ids, at), at)


def keys_source(c: Compiler, cls: str, keys: object, at: At) -> From:
    return _listed(c, cls, identifier_keys(c, keys, at), at)


def _listed(c: Compiler, cls: str, keys: str, at: At) -> From:
    v = c.names.fresh("v")
    where = [f"{v}.entity in (select k from ({keys}))", *class_test(c, v, cls), *at.holds(v)]
    return From(f"version {v}", where, Row(v, c.concrete(cls), at), keys=(f"{v}.row",))


# ---------------------------------------------------------------- along relations


def step(c: Compiler, s: a.Step, outer: Row, at: At) -> From:
    relation = relation_of(c, s.relation)
    e, v = c.names.fresh("e"), c.names.fresh("v")
    near, far = ("src", "dst") if s.out else ("dst", "src")
    number = c.layout.relations[relation.name]
    where = [f"{e}.{near} = {outer.alias}.entity", f"{e}.rel = {number}", *at.holds(e)]
    row = Row(v, c.concrete(s.cls), at, edge=e, relation=relation)
    tables = f"edge {e} cross join version {v} on {v}.entity = {e}.{far}"
    where += [*class_test(c, v, s.cls), *at.holds(v)]
    if s.where is not None:
        where.append(c.predicate(s.where, row))
    return From(tables, where, row, keys=(f"{v}.row", f"{e}.row"))


def edges(c: Compiler, s: a.Edges, at: At) -> From:
    relation = relation_of(c, s.relation)
    e, v = c.names.fresh("e"), c.names.fresh("v")
    number = c.layout.relations[relation.name]
    row = Row(v, c.concrete(s.cls), at, edge=e, relation=relation)
    low, high = number << ROW_BITS, (number + 1) << ROW_BITS
    where = [f"{e}.row >= {low} and {e}.row < {high}", *at.holds(e), *class_test(c, v, s.cls), *at.holds(v)]
    if s.end_where is not None:
        o = c.names.fresh("v")
        other = Row(o, c.concrete(relation.range), at)
        tests = [f"{o}.entity = {e}.dst", *at.holds(o), c.predicate(s.end_where, other)]
        where.append(f"exists (select 1 from version {o} where {' and '.join(tests)})")
    tables = f"edge {e} cross join version {v} on {v}.entity = {e}.src"
    return From(tables, where, row, keys=(f"{v}.row", f"{e}.row"))


def itself(c: Compiler, cls: str, outer: Row, at: At) -> From:
    v = c.names.fresh("v")
    where = [f"{v}.entity = {outer.alias}.entity", *class_test(c, v, cls), *at.holds(v)]
    return From(f"version {v}", where, Row(v, c.concrete(cls), at), keys=(f"{v}.row",))


# ---------------------------------------------------------------- text


def match(c: Compiler, s: a.Match, at: At) -> From:
    cls = s.cls
    hole: Hole = s.text  # type: ignore[assignment]
    v = c.names.fresh("v")
    rank = c.rank(Row(v, c.concrete(cls), at), c.params.add(hole), s.without)
    row = Row(v, c.concrete(cls), at, rank=rank)
    where = [*class_test(c, v, cls), *at.holds(v), f"{rank} is not null"]
    if hole.kind == "scan":
        return From(f"version {v}", where, row, keys=(f"{v}.row",))
    f = c.names.fresh("f")
    asked = c.params.add(hole, by=query_tokens)
    found = f"(select distinct rowid >> {ENTRY_BITS} as entity from words where words match {asked})"
    tables = f"{found} {f} cross join version {v} on {v}.entity = {f}.entity"
    return From(tables, where, row, keys=(f"{v}.row",))
