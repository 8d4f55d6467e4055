"""Any answer as a table: the Query says what each value is, so labels, units and links follow from the ontology."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from api.page.origins import EDGE_KEY, ID_KEY, SOURCES_KEY
from api.page.voice import NOTHING
from kg.query.algebra import (
    Aggregate,
    Cmp,
    Comparison,
    Edge,
    Join,
    Leaf,
    Meta,
    MetaName,
    Obj,
    PageOf,
    PagePart,
    Prop,
    Select,
    Trail,
)
from kg.query.contexts import context, of_class
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from api.page.moment import Moment
    from api.page.naming import Naming
    from kg.query.algebra import Out, Predicate
    from kg.query.contexts import RowContext


@dataclass(frozen=True, slots=True)
class Item:
    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """`kind`: "number" and "date" stand in a line, the former to the right."""

    items: tuple[Item, ...]
    kind: str = ""
    span: int = 1


@dataclass(frozen=True, slots=True)
class Column:
    label: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` hold None where a cell above spans. `facts`: what is said once, before the rows.

    `total`: how many there are, None where it was not asked; `cut`: the page size, where a list was as long as that
    and its whole length is unknown.
    """

    facts: tuple[tuple[str, Cell], ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | None, ...], ...]
    shown: int
    total: int | None = None
    cut: int | None = None


@dataclass(frozen=True, slots=True)
class _Leaf:
    """`path`: from the row's object to the value; `home`: to the object of the entity that the value names."""

    path: tuple[str, ...]
    column: Column
    show: Callable[[Any], str]
    prop: str = ""  # for the source of its value
    home: tuple[str, ...] | None = None
    about: tuple[str, ...] | None = None  # of a conflict's value: to the name of its property


@dataclass(frozen=True, slots=True)
class _List:
    path: tuple[str, ...]
    label: str
    plan: _Plan
    total: tuple[str, ...] | None = None
    first: int | None = None
    figures: bool = False


_Plan: TypeAlias = "tuple[_Leaf | _List, ...]"
_EMPTY: Final = Cell((Item(NOTHING),))
_ENTITIES: Final = frozenset({"entity", "relation", "walk", "match"})


