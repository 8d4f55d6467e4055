"""Which labels, relation types, properties, constraints and indexes a graph has, derived from the Schema.

What begins with an underscore is the store's own: names of an ontology begin with a letter. The picture is in
docs/decisions/190-neo4j-layout.md.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from kg.model.intervals import OPEN
from kg.schema.types import ROOT_CLASS, Datatype

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from kg.schema.types import Property, Schema

ENTITY: Final = "_Entity"
STATE: Final = "_State"
RECORD: Final = "_Record"
CLAIM: Final = "_Claim"
RELATION_CLAIM: Final = "_RelationClaim"
REFERENCE: Final = "_Reference"
IDENTIFIER: Final = "_Identifier"
AFFIRMATION: Final = "_Affirmation"
BOUNDARY: Final = "_Boundary"
CHANGED: Final = "_Changed"
SOURCE: Final = "_Source"
TX: Final = "_Tx"
KEY: Final = "_Key"
TOMBSTONE: Final = "_Tombstone"
SCHEMA: Final = "_Schema"
CLOCK: Final = "_Clock"
GATE: Final = "_Gate"
HAS_STATE: Final = "_STATE"
REFERRED_BY: Final = "_REFERRED_BY"  # reference → relation claim

# Properties of entities, states and relations that are no properties of the ontology. The first seven are reserved
# names of ontologies (kg.schema.vocabulary), so that people may read them without an underscore.
ID: Final = "id"  # entity id, on a state too
CLASS: Final = "class"  # concrete class
EDGE: Final = "edge"  # a relation's identity
VALID_FROM: Final = "validFrom"
VALID_TO: Final = "validTo"
SYSTEM_FROM: Final = "systemFrom"
SYSTEM_TO: Final = "systemTo"  # absent while open
SOURCES: Final = "sources"  # JSON object as in VersionRow.sources
MENTIONED: Final = "_mentioned"  # true, or absent
LEVEL_FROM: Final = "_levelFrom"  # absent: 0
LEVEL_TO: Final = "_levelTo"  # absent: OPEN
ROW: Final = "_row"
WORDS: Final = "_words"  # kg.query.text.index_tokens of the searchable values, or absent

# Of an entity: the record that it was first seen as, as long as that is all there is to say about it.
RECORD_KEY: Final = "_record"  # JSON `["source","local"]`; of a state: the record of its claim
RECORD_ROW: Final = "_recordRow"
RECORD_FROM: Final = "_recordFrom"
OF_RECORD: Final = (RECORD_KEY, RECORD_ROW, RECORD_FROM)
RECORD_ON: Final = ", ".join(f"n.{key}" for key in ("id", *OF_RECORD))
"""What `values.record_on` takes, of an entity `n`."""

# Of an entity, a state or a relation whose row is what one claim says, word for word: that claim.
CLAIM_ROW: Final = "_claim"  # its number
SAID: Final = ("_claim", "_run", "_confidence", "_stated", "_anchors")
LINE: Final = "_line"
START: Final = "_start"  # as RECORD_KEY
END: Final = "_end"

ROW_PROPERTIES: Final = (
    VALID_FROM, VALID_TO, SYSTEM_FROM, SYSTEM_TO, SOURCES, LEVEL_FROM, LEVEL_TO, ROW, *SAID
)  # fmt: skip
"""What any row may have."""

WORDS_INDEX: Final = "jw_words"
STATE_WORDS_INDEX: Final = "jw_words_state"

_NAME: Final = re.compile(r"_?[A-Za-z][A-Za-z0-9_]*")


def quoted(name: str) -> str:
    """A name for a statement's text. ValueError for what no ontology and no layout can hold."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name: {name!r}")
    return f"`{name}`"


def using(alias: str, label: str, *keys: str) -> str:
    """A hint to seek by an index of the store's own. Without it, a plan made while the graph was empty scans: Neo4j
    keeps such a plan for a while."""
    return f"USING INDEX {alias}:{label if label.startswith('`') else quoted(label)}({', '.join(keys)})"


def current(alias: str) -> str:
    """Test: a node or relation with system instants is what is known now."""
    return f"{alias}.systemTo IS NULL"


