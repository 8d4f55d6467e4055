"""Lists: one class with filters and pages, and the search over all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from api.page.answers import Cell, Column, Item
from api.page.voice import is_number, kind_of
from kg.errors import QueryError
from kg.query.algebra import (
    Aggregate,
    And,
    Cmp,
    Comparison,
    Const,
    EdgeField,
    Extent,
    Field,
    InfoPart,
    IsA,
    Leaf,
    Match,
    Meta,
    MetaName,
    Metric,
    MetricOp,
    Obj,
    Order,
    Out,
    Page,
    PageField,
    PageOf,
    PagePart,
    Prop,
    Select,
)
from kg.query.cursor import resume
from kg.query.validate import suggestion
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from api.page.reading import Visit
    from kg.query.algebra import Predicate, Source
    from kg.schema.types import EntityClass, Property

PAGE: Final = 50
COLUMNS: Final = 6
SUGGESTIONS: Final = 8
_APART: Final = frozenset({"name", "attributes", "description", "alternativeNames"})
FILTER: Final = "p."


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter: the name of its parameter, its label, what can be chosen."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One page. `known`: for each column, of how many of all the value is known."""

    total: int
    everything: int
    columns: tuple[Column, ...]
    known: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    choices: tuple[Choice, ...]
    sortable: tuple[tuple[str, str], ...]  # (property, label)
    next: str = ""
    continued: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    id: str
    name: str
    cls: str
    label: str
    also: str
    href: str


@dataclass(frozen=True, slots=True)
class Found:
    total: int
    hits: tuple[Hit, ...]
    classes: tuple[Option, ...]
    next: str = ""
    continued: bool = False


# ---------------------------------------------------------------- one class


async def listing(visit: Visit, cls: EntityClass, params: Mapping[str, str]) -> Listed:
    """A page of the class, what can be filtered by, and how much of each column is known: one statement."""
    schema, voice = visit.schema, visit.voice
    masked = visit.masked(cls.name)
    shown = [p for p in cls.properties if p.name not in masked and p.name not in _APART and _columnar(p)]
    coded = [p for p in cls.properties if p.name not in masked and p.values and not p.many]
    below = [name for name in visit.limits.classes(cls.name) if name != cls.name]
    text = params.get("q", "").strip()
    where = _filters(visit, cls, coded, params)
    order = _order(params, {p.name for p in cls.properties if not p.many} - masked, searched=bool(text))
    source: Source = Match(cls.name, text) if text else Extent(cls.name)
    page = _page(visit, Select(source, _page_shape([*shown]), where, order), params.get("after", ""), PAGE)
    counts = Aggregate(
        Extent(cls.name),
        (Out("n", "metric", 0), *(Out(f"p {p.name}", "metric", i + 1) for i, p in enumerate(shown))),
        metrics=(Metric(MetricOp.COUNT), *(Metric(MetricOp.COUNT, Prop(p.name)) for p in shown)),
    )
    by_class = Aggregate(
        Extent(cls.name), (Out("v", "group"), Out("n", "metric")), (Meta(MetaName.CLASS),), (Metric(MetricOp.COUNT),)
    )
    by_value = {
        f"v {p.name}": Aggregate(
            Extent(cls.name), (Out("v", "group"), Out("n", "metric")), (Prop(p.name),), (Metric(MetricOp.COUNT),)
        )
        for p in coded
    }
    answer = await visit.ask(("page", page), ("counts", counts), ("classes", by_class), *by_value.items())
    known = answer["counts"][0]
    columns = sorted(shown, key=lambda p: (-bool(known[f"p {p.name}"]), _rank(p), -known[f"p {p.name}"], p.name))
    columns = [p for p in columns if known[f"p {p.name}"]][:COLUMNS]
    choices = [_choice(visit, p, answer[f"v {p.name}"], params) for p in coded]
    if below:
        choices.insert(0, _classes(visit, answer["classes"], params))
    found = answer["page"]
    several = len(answer["classes"]) > 1
    head = [Column(voice.label(cls.label))]
    if several:
        head.append(Column(voice("kind of")))
    rows = []
    for node in found["nodes"]:
        cells = [Cell((Item(node["name"] or node["id"], visit.moment.link(f"/e/{node['id']}")),))]
        if several:
            cells.append(Cell((Item(voice.label(schema.classes[node["class"]].label)),)))
        cells += [Cell((Item(voice.value(p, node[f"p {p.name}"])),), kind_of(p)) for p in columns]
        rows.append(tuple(cells))
    info = found["info"]
    return Listed(
        found["total"],
        known["n"],
        (*head, *(Column(voice.label(p.label), kind_of(p)) for p in columns)),
        ("",) * len(head) + tuple(voice("filled", have=known[f"p {p.name}"], of=known["n"]) for p in columns),
        tuple(rows),
        tuple(one for one in choices if len(one.options) > 1),
        tuple((p.name, voice.label(p.label)) for p in columns),
        info["end"] if info["next"] else "",
        bool(params.get("after")),
    )


