"""Where a source's coordinates are: declared, said, or refused with the systems that they could be in.

Sources write easting (or longitude) first, whatever an authority's axis order is; what leaves here is longitude and
latitude on WGS 84. The offsets of Chinese web maps, GCJ-02 and BD-09, are no reference systems of EPSG and have names.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import orjson

from kg.errors import LoadError, ValidationError
from kg.geo.crs import ZONES, crs, lon_lat, parse_code
from kg.geo.gcj import bd09_to_wgs84, gcj02_to_wgs84
from kg.ingest.cells import CellError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from kg.ingest.compiling import Plan
    from kg.model.records import Record

Position = tuple[float, float]
WGS84: Final = "EPSG:4326"
SAMPLED: Final = 2000
LISTED: Final = 5
_OFFSETS: Final[dict[str, Callable[[float, float], Position]]] = {"GCJ-02": gcj02_to_wgs84, "BD-09": bd09_to_wgs84}
_CHINA: Final = (73.0, 3.0, 136.0, 54.0)
_MERCATOR_M: Final = 20_037_508.35
_MERCATOR_LEAST_M: Final = 10_000.0  # nearer to where the equator meets Greenwich is sea
# Of two zones that fit alike, that is likelier in which more of China's people live: their mean longitude.
_PEOPLE_LONGITUDE: Final = 113.5


@dataclass(frozen=True, slots=True)
class System:
    """A reference system by its name, and how positions in it become longitude and latitude on WGS 84."""

    name: str
    convert: Callable[[Sequence[Position]], list[Position]] | None  # None: they are already

    def geometry(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """A GeoJSON geometry moved. ValidationError for a position outside the system."""
        if self.convert is None or "coordinates" not in value:
            return value
        return {"type": value.get("type"), "coordinates": self._moved(value["coordinates"])}

    def _moved(self, value: Any) -> Any:
        assert self.convert is not None
        if not isinstance(value, list | tuple) or not value:
            return value
        if isinstance(value[0], list | tuple):
            if value[0] and isinstance(value[0][0], int | float):
                return [
                    [*p, *was[2:]] for p, was in zip(self.convert([(p[0], p[1]) for p in value]), value, strict=True)
                ]
            return [self._moved(part) for part in value]
        (position,) = self.convert([(value[0], value[1])])
        return [*position, *value[2:]]


def system(name: str) -> System:
    """EPSG:4549, 4549, WGS84, CGCS2000, GCJ-02 or BD-09. ValidationError for anything else."""
    plain = name.strip().upper().replace("_", "-").replace(" ", "")
    for offset, convert in _OFFSETS.items():
        if plain.replace("-", "") == offset.replace("-", ""):
            return System(offset, lambda positions, convert=convert: [convert(x, y) for x, y in positions])  # type: ignore[misc]
    if plain in {"WGS84", "WGS-84", "CRS84", "EPSG:4326", "4326"}:
        return System(WGS84, None)
    code = parse_code("EPSG:4490" if plain in {"CGCS2000", "CGCS-2000"} else name)
    found = crs(code)
    return System(f"EPSG:{code} {found.name}", lambda positions: lon_lat(code, positions, easting_first=True))


def positions(geometry: object) -> Iterator[Position]:
    """All positions of a GeoJSON geometry, as they stand."""
    if isinstance(geometry, dict):
        geometry = geometry.get("coordinates")
    if isinstance(geometry, list | tuple) and geometry:
        first = geometry[0]
        if isinstance(first, int | float) and len(geometry) >= 2 and isinstance(geometry[1], int | float):
            yield float(first), float(geometry[1])
        elif isinstance(first, list | tuple):
            for part in geometry:
                yield from positions(part)


def places(plan: Plan, record: Record) -> Iterator[Position]:
    """All positions that a record holds by a plan; what cannot be read is left to the check of the row."""
    for cell in plan.shapes:
        raw = record.values.get(cell.column)
        try:
            value = cell.read(raw) if raw is not None else None
            yield from positions(orjson.loads(value) if isinstance(value, str) else value)
        except (CellError, orjson.JSONDecodeError):
            continue
    for point in plan.points:
        try:
            yield float(record.values[point.longitude]), float(record.values[point.latitude])
        except (KeyError, TypeError, ValueError):
            continue


@dataclass(frozen=True, slots=True)
class Candidate:
    """A system that the coordinates could be in. `rank`: more is likelier."""

    name: str
    reason: str
    rank: float


def in_degrees(sample: Sequence[Position]) -> bool:
    """Whether most could be longitude and latitude, in this order; a few that cannot are faults of their rows."""
    return 2 * sum(abs(x) <= 180 and abs(y) <= 90 for x, y in sample) > len(sample)


def candidates(sample: Sequence[Position], near: Position | None = None) -> list[Candidate]:
    """Systems that the coordinates could be in, likeliest first. `near`: where the graph's places are."""
    out: list[Candidate] = []
    if in_degrees(sample):
        inside = _share(sample, _CHINA)
        out.append(Candidate(WGS84, f"degrees, {inside:.0%} of them in China's range", 2 + inside))
        out.append(Candidate("EPSG:4490", "degrees: CGCS2000, within a metre of WGS 84", 1.9 + inside))
        out.append(Candidate("GCJ-02", "degrees: what Chinese web maps give, some 500 m off", 1.5 + inside))
        out.append(Candidate("BD-09", "degrees: what Baidu's map gives, about 1 km off", 1.2 + inside))
    elif all(abs(x) <= 90 and abs(y) <= 180 for x, y in sample):
        out.append(Candidate("", "latitude stands before longitude: exchange them", 3))
    else:
        for code, zone in ZONES.items():
            for swapped in (False, True):
                found = _zone(code, zone.false_easting, sample, near, swapped=swapped)
                if found is not None:
                    out.append(found)
        far = max((max(abs(x), abs(y)) for x, y in sample), default=0.0)
        if _MERCATOR_LEAST_M < far <= _MERCATOR_M:
            found = _placed("EPSG:3857", sample, near, "within the square of web maps")
            if found is not None:
                out.append(found)
    return sorted(out, key=lambda candidate: -candidate.rank)


