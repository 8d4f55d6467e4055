"""An entity's card: who it is, what is known of it and by whom, and where sources differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from api.page.answers import Item
from kg.query.algebra import (
    ConflictsOf,
    Field,
    Ids,
    Keys,
    Leaf,
    Meta,
    MetaName,
    Obj,
    One,
    Page,
    Prop,
    Range,
    Rows,
    Select,
    Time,
)
from kg.schema.identifiers import checker, normalise
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from api.page.reading import Visit
    from kg.schema.types import EntityClass, Property

_TIMES: Final = 5


@dataclass(frozen=True, slots=True)
class Head:
    """Who it is at the visit's instants."""

    id: str
    cls: EntityClass
    name: str
    valid_from: str | None
    valid_to: str | None
    known_from: str
    mentioned: bool
    merged_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Elsewhen:
    """A stretch of time in which it is known, for a visitor who came at another one."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Missing:
    """`moved`: the id that an identifier named instead."""

    times: tuple[Elsewhen, ...] = ()
    moved: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One of several values that sources give."""

    text: str
    source: str
    record: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Valued:
    """A property with its value, who said it, and other values if there are any."""

    name: str
    label: str
    help: str
    values: tuple[Item, ...]
    source: str
    identifier: bool
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True)
class Properties:
    values: tuple[Valued, ...]
    geometry: dict[str, Any] | None

    @property
    def conflicts(self) -> tuple[Valued, ...]:
        return tuple(one for one in self.values if one.said)


async def find(visit: Visit, key: str) -> Head | Missing:
    """By id, else by any identifier that the visitor may look up: one statement."""
    head = Obj(
        (
            _meta("id", MetaName.ID),
            _meta("class", MetaName.CLASS),
            Field("name", Leaf(Prop("name"))),
            _meta("from", MetaName.VALID_FROM),
            _meta("to", MetaName.VALID_TO),
            _meta("known", MetaName.SYSTEM_FROM),
            _meta("provenance", MetaName.PROVENANCE),
            _meta("merged", MetaName.MERGED_FROM),
        )
    )
    stretch = Rows(Obj((_meta("from", MetaName.VALID_FROM), _meta("to", MetaName.VALID_TO))))
    by_id = Ids(ROOT_CLASS, (key,))
    pairs = _identifiers(visit, key)
    ever = Select(by_id, stretch, page=Page(_TIMES), time=Time(Range(), visit.moment.system))
    roots: list[tuple[str, Select]] = [("it", Select(by_id, One(head)))]
    if pairs:
        roots.append(("keys", Select(Keys(ROOT_CLASS, pairs), Rows(Obj((_meta("id", MetaName.ID),))), page=Page(1))))
    if not visit.scope.rows:
        # Conditions of a scope that follow relations are answered at instants only.
        roots.append(("ever", ever))
    answer = await visit.ask(*roots)
    found = answer["it"]
    if found is None:
        moved = answer.get("keys") or []
        times = tuple(
            Elsewhen(
                visit.voice.interval(row["from"], row["to"]),
                visit.moment.at(_inside(row), visit.moment.known_text).link(f"/e/{key}"),
            )
            for row in answer.get("ever", ())
        )
        return Missing(times, moved[0]["id"] if moved else "")
    return Head(
        found["id"],
        visit.schema.classes[found["class"]],
        found["name"] or found["id"],
        found["from"],
        found["to"],
        found["known"],
        found["provenance"] == "mentioned",
        tuple(found["merged"] or ()),
    )


def _meta(key: str, name: MetaName) -> Field:
    return Field(key, Leaf(Meta(name)))


def _inside(row: dict[str, Any]) -> str:
    """An instant at which the stretch holds."""
    return str(row["from"] or row["to"])


def _identifiers(visit: Visit, key: str) -> tuple[tuple[str, str], ...]:
    """(scheme, value) for each identifying scheme that the text conforms to: `KEY`, or `SCHEME:KEY`."""
    scheme, _, rest = key.partition(":")
    named = scheme if rest and scheme in visit.schema.schemes else ""
    out = []
    for one in visit.schema.schemes.values():
        if (named and one.name != named) or not one.identifying or not visit.limits.sees_scheme(one.name):
            continue
        if any(_hidden(visit, cls, one.name) for cls in visit.schema.concrete(ROOT_CLASS)):
            continue
        value = normalise(one, rest if named else key)
        if checker(one)(value) is None:
            out.append((one.name, value))
    return tuple(out)


def _hidden(visit: Visit, cls: str, scheme: str) -> bool:
    masked = visit.limits.masked(cls)
    return any(p.scheme == scheme and p.name in masked for p in visit.schema.classes[cls].properties)


# ---------------------------------------------------------------- properties


async def properties(visit: Visit, head: Head) -> Properties:
    """Every property that has a value, with its source and what other sources say: one statement."""
    masked = visit.limits.masked(head.cls.name)
    asked = [p for p in head.cls.properties if p.name not in masked]
    conflict = Obj(
        (
            _meta("property", MetaName.PROPERTY), _meta("value", MetaName.VALUE), _meta("source", MetaName.SOURCE),
            _meta("record", MetaName.RECORD), _meta("chosen", MetaName.CHOSEN),
        )
    )  # fmt: skip
    obj = Obj(
        (
            *(Field(f"p {p.name}", Leaf(Prop(p.name))) for p in asked),
            _meta("sources", MetaName.SOURCES),
            Field("conflicts", Select(ConflictsOf(head.cls.name), Rows(conflict))),
        )
    )
    answer = await visit.ask(("it", Select(Ids(head.cls.name, (head.id,)), One(obj))))
    found = answer["it"]
    if found is None:
        return Properties((), None)
    sources = found["sources"] or {}
    said: dict[str, list[dict[str, Any]]] = {}
    for row in found["conflicts"]:
        said.setdefault(row["property"], []).append(row)
    geometry = next((found[f"p {p.name}"] for p in asked if p.datatype is Datatype.GEOMETRY), None)
    order = sorted(asked, key=lambda p: (p.name != "name", not p.scheme, p.datatype is Datatype.JSON, _place(p)))
    values = tuple(
        _valued(visit, prop, found[f"p {prop.name}"], sources, said.get(prop.name, []))
        for prop in order
        if found[f"p {prop.name}"] not in (None, [])
    )
    return Properties(values, geometry)


def _place(prop: Property) -> tuple[int, str]:
    kinds = {Datatype.STRING: 1 if prop.values else 3, Datatype.DATE: 2, Datatype.INSTANT: 2, Datatype.GEOMETRY: 4}
    return kinds.get(prop.datatype, 0), prop.name


def _valued(visit: Visit, prop: Property, value: Any, sources: dict[str, str], said: list[dict[str, Any]]) -> Valued:
    voice = visit.voice
    if isinstance(value, list):
        items = tuple(Item(voice.value(prop, one)) for one in value)
    elif prop.datatype is Datatype.JSON:
        items = tuple(Item(f"{key}: {one}") for key, one in value.items())
    else:
        items = (Item(voice.value(prop, value)),)
    source = sources.get(prop.name) or sources.get("", "")
    differing = tuple(
        Said(voice.value(prop, row["value"]), visit.source(row["source"]), row["record"], bool(row["chosen"]))
        for row in sorted(said, key=lambda row: not row["chosen"])
    )
    return Valued(
        prop.name, voice.label(prop.label), voice.label(prop.definition), items, visit.source(source) if source else "",
        bool(prop.scheme), differing,
    )  # fmt: skip
