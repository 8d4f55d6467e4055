"""Competency questions: what the ontology must be able to answer, as data. `ontology/questions.yaml` holds them.

Each is asked of the demo park at two pinned instants and has one right answer.
"""

from __future__ import annotations

import json
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
    if path is None:
        return _shipped()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(
            f"The questions cannot be read: {error}", where=str(path), remedy="They are YAML in UTF-8."
        ) from None
    return _read(text, str(path))


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


# ---------------------------------------------------------------- for people

_INTRO: Final = """# Questions that the graph answers · 图谱能回答的问题

<!-- made by `make docs` from ontology/questions.yaml: change it there -->

{count} competency questions, asked of the [demo park](demo-park.md), all of which is synthetic. Each is asked of two
pinned instants: as the world was (*valid*), and as it was known (*system*). They are data (`ontology/questions.yaml`),
and tests ask all of them through the command and over HTTP; the first screen shows those marked ★. To try one, paste it
into GraphiQL (`/graphql`) of `make demo`, its variables below it, or give it to the command:

    jingwei query "$(cat question.graphql)" --variables '{{…}}' --as-of 'valid=…, system=…'

以下 {count} 个能力问题均针对[示例园区](demo-park.zh-CN.md)，其数据全部为合成。每个问题都固定了两个时刻：
现实时刻（valid）与所知时刻（system）。★ 表示首页展示的问题。
"""


def questions_page(found: Questions) -> str:
    """docs/questions.md."""
    parts = [_INTRO.format(count=len(found.all))]
    for number, one in enumerate(found.all, start=1):
        star = " ★" if one.page else ""
        parts.append(f"\n## {number}. {one.en}{star}\n\n{one.zh} (`{one.id}`)  \n`{one.as_of}`\n")
        parts.append(f"\n<!-- not run: tests/examples asks all of them -->\n```graphql\n{one.graphql.strip()}\n```\n")
        if one.variables:
            parts.append(f"\nVariables · 变量\n\n```text\n{_compact(one.variables)}\n```\n")
        parts.append(f"\nAnswer · 答案\n\n```text\n{_compact(one.expected)}\n```\n")
    return "".join(parts)


def _compact(value: Any, indent: int = 0, width: int = 118) -> str:
    """JSON that breaks only what is too long for a line."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(flat) + indent <= width or not isinstance(value, dict | list):
        return flat
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(k)}: {_compact(v, indent + 2, width)}" for k, v in value.items()]
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(f"{inner}{_compact(v, indent + 2, width)}" for v in value) + "\n" + " " * indent + "]"
