"""The root type: a page, one and an aggregate of each class; aggregates of relations; what every schema has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from strawberry.annotation import StrawberryAnnotation
from strawberry.types.union import StrawberryUnion

from api.graphql import learned
from api.graphql import meaning as m
from api.graphql.names import lower_first, plural, upper_first
from api.graphql.registry import Argument, FieldSpec
from kg.query.algebra import Meta, MetaName
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from api.graphql.types import TypeBuilder
    from kg.schema.types import EntityClass

ROOT_FIRST: Final = 50


class RootTypes:
    """Makes `Query` for a builder whose classes and relations are made."""

    def __init__(self, builder: TypeBuilder) -> None:
        self.builder = builder

    def query(self) -> type:
        fields: list[FieldSpec] = []
        for cls in self.builder.schema.classes.values():
            fields += self._class_roots(cls)
        for relation in self.builder.schema.relations.values():
            base = upper_first(relation.name) + "Relation"
            start = self.builder.names.class_type(self.builder.schema.classes[relation.domain])
            fields.append(
                FieldSpec(
                    self.builder.names.root(
                        relation.name + "RelationAggregate", f"aggregate of relation {relation.name}"
                    ),
                    f"[{self.builder.prefix}{base}Aggregate!]",
                    f"Figures over all relations of this type. 统计：{relation.label.text('zh')}。",
                    meaning=m.RootRelationAggregate(relation),
                    args=[
                        Argument("where", start + "Where", "What holds for the start. 起点的条件。"),
                        *self.builder.aggregate_args(base, self.builder.edge_args(relation)[:1]),
                    ],
                )
            )
        fields += self._special_roots()
        return self.builder.registry.output("Query", fields, "Everything that can be asked. 全部查询入口。")

    def _class_roots(self, cls: EntityClass) -> list[FieldSpec]:
        base = self.builder.names.base(cls)
        one = lower_first(base)
        name = self.builder.names.class_type(cls)
        zh = cls.label.text("zh")
        found_by = [Argument(p.name, "String", p.label.text("zh")) for p in self.builder.identifiers(cls)]
        return [
            FieldSpec(
                self.builder.names.root(one, f"one of class {cls.name}"),
                name,
                f"One by id or identifier. 按标识查一个{zh}。",
                meaning=m.RootOne(cls.name),
                args=[Argument("id", "ID"), *found_by, self.builder.as_of()],
            ),
            FieldSpec(
                self.builder.names.root(plural(one), f"all of class {cls.name}"),
                f"{self.builder.prefix}{base}Connection",
                f"All, page by page. 分页查询{zh}。",
                meaning=m.RootPage(cls.name),
                args=[*self.builder.class_args(cls.name), *self.builder.paging(ROOT_FIRST), self.builder.as_of()],
            ),
            FieldSpec(
                self.builder.names.root(one + "Aggregate", f"aggregate of class {cls.name}"),
                f"[{self.builder.prefix}{base}Aggregate!]",
                f"Figures. 统计{zh}。",
                meaning=m.RootAggregate(cls.name),
                args=self.builder.aggregate_args(base, self.builder.class_args(cls.name)[:1]),
            ),
        ]

    def _special_roots(self) -> list[FieldSpec]:
        p = self.builder.prefix
        thing = self.builder.names.class_type(self.builder.schema.classes[ROOT_CLASS])
        rank = FieldSpec("rank", "Int!", "Smaller is better. 越小越好。", meaning=m.Value(Meta(MetaName.RANK)))
        self.builder.connection("Search", "the search", thing, [rank])
        self.builder.registry.types["_Entity"] = self._entity_union()

        def special(kind: str, text: str, says: str, args: list[Argument], *, prefixed: bool = True) -> FieldSpec:
            name = self.builder.names.root(kind, f"the built-in root {kind}") if prefixed else kind
            return FieldSpec(name, text, says, meaning=m.RootSpecial(kind), args=args)

        as_of = self.builder.as_of
        steps = (
            [Argument("relations", f"[{p}StepName!]", "Default: all, both ways. 缺省为全部关系。")]
            if self.builder.schema.relations
            else []
        )
        return [
            special("node", p + "Node", "One by id. 按标识查一个。", [Argument("id", "ID!"), as_of()]),
            special(
                "nodes",
                f"[{p}Node]",
                "Several by id, in order; null where absent. 按标识查多个。",
                [Argument("ids", "[ID!]!"), as_of()],
            ),
            special(
                "lookup",
                f"[{thing}]",
                "By identifiers, in order; null where absent. 按外部标识查。",
                [Argument("identifiers", f"[{p}Identifier!]!"), as_of()],
            ),
            special(
                "search",
                p + "SearchConnection",
                "By name in Chinese, pinyin or initials. 按名称、拼音或首字母检索。",
                [
                    Argument("text", "String!"),
                    Argument("in", f"{p}ClassName!", "Only this class and below. 限于某类。", default=ROOT_CLASS),
                    Argument("where", thing + "Where"),
                    *self.builder.paging(ROOT_FIRST),
                    as_of(),
                ],
            ),
            *(
                [
                    special(
                        "paths",
                        f"[{p}Path!]",
                        "A shortest path to each end that is reached. 最短路径。",
                        [
                            Argument("from", "ID!"),
                            Argument("to", "[ID!]!"),
                            *steps,
                            Argument("maxDepth", "Int!", default=6),
                            as_of(),
                        ],
                    )
                ]
                if steps
                else []
            ),
            *learned.roots(self.builder),
            special("_entities", "[_Entity]!", "", [Argument("representations", "[_Any!]!")], prefixed=False),
            FieldSpec("_service", "_Service!"),
            FieldSpec(
                self.builder.names.root("ontology", "the built-in root ontology"),
                p + "Ontology!",
                "What the names mean. 本体。",
            ),
        ]

    def _entity_union(self) -> Any:
        self.builder.registry.output("_Service", [FieldSpec("sdl", "String!")])
        names = sorted(self.builder.object_types.values())
        self.builder.possible["_Entity"] = tuple(sorted(self.builder.object_types))
        self.builder.registry.output(
            self.builder.names.type("OntologyClass", "the built-in type OntologyClass"),
            [
                FieldSpec("name", "String!"),
                FieldSpec("iri", "String!"),
                FieldSpec("typeName", "String!"),
                FieldSpec("label", "String!", args=[Argument("language", "String!", default="en")]),
                FieldSpec("parents", "[String!]!"),
                FieldSpec("abstract", "Boolean!"),
            ],
        )
        self.builder.registry.output(
            self.builder.names.type("Ontology", "the built-in type Ontology"),
            [
                FieldSpec("hash", "String!", "Equal hashes mean equal meaning."),
                FieldSpec("classes", f"[{self.builder.prefix}OntologyClass!]!"),
            ],
        )
        return StrawberryUnion("_Entity", tuple(StrawberryAnnotation(self.builder.registry.types[n]) for n in names))
