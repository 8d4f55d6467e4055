"""Grants: a file says which API key reads what. Keys are stored as hashes only.

A key is 256 random bits, so one round of SHA-256 hides it; a password would need more, and is no key.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kg.errors import AccessDenied, SettingsError
from kg.query.secure import EVERYTHING, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from api.graphql.schema import GraphQLApi
    from kg.query.algebra import Predicate

KEY_PREFIX: Final = "jw_"


class _GrantEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    keys: tuple[str, ...] = Field(min_length=1)
    level: int = Field(default=0, ge=0, le=3)
    classes: tuple[str, ...] | None = None
    rows: dict[str, dict[str, Any]] = Field(default_factory=dict)
    masks: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class _GrantFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    grant: tuple[_GrantEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """What the holder of a key may do."""

    name: str
    scope: Scope


OPEN: Final = Grant("demo", EVERYTHING)
"""For the demo, on a loopback address."""


@dataclass(frozen=True, slots=True)
class Grants:
    """Grants by the hash of their keys. Empty ones refuse everybody."""

    by_hash: tuple[tuple[bytes, Grant], ...] = ()

    def of(self, key: str) -> Grant:
        """The key's grant. Raises AccessDenied. Takes as long whichever key matches."""
        presented = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        found: Grant | None = None
        for stored, grant in self.by_hash:
            if hmac.compare_digest(stored, presented):
                found = grant
        if found is None:
            raise AccessDenied(
                "The API key is not known", remedy="Ask the operator for a key; keys may have been replaced."
            )
        return found


def new_key() -> tuple[str, str]:
    """A fresh key and the text for the grants file."""
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    return key, "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def read_grants(path: Path, api: GraphQLApi) -> Grants:
    """Grants from a TOML or YAML file, checked against the schema. Raises SettingsError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"The grants file cannot be read: {error.strerror}", where=str(path), remedy="Check the setting `grants`."
        ) from error
    try:
        plain = yaml.safe_load(text) if path.suffix in {".yaml", ".yml"} else tomllib.loads(text)
        entries = _GrantFile.model_validate(plain or {}).grant
    except (tomllib.TOMLDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"The grants file cannot be parsed: {error}", where=str(path)) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"The grants file is not as it should be: {first['msg']}",
            where=str(path),
            field=place,
            remedy="docs/operating.md shows a whole file.",
        ) from error
    found: list[tuple[bytes, Grant]] = []
    for entry in entries:
        where = f"{path}, grant {entry.name}"
        grant = Grant(entry.name, _scope(entry, api, where))
        found += [(_hash(key, where), grant) for key in entry.keys]
    if len({stored for stored, _ in found}) < len(found):
        raise SettingsError(
            "A key stands in two places of the grants file", where=str(path), remedy="Make one for each grant."
        )
    return Grants(tuple(found))


def _hash(text: str, where: str) -> bytes:
    scheme, _, digest = text.partition(":")
    try:
        found = bytes.fromhex(digest)
    except ValueError:
        found = b""
    if scheme != "sha256" or len(found) != 32:
        # The text may be the key itself: it is not shown.
        raise SettingsError(
            "A key is stored as sha256:<64 hex digits>", where=where, remedy="`jingwei key` makes a key and its hash."
        )
    return found


def _scope(entry: _GrantEntry, api: GraphQLApi, where: str) -> Scope:
    for name in (*(entry.classes or ()), *entry.rows, *entry.masks):
        if name not in api.schema.classes:
            raise _unknown("class", name, where)
    for cls, names in entry.masks.items():
        for name in names:
            if not any(c.property(name) for c in api.schema.classes.values() if api.schema.is_a(c.name, cls)):
                raise _unknown(f"property of {cls}", name, where)
    rows = {cls: _row_filter(cls, given, api, f"{where}, rows of {cls}") for cls, given in entry.rows.items()}
    masks = {cls: frozenset(names) for cls, names in entry.masks.items()}
    return Scope(entry.level, None if entry.classes is None else frozenset(entry.classes), rows, masks)


def _row_filter(cls: str, given: Mapping[str, Any], api: GraphQLApi, where: str) -> Predicate:
    """A row filter is written as the class's `where` is in GraphQL."""
    from graphql import GraphQLError, GraphQLInputType, coerce_input_value, validate_input_value

    from api.graphql.filters import Filters
    from kg.errors import JingweiError

    type_: GraphQLInputType = api.core.type_map[api.names.class_type(api.schema.classes[cls]) + "Where"]  # type: ignore[assignment]
    wrong: list[str] = []

    def note(error: GraphQLError, path: list[str | int]) -> None:
        wrong.append(f"{'.'.join(str(p) for p in path)}: {error.message}")

    validate_input_value(given, type_, note)
    if wrong:
        raise SettingsError(
            f"The row filter is no `where` of {cls}: {wrong[0]}", where=where, remedy="Write it as in GraphQL."
        )
    try:
        made = Filters(api.schema, 3).entity(cls, coerce_input_value(given, type_), where)
    except JingweiError as error:
        raise SettingsError(error.message, where=where, remedy=error.remedy) from error
    if made is None:
        raise SettingsError("The row filter asks for nothing", where=where, remedy="Leave it out to grant every row.")
    return made


def _unknown(what: str, name: str, where: str) -> SettingsError:
    return SettingsError(f"There is no {what} {name!r}", where=where, remedy="Names are those of the ontology.")
