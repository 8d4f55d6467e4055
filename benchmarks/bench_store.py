# ruff: noqa: E501, SLF001 - statements stand as they would be typed; the store's own plans are measured
"""The SQLite store against hand-written SQL for the same answers, in the same run, on the same file.

    python benchmarks/bench_store.py [--small] [--scale N] [--batch N] [--loads N] [--keep FILE] [--out FOLDER]

Prints a table and writes JSON. Answers are compared first, as parsed JSON; a question whose answers differ ends the
run. Each figure is the least over rounds in which the two take turns. `ms` is the store's statement: binding, running
it, bytes out; `whole` adds checking and securing the Query and finding its plan. The park is invented.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from api.cli import collect_rarely
from benchmarks.bare_writes import BareWrites
from kg.model.changes import ByRecord, ChangeSet, Put, RecordKey, Relate, Source
from kg.model.intervals import OPEN, Interval
from kg.query import algebra as a
from kg.query.algebra import Comparison, MetaName, MetricOp, Op, PagePart
from kg.query.secure import EVERYTHING, secure
from kg.store.sqlite.connection import snapshot
from kg.store.sqlite.store import SqliteStore
from kg.testing.schemas import PARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from kg.store.sqlite.compile.plan import Plan

DAY = 86_400_000_000
START = 1_600_000_000_000_000
"""When the first facts hold; also the first system instant."""
BATCH = 5000
"""Changes a commit."""
NAMES = "中芯虹长电科技半导体设备材料精密电子微纳光刻气体晶圆封测集成路智能制造北方盛美拓荆"
FAR = 4611686018427387904
PLACES = ((0.0, 0.0), (-0.11, 0.05), (-0.23, -0.08), (0.02, -0.21))
"""Degrees east and north of where k-nearest asks."""


@dataclass(frozen=True)
class Size:
    enterprises: int
    relations: int
    rounds: int


@dataclass
class Question:
    name: str
    query: a.Query
    sql: str
    bindings: dict[str, Any]


# ---------------------------------------------------------------- data


def firm(i: int, version: int, rng: random.Random) -> Put:
    lon, lat = 121.0 + rng.random() * 0.8, 30.9 + rng.random() * 0.6
    properties: dict[str, Any] = {
        "name": "".join(rng.sample(NAMES, 8)) + f"{i}",
        "status": "active" if i % 5 else "suspended",
        "founded": f"{1990 + i % 30}-0{1 + i % 9}-15",
        "registeredCapital": float(rng.randrange(1, 100_000)),
        "employees": rng.randrange(1, 5000) + version,
        "industry": f"C{i % 16:02d}",
        "location": f'{{"type":"Point","coordinates":[{round(lon, 6)},{round(lat, 6)}]}}',
    }
    return Put(RecordKey("register", f"e{i}"), "Enterprise", properties, Interval(START + version * 400 * DAY, OPEN))


def supply(i: int, size: Size, rng: random.Random) -> Relate:
    start = i % size.enterprises
    # Neighbours, so that a closure stays within a part of the graph, as supply chains do.
    end = min(size.enterprises - 1, start + 1 + rng.randrange(40))
    return Relate(
        "register", "suppliesTo", ByRecord("register", f"e{start}"), ByRecord("register", f"e{end}"),
        {"share": round(rng.random(), 3), "product": ByRecord("register", f"p{i // size.enterprises}")},
        Interval(START, OPEN), stub="",
    )  # fmt: skip


def load(store: SqliteStore, size: Size, batch: int = BATCH, bare: BareWrites | None = None) -> dict[str, float]:
    """Fill an empty store through the port's commit; entities and relations a second, by the clock and of processor
    time (which a busy machine disturbs less); the same for the bare writes of the same rows, in turns."""
    source = Source("register")
    clock = START
    spent = worked = written = 0.0
    rates: dict[str, float] = {}

    def commit(changes: list[Any], run: str) -> None:
        nonlocal clock, spent, worked, written
        clock += 1_000_000
        begun, cpu = time.perf_counter(), time.thread_time()
        store.commit_here(ChangeSet(tuple(changes), run=run, sources=(source,)), now=clock)
        worked += time.thread_time() - cpu
        spent += time.perf_counter() - begun
        if bare is not None:
            written += bare.replay()

    def rate(what: str, count: int) -> None:
        rates[f"{what}/s"] = count / spent
        rates[f"{what}/s of processor"] = count / worked
        if bare is not None:
            rates[f"{what}/s of processor, bare writes"] = count / written
        print(f"{what}: {count} in {spent:.0f} s", file=sys.stderr, flush=True)

    products = size.relations // size.enterprises + 1
    commit(
        [
            Put(RecordKey("register", f"p{i}"), "Product", {"name": f"产品{i}", "code": f"{1000 + i}"})
            for i in range(products)
        ],
        "p",
    )
    together = {"": 0.0, ", bare writes": 0.0}
    for version in range(3):
        spent = worked = written = 0.0
        clock += 30 * DAY
        for at in range(0, size.enterprises, batch):
            numbers = range(at, min(at + batch, size.enterprises))
            commit([firm(i, version, random.Random(i * 3 + version)) for i in numbers], f"v{version}")
        rate(f"entities of version {version + 1}", size.enterprises)
        together[""] += worked
        together[", bare writes"] += written
        if version or not size.relations:
            continue
        # Before the other versions, so that the questions as of an earlier instant find them.
        rng = random.Random(1)
        spent = worked = written = 0.0
        for at in range(0, size.relations, batch):
            commit([supply(i, size, rng) for i in range(at, min(at + batch, size.relations))], "r")
            if at // batch % 100 == 99:
                print(f"relations: {at + batch} in {spent:.0f} s", file=sys.stderr, flush=True)
        rate("relations", size.relations)
    for what, seconds in together.items():
        if seconds:
            rates[f"entities/s of processor, all versions{what}"] = 3 * size.enterprises / seconds
    return rates


# ---------------------------------------------------------------- questions


def leaf(key: str, expr: a.Expr) -> a.Field:
    return a.Field(key, a.Leaf(expr))


ID = leaf("id", a.Meta(MetaName.ID))
FIRM = a.Obj((ID, *(leaf(n, a.Prop(n)) for n in ("name", "status", "founded", "registeredCapital", "employees"))))


class Columns:
    """Column names of the file, for the hand-written statements."""

    def __init__(self, store: SqliteStore) -> None:
        layout = store._writers.layout
        live = layout.live(PARK, "version", "Enterprise")
        self.t = layout.types["Enterprise"]
        self.rel = layout.relations["suppliesTo"]
        self.of = {name: slot.column for name, slot in live.items()}
        self.share = layout.live(PARK, "edge", "suppliesTo")["share"].column

    def __getitem__(self, name: str) -> str:
        return self.of[name]


def text(pairs: dict[str, str]) -> str:
    """SQL of an object's JSON, the fast way."""
    body = " || ',".join(f'"{key}":\' || {value}' for key, value in pairs.items())
    return f"'{{{body} || '}}'"


