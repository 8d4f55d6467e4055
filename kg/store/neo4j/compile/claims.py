"""What each record says of an entity, and where records differ.

An entity has few claims, and their properties lie in the graph as JSON: the statement brings the claims that are seen,
and the reference interpreter, whose rows they are, selects, orders and shows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.query import algebra as a
from kg.query.interpreter import Interpreter
from kg.query.interpreter.world import At as Instants
from kg.query.interpreter.world import World
from kg.schema.types import ROOT_CLASS
from kg.store.lift import filled
from kg.store.memory import TableRows
from kg.store.neo4j.compile.context import Made, instants, mentions
from kg.store.neo4j.compile.expressions import merged_from
from kg.store.neo4j.compile.sources import entity_of, version
from kg.store.neo4j.layout import CLAIM, CLAIM_ROW, ENTITY, RECORD, RECORD_KEY, STATE
from kg.store.neo4j.values import claim_on, claim_row, version_of
from kg.store.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.model.rows import ClaimRow, VersionRow
    from kg.schema.types import Schema
    from kg.store.neo4j.compile.context import Answering, At, Row
    from kg.store.neo4j.compile.plan import Compiler

_NO_ROWS = TableRows(Tables())


def select(c: Compiler, s: a.Select, outer: Row | None, at: At) -> Made:
    """A list of claims or conflicts of the entity of `outer`."""
    return _made(c, s, outer, at)


def aggregate(c: Compiler, agg: a.Aggregate, outer: Row | None, at: At) -> Made:
    return _made(c, agg, outer, at)


def _made(c: Compiler, action: a.Select | a.Aggregate, outer: Row | None, at: At) -> Made:
    if outer is None:
        raise QueryError("Claims need an entity around them", remedy="Put them below a select of entities.")
    if isinstance(action, a.Select) and mentions(action.shape, _of_a_source):
        raise QueryError("Nothing is selected below claims", field="claims", remedy="Select it beside them.")
    r, m = c.names.fresh("r"), c.names.fresh("m")
    known = " AND ".join(at.identity(r))
    said = " AND ".join([*at.times_hold(m), f"{m}.level <= {at.level}"])
    there = " AND ".join([f"{m}.{CLAIM_ROW} IS NOT NULL", *at.times_hold(m)])
    v, key = outer.alias, c.names.fresh("x")
    on = "".join(
        f"UNION ALL MATCH ({m}:`{label}` {{{RECORD_KEY}: {key}}}) WHERE {there} RETURN {m}{{.*}} AS said "
        for label in (ENTITY, STATE)
    )
    claims = (
        f"COLLECT {{ CALL ({v}) {{ MATCH ({r}:`{RECORD}` {{entity: {v}.id}}) WHERE {known} RETURN {r}.record AS {key} "
        f"UNION MATCH ({r}:`{ENTITY}` {{id: {v}.id}}) WHERE {at.recorded(r)} "
        f"RETURN {r}.{RECORD_KEY} AS {key} }} "
        f"CALL ({key}) {{ MATCH ({m}:`{CLAIM}` {{record: {key}}}) WHERE {said} RETURN {m}{{.*}} AS said {on}}} "
        "RETURN said }"
    )
    resolved = "[]" if at.ranged else _resolved(c, outer, at)
    text = f"[{outer.alias}{{.*}}, {merged_from(c, outer)}, {claims}, {resolved}]"
    schema = c.schema

    def read(found: Any, answering: Answering) -> Any:
        plain, merged, claims_, versions = found
        held = _Claims(schema, version_of(plain), merged, _read(claims_, _claim), _read(versions, version_of))
        constants = answering.constants
        filled_action = filled(action, constants)
        interpreter = Interpreter(schema, _NO_ROWS, answering.codec, 0)
        interpreter.world = held
        return interpreter.below(filled_action, held.outer, _instants(at, constants))

    return Made(text, read)


def _of_a_source(node: object) -> bool:
    return isinstance(node, a.Select | a.Aggregate)


def _resolved(c: Compiler, outer: Row, at: At) -> str:
    """A list of the entity's version at the instants, if it has one."""
    before, node = entity_of(c, outer)
    n = c.names.fresh("n")
    held = version(c, n, ROOT_CLASS, at)
    return f"COLLECT {{ {before}WITH {node} AS {n} {held.text()} RETURN {held.row.alias}{{.*}} }}"


def _claim(n: Any) -> ClaimRow:
    return claim_on(n) if CLAIM_ROW in n else claim_row(n)


def _read(found: Sequence[Any], one: Any) -> list[Any]:
    return [one(item) for item in found]


def _instants(at: At, constants: Sequence[Any]) -> Instants:
    """At level and identity zero: what is not seen was not brought."""
    return Instants(instants(at.valid_holes, constants), instants(at.system_holes, constants), 0, 0)


class _Claims(World):
    """The world of one entity: its claims that are seen and its version at the instants. It has no relations."""

    def __init__(
        self, schema: Schema, version: VersionRow, merged: list[str], claims: list[ClaimRow], versions: list[VersionRow]
    ) -> None:
        super().__init__(schema, _NO_ROWS, 0)
        self.outer = version
        self.merged = merged
        self.said = claims
        self.resolved = versions

    def records_of(self, entity: str, at: Instants) -> list[tuple[str, str]]:
        del entity, at
        return sorted({(claim.source, claim.local) for claim in self.said})

    def claims(self, record: tuple[str, str], at: Instants) -> list[ClaimRow]:
        del at
        return [claim for claim in self.said if (claim.source, claim.local) == record]

    def versions(self, entity: str, cls: str, at: Instants) -> list[VersionRow]:
        del entity, at
        return [row for row in self.resolved if self.schema.is_a(row.cls, cls)]

    def merged_from(self, entity: str, at: Instants) -> list[str]:
        del entity, at
        return self.merged
