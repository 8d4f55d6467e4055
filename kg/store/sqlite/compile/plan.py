"""Plans: one statement a Query, kept by the query's shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.query import algebra as a
from kg.store.lift import Hole
from kg.store.sqlite.compile import aligned, claims, pages, walks
from kg.store.sqlite.compile.aggregate import aggregate
from kg.store.sqlite.compile.context import At, Names, Params, Span, Times
from kg.store.sqlite.compile.predicates import predicate
from kg.store.sqlite.compile.rank import rank
from kg.store.sqlite.compile.raw import raw
from kg.store.sqlite.compile.shapes import concatenated, fixed_text, text_of_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.query.algebra import MetaName
    from kg.schema.types import Schema
    from kg.store.sqlite.compile.context import Ex, From, Row
    from kg.store.sqlite.compile.pages import Sort
    from kg.store.sqlite.layout import Layout

LATEST_SYSTEM = Hole(0, "int")
"""The first constant of every plan: the latest commit's instant."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A statement and how its parameters are made from the constants of a query of its shape."""

    sql: str
    params: Params

    def bind(self, constants: Sequence[Any]) -> tuple[Any, ...]:
        return self.params.bind(constants)


class Compiler:
    """One compilation. Its parts live in the modules beside; this holds what they share."""

    def __init__(self, schema: Schema, layout: Layout, query: a.Query) -> None:
        self.schema = schema
        self.layout = layout
        self.query = query
        self.params = Params()
        self.names = Names()
        now: Any = query.now
        level: Any = query.level
        self.times = Times(self.params, now, level)

    def compile(self) -> Plan:
        at = self.times.inner(self.times.root, self.query.time)
        parts: list[str] = ["'{'"]
        for i, root in enumerate(self.query.roots):
            parts += [*(["','"] if i else []), text_of_key(root.key), self._root(root.action, at)]
        return Plan(self.params.trimmed(f"select {concatenated([*parts, chr(39) + '}' + chr(39)])}"), self.params)

    def compile_rows(self) -> Plan:
        """For a query of one root that lists rows: a row of the result for each, instead of one text."""
        at = self.times.inner(self.times.root, self.query.time)
        action = self.query.roots[0].action
        if len(self.query.roots) != 1 or not isinstance(action, a.Select) or not isinstance(action.shape, a.Rows):
            raise QueryError("Only a list of rows is streamed", remedy="Ask for one root with Rows.")
        return Plan(self.params.trimmed(pages.rows_statement(self, action, action.shape, at)), self.params)

    def _root(self, action: a.Select | a.Aggregate | a.Fixed, at: At) -> str:
        match action:
            case a.Select():
                return self.select(action, None, at)
            case a.Aggregate():
                return self.aggregate(action, None, at)
            case a.Fixed():
                return self.fixed(action)

    # ---------------------------------------------------------------- names of the Schema

    def concrete(self, cls: str) -> tuple[str, ...]:
        try:
            return self.schema.concrete(cls)
        except KeyError:
            raise QueryError(
                "Unknown class", field="class", value=cls, remedy="Name a class of the ontology."
            ) from None

    def indexed(self, classes: Sequence[str], name: str) -> bool:
        found = [p for cls in classes if (p := self.schema.classes[cls].property(name)) is not None]
        return bool(found) and all(p.indexed for p in found)

    def has_side_index(self, column: str) -> bool:
        known = self.layout.columns.get(("version", column))
        if known is None or not known.many:
            return False
        slots = [s for s in self.layout.slots if s.kind == "version" and s.column == column]
        classes = [self.layout.type_names[s.holder] for s in slots]
        return self.indexed([cls for cls in classes if cls in self.schema.classes], slots[0].name)

    def searchable(self, classes: Sequence[str]) -> tuple[str, ...]:
        return tuple(sorted({p.name for cls in classes for p in self.schema.classes[cls].properties if p.searchable}))

    # ---------------------------------------------------------------- parts

    def select(self, s: a.Select, outer: Row | None, at: At) -> str:
        return pages.select(self, s, outer, at)

    def aggregate(self, agg: a.Aggregate, outer: Row | None, at: At) -> str:
        return aggregate(self, agg, outer, at)

    def aligned(self, s: a.Select, shape: a.Aligned, outer: Row | None, at: At) -> str:
        return aligned.aligned(self, s, shape, outer, at)

    def predicate(self, p: a.Predicate, row: Row) -> str:
        return predicate(self, p, row)

    def rank(self, row: Row, query: str, without: tuple[tuple[str, str], ...]) -> str:
        return rank(self, row, query, without)

    def walk(self, w: a.Walk, outer: Row | None, at: At) -> From:
        return walks.walk(self, w, outer, at)

    def path(self, row: Row, name: MetaName) -> str:
        return walks.path(self, row, name)

    def trail(self, o: a.Obj, row: Row) -> str:
        return walks.trail(self, o, row)

    def claims_of(self, s: a.ClaimsOf, outer: Row, at: At) -> From:
        return claims.claims_of(self, s, outer, at)

    def conflicts_of(self, s: a.ConflictsOf, outer: Row, at: At) -> From:
        return claims.conflicts_of(self, s, outer, at)

    def claim_meta(self, name: MetaName, row: Row, without: tuple[str, ...]) -> Ex | None:
        return claims.claim_meta(self, name, row, without)

    def raw(self, row: Row, without: tuple[str, ...]) -> str:
        return raw(self, row, without)

    def with_clause(self, found: From) -> str:
        if not found.ctes:
            return ""
        return f"with {'recursive ' if found.recursive else ''}{', '.join(found.ctes)} "

    def fixed(self, fixed: a.Fixed) -> str:
        return self.fixed_value(fixed.value)

    def fixed_value(self, value: Any) -> str:
        """A value known beforehand as a parameter that holds its JSON."""
        if isinstance(value, Hole):
            return self.params.add(value, by=fixed_text)
        return "'" + fixed_text(value).replace("'", "''") + "'"

    def cursor(self, binding: str, at: At, sorts: Sequence[Sort], alias: str) -> str:
        """SQL of a row's cursor as JSON text; `alias` has the order columns."""
        ends = {"id": "null", "edge": "''", "sf": "null", "vf": "null"}
        ends.update({s.name: f"{alias}.{s.name}" for s in sorts if s.name in ends})
        # SQLite has no booleans: blobs of one byte stand for them.
        keys = [
            f"iif({alias}.{s.name} is null, null, iif({alias}.{s.name}, x'01', x'00'))"
            if s.boolean
            else f"{alias}.{s.name}"
            for s in sorts
            if s.nulls
        ]
        arguments = [
            binding, _when(at.valid), self.params.add(LATEST_SYSTEM) if at.system is None else _when(at.system),
            ends["id"], ends["edge"], ends["sf"], ends["vf"], *keys,
        ]  # fmt: skip
        return f"json_quote(jw_cursor({', '.join(arguments)}))"


def _when(when: str | Span) -> str:
    if isinstance(when, Span):
        return f"json_array({when.start or 'null'}, {when.end or 'null'})"
    return when
