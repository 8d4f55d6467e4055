"""Statements as text, without a server: one a shape, whatever the values are."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from kg.query import algebra as a
from kg.query.algebra import Comparison, MetaName, Op
from kg.query.cursor import CursorCodec
from kg.query.secure import EVERYTHING, secure
from kg.schema.types import Datatype
from kg.store.lift import filled, holed, lift, lift_at
from kg.store.neo4j.compile.context import literal
from kg.store.neo4j.compile.plan import Compiler, Plan
from kg.store.neo4j.compile.search import lucene
from kg.store.neo4j.layout import Layout, quoted
from kg.testing.schemas import USCC, ClassSpec, RelationSpec, build_schema, prop

EVIL = "' OR 1=1 // `}) DETACH DELETE n"
SCHEMA = build_schema(
    classes=(
        ClassSpec("Thing", "事物", (), (prop("name", Datatype.STRING, "名称", searchable=True),), abstract=True),
        ClassSpec(
            "Firm", "企业",
            properties=(
                prop("code", Datatype.STRING, indexed=True), prop("uscc", Datatype.STRING, scheme="uscc"),
                prop("size", Datatype.LONG), prop("place", Datatype.GEOMETRY), prop("tags", Datatype.STRING, many=True),
            ),
        ),
        ClassSpec("Bank", "银行", ("Firm",)),
    ),
    schemes=(USCC,),
    relations=(RelationSpec("supplies", "供应", "Firm", "Firm", properties=(prop("volume", Datatype.DOUBLE),)),),
)  # fmt: skip


def compiled(select: a.Select | a.Aggregate, *, present: bool = True, moved: bool = False) -> Plan:
    query = secure(a.Query((a.Root("it", select),), 5), SCHEMA, EVERYTHING)
    lift(query, 9)
    return Compiler(SCHEMA, Layout(SCHEMA), holed(query, 9), present, moved).compile()


def rows(where: a.Predicate | None = None, source: a.Source | None = None, **more: Any) -> a.Select:
    obj = a.Obj((a.Field("name", a.Leaf(a.Prop("name"))),))
    return a.Select(source or a.Extent("Firm"), a.Rows(obj), where, **more)


def text_of(name: str, value: str) -> a.Predicate:
    return a.Cmp(Comparison(name), a.Prop("code"), a.Const(value))


def nearest(number: float) -> tuple[a.Order, ...]:
    return (a.Order(a.Calc(Op.DISTANCE, (a.Prop("place"), a.Const(number), a.Const(number)))),)


SHAPES: dict[str, Callable[[str, float], a.Select]] = {
    "equal": lambda text, _: rows(text_of("eq", text)),
    "less": lambda text, _: rows(text_of("lt", text)),
    "contains": lambda text, _: rows(text_of("contains", text)),
    "in": lambda text, _: rows(a.Cmp(Comparison.IN, a.Prop("tags"), a.Const((text, text + "x")))),
    "ids": lambda text, _: rows(source=a.Ids("Firm", (text, "b"))),
    "keys": lambda text, _: rows(source=a.Keys("Firm", (("uscc", text),))),
    "match": lambda text, _: rows(source=a.Match("Firm", "甲" + text)),
    "near": lambda _, number: rows(a.Near("place", number, number, number)),
    "nearest": lambda _, number: rows(order=nearest(number), page=a.Page(3)),
    "nearest within": lambda _, number: rows(
        a.Near("place", number, number, number), order=nearest(number), page=a.Page(3)
    ),
    "within": lambda _, number: rows(
        a.Spatial("within", "place", f'{{"type":"Point","coordinates":[{number},{number}]}}')
    ),
    "page": lambda text, number: rows(
        order=(a.Order(a.Prop("name")),), page=a.Page(int(number), a.After((text,), text), text)
    ),
    "sum": lambda _, number: rows(a.Cmp(Comparison.GT, a.Calc(Op.ADD, (a.Prop("size"), a.Const(number))), a.Const(1))),
    "walk": lambda text, _: rows(source=a.Walk((("supplies", True),), "Firm", 1, 3, a.Ids("Firm", (text,)))),
}


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("name", SHAPES)
def test_values_are_parameters(name: str, present: bool) -> None:
    one = compiled(SHAPES[name](EVIL, 1.5), present=present)
    other = compiled(SHAPES[name]("z", 2.5), present=present)
    assert one.text == other.text
    assert [before.text for before in one.before] == [before.text for before in other.before]
    for text in (one.text, *(before.text for before in one.before)):
        assert EVIL not in text
        assert "1.5" not in text


@pytest.mark.parametrize("name", ["a`b", "x y", "", "1", "a'", "n}) DETACH DELETE (m"])
def test_names_that_no_ontology_can_have_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        quoted(name)
    with pytest.raises(ValueError, match="not a name"):
        literal(name)


def test_a_search_asks_the_index_first_and_escapes_its_language() -> None:
    assert lucene("中芯") == "((中芯))"
    assert "*" not in lucene("**中芯**")
    assert lucene("()") == ""
    (before,) = compiled(rows(source=a.Match("Firm", "中芯"))).before
    assert "UNWIND ['jw_words'] AS index" in before.text
    assert "queryNodes(index, $p" in before.text


def test_what_is_asked_at_another_instant_reads_the_present_and_what_lies_beside_it() -> None:
    assert "_State_" not in compiled(rows()).text
    assert "(n1:`Firm`|`_State_Firm`)" in compiled(rows(time=a.Time(system=3))).text
    nested = a.Select(
        a.Extent("Firm"),
        a.Rows(a.Obj((a.Field("versions", rows(source=a.Self("Firm"), time=a.Time(system=a.Range()))),))),
    )
    both = compiled(nested).text
    assert "`Firm`" in both
    assert "`_STATE`" in both


def test_paths_are_carried_along_only_where_they_are_asked_for() -> None:
    walk = a.Walk((("supplies", True),), "Firm", 1, 4, a.Ids("Firm", ("a",)))
    assert "*1..4" in compiled(rows(source=walk)).text
    shown = a.Rows(a.Obj((a.Field("path", a.Leaf(a.Meta(MetaName.PATH))),)))
    assert "*1..4" not in compiled(a.Select(walk, shown)).text


def test_constants_come_back_into_a_holed_part() -> None:
    query = secure(
        a.Query((a.Root("it", rows(text_of("eq", "x"), time=a.Time(valid=7, system=9))),), 5), SCHEMA, EVERYTHING
    )
    _, constants, systems, valids = lift_at(query, 9)
    assert systems == {9}
    assert valids == {5, 7}
    assert filled(holed(query, 9).roots, constants) == query.roots


@pytest.mark.parametrize("present", [True, False])
def test_moved_ids_are_looked_for_once_there_are_any(present: bool) -> None:
    asked = rows(source=a.Ids("Firm", ("a", "b")))
    assert "`_Record`" not in compiled(asked, present=present).text
    assert "`_Record`" in compiled(asked, present=present, moved=True).text


@pytest.mark.parametrize(("names", "found"), [(("id", "code"), ["b", "1"]), (("code", "id"), ["1", "b"])])
def test_a_lookup_finds_its_rows_by_the_id_that_they_show(names: tuple[str, str], found: list[str]) -> None:
    values: dict[str, a.Expr] = {"id": a.Meta(MetaName.ID), "code": a.Prop("code")}
    asked = a.Aligned(a.Obj(tuple(a.Field(name, a.Leaf(values[name])) for name in names)))
    query = secure(a.Query((a.Root("it", a.Select(a.Ids("Firm", ("c", "b", "b")), asked)),), 5), SCHEMA, EVERYTHING)
    _, constants, _ = lift(query, 9)
    shown = {"id": "b", "code": "1"}
    for moved, answer in ((False, [[[[value] for value in found]]]), (True, [[["b", found]]])):
        plan = Compiler(SCHEMA, Layout(SCHEMA), holed(query, 9), True, moved).compile()
        made = orjson.loads(plan.answer(answer, constants, CursorCodec(b"x" * 32)))
        assert made == {"it": [None, shown, shown]}
        assert [list(one) for one in made["it"][1:]] == [list(names)] * 2
