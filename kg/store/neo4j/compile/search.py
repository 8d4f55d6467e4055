"""Text search: candidates by the full-text index over tokens, membership and rank by `kg.query.text`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kg.query import text as texts
from kg.query.text import query_tokens
from kg.schema.types import Datatype
from kg.store.neo4j.compile.context import From, Row
from kg.store.neo4j.layout import ENTITY, HAS_STATE, STATE_WORDS_INDEX, WORDS_INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.query import algebra as a
    from kg.store.neo4j.compile.context import At
    from kg.store.neo4j.compile.plan import Compiler

_TERM = re.compile(r'"([^"]*)"( \*)?')
_ESCAPED = re.compile(r"[^0-9A-Za-z\u0080-\U0010ffff]")


def lucene(query: str) -> str:
    """`query_tokens` in the language of Lucene's query parser; "" where nothing can be looked up."""
    found = query_tokens(query)
    if found is None:
        return ""
    return _TERM.sub(lambda term: _ESCAPED.sub(r"\\\g<0>", term[1]) + ("*" if term[2] else ""), found)


def match(c: Compiler, s: a.Match, at: At) -> From:
    hole: Any = s.text
    classes = c.concrete(s.cls)
    label = c.layout.label(s.cls) if at.present else c.layout.row_labels(s.cls)
    key = "v.id" if at.present else "[v.id, v._row]"
    searched = {
        cls: [
            p.name
            for p in c.schema.classes[cls].properties
            if p.searchable and p.datatype is Datatype.STRING and (cls, p.name) not in s.without
        ]
        for cls in classes
    }
    names = sorted({name for found in searched.values() for name in found})
    values = ", ".join(f"v.{c.layout.key(name)}" for name in names)
    holds = [] if at.present else at.holds("v")
    if hole.kind == "scan":
        start = f"MATCH (v:{label})"
    else:
        indexes = f"'{WORDS_INDEX}'" if at.present else f"'{WORDS_INDEX}', '{STATE_WORDS_INDEX}'"
        start = (
            f"UNWIND [{indexes}] AS index "
            f"CALL db.index.fulltext.queryNodes(index, {c.params.add(hole, by=lucene)}) YIELD node AS v"
        )
        holds = [f"v:{label}", *holds]
    where = f" WHERE {' AND '.join(holds)}" if holds else ""
    text = f"{start}{where} RETURN collect([{key}, v.class, [{values}]]) AS answer"
    index_ = hole.index

    def ranked(found: Any, constants: Sequence[Any]) -> list[list[Any]]:
        query = constants[index_]
        out = []
        for row, cls, held in found:
            mine = searched.get(cls, ())
            said = [v for name, value in zip(names, held, strict=True) if name in mine for v in _each(value)]
            rank = texts.rank(said, query)
            if rank is not None:
                out.append([row, rank])
        return out

    hits = c.parameter_before((text, index_), text, ranked, f"rank {sorted(s.without)}", (index_,))
    x, n, r = c.names.fresh("x"), c.names.fresh("n"), c.names.fresh("r")
    begin = f"UNWIND {hits} AS {x} WITH {x}, {x}[1] AS {r} "
    if at.present:
        row = Row(n, n, classes, at, rank=r)
        return From(f"{begin}MATCH ({n}:`{ENTITY}`&{label} {{id: {x}[0]}})", [], row)
    v = c.names.fresh("v")
    row = Row(v, n, classes, at, rank=r)
    text = f"{begin}MATCH ({n}:`{ENTITY}` {{id: {x}[0][0]}}) MATCH ({n})-[:`{HAS_STATE}`*0..1]->({v})"
    return From(text, [f"{v}._row = {x}[0][1]", f"({v}:{label})", *at.holds(v)], row)


def _each(value: Any) -> list[str]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
