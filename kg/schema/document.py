"""The ontology as Markdown, in English or Chinese: what `jingwei ontology docs` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kg.schema.types import EntityClass, Label, Property, Relation, Schema, Scheme

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("The ontology", "本体"),
    "intro": (
        "{classes} classes, {relations} relations and {schemes} identifier schemes; content hash `{hash}`.",
        "共 {classes} 个类、{relations} 种关系、{schemes} 种标识符方案；内容哈希 `{hash}`。",
    ),
    "levels": ("Levels of sensitivity", "敏感级别"),
    "classes": ("Classes", "类"),
    "relations": ("Relations", "关系"),
    "schemes": ("Identifier schemes", "标识符方案"),
    "module": ("Module", "模块"),
    "is a": ("Is a", "上级类"),
    "abstract": ("Abstract: has no instances of its own.", "抽象类：没有直接实例。"),
    "read from": ("Read from level", "可见级别起点"),
    "graphql": ("In GraphQL", "GraphQL 名称"),
    "corresponds": ("Corresponds to", "对应"),
    "subclasses": ("Subclasses", "下级类"),
    "property": ("Property", "属性"),
    "name": ("Label", "名称"),
    "type": ("Type", "类型"),
    "rules": ("Rules", "约束"),
    "meaning": ("Meaning", "含义"),
    "inherited": ("Inherited", "继承属性"),
    "from": ("from", "来自"),
    "steps": ("Relations", "关系"),
    "to": ("leads to", "通向"),
    "many": ("many", "多值"),
    "required": ("required", "必填"),
    "at least": ("at least {}", "至少 {} 个"),
    "at most": ("at most {}", "至多 {} 个"),
    "one of": ("one of {}", "取值 {}"),
    "pattern": ("matches `{}`", "匹配 `{}`"),
    "length": ("{} to {} characters", "{} 至 {} 个字符"),
    "identifier": ("identifier: {}", "标识符：{}"),
    "indexed": ("indexed", "已索引"),
    "searchable": ("searchable", "可检索"),
    "level": ("from level {}", "级别 {} 起可见"),
    "key": ("part of the identity", "标识组成部分"),
    "inverse": ("Read from the other end", "反向名称"),
    "symmetric": ("Symmetric.", "对称关系。"),
    "acyclic": ("Never leads back to where it starts.", "不成环。"),
    "cardinality": ("Of one subject", "每个主体"),
    "any number": ("any number", "数量不限"),
    "owner": ("Issued by", "管理机构"),
    "whole": ("Whole value", "整体格式"),
    "example": ("Example (of nobody)", "示例（虚构）"),
    "normal": ("Normal form", "规范形式"),
    "upper": ("upper case", "大写"),
    "without": ("without `{}`", "去除 `{}`"),
    "checksum": (
        "Check character: weights {weights}, modulus {modulus}, alphabet `{alphabet}`, check alphabet `{check}`.",
        "校验位：权重 {weights}，模 {modulus}，字符集 `{alphabet}`，校验字符集 `{check}`。",
    ),
    "identifying": ("Finds an entity at load time.", "加载时用于识别实体。"),
    "not identifying": ("Does not find entities: several may share a value.", "不用于识别实体：可重复。"),
    "number": ("whole number", "整数"),
    "long": ("whole number (64 bits)", "整数（64 位）"),
}
_TYPES: Final[Mapping[Datatype, tuple[str, str]]] = {
    Datatype.STRING: ("text", "文本"),
    Datatype.BOOLEAN: ("true or false", "是/否"),
    Datatype.INTEGER: ("whole number", "整数"),
    Datatype.LONG: ("whole number (64 bits)", "整数（64 位）"),
    Datatype.DOUBLE: ("number", "数值"),
    Datatype.DATE: ("date (day, month or year)", "日期（日、月或年）"),
    Datatype.INSTANT: ("instant", "时刻"),
    Datatype.GEOMETRY: ("geometry", "几何"),
    Datatype.JSON: ("JSON object", "JSON 对象"),
    Datatype.ENTITY: ("entity", "实体"),
}


def document(schema: Schema, language: str = "en", modules: Iterable[str] | None = None) -> str:
    """One Markdown page in `language` ("en" or "zh"); `modules` limits it to the classes of these modules.

    Relations are shown where their domain is shown, schemes where a property that is shown uses them.
    """
    return _Page(schema, language, None if modules is None else frozenset(modules)).text()


class _Page:
    def __init__(self, schema: Schema, language: str, modules: frozenset[str] | None) -> None:
        self.schema = schema
        self.zh = language.startswith("zh")
        self.language = language
        self.classes = [c for c in schema.classes.values() if modules is None or c.module in modules]
        shown = {c.name for c in self.classes}
        self.relations = [r for r in schema.relations.values() if r.domain in shown]
        used = {p.scheme for c in self.classes for p in c.properties}
        self.schemes = [s for s in schema.schemes.values() if modules is None or s.name in used]

    def word(self, key: str) -> str:
        return _WORDS[key][self.zh]

    def label(self, text: Label) -> str:
        return _cell(text.text(self.language))

    def text(self) -> str:
        intro = self.word("intro").format(
            classes=len(self.classes),
            relations=len(self.relations),
            schemes=len(self.schemes),
            hash=self.schema.hash[:16],
        )
        parts = [f"# {self.word('title')}", intro, f"## {self.word('levels')}", self.levels()]
        parts.append(f"## {self.word('classes')}")
        for module in sorted({c.module for c in self.classes}):
            parts.append(f"### {self.word('module')} `{module}`")
            parts += [self.entity_class(c) for c in self.classes if c.module == module]
        parts.append(f"## {self.word('relations')}")
        parts += [self.relation(r) for r in self.relations]
        parts.append(f"## {self.word('schemes')}")
        parts += [self.scheme(s) for s in self.schemes]
        return "\n\n".join(parts) + "\n"

    def levels(self) -> str:
        return "\n".join(f"{rank}. {self.label(name)}" for rank, name in enumerate(self.schema.level_names))

    # ------------------------------------------------------------ classes

    def entity_class(self, cls: EntityClass) -> str:
        lines = [f"#### {cls.name} · {self.label(cls.label)}", self.label(cls.definition)]
        facts = []
        if cls.parents:
            facts.append(f"{self.word('is a')}: {', '.join(self.classed(p) for p in cls.parents)}")
        below = sorted(c.name for c in self.schema.classes.values() if cls.name in c.parents)
        if below:
            facts.append(f"{self.word('subclasses')}: {', '.join(map(self.classed, below))}")
        if cls.abstract:
            facts.append(self.word("abstract"))
        if cls.graphql_name != cls.name:
            facts.append(f"{self.word('graphql')}: `{cls.graphql_name}`")
        facts += self.common(cls.sensitivity, cls.alignments)
        lines.append("\n".join(f"- {fact}" for fact in facts))
        own = [p for p in cls.properties if p.owner == cls.name]
        if own:
            lines.append(self.table(own, ()))
        inherited = [p for p in cls.properties if p.owner != cls.name]
        if inherited:
            names = ", ".join(f"`{p.name}` ({self.word('from')} {p.owner})" for p in inherited)
            lines.append(f"{self.word('inherited')}: {names}")
        steps = sorted(
            (name, relation.range if outward else relation.domain)
            for name, relation, outward in self.schema.steps_from(cls.name)
            if cls.name in {relation.domain, relation.range}
        )
        if steps:
            joined = ", ".join(f"`{name}` → {self.classed(end)}" for name, end in steps)
            lines.append(f"{self.word('steps')}: {joined}")
        return "\n\n".join(line for line in lines if line)

    def classed(self, name: str) -> str:
        return f"{name} · {self.label(self.schema.classes[name].label)}" if self.zh else name

    def common(self, sensitivity: int, alignments: Iterable[tuple[str, str]]) -> list[str]:
        facts = []
        if sensitivity:
            level = self.schema.level_names[sensitivity]
            facts.append(f"{self.word('read from')}: {sensitivity} ({self.label(level)})")
        public = [f"{kind} <{iri}>" for kind, iri in alignments]
        if public:
            facts.append(f"{self.word('corresponds')}: {', '.join(public)}")
        return facts

    # ------------------------------------------------------------ properties

    def table(self, properties: Iterable[Property], key: tuple[str, ...]) -> str:
        heads = [self.word(head) for head in ("property", "name", "type", "rules", "meaning")]
        rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        for p in properties:
            cells = [f"`{p.name}`", self.label(p.label), self.typed(p), self.rules(p, key), self.label(p.definition)]
            rows.append(f"| {' | '.join(cells)} |")
        return "\n".join(rows)

    def typed(self, p: Property) -> str:
        made = _TYPES[p.datatype][self.zh]
        if p.target:
            made = f"{made} {self.classed(p.target)}"
        if p.unit and p.unit != "1":
            made = f"{made}, {_cell(p.unit)}"
        return f"{made}, {self.word('many')}" if p.many else made

    def rules(self, p: Property, key: tuple[str, ...]) -> str:
        said = [self.word("key")] if p.name in key else []
        if p.min_count == 1:
            said.append(self.word("required"))
        elif p.min_count:
            said.append(self.word("at least").format(p.min_count))
        if p.many and p.max_count:
            said.append(self.word("at most").format(p.max_count))
        if p.values:
            labels = p.value_labels or ()
            shown = [
                f"`{value}`" + (f" ({self.label(labels[i])})" if labels else "") for i, value in enumerate(p.values)
            ]
            said.append(self.word("one of").format(", ".join(shown)))
        if p.pattern:
            said.append(self.word("pattern").format(_cell(p.pattern)))
        if p.min_length is not None or p.max_length is not None:
            most = "∞" if p.max_length is None else p.max_length
            said.append(self.word("length").format(p.min_length or 0, most))
        for sign, bound in (
            ("≥", p.min_inclusive),
            (">", p.min_exclusive),
            ("≤", p.max_inclusive),
            ("<", p.max_exclusive),
        ):
            if bound is not None:
                said.append(f"{sign} {bound:g}" if isinstance(bound, float) else f"{sign} {bound}")
        if p.scheme:
            said.append(self.word("identifier").format(self.label(self.schema.schemes[p.scheme].label)))
        said += [self.word(flag) for flag in ("indexed", "searchable") if getattr(p, flag)]
        if p.sensitivity:
            said.append(self.word("level").format(p.sensitivity))
        return "; ".join(said)

    # ------------------------------------------------------------ relations and schemes

    def relation(self, r: Relation) -> str:
        lines = [
            f"### {r.name} · {self.label(r.label)}",
            self.label(r.definition),
            f"{self.classed(r.domain)} → {self.classed(r.range)}",
        ]
        facts = []
        if r.inverse:
            facts.append(f"{self.word('inverse')}: `{r.inverse}` ({self.label(r.inverse_label)})")
        if r.symmetric:
            facts.append(self.word("symmetric"))
        if r.acyclic:
            facts.append(self.word("acyclic"))
        if r.min_count or r.max_count is not None:
            most = "∞" if r.max_count is None else r.max_count
            facts.append(f"{self.word('cardinality')}: {r.min_count}…{most}")
        facts += self.common(r.sensitivity, r.alignments)
        lines.append("\n".join(f"- {fact}" for fact in facts))
        if r.properties:
            lines.append(self.table(r.properties, r.key))
        return "\n\n".join(line for line in lines if line)

    def scheme(self, s: Scheme) -> str:
        facts = [f"{self.word('whole')}: `{s.pattern}`"]
        normal = [self.word("upper")] if s.upper else []
        normal += [self.word("without").format(s.strip)] if s.strip else []
        if normal:
            facts.append(f"{self.word('normal')}: {', '.join(normal)}")
        if s.owner:
            facts.append(f"{self.word('owner')}: {s.owner}")
        if s.example:
            facts.append(f"{self.word('example')}: `{s.example}`")
        if s.modulus:
            facts.append(
                self.word("checksum").format(
                    weights=" ".join(map(str, s.weights)),
                    modulus=s.modulus,
                    alphabet=s.alphabet,
                    check=s.check_alphabet,
                )
            )
        facts.append(self.word("identifying" if s.identifying else "not identifying"))
        facts += self.common(s.sensitivity, ())
        lines = [f"### {s.name} · {self.label(s.label)}", self.label(s.definition)]
        return "\n\n".join([*filter(None, lines), "\n".join(f"- {fact}" for fact in facts)])


def _cell(text: str) -> str:
    """Text that cannot break a table cell."""
    return text.replace("|", "\\|").replace("\n", " ")