def _columnar(prop: Property) -> bool:
    return prop.datatype not in {Datatype.GEOMETRY, Datatype.JSON, Datatype.ENTITY} and not prop.many


def _rank(prop: Property) -> int:
    """Identifiers first, then what is coded, measured, dated, and other words."""
    if prop.scheme:
        return 0
    if prop.values:
        return 1
    return 2 if is_number(prop) else 3 if prop.datatype is Datatype.DATE else 4


def _page_shape(shown: Sequence[Property]) -> PageOf:
    leaves = (
        Field("id", Leaf(Meta(MetaName.ID))),
        Field("class", Leaf(Meta(MetaName.CLASS))),
        Field("name", Leaf(Prop("name"))),
        *(Field(f"p {p.name}", Leaf(Prop(p.name))) for p in shown),
    )
    return PageOf(
        (
            PageField("nodes", PagePart.NODES, obj=Obj(leaves)),
            PageField("total", PagePart.TOTAL),
            PageField("info", PagePart.INFO, info=(("next", InfoPart.HAS_NEXT), ("end", InfoPart.END))),
        )
    )


def _page(visit: Visit, select: Select, after: str, first: int) -> Select:
    """The select as a page, at the instants of its first page where it goes on."""
    bound = visit.binding(replace(select, time=visit.moment.time))
    select = replace(select, page=Page(first, None, bound))
    return resume(select, visit.token(after, bound), first) if after else select


def _filters(visit: Visit, cls: EntityClass, coded: Sequence[Property], params: Mapping[str, str]) -> Predicate | None:
    """Raises QueryError for a filter that there is not, and for a value that its list does not have."""
    items: list[Predicate] = []
    known = {FILTER + prop.name for prop in coded}
    for name in params:
        if name.startswith(FILTER) and name not in known:
            remedy = suggestion(name, known)
            raise QueryError(f"{cls.name} has no such filter", field=name, value=params[name], remedy=remedy)
    for prop in coded:
        value = params.get(FILTER + prop.name, "")
        if not value:
            continue
        if value not in prop.values:
            raise QueryError(
                f"{prop.name} has no such value",
                field=prop.name,
                value=value,
                remedy=f"One of: {', '.join(prop.values)}.",
            )
        items.append(Cmp(Comparison.EQ, Prop(prop.name), Const(value)))
    kind = params.get("kind", "")
    if kind:
        if kind not in visit.schema.classes or not visit.schema.is_a(kind, cls.name):
            raise QueryError(f"{cls.name} has no such kind", field="kind", value=kind, remedy="Choose one of the list.")
        items.append(IsA(kind))
    return None if not items else items[0] if len(items) == 1 else And(tuple(items))


def _order(params: Mapping[str, str], names: set[str], *, searched: bool) -> tuple[Order, ...]:
    """Raises QueryError for what cannot be sorted by."""
    given = params.get("sort", "")
    if not given:
        return (Order(Meta(MetaName.RANK)), Order(Prop("name"))) if searched else (Order(Prop("name")),)
    name = given.removeprefix("-")
    if name not in names:
        raise QueryError("There is no such property to sort by", field="sort", value=name, remedy="Choose a column.")
    return (Order(Prop(name), descending=given.startswith("-")),)


