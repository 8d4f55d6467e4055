"""Input types: filters a datatype, `where`, `orderBy` and the inputs of aggregates."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from api.graphql.names import Names, is_enum, upper_first
from api.graphql.registry import FieldSpec, Registry
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.schema.types import EntityClass, Property, Relation, Schema

SCALAR: Final = {
    Datatype.STRING: "String",
    Datatype.BOOLEAN: "Boolean",
    Datatype.INTEGER: "Int",
    Datatype.LONG: "Long",
    Datatype.DOUBLE: "Float",
    Datatype.DATE: "Date",
    Datatype.INSTANT: "DateTime",
    Datatype.GEOMETRY: "GeoJSON",
    Datatype.JSON: "JSON",
    Datatype.ENTITY: "ID",
}
_EQUAL = ("eq", "ne")
_ORDERED = ("lt", "lte", "gt", "gte")
_TEXT = ("contains", "startsWith")
FILTER: Final = {
    Datatype.STRING: ("StringFilter", (*_EQUAL, *_ORDERED, *_TEXT)),
    Datatype.BOOLEAN: ("BooleanFilter", _EQUAL),
    Datatype.INTEGER: ("IntFilter", (*_EQUAL, *_ORDERED)),
    Datatype.LONG: ("LongFilter", (*_EQUAL, *_ORDERED)),
    Datatype.DOUBLE: ("FloatFilter", (*_EQUAL, *_ORDERED)),
    Datatype.DATE: ("DateFilter", (*_EQUAL, *_ORDERED, "startsWith")),
    Datatype.INSTANT: ("DateTimeFilter", (*_EQUAL, *_ORDERED)),
    Datatype.ENTITY: ("IDFilter", _EQUAL),
}
NO_ORDER: Final = frozenset({Datatype.JSON, Datatype.ENTITY})

_SAYS: Final = {
    "eq": "Equal. 等于。",
    "ne": "Not equal; an absent value does not satisfy it. 不等于（缺值不算）。",
    "lt": "Less. 小于。",
    "lte": "Less or equal. 小于等于。",
    "gt": "Greater. 大于。",
    "gte": "Greater or equal. 大于等于。",
    "in": "One of these. 属于其中之一。",
    "contains": "Has this text inside; case counts. 包含（区分大小写）。",
    "startsWith": "Begins with this text; case counts. 以此开头（区分大小写）。",
    "isNull": "Absent (true) or present (false). 缺值与否。",
}


def filter_type(names: Names, prop: Property) -> str:
    """The filter input of a property's values."""
    if is_enum(prop):
        return names.enum_type(prop) + "Filter"
    if prop.datatype is Datatype.GEOMETRY:
        return names.type_prefix + "GeometryFilter"
    if prop.datatype is Datatype.JSON:
        return names.type_prefix + "JSONFilter"
    return names.type_prefix + FILTER[prop.datatype][0]


def _comparisons(scalar: str, operations: Iterable[str]) -> list[FieldSpec]:
    fields = [FieldSpec(op, scalar, _SAYS[op]) for op in operations]
    return [
        *fields,
        FieldSpec("in", f"[{scalar}!]", _SAYS["in"]),
        FieldSpec("isNull", "Boolean", _SAYS["isNull"]),
    ]


