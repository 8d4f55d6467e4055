"""`where` and `orderBy` values → predicates and orders of the algebra."""

from __future__ import annotations

import difflib
import json
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from kg.errors import JingweiError, LimitExceeded, QueryError
from kg.query.algebra import (
    And,
    Calc,
    Cmp,
    Comparison,
    Const,
    Edge,
    Exists,
    Expr,
    IsA,
    Meta,
    MetaName,
    Near,
    Not,
    Op,
    Or,
    Order,
    Predicate,
    Prop,
    Spatial,
    Step,
)
from kg.schema.types import Datatype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from kg.schema.types import Property, Relation, Schema

_COMPARISONS: Final = {
    "eq": Comparison.EQ,
    "ne": Comparison.NE,
    "lt": Comparison.LT,
    "lte": Comparison.LE,
    "gt": Comparison.GT,
    "gte": Comparison.GE,
    "in": Comparison.IN,
    "contains": Comparison.CONTAINS,
    "startsWith": Comparison.STARTS_WITH,
    "isNull": Comparison.IS_NULL,
}
MAX_TERMS: Final = 500
"""Most conditions in one `where`, lists of values not counted."""


def stored(value: Any) -> Any:
    """Enum members arrive from Strawberry as such; stored is their value."""
    return value.value if isinstance(value, Enum) else value


class Filters:
    """Builds predicates for one Schema. `depth` counts relations inside relations and is bounded."""

    def __init__(self, schema: Schema, max_depth: int) -> None:
        self.schema = schema
        self.max_depth = max_depth
        self._terms = 0

    # ------------------------------------------------------------ where

    def entity(self, cls: str, where: Mapping[str, Any] | None, place: str, depth: int = 0) -> Predicate | None:
        """The predicate of a class's `where`; None where it asks for nothing. Raises QueryError."""
        if where is None:
            return None

        def one(key: str, value: Any) -> Predicate | None:
            at = f"{place}.{key}"
            if key == "id":
                return self._comparisons(Meta(MetaName.ID), value, at)
            if key == "isA":
                return Or(tuple(IsA(stored(name)) for name in _present(value, at)))
            prop = self.schema.classes[cls].property(key)
            if prop is not None:
                return self._property(Prop(key), prop, value, at)
            found = self.schema.step(key)
            if found is None:
                raise unknown("field", key, self._names(cls), at)
            return self._relation(*found, value, at, depth + 1)

        return self._logic(where, one, lambda w: self.entity(cls, w, place, depth), place)

    def edge(self, relation: Relation, where: Mapping[str, Any] | None, place: str) -> Predicate | None:
        """The predicate of a relation's own properties."""
        if where is None:
            return None

        def one(key: str, value: Any) -> Predicate | None:
            prop = relation.property(key)
            if prop is None:
                raise unknown("relation property", key, [p.name for p in relation.properties], place)
            return self._property(Edge(key), prop, value, f"{place}.{key}")

        return self._logic(where, one, lambda w: self.edge(relation, w, place), place)

    def _names(self, cls: str) -> list[str]:
        return [*(p.name for p in self.schema.classes[cls].properties), *(s for s, _, _ in self.schema.steps_from(cls))]

    def _logic(
        self,
        where: Mapping[str, Any],
        one: Callable[[str, Any], Predicate | None],
        again: Callable[[Mapping[str, Any]], Predicate | None],
        place: str,
    ) -> Predicate | None:
        items: list[Predicate] = []
        for key, value in where.items():
            _present(value, f"{place}.{key}")
            self._count(place)
            if key == "not":
                items.append(Not(again(value) or And(())))
            elif key in {"and", "or"}:
                parts = tuple(again(part) or And(()) for part in value)
                items.append(And(parts) if key == "and" else Or(parts))
            else:
                found = one(key, value)
                if found is not None:
                    items.append(found)
        return both(items)

    def _count(self, place: str) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise LimitExceeded(
                f"The filters hold more than {MAX_TERMS} conditions",
                where=place,
                remedy="Use `in` with a list instead of many `or` branches, or send several requests.",
            )

    # ------------------------------------------------------------ properties

    def _property(self, expr: Expr, prop: Property, given: Mapping[str, Any], place: str) -> Predicate | None:
        if prop.datatype is Datatype.GEOMETRY:
            return self._geometry(prop.name, given, place)
        checked = prop.values if prop.datatype is Datatype.STRING else ()
        scheme = self.schema.schemes.get(prop.scheme)

        def value(raw: Any, op: Comparison, at: str) -> Any:
            plain = stored(raw)
            if isinstance(plain, str) and op in {Comparison.EQ, Comparison.NE, Comparison.IN}:
                if scheme is not None:
                    from kg.schema.identifiers import normalise

                    return normalise(scheme, plain)
                if checked and plain not in checked:
                    raise unknown("value", plain, checked, at)
            return plain

        return self._comparisons(expr, given, place, value)

    def _comparisons(
        self,
        expr: Expr,
        given: Mapping[str, Any],
        place: str,
        value: Callable[[Any, Comparison, str], Any] = lambda raw, _op, _at: stored(raw),
    ) -> Predicate | None:
        items: list[Predicate] = []
        for name, raw in given.items():
            at = f"{place}.{name}"
            _present(raw, at)
            self._count(place)
            op = _COMPARISONS[name]
            right = Const(tuple(value(r, op, at) for r in raw)) if op is Comparison.IN else Const(value(raw, op, at))
            items.append(Cmp(op, expr, right))
        return both(items)

    def _geometry(self, name: str, given: Mapping[str, Any], place: str) -> Predicate | None:
        items: list[Predicate] = []
        for key, raw in given.items():
            at = f"{place}.{key}"
            _present(raw, at)
            self._count(place)
            if key == "isNull":
                items.append(Cmp(Comparison.IS_NULL, Prop(name), Const(raw)))
            elif key == "near":
                if not raw["metres"] >= 0:
                    raise QueryError(
                        "A distance is not negative", where=at, value=raw["metres"], remedy="Give metres, 0 or more."
                    )
                _check_point(raw["lon"], raw["lat"], at)
                items.append(Near(name, raw["lon"], raw["lat"], raw["metres"]))
            elif key == "bbox":
                items.append(Spatial("bbox", name, _box(raw, at)))
            elif key == "gridPrefix":
                items.append(_grid_prefix(name, raw, at))
            elif key in {"within", "intersects"}:
                items.append(Spatial(key, name, _geometry(raw, at)))  # type: ignore[arg-type]
        return both(items)

    # ------------------------------------------------------------ relations

    def _relation(
        self, relation: Relation, out: bool, given: Mapping[str, Any], place: str, depth: int
    ) -> Predicate | None:
        if depth > self.max_depth:
            raise LimitExceeded(
                f"The filter follows more than {self.max_depth} relations",
                where=place,
                remedy="Ask in two steps: first the ids of the inner part, then `id: {in: […]}`.",
            )
        target = relation.range if out else relation.domain
        step = Step(relation.name, out, target)
        items: list[Predicate] = []
        for key, raw in given.items():
            at = f"{place}.{key}"
            _present(raw, at)
            where = both(
                p
                for p in (
                    self.entity(target, raw.get("node"), f"{at}.node", depth),
                    self.edge(relation, raw.get("edge"), f"{at}.edge"),
                )
                if p is not None
            )
            if key == "some":
                items.append(Exists(step, where))
            elif key == "none":
                items.append(Exists(step, where, 0, 0))
            else:
                least, most = raw.get("min") or 0, raw.get("max")
                if least < 0 or (most is not None and most < least):
                    raise QueryError(
                        "The range of the count is empty", where=at, remedy="min is 0 or more, max not below min."
                    )
                items.append(Exists(step, where, least, most))
        return both(items)

    # ------------------------------------------------------------ order

    def orders(self, given: Iterable[Mapping[str, Any]] | None, place: str, *, edge: bool = False) -> tuple[Order, ...]:
        """Each item has exactly one key. Raises QueryError."""
        found = []
        for item in given or ():
            if len(item) != 1:
                raise QueryError(
                    "An order has exactly one key",
                    where=place,
                    value=", ".join(item),
                    remedy="Write a list: [{name: asc}, {id: desc}].",
                )
            ((name, value),) = item.items()
            if isinstance(value, dict):
                lon, lat = value["from"]["lon"], value["from"]["lat"]
                _check_point(lon, lat, f"{place}.{name}")
                expr: Expr = Calc(Op.DISTANCE, (Prop(name), Const(lon), Const(lat)))
                value = value["direction"]
            elif name in {"id", "validFrom", "systemFrom"} and not edge:
                expr = Meta(MetaName(name))
            else:
                expr = Edge(name) if edge else Prop(name)
            found.append(Order(expr, stored(_present(value, f"{place}.{name}")) == "desc"))
        return tuple(found)


