"""Schemas made by hand for tests: a builder that works out inheritance, and `PARK`, a small park.

Production schemas come from Turtle (`kg.schema`); these need no file and are quick to read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from kg.schema.types import ROOT_CLASS, Datatype, EntityClass, Label, Property, Relation, Schema, Scheme

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BASE = "https://example.org/park#"


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """A class with its own properties only."""

    name: str
    zh: str
    parents: tuple[str, ...] = (ROOT_CLASS,)
    properties: tuple[Property, ...] = ()
    abstract: bool = False
    sensitivity: int = 0


@dataclass(frozen=True, slots=True)
class RelationSpec:
    """A relation; the owner of its properties is filled in."""

    name: str
    zh: str
    domain: str
    range: str
    inverse: str = ""
    inverse_zh: str = ""
    properties: tuple[Property, ...] = ()
    key: tuple[str, ...] = ()
    sensitivity: int = 0
    extra: Mapping[str, object] = field(default_factory=dict)


def prop(name: str, datatype: Datatype, zh: str = "", **rest: object) -> Property:
    """A property without its owner; `many=True` lifts maxCount."""
    made = Property(name, BASE + name, "", datatype, Label(name, zh))
    if rest.get("many"):
        rest.setdefault("max_count", None)
    return replace(made, **rest)  # type: ignore[arg-type]


def build_schema(
    classes: Iterable[ClassSpec], relations: Iterable[RelationSpec] = (), schemes: Iterable[Scheme] = ()
) -> Schema:
    """A Schema from own declarations; parents stand before children. KeyError for an unknown parent."""
    made: dict[str, EntityClass] = {}
    for spec in classes:
        made[spec.name] = _entity_class(spec, made)
    rel = {spec.name: _relation(spec) for spec in relations}
    sch = {scheme.name: scheme for scheme in schemes}
    for name in {end for relation in rel.values() for end in (relation.domain, relation.range)} - made.keys():
        raise KeyError(name)
    digest = hashlib.sha256(repr((sorted(made.items()), sorted(rel.items()), sorted(sch.items()))).encode())
    return Schema(
        digest.hexdigest(), MappingProxyType(made), MappingProxyType(rel), MappingProxyType(sch), {"park": BASE}
    )


def _entity_class(spec: ClassSpec, known: Mapping[str, EntityClass]) -> EntityClass:
    parents = () if spec.name == ROOT_CLASS else tuple(sorted(spec.parents))
    ancestors: dict[str, None] = dict.fromkeys(parents)
    for parent in parents:
        ancestors.update(dict.fromkeys(known[parent].ancestors))
    own = {p.name: replace(p, owner=spec.name) for p in spec.properties}
    inherited = {p.name: p for parent in parents for p in known[parent].properties}
    both = {**inherited, **own}
    return EntityClass(
        name=spec.name,
        iri=BASE + spec.name,
        label=Label(spec.name, spec.zh),
        parents=parents,
        # Nearest first: a class stands behind all that descend from it.
        ancestors=tuple(sorted(ancestors, key=lambda name: (-len(known[name].ancestors), name))),
        abstract=spec.abstract,
        properties=tuple(both[name] for name in sorted(both)),
        sensitivity=spec.sensitivity,
        module="park",
        graphql_name=spec.name,
    )


def _relation(spec: RelationSpec) -> Relation:
    made = Relation(
        name=spec.name,
        iri=BASE + spec.name,
        label=Label(spec.name, spec.zh),
        domain=spec.domain,
        range=spec.range,
        inverse=spec.inverse,
        inverse_label=Label(spec.inverse, spec.inverse_zh),
        properties=tuple(
            sorted((replace(p, owner=spec.name) for p in spec.properties), key=lambda p: p.name),
        ),
        key=spec.key,
        sensitivity=spec.sensitivity,
    )
    return replace(made, **spec.extra)  # type: ignore[arg-type]


USCC = Scheme(
    name="uscc",
    iri=BASE + "uscc",
    label=Label("Unified social credit code", "统一社会信用代码"),
    pattern="[0-9A-HJ-NPQRTUWXY]{18}",
    alphabet="0123456789ABCDEFGHJKLMNPQRTUWXY",
    weights=(1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28),
    modulus=31,
    check_alphabet="0123456789ABCDEFGHJKLMNPQRTUWXY",
    upper=True,
    strip=" -",
    owner="State Administration for Market Regulation",
)
"""GB 32100-2015, clause 4."""

PLOT_NUMBER = Scheme(
    name="plotNumber",
    iri=BASE + "plotNumber",
    label=Label("Plot number", "地块编号"),
    pattern="[A-Z]{1,2}-[0-9]{2,4}",
    upper=True,
)

STATUS = ("active", "suspended", "revoked")

PARK = build_schema(
    classes=(
        ClassSpec(
            ROOT_CLASS,
            "事物",
            abstract=True,
            properties=(
                prop("name", Datatype.STRING, "名称", indexed=True, searchable=True),
                prop("alias", Datatype.STRING, "别名", many=True, searchable=True),
                prop("attributes", Datatype.JSON, "其他属性", sensitivity=1),
            ),
        ),
        ClassSpec(
            "Organisation",
            "组织",
            abstract=True,
            properties=(
                prop("uscc", Datatype.STRING, "统一社会信用代码", scheme="uscc", indexed=True),
                prop("founded", Datatype.DATE, "成立日期", indexed=True),
                prop("status", Datatype.STRING, "状态", values=STATUS, indexed=True),
                prop("location", Datatype.GEOMETRY, "位置", indexed=True),
            ),
        ),
        ClassSpec(
            "Enterprise",
            "企业",
            ("Organisation",),
            (
                prop("registeredCapital", Datatype.DOUBLE, "注册资本", unit="CNY", indexed=True, min_inclusive=0.0),
                prop("employees", Datatype.INTEGER, "员工数", indexed=True, min_inclusive=0),
                prop("revenue", Datatype.DOUBLE, "营业收入", unit="CNY", sensitivity=2),
                prop("listed", Datatype.BOOLEAN, "是否上市"),
                prop("tags", Datatype.STRING, "标签", many=True, indexed=True),
                prop("checkedAt", Datatype.INSTANT, "核查时刻"),
                prop("industry", Datatype.STRING, "行业代码", indexed=True),
            ),
        ),
        ClassSpec(
            "Institution",
            "机构",
            ("Organisation",),
            (
                prop("kind", Datatype.STRING, "类别", values=("university", "laboratory", "agency")),
                prop("budget", Datatype.LONG, "预算", unit="CNY"),
            ),
        ),
        ClassSpec(
            "Product",
            "产品",
            properties=(
                prop("code", Datatype.STRING, "编码", pattern="[0-9]{4,10}", indexed=True),
                prop("price", Datatype.DOUBLE, "价格", unit="CNY"),
            ),
        ),
        ClassSpec(
            "Plot",
            "地块",
            properties=(
                prop("plotNumber", Datatype.STRING, "地块编号", scheme="plotNumber", indexed=True),
                prop("geometry", Datatype.GEOMETRY, "边界", indexed=True),
                prop("area", Datatype.DOUBLE, "面积", unit="m2", min_exclusive=0.0),
                prop("landUse", Datatype.STRING, "用途", values=("industrial", "research", "residential", "green")),
            ),
        ),
    ),
    relations=(
        RelationSpec(
            "suppliesTo",
            "供应",
            "Enterprise",
            "Enterprise",
            "suppliedBy",
            "供应商",
            (
                prop("product", Datatype.ENTITY, "产品", target="Product"),
                prop("share", Datatype.DOUBLE, "份额", min_inclusive=0.0, max_inclusive=1.0, indexed=True),
                prop("qualification", Datatype.STRING, "资质", sensitivity=1),
            ),
            ("product",),
        ),
        RelationSpec(
            "produces",
            "生产",
            "Enterprise",
            "Product",
            "producedBy",
            "生产者",
            (prop("capacity", Datatype.DOUBLE, "产能"),),
        ),
        RelationSpec("locatedIn", "位于", "Organisation", "Plot", "contains", "包含"),
    ),
    schemes=(USCC, PLOT_NUMBER),
)
"""Enterprises and institutions under Organisation, products, plots; supply with a key product."""
