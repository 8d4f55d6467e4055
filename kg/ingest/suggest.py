"""A draft of a mapping from a file's column names and values, for a person to look through."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import yaml

from kg.errors import LoadError
from kg.ingest.compiling import class_mapping
from kg.model.records import Record
from kg.schema.identifiers import checker, normalise
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kg.model.records import Table
    from kg.schema.types import EntityClass, Schema

_SEEN: Final = 500
_LONGITUDE: Final = ("经度", "lon", "lng", "longitude", "x")
_LATITUDE: Final = ("纬度", "lat", "latitude", "y")
_FROM: Final = ("生效日期", "开始日期", "起始日期", "变更日期", "valid from", "since", "from", "起")
_TO: Final = ("失效日期", "结束日期", "截止日期", "终止日期", "valid to", "until", "to", "止")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A mapping as YAML, and why its class was chosen."""

    text: str
    reason: str


def suggest(table: Table, schema: Schema, cls: str = "") -> Suggestion:
    """Draft a mapping. LoadError for a class that does not exist, and where no class has anything in common."""
    seen = [row.values for row in islice((r for r in table.rows() if isinstance(r, Record)), _SEEN)]
    columns = table.columns or tuple(dict.fromkeys(name for values in seen for name in values))
    identified = {c: scheme for c in columns if (scheme := _scheme(schema, [v[c] for v in seen if c in v]))}
    chosen = cls or _best(schema, columns, identified)
    if not chosen:
        raise LoadError(
            "No class has properties that are called as the columns are", where=str(table.path), field="class",
            remedy="Name the class: jingwei mapping suggest FILE --class NAME.",
        )  # fmt: skip
    mapping, _ = class_mapping(schema, chosen, columns)
    found = schema.classes[chosen]
    mapped: dict[str, Any] = {
        column: {"property": to.property, "unit": to.unit} if to.unit else to.property
        for column, to in mapping.columns.items()
    }
    taken = {to.property for to in mapping.columns.values()}
    for column, scheme in identified.items():
        declared = next((p.name for p in found.properties if p.scheme == scheme and p.name not in taken), None)
        if declared and column not in mapped:
            mapped[column] = declared
            taken.add(declared)
    body: dict[str, Any] = {"class": chosen, "source": table.path.stem}
    if mapping.id:
        body["id"] = mapping.id[0]
    body["columns"] = mapped
    _add_point(body, found, columns)
    _add_valid(body, columns)
    rest = [c for c in columns if c not in mapped and c not in _spoken(body)]
    return Suggestion(_text(body, rest, found), _reason(chosen, cls, mapped, columns))


def _scheme(schema: Schema, values: Sequence[Any]) -> str:
    """The identifier scheme that nearly all values conform to; one with a check character before one without."""
    texts = [str(value) for value in values if isinstance(value, str) and value.strip()]
    best = ""
    for scheme in schema.schemes.values():
        check = checker(scheme)
        good = sum(check(normalise(scheme, text)) is None for text in texts)
        if texts and good >= 0.9 * len(texts) and (not best or scheme.modulus):
            best = scheme.name
    return best


def _best(schema: Schema, columns: Sequence[str], identified: dict[str, str]) -> str:
    def score(cls: EntityClass) -> tuple[int, int, str]:
        mapping, _ = class_mapping(schema, cls.name, columns)
        said = {to.property for to in mapping.columns.values()}
        own = sum(1 for p in cls.properties if p.name in said and p.owner == cls.name)
        schemes = sum(1 for p in cls.properties if p.scheme and p.scheme in identified.values())
        # A name and a description everything has: they speak for no class.
        special = len(said - {"name", "description", "address", "geometry", "status", "code"})
        return 2 * special + own + 3 * schemes, len(said), cls.name

    ranked = sorted((score(cls) for cls in schema.classes.values() if not cls.abstract), reverse=True)
    return ranked[0][2] if ranked and ranked[0][0] else ""


def _match(columns: Iterable[str], names: Sequence[str]) -> str:
    by_lower = {column.strip().lower(): column for column in columns}
    return next((by_lower[name] for name in names if name in by_lower), "")


def _add_point(body: dict[str, Any], cls: EntityClass, columns: Sequence[str]) -> None:
    longitude, latitude = _match(columns, _LONGITUDE), _match(columns, _LATITUDE)
    shape = next((p.name for p in cls.properties if p.datatype is Datatype.GEOMETRY), "")
    if longitude and latitude and shape and shape not in body["columns"].values():
        body["points"] = [{"property": shape, "longitude": longitude, "latitude": latitude}]


def _add_valid(body: dict[str, Any], columns: Sequence[str]) -> None:
    free = [column for column in columns if column not in body["columns"]]
    found = {"from": _match(free, _FROM), "to": _match(free, _TO)}
    if any(found.values()):
        body["valid"] = {key: column for key, column in found.items() if column}


def _spoken(body: dict[str, Any]) -> set[str]:
    points = {place[axis] for place in body.get("points", ()) for axis in ("longitude", "latitude")}
    return points | set(body.get("valid", {}).values()) | {body.get("id", "")}


def _text(body: dict[str, Any], rest: Sequence[str], cls: EntityClass) -> str:
    text: str = yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=120)
    if not rest:
        return text
    names = [p.name for p in cls.properties]
    lines = ["# Not mapped; kept under attributes unless you say otherwise (rest: ignore):"]
    for column in rest:
        near = get_close_matches(column, names, n=1, cutoff=0.6)
        lines.append(f"#   {column}" + (f"    perhaps {near[0]}" if near else ""))
    return text + "\n".join(lines) + "\n"


def _reason(chosen: str, said: str, mapped: dict[str, Any], columns: Sequence[str]) -> str:
    how = "as said" if said else "by the names and values of its columns"
    return f"{chosen}, {how}: {len(mapped)} of {len(columns)} columns are mapped"
