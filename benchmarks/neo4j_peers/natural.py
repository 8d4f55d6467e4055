"""The layout that one would draw by hand, without clocks or sources: the bound, by hand-written Cypher.

Its labels begin with `Hand`, since it stands in one database with ours.
Each question gives the JSON that ours gives for the same facts. `ids` are ours, so that answers can be compared: the
nodes carry them, since order by id decides ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import orjson

from benchmarks.neo4j_peers.facts import CENTRE, WORDS, enterprise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from neo4j import AsyncDriver, Driver, ManagedTransaction

METRES: Final = 6_378_140.0 / 6_371_008.8
"""`point.distance` measures on a larger sphere than ours."""
LABELS: Final = {"s": "HandSite", "p": "HandProduct", "e": "HandEnterprise"}
TYPES: Final = {"operatesAt": "HAND_OPERATES_AT", "suppliesTo": "HAND_SUPPLIES_TO", "produces": "HAND_PRODUCES"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A hand-written question: one statement, its parameters, and how its rows become the answer."""

    cypher: str
    parameters: Mapping[str, Any]
    shape: Callable[[list[Any]], Any]

    async def answer(self, driver: AsyncDriver) -> bytes:
        async with driver.session(default_access_mode="READ") as session:
            found = await session.run(self.cypher, dict(self.parameters))
            rows = await found.values()
        return orjson.dumps({"it": self.shape(rows)})


def indexes(driver: Driver) -> None:
    for label in LABELS.values():
        driver.execute_query(f"CREATE CONSTRAINT IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE")
    for name in ("industry", "registeredCapital"):
        driver.execute_query(f"CREATE INDEX IF NOT EXISTS FOR (n:HandEnterprise) ON (n.{name})")
    driver.execute_query("CREATE POINT INDEX IF NOT EXISTS FOR (n:HandEnterprise) ON (n.location)")
    driver.execute_query("CALL db.awaitIndexes(300)")


