"""Schema → GraphQL types: one pass over classes and relations, everything else follows from the names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.graphql import meaning as m
from api.graphql.aggregates import OPERATIONS, comparables, countables, group_keys, numbers
from api.graphql.describe import describe, property_notes
from api.graphql.inputs import SCALAR, Inputs
from api.graphql.names import Names, is_enum, upper_first
from api.graphql.registry import Argument, FieldSpec, Registry
from api.graphql.types_roots import RootTypes
from api.graphql.types_shared import SharedTypes
from kg.errors import SchemaError
from kg.query.algebra import Edge, Meta, MetaName, Prop
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.schema.types import EntityClass, Property, Relation, Schema

TYPENAME_KEY: Final = " t"
"""Key of the hidden type name in answers for plain Strawberry: no alias can be spelt so."""
NESTED_FIRST: Final = 20


class TypeBuilder:
    """Fills a registry with all types of one Schema; `query` is the root type."""

    def __init__(self, schema: Schema, names: Names) -> None:
        self.schema = schema
        self.names = names
        self.registry = Registry()
        self.prefix = names.type_prefix
        self.inputs = Inputs(schema, names, self.registry)
        self.possible: dict[str, tuple[str, ...]] = {}
        """Type name → concrete classes that it may stand for."""
        self.object_types: dict[str, str] = {}
        """Concrete class → name of its object type."""
        self._related: dict[str, tuple[m.Related, m.RelatedAggregate, m.Closure | None]] = {}
        self._histories = {k: m.History(k, "") for k in ("versions", "claims", "conflicts")}

    def build(self) -> type:
        """Make all types. Raises SchemaError for names that collide."""
        self.names.check()
        SharedTypes(self).make()
        for relation in self.schema.relations.values():
            self._relation(relation)
        for cls in sorted(self.schema.classes.values(), key=lambda c: (len(c.ancestors), c.name)):
            self._class(cls)
        return RootTypes(self).query()

    # ------------------------------------------------------------ shared types

    def interface(
        self, name: str, fields: list[FieldSpec], says: str, above: Sequence[str], classes: tuple[str, ...]
    ) -> None:
        self.possible[name] = classes
        self.registry.interface(
            name, fields, says, interfaces=above, resolve_type=lambda obj, _info, _type: obj[TYPENAME_KEY]
        )

    # ------------------------------------------------------------ classes

    def _class(self, cls: EntityClass) -> None:
        name = self.names.type(self.names.base(cls), f"class {cls.name}")
        says = describe(cls.label, cls.definition)
        above = [self.prefix + "Node", *(self.names.class_type(self.schema.classes[a]) for a in cls.ancestors)]
        concrete = self.schema.concrete(cls.name)
        own = name
        if self.names.has_subclasses(cls):
            self.interface(name, self._entity_fields(cls), says, above, concrete)
            above = [*above, name]
            own = self.names.object_type(cls)
        if not cls.abstract:
            if own != name:
                self.names.type(own.removeprefix(self.prefix), f"direct instances of class {cls.name}")
            self.possible[own] = (cls.name,)
            self.object_types[cls.name] = own
            self.registry.output(
                own,
                self._entity_fields(cls),
                says,
                interfaces=above,
                keys=["id", *(p.name for p in self.identifiers(cls))],
                is_type_of=lambda obj, _info: obj[TYPENAME_KEY] == own,
            )
        self.inputs.for_class(cls)
        self.connection(self.names.base(cls), f"class {cls.name}", name, [])
        self._aggregate(self.names.base(cls), f"class {cls.name}", cls.properties, edge=False, classes=own != name)

    def identifiers(self, cls: EntityClass) -> list[Property]:
        """Properties that find an entity of the class."""
        schemes = self.schema.schemes
        return [p for p in cls.properties if p.scheme in schemes and schemes[p.scheme].identifying and not p.many]

    def _entity_fields(self, cls: EntityClass) -> list[FieldSpec]:
        def meta(name: str, text: str, says: str) -> FieldSpec:
            return FieldSpec(name, text, says, meaning=m.Value(Meta(MetaName(name))))

        own = self.names.class_type(cls)
        between = [
            Argument("valid", self.prefix + "Interval", "True in the world then; default: always. 现实时间范围。"),
            Argument(
                "system",
                self.prefix + "Interval",
                "Known then; default: as known at the enclosing instant. 记录时间范围。",
            ),
        ]
        first = Argument("first", "Int", "The first so many; default: all. 前若干个。")
        as_of = self.as_of()
        fields = [
            meta("id", "ID!", "Opaque and stable. 不透明的稳定标识。"),
            *self._clocks(""),
            meta("provenance", self.prefix + "Provenance!", "Whether a source describes it. 是否有来源描述。"),
            meta("sources", "JSON", "Property → source of the value shown. 各属性取值的来源。"),
            meta("mergedFrom", "[ID!]!", "Ids that now answer as this entity. 并入本实体的标识。"),
            meta("raw", "JSON", "Values of properties that the ontology no longer has. 本体已删除属性的原值。"),
            self._history("versions", f"[{own}!]!", "Versions, oldest knowledge first. 各版本。", [*between, first]),
            self._history(
                "claims", f"[{self.prefix}Claim!]!", "What each record says. 各来源的陈述。", [*between, first]
            ),
            self._history("conflicts", f"[{self.prefix}Conflict!]!", "Where records differ. 不一致之处。", [as_of]),
        ]
        for prop in cls.properties:
            fields += self._property(cls, prop)
        for step, relation, out in self.schema.steps_from(cls.name):
            fields += self._steps(step, relation, out=out)
        return fields

    def _history(self, kind: str, text: str, says: str, args: list[Argument]) -> FieldSpec:
        return FieldSpec(kind, text, says, meaning=self._histories[kind], args=args)

    def _clocks(self, prefix: str) -> list[FieldSpec]:
        texts = {
            "validFrom": "True in the world from then. 现实中自此为真。",
            "validTo": "… until then; null: open. 现实中至此为止。",
            "systemFrom": "Known from then. 自此所知。",
            "systemTo": "… until then; null: still. 至此被取代。",
        }
        return [FieldSpec(n, "DateTime", t, meaning=m.Value(Meta(MetaName(prefix + n)))) for n, t in texts.items()]

    def _property(self, cls: EntityClass, prop: Property) -> list[FieldSpec]:
        value = self._value_type(self._widest(cls, prop))
        says = describe(prop.label, prop.definition, *property_notes(prop))
        fields = [FieldSpec(prop.name, value, says, meaning=m.Value(Prop(prop.name)))]
        if prop.datatype is Datatype.GEOMETRY:
            point = [Argument("lon", "Float!"), Argument("lat", "Float!")]
            level = [Argument("level", "Int!", "1 to 10.")]
            zh = prop.label.text("zh")
            fields += [
                FieldSpec(
                    prop.name + "Distance",
                    "Float",
                    f"Metres from a point. 距某点的距离（米），{zh}。",
                    meaning=m.Measure("distance", prop.name),
                    args=point,
                ),
                FieldSpec(
                    prop.name + "Area", "Float", f"Geodesic, m². 测地面积，{zh}。", meaning=m.Measure("area", prop.name)
                ),
                FieldSpec(
                    prop.name + "Grid",
                    "String",
                    f"BeiDou grid code (GB/T 39409-2020). 北斗网格码，{zh}。",
                    meaning=m.Measure("grid", prop.name),
                    args=level,
                ),
            ]
        return fields

    def _widest(self, cls: EntityClass, prop: Property) -> Property:
        """The property as its highest ancestor has it: an interface and its types must agree."""
        for name in reversed(cls.ancestors):
            found = self.schema.classes[name].property(prop.name)
            if found is not None:
                if self._value_type(found) != self._value_type(prop) and prop.datatype is not found.datatype:
                    raise SchemaError(
                        f"Property {prop.name} is {prop.datatype} in {cls.name} but {found.datatype} in {name}",
                        where=f"class {cls.name}",
                        field=prop.name,
                        remedy="Give it one datatype in both, or another name in one.",
                    )
                return found
        return prop

    def _value_type(self, prop: Property) -> str:
        scalar = self.names.enum_type(prop) if is_enum(prop) else SCALAR[prop.datatype]
        return f"[{scalar}!]" if prop.many else scalar

    # ------------------------------------------------------------ relations

    def class_type(self, cls: str) -> str:
        """GraphQL type name of a class."""
        return self.names.class_type(self.schema.classes[cls])

    def as_of(self) -> Argument:
        return Argument("asOf", self.prefix + "AsOf", "Default: as around it. 缺省沿用外层。")

    def paging(self, default: int) -> list[Argument]:
        return [
            Argument(
                "first",
                "Int!",
                f"Page size. 每页数量，缺省 {default}。",
                default=default,
            ),
            Argument("after", "String", "endCursor of the page before. 上一页的游标。"),
        ]

    def edge_args(self, relation: Relation) -> list[Argument]:
        args = []
        if relation.properties:
            args.append(
                Argument("edgeWhere", self.inputs.edge_where(relation), "What holds for the relation. 关系的条件。")
            )
            if self.inputs.edge_order(relation) in self.registry.types:
                args.append(
                    Argument("edgeOrderBy", f"[{self.inputs.edge_order(relation)}!]", "Before orderBy. 先于 orderBy。")
                )
        return args

    def class_args(self, cls: str) -> list[Argument]:
        name = self.names.class_type(self.schema.classes[cls])
        return [
            Argument("where", name + "Where", "Only those. 筛选条件。"),
            Argument("orderBy", f"[{name}Order!]", "Ties by id. 排序，相同者按 id。"),
        ]

    def _steps(self, step: str, relation: Relation, *, out: bool) -> list[FieldSpec]:
        base = self.names.step_base(step)
        related, aggregate, closure = self._related[step]
        target = related.cls
        label = relation.label if out else relation.inverse_label
        says = describe(label, relation.definition)
        fields = [
            FieldSpec(
                step,
                base + "Connection!",
                says,
                meaning=related,
                args=[*self.class_args(target), *self.edge_args(relation), *self.paging(NESTED_FIRST), self.as_of()],
            ),
            FieldSpec(
                step + "Aggregate",
                f"[{self.prefix}{upper_first(relation.name)}RelationAggregate!]!",
                f"Figures over these relations. 统计：{label.text('zh')}。",
                meaning=aggregate,
                args=[
                    *self.class_args(target)[:1],
                    *self.aggregate_args(upper_first(relation.name) + "Relation", self.edge_args(relation)[:1]),
                ],
            ),
        ]
        if closure is not None:
            depth = [Argument("minDepth", "Int!", default=1), Argument("maxDepth", "Int!", default=6)]
            fields.append(
                FieldSpec(
                    step + "Closure",
                    base + "ClosureConnection!",
                    f"Reached in one or more hops. 逐级到达：{label.text('zh')}。",
                    meaning=closure,
                    args=[
                        *depth,
                        *self.class_args(target),
                        Argument("through", self.class_type(target) + "Where", "Holds on the way. 沿途条件。"),
                        *self.paging(NESTED_FIRST),
                        self.as_of(),
                    ],
                )
            )
        return fields

    def _relation(self, relation: Relation) -> None:
        self.inputs.for_relation(relation)
        base = upper_first(relation.name) + "Relation"
        self._aggregate(base, f"relation {relation.name}", relation.properties, edge=True, classes=False)
        for step, out in ((relation.name, True), (relation.inverse, False)):
            if not step:
                continue
            target = relation.range if out else relation.domain
            closes = self.names.closes(relation)
            self._related[step] = (
                m.Related(step, relation, out, target),
                m.RelatedAggregate(step, relation, out, target),
                m.Closure(step, relation, out, target) if closes else None,
            )
            self.inputs.for_step(step, relation, target)
            node = self.names.class_type(self.schema.classes[target])
            edge = [self._edge_property(p) for p in relation.properties]
            edge += [
                FieldSpec("id", "ID!", "Of the relation. 关系的标识。", meaning=m.Value(Meta(MetaName.EDGE_ID))),
                *self._clocks("edge."),
                FieldSpec(
                    "sources", "JSON", "Property → source. 各属性的来源。", meaning=m.Value(Meta(MetaName.EDGE_SOURCES))
                ),
            ]
            self.connection(upper_first(step) + "Relation", f"relation {step}", node, edge)
            if closes:
                far = [
                    FieldSpec("depth", "Int!", "Number of hops. 跳数。", meaning=m.Value(Meta(MetaName.DEPTH))),
                    FieldSpec(
                        "path",
                        "[ID!]!",
                        "Along a shortest path, both ends included. 最短路径。",
                        meaning=m.Value(Meta(MetaName.PATH)),
                    ),
                    FieldSpec(
                        "via", "[String!]!", "Relations along it. 沿途关系。", meaning=m.Value(Meta(MetaName.VIA))
                    ),
                ]
                self.connection(upper_first(step) + "RelationClosure", f"closure of {step}", node, far)

    def _edge_property(self, prop: Property) -> FieldSpec:
        says = describe(prop.label, prop.definition, *property_notes(prop))
        if prop.datatype is Datatype.ENTITY:
            target = self.names.class_type(self.schema.classes[prop.target or ROOT_CLASS])
            return FieldSpec(prop.name, target, says, meaning=m.Reference(prop))
        return FieldSpec(prop.name, self._value_type(prop), says, meaning=m.Value(Edge(prop.name)))

    def connection(self, base: str, what: str, node: str, edge: list[FieldSpec]) -> None:
        part = m.Part
        edge_type = self.names.type(base + "Edge", f"edge of {what}")
        self.registry.output(
            edge_type,
            [
                FieldSpec("cursor", "String!", "Goes on behind this one. 游标。", meaning=part("cursor")),
                FieldSpec("node", node + "!", "The entity. 实体。", meaning=part("node")),
                *edge,
            ],
        )
        self.registry.output(
            self.names.type(base + "Connection", f"connection of {what}"),
            [
                FieldSpec("nodes", f"[{node}!]!", "The entities of this page. 本页实体。", meaning=part("nodes")),
                FieldSpec(
                    "edges",
                    f"[{edge_type}!]!",
                    "With what belongs to the relation. 含关系属性。",
                    meaning=part("edges"),
                ),
                FieldSpec("totalCount", "Int!", "Over all pages. 总数。", meaning=part("totalCount")),
                FieldSpec("pageInfo", "PageInfo!", meaning=part("pageInfo")),
            ],
        )

    # ------------------------------------------------------------ aggregates

    def aggregate_args(self, base: str, own: Iterable[Argument]) -> list[Argument]:
        args = list(own)
        if self.prefix + base + "GroupBy" in self.registry.types:
            args.append(Argument("groupBy", f"[{self.prefix}{base}GroupBy!]", "Default: one group of all. 分组。"))
            args.append(Argument("gridLevel", "Int", "For grid keys: 1 to 10. 网格级别。"))
        return [
            *args,
            Argument("having", f"[{self.prefix}{base}Having!]", "All hold. 组的条件。"),
            Argument("orderBy", f"[{self.prefix}{base}AggregateOrder!]", "Then by the group keys. 排序。"),
            Argument("first", "Int", "The first so many groups; default: all. 前若干组。"),
            self.as_of(),
        ]

    def _aggregate(self, base: str, what: str, properties: Iterable[Property], *, edge: bool, classes: bool) -> None:
        properties = tuple(properties)
        keys = group_keys(self.names, properties, edge=edge, classes=classes)
        of = countables(properties)
        self.inputs.for_aggregate(base, what, [(k.name, k.description) for k in keys.values()], of)
        fields = [FieldSpec("count", "Int!", "Rows. 数量。", meaning=m.Part("count"))]
        if keys:
            group = self.names.type(base + "AggregateGroup", f"aggregate group of {what}")
            self.registry.output(
                group, [FieldSpec(k.name, k.type, k.description, meaning=m.Group(k.name)) for k in keys.values()]
            )
            fields.append(
                FieldSpec(
                    "group",
                    group + "!",
                    "Keys named in groupBy. 分组键。",
                    meaning=m.Part("group"),
                )
            )
        per = {"sum": numbers(properties), "avg": numbers(properties), "min": comparables(properties)}
        per |= {"max": per["min"], "count": of, "distinct": of}
        shapes = (
            ("Sum", ("sum",)),
            ("Average", ("avg",)),
            ("Extremes", ("min", "max")),
            ("Counts", ("distinct", "count")),
        )
        for suffix, operations in shapes:
            chosen = per[operations[0]]
            if not chosen:
                continue
            full = self.names.type(f"{base}Aggregate{suffix}", f"{suffix} of {what}")
            self.registry.output(
                full,
                [
                    FieldSpec(p.name, _figure_type(operations[0], p), p.label.zh, meaning=m.Figure(p.name))
                    for p in chosen
                ],
            )
            for op in operations:
                field = "countOf" if op == "count" else op
                fields.append(FieldSpec(field, full + "!", OPERATIONS[op], meaning=m.Part(field)))
        self.registry.output(self.names.type(base + "Aggregate", f"aggregate of {what}"), fields)


def _figure_type(op: str, prop: Property) -> str:
    if op in {"count", "distinct"}:
        return "Int!"
    if op == "avg":
        return "Float"
    if op == "sum" and prop.datatype is not Datatype.DOUBLE:
        return "Long"
    return SCALAR[prop.datatype]
