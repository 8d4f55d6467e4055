"""The GraphQL types that follow from a Schema."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType

import pytest
from graphql import GraphQLEnumType, GraphQLInterfaceType, GraphQLObjectType, validate_schema

from api.graphql.names import lower_first, plural
from api.graphql.schema import GraphQLApi
from kg.errors import SchemaError
from kg.schema.types import Datatype, Schema
from kg.testing.schemas import PARK, ClassSpec, RelationSpec, build_schema, prop

THING = ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, "名称"),), abstract=True)
LAYERED = build_schema(
    (
        THING,
        ClassSpec("Device", "设备", properties=(prop("mode", Datatype.STRING, values=("on", "off")),)),
        ClassSpec("Sensor", "传感器", ("Device",), (prop("grade", Datatype.STRING, values=("一级", "二级")),)),
    ),
    (RelationSpec("partOf", "属于", "Device", "Device", "hasPart"),),
)


def test_it_is_valid(api: GraphQLApi) -> None:
    assert validate_schema(api.core) == []


def test_a_concrete_class_with_subclasses_has_an_interface_and_an_object_type() -> None:
    api = GraphQLApi(LAYERED)
    assert isinstance(api.core.type_map["Device"], GraphQLInterfaceType)
    own = api.core.type_map["DeviceObject"]
    assert isinstance(own, GraphQLObjectType)
    assert {i.name for i in own.interfaces} == {"Node", "Thing", "Device"}
    assert api.object_types == {"Device": "DeviceObject", "Sensor": "Sensor"}


def test_enums_are_named_after_the_class_that_declares_them() -> None:
    api = GraphQLApi(LAYERED)
    assert isinstance(api.core.type_map["DeviceMode"], GraphQLEnumType)
    sensor = api.core.type_map["Sensor"]
    assert isinstance(sensor, GraphQLObjectType)
    assert str(sensor.fields["mode"].type) == "DeviceMode"
    # Values that GraphQL cannot spell stay strings.
    assert str(sensor.fields["grade"].type) == "String"


def test_properties_may_be_absent_in_output(api: GraphQLApi) -> None:
    enterprise = api.core.type_map["Enterprise"]
    assert isinstance(enterprise, GraphQLObjectType)
    assert {p.name: str(enterprise.fields[p.name].type) for p in PARK.classes["Enterprise"].properties} == {
        "alias": "[String!]",
        "attributes": "JSON",
        "checkedAt": "DateTime",
        "employees": "Int",
        "founded": "Date",
        "industry": "String",
        "listed": "Boolean",
        "location": "GeoJSON",
        "name": "String",
        "registeredCapital": "Float",
        "revenue": "Float",
        "status": "OrganisationStatus",
        "tags": "[String!]",
        "uscc": "String",
    }


def test_federation(api: GraphQLApi) -> None:
    assert 'type Enterprise implements Node & Organisation & Thing @key(fields: "id") @key(fields: "uscc") {' in api.sdl
    assert "type PageInfo @shareable {" in api.sdl
    assert "federation/v2" in api.sdl


def test_descriptions_are_bilingual(api: GraphQLApi) -> None:
    for type_ in api.core.type_map.values():
        if isinstance(type_, GraphQLObjectType) and type_.name in PARK.classes:
            assert re.search(r"[\u4e00-\u9fff]", type_.description or ""), type_.name
            assert re.search(r"[A-Za-z]", type_.description or ""), type_.name


def test_prefixes() -> None:
    api = GraphQLApi(PARK, type_prefix="Park", field_prefix="park")
    names = [n for n in api.core.type_map if not n.startswith(("_", "link__"))]
    shared = {
        "Query",
        "PageInfo",
        "String",
        "Int",
        "Float",
        "Boolean",
        "ID",
        "Long",
        "Date",
        "DateTime",
        "GeoJSON",
        "JSON",
    }
    assert [n for n in names if not n.startswith("Park") and n not in shared] == []
    assert api.core.query_type is not None
    assert [f for f in api.core.query_type.fields if not f.startswith(("park", "_"))] == []
    assert "parkEnterprises" in api.core.query_type.fields


def _with_relation(name: str) -> Schema:
    relation = replace(PARK.relations["produces"], name=name)
    return replace(PARK, relations=MappingProxyType({**PARK.relations, name: relation}))


@pytest.mark.parametrize("name", ["name", "claims", "id", "and", "locationGrid"])
def test_names_that_collide_are_refused(name: str) -> None:
    with pytest.raises(SchemaError) as caught:
        GraphQLApi(_with_relation(name))
    assert "Rename" in caught.value.remedy


def test_a_name_that_graphql_cannot_spell_is_refused() -> None:
    with pytest.raises(SchemaError, match="no GraphQL name"):
        GraphQLApi(build_schema((THING, ClassSpec("企业", "企业"))))


@pytest.mark.parametrize(
    ("name", "first", "many"),
    [("Enterprise", "enterprise", "enterprises"), ("Policy", "policy", "policies"), ("IOTDevice", "iotDevice", "iotDevices"),  # noqa: E501
     ("Process", "process", "processes"), ("Highway", "highway", "highways"), ("POI", "poi", "pois")],
)  # fmt: skip
def test_root_names(name: str, first: str, many: str) -> None:
    assert lower_first(name) == first
    assert plural(first) == many
