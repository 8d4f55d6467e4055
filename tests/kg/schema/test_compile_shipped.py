"""The modules that ship with Jingwei: they compile, and whatever other work builds on is there by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from kg.schema.compile import compile_schema, load_schema, read_files
from kg.schema.serialise import content_hash, from_json, to_json
from kg.schema.types import ROOT_CLASS, Datatype, EntityClass, Relation, Schema

# Class → properties that it must have, its own or inherited.
CLASSES = {
    "Enterprise": "name formerNames uscc legalForm registeredCapital paidInCapital annualOutput taxPaid employees "
    "rdRatio qualifications establishedOn status",
    "Institution": "uscc",
    "Agency": "uscc",
    "Person": "name",
    "Product": "grade",
    "Material": "grade",
    "Technology": "name",
    "Industry": "code",
    "IndustryChain": "name",
    "ChainStage": "name",
    "AdministrativeArea": "adcode geometry",
    "Park": "geometry",
    "Zone": "geometry",
    "Plot": "landUse area floorAreaRatio heightLimit availability geometry",
    "Building": "height storeys usableArea geometry",
    "Storey": "geometry",
    "Space": "clearHeight floorLoad powerKVA dualSupply hazardClass area rent deliverableOn",
    "Lease": "from to rent",
    "Road": "geometry",
    "WaterBody": "geometry",
    "Facility": "geometry",
    "POI": "geometry",
    "Device": "name",
    "Sensor": "name",
    "Actuator": "name",
    "Event": "severity status",
    "Policy": "issuer",
    "PolicyClause": "issuer validity reviewStatus condition",
    "RiskSignal": "kind date severity",
    "AttractionProject": "stage owner commitments nextStep",
    "Source": "name",
    "Prediction": "subject relation object probability modelName modelVersion knownAt expiresAt evidence",
}
# Relation → (inverse, properties).
RELATIONS = {
    "suppliesTo": ("suppliedBy", "product volume share qualification since"),
    "produces": ("producedBy", "capacity output inventoryDays"),
    "inputOf": ("inputs", "quantity"),
    "substituteFor": (None, "effort"),
    "stageOf": (None, ""),
    "upstreamOf": ("downstreamOf", ""),
    "registeredIn": (None, ""),
    "operatesAt": (None, ""),
    "locatedIn": ("contains", ""),
    "adjacentTo": ("", ""),
    "investsIn": (None, "ratio"),
    "controls": (None, ""),
    "leases": (None, ""),
    "installedAt": (None, ""),
    "observes": (None, ""),
    "feeds": (None, ""),
    "affects": (None, ""),
    "appliesTo": (None, ""),
    "targets": (None, ""),
    "belongsTo": (None, ""),
}
VOCABULARIES = {
    "GeoSPARQL": "http://www.opengis.net/ont/geosparql#",
    "SOSA": "http://www.w3.org/ns/sosa/",
    "SSN": "http://www.w3.org/ns/ssn/",
    "ORG": "http://www.w3.org/ns/org#",
    "PROV-O": "http://www.w3.org/ns/prov#",
    "OWL-Time": "http://www.w3.org/2006/time#",
    "BOT": "https://w3id.org/bot#",
    "WoT TD": "https://www.w3.org/2019/wot/td#",
    "CityGML building": "http://www.opengis.net/citygml/building/2.0/",
    "IFC": "https://standards.buildingsmart.org/IFC/",
}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_by_name(schema: Schema, name: str) -> None:
    held = {p.name for p in schema.classes[name].properties}
    assert set(CLASSES[name].split()) <= held
    assert name in schema.concrete(name)


@pytest.mark.parametrize("name", RELATIONS)
def test_relations_by_name(schema: Schema, name: str) -> None:
    inverse, properties = RELATIONS[name]
    relation = schema.relations[name]
    assert inverse is None or relation.inverse == inverse
    assert set(properties.split()) <= {p.name for p in relation.properties}


def test_the_breadth(schema: Schema) -> None:
    assert len(schema.classes) >= 80
    assert {cls.module for cls in schema.classes.values()} == {
        "core", "place", "organisation", "industry", "device", "event", "policy", "time", "learning",
    }  # fmt: skip
    assert schema.level_names[2].zh == "秘密"
    assert schema.classes["Person"].sensitivity == 2
    assert schema.relations["suppliesTo"].key == ("product",)
    assert schema.relations["suppliesTo"].property("product").target == "Goods"  # type: ignore[union-attr]
    assert schema.classes["Enterprise"].property("uscc").owner == "Organisation"  # type: ignore[union-attr]
    assert schema.classes["Enterprise"].property("registeredCapital").unit == "CNY"  # type: ignore[union-attr]
    assert {p.datatype for c in schema.classes.values() for p in c.properties} == set(Datatype) - {Datatype.ENTITY}
    assert schema.classes[ROOT_CLASS].parents == ()
    assert all(ROOT_CLASS in cls.ancestors for cls in schema.classes.values() if cls.name != ROOT_CLASS)


def test_everything_is_named_and_defined_in_both_languages(schema: Schema) -> None:
    lacking = []
    for kind, named in (("class", schema.classes), ("relation", schema.relations), ("scheme", schema.schemes)):
        for name, held in named.items():
            lacking += [f"{kind} {name}" for text in (held.label, held.definition) if not (text.en and text.zh)]
    owners: list[EntityClass | Relation] = [*schema.classes.values(), *schema.relations.values()]
    for owner in owners:
        for p in owner.properties:
            lacking += [f"{owner.name}.{p.name}" for text in (p.label, p.definition) if not (text.en and text.zh)]
            lacking += [f"{owner.name}.{p.name} {v}" for v, t in zip(p.values, p.value_labels, strict=True) if not t.zh]
    lacking += [r.inverse for r in schema.relations.values() if r.inverse and not r.inverse_label.zh]
    assert not lacking


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_alignments(schema: Schema, vocabulary: str) -> None:
    terms: list[EntityClass | Relation] = [*schema.classes.values(), *schema.relations.values()]
    aligned = [iri for held in terms for _, iri in held.alignments]
    assert any(iri.startswith(VOCABULARIES[vocabulary]) for iri in aligned)


def test_text_and_back(schema: Schema) -> None:
    again = from_json(to_json(schema))
    assert again == schema
    assert to_json(again) == to_json(schema)
    assert content_hash(again) == schema.hash
    assert len(schema.hash) == 64


def test_the_hash_does_not_see_the_order_of_files(schema: Schema, tmp_path: Path) -> None:
    names = ["time", "policy", "learning", "event", "device", "industry", "organisation", "place", "core"]
    paths = []
    for number, name in enumerate(names):
        paths.append(tmp_path / str(number) / f"{name}.ttl")
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(read_files()[f"ontology/{name}.ttl"])
    again = compile_schema(paths, shipped=False)
    assert again == schema
    assert again.hash == schema.hash


# A module of its own is quick to compile, which the tests of the cache do several times.
SMALL = """
@prefix : <https://example.org/yard#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
:Thing a owl:Class ; rdfs:label "Thing"@en , "事物"@zh .
"""


def test_the_cache_spares_the_rdf_library(tmp_path: Path) -> None:
    module = tmp_path / "yard.ttl"
    module.write_text(SMALL, encoding="utf-8")
    first = load_schema([module], tmp_path / "cache", shipped=False)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".json"]
    program = (
        "import sys, pathlib\n"
        "from kg.schema.compile import load_schema\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "schema = load_schema([folder / 'yard.ttl'], folder / 'cache', shipped=False)\n"
        "print(schema.hash, 'rdflib' in sys.modules)\n"
    )
    out = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert out.split() == [first.hash, "False"]


def test_another_content_is_another_cache(tmp_path: Path) -> None:
    module = tmp_path / "yard.ttl"
    module.write_text(SMALL, encoding="utf-8")
    first = load_schema([module], tmp_path / "cache", shipped=False)
    module.write_text(SMALL.replace("事物", "东西"), encoding="utf-8")
    second = load_schema([module], tmp_path / "cache", shipped=False)
    assert second.classes["Thing"].label.zh == "东西"
    assert first.hash != second.hash
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_spoilt_cache_is_made_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = tmp_path / "yard.ttl"
    module.write_text(SMALL, encoding="utf-8")
    cache = tmp_path / "cache"
    first = load_schema([module], cache, shipped=False)
    (cached,) = cache.iterdir()
    cached.write_text('{"format": 1}', encoding="utf-8")
    assert load_schema([module], cache, shipped=False) == first
    assert "made again" in caplog.text
    assert from_json(cached.read_bytes()) == first


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    module = tmp_path / "yard.ttl"
    module.write_text(SMALL, encoding="utf-8")
    assert load_schema([module], module / "cache", shipped=False).classes
    assert "cannot be cached" in caplog.text


def test_a_schema_is_immutable(schema: Schema) -> None:
    with pytest.raises(TypeError):
        schema.classes["New"] = schema.classes["Park"]  # type: ignore[index]
