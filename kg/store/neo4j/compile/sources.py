"""Sources → MATCH clauses and conditions.

In the present a row's version is its entity's node; at other instants it is that or a state behind that node. Each
relation and each state has a MATCH of its own, since one MATCH passes no relation twice, not even for a self-relation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kg.errors import QueryError
from kg.query import algebra as a
from kg.schema.types import ROOT_CLASS
from kg.store.neo4j.compile import walks
from kg.store.neo4j.compile.context import PART, From, Row
from kg.store.neo4j.compile.expressions import has_records
from kg.store.neo4j.layout import ENTITY, HAS_STATE, IDENTIFIER, RECORD

if TYPE_CHECKING:
    from kg.schema.types import Relation
    from kg.store.neo4j.compile.context import At
    from kg.store.neo4j.compile.plan import Compiler


def source(c: Compiler, s: a.Source, outer: Row | None, at: At, *, paths: bool = True) -> From:
    """Rows of the source; those of Step and Self hang on `outer`. `paths`: whether paths of a walk are asked for."""
    match s:
        case a.Extent(cls):
            return extent(c, cls, at)
        case a.Ids() | a.Keys():
            return listed(c, s, at)[0]
        case a.Step():
            return step(c, s, _enclosing(outer, s), at)
        case a.Walk():
            return walks.walk(c, s, outer, at, paths=paths)
        case a.Match():
            return c.match(s, at)
        case a.Edges():
            return edges(c, s, at)
        case a.Self(cls):
            return itself(c, cls, _enclosing(outer, s), at)
        case a.ClaimsOf() | a.ConflictsOf():
            raise QueryError("Claims are not followed", remedy="Ask for them below an entity.")


def _enclosing(outer: Row | None, s: a.Source) -> Row:
    if outer is None:
        raise QueryError(f"{type(s).__name__} needs a row around it", remedy="Put it below a select of entities.")
    return outer


def relation_of(c: Compiler, name: str) -> Relation:
    found = c.schema.relations.get(name)
    if found is None:
        raise QueryError("Unknown relation", field="relation", value=name, remedy="Name a relation of the ontology.")
    return found


def entity_of(c: Compiler, row: Row) -> tuple[str, str]:
    """(clauses before, alias) of the node of the row's entity."""
    if row.node:
        return "", row.node
    n = c.names.fresh("n")
    return f"MATCH ({row.alias})<-[:`{HAS_STATE}`*0..1]-({n}:`{ENTITY}`) ", n


def version(c: Compiler, node: str, cls: str, at: At, *, bound: bool = True) -> From:
    """The entity's version, where it has one that is of the class. `bound`: the node is a variable already."""
    classes = c.concrete(cls)
    if at.present:
        if bound:
            return From(f"MATCH ({node})", [f"{node}:{c.layout.label(cls)}"], Row(node, node, classes, at))
        return From(f"MATCH ({node}:{c.layout.label(cls)})", [], Row(node, node, classes, at))
    v = c.names.fresh("v")
    text = f"MATCH ({node})-[:`{HAS_STATE}`*0..1]->({v}:{c.layout.row_labels(cls)})"
    return From(text, at.holds(v), Row(v, node, classes, at))


def extent(c: Compiler, cls: str, at: At) -> From:
    v = c.names.fresh("v")
    if at.present:
        return version(c, v, cls, at, bound=False)
    return From(f"MATCH ({v}:{c.layout.row_labels(cls)})", at.holds(v), Row(v, "", c.concrete(cls), at))


def part(c: Compiler, s: a.Source, at: At) -> From:
    """Rows of an extent, or relations of a type, of the entities in PART."""
    n = c.names.fresh("n")
    if isinstance(s, a.Extent):
        found = version(c, n, s.cls, at)
    elif isinstance(s, a.Edges):
        found = edges(c, s, at, start=n)
    else:
        raise QueryError("Only all of a class or relation are streamed", remedy="Ask for an extent.")
    found.clauses = f"UNWIND {PART} AS {n} {found.clauses}"
    return found


# ---------------------------------------------------------------- by id and by identifier


def survivor(c: Compiler, at: At, key: str) -> str:
    """The entity that answers for the id `key`, a variable or property: itself, or the survivor of its merge."""
    if not c.moved:
        return key
    m, r = c.names.fresh("r"), c.names.fresh("r")
    moved = " AND ".join(at.identity(r))
    # Most ids never moved: one look into a small index settles that.
    return (
        f"CASE WHEN NOT EXISTS {{ MATCH ({m}:`{RECORD}` {{home: {key}}}) }} THEN {key} "
        f"WHEN {has_records(c, at, key)} THEN {key} "
        f"ELSE coalesce(COLLECT {{ MATCH ({r}:`{RECORD}` {{home: {key}}}) WHERE {moved} "
        f"WITH {r}.entity AS entity ORDER BY entity LIMIT 1 RETURN entity }}[0], {key}) END"
    )


