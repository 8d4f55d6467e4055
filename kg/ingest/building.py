"""A record → the changes it makes, or what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import orjson

from kg.errors import ValidationError
from kg.geo.geometry import canonical
from kg.ingest import dates
from kg.ingest.cells import CellError
from kg.ingest.compiling import ATTRIBUTES
from kg.ingest.whole import PLACED
from kg.model.changes import ByIdentifier, ByRecord, End, Put, RecordKey, Rejection, Relate
from kg.model.intervals import MIN, OPEN, Interval
from kg.schema.checks import compile_checks
from kg.schema.identifiers import checker, normalise
from kg.schema.instants import InvalidTime, instant_micros
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from kg.ingest.compiling import Cell, Link, Plan, Valid
    from kg.ingest.compiling import End as LinkEnd
    from kg.ingest.crs import System
    from kg.ingest.whole import Bounds
    from kg.model.changes import Change, Ref
    from kg.model.records import Record
    from kg.schema.types import Schema, Scheme


class Refused(Exception):
    """A record that makes no changes; one rejection for each thing wrong with it."""

    def __init__(self, *rejections: Rejection) -> None:
        super().__init__(rejections)
        self.rejections = rejections


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a row that does not say it itself."""

    source: str
    valid_from: int = MIN
    level: int | None = None
    confidence: float = 1.0
    until_next: bool = True
    whole: bool = False  # the file is its source's whole truth at `valid_from`


@dataclass(frozen=True, slots=True)
class Built:
    """Changes to entities, in order, and to relations, which come after those of all rows of the batch."""

    entities: tuple[Change, ...]
    relations: tuple[Change, ...]
    key: tuple[str, int] | None  # local id and start: a file says one thing about it


