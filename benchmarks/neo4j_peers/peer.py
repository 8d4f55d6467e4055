"""@neo4j/graphql on Apollo Server in a process of its own: its questions, and its answers in the shape of ours."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import orjson

from benchmarks.neo4j_peers.facts import CENTRE, INDUSTRIES
from kg.geo.geometry import haversine_m, round_mm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent / "peer"
FIRM = "id name status founded registeredCapital employees"


@dataclass(frozen=True, slots=True)
class Posed:
    """A question in its language; `read` brings its `data` into the shape of ours."""

    query: str
    variables: dict[str, Any]
    read: Callable[[Any], Any]
    ordered: bool = True

    @property
    def body(self) -> bytes:
        return orjson.dumps({"query": self.query, "variables": self.variables})


def questions(sample: list[str], site: str, sites: list[str], last: str) -> dict[str, Posed]:
    """The questions of `natural.questions`, and the representations that a federated gateway sends."""
    by_industry = " ".join(
        f'{name}: enterprisesConnection(where: {{industry: {{eq: "{name}"}}, sites: {{some: {{id: {{in: $sites}}}}}}}})'
        " { aggregate { count { nodes } node { registeredCapital { sum } } } }"
        for name in INDUSTRIES
    )
    return {
        "page": Posed(
            'query($n: Int) { enterprisesConnection(where: {industry: {eq: "C07"}, status: {eq: "active"}}, first: $n, '
            f"sort: [{{registeredCapital: DESC}}, {{id: ASC}}]) {{ totalCount edges {{ node {{ {FIRM} }} }} }} }}",
            {"n": 50},
            lambda data: {
                "totalCount": data["enterprisesConnection"]["totalCount"],
                "nodes": [edge["node"] for edge in data["enterprisesConnection"]["edges"]],
            },
        ),
        "nested": Posed(
            "query($id: ID!) { sites(where: {id: {eq: $id}}) { name enterprises(limit: 20, sort: [{id: ASC}]) { name "
            "suppliersConnection(first: 10, sort: [{edge: {volume: DESC}}]) { edges { properties { volume } "
            "node { name products(limit: 5, sort: [{id: ASC}]) { name } } } } } } }",
            {"id": site},
            lambda data: [
                {
                    "name": one["name"],
                    "hosts": [
                        {
                            "name": firm["name"],
                            "suppliedBy": [
                                {
                                    "name": edge["node"]["name"], "volume": edge["properties"]["volume"],
                                    "produces": edge["node"]["products"],
                                }
                                for edge in firm["suppliersConnection"]["edges"]
                            ],
                        }
                        for firm in one["enterprises"]
                    ],
                }
                for one in data["sites"]
            ],
        ),
        "500 ids": Posed(
            f"query($ids: [ID!]) {{ enterprises(where: {{id: {{in: $ids}}}}) {{ {FIRM} }} }}", {"ids": sample},
            lambda data: data["enterprises"], ordered=False,
        ),
        "aggregate": Posed(
            f"query($sites: [ID!]) {{ {by_industry} }}", {"sites": sites},
            lambda data: [
                {
                    "industry": name, "count": found["aggregate"]["count"]["nodes"],
                    "capital": found["aggregate"]["node"]["registeredCapital"]["sum"],
                }
                for name, found in data.items()
                if found["aggregate"]["count"]["nodes"]
            ],
        ),
        # It cannot order by distance: who asks takes all, and sorts.
        "near": Posed(
            "query($x: Float!, $y: Float!, $r: Float!) { enterprises(where: {location: {distance: {from: "
            "{longitude: $x, latitude: $y}, lte: $r}}}) { id name location { longitude latitude } } }",
            {"x": CENTRE[0], "y": CENTRE[1], "r": 2002.24}, lambda data: _nearest(data["enterprises"]),
        ),
        # Or somebody writes the Cypher, in an @cypher directive.
        "near, @cypher": Posed(
            "query($x: Float!, $y: Float!, $r: Float!) { nearest(x: $x, y: $y, r: $r) { id name } }",
            {"x": CENTRE[0], "y": CENTRE[1], "r": 2002.24}, lambda data: data["nearest"],
        ),
        # It has no walks: this is hand-written Cypher in an @cypher directive, without the depth.
        "closure": Posed(
            "query($id: ID!) { enterprises(where: {id: {eq: $id}}) { upstream { id } } }", {"id": last},
            lambda data: [{"id": one["id"]} for one in data["enterprises"][0]["upstream"] if one["id"] != last],
        ),
        "5,000 rows": Posed(
            f"{{ enterprises(limit: 5000, sort: [{{id: ASC}}]) {{ {FIRM} }} }}", {}, lambda data: data["enterprises"]
        ),
        "500 representations": Posed(
            f"query($r: [_Any!]!) {{ _entities(representations: $r) {{ ... on Enterprise {{ {FIRM} }} }} }}",
            {"r": [{"__typename": "Enterprise", "id": one} for one in sample]}, lambda data: data["_entities"],
        ),
    }  # fmt: skip


def _nearest(firms: list[dict[str, Any]]) -> list[dict[str, str]]:
    """What its client does: the first 100 by distance."""

    def order(firm: dict[str, Any]) -> tuple[float, str]:
        place = firm["location"]
        return round_mm(haversine_m(place["longitude"], place["latitude"], *CENTRE)), firm["id"]

    return [{"id": firm["id"], "name": firm["name"]} for firm in sorted(firms, key=order)[:100]]


@contextmanager
def serving(neo4j_url: str) -> Iterator[tuple[str, int]]:
    """The host and port of a server of its own; its packages are installed on the first run."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("This benchmark needs Node.js 20 or later, with npm")
    if not (HERE / "node_modules" / "@neo4j" / "graphql").is_dir():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=HERE, check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environ = {**os.environ, "NEO4J_URL": neo4j_url, "PORT": str(port), "NODE_ENV": "production"}  # noqa: TID251
    process = subprocess.Popen(
        ["node", "server.mjs"], cwd=HERE, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert process.stdout is not None
        _until_it_listens(process.stdout)
        yield "127.0.0.1", port
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _until_it_listens(output: IO[str]) -> None:
    told = []
    for line in output:
        if "listens at" in line:
            return
        told.append(line)
    raise SystemExit("The peer did not start:\n" + "".join(told))
