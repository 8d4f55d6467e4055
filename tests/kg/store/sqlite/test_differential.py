"""Compiled statements give what the interpreter gives, on generated schemas, rows, scopes and queries."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kg.errors import ScopeDenied
from kg.model.intervals import MIN, OPEN
from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, VersionRow
from kg.query.secure import Scope
from kg.schema.types import Datatype, Property, Schema
from kg.testing import strategies as s
from tests.kg.store.sqlite.conftest import LATEST, Rows, fill

ENTITIES = tuple(f"e{i}" for i in range(7))
KNOWN = s.Known(
    entities=(*ENTITIES, "gone", "nobody"),
    keys=(("code", "A"), ("code", "B")),
    valid=(0, 20, 40),
    system=(10, 30, LATEST),
    now=25,
)


def drawn(draw: st.DrawFn, declared: list[Property], members: dict[str, list[str]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for prop in declared:
        if prop.datatype is Datatype.ENTITY:
            if members.get(prop.target):
                out[prop.name] = draw(st.sampled_from(members[prop.target]))
        elif draw(st.booleans()):
            out[prop.name] = draw(s.stored_values(prop))
    return out


@st.composite
def stored_rows(draw: st.DrawFn, schema: Schema) -> Rows:
    """Rows that keep the invariants: relations lie inside the existence of both ends, boxes do not overlap."""
    made = Rows()
    concrete = [name for name, cls in schema.classes.items() if not cls.abstract]
    members: dict[str, list[str]] = {name: [] for name in schema.classes}
    exists: dict[str, tuple[int, int, int]] = {}
    for entity in ENTITIES:
        cls = draw(st.sampled_from(concrete))
        for name in (cls, *schema.classes[cls].ancestors):
            members[name].append(entity)
        level = draw(st.sampled_from((0, 0, 0, 2)))
        start, end = draw(st.sampled_from(((MIN, OPEN), (MIN, OPEN), (0, 40), (20, OPEN))))
        exists[entity] = start, end, level
        made.records.append(RecordRow("s", entity, entity, entity, level, OPEN, 10))
        cut = draw(st.sampled_from((None, None, 22)))
        for valid in ((start, end),) if cut is None else ((start, cut), (cut, end)):
            history(draw, made, schema, entity, cls, valid, level)
    made.records.append(RecordRow("t", "gone", "gone", draw(st.sampled_from(ENTITIES)), system_from=10))
    for number in range(draw(st.integers(0, 12))):
        relation = schema.relations[draw(st.sampled_from(sorted(schema.relations)))]
        if not members[relation.domain] or not members[relation.range]:
            continue
        ends = draw(st.sampled_from(members[relation.domain])), draw(st.sampled_from(members[relation.range]))
        start = max(exists[e][0] for e in ends)
        end = min(exists[e][1] for e in ends)
        if start < end:
            properties = drawn(draw, list(relation.properties), members)
            level = max(exists[e][2] for e in ends)
            until = draw(st.sampled_from((OPEN, OPEN, 30)))
            row = EdgeRow(f"r{number}", relation.name, *ends, properties, {"": "s"}, start, end, level, OPEN, 10, until)
            made.edges.append(row)
    return made


def history(
    draw: st.DrawFn, made: Rows, schema: Schema, entity: str, cls: str, valid: tuple[int, int], level: int
) -> None:
    """One valid segment's versions: perhaps corrected at system 30, perhaps split by level."""
    corrected = draw(st.sampled_from((False, False, True)))
    split = level == 0 and draw(st.sampled_from((False, False, True)))
    for system in ((10, 30), (30, OPEN)) if corrected else ((10, OPEN),):
        for levels in ((0, 2), (2, OPEN)) if split else ((level, OPEN),):
            properties = drawn(draw, list(schema.classes[cls].properties), {})
            row = VersionRow(entity, cls, properties, {"": "s"}, *valid, *levels, *system)
            made.versions.append(row)
            made.claims.append(
                ClaimRow("s", entity, cls, properties, *valid, levels[0], 1.0, None, False, "run", (), *system)
            )
            if "code" in properties:
                made.identifiers.append(IdentifierRow("code", properties["code"], entity, *valid, *levels, *system))


@settings(max_examples=8)
@given(st.data())
def test_compiled_and_interpreted_answers_are_equal(data: st.DataObject) -> None:
    schema = data.draw(s.schemas())
    stored = fill(schema, data.draw(stored_rows(schema)))
    try:
        for _ in range(6):
            query = data.draw(s.queries(schema, KNOWN, depth=3))
            scope = data.draw(st.one_of(st.just(Scope(3)), s.scopes(schema)))
            try:
                compiled, interpreted = stored.asked(query, scope)
            except ScopeDenied:
                continue
            assert compiled == interpreted
    finally:
        stored.db.close()