class Inputs:
    """Makes input types in a registry."""

    def __init__(self, schema: Schema, names: Names, registry: Registry) -> None:
        self.schema = schema
        self.names = names
        self.registry = registry
        self.prefix = names.type_prefix

    def shared(self) -> None:
        """The inputs that every schema has."""
        p, make = self.prefix, self.registry.input
        self.registry.enum(p + "Direction", {"asc": "Smallest first. 升序。", "desc": "Largest first. 降序。"})
        for datatype, (name, operations) in FILTER.items():
            make(self.names.type(name, name), _comparisons(SCALAR[datatype], operations))
        make(p + "JSONFilter", [FieldSpec("isNull", "Boolean", _SAYS["isNull"])])
        make(
            p + "AsOf",
            [
                FieldSpec("valid", "DateTime", "True in the world at this instant. 现实中为真的时刻。"),
                FieldSpec("system", "DateTime", "As it was known at this instant. 当时所知的时刻。"),
            ],
            "Which state of the world, as known when. 看哪一时刻的世界，以哪一时刻所知为准。",
        )
        make(
            p + "Interval",
            [FieldSpec("from", "DateTime", "Inclusive. 含。"), FieldSpec("to", "DateTime", "Exclusive. 不含。")],
            "Half-open; an absent end is unbounded. 左闭右开，缺省为无界。",
        )
        point = [
            FieldSpec("lon", "Float!", "Degrees east. 经度。"),
            FieldSpec("lat", "Float!", "Degrees north. 纬度。"),
        ]
        make(p + "Point", point, "A point on WGS 84. 点（WGS 84）。")
        make(
            p + "Near",
            [
                FieldSpec("lon", "Float!", "Degrees east. 经度。"),
                FieldSpec("lat", "Float!", "Degrees north. 纬度。"),
                FieldSpec("metres", "Float!", "Greatest distance. 最大距离（米）。"),
            ],
        )
        sides = ("west", "south", "east", "north")
        make(
            p + "Box",
            [FieldSpec(s, "Float!") for s in sides],
            "Degrees; west > east crosses the antimeridian. 经纬度范围。",
        )
        make(
            p + "GeometryFilter",
            [
                FieldSpec("near", p + "Near", "Within a distance of a point. 距某点一定距离以内。"),
                FieldSpec("within", "GeoJSON", "Covered by a geometry. 在某几何之内。"),
                FieldSpec("intersects", "GeoJSON", "Shares a point with a geometry. 与某几何相交。"),
                FieldSpec("bbox", p + "Box", "Its box meets a box. 外包框与某范围相交。"),
                FieldSpec("gridPrefix", "String", "BeiDou grid code begins so (GB/T 39409-2020). 北斗网格码前缀。"),
                FieldSpec("isNull", "Boolean", _SAYS["isNull"]),
            ],
        )
        make(
            p + "DistanceOrder",
            [
                FieldSpec("from", p + "Point!", "Where the distance is measured from. 从何处量起。"),
                FieldSpec("direction", p + "Direction!", default="asc"),
            ],
        )
        make(
            p + "Identifier",
            [
                FieldSpec("scheme", p + "Scheme!" if self.schema.schemes else "String!", "标识体系。"),
                FieldSpec("value", "String!", "As its issuer writes it. 标识值。"),
            ],
        )
        for prop in self._enum_properties():
            enum = self.names.enum_type(prop)
            make(
                self.names.type(upper_first(enum.removeprefix(p)) + "Filter", f"filter of {prop.owner}.{prop.name}"),
                _comparisons(enum, _EQUAL),
            )

    def _enum_properties(self) -> list[Property]:
        found: dict[str, Property] = {}
        of_classes = (p for c in self.schema.classes.values() for p in c.properties)
        of_relations = (p for r in self.schema.relations.values() for p in r.properties)
        for prop in chain(of_classes, of_relations):
            if is_enum(prop):
                found[self.names.enum_type(prop)] = prop
        return list(found.values())

    # ------------------------------------------------------------ a class

    def for_class(self, cls: EntityClass) -> None:
        base = self.names.base(cls)
        where = self.names.type(base + "Where", f"where of class {cls.name}")
        fields = self._logic(where)
        fields.append(FieldSpec("id", self.prefix + "IDFilter"))
        if self.names.has_subclasses(cls):
            fields.append(FieldSpec("isA", f"[{self.prefix}ClassName!]", "Of one of these classes. 属于这些类之一。"))
        fields += [FieldSpec(p.name, filter_type(self.names, p), p.label.zh) for p in cls.properties]
        fields += [
            FieldSpec(step, self.names.step_base(step) + "Filter", relation.label.zh)
            for step, relation, _ in self.schema.steps_from(cls.name)
        ]
        self.registry.input(where, fields, f"All of these hold. 条件同时成立（{cls.label.text('zh')}）。")
        order = self.names.type(base + "Order", f"order of class {cls.name}")
        meta = [FieldSpec(n, self.prefix + "Direction") for n in ("id", "validFrom", "systemFrom")]
        self.registry.input(order, [*meta, *self._orders(cls.properties)], "Exactly one key. 只写一个键。", one_of=True)

    def for_step(self, step: str, relation: Relation, target: str) -> None:
        """The filter of a relation as read under one of its two names; `target`: class at the other end."""
        base = self.names.step_base(step)
        where = self.names.class_type(self.schema.classes[target]) + "Where"
        match = [FieldSpec("node", where, "What holds for the entity there. 对端实体的条件。")]
        if relation.properties:
            match.append(FieldSpec("edge", self.edge_where(relation), "What holds for the relation. 关系的条件。"))
        self.registry.input(self.names.type(_plain(base, self.prefix) + "Match", f"match of {step}"), match)
        count = [
            FieldSpec("min", "Int", "At least so many. 至少。"),
            FieldSpec("max", "Int", "At most so many. 至多。"),
            *match,
        ]
        self.registry.input(self.names.type(_plain(base, self.prefix) + "Count", f"count of {step}"), count)
        self.registry.input(
            self.names.type(_plain(base, self.prefix) + "Filter", f"filter of {step}"),
            [
                FieldSpec("some", base + "Match", "At least one related entity is so. 至少有一个。"),
                FieldSpec("none", base + "Match", "No related entity is so. 一个也没有。"),
                FieldSpec("count", base + "Count", "So many related entities are so. 数量在范围内。"),
            ],
        )

    def edge_where(self, relation: Relation) -> str:
        return self.prefix + upper_first(relation.name) + "EdgeWhere"

    def edge_order(self, relation: Relation) -> str:
        return self.prefix + upper_first(relation.name) + "EdgeOrder"

    def for_relation(self, relation: Relation) -> None:
        if not relation.properties:
            return
        where = self.names.type(upper_first(relation.name) + "EdgeWhere", f"where of relation {relation.name}")
        fields = self._logic(where)
        fields += [FieldSpec(p.name, filter_type(self.names, p), p.label.zh) for p in relation.properties]
        self.registry.input(where, fields, f"All of these hold. 条件同时成立（{relation.label.text('zh')}）。")
        orders = self._orders(relation.properties)
        if orders:
            order = self.names.type(upper_first(relation.name) + "EdgeOrder", f"order of relation {relation.name}")
            self.registry.input(order, orders, "Exactly one key. 只写一个键。", one_of=True)

    def _logic(self, where: str) -> list[FieldSpec]:
        return [
            FieldSpec("and", f"[{where}!]", "All hold. 全部成立。"),
            FieldSpec("or", f"[{where}!]", "At least one holds. 至少一个成立。"),
            FieldSpec("not", where, "Does not hold. 不成立。"),
        ]

    def _orders(self, properties: Iterable[Property]) -> list[FieldSpec]:
        fields = []
        for prop in sortable(properties):
            geometry = prop.datatype is Datatype.GEOMETRY
            fields.append(
                FieldSpec(prop.name, self.prefix + ("DistanceOrder" if geometry else "Direction"), prop.label.zh)
            )
        return fields

    # ------------------------------------------------------------ aggregates

    def for_aggregate(
        self, base: str, what: str, groups: Sequence[tuple[str, str]], figures: Sequence[Property]
    ) -> None:
        """Enums and inputs of one aggregate; `groups`: (name, description)."""
        if groups:
            self.registry.enum(self.names.type(base + "GroupBy", f"groups of {what}"), dict(groups))
        op = self.prefix + "AggregateOp"
        of = []
        if figures:
            enum = self.names.type(base + "Figure", f"figures of {what}")
            self.registry.enum(enum, {p.name: p.label.zh for p in figures})
            of = [FieldSpec("of", enum, "Of which property; not for count of rows. 对哪个属性。")]
        numbers = [FieldSpec(n, "Float", _SAYS[n]) for n in (*_EQUAL, *_ORDERED)]
        self.registry.input(
            self.names.type(base + "Having", f"having of {what}"),
            [FieldSpec("figure", op + "!", "统计量。"), *of, *numbers],
            "Only groups whose figure is so. 只留统计量满足条件的组。",
        )
        order = [FieldSpec("figure", op, "By a figure. 按统计量。"), *of]
        if groups:
            order.insert(0, FieldSpec("group", f"{self.prefix}{base}GroupBy", "By a group key. 按分组键。"))
        order.append(FieldSpec("direction", self.prefix + "Direction!", default="asc"))
        self.registry.input(self.names.type(base + "AggregateOrder", f"aggregate order of {what}"), order)


def sortable(properties: Iterable[Property]) -> list[Property]:
    return [p for p in properties if not p.many and p.datatype not in NO_ORDER]


def _plain(name: str, prefix: str) -> str:
    return name.removeprefix(prefix)
