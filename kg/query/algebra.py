"""The query algebra: frozen values that say what to answer and in which shape.

API layers build a `Query`; `kg.query.secure` rewrites it for a Scope; a store compiles it into one
statement whose result is the answer's JSON text. Semantics, shared by all compilers and the reference
interpreter (`kg.query.interpreter`):

- A row is an entity's resolved version at one valid and one system instant (`Time`), or, in a Range,
  each version whose box meets the range. A nested source takes the enclosing select's instants unless
  it has a `Time` of its own.
- A predicate on an absent value is unknown and counts as false; `Not` of it is true. A property that the row's class
  does not have is absent; so is an open end of an interval.
- A Range stands only on a select over Extent, Ids, Keys, Match, Self or ClaimsOf with nothing nested below it but
  `Obj`. Identity (retired ids, mergedFrom, which records are whose) has no valid axis, and is read at the system
  instant; where that is a Range, at the latest commit.
- Order: nulls last either way; ties by id, then edge id (where rows are reached by a relation), systemFrom, validFrom.
  ClaimsOf: ties by source, record, systemFrom, validFrom. Text by code point; false before true.
- A many-valued property satisfies a comparison when some value does; it orders and groups by nothing, that is, as null.
- distance is in metres, haversine on a sphere of R = 6,371,008.8 m (WGS 84 longitude, latitude),
  rounded to 1 mm; of a polygon or line: from its nearest point; 0 inside.
- Sums and averages of doubles are rounded to 12 significant digits, the results of arithmetic to 15 when shown. Whole
  numbers that leave 64 bits go on as doubles; what is not finite is null. Buckets of instants are in UTC.
- JSON: instants as ISO 8601 in UTC with "Z" and as many fractional digits as are needed (0, 3 or 6),
  open ends null, geometries as GeoJSON objects, many-valued properties as arrays (absent: empty, masked: null),
  `attributes` as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | bool | int | float | None

# ---------------------------------------------------------------- time


@dataclass(frozen=True, slots=True)
class Range:
    """Half-open; None is unbounded. Selects every version whose interval meets it."""

    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Time:
    """Which state of the world (`valid`) as known when (`system`), microseconds UTC.

    None: the enclosing select's, at the root `Query.now` and the latest visible commit.
    """

    valid: int | Range | None = None
    system: int | Range | None = None


# ---------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Prop:
    """A property of the row's entity."""

    name: str


@dataclass(frozen=True, slots=True)
class Edge:
    """A property of the relation by which the row was reached (Step, Edges); entity-valued ones give the id,
    a retired one as it is stored."""

    name: str


class MetaName(StrEnum):
    """Names for `Meta`."""

    ID = "id"
    CLASS = "class"
    VALID_FROM = "validFrom"
    VALID_TO = "validTo"
    SYSTEM_FROM = "systemFrom"
    SYSTEM_TO = "systemTo"
    PROVENANCE = "provenance"  # "mentioned" for a stub, else "stated"
    SOURCES = "sources"  # JSON object as in VersionRow.sources: property → source id, "" → that of all not named
    RAW = "raw"  # JSON object of stored values whose property the ontology has no more; level 3 only
    MERGED_FROM = "mergedFrom"  # JSON array of ids that now answer as this entity, sorted
    # of the relation by which the row was reached
    EDGE_ID = "edge.id"
    EDGE_VALID_FROM = "edge.validFrom"
    EDGE_VALID_TO = "edge.validTo"
    EDGE_SYSTEM_FROM = "edge.systemFrom"
    EDGE_SYSTEM_TO = "edge.systemTo"
    EDGE_SOURCES = "edge.sources"
    EDGE_START = "edge.start"  # id of the end where the relation starts
    EDGE_END = "edge.end"
    # of a Walk
    DEPTH = "depth"
    PATH = "path"  # JSON array of entity ids from the start to the row
    VIA = "via"  # JSON array of step names along the path, one fewer
    # of a Match
    RANK = "rank"  # int, smaller is better: see kg.query.text
    # of ClaimsOf and ConflictsOf rows
    SOURCE = "source"
    RECORD = "record"
    LEVEL = "level"
    CONFIDENCE = "confidence"
    STATED = "stated"  # instant
    RUN = "run"
    PROPERTIES = "properties"  # JSON object of all that the claim says (unmasked ones)
    PROPERTY = "property"
    VALUE = "value"  # JSON
    CHOSEN = "chosen"  # boolean: the resolved value is this one


