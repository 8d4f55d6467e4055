# ruff: noqa: E501, ISC004  a table of Turtle reads better unbroken
"""Each thing that can be wrong with an ontology, with its message; all of them are reported together."""

import pickle
from pathlib import Path

import pytest

from kg.errors import SchemaError
from kg.schema.compile import compile_files, compile_schema, read_files
from kg.schema.pinyin import proposal
from kg.schema.problems import OntologyError, SchemaProblem, suggestion
from kg.schema.types import Datatype, Schema

PREFIXES = """@prefix : <https://example.org/yard#> .
@prefix jw: <https://jingwei.example/ns#> .
@prefix geo: <http://www.opengis.net/ont/geosparql#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
BASE = """
:Thing a owl:Class ; rdfs:label "Thing"@en , "事物"@zh ; sh:property [ sh:path :name ; sh:datatype xsd:string ; sh:maxCount 1 ] .
:name a owl:DatatypeProperty ; rdfs:label "name"@en , "名称"@zh .
:Yard a owl:Class ; rdfs:label "Yard"@en , "场地"@zh .
:Crane a owl:Class ; rdfs:label "Crane"@en , "起重机"@zh .
"""
STANDS = """
:standsIn a jw:Relation ; rdfs:domain :Crane ; rdfs:range :Yard ; rdfs:label "stands in"@en , "位于"@zh """
LOAD = ' :load a owl:DatatypeProperty ; rdfs:label "load"@en , "载荷"@zh .'
CODE = ':code a jw:IdentifierScheme ; rdfs:label "Code"@en , "代码"@zh ; jw:alphabet "0123456789" ; jw:checkAlphabet "0123456789X" ; '


def problems(text: str) -> tuple[SchemaProblem, ...]:
    return compile_files({"yard.ttl": (PREFIXES + BASE + text).encode()})[1]


def compiled(text: str) -> Schema:
    schema, found = compile_files({"yard.ttl": (PREFIXES + BASE + text).encode()})
    assert not found, "\n".join(map(str, found))
    assert schema is not None
    return schema


def with_load(shape: str, rest: str = "") -> str:
    return f":Crane sh:property [ sh:path :load ; {shape} ] . {LOAD} {rest}"


# Turtle added to the base → (part of the subject, part of the message, part of the remedy).
CASES: dict[str, tuple[str, str, str, str]] = {
    # classes
    "unknown parent": (":Crane rdfs:subClassOf :Yrad .", ":Crane", "no such class", "'Yard'"),
    "cycle": (
        ":Crane rdfs:subClassOf :Yard . :Yard rdfs:subClassOf :Crane .",
        ":Crane",
        "is its own ancestor: Crane → Yard → Crane",
        "Remove",
    ),
    "own parent": (":Crane rdfs:subClassOf :Crane .", ":Crane", "Crane → Crane", "Remove"),
    "restriction": (":Crane rdfs:subClassOf [ a owl:Restriction ] .", ":Crane", "unnamed class", "SHACL"),
    "no label": (":Hut a owl:Class .", ":Hut", "has no label in Chinese", "@zh"),
    "one label": (':Hut a owl:Class ; rdfs:label "Hut"@en .', ":Hut", "has no label in Chinese", "@zh"),
    "label without language": (
        ':Hut a owl:Class ; rdfs:label "Hut" , "Hut"@en , "屋"@zh .',
        ":Hut",
        "names no language",
        "@en or @zh",
    ),
    "two labels": (':Crane rdfs:label "Derrick"@en .', ":Crane", "two texts in 'en'", "Keep one"),
    "Chinese name": (
        ':仓库 a owl:Class ; rdfs:label "Store"@en , "仓库"@zh .',
        ":仓库",
        "cannot be the name of a class",
        '"CangKu"',
    ),
    "name that is no name": (
        ':Hut a owl:Class ; rdfs:label "Hut"@en , "屋"@zh ; jw:graphqlName "my hut" .',
        ":Hut",
        "is no name in GraphQL",
        "Letters",
    ),
    "GraphQL name twice": (':Crane jw:graphqlName "yard" .', ":Yard", "GraphQL name 'Yard' is that of Crane", "another"),
    "two names but for case": (
        ':YARD a owl:Class ; rdfs:label "Y"@en , "场"@zh .',
        ":Yard",
        "another class is called 'YARD'",
        "another local name",
    ),
    "wrong abstract": (':Crane jw:abstract "yes" .', ":Crane", "must be true or false", ""),
    "unknown level": (":Crane jw:sensitivity 9 .", ":Crane", "is no level", "0 to 3"),
    "stray annotation": (":Crane jw:indexed true .", ":Crane", "jw:indexed is not a term for a class", ""),
    "unknown annotation": (":Crane jw:abstrakt true .", ":Crane", "jw:abstrakt", "'abstract'"),
    "unknown type": (":x a jw:Relatoin .", ":x", "no type of Jingwei", "'Relation'"),
    "annotation on nothing": (":x jw:unit \"m\" .", ":x", "stands on something", "Say what it is"),
    # shapes
    "unknown target": (":S a sh:NodeShape ; sh:targetClass :Crain .", ":S", "no such class", "'Crane'"),
    "shape without class": (
        f":S a sh:NodeShape ; sh:property [ sh:path :load ; sh:datatype xsd:int ] .{LOAD}",
        ":S",
        "a shape without a class",
        "sh:targetClass",
    ),
    "loose property shape": (f"[] sh:path :load ; sh:datatype xsd:int .{LOAD}", "unnamed", "no class uses", "Attach"),
    "unknown constraint": (
        with_load("sh:datatype xsd:int ; sh:maxCount 1 ; sh:lessThan :name"),
        ":Crane :load",
        "sh:lessThan is not among the constraints",
        "jw:pyshaclOnly",
    ),
    "misspelt constraint": (
        with_load("sh:datatype xsd:int ; sh:maxCont 1"),
        ":Crane :load",
        "sh:maxCont",
        "'maxCount'",
    ),
    "unknown node constraint": (":Crane sh:not [ sh:class :Yard ] ; sh:closed true .", ":Crane", "sh:not", ""),
    "warning": (
        with_load("sh:datatype xsd:int ; sh:severity sh:Warning"),
        ":Crane :load",
        "sh:severity other than",
        "Drop it",
    ),
    "path of two steps": (
        ":Crane sh:property [ sh:path ( :load :name ) ; sh:datatype xsd:int ] .",
        ":Crane",
        "more than one property",
        "jw:pyshaclOnly",
    ),
    "no path": (":Crane sh:property [ sh:datatype xsd:int ] .", ":Crane", "has no path", ""),
    "undeclared property": (
        ":Crane sh:property [ sh:path :load ; sh:datatype xsd:int ] .",
        ":Crane :load",
        "its sh:path :load is declared nowhere",
        "owl:DatatypeProperty",
    ),
    "unused property": (LOAD, ":load", "no shape uses it", "sh:property"),
    "no datatype": (with_load("sh:maxCount 1"), ":Crane :load", "neither sh:datatype nor sh:class", "xsd:int"),
    "unknown datatype": (with_load("sh:datatype xsd:duration"), ":Crane :load", "xsd:duration is not supported", ""),
    "misspelt datatype": (with_load("sh:datatype xsd:sting"), ":Crane :load", "xsd:sting", "'xsd:string'"),
    "range and datatype": (
        with_load("sh:datatype xsd:int", ":load rdfs:range xsd:double ."),
        ":Crane :load",
        "contradicts rdfs:range xsd:double",
        "equal",
    ),
    "node kind": (
        with_load("sh:datatype xsd:int ; sh:nodeKind sh:IRI"),
        ":Crane :load",
        "sh:nodeKind sh:IRI contradicts",
        "",
    ),
    "entity without relation": (with_load("sh:class :Yard ; sh:maxCount 1"), ":Crane :load", "no relation", "jw:Relation"),
    "class and datatype": (with_load("sh:class :Yard ; sh:datatype xsd:int"), ":Crane :load", "both sh:class", ""),
    "counts": (with_load("sh:datatype xsd:int ; sh:minCount 3 ; sh:maxCount 2"), ":Crane :load", "is more than", ""),
    "negative count": (with_load("sh:datatype xsd:int ; sh:minCount -1"), ":Crane :load", "whole number from 0", ""),
    "many geometries": (with_load("sh:datatype geo:wktLiteral"), ":Crane :load", "holds one value", "sh:maxCount 1"),
    "broken pattern": (
        with_load('sh:datatype xsd:string ; sh:pattern "[a-"'),
        ":Crane :load",
        "no regular expression",
        "Escape",
    ),
    "unknown flag": (with_load('sh:datatype xsd:string ; sh:pattern "a" ; sh:flags "q"'), ":Crane :load", "sh:flags", ""),
    "pattern on a number": (with_load('sh:datatype xsd:int ; sh:pattern "a"'), ":Crane :load", "are for strings", ""),
    "lengths": (
        with_load("sh:datatype xsd:string ; sh:minLength 5 ; sh:maxLength 4"),
        ":Crane :load",
        "sh:minLength 5 is more than sh:maxLength 4",
        "",
    ),
    "values of numbers": (with_load("sh:datatype xsd:int ; sh:in ( 1 2 )"), ":Crane :load", "sh:in", "sh:minInclusive"),
    "values twice": (with_load('sh:datatype xsd:string ; sh:in ( "A" "A" )'), ":Crane :load", "a value twice", ""),
    "values without list": (with_load('sh:datatype xsd:string ; sh:in "A"'), ":Crane :load", "list in round", ""),
    "value without label": (
        with_load('sh:datatype xsd:string ; sh:in ( "A" "B" ) ; '
                  'jw:value [ skos:notation "A" ; rdfs:label "a"@en , "甲"@zh ]'),
        ":Crane :load", "the value 'B' has no label", "jw:value [",
    ),
    "label of no value": (
        with_load('sh:datatype xsd:string ; sh:in ( "ABLE" ) ; jw:value [ skos:notation "ABEL" ; rdfs:label "a"@en , "甲"@zh ]'),
        ":Crane :load", "'ABEL' is not in sh:in", "'ABLE'",
    ),
    "bound of another type": (
        with_load('sh:datatype xsd:int ; sh:minInclusive "low"'),
        ":Crane :load",
        "does not fit the datatype integer",
        "",
    ),
    "bound with a fraction": (with_load("sh:datatype xsd:int ; sh:minInclusive 1.5"), ":Crane :load", "does not fit", ""),
    "bound of a text": (with_load("sh:datatype xsd:string ; sh:minInclusive 1"), ":Crane :load", "does not fit", "Only"),
    "impossible date": (
        with_load('sh:datatype xsd:date ; sh:minInclusive "2023-02-30"^^xsd:date'),
        ":Crane :load",
        "does not fit the datatype date",
        "",
    ),
    "empty range": (
        with_load("sh:datatype xsd:int ; sh:minExclusive 3 ; sh:maxInclusive 3"),
        ":Crane :load",
        "leave no value",
        "",
    ),
    "reserved name": (
        ':Crane sh:property [ sh:path :validFrom ; sh:datatype xsd:date ] . :validFrom a owl:DatatypeProperty ; '
        'rdfs:label "v"@en , "v"@zh .',
        ":validFrom", "every entity has already", "Choose",
    ),
    "two values": (with_load("sh:datatype xsd:int , xsd:long"), ":Crane :load", "has two values", "Keep one"),
    # annotations
    "unknown scheme": (with_load("sh:datatype xsd:string ; jw:scheme :code"), ":Crane :load", "no jw:IdentifierScheme", ""),
    "searchable number": (with_load("sh:datatype xsd:int ; jw:searchable true"), ":Crane :load", "jw:searchable", ""),
    "indexed JSON": (
        with_load("sh:datatype rdf:JSON ; sh:maxCount 1 ; jw:indexed true"),
        ":Crane :load",
        "jw:indexed does not go",
        "JSON",
    ),
    "unit of a text": (with_load('sh:datatype xsd:string ; jw:unit "m"'), ":Crane :load", "jw:unit", "Only numbers"),
    "unit that is no text": (with_load("sh:datatype xsd:int ; jw:unit :m"), ":Crane :load", "text in quotes", ""),
    # inheritance
    "another datatype below": (
        with_load("sh:datatype xsd:int", ":Yard rdfs:subClassOf :Crane ; sh:property "
                  "[ sh:path :load ; sh:datatype xsd:double ] ."),
        ":Yard :load", "is double here and integer on Crane", "one meaning",
    ),
    "from two parents": (
        with_load("sh:datatype xsd:int", ':Yard sh:property [ sh:path :load ; sh:datatype xsd:int ] . '
                  ':Both a owl:Class ; rdfs:subClassOf :Yard , :Crane ; rdfs:label "B"@en , "两"@zh .'),
        ":load", "Both would inherit 'load' from both", "common ancestor",
    ),
    "other unit below": (
        with_load('sh:datatype xsd:int ; jw:unit "t"', ':Yard rdfs:subClassOf :Crane ; sh:property '
                  '[ sh:path :load ; sh:datatype xsd:int ; jw:unit "kg" ] .'),
        ":Yard :load", "jw:unit 'kg' differs from 't' on Crane", "Keep one",
    ),
    "scheme only below": (
        ':Yard sh:property [ sh:path :name ; sh:datatype xsd:string ; sh:maxCount 1 ; jw:scheme :code ] . '
        ':code a jw:IdentifierScheme ; jw:pattern "[0-9]+" ; rdfs:label "C"@en , "码"@zh .',
        ":Yard :name", "given here, but not on Thing", "Move it",
    ),
    "index only below": (
        ":Yard sh:property [ sh:path :name ; sh:datatype xsd:string ; sh:maxCount 1 ; jw:indexed true ] .",
        ":Yard :name", "jw:indexed is given here, but not on Thing", "Move it",
    ),
    "mistyped namespace": (
        ":Crane rdfs:subClassOf <https://example.org/yards#Machine> .",
        ":Crane", "its namespace is nearly https://example.org/yard#", "Correct the prefix",
    ),
    "no common value": (
        with_load('sh:datatype xsd:string ; sh:in ( "A" )', ':Yard rdfs:subClassOf :Crane ; sh:property '
                  '[ sh:path :load ; sh:datatype xsd:string ; sh:in ( "B" ) ] .'),
        ":Yard :load", "has no value in common with Crane", "",
    ),
    "range that closes": (
        with_load("sh:datatype xsd:int ; sh:maxInclusive 3", ":Yard rdfs:subClassOf :Crane ; sh:property "
                  "[ sh:path :load ; sh:datatype xsd:int ; sh:minInclusive 4 ] ."),
        ":Yard :load", "leave no value, Crane considered", "Widen",
    ),
    "count that closes": (
        with_load("sh:datatype xsd:int ; sh:maxCount 1", ":Yard rdfs:subClassOf :Crane ; sh:property "
                  "[ sh:path :load ; sh:datatype xsd:int ; sh:minCount 2 ] ."),
        ":Yard :load", "needs at least 2 and at most 1", "",
    ),
    "names but for case": (
        with_load("sh:datatype xsd:int", ':Crane sh:property [ sh:path :LOAD ; sh:datatype xsd:int ] . '
                  ':LOAD a owl:DatatypeProperty ; rdfs:label "L"@en , "载"@zh .'),
        ":Crane", "differ only in upper and lower case", "Rename",
    ),
    # relations
    "no domain": (':r a jw:Relation ; rdfs:range :Yard ; rdfs:label "r"@en , "r"@zh .', ":r", "has no rdfs:domain", ""),
    "unknown range": (
        ':r a jw:Relation ; rdfs:domain :Yard ; rdfs:range :Crain ; rdfs:label "r"@en , "r"@zh .',
        ":r",
        "rdfs:range :Crain is not a class",
        "#Crane'",
    ),
    "unknown key": (STANDS + "; jw:key :load .", ":standsIn", "jw:key :load is not a property", "sh:property"),
    "key of many": (
        STANDS + f"; jw:key :load ; sh:property [ sh:path :load ; sh:datatype xsd:int ] . {LOAD}",
        ":standsIn",
        "may have many values",
        "sh:maxCount 1",
    ),
    "unknown target of a property": (
        STANDS + f"; sh:property [ sh:path :load ; sh:class :Cran ; sh:maxCount 1 ] . {LOAD}",
        ":standsIn :load",
        "sh:class :Cran is not a class",
        "Crane",
    ),
    "property twice": (
        STANDS + f"; sh:property [ sh:path :load ; sh:datatype xsd:int ] , [ sh:path :load ; sh:datatype xsd:int ; "
        f"sh:maxCount 1 ] . {LOAD}",
        ":standsIn", "two shapes for its property 'load'", "",
    ),
    "symmetric with two classes": (STANDS + "; a owl:SymmetricProperty .", ":standsIn", "two ends are of different", ""),
    "symmetric with inverse": (
        ':r a jw:Relation , owl:SymmetricProperty ; rdfs:domain :Yard ; rdfs:range :Yard ; rdfs:label "r"@en , "r"@zh ; '
        'owl:inverseOf :q . :q rdfs:label "q"@en , "q"@zh .',
        ":r", "symmetric and has an inverse", "drop",
    ),
    "inverse is a relation": (
        STANDS + '; owl:inverseOf :holds . :holds a jw:Relation ; rdfs:domain :Yard ; rdfs:range :Crane ; '
        'rdfs:label "h"@en , "h"@zh .',
        ":standsIn", "is a jw:Relation itself", "owl:ObjectProperty only",
    ),
    "inverse without label": (STANDS + "; owl:inverseOf :holds .", ":holds", "has no label in English", "@en"),
    "relation like a property": (
        ':name2 a jw:Relation ; rdfs:domain :Crane ; rdfs:range :Yard ; rdfs:label "n"@en , "n"@zh ; '
        'owl:inverseOf :name . ',
        ":name2", "'name' is also a property of", "Rename",
    ),
    "relation like a class": (
        '<https://example.org/other#Yard> a jw:Relation ; rdfs:domain :Crane ; rdfs:range :Yard ; rdfs:label "n"@en , "n"@zh .',
        "Yard", "is the name of a class, too", "Rename",
    ),
    "object property": (
        ':near a owl:ObjectProperty ; rdfs:label "n"@en , "n"@zh .',
        ":near",
        "owl:ObjectProperty that nothing uses",
        "jw:Relation",
    ),
    "cardinality elsewhere": (
        STANDS + ". :Yard sh:property [ sh:path :standsIn ; sh:minCount 1 ] .",
        ":Yard :standsIn",
        "but it starts at Crane",
        "Put the shape on Crane",
    ),
    "cardinality with datatype": (
        STANDS + ". :Crane sh:property [ sh:path :standsIn ; sh:datatype xsd:int ] .",
        ":Crane :standsIn",
        "sh:datatype is not a term for a shape whose path is a relation",
        "",
    ),
    "cardinality with another class": (
        STANDS + ". :Crane sh:property [ sh:path :standsIn ; sh:class :Crane ] .",
        ":Crane :standsIn",
        "is not the range of 'standsIn'",
        "",
    ),
    # identifier schemes
    "scheme without pattern": (':code a jw:IdentifierScheme ; rdfs:label "C"@en , "码"@zh .', ":code", "no jw:pattern", ""),
    "broken scheme pattern": (
        ':code a jw:IdentifierScheme ; jw:pattern "(" ; rdfs:label "C"@en , "码"@zh .',
        ":code",
        "no regular expression",
        "",
    ),
    "half a checksum": (CODE + 'jw:pattern "[0-9X]+" .', ":code", "needs jw:weights and jw:modulus too", "all four"),
    "check alphabet too short": (
        CODE + 'jw:pattern "[0-9X]+" ; jw:modulus 13 ; jw:weights ( 2 3 ) .',
        ":code",
        "has 11 characters, jw:modulus is 13",
        "each remainder",
    ),
    "idle weight": (
        CODE + 'jw:pattern "[0-9X]+" ; jw:modulus 11 ; jw:weights ( 2 11 ) .',
        ":code",
        "a weight is a multiple of 11",
        "",
    ),
    "weights that are no numbers": (
        CODE + 'jw:pattern "[0-9X]+" ; jw:modulus 11 ; jw:weights ( "a" ) .',
        ":code",
        "something else than whole numbers",
        "",
    ),
    "no example": (
        CODE + 'jw:pattern "[0-9X]+" ; jw:modulus 11 ; jw:weights ( 2 3 ) .',
        ":code",
        "no skos:example",
        "proves the tables",
    ),
    "wrong example": (
        CODE + 'jw:pattern "[0-9X]+" ; jw:modulus 11 ; jw:weights ( 2 3 ) ; skos:example "124" .',
        ":code",
        "'124' does not conform: not a Code: the check character is '4', the other characters give '3'",
        "or the tables",
    ),
    "example of another length": (
        CODE + 'jw:pattern "[0-9X]+" ; jw:modulus 11 ; jw:weights ( 2 3 ) ; skos:example "1234" .',
        ":code",
        "does not conform",
        "",
    ),
    # levels
    "level with a gap": (
        ':l a jw:SensitivityLevel ; jw:rank 1 ; rdfs:label "l"@en , "级"@zh .',
        ":l",
        "levels have the ranks [1]",
        "from 0",
    ),
    "level without rank": (':l a jw:SensitivityLevel ; rdfs:label "l"@en , "级"@zh .', ":l", "no jw:rank", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_problem(case: str) -> None:
    text, subject, message, remedy = CASES[case]
    found = problems(text)
    assert [p for p in found if subject in p.subject and message in p.message and remedy in p.remedy], "\n".join(
        map(str, found)
    )
    assert len(found) <= 4, "\n".join(map(str, found))
    assert all(p.file in {"yard.ttl", ""} for p in found)


def test_the_base_is_sound() -> None:
    assert list(compiled("").classes) == ["Crane", "Thing", "Yard"]


def test_everything_at_once_with_lines(tmp_path: Path) -> None:
    module = tmp_path / "yard.ttl"
    module.write_text(PREFIXES + BASE + CASES["unknown parent"][0] + "\n" + CASES["unknown flag"][0], encoding="utf-8")
    with pytest.raises(OntologyError) as caught:
        compile_schema([module], shipped=False)
    found = caught.value.problems
    text = module.read_text(encoding="utf-8").splitlines()
    assert [text[p.line - 1].split(" ", 1)[0] for p in found] == [":Crane", ":Crane"]
    assert {p.file for p in found} == {str(module)}
    assert "2 problems" in str(caught.value)
    assert isinstance(caught.value, SchemaError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.problems == found
    assert again.as_dict() == caught.value.as_dict()
    assert [p["subject"] for p in again.as_dict()["problems"]] == [p.subject for p in found]


def test_one_problem_reads_as_one_error() -> None:
    with pytest.raises(OntologyError) as caught:
        raise_for(CASES["unknown parent"][0])
    assert caught.value.message == "rdfs:subClassOf :Yrad: no such class"
    assert caught.value.remedy == "Did you mean 'Yard'?"
    assert caught.value.where.startswith("yard.ttl:")


def raise_for(text: str) -> None:
    from kg.schema.problems import ontology_error

    raise ontology_error(problems(text))


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"@prefix : <urn:x:> .\n:a :b :c\n\n:d :e :f .\n", "not Turtle: expected '.'", 4),
        (b"\nfoo:a foo:b foo:c .", 'Prefix "foo:" not bound', 2),
        (b'@prefix : <urn:x:> .\n:a :b "open', "not Turtle", 0),
        ("@prefix : <urn:x:> .\n:a :b '仓库' .".encode("gb18030"), "is not UTF-8", 2),
    ],
)
def test_files_that_are_no_turtle(content: bytes, message: str, line: int) -> None:
    schema, found = compile_files({"bad.ttl": content, "good.ttl": (PREFIXES + BASE).encode()})
    assert schema is None
    (problem,) = found
    assert message in problem.message
    assert (problem.file, problem.line) == ("bad.ttl", line)
    assert problem.remedy


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="cannot be read"):
        compile_schema([tmp_path / "none.ttl"])
    with pytest.raises(SchemaError, match="no Turtle file"):
        read_files([tmp_path])


def test_without_thing() -> None:
    _, found = compile_files({"a.ttl": (PREFIXES + ':A a owl:Class ; rdfs:label "A"@en , "甲"@zh .').encode()})
    assert any("the root class Thing is missing" in p.message for p in found)


def test_a_module_may_extend_a_shipped_class(tmp_path: Path) -> None:
    module = tmp_path / "mine.ttl"
    module.write_text(
        PREFIXES
        + """@prefix park: <https://jingwei.example/ontology#> .
        @prefix level: <https://jingwei.example/level#> .
        park:Enterprise sh:property [ sh:path :创新积分 ; sh:datatype xsd:int ; sh:maxCount 1 ] .
        :创新积分 a owl:DatatypeProperty ; jw:graphqlName "innovationScore" ; jw:sensitivity level:confidential ;
          rdfs:label "innovation score"@en , "创新积分"@zh .
        :起重机 a owl:Class ; rdfs:subClassOf park:Facility ; jw:graphqlName "Crane" ; rdfs:label "Crane"@en , "起重机"@zh .
        :服务 a jw:Relation ; jw:graphqlName "serves" ; rdfs:domain :起重机 ; rdfs:range park:Plot ;
          rdfs:label "serves"@en , "服务"@zh ; sh:property [ sh:path park:since ; sh:datatype xsd:date ; sh:maxCount 1 ] .
        """,
        encoding="utf-8",
    )
    schema = compile_schema([module])
    score = schema.classes["Enterprise"].property("innovationScore")
    assert score is not None
    assert (score.datatype, score.sensitivity, score.label.zh) == (Datatype.INTEGER, 2, "创新积分")
    assert schema.classes["Crane"].module == "mine"
    assert schema.is_a("Crane", "Place")
    assert schema.relations["serves"].properties[0].owner == "serves"
    assert schema.relations["serves"].properties[0].label.zh == "起始时间"


def test_only_for_pyshacl() -> None:
    schema = compiled(
        with_load("sh:datatype xsd:int ; sh:maxCount 1")
        + " :Crane sh:property [ sh:path :load ; sh:lessThan :name ; jw:pyshaclOnly true ] ."
        + " :Odd a sh:NodeShape ; jw:pyshaclOnly true ; sh:targetClass :Crane ; sh:or ( [ sh:path :load ] [ sh:not [ sh:class :Yard ] ] ) ."
        + " :Off a sh:NodeShape ; sh:deactivated true ; sh:targetClass :Crane ; sh:xone ( [ sh:path :load ] ) ."
    )
    assert {p.name for p in schema.classes["Crane"].properties} == {"load", "name"}


def test_cardinality_of_relations() -> None:
    schema = compiled(
        STANDS + ". :Crane sh:property [ sh:path :standsIn ; sh:class :Yard ; sh:minCount 1 ; sh:maxCount 2 ] ."
    )
    relation = schema.relations["standsIn"]
    assert (relation.min_count, relation.max_count) == (1, 2)
    assert schema.classes["Crane"].property("standsIn") is None


def test_ill_typed_literals_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert problems(CASES["impossible date"][0])
    assert not caplog.records


def test_two_shapes_on_one_class_both_hold() -> None:
    schema = compiled(
        with_load("sh:datatype xsd:int ; sh:minInclusive 1")
        + " :S a sh:NodeShape ; sh:targetClass :Crane ; sh:closed true ; sh:property [ sh:path :load ; sh:datatype xsd:int ;"
        " sh:maxInclusive 5 ; sh:maxCount 1 ; sh:minCount 1 ] ."
    )
    load = schema.classes["Crane"].property("load")
    assert load is not None
    assert (load.min_inclusive, load.max_inclusive, load.min_count, load.many) == (1, 5, 1, False)
    assert schema.classes["Crane"].closed


def test_a_subclass_tightens_what_the_class_above_owns() -> None:
    schema = compiled(
        with_load(
            "sh:datatype xsd:int ; sh:maxInclusive 9",
            ":Yard rdfs:subClassOf :Crane ; sh:property [ sh:path :load ; sh:datatype xsd:int ; sh:minInclusive 4 ; sh:maxCount 1 ] .",
        )
    )
    above, below = schema.classes["Crane"].property("load"), schema.classes["Yard"].property("load")
    assert above is not None
    assert below is not None
    assert below.owner == above.owner == "Crane"
    assert (above.min_inclusive, below.min_inclusive, below.max_inclusive) == (None, 4, 9)
    # Both are held in the same way, so that one storage slot serves them.
    assert above.many
    assert below.many
    assert below.max_count == 1
    assert schema.property_owners["Crane", "load"] == above


def test_equal_meaning_is_an_equal_hash() -> None:
    first = compiled(with_load("sh:datatype xsd:int ; sh:maxCount 1"))
    other_prefix = (PREFIXES + BASE + with_load("sh:maxCount 1 ; sh:datatype xsd:int")).replace("jw:", "annotation:")
    second, _ = compile_files({"yard.ttl": other_prefix.encode()})
    third = compiled(with_load("sh:datatype xsd:int ; sh:maxCount 2"))
    assert second is not None
    assert first.hash == second.hash != third.hash


def test_suggestions() -> None:
    assert suggestion("adress", ["address", "area"]) == "Did you mean 'address'?"
    assert suggestion("zzz", ["address", "area"]) == ""


@pytest.mark.parametrize(
    ("text", "upper", "name"),
    [
        ("工业用地", False, "gongYeYongDi"),
        ("仓库", True, "CangKu"),
        ("3D打印机", True, "DDaYinJi"),
        ("绿化率", False, "lvHuaLv"),
        ("PM2.5浓度", False, "pM25NongDu"),
        ("——", True, ""),
    ],
)
def test_pinyin(text: str, upper: bool, name: str) -> None:
    assert proposal(text, upper=upper) == name