class Builder:
    """Builds changes by one plan. `where` names the file in rejections."""

    def __init__(
        self,
        plan: Plan,
        schema: Schema,
        defaults: Defaults,
        zone: ZoneInfo,
        system: System,
        where: str,
        bounds: Bounds | None = None,
    ) -> None:
        self.plan = plan
        self.bounds = bounds
        self.defaults = defaults
        self.zone = zone
        self.where = where
        self.system = system
        cls = plan.cls
        self.shapes = tuple(p.name for p in cls.properties if p.datatype is Datatype.GEOMETRY) if cls else ()
        self.checks = compile_checks(schema, canonical)
        self.columns = {cell.property: cell.column for cell in plan.cells}
        self.id_check = checker(plan.id_scheme) if plan.id_scheme else None

    def build(self, record: Record) -> Built:
        """Raises Refused."""
        values = record.values
        where = f"{self.where}:{record.row}"
        wrong: list[Rejection] = []
        valid, ended = self._valid(self.plan.valid, values, where)
        stated = self._instant(values, self.plan.stated, where)
        if self.plan.cls is None:
            return self._relation(values, valid, ended, stated, where)
        properties = self._properties(values, where, wrong)
        of_id: list[Rejection] = []
        local = self._local(values, where, of_id)
        if wrong or of_id:
            told = {rejection.field for rejection in wrong}
            raise Refused(*wrong, *(rejection for rejection in of_id if rejection.field not in told))
        d = self.defaults
        key = RecordKey(d.source, local)
        until_next = d.until_next and valid.end == OPEN
        holds = self._holds(valid, values) if self.bounds else valid
        entities: list[Change] = [
            Put(
                key, self.plan.cls.name, properties, holds, patch=self.plan.patch, until_next=until_next, level=d.level,
                confidence=d.confidence, stated=stated,
            )
        ]  # fmt: skip
        if ended is not None:
            entities.append(End(key, Interval(ended, OPEN), d.level, until_next=d.until_next))
        relations: list[Change] = []
        for link in self.plan.links:
            relations += self._links(link, key, values, (valid, stated), where)
        return Built(tuple(entities), tuple(relations), (local, valid.start))

    def local_id(self, record: Record) -> str:
        """The source's own id of a record, "" where it cannot be read."""
        wrong: list[Rejection] = []
        local = self._local(record.values, "", wrong)
        return "" if wrong else local

    def _holds(self, valid: Interval, values: Mapping[str, Any]) -> Interval:
        """No longer than until the next whole file; a closed interval of a file that is not whole is left as it is."""
        assert self.bounds is not None
        if valid.end != OPEN and not self.defaults.whole:
            return valid
        return Interval(valid.start, min(valid.end, self.bounds.end(valid.start, self._areas(values))))

    def _areas(self, values: Mapping[str, Any]) -> list[str]:
        """Codes of the areas that the row says it lies in."""
        ends = [link.end for link in self.plan.links if link.outward and link.relation.name in PLACED]
        said = [end.value if not end.column else values.get(end.column) for end in ends if end.scheme is not None]
        said += [values.get(cell.column) for cell in self.plan.cells if cell.property == "adcode"]
        return [str(code).strip() for code in said if code]

    # ------------------------------------------------------------ entities

    def _properties(self, values: Mapping[str, Any], where: str, wrong: list[Rejection]) -> Mapping[str, Any]:
        plan = self.plan
        assert plan.cls is not None
        found = dict(plan.constants)
        self._cells(plan.cells, values, found, where, wrong)
        for point in plan.points:
            longitude, latitude = values.get(point.longitude), values.get(point.latitude)
            if longitude is None and latitude is None:
                continue
            try:
                found[point.property] = {
                    "type": "Point",
                    "coordinates": [float(longitude or ""), float(latitude or "")],
                }
            except (TypeError, ValueError):
                reason = "longitude and latitude are no pair of numbers"
                shown = f"{longitude}, {latitude}"
                wrong.append(Rejection(where, point.longitude, shown, reason, "Write both in degrees: 121.6, 31.2."))
        if self.system.convert is not None:
            self._move(found, where, wrong)
        if plan.keep_rest:
            known = plan.known
            rest = {name: value for name, value in values.items() if name not in known and not name.startswith("_")}
            if rest:
                found[ATTRIBUTES] = rest
        stored, violations = self.checks.values(plan.cls.name, found, where=where, zone=self.zone)
        violations += self.checks.claimed(plan.cls.name, stored, where=where)
        wrong += [
            Rejection(where, self.columns.get(v.field, v.field), v.value, v.message, v.remedy) for v in violations
        ]
        return stored

    def _move(self, found: dict[str, Any], where: str, wrong: list[Rejection]) -> None:
        """Geometries from the source's reference system to WGS 84."""
        for name in self.shapes:
            value = found.get(name)
            if isinstance(value, str):
                value = orjson.loads(value)
            if isinstance(value, dict):
                try:
                    found[name] = self.system.geometry(value)
                except ValidationError as error:
                    column = self.columns.get(name, name)
                    wrong.append(Rejection(where, column, error.value, error.message, error.remedy))
                    del found[name]

    def _cells(
        self,
        cells: tuple[Cell, ...],
        values: Mapping[str, Any],
        into: dict[str, Any],
        where: str,
        wrong: list[Rejection],
    ) -> None:
        for cell in cells:
            raw = values.get(cell.column)
            if raw is None:
                continue
            try:
                value = cell.read(raw)
            except CellError as error:
                wrong.append(Rejection(where, cell.column, raw, error.reason, error.remedy))
                continue
            if value is not None:
                into[cell.property] = value

    def _local(self, values: Mapping[str, Any], where: str, wrong: list[Rejection]) -> str:
        parts: list[str] = []
        for column in self.plan.id_columns:
            raw = values.get(column)
            if isinstance(raw, float):
                wrong.append(Rejection(where, column, raw, "an id that is a number with a fraction", _AS_TEXT))
            text = str(raw).strip() if raw is not None else ""
            if not text:
                wrong.append(
                    Rejection(where, column, raw, "the row has no id", "Fill it in, or map another column as id.")
                )
            parts.append(text)
        if self.id_check is not None and self.plan.id_scheme is not None and len(parts) == 1:
            # What is wrong with it the property's check has said already.
            return normalise(self.plan.id_scheme, parts[0])
        return "/".join(parts)

    # ------------------------------------------------------------ relations

    def _links(
        self, link: Link, key: RecordKey, values: Mapping[str, Any], inherited: tuple[Interval, int | None], where: str
    ) -> list[Change]:
        refs = self._refs(link.end, values, where)
        if not refs:
            return []
        valid, stated = inherited
        if link.valid is not None:
            valid, _ = self._valid(link.valid, values, where)
        properties = self._relation_properties(link, values, where)
        own = ByRecord(key.source, key.local)
        return [
            self._relate(link, (own, ref) if link.outward else (ref, own), properties, valid, stated) for ref in refs
        ]

    def _relation(
        self, values: Mapping[str, Any], valid: Interval, ended: int | None, stated: int | None, where: str
    ) -> Built:
        (link,) = self.plan.links
        assert link.start is not None
        starts = self._refs(link.start, values, where)
        ends = self._refs(link.end, values, where)
        for end, refs in ((link.start, starts), (link.end, ends)):
            if not refs:
                raise Refused(Rejection(where, end.column, None, f"the row names no `{end.field}`", "Fill it in."))
        if ended is not None:
            valid = Interval(valid.start, ended)
        properties = self._relation_properties(link, values, where)
        changes = [self._relate(link, (start, end), properties, valid, stated) for start in starts for end in ends]
        return Built((), tuple(changes), None)

    def _relate(
        self, link: Link, ends: tuple[Ref, Ref], properties: Mapping[str, Any], valid: Interval, stated: int | None
    ) -> Change:
        d = self.defaults
        return Relate(
            d.source, link.relation.name, *ends, properties, valid, patch=self.plan.patch,
            until_next=d.until_next and valid.end == OPEN, level=d.level, confidence=d.confidence, stated=stated,
            stub=link.stub,
        )  # fmt: skip

    def _relation_properties(self, link: Link, values: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        found = dict(link.constants)
        wrong: list[Rejection] = []
        self._cells(link.cells, values, found, where, wrong)
        stored, violations = self.checks.relation_values(link.relation.name, found, where=where, zone=self.zone)
        wrong += [Rejection(where, v.field, v.value, v.message, v.remedy) for v in violations]
        if wrong:
            raise Refused(*wrong)
        if not link.references:
            return stored
        refs = {name: ref for name, end in link.references for ref in self._refs(end, values, where)}
        return {**stored, **refs}

    def _refs(self, end: LinkEnd, values: Mapping[str, Any], where: str) -> list[Ref]:
        raw = end.value if not end.column else values.get(end.column)
        if raw is None:
            return []
        if isinstance(raw, float):
            raise Refused(Rejection(where, end.column, raw, "an id that is a number with a fraction", _AS_TEXT))
        parts = raw if isinstance(raw, list) else str(raw).split(end.split) if end.split else [str(raw)]
        texts = [text for part in parts if (text := str(part).strip())]
        if end.scheme is None:
            return [ByRecord(end.source, text) for text in texts]
        return [ByIdentifier(end.scheme.name, _identifier(end.scheme, text, end.column, where)) for text in texts]

    # ------------------------------------------------------------ time

    def _valid(self, valid: Valid, values: Mapping[str, Any], where: str) -> tuple[Interval, int | None]:
        """The interval, and from when the record is no more (None: not said)."""
        start = self._start(values, valid.start, where)
        end = self._end(values, valid.end, where, inclusive=valid.inclusive) if valid.end else None
        ended = self._start(values, valid.ended, where) if values.get(valid.ended) is not None else None
        first = self.defaults.valid_from if start is None else start
        last = min(x for x in (end, ended, OPEN) if x is not None)
        if first >= last:
            column = valid.ended if last == ended else valid.end
            self._refuse(where, column, values.get(column), "it ends before it begins", "Correct one of the dates.")
        return Interval(first, last), ended

    def _start(self, values: Mapping[str, Any], column: str, where: str) -> int | None:
        raw = values.get(column) if column else None
        if raw is None:
            return None
        if isinstance(raw, str) and ":" in raw and not raw.strip().endswith("00:00:00"):
            return self._instant(values, column, where)
        return dates.starts(self._date(raw, column, where), self.zone)

    def _end(self, values: Mapping[str, Any], column: str, where: str, *, inclusive: bool) -> int | None:
        raw = values.get(column)
        if raw is None:
            return None
        if isinstance(raw, str) and ":" in raw and not raw.strip().endswith("00:00:00"):
            return self._instant(values, column, where)
        text = self._date(raw, column, where)
        if text.startswith("9999"):  # the registries' way to write no end
            return None
        return dates.ends(text, self.zone) if inclusive else dates.starts(text, self.zone)

    def _date(self, raw: Any, column: str, where: str) -> str:
        try:
            return dates.date_of(str(raw).strip())
        except dates.NoDate as error:
            self._refuse(where, column, raw, str(error), dates.REMEDY)

    def _instant(self, values: Mapping[str, Any], column: str, where: str) -> int | None:
        raw = values.get(column) if column else None
        if raw is None:
            return None
        try:
            return instant_micros(str(raw).strip(), self.zone)
        except InvalidTime:
            return dates.starts(self._date(raw, column, where), self.zone)

    def _refuse(self, where: str, column: str, value: Any, reason: str, remedy: str) -> NoReturn:
        raise Refused(Rejection(where, column, value, reason, remedy))


_AS_TEXT = "Format the column as text where the file was made, and export it again."


def _identifier(scheme: Scheme, text: str, column: str, where: str) -> str:
    value = normalise(scheme, text)
    wrong = checker(scheme)(value)
    if wrong is not None:
        raise Refused(Rejection(where, column, text, *wrong))
    return value
