# ruff: noqa: S608 - names come from the layout and the Schema, values are parameters
"""Selects: which rows, in which order, which of them; then their JSON.

Rows are picked by their keys alone and rendered afterwards, so that what is sorted or skipped is never rendered.
Where a page and its total are asked together, one materialised CTE holds the rows that match.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kg.errors import QueryError
from kg.query import algebra as a
from kg.query.algebra import InfoPart, PagePart
from kg.schema.types import Datatype
from kg.store.sqlite.compile.claims import claim_ties, conflict_ties
from kg.store.sqlite.compile.context import conditions, quoted
from kg.store.sqlite.compile.drivers import drive
from kg.store.sqlite.compile.expressions import expression
from kg.store.sqlite.compile.shapes import concatenated, edge_obj, fixed_text, obj, text_of_key
from kg.store.sqlite.compile.sources import source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from kg.store.lift import Hole
    from kg.store.sqlite.compile.context import At, From, Row
    from kg.store.sqlite.compile.plan import Compiler


@dataclass(frozen=True, slots=True)
class Sort:
    """One order key: SQL over the row, the column's name where rows are materialised, the direction."""

    sql: str
    name: str
    descending: bool
    nulls: bool = True
    boolean: bool = False


def select(c: Compiler, s: a.Select, outer: Row | None, at: At) -> str:
    """SQL of the select's JSON text."""
    inner = c.times.inner(at, s.time)
    if isinstance(s.shape, a.Aligned):
        return c.aligned(s, s.shape, outer, inner)
    found = source(c, s.source, outer, inner)
    found = drive(c, found, s.source, s.where, s)
    sorts = order_keys(c, s, found)
    if isinstance(s.shape, a.PageOf):
        return page(c, s, s.shape, found, sorts)
    return listed(c, s, s.shape, found, sorts)


def rows_statement(c: Compiler, s: a.Select, shape: a.Rows, at: At) -> str:
    """The statement behind a list, a row each."""
    found = source(c, s.source, None, c.times.inner(at, s.time))
    found = drive(c, found, s.source, s.where, s)
    return _listing(c, s, shape, found, order_keys(c, s, found))


# ---------------------------------------------------------------- order


def order_keys(c: Compiler, s: a.Select, found: From) -> list[Sort]:
    """The order asked for, then what makes it total."""
    row = found.row
    out: list[Sort] = []
    for i, order in enumerate(s.order):
        ex = expression(c, order.expr, row)
        # A many-valued property orders by nothing.
        sql = "null" if ex.many else ex.sql
        out.append(Sort(sql, f"k{i}", order.descending, boolean=ex.datatype is Datatype.BOOLEAN))
    out += ties(found)
    return out


def ties(found: From) -> list[Sort]:
    """What makes the order total. A name is the role that `After` has for it."""
    row = found.row
    if row.conflict:
        return [_tie(sql, role) for role, sql in conflict_ties(row)]
    if row.claim:
        return [_tie(sql, role) for role, sql in claim_ties(row)]
    out = [_tie(f"{row.alias}.id", "id")]
    if row.edge:
        out.append(_tie(f"{row.edge}.edge", "edge"))
    if row.at.ranged:
        out += [_tie(f"{row.alias}.sf", "sf"), _tie(f"{row.alias}.vf", "vf"), _tie(f"{row.alias}.lf", "level")]
    return out


def _tie(sql: str, role: str) -> Sort:
    return Sort(sql, role, descending=False, nulls=False)


def order_by(sorts: Sequence[Sort], *, names: bool = False, back: bool = False) -> str:
    """`names`: by the columns of a CTE. `back`: from the last row to the first."""
    parts = []
    for s in sorts:
        if s.sql == "null":
            continue
        direction = " desc" if s.descending is not back else ""
        nulls = f" nulls {'first' if back else 'last'}" if s.nulls else ""
        parts.append(f"{s.name if names else s.sql}{direction}{nulls}")
    return ", ".join(parts)


def after_test(c: Compiler, after: a.After, sorts: Sequence[Sort], *, names: bool) -> str:
    """The row comes behind the one that `after` describes."""
    keys = [s for s in sorts if s.nulls]
    rest = [s for s in sorts if not s.nulls]
    bounds: list[Hole | None] = [_hole(v) for v in after.values]
    if len(bounds) != len(keys):
        raise QueryError("The cursor has other order values than the query", remedy="Start again from the first page.")
    tail: dict[str, object] = {"id": after.id, "sf": after.system_from, "vf": after.valid_from, "edge": after.edge}
    parts = [*zip(keys, bounds, strict=True)]
    parts += [(s, _hole(tail[s.name])) for s in rest if s.name in tail and _hole(tail[s.name]) is not None]
    test = "0"
    for s, bound in reversed(parts):
        column = s.name if names else s.sql
        if bound is None:
            test = f"({column} is null and {test})"
            continue
        value = c.params.add(bound)
        beyond = f"{column} {'<' if s.descending else '>'} {value}"
        if s.nulls:
            beyond = f"{beyond} or {column} is null"
        test = f"({beyond})" if test == "0" else f"({beyond} or ({column} = {value} and {test}))"
    return test


