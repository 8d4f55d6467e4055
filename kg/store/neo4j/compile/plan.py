"""Plans: one statement a Query, kept by the query's shape and by which layer of the graph it reads.

What Cypher cannot calculate as Jingwei does (areas, grid codes, polygons, the rank of a name) is put into a table
before: a statement of its own brings the values that may be asked about, and the answers go into the main statement as
a parameter. The values are pure functions of what is stored, so that nothing depends on when they were read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from kg.errors import QueryError
from kg.query import algebra as a
from kg.schema.types import Datatype
from kg.store.lift import Hole
from kg.store.neo4j.compile import pages
from kg.store.neo4j.compile import search as searches
from kg.store.neo4j.compile.aggregate import aggregate
from kg.store.neo4j.compile.calculations import has_point
from kg.store.neo4j.compile.context import PART, Answering, At, Names, Params, Times, kinds_of
from kg.store.neo4j.compile.predicates import predicate
from kg.store.neo4j.compile.shapes import fixed
from kg.store.neo4j.gate import Before, Statement
from kg.store.neo4j.layout import ENTITY, box, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kg.query.cursor import CursorCodec
    from kg.schema.types import Schema
    from kg.store.neo4j.compile.context import From, Made, Row
    from kg.store.neo4j.layout import Layout

LATEST_SYSTEM = Hole(0, "int")
"""The first constant of every plan: the latest commit's instant."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement that is asked first, and what parameter its answer makes. `text` gives one row, `answer`: a list."""

    parameter: str
    text: str
    make: Callable[[Any, Sequence[Any]], Any]
    function: str  # name of what `make` calls
    constants: tuple[int, ...]  # those on which the parameter depends, beside those of the statement

    def key(self, parameters: Mapping[str, Any], constants: Sequence[Any]) -> str:
        """Equal where the parameter is equal, as long as nothing is committed."""
        used = [parameters[name] for name in _PARAMETER.findall(self.text)]
        return repr((self.text, used, [constants[i] for i in self.constants], self.function))


_PARAMETER = re.compile(r"\$(p\d+)")


@dataclass(slots=True)
class Plan:
    """A statement, the ones before it, and how its parameters and its answer are made. `current`: it reads the present.

    Both depend on the constants of a query of its shape.
    """

    text: str
    params: Params
    read: Callable[[Any, Answering], Any]
    current: bool
    before: tuple[Asked, ...] = ()

    def statement(self, constants: Sequence[Any]) -> Statement:
        """What to ask for a query with these constants."""
        parameters = self.params.bind(constants)
        before = tuple(
            Before(b.parameter, b.text, partial(_made, b, constants), b.key(parameters, constants)) for b in self.before
        )
        return Statement(self.text, parameters, self.current, before)

    def answer(self, found: Any, constants: Sequence[Any], codec: CursorCodec) -> bytes:
        """The answer's JSON."""
        return orjson.dumps(self.read(found, Answering(constants, codec)))


def _made(asked: Asked, constants: Sequence[Any], found: Any) -> Any:
    return asked.make(found, constants)