@dataclass(frozen=True, slots=True)
class Meta:
    """Something of the row that is no property.

    `without`, set by `secure`: property names left out of the object (SOURCES, EDGE_SOURCES, RAW, PROPERTIES).
    """

    name: MetaName
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Const:
    """A value in stored form (tuple: for `in`). Always a parameter, never statement text."""

    value: Scalar | tuple[Scalar, ...]


class Op(StrEnum):
    """Closed list of calculations."""

    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"  # a double; by zero: null
    LOWER = "lower"  # ASCII and Unicode simple lower-casing as str.lower
    LENGTH = "length"  # in code points
    YEAR = "year"  # of a Date or instant: int
    QUARTER = "quarter"  # "2024-Q1"
    MONTH = "month"  # "2024-05"; null where the date is less precise
    WEEK = "week"  # ISO week "2024-W05"
    DAY = "day"  # "2024-05-01"
    DISTANCE = "distance"  # (geometry, Const lon, Const lat) metres
    AREA = "area"  # geodesic, m2
    GRID = "grid"  # (geometry, Const level) BeiDou grid code of its representative point


@dataclass(frozen=True, slots=True)
class Calc:
    op: Op
    args: tuple[Expr, ...]


Expr: TypeAlias = Prop | Edge | Meta | Const | Calc

# ---------------------------------------------------------------- predicates


class Comparison(StrEnum):
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    CONTAINS = "contains"  # case-sensitive substring
    STARTS_WITH = "startsWith"
    IS_NULL = "isNull"  # right: Const(True | False)


@dataclass(frozen=True, slots=True)
class Cmp:
    op: Comparison
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class And:
    items: tuple[Predicate, ...]  # () is true


@dataclass(frozen=True, slots=True)
class Or:
    items: tuple[Predicate, ...]  # () is false


@dataclass(frozen=True, slots=True)
class Not:
    item: Predicate


@dataclass(frozen=True, slots=True)
class IsA:
    """The row's class is `cls` or below."""

    cls: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The number of related rows that satisfy `where` is between min and max. None = (0, 0)."""

    step: Step | Walk
    where: Predicate | None = None
    min: int = 1
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """distance(prop, point) <= metres."""

    prop: str
    lon: float
    lat: float
    metres: float


@dataclass(frozen=True, slots=True)
class Spatial:
    """`within`: the row's geometry is covered by `geometry`; `intersects`: they share a point (both GEOS, planar
    in longitude and latitude). `bbox`: its box meets the box (`geometry` is "[west, south, east, north]", JSON;
    west > east crosses the antimeridian)."""

    op: Literal["within", "intersects", "bbox"]
    prop: str
    geometry: str  # GeoJSON text, or JSON array for bbox


Predicate: TypeAlias = Cmp | And | Or | Not | IsA | Exists | Near | Spatial

# ---------------------------------------------------------------- sources


@dataclass(frozen=True, slots=True)
class Extent:
    """All entities of the class and its subclasses."""

    cls: str


@dataclass(frozen=True, slots=True)
class Ids:
    """These entities where they are of the class, each once; retired ids answer the survivor.

    An id is retired when no record belongs to it and some that were first seen as it belong elsewhere: to the survivor
    (to several after a partial split: the least id of theirs).
    """

    cls: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """Entities by (scheme, normalised value)."""

    cls: str
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """Entities related to the enclosing row; `out`: the row is the relation's start. `cls`: class of the result."""

    relation: str
    out: bool
    cls: str
    where: Predicate | None = None  # on the reached row, set by `secure` where a Step stands in an Exists