def _hole(value: object) -> Hole | None:
    hole: Hole = value  # type: ignore[assignment]
    return None if hole.kind == "NoneType" else hole


# ---------------------------------------------------------------- lists


def again(found: From, alias: str) -> tuple[str, Row]:
    """FROM that finds picked rows again by their keys, and the row to render."""
    row = found.row
    if row.claim:  # the version is the enclosing row's
        tables = [f"cross join claim {row.claim} on {row.claim}.row = {alias}.r0"]
        if row.conflict:
            row = replace(row, conflict=alias)
        return " ".join(tables), row
    tables = [f"cross join version {row.alias} on {row.alias}.row = {alias}.r0"]
    if row.edge:
        tables.append(f"cross join edge {row.edge} on {row.edge}.row = {alias}.r1")
    if row.walk:
        row = replace(row, walk=replace(row.walk, depth=f"{alias}.depth"))
    return " ".join(tables), row


def picked(found: From) -> str:
    """The columns that `again` needs."""
    if found.row.claim:
        kept = [f"{found.row.conflict}.{n} as {n}" for n in ("key", "value", "chosen")] if found.row.conflict else []
        return ", ".join([f"{found.row.claim}.row as r0", *kept])
    out = [f"{key} as r{i}" for i, key in enumerate(found.keys)]
    if found.row.walk:
        out.append(f"{found.row.walk.depth} as depth")
    return ", ".join(out)


def _picked_names(found: From) -> list[str]:
    """The names that `picked` gives."""
    return [part.rpartition(" as ")[2] for part in picked(found).split(", ")]


def limit_of(s: a.Select) -> Hole | None:
    return _hole(s.page.first)


def listed(c: Compiler, s: a.Select, shape: a.Rows | a.One, found: From, sorts: list[Sort]) -> str:
    body = _listing(c, s, shape, found, sorts)
    if isinstance(shape, a.One):
        return f"coalesce(({body}), 'null')"
    return f"(select '[' || coalesce(group_concat(j), '') || ']' from ({body}))"


def _listing(c: Compiler, s: a.Select, shape: a.Rows | a.One, found: From, sorts: list[Sort]) -> str:
    """A select of the rows' JSON as `j`, in order."""
    where = list(found.where)
    if s.page.after is not None:
        where.append(after_test(c, s.page.after, sorts, names=False))
    with_ = c.with_clause(found)
    first = limit_of(s)
    limit = c.params.add(first) if first else ""
    if isinstance(shape, a.One):
        limit = f"min({limit}, 1)" if limit else "1"
    tail = f"from {found.tables} where {conditions(where)} order by {order_by(sorts)}"
    if not limit:
        return f"{with_}select {obj(c, shape.obj, found.row)} as j {tail}"
    p = c.names.fresh("p")
    tables, row = again(found, p)
    return (
        f"{with_}select {obj(c, shape.obj, row)} as j from (select {picked(found)} {tail} limit {limit}) {p} {tables}"
    )


# ---------------------------------------------------------------- connections


_READ_KEYS = (PagePart.EDGES, PagePart.INFO)  # they may show cursors
_READ_ROWS = (PagePart.NODES, PagePart.EDGES, PagePart.INFO)


def page(c: Compiler, s: a.Select, shape: a.PageOf, found: From, sorts: list[Sort]) -> str:
    parts = {f.part for f in shape.fields}
    total = PagePart.TOTAL in parts
    rows = bool(parts & {PagePart.NODES, PagePart.EDGES, PagePart.INFO})
    with_ = list(found.ctes)
    base = f"from {found.tables} where {conditions(found.where)}"
    first = limit_of(s)
    n = c.params.add(first) if first else ""
    p = c.names.fresh("p")
    count = ""
    if total and not rows:
        count = f"(select count(*) {base})"
    elif total and s.where is None and isinstance(s.source, a.Extent) and s.page.after is None:
        # Both come from indexes then; a CTE would write down the whole class.
        count = f"(select count(*) {base})"
    elif total:
        m = c.names.fresh("m")
        columns = ", ".join([picked(found), *(f"{x.sql} as {x.name}" for x in sorts)])
        with_.append(f"{m} as materialized (select {columns} {base})")
        count = f"(select count(*) from {m})"
        base = f"from {m} where 1"
    if rows:
        in_cte = total and not count.endswith(f"{base})")
        pick = _pick(c, s, found, sorts, base, first, parts, named=in_cte)
        if sum(f.part in _READ_ROWS for f in shape.fields) == 1 and PagePart.INFO not in parts:
            p, n = f"({pick})", ""  # read once: where it stands
        else:
            with_.append(f"{p} as materialized ({pick})")
    fields = [_page_field(c, s, f, found, sorts, p, n, count) for f in shape.fields]
    body = concatenated(["'{'", *_joined(fields), "'}'"])
    recursive = "recursive " if found.recursive else ""
    return f"(with {recursive}{', '.join(with_)} select {body})" if with_ else f"(select {body})"


