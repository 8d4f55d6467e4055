"""The mapping file: which column says what. docs/loading.md explains it with an example that runs.

Here are its form and its reading; `kg.ingest.compiling` checks it against the ontology.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import orjson
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from kg.errors import LoadError
from kg.schema.problems import suggestion

if TYPE_CHECKING:
    from pathlib import Path

Scalar = str | bool | int | float
Level = Annotated[int, Field(ge=0, le=3)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class ColumnMapping(_Part):
    """What a column says. `unit`, `split` and `values` tell how its cells are read."""

    property: str
    unit: str = ""
    split: str = ""
    values: dict[str, Scalar] = Field(default_factory=dict)
    # for a relation's entity-valued property: how the cell names the entity
    scheme: str = ""
    source: str = ""


def _column(value: object) -> object:
    return {"property": value} if isinstance(value, str) else value


Column = Annotated[ColumnMapping, BeforeValidator(_column)]


class EndMapping(_Part):
    """How a row names an entity: an identifier's scheme, or a source and its own id ("" is this source)."""

    column: str = ""
    value: str = ""
    scheme: str = ""
    source: str = ""
    split: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.column) == bool(self.value):
            message = "give either `column` or a constant `value`"
            raise ValueError(message)
        if self.scheme and self.source:
            message = "give either `scheme` (an identifier) or `source` (another source's own id)"
            raise ValueError(message)
        return self


class ValidMapping(_Part):
    """When the row is true. `ended` is a date from which on the record exists no more."""

    from_: str = Field(default="", alias="from")
    to: str = ""
    ended: str = ""
    inclusive: bool = True


class PointMapping(_Part):
    """A point of two columns in degrees on WGS 84."""

    property: str = "geometry"
    longitude: str
    latitude: str


class RelationMapping(_Part):
    """A relation of the row's entity to another; `relation` may be the name of an inverse."""

    relation: str
    to: EndMapping
    columns: dict[str, Column] = Field(default_factory=dict)
    constants: dict[str, Scalar] = Field(default_factory=dict)
    stub: str = ""
    valid: ValidMapping | None = None


class SourceMapping(_Part):
    """Who says so."""

    id: str = Field(min_length=1)
    label: str = ""
    priority: int = 0
    level: Level = 0


def _source(value: object) -> object:
    return {"id": value} if isinstance(value, str) else value


class Mapping(_Part):
    """A mapping file: of entities (`class`) or of relations (`relation`, `from`, `to`)."""

    cls: str = Field(default="", alias="class")
    relation: str = ""
    from_: EndMapping | None = Field(default=None, alias="from")
    to: EndMapping | None = None
    source: Annotated[SourceMapping | None, BeforeValidator(_source)] = None
    id: Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)] = ()
    columns: dict[str, Column] = Field(default_factory=dict)
    constants: dict[str, Any] = Field(default_factory=dict)
    points: tuple[PointMapping, ...] = ()
    valid: ValidMapping | None = None
    stated: str = ""
    timezone: str = ""
    crs: str = ""
    level: Level | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] = 1.0
    relations: tuple[RelationMapping, ...] = ()
    rest: Literal["attributes", "ignore"] = "attributes"
    patch: bool = False
    stub: str = ""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.cls) == bool(self.relation):
            message = "give either `class` (rows are entities) or `relation` with `from` and `to` (rows are relations)"
            raise ValueError(message)
        if self.relation and not (self.from_ and self.to):
            message = "a mapping of relations needs `from` and `to`"
            raise ValueError(message)
        if self.relation and (self.relations or self.points or self.id):
            message = "`relations`, `points` and `id` belong to a mapping with `class`"
            raise ValueError(message)
        return self

    def hash(self) -> str:
        """Of what it means, whatever its file looks like."""
        body = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return hashlib.blake2b(orjson.dumps(body, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def read_mapping(path: Path) -> Mapping:
    """The mapping in a YAML file. LoadError names the place in the file that is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LoadError(
            f"The mapping cannot be read: {error.strerror}", where=str(path), remedy="Check the path."
        ) from None
    except UnicodeDecodeError as error:
        raise LoadError(
            f"The mapping cannot be read: {error}", where=str(path), remedy="It is YAML in UTF-8."
        ) from None
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = getattr(error, "problem", None) or str(error)
        raise LoadError(
            f"The mapping is not YAML: {problem}", where=where, remedy="Check indents and colons."
        ) from None
    return parse_mapping(body, where=str(path))


def parse_mapping(body: object, *, where: str = "mapping") -> Mapping:
    """The mapping of parsed YAML. LoadError for a form that is wrong."""
    try:
        return Mapping.model_validate(_texts(body))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = [str(part) for part in first["loc"] if part != "function-before[_column(), ColumnMapping]"]
        remedy = "docs/loading.md lists what a mapping may say."
        if first["type"] == "extra_forbidden":
            known = [field.alias or name for name, field in Mapping.model_fields.items()]
            remedy = f"{suggestion(place[-1], known)} {remedy}".strip()
        raise LoadError(
            f"The mapping is wrong: {first['msg'].removeprefix('Value error, ')}", where=where, field=".".join(place),
            value=first["input"] if isinstance(first["input"], Scalar) else None, remedy=remedy,
        ) from None  # fmt: skip


def _texts(body: object) -> object:
    """YAML reads unquoted keys such as 2024 as numbers and `on` as true; column names are text."""
    if isinstance(body, dict):
        return {key if isinstance(key, str) else str(key): _texts(value) for key, value in body.items()}
    return [_texts(value) for value in body] if isinstance(body, list) else body