def at(alias: str, valid: str, system: str, level: str) -> str:
    """Test: a state (or a state relation) is what holds at both instants for a level; the last three are expressions.

    The upper level is tested too: a row that a restricted claim divided has twins above it.
    """
    return (
        f"{alias}.validFrom <= {valid} AND {alias}.validTo > {valid} AND {known(alias, system)} "
        f"AND {seen(alias, level)}"
    )


def known(alias: str, system: str) -> str:
    """Test: the row is what is known at a system instant."""
    return f"{alias}.systemFrom <= {system} AND coalesce({alias}.systemTo, {OPEN}) > {system}"


def seen(alias: str, level: str) -> str:
    """Test: readers of a level see the row."""
    return f"coalesce({alias}._levelFrom, 0) <= {level} AND coalesce({alias}._levelTo, {OPEN}) > {level}"


def point(name: str) -> str:
    """Property that holds a geometry's place as a WGS 84 point (longitude, latitude), where it is a Point."""
    return f"_point_{name}"


def box(name: str) -> tuple[str, str, str, str]:
    """Properties that hold the box of a geometry that is no Point: west, south, east, north in degrees."""
    return f"_west_{name}", f"_south_{name}", f"_east_{name}", f"_north_{name}"


@dataclass(frozen=True)
class Layout:
    """The names for one Schema. `earlier`: Schemas that the graph fitted before, oldest first.

    All methods that give a name for a statement give it quoted; KeyError for what the Schemas do not have.
    """

    schema: Schema
    earlier: tuple[Schema, ...] = ()

    # ------------------------------------------------------------ names

    def label(self, cls: str) -> str:
        """Label of entities that are of the class now (valid and known), subclasses' included."""
        self._lineage_of(cls)
        return quoted(cls)

    def state_label(self, cls: str) -> str:
        """Label of all other versions of the class ever, subclasses' included."""
        self._lineage_of(cls)
        return quoted(STATE) if cls == ROOT_CLASS else quoted(f"{STATE}_{cls}")

    def relation(self, name: str) -> str:
        """Type of relations that hold now (valid and known)."""
        self._relation_known(name)
        return quoted(name)

    def state_relation(self, name: str) -> str:
        """Type of all other relation rows ever."""
        self._relation_known(name)
        return quoted(f"{STATE}_{name}")

    def row_labels(self, cls: str) -> str:
        """Label expression of the class's rows, wherever they lie."""
        return f"{self.label(cls)}|{self.state_label(cls)}"

    def relation_types(self, name: str) -> tuple[str, str]:
        """The types of a relation's rows: those of the present, then all others."""
        return self.relation(name), self.state_relation(name)

    def row_relations(self, name: str) -> str:
        """The two as one expression."""
        return "|".join(self.relation_types(name))

    def key(self, name: str) -> str:
        """Property of an entity, a state or a relation, gone ones too."""
        if name not in self._properties:
            raise KeyError(name)
        return quoted(name)

    def labels(self, cls: str) -> str:
        """All labels by class of an entity of the (concrete) class, as `:A:B`; ENTITY is not among them."""
        return "".join(f":{quoted(name)}" for name in self._lineage_of(cls))

    def state_labels(self, cls: str) -> str:
        """The same of a state, STATE included."""
        return "".join(f":{self.state_label(name)}" for name in self._lineage_of(cls))

    def all_labels(self) -> str:
        """Every class's label: what to take off an entity that is nothing now."""
        return "".join(f":{quoted(name)}" for name in sorted(self._lineage))

    # ------------------------------------------------------------ what a class has

    def seek_label(self, cls: str, name: str, *, state: bool = False) -> str | None:
        """A label whose index on the property finds all rows of the class, to be matched beside the class's own.

        None where the property has no such index: not marked as indexed, many-valued, or declared apart by several.
        """
        owners = {p.owner for p in self._declared(cls, name)}
        marked = all(p.indexed and not p.many for p in self._declared(cls, name))
        if len(owners) != 1 or not marked:
            return None
        owner = owners.pop()
        return self.state_label(owner) if state else self.label(owner)

    def place_label(self, cls: str, name: str, *, state: bool = False) -> str | None:
        """The same for the point and box indexes of a geometry."""
        owners = {p.owner for p in self._declared(cls, name) if p.datatype is Datatype.GEOMETRY and not p.many}
        if len(owners) != 1:
            return None
        owner = owners.pop()
        return self.state_label(owner) if state else self.label(owner)

    def raw(self, cls: str) -> tuple[str, ...]:
        """Properties that (concrete) `cls` had under an earlier Schema and has no more, in order of name."""
        return self._gone.get(cls, ())

    def searchable(self, cls: str) -> tuple[str, ...]:
        """Properties whose words are indexed, in order of name."""
        held = self.schema.classes.get(cls)
        return tuple(p.name for p in held.properties if p.searchable) if held else ()

    def placed(self, cls: str) -> tuple[str, ...]:
        """Geometries that have a point or a box beside them: single-valued ones, gone ones too."""
        return tuple(sorted(p.name for p in self._ever(cls) if p.datatype is Datatype.GEOMETRY and not p.many))

    def doubles(self, owner: str) -> frozenset[str]:
        """Properties of a class or relation that hold doubles: whole numbers among them are written as such."""
        return frozenset(p.name for p in self._ever(owner) if p.datatype is Datatype.DOUBLE)

    def columns(self, owner: str) -> tuple[str, ...]:
        """All properties that a row of a (concrete) class, or of a relation, may have, in one order."""
        found = self._columns.get(owner)
        if found is None:
            held = sorted({p.name for p in self._ever(owner)})
            if owner in self.relations:
                out = [*ROW_PROPERTIES, EDGE, LINE, START, END, *held]
            else:
                places = [key for name in self.placed(owner) for key in (point(name), *box(name))]
                out = [*ROW_PROPERTIES, ID, CLASS, MENTIONED, WORDS, *OF_RECORD, *places, *held]
            found = self._columns[owner] = tuple(out)
        return found

    def values(self, owner: str, start: int = 0) -> str:
        """A map of the columns from a list `r` that has them from `start` on; what is null there is left out."""
        return "{" + ", ".join(f"`{name}`: r[{i}]" for i, name in enumerate(self.columns(owner), start)) + "}"

    @cached_property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        return {}

    @property
    def relations(self) -> tuple[str, ...]:
        """All relations ever, in order of name."""
        return tuple(sorted({n for s in (*self.earlier, self.schema) for n in s.relations}))

    # ------------------------------------------------------------ constraints and indexes

    def indexes(self) -> Mapping[str, str]:
        """Name → the statement that makes it; each may run again."""
        out: dict[str, str] = {}

        def add(name: str, make: str, what: str) -> None:
            out[name] = f"CREATE {make.replace('@', f'`{name}` IF NOT EXISTS')} {what}"

        for label, keys in UNIQUE.items():
            for key in keys:
                add(f"jw.{label}.{key}", "CONSTRAINT @", f"FOR (n:`{label}`) REQUIRE n.`{key}` IS UNIQUE")
        for label, sets in RANGES.items():
            for keys in sets:
                listed = ", ".join(f"n.`{key}`" for key in keys)
                add(f"jw.{label}.{'.'.join(keys)}", "RANGE INDEX @", f"FOR (n:`{label}`) ON ({listed})")
        for name in self.relations:
            add(f"jw.{name}", "CONSTRAINT @", f"FOR ()-[r:{self.relation(name)}]-() REQUIRE r.edge IS UNIQUE")
            held, other = self.relation_types(name)
            add(f"jw.{other.strip('`')}.{EDGE}", "RANGE INDEX @", f"FOR ()-[r:{other}]-() ON (r.{EDGE})")
            for kind in (held, other):
                add(
                    f"jw.{kind.strip('`')}.{START}.{END}",
                    "RANGE INDEX @",
                    f"FOR ()-[r:{kind}]-() ON (r.{START}, r.{END})",
                )
        for prop in self._declarations():
            for label in (self.label(prop.owner), self.state_label(prop.owner)):
                for key, kind in _indexed_by(prop):
                    add(f"jw.{label.strip('`')}.{key}", f"{kind} INDEX @", f"FOR (n:{label}) ON (n.{quoted(key)})")
        for name, label in ((WORDS_INDEX, ENTITY), (STATE_WORDS_INDEX, STATE)):
            add(
                name, "FULLTEXT INDEX @", f"FOR (n:`{label}`) ON EACH [n.`{WORDS}`] "
                "OPTIONS {indexConfig: {`fulltext.analyzer`: 'whitespace'}}",
            )  # fmt: skip
        return out

    def _declarations(self) -> Iterator[Property]:
        """Each declared property of classes once."""
        found = {(p.owner, p.name): p for c in self.schema.classes.values() for p in c.properties}
        yield from (found[key] for key in sorted(found))

    # ------------------------------------------------------------ lookups

    def _relation_known(self, name: str) -> None:
        if name not in self.relations:
            raise KeyError(name)

    @cached_property
    def _lineage(self) -> Mapping[str, tuple[str, ...]]:
        """Class → itself and its ancestors in order of name, under the newest Schema that has it."""
        out: dict[str, tuple[str, ...]] = {}
        for schema in (*self.earlier, self.schema):
            for cls in schema.classes.values():
                out[cls.name] = tuple(sorted({cls.name, *cls.ancestors}))
        return out

    def _lineage_of(self, cls: str) -> tuple[str, ...]:
        return self._lineage[cls]

    @cached_property
    def _properties(self) -> frozenset[str]:
        out: set[str] = set()
        for schema in (*self.earlier, self.schema):
            out.update(p.name for cls in schema.classes.values() for p in cls.properties)
            out.update(p.name for relation in schema.relations.values() for p in relation.properties)
        return frozenset(out)

    @cached_property
    def _gone(self) -> Mapping[str, tuple[str, ...]]:
        had: dict[str, set[str]] = defaultdict(set)
        for schema in self.earlier:
            for cls in schema.classes.values():
                had[cls.name].update(p.name for p in cls.properties)
        out = {}
        for name, names in had.items():
            now = self.schema.classes.get(name)
            out[name] = tuple(sorted(names - {p.name for p in now.properties})) if now else tuple(sorted(names))
        return out

    def _declared(self, cls: str, name: str) -> tuple[Property, ...]:
        """The property as the concrete classes at or below `cls` have it."""
        found = (self.schema.classes[c].property(name) for c in self.schema.concrete(cls))
        return tuple(p for p in found if p is not None)

    def _ever(self, owner: str) -> Iterable[Property]:
        """All properties that a class or relation has or had, each under its newest declaration."""
        found: dict[str, Property] = {}
        for schema in (*self.earlier, self.schema):
            if owner in schema.classes:
                found.update((p.name, p) for p in schema.classes[owner].properties)
            elif owner in schema.relations:
                found.update((p.name, p) for p in schema.relations[owner].properties)
        return found.values()


