"""Competency questions: what the ontology must be able to answer, as data. `ontology/questions.yaml` holds them.

Each is asked of the demo park at two pinned instants and has one right answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from kg.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE: Final = "questions.yaml"


@dataclass(frozen=True, slots=True)
class Question:
    """A question in two languages, the GraphQL operation that asks it, and its answer.

    `valid` and `system` are the instants (UTC) of which it is asked; `expected` is the answer's `data`. `page`: shown
    on the first screen.
    """

    id: str
    zh: str
    en: str
    graphql: str
    variables: Mapping[str, Any]
    expected: Mapping[str, Any]
    valid: datetime
    system: datetime
    page: bool = False

    @property
    def as_of(self) -> str:
        """Both clocks as the header `Jingwei-As-Of` and the option `--as-of` take them."""
        return f"valid={_written(self.valid)}, system={_written(self.system)}"


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Clocks(_Part):
    valid: AwareDatetime
    system: AwareDatetime


class _Question(_Part):
    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)
    graphql: str = Field(min_length=1)
    variables: dict[str, JsonValue] = {}
    expected: dict[str, JsonValue]
    asOf: _Clocks  # noqa: N815  # as GraphQL writes it
    page: bool = False


class _File(_Part):
    questions: tuple[_Question, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Questions:
    """All of a file, in its order."""

    all: tuple[Question, ...]
    page: tuple[Question, ...] = field(default=())


def read_questions(path: Path | None = None) -> Questions:
    """The questions of a YAML file, by default those that ship. SchemaError for a file that is wrong."""
    return _shipped() if path is None else _read(path.read_text(encoding="utf-8"), str(path))


@lru_cache(maxsize=1)
def _shipped() -> Questions:
    return _read((resources.files("ontology") / FILE).read_text(encoding="utf-8"), f"ontology/{FILE}")


def _read(text: str, where: str) -> Questions:
    try:
        found = _File.model_validate(yaml.safe_load(text)).questions
    except yaml.YAMLError as error:
        raise SchemaError(
            f"The questions cannot be read: {error}", where=where, remedy="They are YAML in UTF-8."
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SchemaError(
            f"The questions are wrong: {first['msg']}", where=where, field=".".join(map(str, first["loc"])),
            remedy="Compare with its neighbours in ontology/questions.yaml; dates in answers stand in quotes.",
        ) from None  # fmt: skip
    names = [one.id for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SchemaError(
            "Two questions have one id", where=where, field="id", value=twice[0], remedy="Give each its own."
        )
    out = tuple(
        Question(
            one.id, one.zh, one.en, one.graphql, one.variables, one.expected, one.asOf.valid.astimezone(UTC),
            one.asOf.system.astimezone(UTC), one.page,
        )
        for one in found
    )  # fmt: skip
    return Questions(out, tuple(one for one in out if one.page))
