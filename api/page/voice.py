"""How a page speaks: words, labels and values in one language and one time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import orjson

from api.page.words import WORDS
from kg.geo.geometry import point_of
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from kg.schema.types import Label, Property, Schema

Language: TypeAlias = Literal["en", "zh"]
NOTHING: Final = "—"
_UNITS: Final[Mapping[str, tuple[str, str]]] = {
    "m2": ("m²", "m²"),
    "m": ("m", "m"),
    "d": ("days", "天"),
    "s": ("s", "秒"),
    "kN/m2": ("kN/m²", "kN/m²"),
    "m3/h": ("m³/h", "m³/h"),
    "CNY/(m2.d)": ("CNY/m²·day", "元/㎡·天"),
}
_KINDS: Final = {"Point": "point", "MultiPoint": "point", "LineString": "line", "MultiLineString": "line"}
_SHAPE: Final = 6


@dataclass(frozen=True, slots=True)
class Voice:
    """`now`: microseconds UTC, from which ages count."""

    language: Language
    zone: ZoneInfo
    now: int

    def __call__(self, key: str, **values: object) -> str:
        """A word or sentence of `api.page.words`."""
        text = WORDS[key][self.language == "zh"]
        return text.format(**values) if values else text

    @property
    def tag(self) -> str:
        """The language for HTML."""
        return "zh-CN" if self.language == "zh" else "en"

    def label(self, label: Label) -> str:
        text = label.text(self.language)
        return text if self.language == "zh" else text[:1].upper() + text[1:]

    def said(self, text: str) -> str:
        """A source's label, which may be in both languages: `市场主体登记 | Market registration`."""
        zh, _, en = text.partition(" | ")
        return en.strip() if en and self.language == "en" else zh.strip()

    def step(self, schema: Schema, name: str) -> str:
        """The label of a relation as read from one end."""
        found = schema.step(name)
        if found is None:
            return name
        relation, outward = found
        return self.label(relation.label if outward else relation.inverse_label) or name

    def and_(self, texts: list[str]) -> str:
        return ("、" if self.language == "zh" else ", ").join(texts)

    # ------------------------------------------------------------ time

    def day(self, instant: str | int) -> str:
        """The local day of an ISO instant or of microseconds."""
        return self._local(instant).strftime("%Y-%m-%d")

    def moment(self, instant: str | int) -> str:
        """The local day, with the time of day where it is not midnight."""
        local = self._local(instant)
        return local.strftime("%Y-%m-%d" if local.time() == local.min.time() else "%Y-%m-%d %H:%M")

    def when(self, instant: int, given: str) -> str:
        """An instant that was given as a day, which means its end, or as itself."""
        return self("at day", day=given) if len(given) == len("2025-04-01") else self.moment(instant)

    def since(self, instant: str | int) -> int:
        """Whole days from a local day to now's."""
        return (self._local(self.now).date() - self._local(instant).date()).days

    def age(self, instant: str | int) -> str:
        days = self.since(instant)
        if days <= 0:
            return self("today age")
        return self("days", n=days) if days < 60 else self("months", n=round(days / 30.44))

    def interval(self, start: str | None, end: str | None) -> str:
        """A half-open interval: the end is the last instant before it where it falls on midnight."""
        if start is None and end is None:
            return self("always")
        return f"{self.moment(start) if start else '…'} – {self.moment(end) if end else '…'}"

    def _local(self, instant: str | int) -> datetime:
        found = datetime.fromisoformat(instant) if isinstance(instant, str) else datetime.fromtimestamp(
            instant // 1_000_000, UTC
        )  # fmt: skip
        return found.astimezone(self.zone)

    # ------------------------------------------------------------ values

    def value(self, prop: Property, value: Any) -> str:
        """One value as people read it; `value` as it stands in an answer's JSON."""
        if value is None or value == []:
            return NOTHING
        if isinstance(value, list):
            return self.and_([self.value(prop, one) for one in value])
        match prop.datatype:
            case Datatype.BOOLEAN:
                return self("yes" if value else "no")
            case Datatype.INTEGER | Datatype.LONG | Datatype.DOUBLE:
                return self.number(value, prop)
            case Datatype.INSTANT:
                return self.moment(value)
            case Datatype.GEOMETRY:
                return self.place(value)
            case Datatype.JSON:
                return ("；" if self.language == "zh" else "; ").join(f"{k}: {v}" for k, v in value.items())
            case _:
                return self.coded(prop, str(value))

    def coded(self, prop: Property, value: str) -> str:
        """The label of a listed value."""
        if value in prop.values and prop.value_labels:
            return self.label(prop.value_labels[prop.values.index(value)])
        return value

    def number(self, value: float, prop: Property | None = None) -> str:
        unit = prop.unit if prop is not None else ""
        if unit == "CNY":
            return self.money(value)
        if prop is not None and unit == "1" and prop.max_inclusive is not None and float(prop.max_inclusive) == 1:
            return f"{_plain(value * 100, 2)}%"
        if unit == "%":
            return f"{_plain(value, 2)}%"
        # A code, a year or a storey is no quantity to be grouped.
        text = _plain(value, 4)
        if not unit or unit == "1":
            return text
        return f"{text} {_UNITS.get(unit, (unit, unit))[self.language == 'zh']}"

    def money(self, value: float) -> str:
        """CNY as Chinese accounts say it: 元, 万元, 亿元; in English thousands, millions, billions."""
        steps = ((1e8, "亿元"), (1e4, "万元"), (1, "元")) if self.language == "zh" else (
            (1e9, "billion"), (1e6, "million"), (1, ""),
        )  # fmt: skip
        size, name = next((step for step in steps if abs(value) >= step[0]), steps[-1])
        text = _plain(value / size, 4 if size > 1 else 2)
        return f"{text} {name}" if self.language == "zh" else f"CNY {text} {name}".rstrip()

    def place(self, geometry: Mapping[str, Any]) -> str:
        """What kind of geometry, and where its representative point lies."""
        lon, lat = point_of(orjson.dumps(geometry).decode())
        kind = self(_KINDS.get(str(geometry.get("type")), "polygon"))
        return self("lon lat", kind=kind, lon=f"{lon:.{_SHAPE - 2}f}", lat=f"{lat:.{_SHAPE - 2}f}")


def _plain(value: float, digits: int) -> str:
    """With grouped thousands and at most so many decimals, none that are zero."""
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def kind_of(prop: Property) -> str:
    """How its values stand in a table: "number", "date" or ""."""
    dated = prop.datatype in {Datatype.DATE, Datatype.INSTANT} and not prop.many
    return "number" if is_number(prop) else "date" if dated else ""


def is_number(prop: Property) -> bool:
    """Whether its values stand right-aligned."""
    return prop.datatype in {Datatype.INTEGER, Datatype.LONG, Datatype.DOUBLE} and not prop.many
