# ruff: noqa: E501  a table reads better unbroken
"""What a change of the ontology breaks."""

from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import pytest

from kg.schema.compile import compile_files
from kg.schema.difference import SchemaChange, Severity, diff
from kg.schema.serialise import hashed
from kg.schema.types import Datatype, EntityClass, Label, Property, Relation, Schema, Scheme

PREFIXES = """@prefix : <https://example.org/yard#> .
@prefix jw: <https://jingwei.example/ns#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:Thing a owl:Class ; jw:abstract true ; rdfs:label "Thing"@en , "事物"@zh .
"""
YARD = """
:Yard a owl:Class ; rdfs:label "Yard"@en , "场地"@zh .
:Crane a owl:Class ; rdfs:label "Crane"@en , "起重机"@zh ; sh:property
  [ sh:path :load ; sh:datatype xsd:int ; sh:minInclusive 1 ; sh:maxCount 1 ] ,
  [ sh:path :status ; sh:datatype xsd:string ; sh:in ( "IDLE" "BUSY" ) ; sh:maxCount 1 ] .
:TowerCrane a owl:Class ; rdfs:subClassOf :Crane ; rdfs:label "Tower crane"@en , "塔吊"@zh .
:load a owl:DatatypeProperty ; rdfs:label "load"@en , "载荷"@zh .
:status a owl:DatatypeProperty ; rdfs:label "status"@en , "状态"@zh .
:standsIn a jw:Relation ; rdfs:domain :Crane ; rdfs:range :Yard ; rdfs:label "stands in"@en , "位于"@zh ;
  owl:inverseOf :holds ; jw:key :berth ; sh:property [ sh:path :berth ; sh:datatype xsd:string ; sh:maxCount 1 ] .
:holds rdfs:label "holds"@en , "容纳"@zh .
:berth a owl:DatatypeProperty ; rdfs:label "berth"@en , "泊位"@zh .
"""


def compiled(text: str) -> Schema:
    schema, problems = compile_files({"yard.ttl": (PREFIXES + text).encode()})
    assert schema is not None, problems
    return schema


def changed(old: str, new: str) -> dict[tuple[str, str], SchemaChange]:
    assert old in YARD
    found = diff(compiled(YARD), compiled(YARD.replace(old, new)))
    assert found == sorted(found, key=lambda c: -max(list(Severity).index(c.data), list(Severity).index(c.api)))
    return {(c.subject, c.kind): c for c in found}