@dataclass(frozen=True, slots=True)
class Walk:
    """Entities reached by any of the steps within min..max hops, each once at its least depth.

    `start` None: the enclosing row. The start itself is reached again only at depth 0 (min = 0).
    The path is a shortest one: backwards, each time the predecessor with the least id, then the first step.
    `through` holds for each entity after the start on a path, the last included. Ends on cycles.
    """

    steps: tuple[tuple[str, bool], ...]  # (relation, out)
    cls: str  # class of the result: of other classes are walked through, not returned
    min: int = 1
    max: int = 6
    start: Ids | Keys | None = None
    through: Predicate | None = None
    start_where: Predicate | None = None  # on the start where it is given, set by `secure`


@dataclass(frozen=True, slots=True)
class Match:
    """Entities of the class whose searchable text matches (kg.query.text); gives Meta rank.

    `without`, set by `secure`: (concrete class, searchable property) that are not searched. Candidates from an
    index over all properties must be checked, and ranked, on the others alone.
    """

    cls: str
    text: str
    without: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Edges:
    """All relations of one type; the row is the start's entity, `Edge` and `edge.*` read the relation."""

    relation: str
    cls: str  # class of the start
    end_where: Predicate | None = None  # set by `secure`: must hold for the other end


@dataclass(frozen=True, slots=True)
class Self:
    """The enclosing row's entity, usually under another Time: its versions."""

    cls: str


@dataclass(frozen=True, slots=True)
class ClaimsOf:
    """What each record says of the enclosing row's entity; Meta SOURCE…PROPERTIES, CLASS, VALID_*, SYSTEM_* and Prop.

    Claims of a level up to the reader's, of records that belong to the entity. `without` and `classes` are set by
    `secure`: property names that no claim shows, and the (concrete) classes of the claims that are shown (None: all).
    """

    cls: str
    without: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ConflictsOf:
    """A row for each record and property on which the claims holding at the instant differ:
    Meta PROPERTY, VALUE, SOURCE, RECORD, LEVEL, CHOSEN; in order of property, source, record, level. Instants only;
    `without` and `classes` as in ClaimsOf."""

    cls: str
    without: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None


Source: TypeAlias = Extent | Ids | Keys | Step | Walk | Match | Edges | Self | ClaimsOf | ConflictsOf

# ---------------------------------------------------------------- actions


@dataclass(frozen=True, slots=True)
class Order:
    expr: Expr
    descending: bool = False


@dataclass(frozen=True, slots=True)
class After:
    """Where a page goes on: the last row's order values and its ties (id, edge; of versions in a range systemFrom
    and validFrom). Values are in stored form. Claims and conflicts are read without cursors."""

    values: tuple[Scalar, ...]
    id: str
    system_from: int | None = None
    valid_from: int | None = None
    edge: str = ""  # where rows are edges


@dataclass(frozen=True, slots=True)
class Page:
    """`first` None: all. `binding` goes into the page's cursors (see kg.query.cursor)."""

    first: int | None = None
    after: After | None = None
    binding: str = ""


# ---------------------------------------------------------------- shapes


@dataclass(frozen=True, slots=True)
class Leaf:
    expr: Expr


@dataclass(frozen=True, slots=True)
class Fixed:
    """A value known beforehand (`__typename` of an object that is no entity, …)."""

    value: Scalar


@dataclass(frozen=True, slots=True)
class Join:
    """The entity that an entity-valued relation property names, under the row's Time; null where unseen."""

    name: str
    cls: str
    obj: Obj
    where: Predicate | None = None  # set by `secure`


