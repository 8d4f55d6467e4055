"""Types that every GraphQL schema has: enums of names, PageInfo, Node, claims, conflicts, paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api.graphql import meaning as m
from api.graphql.aggregates import OPERATIONS
from api.graphql.describe import describe
from api.graphql.names import is_enum
from api.graphql.registry import FieldSpec
from kg.query.algebra import Meta, MetaName
from kg.schema.types import ROOT_CLASS, Label

if TYPE_CHECKING:
    from api.graphql.types import TypeBuilder
    from kg.schema.types import Property


class SharedTypes:
    """Makes them for a builder, before any class."""

    def __init__(self, builder: TypeBuilder) -> None:
        self.builder = builder

    def make(self) -> None:
        p, add = self.builder.prefix, self.builder.registry.output
        classes = self.builder.schema.classes.values()
        self.builder.registry.enum(
            p + "ClassName", {c.name: describe(c.label, c.definition) for c in classes}, "A class. 类。"
        )
        steps = {s: r.label.zh for c in classes for s, r, _ in self.builder.schema.steps_from(c.name)}
        if steps:
            self.builder.registry.enum(
                p + "StepName", dict(sorted(steps.items())), "A relation as read from one end. 关系。"
            )
        if self.builder.schema.schemes:
            schemes = {s.name: describe(s.label, s.label, s.owner) for s in self.builder.schema.schemes.values()}
            self.builder.registry.enum(p + "Scheme", schemes, "An identifier scheme. 标识体系。")
        for prop in {p.name + p.owner: p for c in classes for p in c.properties}.values():
            self._enum(prop)
        for relation in self.builder.schema.relations.values():
            for prop in relation.properties:
                self._enum(prop)
        self.builder.registry.enum(
            p + "Provenance",
            {"stated": "A source describes it. 有来源描述。", "mentioned": "Only named by others so far. 仅被提及。"},
        )
        self.builder.registry.enum(p + "AggregateOp", OPERATIONS)
        self.builder.inputs.shared()
        part = m.Part
        add(
            "PageInfo",
            [
                FieldSpec("hasNextPage", "Boolean!", meaning=part("hasNextPage")),
                FieldSpec("hasPreviousPage", "Boolean!", meaning=part("hasPreviousPage")),
                FieldSpec("startCursor", "String", meaning=part("startCursor")),
                FieldSpec("endCursor", "String", meaning=part("endCursor")),
            ],
            "Where a page stands. 分页信息。",
            shareable=True,
        )
        identity = [FieldSpec("id", "ID!", "Opaque and stable. 不透明的稳定标识。", meaning=m.Value(Meta(MetaName.ID)))]
        self.builder.interface(
            p + "Node",
            identity,
            "Anything with an id. 任何有标识的对象。",
            (),
            self.builder.schema.concrete(ROOT_CLASS),
        )
        self._claims()

    def _enum(self, prop: Property) -> None:
        if is_enum(prop):
            labels = [describe(label, Label()) for label in prop.value_labels] or [""] * len(prop.values)
            self.builder.registry.enum(
                self.builder.names.enum_type(prop),
                dict(zip(prop.values, labels, strict=True)),
                describe(prop.label, prop.definition),
            )

    def _claims(self) -> None:
        def leaf(name: str, text: str, meta: MetaName, says: str = "") -> FieldSpec:
            return FieldSpec(name, text, says, meaning=m.OfClaim(meta))

        clocks = [leaf(n, "DateTime", MetaName(n)) for n in ("validFrom", "validTo", "systemFrom", "systemTo")]
        self.builder.registry.output(
            self.builder.names.type("Claim", "the built-in type Claim"),
            [
                leaf("source", "String!", MetaName.SOURCE, "Who says it. 来源。"),
                leaf("record", "String!", MetaName.RECORD, "The source's own name for it. 来源中的记录号。"),
                leaf("level", "Int!", MetaName.LEVEL, "Read from this level upward. 密级。"),
                leaf("confidence", "Float!", MetaName.CONFIDENCE),
                leaf("stated", "DateTime", MetaName.STATED, "The source's own statement date. 来源自述时刻。"),
                leaf("run", "String!", MetaName.RUN, "The load that brought it. 载入批次。"),
                leaf("properties", "JSON!", MetaName.PROPERTIES, "All that it says. 全部陈述。"),
                *clocks,
            ],
            "What one record of one source says. 一个来源的一条陈述。",
        )
        self.builder.registry.output(
            self.builder.names.type("Conflict", "the built-in type Conflict"),
            [
                leaf("property", "String!", MetaName.PROPERTY),
                leaf("value", "JSON", MetaName.VALUE),
                leaf("source", "String!", MetaName.SOURCE),
                leaf("record", "String!", MetaName.RECORD),
                leaf("level", "Int!", MetaName.LEVEL, "Read from this level upward. 密级。"),
                leaf("chosen", "Boolean!", MetaName.CHOSEN, "The resolved value is this one. 采用的值。"),
            ],
            "One of several values that records give for one property. 各来源不一致的取值之一。",
        )
        thing = self.builder.names.class_type(self.builder.schema.classes[ROOT_CLASS])
        self.builder.registry.output(
            self.builder.names.type("Path", "the built-in type Path"),
            [
                leaf("depth", "Int!", MetaName.DEPTH, "Number of hops. 跳数。"),
                leaf("via", "[String!]!", MetaName.VIA, "Relations along the path. 沿途关系。"),
                FieldSpec(
                    "nodes",
                    f"[{thing}!]!",
                    "Entities along the path, the start first. 沿途实体。",
                    meaning=m.Part("nodes"),
                ),
                FieldSpec("end", f"{thing}!", "The last one. 终点。", meaning=m.Part("end")),
            ],
            "A shortest path. 最短路径。",
        )