def both(items: Iterable[Predicate]) -> Predicate | None:
    """All of them; None for none, the one itself for one."""
    found = tuple(items)
    if not found:
        return None
    return found[0] if len(found) == 1 else And(found)


def unknown(what: str, name: str, known: Iterable[str], place: str) -> QueryError:
    """An error with the nearest known name."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return QueryError(f"There is no {what} {name!r} here", where=place, remedy=f"{guess}There are: {shown}.")


def _present(value: Any, place: str) -> Any:
    if value is None:
        raise QueryError(
            "A filter or order is null, which could mean everything or nothing",
            where=place,
            remedy="Leave it out, or ask with `isNull: true`.",
        )
    return value


def _check_point(lon: float, lat: float, place: str) -> None:
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise QueryError(
            "The point is not on the earth",
            where=place,
            value=[lon, lat],
            remedy="lon is degrees east (-180 to 180), lat degrees north (-90 to 90).",
        )


def _box(raw: Mapping[str, float], place: str) -> str:
    _check_point(raw["west"], raw["south"], place)
    _check_point(raw["east"], raw["north"], place)
    if raw["south"] > raw["north"]:
        raise QueryError(
            "The box is upside down", where=place, remedy="south is not above north; west > east crosses 180°."
        )
    return json.dumps([raw["west"], raw["south"], raw["east"], raw["north"]])


def _geometry(raw: str, place: str) -> str:
    from kg.geo.geometry import canonical

    try:
        return canonical(raw)
    except JingweiError as error:
        raise QueryError(
            error.message, where=place, field=error.field, value=error.value, remedy=error.remedy
        ) from error


def _grid_prefix(name: str, raw: str, place: str) -> Predicate:
    from kg.geo.beidou import LENGTHS

    level = next((i for i, length in enumerate(LENGTHS, start=1) if length >= len(raw)), None)
    if level is None or not raw:
        raise QueryError(
            "That is no BeiDou grid code",
            where=place,
            value=raw,
            remedy=f"A code has 1 to {LENGTHS[-1]} characters, e.g. N51J; see GB/T 39409-2020.",
        )
    code = Calc(Op.GRID, (Prop(name), Const(level)))
    exact = LENGTHS[level - 1] == len(raw)
    return Cmp(Comparison.EQ if exact else Comparison.STARTS_WITH, code, Const(raw.upper()))