CASES = {
    "datatype widened": ("sh:datatype xsd:int", "sh:datatype xsd:long", "Crane.load", "datatype changed", "check", "breaking"),
    "datatype": ("xsd:int ; sh:minInclusive 1", "xsd:string", "Crane.load", "datatype changed", "breaking", "breaking"),
    "tightened": ("sh:minInclusive 1", "sh:minInclusive 2", "Crane.load", "sh:minInclusive tightened", "check", "check"),
    "loosened": ("sh:minInclusive 1", "sh:minInclusive 0", "Crane.load", "sh:minInclusive loosened", "none", "notice"),
    "required": ("sh:minInclusive 1 ;", "sh:minInclusive 1 ; sh:minCount 1 ;", "Crane.load", "sh:minCount tightened", "check", "check"),
    "many": ("sh:minInclusive 1 ; sh:maxCount 1", "sh:minInclusive 1", "Crane.load", "cardinality changed", "check", "breaking"),
    "value gone": ('"IDLE" "BUSY"', '"IDLE"', "Crane.status", "values removed", "breaking", "breaking"),
    "value new": ('"IDLE" "BUSY"', '"IDLE" "BUSY" "OFF"', "Crane.status", "values added", "none", "check"),
    "list gone": (' ; sh:in ( "IDLE" "BUSY" )', "", "Crane.status", "values no longer listed", "none", "breaking"),
    "class gone": (':TowerCrane a owl:Class ; rdfs:subClassOf :Crane ; rdfs:label "Tower crane"@en , "塔吊"@zh .', "", "TowerCrane", "class removed", "breaking", "breaking"),
    "class new": (":Yard a", ':Shed a owl:Class ; rdfs:label "Shed"@en , "棚"@zh . :Yard a', "Shed", "class added", "none", "notice"),
    "abstract": (":Crane a owl:Class ;", ":Crane a owl:Class ; jw:abstract true ;", "Crane", "abstract changed", "breaking", "breaking"),
    "parent gone": (" rdfs:subClassOf :Crane ;", "", "TowerCrane", "ancestors changed", "check", "breaking"),
    "inherited gone": (" rdfs:subClassOf :Crane ;", "", "TowerCrane.load", "property removed", "breaking", "breaking"),
    "parent new": (":Yard a owl:Class ;", ":Yard a owl:Class ; rdfs:subClassOf :Crane ;", "Yard.load", "property added", "none", "notice"),
    "sensitive": (":load a owl:DatatypeProperty ;", ":load a owl:DatatypeProperty ; jw:sensitivity 2 ;", "Crane.load", "sensitivity raised", "none", "breaking"),
    "indexed": (":load a owl:DatatypeProperty ;", ":load a owl:DatatypeProperty ; jw:indexed true ;", "Crane.load", "indexed changed", "notice", "notice"),
    "unit": (":load a owl:DatatypeProperty ;", ':load a owl:DatatypeProperty ; jw:unit "t" ;', "Crane.load", "unit changed", "breaking", "breaking"),
    "key": (" jw:key :berth ;", "", "standsIn", "key changed", "breaking", "check"),
    "range": ("rdfs:range :Yard", "rdfs:range :Thing", "standsIn", "range changed", "none", "check"),
    "range narrower": ("rdfs:domain :Crane", "rdfs:domain :TowerCrane", "standsIn", "domain changed", "check", "breaking"),
    "range other": ("rdfs:range :Yard", "rdfs:range :Crane", "standsIn", "range changed", "breaking", "breaking"),
    "inverse gone": ("owl:inverseOf :holds ;", "", "standsIn", "inverse changed", "none", "breaking"),
    "relation property": ("sh:path :berth ; sh:datatype xsd:string", "sh:path :berth ; sh:datatype xsd:int", "standsIn.berth", "datatype changed", "breaking", "breaking"),
    "label": ('"起重机"@zh', '"吊车"@zh', "Crane", "label changed", "none", "notice"),
    "GraphQL name": (":Crane a owl:Class ;", ':Crane a owl:Class ; jw:graphqlName "Derrick" ;', "Crane", "GraphQL name changed", "none", "breaking"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_change(case: str) -> None:
    old, new, subject, kind, data, api = CASES[case]
    change = changed(old, new)[subject, kind]
    assert (change.data, change.api) == (data, api)
    assert subject in str(change)
    assert change.message


def test_an_inherited_change_is_told_once() -> None:
    assert list(changed("sh:minInclusive 1", "sh:minInclusive 2")) == [("Crane.load", "sh:minInclusive tightened")]
    assert {s for s, _ in changed('"载荷"@zh', '"荷载"@zh')} == {"Crane.load"}


def test_a_class_that_tightens_is_told_itself() -> None:
    tower = ":TowerCrane a owl:Class ;"
    shape = " sh:property [ sh:path :load ; sh:datatype xsd:int ; sh:maxInclusive 9 ; sh:maxCount 1 ] ;"
    assert list(changed(tower, tower + shape)) == [("TowerCrane.load", "sh:maxInclusive tightened")]


def test_removed_and_moved() -> None:
    shape = " [ sh:path :load ; sh:datatype xsd:int ; sh:minInclusive 1 ; sh:maxCount 1 ] "
    bare = YARD.replace(f" {shape},\n", "")
    assert bare != YARD
    gone = bare.replace(':load a owl:DatatypeProperty ; rdfs:label "load"@en , "载荷"@zh .', "")
    found = {(c.subject, c.kind): c for c in diff(compiled(YARD), compiled(gone))}
    assert found["Crane.load", "property removed"].data == Severity.BREAKING
    assert "`raw`" in found["Crane.load", "property removed"].message
    moved = compiled(bare + f":Thing sh:property {shape}.")
    assert ("Crane.load", "property moved up") in {(c.subject, c.kind) for c in diff(compiled(YARD), moved)}
    assert ("Crane.load", "property moved down") in {(c.subject, c.kind) for c in diff(moved, compiled(YARD))}


def test_a_renamed_class_is_proposed() -> None:
    renamed = compiled(YARD.replace(":TowerCrane", ":TowerDerrick"))
    found = {(c.subject, c.kind): c for c in diff(compiled(YARD), renamed)}
    assert "renamed to TowerDerrick" in found["TowerCrane", "class removed"].message


def test_a_name_that_changed_while_its_iri_stayed() -> None:
    first = compiled(YARD + ':仓库 a owl:Class ; jw:graphqlName "Store" ; rdfs:label "s"@en , "仓"@zh .')
    second = compiled(YARD + ':仓库 a owl:Class ; jw:graphqlName "Depot" ; rdfs:label "s"@en , "仓"@zh .')
    assert {c.kind for c in diff(first, second)} == {"class renamed", "GraphQL name changed"}


def test_equal_schemas_differ_in_nothing(schema: Schema) -> None:
    assert diff(schema, schema) == []


def other(value: object, field: str) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case Datatype():
            return Datatype.LONG
        case Label():
            return Label(value.en + "x", value.zh)
        case str():
            return value + "x"
        case int() | float():
            return value + 1
        case tuple() if field == "alignments":
            return (("exactMatch", "urn:x"),)
        case tuple() if field == "value_labels":
            return (Label("a"), Label("b"))
        case tuple() if field == "weights":
            return (1,)
        case tuple():
            return (*value, "x")
        case None:
            return 1
    raise AssertionError(field)


# Names are keys; owners and ancestors follow from the rest; which file says it changes no meaning.
DERIVED = {"name", "owner", "ancestors", "properties", "module"}


@pytest.mark.parametrize("field", sorted({f.name for f in fields(Property)} - DERIVED))
def test_no_field_of_a_property_is_forgotten(field: str) -> None:
    before = compiled(YARD)
    crane, relation = before.classes["Crane"], before.relations["standsIn"]
    for name in ("load", "status"):
        held = crane.property(name)
        assert held is not None
        properties = tuple(
            replace(p, **{field: other(getattr(p, field), field)}) if p.name == name else p for p in crane.properties
        )
        after = with_class(before, replace(crane, properties=properties))
        assert [c for c in diff(before, after) if c.subject == f"Crane.{name}"], field
    berth = replace(relation.properties[0], **{field: other(getattr(relation.properties[0], field), field)})
    after = with_relation(before, replace(relation, properties=(berth,)))
    assert [c for c in diff(before, after) if c.subject == "standsIn.berth"], field


@pytest.mark.parametrize("field", sorted({f.name for f in fields(EntityClass)} - DERIVED))
def test_no_field_of_a_class_is_forgotten(field: str) -> None:
    before = compiled(YARD)
    crane = before.classes["Crane"]
    after = with_class(before, replace(crane, **{field: other(getattr(crane, field), field)}))
    assert [c for c in diff(before, after) if c.subject == "Crane"], field


@pytest.mark.parametrize("field", sorted({f.name for f in fields(Relation)} - DERIVED))
def test_no_field_of_a_relation_is_forgotten(field: str) -> None:
    before = compiled(YARD)
    relation = before.relations["standsIn"]
    after = with_relation(before, replace(relation, **{field: other(getattr(relation, field), field)}))
    assert [c for c in diff(before, after) if c.subject == "standsIn"], field


@pytest.mark.parametrize("field", sorted({f.name for f in fields(Scheme)} - DERIVED))
def test_no_field_of_a_scheme_is_forgotten(schema: Schema, field: str) -> None:
    scheme = schema.schemes["uscc"]
    schemes = {**schema.schemes, "uscc": replace(scheme, **{field: other(getattr(scheme, field), field)})}
    after = hashed(replace(schema, schemes=MappingProxyType(schemes)))
    assert after.hash != schema.hash
    assert [c for c in diff(schema, after) if c.subject == "scheme uscc"], field


def test_levels() -> None:
    before = compiled(YARD)
    after = hashed(replace(before, level_names=before.level_names[:2]))
    (change,) = diff(before, after)
    assert (change.kind, change.data) == ("levels changed", "breaking")


def with_class(schema: Schema, cls: EntityClass) -> Schema:
    after = hashed(replace(schema, classes=MappingProxyType({**schema.classes, cls.name: cls})))
    assert after.hash != schema.hash
    return after


def with_relation(schema: Schema, relation: Relation) -> Schema:
    after = hashed(replace(schema, relations=MappingProxyType({**schema.relations, relation.name: relation})))
    assert after.hash != schema.hash
    return after
