"""Properties of `secure` and the interpreter on generated schemas, rows, scopes and queries."""

from dataclasses import dataclass, field, replace
from operator import methodcaller
from typing import Any

import orjson
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from kg.errors import ScopeDenied
from kg.model.intervals import MIN, OPEN
from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, VersionRow
from kg.query.algebra import After, Cmp, Comparison, Const, Not, Prop, Query, Root, Select
from kg.query.cursor import CursorCodec
from kg.query.interpreter import Interpreter
from kg.query.secure import Scope, secure
from kg.query.validate import validate
from kg.schema.types import Datatype, Property, Schema
from kg.testing import strategies as s

CODEC = CursorCodec(b"x" * 32)
LATEST = 50
ENTITIES = tuple(f"e{i}" for i in range(6))
KNOWN = s.Known(
    entities=(*ENTITIES, "gone", "nobody"),
    keys=(("code", "A"), ("code", "B")),
    valid=(0, 20, 40),
    system=(10, 30, LATEST),
    now=25,
)
FEW = settings(max_examples=20)


@dataclass
class Data:
    """Rows of a store; `Tables` of the interpreter."""

    records: list[RecordRow] = field(default_factory=list)
    claims: list[ClaimRow] = field(default_factory=list)
    versions: list[VersionRow] = field(default_factory=list)
    edges: list[EdgeRow] = field(default_factory=list)
    identifiers: list[IdentifierRow] = field(default_factory=list)