@dataclass(slots=True)
class Compiler:
    """One compilation. Its parts live in the modules beside; this holds what they share."""

    schema: Schema
    layout: Layout
    query: a.Query
    present: bool
    moved: bool  # whether any entity was ever merged into another
    params: Params = field(default_factory=Params)
    names: Names = field(default_factory=Names)
    before: dict[object, Asked] = field(default_factory=dict)
    times: Times = field(init=False)

    def __post_init__(self) -> None:
        now: Any = self.query.now
        level: Any = self.query.level
        latest = self.params.add(LATEST_SYSTEM)
        root = At(
            self.params.add(now), latest, self.params.add(level), latest, self.present, (now,), (LATEST_SYSTEM,)
        )  # fmt: skip
        self.times = Times(self.params, root, present=self.present, latest=LATEST_SYSTEM)

    def compile(self) -> Plan:
        at = self.times.inner(self.times.root, self.query.time)
        made = [(root.key, self._root(root.action, at)) for root in self.query.roots]
        text = f"RETURN [{', '.join(one.text for _, one in made)}] AS answer"
        readers = [(key, one.read) for key, one in made]

        def read(found: Any, answering: Answering) -> Any:
            return {key: one(value, answering) for (key, one), value in zip(readers, found, strict=True)}

        return Plan(text, self.params, read, self.present, tuple(self.before.values()))

    def compile_part(self) -> Plan:
        """For a query of one root that lists rows: of the first $entities entities behind the id $after, [the last
        one's id or null, rows]."""
        at = self.times.inner(self.times.root, self.query.time)
        action = self.query.roots[0].action
        if len(self.query.roots) != 1 or not isinstance(action, a.Select) or not isinstance(action.shape, a.Rows):
            raise QueryError("Only a list of rows is streamed", remedy="Ask for one root with Rows.")
        made = pages.rows(self, action, action.shape, at)
        text = (
            f"MATCH (_n:`{ENTITY}`) WHERE _n.id > $after WITH _n ORDER BY _n.id LIMIT $entities "
            f"WITH collect(_n) AS {PART} CALL ({PART}) {{ {made.text} }} "
            f"RETURN [{PART}[-1].id, rows] AS answer"
        )
        return Plan(text, self.params, made.read, self.present, tuple(self.before.values()))

    def _root(self, action: a.Select | a.Aggregate | a.Fixed, at: At) -> Made:
        match action:
            case a.Select():
                return self.select(action, None, at)
            case a.Aggregate():
                return self.aggregate(action, None, at)
            case a.Fixed(value):
                return fixed(value)

    # ---------------------------------------------------------------- names of the Schema

    def concrete(self, cls: str) -> tuple[str, ...]:
        try:
            return self.schema.concrete(cls)
        except KeyError:
            raise QueryError(
                "Unknown class", field="class", value=cls, remedy="Name a class of the ontology."
            ) from None

    # ---------------------------------------------------------------- parts

    def select(self, s: a.Select, outer: Row | None, at: At) -> Made:
        return pages.select(self, s, outer, at)

    def aggregate(self, agg: a.Aggregate, outer: Row | None, at: At) -> Made:
        return aggregate(self, agg, outer, at)

    def predicate(self, p: a.Predicate, row: Row) -> str:
        return predicate(self, p, row)

    def match(self, s: a.Match, at: At) -> From:
        return searches.match(self, s, at)

    # ---------------------------------------------------------------- tables of values

    def parameter_before(
        self,
        key: object,
        text: str,
        make: Callable[[Any, Sequence[Any]], Any],
        function: str,
        constants: tuple[int, ...],
    ) -> str:
        """The parameter that `make` makes of the answer of a statement and of constants, once for equal keys."""
        found = self.before.get(key)
        if found is None:
            found = self.before[key] = Asked(f"t{len(self.before)}", text, make, function, constants)
        return f"${found.parameter}"

    def table(
        self,
        place: a.Expr,
        row: Row,
        function: Callable[..., Any],
        *holes: Hole,
        points: bool = True,
        narrowed: Callable[[Row], str] | None = None,
    ) -> str:
        """A parameter: geometry → what `function` makes of it and of constants, for all that the row may have.

        `points` false: not of those that have a point beside them. `narrowed`: of those that satisfy a condition.
        """
        indices = tuple(hole.index for hole in holes)
        text = self._values(place, row, points=points, narrowed=narrowed)
        key = (text, function, indices)

        def make(found: Any, constants: Sequence[Any]) -> Any:
            given = [constants[i] for i in indices]
            return {one: function(one, *given) for one in found}

        return self.parameter_before(key, text, make, f"{function.__module__}.{function.__qualname__}", indices)

    def _values(self, place: a.Expr, row: Row, *, points: bool, narrowed: Callable[[Row], str] | None) -> str:
        """A statement that lists the geometries."""
        if isinstance(place, a.Edge):
            assert row.relation is not None
            kind = self.layout.relation if row.at.present else self.layout.row_relations
            pattern = f"()-[v:{kind(row.relation.name)}]->()"
        else:
            assert isinstance(place, a.Prop)
            classes = self._places(row, place.name)
            labels: set[str | None] = set()
            for state in (False,) if row.at.present else (False, True):
                found = {self.layout.place_label(cls, place.name, state=state) for cls in classes}
                label = self.layout.state_label if state else self.layout.label
                labels |= {label(cls) for cls in classes} if None in found else found
            pattern = f"(v:{'|'.join(sorted(map(str, labels)))})"
        value = f"v.{self.layout.key(place.name)}"
        tests = [f"{value} IS NOT NULL"]
        if not points and has_point(self, place, row):
            # That it has a box says that it is no point, and an index says which have one.
            tests.append(f"v.{quoted(box(place.name)[0])} IS NOT NULL")
        if narrowed is not None:
            tests.append(narrowed(replace(row, alias="v")))
        # UNWIND takes a single value for a list of one.
        return f"MATCH {pattern} WHERE {' AND '.join(tests)} UNWIND {value} AS x RETURN collect(DISTINCT x) AS answer"

    def _places(self, row: Row, name: str) -> list[str]:
        """The classes on which the property is a geometry."""
        kinds = kinds_of(self.schema, row.classes, name)
        return [cls for (kind, _), classes in kinds.items() if kind is Datatype.GEOMETRY for cls in classes]
