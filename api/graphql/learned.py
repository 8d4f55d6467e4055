"""`linkPredictions` and `siteScores`: their types, and how what a model says becomes a part of the one statement.

The model answers first, with ids; the entities that the request selects below them are read by the statement as all
others are, under the reader's Scope.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from graphql import GraphQLError

from api.graphql import meaning as m
from api.graphql.filters import stored
from api.graphql.registry import Argument, FieldSpec
from kg.errors import JingweiError
from kg.query.algebra import Aligned, Fixed, Ids, Root, Select, Time
from kg.query.values import instant_text
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from graphql import OperationDefinitionNode

    from api.graphql.collect import Selected
    from api.graphql.compile import Compiler, Context
    from api.graphql.types import TypeBuilder
    from api.learning.models import Trained
    from api.learning.serving import Asking, Learned, LinkAnswer, SiteAnswer

LEARNED: Final = frozenset({"linkPredictions", "siteScores"})
_FIRST: Final = 10
_ONE: Final = ("",)


@dataclass(frozen=True, slots=True)
class Entity:
    """Stands for an entity in an answer, until the statement has read it."""

    id: str


Part: TypeAlias = "str | int | float | Entity | list[Part] | dict[str, Part]"
"""An answer of a model, as fields of the GraphQL types below."""
Answers: TypeAlias = "list[dict[str, Part]] | JingweiError"


# ---------------------------------------------------------------- types


def roots(builder: TypeBuilder) -> list[FieldSpec]:
    """The root fields, and the types that they need."""
    if not builder.schema.relations:
        return []
    thing = builder.names.class_type(builder.schema.classes[ROOT_CLASS])

    def output(name: str, says: str, *fields: tuple[str, str, str]) -> str:
        full = builder.names.type(name, f"the built-in type {name}")
        builder.registry.output(full, [FieldSpec(n, t, d, meaning=m.Part(n)) for n, t, d in fields], says)
        return full

    part = output(
        "ScoreContribution",
        "A named part of a score. 得分的一项贡献。",
        ("name", "String!", "What speaks. 名称。"),
        ("value", "Float!", "Added to the score. 加到得分上的值。"),
    )
    path = output(
        "EvidencePath",
        "Facts known at the split that lead from the subject to the object. 由已知事实构成的路径。",
        ("via", "[String!]!", "Relations along the path. 沿途关系。"),
        ("nodes", f"[{thing}]!", "Entities along it; null where unseen now. 沿途实体。"),
    )
    rule = output(
        "FiredRule",
        "A mined rule that speaks for an answer. 支持该答案的规则。",
        ("text", "String!", "The rule. 规则文本。"),
        ("confidence", "Float!", "Share of its conclusions that were known facts, damped. 置信度。"),
        ("support", "Int!", "Conclusions that were known facts. 支持数。"),
        ("covered", "Int!", "Conclusions. 结论数。"),
        ("via", "[String!]!", "Relations of its body. 规则体中的关系。"),
        ("path", f"[{thing}]!", "One way through its body; null where unseen now. 规则体的一条实例路径。"),
    )
    told = (
        ("model", "String!", "Name of the model. 模型名称。"),
        ("modelVersion", "String!", "Hash of its file. 模型版本。"),
        ("knownAt", "DateTime!", "Split instant: nothing recorded later was learned. 知识截止时刻。"),
    )
    link = output(
        "LinkPrediction",
        "A relation that a model holds likely and nobody has stated. 模型推测、尚无来源陈述的关系。",
        ("subject", thing, "Whom was asked about. 所问实体。"),
        ("relation", "String!", "As asked. 关系。"),
        ("object", thing, "Whom it would lead to. 推测的另一端。"),
        ("score", "Float!", "The sum of the contributions. 各项贡献之和。"),
        ("probability", "Float!", "Share of held-out candidates with such a score that were true. 概率。"),
        ("contributions", f"[{part}!]!", "Largest first; they sum to the score. 各项贡献。"),
        ("rules", f"[{rule}!]!", "Strongest first. 触发的规则。"),
        ("evidence", f"[{path}!]!", "Paths of the rules that end in the object. 依据路径。"),
        *told,
    )
    site = output(
        "SiteScore",
        "How a place suits a kind of firm. 场所对某类企业的适宜度评分。",
        ("place", thing, "The place. 场所。"),
        ("kind", thing, "The kind of firm. 企业类别。"),
        ("score", "Float!", "Log-odds: the constant and the contributions together. 对数几率。"),
        ("constant", "Float!", "Where every place starts. 基准值。"),
        ("contributions", f"[{part}!]!", "Largest first. 各项贡献。"),
        ("evidence", f"[{thing}]!", "Firms of the kind there or nearby, as known at the split. 同类企业。"),
        *told,
    )
    shared = [
        Argument("model", "String", "Default: of those that you may be told, the one that saw most. 模型名称。"),
        Argument("first", "Int!", "How many. 数量。", default=_FIRST),
        builder.as_of(),
    ]

    def root(name: str, text: str, says: str, args: list[Argument]) -> FieldSpec:
        full = builder.names.root(name, f"the built-in root {name}")
        return FieldSpec(full, text, says, meaning=m.RootSpecial(name), args=[*args, *shared])

    return [
        root(
            "linkPredictions",
            f"[{link}!]",
            "What is likely and not known yet, with reasons; not before the model's split. 链接预测。",
            [Argument("entity", "ID!"), Argument("relation", f"{builder.prefix}StepName!", "Or an inverse. 关系。")],
        ),
        root(
            "siteScores",
            f"[{site}!]",
            "Places for an enterprise's kind, or for a kind, with reasons. 选址评分。",
            [
                Argument("enterprise", "ID", "Its kind is asked. 企业。"),
                Argument("kind", "ID", "E.g. an industry. 类别。"),
            ],
        ),
    ]


# ---------------------------------------------------------------- asking the models


async def ask(
    learned: Learned, compiler: Compiler, operation: OperationDefinitionNode, asking: Asking
) -> dict[str, Answers]:
    """What the models say to an operation's learned roots, by the answer's key; an error where one cannot say."""
    query: Any = compiler.api.core.query_type
    out: dict[str, Answers] = {}
    for selected in compiler.collector.collect([operation.selection_set], _ONE):
        field = query.fields.get(selected.name)
        meaning = None if field is None else compiler.api.meaning(field)
        if not isinstance(meaning, m.RootSpecial) or meaning.kind not in LEARNED:
            continue
        try:
            args = compiler.arguments(query, selected)
        except GraphQLError:
            continue  # the compiler meets it again and says so
        try:
            compiler.page_size(args["first"], compiler.root_context(selected.key))
            out[selected.key] = await _answer(learned, meaning.kind, args, asking)
        except JingweiError as error:
            out[selected.key] = error
    return out


async def _answer(learned: Learned, kind: str, args: Mapping[str, Any], asking: Asking) -> list[dict[str, Part]]:
    given = args.get("asOf") or {}
    time = asking.time
    valid, system = given.get("valid"), given.get("system")
    mine = replace(asking, time=Time(time.valid if valid is None else valid, time.system if system is None else system))
    model = args.get("model") or ""
    if kind == "linkPredictions":
        step = str(stored(args["relation"]))
        return [_link(a) for a in await learned.links(args["entity"], step, args["first"], mine, model)]
    found = await learned.sites(args.get("enterprise") or "", args.get("kind") or "", args["first"], mine, model)
    return [_site(a) for a in found]


def _link(answer: LinkAnswer) -> dict[str, Part]:
    paths: dict[tuple[str, ...], tuple[str, ...]] = {}
    for rule in answer.rules:
        if rule.reaches:
            paths.setdefault(rule.path, rule.via)
    return {
        "subject": Entity(answer.subject),
        "relation": answer.relation,
        "object": Entity(answer.object),
        "score": answer.score,
        "probability": answer.probability,
        "contributions": _parts(answer.contributions),
        "rules": [
            {
                "text": rule.text,
                "confidence": rule.confidence,
                "support": rule.support,
                "covered": rule.covered,
                "via": list(rule.via),
                "path": [Entity(one) for one in rule.path],
            }
            for rule in answer.rules
        ],
        "evidence": [{"via": list(via), "nodes": [Entity(one) for one in path]} for path, via in paths.items()],
        **_model(answer.model),
    }


def _site(answer: SiteAnswer) -> dict[str, Part]:
    return {
        "place": Entity(answer.place),
        "kind": Entity(answer.kind),
        "score": answer.score,
        "constant": answer.constant,
        "contributions": _parts(answer.contributions),
        "evidence": [Entity(firm) for firm in answer.evidence],
        **_model(answer.model),
    }


def _parts(contributions: Mapping[str, float]) -> list[Part]:
    by_size = sorted(contributions.items(), key=lambda item: (-abs(item[1]), item[0]))
    return [{"name": name, "value": value} for name, value in by_size]


def _model(trained: Trained) -> dict[str, Part]:
    return {"model": trained.name, "modelVersion": trained.version, "knownAt": instant_text(trained.system)}


# ---------------------------------------------------------------- into the query, and out of the answer


@dataclass(frozen=True, slots=True)
class _At:
    """Row `number` of the hidden root `root`."""

    root: str
    number: int


class LearnedRoot:
    """One root: which fields of the model's answer are selected, and which entities the statement must read for them.

    `roots` are hidden but the first, which keeps the answer's place among its neighbours; `filled` makes the answer.
    """

    def __init__(self, compiler: Compiler, selected: Selected, args: Mapping[str, Any], ctx: Context) -> None:
        self.compiler = compiler
        self.key = selected.key
        self.ctx = ctx
        self.time = compiler.instants(args)
        self._ids: dict[str, dict[str, int]] = {}
        self._parts: dict[str, Selected] = {}
        answers = compiler.learned[selected.key]
        if isinstance(answers, JingweiError):
            raise answers
        query: Any = compiler.api.core.query_type
        type_ = _named(query.fields[selected.name].type)
        self._rows = [self._object(selected, type_, row, "") for row in answers]

    @property
    def roots(self) -> list[Root]:
        out = [Root(self.key, Fixed(None))]
        concrete = self.compiler.schema.concrete(ROOT_CLASS)
        for path, ids in self._ids.items():
            inner = replace(self.ctx, cls=ROOT_CLASS, rows=len(ids), place=f"{self.ctx.place}{path}")
            obj = self.compiler.entity(self._parts[path].selections, concrete, inner)
            select = Select(Ids(ROOT_CLASS, tuple(ids)), Aligned(obj), time=self.time)
            out.append(Root(self._hidden(path), select))
        return out

    def _hidden(self, path: str) -> str:
        # No answer's key begins with a blank, and no hidden one of `_entities` with two.
        return f"  {self.key}{path}"

    def _object(self, selected: Selected, type_: Any, value: Mapping[str, Part], path: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for part in self.compiler.collector.collect(selected.selections, _ONE):
            self.compiler.spend(1, self.ctx.place)
            if part.name == "__typename":
                out[part.key] = type_.name
                continue
            inner = _named(type_.fields[part.name].type)
            out[part.key] = self._part(part, inner, value[part.name], f"{path}.{part.key}")
        return out

    def _part(self, part: Selected, type_: Any, value: Part, path: str) -> Any:
        if isinstance(value, list):
            return [self._part(part, type_, one, path) for one in value]
        if isinstance(value, dict):
            return self._object(part, type_, value, path)
        if isinstance(value, Entity):
            self._parts[path] = part
            ids = self._ids.setdefault(path, {})
            return _At(self._hidden(path), ids.setdefault(value.id, len(ids)))
        return value

    def filled(self, data: Mapping[str, Any]) -> list[Any]:
        return [_filled(row, data) for row in self._rows]


def _filled(value: Any, data: Mapping[str, Any]) -> Any:
    if isinstance(value, _At):
        return data[value.root][value.number]
    if isinstance(value, dict):
        return {key: _filled(one, data) for key, one in value.items()}
    return [_filled(one, data) for one in value] if isinstance(value, list) else value


def _named(type_: Any) -> Any:
    while hasattr(type_, "of_type"):
        type_ = type_.of_type
    return type_


def learned_roots(fields: Iterable[str], api: Any) -> bool:
    """Whether one of these root fields is answered by a model."""
    query = api.core.query_type
    meanings = (api.meaning(query.fields[name]) for name in fields if name in query.fields)
    return any(isinstance(found, m.RootSpecial) and found.kind in LEARNED for found in meanings)