def drawn(draw: st.DrawFn, declared: list[Property], classes: dict[str, list[str]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for prop in declared:
        if prop.datatype is Datatype.ENTITY:
            if classes.get(prop.target):
                out[prop.name] = draw(st.sampled_from(classes[prop.target]))
        elif draw(st.booleans()):
            out[prop.name] = draw(s.stored_values(prop))
    return out


@st.composite
def data(draw: st.DrawFn, schema: Schema) -> Data:
    made = Data()
    concrete = [name for name, cls in schema.classes.items() if not cls.abstract]
    members: dict[str, list[str]] = {name: [] for name in schema.classes}
    for entity in ENTITIES:
        cls = draw(st.sampled_from(concrete))
        for name in (cls, *schema.classes[cls].ancestors):
            members[name].append(entity)
        level = draw(st.sampled_from((0, 0, 0, 2)))
        made.records.append(RecordRow("s", entity, entity, entity, level, OPEN, 10))
        cut = draw(st.sampled_from((None, None, 20)))
        for valid in ((MIN, OPEN),) if cut is None else ((0, cut), (cut, OPEN)):
            properties = drawn(draw, list(schema.classes[cls].properties), {})
            made.claims.append(ClaimRow("s", entity, cls, properties, *valid, level, 1.0, None, False, "run", (), 10))
            ends = draw(st.sampled_from(((10, OPEN), (10, OPEN), (30, OPEN), (10, 30))))
            made.versions.append(VersionRow(entity, cls, properties, {"": "s"}, *valid, level, OPEN, *ends))
            if "code" in properties:
                made.identifiers.append(IdentifierRow("code", properties["code"], entity, *valid, level, OPEN, *ends))
    made.records.append(RecordRow("t", "gone", "gone", draw(st.sampled_from(ENTITIES)), system_from=10))
    for number in range(draw(st.integers(0, 10))):
        relation = schema.relations[draw(st.sampled_from(sorted(schema.relations)))]
        if not members[relation.domain] or not members[relation.range]:
            continue
        start = draw(st.sampled_from(members[relation.domain]))
        end = draw(st.sampled_from(members[relation.range]))
        properties = drawn(draw, list(relation.properties), members)
        level = draw(st.sampled_from((0, 0, 2)))
        made.edges.append(
            EdgeRow(f"r{number}", relation.name, start, end, properties, {"": "s"}, MIN, OPEN, level, OPEN, 10)
        )
    return made


@st.composite
def cases(draw: st.DrawFn) -> tuple[Schema, Data, Query]:
    schema = draw(s.schemas())
    return schema, draw(data(schema)), draw(s.queries(schema, KNOWN, depth=2))


def run(schema: Schema, rows: Data, query: Query, scope: Scope) -> bytes:
    return answer(schema, rows, secure(query, schema, scope))


def answer(schema: Schema, rows: Data, secured: Query) -> bytes:
    return orjson.dumps(Interpreter(schema, rows, CODEC, LATEST).run(secured))


@FEW
@given(cases(), st.data())
def test_every_query_has_an_answer_or_is_refused(case: tuple[Schema, Data, Query], more: st.DataObject) -> None:
    schema, rows, query = case
    validate(query, schema)
    assert list(orjson.loads(run(schema, rows, query, Scope(3)))) == [root.key for root in query.roots]
    scope = more.draw(s.scopes(schema))
    try:
        secured = secure(query, schema, scope)
    except ScopeDenied:
        return
    validate(secured, schema)
    Interpreter(schema, rows, CODEC, LATEST).run(secured)


def same(schema: Schema, query: Query, scope: Scope, one: Data, other: Data) -> None:
    try:
        secured = secure(query, schema, scope)
    except ScopeDenied:
        reject()
    assert answer(schema, other, secured) == answer(schema, one, secured)


@FEW
@given(cases())
def test_rows_of_higher_levels_change_nothing(case: tuple[Schema, Data, Query]) -> None:
    schema, rows, query = case
    kept = Data(
        [r for r in rows.records if r.level_from <= 1],
        [r for r in rows.claims if r.level <= 1],
        [r for r in rows.versions if r.level_from <= 1],
        [r for r in rows.edges if r.level_from <= 1],
        [r for r in rows.identifiers if r.level_from <= 1],
    )
    same(schema, query, Scope(1), rows, kept)


@FEW
@given(cases(), st.data())
def test_values_of_masked_properties_change_nothing(case: tuple[Schema, Data, Query], more: st.DataObject) -> None:
    schema, rows, query = case
    declared = {
        p.name: p for cls in schema.classes.values() for p in cls.properties if p.datatype is not Datatype.ENTITY
    }
    name = more.draw(st.sampled_from(sorted(declared)))
    masked = {cls: frozenset({name}) for cls in schema.classes if schema.classes[cls].property(name)}

    def changed(row: Any) -> Any:
        properties = {n: v for n, v in row.properties.items() if n != name}
        return replace(row, properties=properties)

    other = replace(rows, versions=[changed(v) for v in rows.versions], claims=[changed(c) for c in rows.claims])
    if name == "code":
        other = replace(other, identifiers=[])
    same(schema, query, Scope(3, masks=masked), rows, other)


@FEW
@given(cases(), st.data())
def test_rows_that_a_predicate_hides_change_nothing(case: tuple[Schema, Data, Query], more: st.DataObject) -> None:
    """Hidden for what they say, at every instant: then they might as well not exist."""
    schema, rows, query = case
    cls = more.draw(st.sampled_from(sorted(schema.classes)))
    hidden = set(more.draw(st.lists(st.sampled_from(ENTITIES), min_size=1, max_size=2, unique=True)))
    hidden &= {v.entity for v in rows.versions if schema.is_a(v.cls, cls)}

    def marked(row: Any, entity: str) -> Any:
        return replace(row, properties={**row.properties, "name": "hidden" if entity in hidden else "seen"})

    rows = replace(
        rows,
        versions=[marked(v, v.entity) for v in rows.versions],
        claims=[marked(c, c.local) for c in rows.claims],
        # A retired id tells that its survivor exists, whoever that is.
        records=[r for r in rows.records if r.home == r.entity],
    )
    other = replace(
        rows,
        versions=[v for v in rows.versions if v.entity not in hidden],
        claims=[c for c in rows.claims if c.local not in hidden],
        records=[r for r in rows.records if r.entity not in hidden],
        identifiers=[i for i in rows.identifiers if i.entity not in hidden],
        edges=[e for e in rows.edges if e.start not in hidden and e.end not in hidden],
    )
    scope = Scope(3, rows={cls: Not(Cmp(Comparison.EQ, Prop("name"), Const("hidden")))})
    same(schema, query, scope, rows, other)


@FEW
@given(st.data())
def test_pages_make_up_the_whole(more: st.DataObject) -> None:
    schema = more.draw(s.schemas())
    rows = more.draw(data(schema))
    select = more.draw(s.pages(schema, KNOWN))

    def read(page: Select) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(run(schema, rows, Query((Root("it", page),), KNOWN.now), Scope(3)))["it"]
        return found

    whole = read(replace(select, page=replace(select.page, first=None)))
    assert whole["total"] == len(whole["edges"])
    seen: list[Any] = []
    page = select
    while True:
        found = read(page)
        seen += found["edges"]
        assert found["total"] == whole["total"]
        if not found["info"]["next"]:
            break
        token = CODEC.decode(found["info"]["end"], "b")
        after: After = token.after
        page = replace(select, page=replace(select.page, after=after), time=token.time)
    assert seen == whole["edges"]


def test_the_pools_tell_orders_apart() -> None:
    by_code_point = sorted(s.TEXTS)
    assert by_code_point != sorted(s.TEXTS, key=methodcaller("encode", "utf-16-be"))