def _dig(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if value is None:
            return None
        value = value.get(key)
    return value


@dataclass(slots=True)
class Tabler:
    """Makes tables of answers; `sources` are those of all values that it showed."""

    naming: Naming
    moment: Moment
    sources: set[str] = field(default_factory=set)
    cut: int | None = None

    def table(self, action: Select | Aggregate, answer: Any) -> Table:
        """`answer`: what stands under the root's key."""
        whole = self._list((), action, self.naming.of(action), root=True)
        self.cut = None
        value = _dig(answer, whole.path) if not isinstance(answer, list) else answer
        rows = value if isinstance(value, list) else [] if value is None else [value]
        facts: tuple[tuple[str, Cell], ...] = ()
        plan, total = whole.plan, _dig(answer, whole.total) if whole.total else None
        self._note_cut(whole, rows, total)
        inner = _expanded(plan)
        if len(rows) == 1 and inner is not None:
            facts = tuple(
                (part.column.label if isinstance(part, _Leaf) else part.label, self._cell(part, rows[0]))
                for part in plan if part is not inner
            )  # fmt: skip
            total = _dig(rows[0], inner.total) if inner.total else None
            plan, rows = inner.plan, _dig(rows[0], inner.path) or []
            self._note_cut(inner, rows, total)
        elif len(rows) == 1 and not plan_has_lists(plan):
            facts = tuple((part.column.label, self._cell(part, rows[0])) for part in plan if isinstance(part, _Leaf))
            return Table(facts, (), (), 1, total, self.cut)
        made = tuple(tuple(line) for row in rows for line in self._lines(plan, row))
        return Table(facts, tuple(_columns(plan)), made, len(rows), total, self.cut)

    # ------------------------------------------------------------ plans

    def _list(self, path: tuple[str, ...], action: Select | Aggregate, label: str, *, root: bool = False) -> _List:
        if isinstance(action, Aggregate):
            ctx = context(self.naming.schema, action.source)
            return _List(path, label, tuple(self._outs(action.out, action, ctx, ())), None, action.first, figures=True)
        ctx = context(self.naming.schema, action.source)
        shape = action.shape
        if not isinstance(shape, PageOf):
            return _List(path, label, tuple(self._obj(shape.obj, ctx, (), label)), None, action.page.first)
        plan: list[_Leaf | _List] = []
        at, total = path, None
        for part in shape.fields:
            if part.part == PagePart.NODES and part.obj is not None and not plan:
                at, plan = (*path, part.key), list(self._obj(part.obj, ctx, (), label))
            elif part.part == PagePart.EDGES and not plan:
                at = (*path, part.key)
                for item in part.edge:
                    plan += self._shape(item.key, item.shape, ctx, (), label)
                # Whom a row is about stands before what is said of the relation.
                plan.sort(key=lambda one: isinstance(one, _List) or one.home is None)
            elif part.part == PagePart.TOTAL:
                total = (*path, part.key)
        if not plan and total is not None:
            count = _Leaf(
                total[len(path) :],
                Column(label if not root else self.naming.voice("count"), "number"),
                self.naming.count,
            )
            return _List(path, label, (count,))
        # One entity that is named by its id is never cut.
        first = None if _names_one(action.where) else action.page.first
        return _List(at, label, tuple(plan), total, first)

    def _obj(self, obj: Obj, ctx: RowContext, path: tuple[str, ...], label: str) -> Iterator[_Leaf | _List]:
        named = next((f.key for f in obj.fields if isinstance(f.shape, Leaf) and f.shape.expr == Prop("name")), None)
        first = next((f.key for f in obj.fields if isinstance(f.shape, Leaf) and isinstance(f.shape.expr, Prop)), None)
        about = next((f.key for f in obj.fields if f.shape == Leaf(Meta(MetaName.PROPERTY))), None)
        seen: set[str] = set()
        for part in obj.fields:
            if part.key in seen or part.key.startswith(" "):
                continue
            seen.add(part.key)
            here = ctx.narrowed(part.only)
            for made in self._shape(part.key, part.shape, here, path, label):
                if isinstance(made, _Leaf) and part.shape == Leaf(Meta(MetaName.VALUE)) and about:
                    yield replace(made, about=(*path, about))
                elif isinstance(made, _Leaf) and part.key == (named or first) and ctx.kind in _ENTITIES:
                    yield replace(made, home=path)
                else:
                    yield made

    def _shape(
        self, key: str, shape: Any, ctx: RowContext, path: tuple[str, ...], label: str
    ) -> Iterator[_Leaf | _List]:
        at = (*path, key)
        match shape:
            case Leaf(expr):
                prop = self.naming.property(expr, ctx)
                named = isinstance(expr, Prop) and expr.name == "name"
                column = Column(label if named else self.naming.label(expr, ctx), self.naming.kind(expr, prop))
                yield _Leaf(
                    at, column, self.naming.show(expr, prop), prop.name if isinstance(expr, Prop) and prop else ""
                )
            case Obj():
                yield from self._obj(shape, ctx, at, label)
            case Join(name, cls, obj):
                yield from self._obj(obj, of_class(self.naming.schema, cls), at, self.naming.label(Edge(name), ctx))
            case Trail(obj):
                root = of_class(self.naming.schema, ROOT_CLASS)
                yield _List(at, self.naming.voice("path"), tuple(self._obj(obj, root, (), self.naming.voice("path"))))
            case Select() | Aggregate():
                yield self._list(at, shape, self.naming.of(shape))

    def _outs(
        self, outs: tuple[Out, ...], action: Aggregate, ctx: RowContext, path: tuple[str, ...]
    ) -> Iterator[_Leaf]:
        for out in outs:
            at = (*path, out.key)
            if out.kind == "object":
                yield from self._outs(out.fields, action, ctx, at)
            elif out.kind == "group":
                expr = action.group[out.index]
                prop = self.naming.property(expr, ctx)
                yield _Leaf(at, Column(self.naming.label(expr, ctx)), self.naming.show(expr, prop))
            elif out.kind == "metric":
                metric = action.metrics[out.index]
                if metric.expr is None:
                    yield _Leaf(at, Column(self.naming.voice("count"), "number"), self.naming.count)
                    continue
                prop, label = self.naming.property(metric.expr, ctx), self.naming.label(metric.expr, ctx)
                counts = metric.op.value in {"count", "distinct"}
                word = self.naming.voice(metric.op.value)
                gap = "" if self.naming.voice.language == "zh" else " "
                yield _Leaf(
                    at,
                    Column(f"{word}{gap}{label}", "number"),
                    self.naming.count if counts else self.naming.show(metric.expr, prop),
                )

    # ------------------------------------------------------------ rows

    def _lines(self, plan: _Plan, row: Any) -> list[list[Cell | None]]:
        inner = _expanded(plan)
        if inner is None:
            return [[self._cell(part, row) for part in plan]]
        below: list[list[Cell | None]] = []
        rows = _dig(row, inner.path) or []
        self._note_cut(inner, rows, _dig(row, inner.total) if inner.total else None)
        for one in rows:
            below += self._lines(inner.plan, one)
        width = len(_columns(inner.plan))
        below = below or [[_EMPTY] * width]
        lines: list[list[Cell | None]] = []
        for i, line in enumerate(below):
            made: list[Cell | None] = []
            for part in plan:
                if part is inner:
                    made += line
                elif i:
                    made.append(None)
                else:
                    cell = self._cell(part, row)
                    made.append(replace(cell, span=len(below)))
            lines.append(made)
        return lines

    def _cell(self, part: _Leaf | _List, row: Any) -> Cell:
        if isinstance(part, _Leaf):
            return Cell((self._item(part, row),), part.column.kind)
        rows = _dig(row, part.path)
        rows = rows if isinstance(rows, list) else [] if rows is None else [rows]
        self._note_cut(part, rows, _dig(row, part.total) if part.total else None)
        items = []
        for one in rows:
            cells = [self._cell(inner, one) for inner in part.plan]
            parts = [item for cell in cells for item in cell.items if item.text != NOTHING]
            if parts:
                href = next((item.href for item in parts if item.href), "")
                items.append(Item(" · ".join(item.text for item in parts), href))
        return Cell(tuple(items), _one_column(part).kind) if items else _EMPTY

    def _item(self, leaf: _Leaf, row: Any) -> Item:
        value = _dig(row, leaf.path)
        text = NOTHING if value is None else leaf.show(value)
        if leaf.about and value is not None:
            text = self.naming.value_of(_dig(row, leaf.about), value)
        around = _dig(row, leaf.path[:-1])
        if isinstance(around, dict) and value is not None:
            # `sources` names those properties alone whose source is not the row's own.
            told = around.get(SOURCES_KEY) if leaf.prop else around.get(EDGE_KEY)
            source = (told or {}).get(leaf.prop) or (told or {}).get("")
            if source:
                self.sources.add(source)
        entity = _dig(row, leaf.home) if leaf.home is not None else None
        if isinstance(entity, dict) and entity.get(ID_KEY) and value is not None:
            return Item(text, self.moment.link(f"/e/{entity[ID_KEY]}"))
        return Item(text)

    def _note_cut(self, part: _List, rows: list[Any], total: int | None) -> None:
        if part.first and len(rows) >= part.first and (total is None or total > len(rows)):
            self.cut = part.first


def _names_one(where: Predicate | None) -> bool:
    return isinstance(where, Cmp) and where.op is Comparison.EQ and where.left == Meta(MetaName.ID)


def plan_has_lists(plan: _Plan) -> bool:
    return any(isinstance(part, _List) for part in plan)


def _expanded(plan: _Plan) -> _List | None:
    """The one list below that becomes rows of its own; lists of one value, and several lists, stay in their cells."""
    wide = [part for part in plan if isinstance(part, _List) and len(_columns(part.plan)) > 1]
    return wide[0] if len(wide) == 1 else None


def _columns(plan: _Plan) -> list[Column]:
    inner = _expanded(plan)
    out: list[Column] = []
    for part in plan:
        if part is inner:
            out += _columns(inner.plan)
        elif isinstance(part, _Leaf):
            out.append(part.column)
        else:
            out.append(_one_column(part))
    return out


def _one_column(part: _List) -> Column:
    """Of a list that stays in one cell."""
    only = part.plan[0] if len(part.plan) == 1 else None
    if not isinstance(only, _Leaf):
        return Column(part.label)
    # A figure over related things says of which: "users: count".
    between = " " if part.label.isascii() else ""
    return Column(f"{part.label}{between}{only.column.label}", only.column.kind) if part.figures else only.column


__all__ = ["Cell", "Column", "Item", "Table", "Tabler"]
