"""Schema ↔ canonical JSON text. Stores keep it, caches read it, and the content hash is made from it.

A field that has its default is left out, so that a field added later changes no hash of what does not use it.
A property that a class inherits unchanged is written as its owner's name.
"""

from __future__ import annotations

import dataclasses
import hashlib
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import SchemaError
from kg.schema.types import Datatype, EntityClass, Label, Property, Relation, Schema, Scheme

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
"""Raised when the text changes its meaning; text of another format is refused."""


def to_json(schema: Schema) -> str:
    """Canonical text: equal schemas give equal text, whatever order they were made in."""
    body = {"format": FORMAT, "hash": schema.hash, "prefixes": dict(schema.prefixes), **_meaning(schema)}
    return _dumps(body).decode()


def content_hash(schema: Schema) -> str:
    """sha256 (hex) of all that the schema means; prefixes, names of files and `schema.hash` do not count."""
    meaning = _meaning(schema)
    for cls in meaning["classes"].values():
        cls.pop("module", None)
    return hashlib.sha256(_dumps({"format": FORMAT, **meaning})).hexdigest()


def hashed(schema: Schema) -> Schema:
    """The schema with its `hash` filled in."""
    return dataclasses.replace(schema, hash=content_hash(schema))


def from_json(text: str | bytes) -> Schema:
    """The schema of a text made by `to_json`. SchemaError for any other text."""
    try:
        body = orjson.loads(text)
        if body["format"] != FORMAT:
            raise SchemaError(
                f"the stored schema has format {body['format']}, this version reads {FORMAT}",
                remedy="Use the version of Jingwei that wrote it, or compile the ontology again.",
            )
        return _schema(body)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SchemaError(
            f"the stored schema cannot be read: {error!r}", remedy="Compile the ontology again."
        ) from None


# ---------------------------------------------------------------- writing


def _dumps(body: object) -> bytes:
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _meaning(schema: Schema) -> dict[str, Any]:
    return {
        "levels": [_plain(label) for label in schema.level_names],
        "classes": {name: _class(cls, schema.classes) for name, cls in schema.classes.items()},
        "relations": {name: _plain(relation) for name, relation in schema.relations.items()},
        "schemes": {name: _plain(scheme) for name, scheme in schema.schemes.items()},
    }


def _class(cls: EntityClass, classes: Mapping[str, EntityClass]) -> dict[str, Any]:
    out: dict[str, Any] = _plain(dataclasses.replace(cls, properties=()))
    out["properties"] = {
        p.name: p.owner if p.owner != cls.name and classes[p.owner].property(p.name) == p else _plain(p)
        for p in cls.properties
    }
    return out


@lru_cache(maxsize=16)
def _defaults(kind: type[Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(
        (f.name, f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default)
        for f in dataclasses.fields(kind)
    )


def _plain(value: Any) -> Any:
    """Dataclasses as objects without their default fields, tuples as arrays."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    out: dict[str, Any] = {}
    for name, default in _defaults(type(value)):  # type: ignore[arg-type]
        held = getattr(value, name)
        # 0.0 and 0, 1 and True are equal but mean different bounds: the type counts too.
        if default is dataclasses.MISSING or held != default or type(held) is not type(default):
            out[name] = _plain(held)
    return out


# ---------------------------------------------------------------- reading


def _schema(body: dict[str, Any]) -> Schema:
    own: dict[tuple[str, str], Property] = {}
    for name, raw in body["classes"].items():
        for held, value in raw["properties"].items():
            if not isinstance(value, str):
                own[name, held] = _property(value)
    classes = {
        name: _entity_class(
            raw,
            tuple(own[value if isinstance(value, str) else name, held] for held, value in raw["properties"].items()),
        )
        for name, raw in body["classes"].items()
    }
    relations = {name: _relation(raw) for name, raw in body["relations"].items()}
    schemes = {name: _scheme(raw) for name, raw in body["schemes"].items()}
    return Schema(
        body["hash"],
        MappingProxyType(classes),
        MappingProxyType(relations),
        MappingProxyType(schemes),
        MappingProxyType(body["prefixes"]),
        tuple(Label(**raw) for raw in body["levels"]),
    )


def _texts(raw: dict[str, Any], *names: str) -> dict[str, Any]:
    """`raw` with labels and lists as the dataclasses hold them."""
    for name in names:
        if name in raw:
            raw[name] = Label(**raw[name])
    if "alignments" in raw:
        raw["alignments"] = tuple((kind, iri) for kind, iri in raw["alignments"])
    return raw


def _property(raw: dict[str, Any]) -> Property:
    _texts(raw, "label", "definition")
    raw["datatype"] = Datatype(raw["datatype"])
    if "values" in raw:
        raw["values"] = tuple(raw["values"])
    if "value_labels" in raw:
        raw["value_labels"] = tuple(Label(**label) for label in raw["value_labels"])
    return Property(**raw)


def _entity_class(raw: dict[str, Any], properties: tuple[Property, ...]) -> EntityClass:
    _texts(raw, "label", "definition")
    raw["properties"] = properties
    raw["parents"] = tuple(raw.get("parents", ()))
    raw["ancestors"] = tuple(raw.get("ancestors", ()))
    return EntityClass(**raw)


def _relation(raw: dict[str, Any]) -> Relation:
    _texts(raw, "label", "inverse_label", "definition")
    raw["properties"] = tuple(_property(p) for p in raw.get("properties", ()))
    raw["key"] = tuple(raw.get("key", ()))
    return Relation(**raw)


def _scheme(raw: dict[str, Any]) -> Scheme:
    _texts(raw, "label", "definition")
    raw["weights"] = tuple(raw.get("weights", ()))
    return Scheme(**raw)
