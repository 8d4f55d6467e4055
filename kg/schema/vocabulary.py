"""The terms that ontology modules are written in: which of SHACL we compile, and our own annotations."""

from __future__ import annotations

from typing import Final

from kg.schema.types import Datatype

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
SH: Final = "http://www.w3.org/ns/shacl#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
GEO: Final = "http://www.opengis.net/ont/geosparql#"
JW: Final = "https://jingwei.example/ns#"
"""Namespace of the annotations below. It names; nothing is fetched from it."""

CORE: Final = "https://jingwei.example/ontology#"
"""Namespace of the classes, properties and relations that ship with Jingwei."""

DATATYPES: Final = {
    XSD + "string": Datatype.STRING,
    XSD + "anyURI": Datatype.STRING,
    XSD + "boolean": Datatype.BOOLEAN,
    XSD + "int": Datatype.INTEGER,
    XSD + "short": Datatype.INTEGER,
    XSD + "byte": Datatype.INTEGER,
    XSD + "integer": Datatype.LONG,
    XSD + "long": Datatype.LONG,
    XSD + "double": Datatype.DOUBLE,
    XSD + "float": Datatype.DOUBLE,
    XSD + "decimal": Datatype.DOUBLE,
    XSD + "date": Datatype.DATE,
    XSD + "dateTime": Datatype.INSTANT,
    XSD + "dateTimeStamp": Datatype.INSTANT,
    GEO + "wktLiteral": Datatype.GEOMETRY,
    GEO + "geoJSONLiteral": Datatype.GEOMETRY,
    RDF + "JSON": Datatype.JSON,
}
"""What `sh:datatype` may say. `xsd:integer` has no bound, so it gets 64 bits; use `xsd:int` for 32."""

BOUNDS: Final = ("minInclusive", "maxInclusive", "minExclusive", "maxExclusive")

# Checked by the compiled closures.
PROPERTY_SHAPE: Final = frozenset(
    SH + name
    for name in (
        "path",
        "datatype",
        "minCount",
        "maxCount",
        "in",
        "pattern",
        "flags",
        "minLength",
        "maxLength",
        *BOUNDS,
        "class",
        "nodeKind",
    )
)
NODE_SHAPE: Final = frozenset(SH + name for name in ("property", "targetClass", "closed", "ignoredProperties"))
# For people; they check nothing.
SHAPE_TEXT: Final = frozenset(SH + name for name in ("name", "description", "message", "order", "group", "deactivated"))

ON_CLASS: Final = frozenset(JW + name for name in ("abstract", "sensitivity", "graphqlName"))
ON_PROPERTY: Final = frozenset(
    JW + name for name in ("scheme", "indexed", "searchable", "unit", "sensitivity", "value", "graphqlName")
)
ON_RELATION: Final = frozenset(JW + name for name in ("key", "acyclic", "sensitivity", "graphqlName"))
ON_SCHEME: Final = frozenset(
    JW + name
    for name in (
        "pattern",
        "alphabet",
        "weights",
        "modulus",
        "checkAlphabet",
        "upperCase",
        "strip",
        "owner",
        "identifying",
        "sensitivity",
        "graphqlName",
    )
)
ON_SHAPE: Final = frozenset({JW + "pyshaclOnly"})
ON_LEVEL: Final = frozenset({JW + "rank"})
ANNOTATIONS: Final = ON_CLASS | ON_PROPERTY | ON_RELATION | ON_SCHEME | ON_SHAPE | ON_LEVEL

RELATION: Final = JW + "Relation"
IDENTIFIER_SCHEME: Final = JW + "IdentifierScheme"
LEVEL: Final = JW + "SensitivityLevel"
TYPES: Final = frozenset({RELATION, IDENTIFIER_SCHEME, LEVEL})

ALIGNMENTS: Final = {
    RDFS + "subClassOf": "subClassOf",
    RDFS + "subPropertyOf": "subPropertyOf",
    OWL + "equivalentClass": "equivalentClass",
    OWL + "equivalentProperty": "equivalentProperty",
    SKOS + "exactMatch": "exactMatch",
    SKOS + "closeMatch": "closeMatch",
    SKOS + "broadMatch": "broadMatch",
    SKOS + "narrowMatch": "narrowMatch",
    SKOS + "relatedMatch": "relatedMatch",
}

RESERVED: Final = frozenset(
    {
        "id",
        "class",
        "validFrom",
        "validTo",
        "systemFrom",
        "systemTo",
        "provenance",
        "sources",
        "versions",
        "claims",
        "conflicts",
        "mergedFrom",
        "asOf",
        "raw",
        "edge",
        "node",
        "cursor",
    }
)
"""What every entity or edge shows besides its properties; no property or relation may have such a name."""
