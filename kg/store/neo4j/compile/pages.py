"""Selects: which rows, in which order, which of them; then their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.query import algebra as a
from kg.query.algebra import After, InfoPart, PagePart, Time
from kg.query.cursor import Token
from kg.store.neo4j.compile import claims
from kg.store.neo4j.compile.context import From, Made, instants, returned
from kg.store.neo4j.compile.drivers import drive
from kg.store.neo4j.compile.order import Sort, behind, naming, order_by, sort_of, tie_keys, tie_texts
from kg.store.neo4j.compile.shapes import columns, each, edge_obj, fixed, obj
from kg.store.neo4j.compile.sources import key_text, listed, part
from kg.store.neo4j.layout import ENTITY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kg.store.lift import Hole
    from kg.store.neo4j.compile.context import Answering, At, Reader, Row
    from kg.store.neo4j.compile.plan import Compiler


def select(c: Compiler, s: a.Select, outer: Row | None, at: At) -> Made:
    inner = c.times.inner(at, s.time)
    if isinstance(s.source, a.ClaimsOf | a.ConflictsOf):
        return claims.select(c, s, outer, inner)
    if isinstance(s.shape, a.Aligned):
        return aligned(c, s, s.shape, inner)
    found = drive(c, s.source, s.where, outer, inner, s)
    sorts = [sort_of(c, order, found.row) for order in s.order]
    ties = tie_keys(c, s, found.row)
    if isinstance(s.shape, a.PageOf):
        return page(c, s, s.shape, found, sorts, ties, outer)
    made = obj(c, s.shape.obj, found.row)
    limit = _limit(c, s.page.first)
    if isinstance(s.shape, a.One):
        limit = " LIMIT 1" if not limit else f" LIMIT {_hole_param(c, s.page.first, _at_most_one)}"
    picked = f"{_picked(c, s, found, sorts, ties)}{limit}"
    text = f"COLLECT {{ {picked} {returned(made)} }}"
    if isinstance(s.shape, a.One):
        return Made(text, _first(made.read))
    # Below a row, a subquery that aggregates nothing gives no row. A walk whose rows are gathered once more is followed
    # along every path: Neo4j prunes it only where nothing but the least depth is asked for.
    flat = columns(c, picked, made) if outer is None and not isinstance(s.source, a.Walk) else None
    return Made(text, each(made.read)) if flat is None else flat


def rows(c: Compiler, s: a.Select, shape: a.Rows, at: At) -> Made:
    """A list of the rows of the entities in PART, in no order, as `rows`."""
    found = part(c, s.source, c.times.inner(at, s.time))
    if s.where is not None:
        found.where.append(c.predicate(s.where, found.row))
    made = obj(c, shape.obj, found.row)
    return Made(f"{found.text()} {returned(made, f'collect({made.text}) AS rows')}", made.read)


def _at_most_one(first: int) -> int:
    return min(first, 1)


def _first(read: Reader) -> Reader:
    return lambda found, at: read(found[0], at) if found else None


def _limit(c: Compiler, first: Any, *, more: bool = False) -> str:
    hole: Hole = first
    if hole.kind == "NoneType":
        return ""
    return f" LIMIT {c.params.add(hole, by=_one_more if more else None)}"


def _one_more(first: int) -> int:
    return first + 1


def _hole_param(c: Compiler, hole: Any, by: Callable[..., Any]) -> str:
    return c.params.add(hole, by=by)


# ---------------------------------------------------------------- order


def _picked(c: Compiler, s: a.Select, found: From, sorts: list[Sort], ties: list[Sort]) -> str:
    """The rows in order, behind the cursor."""
    text = f"{_by_id(c, s, found, sorts).text()} {naming(sorts, ties)}"
    if s.page.after is not None:
        text += f" WITH * WHERE {behind(c, s.page.after, sorts, ties, found.row)} WITH *"
    return f"{text} ORDER BY {order_by(sorts, ties)}"


def _by_id(c: Compiler, s: a.Select, found: From, sorts: Sequence[Sort]) -> From:
    """The first rows of a whole class by id stand in the index of ids in their order. Neo4j looks there where the class
    is large enough for it. Where conditions choose among the rows it could guess badly."""
    first: Any = s.page.first
    row = found.row
    if not isinstance(s.source, a.Extent) or s.where is not None or sorts or first.kind == "NoneType":
        return found
    if not row.at.present:
        return found
    after: Any = s.page.after
    test = f"{row.alias}.id IS NOT NULL" if after is None else f"{row.alias}.id > {c.params.add(after.id)}"
    return From(f"MATCH ({row.alias}:`{ENTITY}`&{c.layout.label(s.source.cls)})", [*found.where, test], row)


# ---------------------------------------------------------------- lookups


def aligned(c: Compiler, s: a.Select, shape: a.Aligned, at: At) -> Made:
    """One object or null for each id or key, in their order."""
    if not isinstance(s.source, a.Ids | a.Keys):
        raise QueryError("Only a lookup keeps the order of what was asked", remedy="Ask by ids or by identifiers.")
    found, x = listed(c, s.source, at, aligned=True)
    asked: Any = s.source.ids if isinstance(s.source, a.Ids) else s.source.keys
    if s.where is not None:
        found.where.append(c.predicate(s.where, found.row))
    made = obj(c, shape.obj, found.row)
    # At one instant there is one version at most; a range gives the first.
    order = f" WITH * ORDER BY {', '.join(tie_texts(found.row))}" if found.row.at.ranged else ""
    # Where no id ever moved, a row that shows its id says itself what it was asked by.
    place = _id_place(shape.obj) if isinstance(s.source, a.Ids) and not c.moved else None
    pair = "" if place is not None else f"[{x}, {made.text}]"
    index = asked.index
    if place is not None:
        flat = columns(c, f"{found.text()}{order}", made)
        if flat is not None:
            return Made(flat.text, _by_column(index, place, flat.read))
    text = f"COLLECT {{ {found.text()}{order} {returned(made, pair)} }}"
    read = each(made.read)
    name = (lambda one: one) if isinstance(s.source, a.Ids) else key_text

    def answer(rows: Any, answering: Answering) -> Any:
        first_wins = rows[::-1]
        if place is None:
            keys, values = [key for key, _ in first_wins], [row for _, row in first_wins]
        else:
            keys, values = [row[place] for row in first_wins], first_wins
        by_name = dict(zip(keys, read(values, answering), strict=True))
        return [by_name.get(name(one)) for one in answering.constants[index]]

    return Made(text, answer)


def _by_column(index: int, place: int, read: Reader) -> Reader:
    def answer(found: Any, answering: Answering) -> Any:
        by_id = dict(zip(found[0][place][::-1], read(found, answering)[::-1], strict=True))  # the first one wins
        return list(map(by_id.get, answering.constants[index]))

    return answer


def _id_place(o: a.Obj) -> int | None:
    """Where among an object's values its entity's id stands, if it has a list of values."""
    if len(o.fields) < 2 or any(field.only is not None for field in o.fields):
        return None
    return next((n for n, field in enumerate(o.fields) if field.shape == a.Leaf(a.Meta(a.MetaName.ID))), None)


# ---------------------------------------------------------------- connections


_ROWS = (PagePart.NODES, PagePart.EDGES, PagePart.INFO)


def page(
    c: Compiler,
    s: a.Select,
    shape: a.PageOf,
    found: From,
    sorts: list[Sort],
    ties: list[Sort],
    outer: Row | None,
) -> Made:
    parts = {f.part for f in shape.fields}
    texts: list[Made] = []
    readers: list[Any] = []
    for field in shape.fields:
        if field.part is PagePart.NODES:
            assert field.obj is not None
            made = obj(c, field.obj, found.row)
            texts.append(made)
            readers.append(each(made.read))
        elif field.part is PagePart.EDGES:
            made, edge = edge_obj(c, field.edge, found.row)
            texts.append(made)
            readers.append(edge)
        else:
            readers.append(None)
    if not parts.intersection(_ROWS):
        return Made(f"[{_count(found)}, null]", _page_reader(s, shape, readers, None, 0))
    values = [made.text for made in texts]
    cursor = _cursor(s, found.row, len(sorts)) if _has_cursors(shape) else None
    if cursor is not None:
        keys = ", ".join([*(one.text for one in sorts), *(t.text for t in ties)])
        values.insert(0, f"[{keys}]")
    bare = len(values) == 1 and cursor is None  # order keys alone, for the ends of a page, stand in a list all the same
    read = _page_reader(s, shape, readers, cursor, 1 if bare else 1 + len(values))
    value = values[0] if bare else f"[{', '.join(values)}]"
    row = Made(value, ahead=tuple(item for made in texts for item in made.ahead))
    more = PagePart.INFO in parts
    if PagePart.TOTAL in parts and s.where is not None and s.page.after is None:
        text = _counted_page(c, s, found, sorts, ties, row, outer, more=more)
        return Made(text, lambda rows, at: read(_only(rows), at))
    rows = f"COLLECT {{ {_picked(c, s, found, sorts, ties)}{_limit(c, s.page.first, more=more)} {returned(row)} }}"
    return Made(f"[{_count(found) if PagePart.TOTAL in parts else 'null'}, {rows}]", read)


def _has_cursors(shape: a.PageOf) -> bool:
    ends = (InfoPart.START, InfoPart.END)
    return any(
        any(isinstance(one.shape, a.Cursor) for one in f.edge) or any(part in ends for _, part in f.info)
        for f in shape.fields
    )


def _count(found: From) -> str:
    return f"COUNT {{ {found.text()} RETURN 1 AS one }}"


def _only(rows: Any) -> Any:
    """Neo4j gives no row for a COLLECT that aggregates nothing below another row."""
    return rows[0] if rows else [0, []]


def _counted_page(
    c: Compiler,
    s: a.Select,
    found: From,
    sorts: list[Sort],
    ties: list[Sort],
    values: Made,
    outer: Row | None,
    *,
    more: bool,
) -> str:
    """Total and page in one pass: conditions may cost more than sorting all that satisfy them."""
    # What is of the row around is known throughout, and may not be named again.
    around = {} if outer is None else _variables(outer)
    names = [name for name in _variables(found.row) if name not in around]
    whole, one, rows = (c.names.fresh("x") for _ in range(3))
    single = len(names) == 1
    packed = names[0] if single else f"[{', '.join(names)}]"
    unpacked = ", ".join(f"{one}[{i}] AS {name}" for i, name in enumerate(names))
    first: Any = s.page.first
    if first.kind == "NoneType" and single and not values.ahead and "{" not in values.text:
        # No subquery in it: no clauses are needed.
        listed = f"[{packed} IN {whole} | {values.text}]"
        picked = _picked(c, s, found, sorts, ties)
        return f"COLLECT {{ {picked} WITH collect({packed}) AS {whole} RETURN [size({whole}), {listed}] }}"
    gathered, some, least, limit = f"WITH collect({packed}) AS {whole}", whole, "", _limit(c, first, more=more)
    if limit and sorts and sorts[0].number:
        gathered, least = _bounded(c, sorts[0], gathered, whole, limit)
        some = f"CASE WHEN {least} IS NULL THEN {whole} ELSE "
        some += f"[{packed} IN {whole} WHERE {_reaches(sorts[0], least)}] END"
    if single:
        again = f"UNWIND {some} AS {packed}"
    else:
        tests = f" WHERE {least} IS NULL OR {_reaches(sorts[0], least)}" if least else ""
        again = f"UNWIND {whole} AS {one} WITH {unpacked}{tests}"
    return (
        f"COLLECT {{ {found.text()} {gathered} WITH {whole}, COLLECT {{ {again} {naming(sorts, ties)} "
        f"ORDER BY {order_by(sorts, ties)}{limit} {returned(values)} }} AS {rows} RETURN [size({whole}), {rows}] }}"
    )


def _bounded(c: Compiler, sort: Sort, gathered: str, whole: str, limit: str) -> tuple[str, str]:
    """The clause that gathers rows, and one behind it that names the first key of the last row that is shown: null
    where that row has none. Keys are numbers, and cheaper to read and sort than the ids that decide ties."""
    keys, key, least = (c.names.fresh("x") for _ in range(3))
    order = f"{key} DESC" if sort.descending else key
    last = limit.removeprefix(" LIMIT ")
    ordered = f"COLLECT {{ UNWIND {keys} AS {key} WITH {key} ORDER BY {order}{limit} RETURN {key} }}"
    # collect() leaves nulls out, which come last.
    return f"{gathered}, collect({sort.key}) AS {keys} WITH {whole}, {ordered}[{last} - 1] AS {least}", least


def _reaches(sort: Sort, least: str) -> str:
    return f"{sort.key} {'>=' if sort.descending else '<='} {least}"


def _variables(row: Row) -> dict[str, None]:
    """Each once, in order."""
    return dict.fromkeys(name for name in (row.alias, row.node, row.edge, row.walk, row.rank) if name)


def _page_reader(s: a.Select, shape: a.PageOf, readers: list[Any], cursor: Reader | None, width: int) -> Reader:
    """`width`: how many values a row is a list of, its order keys first where there are cursors; 1: of no list."""
    first: Any = s.page.first
    size = None if first.kind == "NoneType" else first.index
    places = [n for n, field in enumerate(shape.fields) if field.part in (PagePart.NODES, PagePart.EDGES)]
    ahead = 0 if cursor is None else 1
    fields = [
        (field, readers[n], places.index(n) + ahead if n in places else 0) for n, field in enumerate(shape.fields)
    ]

    def read(found: Any, at: Answering) -> Any:
        total, rows = found
        rows = rows or []
        shown = rows if size is None else rows[: at.constants[size]]
        out: dict[str, Any] = {}
        for field, reader, place in fields:
            match field.part:
                case PagePart.TOTAL:
                    out[field.key] = total
                case PagePart.NODES | PagePart.EDGES:
                    values = shown if width == 1 else [row[place] for row in shown]
                    if field.part is PagePart.NODES:
                        out[field.key] = reader(values, at)
                    else:
                        keys = shown if cursor is None else [row[0] for row in shown]
                        out[field.key] = [
                            _edge(reader, own, value, cursor, at) for own, value in zip(keys, values, strict=True)
                        ]
                case PagePart.INFO:
                    out[field.key] = {
                        key: _info(part, s, shown, cursor, at, more=len(rows) > len(shown)) for key, part in field.info
                    }
                case _:
                    out[field.key] = field.typename
        return out

    return read


def _edge(
    readers: list[tuple[str, Reader | None]], keys: Any, values: Any, cursor: Reader | None, at: Answering
) -> Any:
    return {
        key: (cursor(keys, at) if cursor else None) if read is None else read(value, at)
        for (key, read), value in zip(readers, values, strict=True)
    }


def _info(part: InfoPart | a.Fixed, s: a.Select, rows: Any, cursor: Reader | None, at: Answering, *, more: bool) -> Any:
    match part:
        case a.Fixed(value):
            return fixed(value).read(None, at)
        case InfoPart.HAS_NEXT:
            return more
        case InfoPart.HAS_PREVIOUS:
            return s.page.after is not None
        case InfoPart.START:
            return cursor(rows[0][0], at) if rows and cursor else None
        case InfoPart.END:
            return cursor(rows[-1][0], at) if rows and cursor else None


def _cursor(s: a.Select, row: Row, values: int) -> Reader:
    """Of the values of a row's order keys and ties."""
    binding: Any = s.page.binding
    edge, ranged, at = bool(row.edge), row.at.ranged, row.at

    def read(keys: Any, answering: Answering) -> str:
        rest = keys[values:]
        after = After(
            tuple(keys[:values]), rest[0], rest[-3] if ranged else None, rest[-2] if ranged else None,
            rest[1] if edge else "",
        )  # fmt: skip
        held = answering.constants
        time = Time(instants(at.valid_holes, held), instants(at.system_holes, held))
        return answering.codec.encode(Token(time, after), held[binding.index])

    return read