def listed(inner: str) -> str:
    return f"(select '[' || coalesce(group_concat(j), '') || ']' from ({inner}))"


def questions(store: SqliteStore, size: Size, system: int | None) -> list[Question]:
    """At the latest commit, or at an earlier system instant."""
    c = Columns(store)
    now = START + 1500 * DAY
    time_ = a.Time(system=system)
    bindings: dict[str, Any] = {"now": now, "sys": system}

    def seen(v: str) -> str:
        known = f"{v}.st = {FAR}" if system is None else f"{v}.sf <= :sys and {v}.st > :sys"
        return f"{known} and {v}.vf <= :now and {v}.vt > :now and {v}.lf <= 3 and {v}.lt > 3"

    def quoted(v: str, *names: str) -> dict[str, str]:
        out = {"id": f"json_quote({v}.id)"} if "id" in names else {}
        for name in names:
            if name in ("registeredCapital", "employees"):
                out[name] = f"coalesce({v}.{c[name]}, 'null')"
            elif name != "id":
                out[name] = f"json_quote({v}.{c[name]})"
        return out

    fields = ("id", "name", "status", "founded", "registeredCapital", "employees")
    out: list[Question] = []

    def ask(name: str, action: a.Select | a.Aggregate, sql: str, **more: Any) -> None:
        query = a.Query((a.Root("it", action),), now, time_)
        out.append(Question(name, query, f"select '{{\"it\":' || {sql} || '}}'", {**bindings, **more}))

    # Where no index serves, a class of the past is read as a range of rows.
    all_of_class = f"v.t = {c.t}" if system is None else f"v.row >= {c.t << 40} and v.row < {(c.t + 1) << 40}"

    # Pages: one industry, by capital.
    where = a.And(
        (
            a.Cmp(Comparison.EQ, a.Prop("industry"), a.Const("C07")),
            a.Cmp(Comparison.EQ, a.Prop("status"), a.Const("active")),
        )
    )
    order = (a.Order(a.Prop("registeredCapital"), descending=True),)
    parts = a.PageOf((a.PageField("totalCount", PagePart.TOTAL), a.PageField("nodes", PagePart.NODES, obj=FIRM)))
    per_page = 50 if size.enterprises >= 20_000 else 5
    deep = per_page * 19 - 1
    match = f"from version v where v.t = {c.t} and v.{c['industry']} = 'C07' and +v.{c['status']} = 'active' and {seen('v')}"
    ranked = store_rows(store, f"select v.{c['registeredCapital']}, v.id {match} order by 1 desc, 2", {**bindings})
    total = len(ranked)
    capital, last = ranked[min(deep, total - per_page - 1)]
    for name, after in (("page 1", None), ("page 20", a.After((capital,), last))):
        beyond = ""
        if after is not None:
            beyond = "where k < :capital or k is null or (k = :capital and id > :last) "
        sql = (
            f"(with m as materialized (select v.row as r, v.{c['registeredCapital']} as k, v.id as id {match}) "
            f"select '{{\"totalCount\":' || (select count(*) from m) || ',\"nodes\":' || "
            + listed(
                f"select {text(quoted('v', *fields))} as j from (select r from m {beyond}order by k desc nulls last, id limit {per_page}) p "
                "cross join version v on v.row = p.r"
            )
            + " || '}')"
        )
        page = a.Page(per_page, after, "b")
        ask(
            f"filtered {name}",
            a.Select(a.Extent("Enterprise"), parts, where, order, page),
            sql,
            capital=capital,
            last=last,
        )

    # Three levels.
    name_share = (leaf("name", a.Prop("name")), leaf("share", a.Edge("share")))
    third = a.Select(a.Step("suppliesTo", True, "Enterprise"), a.Rows(a.Obj(name_share)), page=a.Page(5))
    second = a.Select(
        a.Step("suppliesTo", True, "Enterprise"), a.Rows(a.Obj((*name_share, a.Field("to", third)))), page=a.Page(10)
    )
    first = a.Select(
        a.Extent("Enterprise"), a.Rows(a.Obj((leaf("name", a.Prop("name")), a.Field("to", second)))),
        a.Cmp(Comparison.EQ, a.Prop("industry"), a.Const("C07")), page=a.Page(20),
    )  # fmt: skip

    def down(e: str, v: str, above: str, limit: int, inner: str) -> str:
        shown_step = (
            quoted(v, "name") | {"share": f"coalesce({e}.{c.share}, 'null')"} | ({"to": inner} if inner else {})
        )
        return listed(
            f"select {text(shown_step)} as j "
            f"from (select {v}.row as r, {e}.row as s from edge {e} cross join version {v} on {v}.entity = {e}.dst "
            f"where {e}.src = {above}.entity and {e}.rel = {c.rel} and {seen(e)} and {seen(v)} order by {v}.id, {e}.edge limit {limit}) p "
            f"cross join version {v} on {v}.row = p.r cross join edge {e} on {e}.row = p.s"
        )

    top = quoted("v", "name") | {"to": down("e1", "v1", "v", 10, down("e2", "v2", "v1", 5, ""))}
    nested = listed(
        f"select {text(top)} as j "
        f"from (select v.row as r from version v where v.t = {c.t} and v.{c['industry']} = 'C07' and {seen('v')} order by v.id limit 20) p "
        "cross join version v on v.row = p.r"
    )
    ask("three levels", first, nested)

    # Lookups.
    rng = random.Random(3)
    all_ids = [i for (i,) in store_rows(store, f"select distinct id from version where t = {c.t} order by id", {})]
    ids = tuple(rng.sample(all_ids, min(500, len(all_ids) // 2)))
    lookup = listed(
        f"select coalesce((select {text(quoted('v', *fields))} from version v where v.entity = n.key and {seen('v')} limit 1), 'null') as j "
        "from json_each(:ids) i left join entity n on n.id = i.value"
    )
    ask("500 lookups", a.Select(a.Ids("Enterprise", ids), a.Aligned(FIRM)), lookup, ids=orjson.dumps(ids).decode())

    # Groups.
    group = a.Aggregate(
        a.Extent("Enterprise"), (a.Out("industry", "group", 0), a.Out("count", "metric", 0), a.Out("capital", "metric", 1)),
        (a.Prop("industry"),), (a.Metric(MetricOp.COUNT), a.Metric(MetricOp.SUM, a.Prop("registeredCapital"))),
    )  # fmt: skip
    grouped = listed(
        "select '{\"industry\":' || json_quote(g) || ',\"count\":' || n || ',\"capital\":' || s || '}' as j from "
        f"(select v.{c['industry']} as g, count(*) as n, sum(v.{c['registeredCapital']}) as s from version v "
        f"where {all_of_class} and {seen('v')} group by 1) order by g"
    )
    ask("group by", group, grouped)

    # History of one entity.
    of_one = a.Select(
        a.Ids("Enterprise", (ids[0],)),
        a.Rows(a.Obj((leaf("employees", a.Prop("employees")), leaf("from", a.Meta(MetaName.VALID_FROM))))),
        time=a.Time(a.Range(), system),
    )
    known = f"v.st = {FAR}" if system is None else "v.sf <= :sys and v.st > :sys"
    iso = "'\"' || strftime('%Y-%m-%dT%H:%M:%SZ', v.vf / 1000000, 'unixepoch') || '\"'"
    history = listed(
        f"select {text(quoted('v', 'employees') | {'from': iso})} as j from version v "
        f"where v.entity = (select key from entity where id = :one) and {known} and v.lf <= 3 and v.lt > 3 order by v.id, v.sf, v.vf"
    )
    ask("history", of_one, history, one=ids[0])

    # Closure upstream.
    deepest = store_rows(
        store,
        f"select v.id from edge e cross join version v on v.entity = e.dst where e.rel = {c.rel} order by e.row desc limit 1",
        {},
    )[0][0]
    closure = a.Select(
        a.Walk((("suppliesTo", False),), "Enterprise", 1, 3, a.Ids("Enterprise", (deepest,))),
        a.Rows(a.Obj((ID, leaf("depth", a.Meta(MetaName.DEPTH))))),
    )
    walked = (
        "(with recursive w(node, depth) as (select key, 0 from entity where id = :deepest union select e.src, w.depth + 1 "
        f"from w cross join edge e where e.dst = w.node and e.rel = {c.rel} and {seen('e')} and w.depth < 3), "
        "l as materialized (select node, min(depth) as depth from w group by node) "
        "select '[' || coalesce(group_concat(j), '') || ']' from (select '{\"id\":' || json_quote(v.id) || ',\"depth\":' || l.depth || '}' as j "
        f"from l cross join version v on v.entity = l.node where l.depth between 1 and 3 and {seen('v')} order by v.id))"
    )
    ask("closure", closure, walked, deepest=deepest)

    # Space. The distance by hand is the same formula in SQL.
    x, y, radius = 121.4, 31.2, 2000.0 if size.enterprises >= 20_000 else 8000.0
    g = c["location"]
    half = f"sin((radians(:y) - radians(v.{g}y)) / 2.0)"
    side = f"sin(radians(:x - v.{g}x) / 2.0)"
    arc = f"{half} * {half} + cos(radians(v.{g}y)) * cos(radians(:y)) * {side} * {side}"
    metres = f"floor(2.0 * 6371008.8 * asin(sqrt(min(1.0, {arc}))) * 1000.0 + 0.5) / 1000.0"
    far = a.Calc(Op.DISTANCE, (a.Prop("location"), a.Const(x), a.Const(y)))
    placed = a.Obj((ID, leaf("name", a.Prop("name")), leaf("metres", far)))
    space = {"x": x, "y": y, "radius": radius}
    in_box = (
        f"(select row from box_{g} where west <= :x + :dx and east >= :x - :dx and south <= :y + :dy and north >= :y - :dy) d "
        "cross join version v on v.row = d.row"
    )
    shown = (
        "'{\"id\":' || json_quote(v.id) || ',\"name\":' || json_quote(v."
        + c["name"]
        + ") || ',\"metres\":' || d || '}'"
    )
    near = listed(
        f"select {shown} as j from (select v.row as r, v.id as id, {metres} as d from {in_box} where v.t = {c.t} and {seen('v')} and {metres} <= :radius) p "
        "cross join version v on v.row = p.r order by p.d, p.id"
    )
    ask(
        "near", a.Select(a.Extent("Enterprise"), a.Rows(placed), a.Near("location", x, y, radius), (a.Order(far),)),
        near, **space, dx=radius / 111_195 / 0.85 + 1e-4, dy=radius / 111_195 + 1e-4,
    )  # fmt: skip
    # Rings that double until ten are inside; then those of the last one, in order.
    ring = (
        f"box_{g} b cross join version v on v.row = b.row where west <= :x + {{r}} / 94500.0 and east >= :x - {{r}} / 94500.0 "
        f"and south <= :y + {{r}} / 111000.0 and north >= :y - {{r}} / 111000.0 and v.t = {c.t} and {seen('v')}"
    )
    inside = f"(select count(*) from (select 1 from {ring.format(r='(k.r * 2)')} and {metres} <= k.r * 2 limit 10))"
    nearest = (
        "(with recursive k(r, n) as (select 250.0, 0 union all "
        f"select k.r * 2, {inside} from k where k.n < 10 and k.r < 100000.0), f as materialized (select max(r) as r from k) "
        f"select '[' || coalesce(group_concat(j), '') || ']' from (select {shown} as j from "
        f"(select v.row as r, v.id as id, {metres} as d from f cross join {ring.format(r='f.r')} order by d, id limit 10) p "
        "cross join version v on v.row = p.r order by p.d, p.id))"
    )
    # From several places: how far the last circle reaches beyond the tenth is luck, for both.
    roots, by_hand = [], []
    for i, (east, north) in enumerate(PLACES):
        bindings |= {f"x{i}": x + east, f"y{i}": y + north}
        away = a.Calc(Op.DISTANCE, (a.Prop("location"), a.Const(x + east), a.Const(y + north)))
        listed_here = a.Rows(a.Obj((ID, leaf("name", a.Prop("name")), leaf("metres", away))))
        first_ten = a.Select(a.Extent("Enterprise"), listed_here, None, (a.Order(away),), a.Page(10))
        roots.append(a.Root(f"n{i}", first_ten))
        here = re.sub(r":([xy])\b", rf":\g<1>{i}", nearest)
        by_hand.append(f"'\"n{i}\":' || {here}")
    joined = " || ',' || ".join(by_hand)
    several = a.Query(tuple(roots), now, time_)
    out.append(Question("k-nearest of 4", several, f"select '{{' || {joined} || '}}'", {**bindings}))
    return out


def store_rows(store: SqliteStore, sql: str, bindings: dict[str, Any]) -> list[Any]:
    return list(store._reader().execute(sql, bindings))


# ---------------------------------------------------------------- measuring


def alternate(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Least seconds of each: other programs only add. They take turns, so that a busy machine meets both."""
    one: list[float] = []
    other: list[float] = []
    for _ in range(rounds):
        for function, spent in ((ours, one), (theirs, other)):
            begun = time.perf_counter()
            function()
            spent.append(time.perf_counter() - begun)
    return min(one), min(other)


def measure(store: SqliteStore, size: Size, system: int | None) -> list[dict[str, Any]]:
    db = store._reader()
    out = []
    for q in questions(store, size, system):
        runner = store._fitted()
        secured = secure(q.query, PARK, EVERYTHING)

        with snapshot(db) as at:
            plan, constants = runner.plan(at, secured)

        def ours(plan: Plan = plan, constants: tuple[Any, ...] = constants) -> bytes:
            db.execute("begin")
            found: str = db.execute(plan.sql, plan.bind(constants)).get
            db.execute("rollback")
            return found.encode()

        def whole(query: a.Query = q.query) -> bytes:
            return store.execute_here(query, EVERYTHING)

        names = [n for n in q.bindings if f":{n}" in q.sql]
        given = {n: q.bindings[n] for n in names}

        def theirs(sql: str = q.sql, given: dict[str, Any] = given) -> bytes:
            db.execute("begin")
            found: str = db.execute(sql, given).get
            db.execute("rollback")
            return found.encode()

        mine, hand = orjson.loads(ours()), orjson.loads(theirs())
        if mine != hand:
            sys.exit(f"{q.name}: the answers differ\n ours {str(mine)[:600]}\n hand {str(hand)[:600]}")
        took, by_hand = alternate(ours, theirs, size.rounds)
        took_whole, _ = alternate(whole, theirs, max(3, size.rounds // 3))
        out.append(
            {
                "question": q.name + (" as of" if system else ""), "ms": took * 1e3, "by hand ms": by_hand * 1e3,
                "ratio": took / by_hand, "whole ms": took_whole * 1e3, "bytes": len(ours()),
            }
        )  # fmt: skip
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", default=bool(os.environ.get("BENCH_SMALL")))  # noqa: TID251
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--loads", type=int, default=0, help="only commit entities, into so many new files")
    parser.add_argument("--batch", type=int, default=BATCH, help="changes a commit")
    parser.add_argument("--keep", type=Path, help="use this file, and fill it where it is not there")
    parser.add_argument("--out", type=Path, help="folder for bench_store.json")
    args = parser.parse_args()
    size = Size(2000, 20_000, 9) if args.small else Size(20_000 * args.scale, 200_000 * args.scale, 41)
    with tempfile.TemporaryDirectory() as folder:
        for number in range(args.loads):  # the figures of commits alone, for a median
            other = SqliteStore(f"sqlite:///{folder}/load{number}.db")
            asyncio.run(other.migrate(PARK))
            beside = BareWrites(other, PARK, Path(folder) / f"bare{number}.db")
            for name, found in load(other, Size(size.enterprises, 0, 0), args.batch, beside).items():
                print(f"{number + 1}. {name:52} {found:10.0f}")
            asyncio.run(other.close())
        if args.loads:
            return
        path = args.keep or Path(folder) / "bench.db"
        fresh = not path.exists()
        store = SqliteStore(f"sqlite:///{path.absolute()}")
        collect_rarely()  # as the command does
        asyncio.run(store.migrate(PARK))
        bare = BareWrites(store, PARK, Path(folder) / "bare.db") if fresh and args.scale == 1 else None
        rates = load(store, size, args.batch, bare) if fresh else {}
        for name, rate in rates.items():
            print(f"{name:55} {rate:10.0f}")
        past = START + 75 * DAY
        print(f"{'question':26} {'ms':>8} {'by hand':>8} {'ratio':>6} {'whole':>8} {'bytes':>8}")
        figures = []
        for system in (None, past):
            for f in measure(store, size, system):
                figures.append(f)
                print(
                    f"{f['question']:26} {f['ms']:8.2f} {f['by hand ms']:8.2f} {f['ratio']:6.2f} {f['whole ms']:8.2f} {f['bytes']:8}"
                )
        if args.out:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / "bench_store.json").write_bytes(
                orjson.dumps({"size": size.__dict__, "rates": rates, "figures": figures})
            )
        asyncio.run(store.close())


if __name__ == "__main__":
    main()