def _joined(fields: list[list[str]]) -> list[str]:
    out: list[str] = []
    for i, field in enumerate(fields):
        out += [*(["','"] if i else []), *field]
    return out


def _pick(
    c: Compiler,
    s: a.Select,
    found: From,
    sorts: list[Sort],
    base: str,
    first: Hole | None,
    parts: AbstractSet[object],
    *,
    named: bool,
) -> str:
    """The page's rows, one more where a next page is asked about."""
    columns = (
        ", ".join(_picked_names(found))
        if named and parts.isdisjoint(_READ_KEYS)
        else "*"
        if named
        else ", ".join([picked(found), *(f"{x.sql} as {x.name}" for x in sorts)])
    )
    if s.page.after is not None:
        base += f" and {after_test(c, s.page.after, sorts, names=named)}"
    limit = ""
    if first is not None:
        n = c.params.add(first)
        limit = f" limit {n} + 1" if PagePart.INFO in parts else f" limit {n}"
    return f"select {columns} {base} order by {order_by(sorts, names=named)}{limit}"


def _page_field(
    c: Compiler, s: a.Select, field: a.PageField, found: From, sorts: list[Sort], p: str, n: str, count: str
) -> list[str]:
    key = text_of_key(field.key)
    match field.part:
        case PagePart.TOTAL:
            return [key, count]
        case PagePart.NODES:
            assert field.obj is not None
            shown = field.obj
            return [key, _rendered(p, n, found, lambda row: obj(c, shown, row))]
        case PagePart.EDGES:
            return [
                key,
                _rendered(
                    p, n, found, lambda row: edge_obj(c, field.edge, row, _cursor(c, s, found.row.at, sorts, "p"))
                ),
            ]
        case PagePart.INFO:
            return [key, *_info(c, s, field, found.row.at, sorts, p, n)]
        case _:
            return [key, quoted(fixed_text(field.typename))]


def _rendered(p: str, n: str, found: From, render: object) -> str:
    tables, row = again(found, "p")
    limited = f"(select * from {p} limit {n}) p" if n else f"{p} p"
    body = render(row)  # type: ignore[operator]
    return f"(select '[' || coalesce(group_concat(j), '') || ']' from (select {body} as j from {limited} {tables}))"


def _cursor(c: Compiler, s: a.Select, at: At, sorts: list[Sort], alias: str) -> str:
    binding: Hole = s.page.binding  # type: ignore[assignment]
    return c.cursor(c.params.add(binding), at, sorts, alias)


def _info(c: Compiler, s: a.Select, field: a.PageField, at: At, sorts: list[Sort], p: str, n: str) -> list[str]:
    out: list[list[str]] = []
    for key, part in field.info:
        name = text_of_key(key)
        if isinstance(part, a.Fixed):
            out.append([name, c.fixed(part)])
            continue
        match part:
            case InfoPart.HAS_NEXT:
                more = f"iif((select count(*) from {p}) > {n}, 'true', 'false')" if n else "'false'"
                out.append([name, more])
            case InfoPart.HAS_PREVIOUS:
                out.append([name, "'true'" if s.page.after is not None else "'false'"])
            case InfoPart.START:
                limited = f"(select * from {p} limit min({n}, 1))" if n else f"(select * from {p} limit 1)"
                out.append([name, f"coalesce((select {_cursor(c, s, at, sorts, 'q')} from {limited} q), 'null')"])
            case InfoPart.END:
                # From the other end: SQLite reads no outer row in LIMIT and OFFSET.
                limited = f"(select * from {p}{f' limit {n}' if n else ''})"
                rows = f"{limited} q order by {order_by(sorts, names=True, back=True)}"
                out.append([name, f"coalesce((select {_cursor(c, s, at, sorts, 'q')} from {rows} limit 1), 'null')"])
    return ["'{'", *_joined(out), "'}'"]