def _choice(visit: Visit, prop: Property, rows: list[dict[str, Any]], params: Mapping[str, str]) -> Choice:
    counts = {row["v"]: row["n"] for row in rows if row["v"] is not None}
    chosen = params.get(FILTER + prop.name, "")
    options = tuple(
        Option(value, visit.voice.coded(prop, value), value == chosen, counts.get(value, 0))
        for value in prop.values if value in counts or value == chosen
    )  # fmt: skip
    return Choice(FILTER + prop.name, visit.voice.label(prop.label), options)


def _classes(visit: Visit, rows: list[dict[str, Any]], params: Mapping[str, str]) -> Choice:
    chosen = params.get("kind", "")
    options = [
        Option(row["v"], visit.voice.label(visit.schema.classes[row["v"]].label), row["v"] == chosen, row["n"])
        for row in rows
    ]
    return Choice("kind", visit.voice("kind of"), tuple(options))


# ---------------------------------------------------------------- search


async def search(visit: Visit, text: str, kind: str, after: str, first: int = PAGE) -> Found:
    """What is called so, best match first, and how many of each class: one statement.

    Raises QueryError for a class that is unknown, and ScopeDenied for one that is unseen.
    """
    schema = visit.schema
    if kind and kind not in schema.classes:
        raise QueryError("There is no such class", field="kind", value=kind, remedy="Leave it out to search all.")
    leaves = [Field("id", Leaf(Meta(MetaName.ID))), Field("class", Leaf(Meta(MetaName.CLASS)))]
    leaves.append(Field("name", Leaf(Prop("name"))))
    leaves += [Field(f"p {name}", Leaf(Prop(name)), only) for name, only in _other_names(visit)]
    shape = PageOf(
        (
            PageField("edges", PagePart.EDGES, edge=(EdgeField("node", Obj(tuple(leaves))),)),
            PageField("total", PagePart.TOTAL),
            PageField("info", PagePart.INFO, info=(("next", InfoPart.HAS_NEXT), ("end", InfoPart.END))),
        )
    )
    order = (Order(Meta(MetaName.RANK)),)
    page = _page(visit, Select(Match(kind or ROOT_CLASS, text), shape, None, order), after, first)
    by_class = Aggregate(
        Match(ROOT_CLASS, text), (Out("v", "group"), Out("n", "metric")), (Meta(MetaName.CLASS),),
        (Metric(MetricOp.COUNT),), order=(("metric", 0, True),),
    )  # fmt: skip
    answer = await visit.ask(("page", page), ("classes", by_class))
    found = answer["page"]
    hits = tuple(_hit(visit, edge["node"]) for edge in found["edges"])
    classes = tuple(
        Option(row["v"], visit.voice.label(schema.classes[row["v"]].label), row["v"] == kind, row["n"])
        for row in answer["classes"]
    )
    info = found["info"]
    return Found(found["total"], hits, classes, info["end"] if info["next"] else "", bool(after))


def _other_names(visit: Visit) -> list[tuple[str, tuple[str, ...]]]:
    """Other searchable properties, with the classes on which they are: by which a match may have been found."""
    found: dict[str, list[str]] = {}
    for cls in visit.limits.classes(ROOT_CLASS):
        for prop in visit.schema.classes[cls].properties:
            if prop.searchable and prop.name not in {"name", "description"}:
                found.setdefault(prop.name, []).append(cls)
    return [(name, tuple(classes)) for name, classes in found.items()]


def _hit(visit: Visit, node: dict[str, Any]) -> Hit:
    colon = visit.voice("colon")
    declared = {prop.name: prop for prop in visit.schema.classes[node["class"]].properties}
    others: list[str] = []
    for key, value in node.items():
        if key.startswith("p ") and value:
            texts = visit.voice.and_(value) if isinstance(value, list) else value
            others.append(f"{visit.voice.label(declared[key[2:]].label)}{colon}{texts}")
    label = visit.voice.label(visit.schema.classes[node["class"]].label)
    name = node["name"] or node["id"]
    also = visit.voice("then").join(others)
    return Hit(node["id"], name, node["class"], label, also, visit.moment.link(f"/e/{node['id']}"))