@dataclass(frozen=True, slots=True)
class Trail:
    """The entities along a Walk's path, start first, as a list of objects; Meta DEPTH is the position."""

    obj: Obj


@dataclass(frozen=True, slots=True)
class Field:
    """One key of an object. `only`: concrete classes on which it stands (None: all)."""

    key: str
    shape: Leaf | Fixed | Obj | Join | Trail | Select | Aggregate
    only: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Obj:
    """An object of the row; keys in order. Two fields of one key have disjoint `only`."""

    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of objects."""

    obj: Obj


@dataclass(frozen=True, slots=True)
class One:
    """The first row's object, or null."""

    obj: Obj


@dataclass(frozen=True, slots=True)
class Aligned:
    """For Ids and Keys: a list as long as theirs, in their order, null where absent."""

    obj: Obj


class PagePart(StrEnum):
    NODES = "nodes"  # list of `obj`
    EDGES = "edges"  # list of `obj`, in which Cursor() may stand as a Leaf
    TOTAL = "totalCount"
    INFO = "pageInfo"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The row's cursor."""


class InfoPart(StrEnum):
    HAS_NEXT = "hasNextPage"
    HAS_PREVIOUS = "hasPreviousPage"  # whether the page has an `after`
    START = "startCursor"
    END = "endCursor"


@dataclass(frozen=True, slots=True)
class PageField:
    key: str
    part: PagePart | Literal["__typename"]
    obj: Obj | None = None  # NODES
    edge: tuple[EdgeField, ...] = ()  # EDGES
    info: tuple[tuple[str, InfoPart | Fixed], ...] = ()  # INFO
    typename: str = ""


@dataclass(frozen=True, slots=True)
class EdgeField:
    """A key of a connection's edge object: its cursor, its node, or something of the relation."""

    key: str
    shape: Cursor | Obj | Leaf | Join | Fixed


@dataclass(frozen=True, slots=True)
class PageOf:
    """A Relay connection with just the selected parts."""

    fields: tuple[PageField, ...]


@dataclass(frozen=True, slots=True)
class Select:
    source: Source
    shape: Rows | One | Aligned | PageOf
    where: Predicate | None = None
    order: tuple[Order, ...] = ()
    page: Page = Page()
    time: Time = Time()


class MetricOp(StrEnum):
    COUNT = "count"  # rows; with an expression: rows where it is not null
    DISTINCT = "distinct"  # different values, null and many-valued ones not counted
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Metric:
    op: MetricOp
    expr: Expr | None = None


@dataclass(frozen=True, slots=True)
class Having:
    op: Comparison
    metric: int  # index
    value: Scalar


@dataclass(frozen=True, slots=True)
class Out:
    """Key of an aggregate's result object: a group key, a metric, or an object of such."""

    key: str
    kind: Literal["group", "metric", "object", "fixed"]
    index: int = 0
    fields: tuple[Out, ...] = ()
    value: Scalar = None


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A list of objects, one a group (no groups: exactly one, if `having` lets it). Ordered by `order`
    (('group'|'metric', index, descending)), then by the group keys ascending; nulls last. Over no value, SUM, AVG, MIN
    and MAX are null."""

    source: Source
    out: tuple[Out, ...]
    group: tuple[Expr, ...] = ()
    metrics: tuple[Metric, ...] = ()
    where: Predicate | None = None
    having: tuple[Having, ...] = ()
    order: tuple[tuple[Literal["group", "metric"], int, bool], ...] = ()
    first: int | None = None
    time: Time = Time()


@dataclass(frozen=True, slots=True)
class Root:
    key: str
    action: Select | Aggregate | Fixed


@dataclass(frozen=True, slots=True)
class Query:
    """The answer is one JSON object with a key a root. `now` is the default valid instant.

    `level` is set by `secure` from the Scope: a reader of that level sees rows whose level interval contains it.
    """

    roots: tuple[Root, ...]
    now: int
    time: Time = Time()
    level: int = 0
    secured: bool = False
