"""Resolution: the stated order, level by level, whatever order the claims come in."""

import itertools

from kg.model.changes import REVIEW, Source
from kg.model.intervals import OPEN
from kg.model.resolve import Claim, edges, rank, versions
from kg.testing.schemas import PARK

A, B, H = Source("a", priority=1), Source("b"), Source("h", priority=9, level=2)


def claim(source: Source, start: int, end: int, **values: object) -> Claim:
    cls = str(values.pop("cls", "Enterprise"))
    mentioned = bool(values.pop("mentioned", False))
    confidence, stated = values.pop("confidence", 1.0), values.pop("stated", None)
    key = rank(source, confidence, stated, source.level, "1", mentioned=mentioned)  # type: ignore[arg-type]
    return Claim(key, source.id, cls, values, start, end, source.level, OPEN, mentioned)  # type: ignore[arg-type]


def shown(claims: list[Claim]) -> list[tuple[object, ...]]:
    found = {
        tuple(
            (r.level_from, r.valid_from, r.valid_to, r.cls, tuple(sorted(r.properties.items())), r.mentioned)
            for r in versions("e", list(order), PARK)
        )
        for order in itertools.permutations(claims)
    }
    (one,) = found  # no order of arrival leaves a trace
    return list(one)


def test_property_by_property_and_segment_by_segment() -> None:
    rows = shown([claim(A, 0, 5, name="A"), claim(B, 3, 9, name="B", employees=2)])
    assert [(r[1], r[2], r[4]) for r in rows] == [
        (0, 3, (("name", "A"),)),
        (3, 5, (("employees", 2), ("name", "A"))),
        (5, 9, (("employees", 2), ("name", "B"))),
    ]


def test_higher_levels_see_more_and_lower_ones_the_same() -> None:
    rows = shown([claim(A, 0, 9, name="A"), claim(H, 0, 9, name="H")])
    assert [(r[0], r[4]) for r in rows] == [(0, (("name", "A"),)), (2, (("name", "H"),))]


def test_confidence_then_statement_date_then_name() -> None:
    sure, unsure = claim(B, 0, 9, name="sure"), claim(Source("c"), 0, 9, name="c", confidence=0.5)
    assert shown([sure, unsure])[0][4] == (("name", "sure"),)
    late = claim(Source("c"), 0, 9, name="late", stated=7)
    assert shown([claim(B, 0, 9, name="early", stated=3), late])[0][4] == (("name", "late"),)
    assert shown([claim(Source("c"), 0, 9, name="c"), claim(B, 0, 9, name="b")])[0][4] == (("name", "b"),)


def test_a_mention_yields_and_a_subclass_says_more() -> None:
    (row,) = shown([claim(A, 0, 9, name="mentioned", mentioned=True), claim(B, 0, 9, name="B")])
    assert (row[4], row[5]) == ((("name", "B"),), False)
    (row,) = shown([claim(A, 0, 9, cls="Organisation", name="A"), claim(B, 0, 9, employees=3)])
    assert row[3] == "Enterprise"


def test_a_choice_decides_its_properties_alone_where_something_else_says_that_it_is() -> None:
    chosen = Source(REVIEW)
    rows = shown(
        [claim(A, 0, 5, name="A", employees=1), claim(B, 5, 9, name="B"), claim(chosen, 0, 99, name="C", cls="Park")]
    )
    assert [(r[1], r[2], r[3], dict(r[4])) for r in rows] == [  # type: ignore[call-overload]
        (0, 5, "Enterprise", {"employees": 1, "name": "C"}),
        (5, 9, "Enterprise", {"name": "C"}),
    ]
    (first, _) = versions("e", [claim(A, 0, 5, name="A", employees=1), claim(chosen, 3, 9, name="C")], PARK)
    assert (first.valid_from, first.valid_to, first.sources) == (0, 3, {"": "a"})
    assert versions("e", [claim(chosen, 0, 9, name="C")], PARK) == []
    secret = Source(REVIEW, level=2)
    assert [(r[0], dict(r[4])) for r in shown([claim(A, 0, 9, name="A"), claim(secret, 0, 9, name="C")])] == [  # type: ignore[call-overload]
        (0, {"name": "A"}),
        (2, {"name": "C"}),
    ]


def test_equal_neighbours_are_one() -> None:
    rows = shown([claim(A, 0, 4, name="A"), claim(A, 4, 9, name="A")])
    assert [(r[1], r[2]) for r in rows] == [(0, 9)]


def test_relations_resolve_alike() -> None:
    found = edges("x", "suppliesTo", "e", "f", [claim(A, 0, 5, share=0.5), claim(B, 0, 9, share=0.25, since=1)])
    assert [(r.valid_from, r.valid_to, dict(r.properties), dict(r.sources)) for r in found] == [
        (0, 5, {"share": 0.5, "since": 1}, {"": "a", "since": "b"}),
        (5, 9, {"share": 0.25, "since": 1}, {"": "b"}),
    ]