UNIQUE: Final[Mapping[str, tuple[str, ...]]] = {
    ENTITY: (ID,),
    TX: ("seq", "system"),
    KEY: ("key",),
    SOURCE: ("id",),
    SCHEMA: ("ordinal",),
    CLOCK: ("id",),
    GATE: ("id",),
}
"""Node properties that name one node."""

RANGES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    ENTITY: ((RECORD_KEY,),),
    STATE: ((RECORD_KEY,),),
    CHANGED: (("system",),),
    RECORD: (("record",), ("entity",), ("home",)),
    CLAIM: (("record",), ("logged",)),
    RELATION_CLAIM: (("line",), ("start", "end"), ("end",), ("logged",)),
    REFERENCE: (("record",),),
    IDENTIFIER: (("key",), ("entity",)),
    AFFIRMATION: (("claim",), ("run",)),
    BOUNDARY: (("at",),),
    TX: (("run",),),
    KEY: (("system",),),
}
"""Other indexes of the store's own nodes."""


def _indexed_by(prop: Property) -> Iterator[tuple[str, str]]:
    """(property of the node, kind of index) for one property of the ontology."""
    if prop.datatype is Datatype.GEOMETRY and not prop.many:
        yield point(prop.name), "POINT"
        yield box(prop.name)[0], "RANGE"
    elif prop.indexed and not prop.many:
        yield prop.name, "RANGE"