def holder(c: Compiler, at: At, key: str) -> str:
    """The entity that holds an identifier: the one of least id where a range has several."""
    h = c.names.fresh("h")
    return (
        f"COLLECT {{ MATCH ({h}:`{IDENTIFIER}` {{key: {key}}}) WHERE {' AND '.join(at.holds(h))} "
        f"WITH {h}.entity AS entity ORDER BY entity LIMIT 1 RETURN entity }}[0]"
    )


def distinct(values: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(values))


def key_texts(keys: tuple[tuple[str, str], ...]) -> list[str]:
    """Identifiers as `_Identifier.key` has them, each once."""
    return list(dict.fromkeys(key_text(key) for key in keys))


def key_text(key: tuple[str, str]) -> str:
    return orjson.dumps(key).decode()


def listed(c: Compiler, s: a.Ids | a.Keys, at: At, *, aligned: bool = False) -> tuple[From, str]:
    """Rows of what was asked for by id or key, and the alias of what it was asked by.

    Unless `aligned`, each entity once.
    """
    x, i, n = c.names.fresh("x"), c.names.fresh("i"), c.names.fresh("n")
    if isinstance(s, a.Ids):
        ids: Any = s.ids
        asked, answering = c.params.add(ids, by=distinct), survivor(c, at, x)
    else:
        keys: Any = s.keys
        asked, answering = c.params.add(keys, by=key_texts), holder(c, at, x)
    if answering == x:
        first, i = f"UNWIND {asked} AS {x} ", x
    else:
        first = f"UNWIND {asked} AS {x} WITH {f'{x}, ' if aligned else 'DISTINCT '}{answering} AS {i} "
    if at.present:
        text = f"MATCH ({n}:`{ENTITY}`&{c.layout.label(s.cls)} {{id: {i}}})"
        return From(first + text, [], Row(n, n, c.concrete(s.cls), at)), x
    found = version(c, n, s.cls, at)
    found.clauses = f"{first}MATCH ({n}:`{ENTITY}` {{id: {i}}}) {found.clauses}"
    return found, x


# ---------------------------------------------------------------- along relations


def related(c: Compiler, relation: str, e: str, near: str, far: str, *, out: bool, at: At) -> str:
    """A MATCH from one entity's node along a relation that holds."""
    kind = c.layout.relation(relation) if at.present else c.layout.row_relations(relation)
    left, right = ("-", "->") if out else ("<-", "-")
    text = f"MATCH ({near}){left}[{e}:{kind}]{right}({far})"
    return text if at.present else f"{text} WHERE {' AND '.join(at.holds(e))}"


def step(c: Compiler, s: a.Step, outer: Row, at: At) -> From:
    relation = relation_of(c, s.relation)
    e, n = c.names.fresh("e"), c.names.fresh("n")
    before, node = entity_of(c, outer)
    if at.present:
        text = related(c, relation.name, e, node, f"{n}:{c.layout.label(s.cls)}", out=s.out, at=at)
        found = From(before + text, [], Row(n, n, c.concrete(s.cls), at, edge=e, relation=relation))
    else:
        target = version(c, n, s.cls, at)
        text = related(c, relation.name, e, node, n, out=s.out, at=at)
        row = Row(target.row.alias, n, c.concrete(s.cls), at, edge=e, relation=relation)
        found = From(f"{before}{text} {target.clauses}", target.where, row)
    if s.where is not None:
        found.where.append(c.predicate(s.where, found.row))
    return found


def edges(c: Compiler, s: a.Edges, at: At, start: str = "") -> From:
    """All relations of a type; `start`: those of this node, a variable."""
    relation = relation_of(c, s.relation)
    e, n, o = c.names.fresh("e"), start or c.names.fresh("n"), c.names.fresh("n")
    if at.present:
        text = related(
            c, relation.name, e, f"{n}:{c.layout.label(s.cls)}", f"{o}:{c.layout.label(ROOT_CLASS)}", out=True, at=at
        )
        found = From(text, [], Row(n, n, c.concrete(s.cls), at, edge=e, relation=relation))
        if s.end_where is not None:
            end = Row(o, o, c.concrete(relation.range), at, edge=e, relation=relation)
            found.where.append(c.predicate(s.end_where, end))
        return found
    first = version(c, n, s.cls, at)
    text = related(c, relation.name, e, n, o, out=True, at=at)
    row = Row(first.row.alias, n, c.concrete(s.cls), at, edge=e, relation=relation)
    w = c.names.fresh("v")
    tests = at.holds(w)
    if s.end_where is not None:
        tests.append(c.predicate(s.end_where, Row(w, o, c.concrete(relation.range), at, edge=e, relation=relation)))
    end_row = f"({o})-[:`{HAS_STATE}`*0..1]->({w}:{c.layout.row_labels(ROOT_CLASS)})"
    there = f"EXISTS {{ MATCH {end_row} WHERE {' AND '.join(tests)} }}"
    return From(f"{text} {first.clauses}", [*first.where, there], row)


def itself(c: Compiler, cls: str, outer: Row, at: At) -> From:
    before, node = entity_of(c, outer)
    if not at.present:
        found = version(c, node, cls, at)
        found.clauses = before + found.clauses
        return found
    n = c.names.fresh("n")
    found = version(c, n, cls, at)
    return From(f"{before}WITH {node} AS {n}", found.where, found.row)
