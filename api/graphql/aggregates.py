"""What can be grouped by and counted: shared by the type builder and the compiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from api.graphql.inputs import SCALAR
from api.graphql.names import Names, is_enum, upper_first
from kg.query.algebra import Calc, Const, Edge, Expr, Meta, MetaName, Op, Prop
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kg.schema.types import Property

_NUMBERS = frozenset({Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE})
_BUCKETS: Final = (
    (Op.YEAR, "Int", "年"),
    (Op.QUARTER, "String", "季度"),
    (Op.MONTH, "String", "月"),
    (Op.WEEK, "String", "周"),
    (Op.DAY, "String", "日"),
)
OPERATIONS: Final = {
    "count": "Rows, or rows that have a value. 数量。",
    "distinct": "Different values. 不同值的数量。",
    "sum": "Sum. 合计。",
    "avg": "Mean. 平均。",
    "min": "Least. 最小。",
    "max": "Greatest. 最大。",
}


@dataclass(frozen=True, slots=True)
class GroupKey:
    """One way to group. `grid`: the expression needs the aggregate's grid level as second argument."""

    name: str
    type: str  # GraphQL text
    expr: Expr
    description: str
    grid: bool = False

    def at(self, level: int | None) -> Expr:
        if not self.grid:
            return self.expr
        return Calc(Op.GRID, (self.expr, Const(level)))


def group_keys(names: Names, properties: Iterable[Property], *, edge: bool, classes: bool) -> dict[str, GroupKey]:
    """Group keys in order of property name; dates also by bucket, geometries by grid cell."""
    found: dict[str, GroupKey] = {}
    if classes:
        found["class"] = GroupKey("class", names.type_prefix + "ClassName", Meta(MetaName.CLASS), "Class. 类。")
    for prop in properties:
        if prop.many or prop.datatype is Datatype.JSON:
            continue
        expr: Expr = Edge(prop.name) if edge else Prop(prop.name)
        says = f"{prop.label.text('en')} {prop.label.text('zh')}"
        if prop.datatype is Datatype.GEOMETRY:
            found[prop.name + "Grid"] = GroupKey(
                prop.name + "Grid", "String", expr, f"BeiDou grid cell. 北斗网格（{says}）。", grid=True
            )
            continue
        found[prop.name] = GroupKey(
            prop.name, names.enum_type(prop) if is_enum(prop) else SCALAR[prop.datatype], expr, says
        )
        if prop.datatype in {Datatype.DATE, Datatype.INSTANT}:
            for op, scalar, zh in _BUCKETS:
                name = prop.name + upper_first(op.value)
                found[name] = GroupKey(name, scalar, Calc(op, (expr,)), f"{says}: {op.value} {zh}")
    return found


def numbers(properties: Iterable[Property]) -> list[Property]:
    return [p for p in properties if p.datatype in _NUMBERS and not p.many]


def comparables(properties: Iterable[Property]) -> list[Property]:
    return [p for p in properties if p.datatype in _NUMBERS | {Datatype.DATE, Datatype.INSTANT} and not p.many]


def countables(properties: Iterable[Property]) -> list[Property]:
    return [
        p for p in properties if p.datatype is not Datatype.JSON and p.datatype is not Datatype.GEOMETRY and not p.many
    ]
