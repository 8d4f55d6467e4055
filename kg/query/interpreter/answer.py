"""From a Query to the answer as plain Python lists and dicts."""

from __future__ import annotations

from dataclasses import replace
from functools import cmp_to_key
from typing import TYPE_CHECKING, Any

from kg.errors import QueryError
from kg.query.algebra import (
    After,
    Aggregate,
    Aligned,
    ConflictsOf,
    Cursor,
    Fixed,
    Ids,
    InfoPart,
    Join,
    Keys,
    Leaf,
    Obj,
    One,
    PageOf,
    PagePart,
    Rows,
    Select,
    Time,
    Trail,
)
from kg.query.cursor import Token
from kg.query.interpreter.aggregation import aggregated
from kg.query.interpreter.matching import aligned_ids, holds, rows
from kg.query.interpreter.rows import Row, leaf, value
from kg.query.interpreter.world import At, World
from kg.query.values import order_key
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kg.model.rows import VersionRow
    from kg.query.algebra import EdgeField, Field, Order, PageField, Query, Scalar
    from kg.query.cursor import CursorCodec
    from kg.query.interpreter.world import Tables
    from kg.schema.types import Schema


class Interpreter:
    """Runs secured queries over the rows of a store.

    `clock_system` is the latest commit's system instant, 0 in an empty store.
    """

    def __init__(self, schema: Schema, tables: Tables, codec: CursorCodec, clock_system: int) -> None:
        self.world = World(schema, tables, clock_system)
        self.codec = codec

    def run(self, query: Query) -> dict[str, Any]:
        """The answer, one key a root, in values that `orjson.dumps` takes.

        QueryError for a query that is not yet secured (which checks it, too).
        """
        if not query.secured:
            raise QueryError("The query was not secured", remedy="Pass it through kg.query.secure.secure with a Scope.")
        latest = self.world.latest
        at = At(query.now, latest, query.level, latest).under(query.time)
        return {root.key: self._action(root.action, None, at) for root in query.roots}

    def below(self, action: Select | Aggregate, version: VersionRow, at: At) -> Any:
        """What an action below the row of a version gives, at its own instants."""
        bare = replace(action, time=Time())
        return self._action(bare, Row(at, version), at)

    def _action(self, action: Select | Aggregate | Fixed, outer: Row | None, at: At) -> Any:
        if isinstance(action, Fixed):
            return action.value
        at = at.under(action.time)
        if isinstance(action, Aggregate):
            found = [r for r in rows(self.world, action.source, outer, at) if holds(self.world, action.where, r)]
            return aggregated(self.world, action, found)
        return self._select(action, outer, at)

    # ------------------------------------------------------------ selects

    def _select(self, select: Select, outer: Row | None, at: At) -> Any:
        found = [r for r in rows(self.world, select.source, outer, at) if holds(self.world, select.where, r)]
        if isinstance(select.shape, Aligned):
            return self._aligned(select.source, select.shape, found, at)
        ordered = self._ordered(found, select)
        behind = self._behind(ordered, select)
        first = select.page.first
        page = behind if first is None else behind[:first]
        match select.shape:
            case Rows(obj):
                return [self._obj(obj, row) for row in page]
            case One(obj):
                return self._obj(obj, page[0]) if page else None
            case PageOf(fields):
                more = len(behind) > len(page)
                return {f.key: self._part(f, select, ordered, page, more) for f in fields}

    def _aligned(self, source: object, shape: Aligned, found: list[Row], at: At) -> list[Any]:
        assert isinstance(source, (Ids, Keys)), "Aligned stands over Ids and Keys"
        by_id = {row.id: row for row in found}
        answering = [by_id.get(id_) if id_ is not None else None for id_ in aligned_ids(self.world, source, at)]
        return [None if row is None else self._obj(shape.obj, row) for row in answering]

    def _values(self, row: Row, order: Sequence[Order]) -> tuple[Scalar, ...]:
        found = (value(self.world, item.expr, row) for item in order)
        return tuple(None if isinstance(one, tuple) else one for one in found)

    def _ordered(self, found: list[Row], select: Select) -> list[Row]:
        if isinstance(select.source, ConflictsOf) and not select.order:
            return sorted(found, key=_conflict_key)
        keyed = [(self._values(row, select.order), row.ties, row) for row in found]

        def compared(a: tuple[Any, ...], b: tuple[Any, ...]) -> int:
            return _compared(a[0], a[1], b[0], b[1], select.order)

        return [row for _, _, row in sorted(keyed, key=cmp_to_key(compared))]

    def _behind(self, ordered: list[Row], select: Select) -> list[Row]:
        """The rows after the cursor."""
        after = select.page.after
        if after is None:
            return ordered
        ties = after.id, after.edge, after.system_from or 0, after.valid_from or 0
        return [
            row
            for row in ordered
            if _compared(after.values, ties, self._values(row, select.order), row.ties, select.order) < 0
        ]

    # ------------------------------------------------------------ pages

    def _part(self, field: PageField, select: Select, ordered: list[Row], page: list[Row], more: bool) -> Any:
        match field.part:
            case PagePart.NODES:
                assert field.obj is not None
                return [self._obj(field.obj, row) for row in page]
            case PagePart.EDGES:
                return [{e.key: self._edge(e, select, row) for e in field.edge} for row in page]
            case PagePart.TOTAL:
                return len(ordered)
            case PagePart.INFO:
                return {key: self._info(part, select, page, more) for key, part in field.info}
        return field.typename

    def _info(self, part: InfoPart | Fixed, select: Select, page: list[Row], more: bool) -> Any:
        match part:
            case Fixed(found):
                return found
            case InfoPart.HAS_NEXT:
                return more
            case InfoPart.HAS_PREVIOUS:
                return select.page.after is not None
            case InfoPart.START:
                return self._cursor(select, page[0]) if page else None
            case InfoPart.END:
                return self._cursor(select, page[-1]) if page else None

    def _edge(self, field: EdgeField, select: Select, row: Row) -> Any:
        if isinstance(field.shape, Cursor):
            return self._cursor(select, row)
        return self._shape(field.shape, row)

    def _cursor(self, select: Select, row: Row) -> str:
        id_, edge, system_from, valid_from = row.ties
        ranged = row.at.ranged
        after = After(
            self._values(row, select.order), id_, system_from if ranged else None, valid_from if ranged else None, edge
        )
        return self.codec.encode(Token(Time(row.at.valid, row.at.system), after), select.page.binding)

    # ------------------------------------------------------------ objects

    def _obj(self, obj: Obj, row: Row) -> dict[str, Any]:
        return {field.key: self._field(field, row) for field in obj.fields if stands(field, row)}

    def _field(self, field: Field, row: Row) -> Any:
        if isinstance(field.shape, (Select, Aggregate)):
            return self._action(field.shape, row, row.at)
        return self._shape(field.shape, row)

    def _shape(self, shape: Leaf | Fixed | Obj | Join | Trail, row: Row) -> Any:
        match shape:
            case Fixed(found):
                return found
            case Leaf(expr):
                return leaf(self.world, expr, row)
            case Obj():
                return self._obj(shape, row)
            case Join():
                return self._joined(shape, row)
            case Trail(obj):
                return self._trail(obj, row)

    def _joined(self, join: Join, row: Row) -> Any:
        held = row.edge.properties.get(join.name) if row.edge else None
        if not isinstance(held, str):
            return None
        for version in self.world.versions(self.world.survivor(held, row.at), join.cls, row.at):
            found = Row(row.at, version)
            if holds(self.world, join.where, found):
                return self._obj(join.obj, found)
        return None

    def _trail(self, obj: Obj, row: Row) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for position, entity in enumerate(row.path):
            for version in self.world.versions(entity, ROOT_CLASS, row.at):
                passed = replace(
                    row,
                    version=version,
                    edge=None,
                    depth=position,
                    path=row.path[: position + 1],
                    via=row.via[:position],
                )
                out.append(self._obj(obj, passed))
        return out


def stands(field: Field, row: Row) -> bool:
    """Whether a key stands in the object of this row."""
    return field.only is None or row.cls in field.only


def _conflict_key(row: Row) -> tuple[str, str, str, int]:
    assert row.conflict is not None
    assert row.claim is not None
    return row.conflict.property, row.claim.source, row.claim.local, row.claim.level


def _compared(
    values: tuple[Any, ...],
    ties: tuple[Any, ...],
    other: tuple[Any, ...],
    others: tuple[Any, ...],
    order: Sequence[Order],
) -> int:
    """-1, 0 or 1: by the order values, nulls last either way, then by the ties."""
    for item, left, right in zip(order, values, other, strict=True):
        a, b = order_key(left), order_key(right)
        if a == b:
            continue
        if a is None or b is None:
            return 1 if a is None else -1
        return (-1 if a < b else 1) * (-1 if item.descending else 1)
    return (ties > others) - (ties < others)