def batches(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rows = iter(rows)
    while part := list(islice(rows, size)):
        yield part


Statements = list[tuple[str, list[dict[str, Any]]]]
"""Cypher, and its rows."""


def node_statements(keys: Iterable[str], ids: Mapping[str, str]) -> Statements:
    """Nodes of these keys of facts, by `UNWIND … MERGE`."""
    rows: dict[str, list[dict[str, Any]]] = {"e": [], "s": [], "p": []}
    for key in keys:
        kind, number = key[0], int(key[1:])
        row = enterprise(number) if kind == "e" else {"name": WORDS[kind] + key[1:], "code": key[1:]}
        rows[kind].append({"id": ids[key], **row})
    firm = (
        "UNWIND $rows AS r MERGE (n:HandEnterprise {id: r.id}) SET n.name = r.name, n.status = r.status, "
        "n.industry = r.industry, n.founded = r.founded, n.employees = r.employees, "
        "n.registeredCapital = r.registeredCapital, n.location = point({longitude: r.lon, latitude: r.lat})"
    )
    texts = {
        kind: f"UNWIND $rows AS r MERGE (n:{LABELS[kind]} {{id: r.id}}) SET n.name = r.name, n.code = r.code"
        for kind in "sp"
    } | {"e": firm}
    return [(texts[kind], found) for kind, found in rows.items() if found]


def relation_statements(part: Iterable[tuple[str, str, str, float | None]], ids: Mapping[str, str]) -> Statements:
    """The same for relations, a statement for each type."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TYPES}
    for name, start, end, volume in part:
        rows[name].append({"a": ids[start], "b": ids[end], "v": volume})
    far = {"operatesAt": "HandSite", "suppliesTo": "HandEnterprise", "produces": "HandProduct"}
    text = (
        "UNWIND $rows AS r MATCH (a:HandEnterprise {{id: r.a}}) MATCH (b:{far} {{id: r.b}}) "
        "MERGE (a)-[x:{type}]->(b) SET x.volume = r.v"
    )
    return [(text.format(far=far[name], type=TYPES[name]), found) for name, found in rows.items()]


def write(driver: Driver, statements: Statements) -> None:
    """In one transaction."""

    def work(tx: ManagedTransaction) -> None:
        for cypher, rows in statements:
            tx.run(cypher, rows=rows).consume()

    with driver.session() as session:
        session.execute_write(work)


FIRM = ("id", "name", "status", "founded", "registeredCapital", "employees")
LISTED = "[" + ", ".join(f"e.{name}" for name in FIRM) + "]"


def _firm(row: list[Any]) -> dict[str, Any]:
    return dict(zip(FIRM, row, strict=True))


def questions(sample: list[str], site: str, sites: list[str], last: str) -> dict[str, Asked]:
    """By name. `sample`: 500 ids; `site`: one with its enterprises; `sites`: those of the aggregate; `last`: where the
    closure begins."""
    x, y = CENTRE
    place = {"x": x, "y": y, "r": 2000.0 * METRES}
    return {
        "page": Asked(
            "MATCH (e:HandEnterprise) WHERE e.industry = $industry AND e.status = $status "
            "WITH e ORDER BY e.registeredCapital DESC, e.id WITH collect(e) AS found "
            f"RETURN size(found), [e IN found[..$n] | {LISTED}]",
            {"industry": "C07", "status": "active", "n": 50},
            lambda rows: {"totalCount": rows[0][0], "nodes": [_firm(one) for one in rows[0][1]]},
        ),
        "nested": Asked(
            "MATCH (s:HandSite {id: $site}) RETURN s.name, COLLECT { MATCH (s)<-[:HAND_OPERATES_AT]-(e:HandEnterprise) "
            "WITH e ORDER BY e.id LIMIT 20 RETURN [e.name, COLLECT { "
            "MATCH (e)<-[r:HAND_SUPPLIES_TO]-(f:HandEnterprise) "
            "WITH f, r ORDER BY r.volume DESC, f.id LIMIT 10 RETURN [f.name, r.volume, COLLECT { "
            "MATCH (f)-[:HAND_PRODUCES]->(p:HandProduct) WITH p ORDER BY p.id LIMIT 5 RETURN p.name }] }] }",
            {"site": site},
            lambda rows: [
                {
                    "name": name,
                    "hosts": [
                        {
                            "name": firm,
                            "suppliedBy": [
                                {"name": other, "volume": volume, "produces": [{"name": p} for p in products]}
                                for other, volume, products in suppliers
                            ],
                        }
                        for firm, suppliers in firms
                    ],
                }
                for name, firms in rows
            ],
        ),
        "500 ids": Asked(
            f"UNWIND $ids AS id OPTIONAL MATCH (e:HandEnterprise {{id: id}}) RETURN collect({LISTED})",
            {"ids": sample},
            lambda rows: [_firm(one) for one in rows[0][0]],
        ),
        "aggregate": Asked(
            "MATCH (s:HandSite)<-[:HAND_OPERATES_AT]-(e:HandEnterprise) WHERE s.id IN $sites "
            "RETURN e.industry AS industry, count(*), sum(e.registeredCapital) ORDER BY industry",
            {"sites": sites},
            lambda rows: [{"industry": i, "count": n, "capital": c} for i, n, c in rows],
        ),
        "near": Asked(
            "WITH point({longitude: $x, latitude: $y}) AS here MATCH (e:HandEnterprise) "
            "WHERE point.distance(e.location, here) <= $r WITH e, point.distance(e.location, here) AS d "
            "ORDER BY d, e.id LIMIT 100 RETURN collect([e.id, e.name])",
            place,
            lambda rows: [{"id": i, "name": n} for i, n in rows[0][0]],
        ),
        "closure": Asked(
            "MATCH (s:HandEnterprise {id: $id}) MATCH p = (s)<-[:HAND_SUPPLIES_TO*1..6]-(f:HandEnterprise) "
            "WITH f, min(length(p)) AS depth ORDER BY f.id RETURN collect([f.id, depth])",
            {"id": last},
            lambda rows: [{"id": i, "depth": d} for i, d in rows[0][0] if i != last],
        ),
        "5,000 rows": Asked(
            f"MATCH (e:HandEnterprise) WITH e ORDER BY e.id LIMIT 5000 RETURN collect({LISTED})",
            {},
            lambda rows: [_firm(one) for one in rows[0][0]],
        ),
    }
