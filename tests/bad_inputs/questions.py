# ruff: noqa: E501  a table reads better unbroken
"""Bad questions, ontologies, stores."""

from __future__ import annotations

from tests.bad_inputs.case import Case

PREFIXES = """@prefix : <https://example.org/yard#> .
@prefix jw: <https://jingwei.example/ns#> .
@prefix park: <https://jingwei.example/ontology#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
CRANE = ':Crane a owl:Class ; rdfs:subClassOf park:Thing ; rdfs:label "Crane"@en , "起重机"@zh '


def turtle(name: str, text: str) -> Case:
    return Case(name, ("ontology", "check", "yard.ttl"), files={"yard.ttl": PREFIXES + text}, shown=text.strip())


def asked(name: str, text: str, *more: str, **rest: object) -> Case:
    return Case(name, ("query", text, *more), **rest)  # type: ignore[arg-type]


LOAD = ':load a owl:DatatypeProperty ; rdfs:label "load"@en , "载荷"@zh .\n'
ONTOLOGIES = (
    turtle("Turtle that is none", ":Crane a owl:Class rdfs:label .\n"),
    turtle(
        "a parent that is not",
        ':Crane a owl:Class ; rdfs:subClassOf :Machine ; rdfs:label "Crane"@en , "起重机"@zh .\n',
    ),
    turtle(
        "a class that is its own ancestor",
        ':Crane a owl:Class ; rdfs:subClassOf :Hoist ; rdfs:label "Crane"@en , "起重机"@zh .\n'
        ':Hoist a owl:Class ; rdfs:subClassOf :Crane ; rdfs:label "Hoist"@en , "葫芦"@zh .\n',
    ),
    turtle("no Chinese label", ':Crane a owl:Class ; rdfs:subClassOf park:Thing ; rdfs:label "Crane"@en .\n'),
    turtle(
        "a constraint that is not known",
        CRANE
        + f"; sh:property [ sh:path :load ; sh:datatype xsd:double ; sh:maxCount 1 ; sh:lessThan :limit ] .\n{LOAD}",
    ),
    turtle(
        "a datatype that is not known",
        CRANE + f"; sh:property [ sh:path :load ; sh:datatype xsd:flaot ; sh:maxCount 1 ] .\n{LOAD}",
    ),
    turtle(
        "at least two of at most one",
        CRANE + f"; sh:property [ sh:path :load ; sh:datatype xsd:double ; sh:minCount 2 ; sh:maxCount 1 ] .\n{LOAD}",
    ),
    turtle(
        "a pattern that is none",
        CRANE + '; sh:property [ sh:path :code ; sh:datatype xsd:string ; sh:maxCount 1 ; sh:pattern "[A-" ] .\n'
        ':code a owl:DatatypeProperty ; rdfs:label "code"@en , "编号"@zh .\n',
    ),
    turtle(
        "a Chinese name without one for GraphQL",
        ':起重机 a owl:Class ; rdfs:subClassOf park:Thing ; rdfs:label "Crane"@en , "起重机"@zh .\n',
    ),
    turtle(
        "a relation from nowhere",
        ':lifts a jw:Relation ; rdfs:label "lifts"@en , "吊运"@zh ; rdfs:range park:Thing .\n',
    ),
)
QUESTIONS = (
    asked("a brace too few", "{ enterprises { totalCount }"),
    asked("a field misspelt", "{ enterprises { nodes { nmae } } }"),
    asked("a root misspelt", "{ enterprisez { totalCount } }"),
    asked("a filter misspelt", '{ enterprises(where: {nmae: {eq: "甲"}}) { totalCount } }'),
    asked("an operator misspelt", '{ enterprises(where: {name: {equals: "甲"}}) { totalCount } }'),
    asked("a value of another type", '{ enterprises(where: {employees: {gt: "many"}}) { totalCount } }'),
    asked("a page beyond the limit", "{ enterprises(first: 1000000) { nodes { id } } }"),
    asked("a page of less than nothing", "{ enterprises(first: -1) { nodes { id } } }"),
    asked(
        "a question too deep",
        "{ enterprises { nodes " + "{ suppliesTo { nodes " * 14 + "{ id }" + " } }" * 14 + " } }",
        shown="{ enterprises { nodes { suppliesTo { nodes { …   (14 times)",
    ),
    asked(
        "a question too wide",
        "{ " + " ".join(f"a{i}: enterprises {{ totalCount }}" for i in range(200)) + " }",
        shown="{ a0: enterprises { totalCount } a1: …   (200 times)",
    ),
    asked(
        "an answer too dear",
        "{ enterprises(first: 1000) { nodes { suppliesTo(first: 1000) { nodes { suppliesTo(first: 1000) { nodes { id } } } } } } }",
    ),
    asked(
        "a cursor that was changed",
        '{ enterprises(first: 1, after: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") { nodes { id } } }',
    ),
    asked("a variable that is missing", "query($n: Int!) { enterprises(first: $n) { totalCount } }"),
    asked("variables that are no JSON", "{ enterprises { totalCount } }", "--variables", "{n: 1}"),
    asked("an instant without a zone", '{ enterprises(asOf: {valid: "2025-04-01T00:00:00"}) { totalCount } }'),
    asked(
        "a system instant that is yet to come", '{ enterprises(asOf: {system: "2999-01-01T00:00:00Z"}) { totalCount } }'
    ),
    asked(
        "a polygon without an area",
        '{ plots(where: {geometry: {within: {type: "Polygon", coordinates: [[[121, 31], [122, 31], [121, 31]]]}}}) { totalCount } }',
    ),
    asked("a scheme that is not known", '{ lookup(identifiers: [{scheme: duns, value: "1"}]) { id } }'),
    asked("a mutation", "mutation { deleteEverything }"),
)
FIRM = "id,name\nf1,云栖示例材料有限公司\n"
STORES = (
    Case("a store that is not there", ("query", "{ __typename }", "--store", "sqlite:///none.db")),
    Case("a store of an unknown kind", ("query", "{ __typename }", "--store", "mongodb://park")),
    Case(
        "a file that is no store",
        ("query", "{ __typename }", "--store", "sqlite:///notes.db"),
        files={"notes.db": "no database, only notes " * 50},
    ),
    Case(
        "an archive that is none",
        ("restore", "park.archive", "--store", "sqlite:///new.db"),
        files={"park.archive": "no archive"},
    ),
    Case("a run that never was", ("retract", "run-1", "--store", "memory:")),
    Case(
        "a clock that goes back",
        ("load", "b.csv", "--class", "Enterprise", "--recorded-at", "2020-01-01T00:00:00Z"),
        files={"a.csv": FIRM, "b.csv": FIRM},
        before=(("load", "a.csv", "--class", "Enterprise"),),
        shown=FIRM.strip(),
    ),
    Case(
        "a recording that is yet to come",
        ("load", "b.csv", "--class", "Enterprise", "--recorded-at", "2999-01-01T00:00:00Z"),
        files={"b.csv": FIRM},
    ),
    Case(
        "an ontology that is not there",
        ("load", "b.csv", "--class", "Enterprise", "--ontology", "none.ttl"),
        files={"b.csv": FIRM},
    ),
    Case("a public address without keys", ("serve", "--demo", "--host", "0.0.0.0")),
)