def _zone(
    code: int, false_easting: float, sample: Sequence[Position], near: Position | None, *, swapped: bool
) -> Candidate | None:
    ordered = [(y, x) for x, y in sample] if swapped else list(sample)
    # Half a zone is 334 km wide at the equator, 167 km in one of 3 degrees.
    half = 58_000 * ZONES[code].width
    if not all(abs(x - false_easting) < half and 0 < y < 6_000_000 for x, y in ordered):
        return None
    reason = f"eastings near the false easting {false_easting:,.0f} m of {crs(code).name}"
    found = _placed(f"EPSG:{code}", ordered, near, reason)
    if found is None or not swapped:
        return found
    return Candidate(found.name, f"{found.reason}, if northing stands before easting (exchange them)", found.rank - 1)


def _placed(name: str, sample: Sequence[Position], near: Position | None, reason: str) -> Candidate | None:
    try:
        places = lon_lat(name, sample[:20], easting_first=True)
    except ValidationError:
        return None
    zone = ZONES.get(parse_code(name))
    # A point far from its zone's meridian would have been surveyed in the next zone.
    usual = zone is None or all(zone.west <= lon < zone.east for lon, _ in places)
    rank = _share(places, _CHINA) + 0.5 * usual + (0.2 if zone is not None and zone.width == 3 else 0.0)
    rank -= 0.005 * abs(places[0][0] - _PEOPLE_LONGITUDE)
    if near is not None:
        away = max(abs(lon - near[0]) + abs(lat - near[1]) for lon, lat in places)
        rank += max(0.0, 3 - away)
        reason += f"; {away * 111:.0f} km from what the graph holds" if away > 0.2 else "; where the graph's places are"
    lon, lat = places[0]
    return Candidate(name, f"{reason}; the first position is then {lon:.4f}, {lat:.4f}", rank)


def _share(sample: Iterable[Position], box: tuple[float, float, float, float]) -> float:
    found = [box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in sample]
    return sum(found) / len(found) if found else 0.0


def find_system(
    said: str, declared: str, sample: Iterable[Position], *, must_say: bool, near: Position | None, where: str
) -> tuple[System, str]:
    """The system of a source's coordinates and why. LoadError with candidates where it is neither said nor declared.

    `must_say`: a format that has a place for it, and left it empty; else degrees are taken for WGS 84.
    """
    seen = [(x, y) for x, y in islice(sample, SAMPLED) if isfinite(x) and isfinite(y)]
    if said:
        try:
            return (found := system(said)), f"coordinates: {found.name}, as said"
        except ValidationError as error:
            raise LoadError(error.message, where=where, field="crs", value=said, remedy=error.remedy) from None
    if declared and (declared != WGS84 or not seen or in_degrees(seen)):
        return (found := system(declared)), f"coordinates: {found.name}, as the file declares"
    if not seen or (in_degrees(seen) and not must_say):
        return system(WGS84), "coordinates: longitude and latitude on WGS 84"
    raise LoadError(
        "The coordinates are no degrees" if declared else "The reference system of the coordinates is not declared",
        where=where, field="crs", value=seen[0], remedy=_remedy(candidates(seen, near)),
    )  # fmt: skip


def _remedy(options: Sequence[Candidate]) -> str:
    """What to say, likeliest first."""
    if not options:
        return "No system that is known here has such coordinates: compare them with their source."
    listed = "; ".join(f"{c.name}: {c.reason}" if c.name else c.reason for c in options[:LISTED])
    more = f"; and {len(options) - LISTED} less likely ones" if len(options) > LISTED else ""
    if not options[0].name:
        return f"They could be: {listed}{more}."
    return f"Say it: --crs {options[0].name}. They could be: {listed}{more}."
