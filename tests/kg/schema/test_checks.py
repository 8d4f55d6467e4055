"""Values to stored form, and what is refused with which reason."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import ValidationError
from kg.geo.geometry import canonical
from kg.schema.checks import Checks, Violation, compile_checks
from kg.schema.types import Schema
from kg.schema.values import Refused, json_text, rounded

SHANGHAI = ZoneInfo("Asia/Shanghai")
# 2024-05-01T00:30:00Z
MAY_DAY = 1_714_523_400_000_000


@pytest.fixture(scope="module")
def checks(schema: Schema) -> Checks:
    return compile_checks(schema, canonical)


ACCEPTED: list[tuple[str, str, Any, Any]] = [
    ("Enterprise", "name", "中芯", "中芯"),
    ("Enterprise", "uscc", " 91999999ma000000-79", "91999999MA00000079"),
    ("AdministrativeArea", "adcode", 310115, "310115"),
    ("AdministrativeArea", "adcode", 310115.0, "310115"),
    ("Enterprise", "employees", 12, 12),
    ("Enterprise", "employees", "12", 12),
    ("Enterprise", "employees", 12.0, 12),
    ("Enterprise", "employees", Decimal(12), 12),
    ("Enterprise", "employees", np.int32(12), 12),
    ("AdministrativeArea", "population", 2**40, 2**40),
    ("Enterprise", "registeredCapital", 5, 5.0),
    ("Enterprise", "registeredCapital", "1.5e7", 15_000_000.0),
    ("Enterprise", "registeredCapital", " .5 ", 0.5),
    ("Enterprise", "registeredCapital", Decimal("0.1"), 0.1),
    ("Enterprise", "registeredCapital", np.float64(0.5), 0.5),
    ("Enterprise", "registeredCapital", 0.1 + 0.2, 0.3),
    ("Space", "dualSupply", True, True),
    ("Space", "dualSupply", "false", False),
    ("Enterprise", "establishedOn", date(2024, 5, 1), "2024-05-01"),
    ("Enterprise", "establishedOn", "2024-02-29", "2024-02-29"),
    ("Enterprise", "establishedOn", "2024-05", "2024-05"),
    ("Enterprise", "establishedOn", "2024", "2024"),
    ("Event", "startedAt", datetime(2024, 5, 1, 0, 30, tzinfo=UTC), MAY_DAY),
    ("Event", "startedAt", datetime(2024, 5, 1, 8, 30, tzinfo=timezone(timedelta(hours=8))), MAY_DAY),
    ("Event", "startedAt", "2024-05-01T00:30Z", MAY_DAY),
    ("Event", "startedAt", "2024-05-01 08:30:00+0800", MAY_DAY),
    ("Event", "startedAt", "2024-05-01T00:30:00.000001Z", MAY_DAY + 1),
    ("Event", "startedAt", "2024-05-01T00:30:00.1200000000Z", MAY_DAY + 120_000),
    ("Event", "startedAt", "1969-12-31T23:59:59Z", -1_000_000),
    ("Enterprise", "formerNames", ["乙", "甲", "乙"], ("乙", "甲")),
    ("Enterprise", "formerNames", "甲", ("甲",)),
    ("Enterprise", "formerNames", {"b", "a"}, ("a", "b")),
    ("Park", "geometry", {"coordinates": [121.5, 31], "type": "Point"}, '{"type":"Point","coordinates":[121.5,31.0]}'),
    ("Enterprise", "attributes", {"b": 1, "a": ["甲", None, True, 0.1 + 0.2]}, '{"a":["甲",null,true,0.3],"b":1}'),
    ("Enterprise", "attributes", ' { "b": {}, "a": 1 } ', '{"a":1,"b":{}}'),
]  # fmt: skip

REFUSED: list[tuple[str, str, Any, str]] = [
    ("Enterprise", "name", 12, "a number where a text is meant"),
    ("Enterprise", "name", ["a"], "not a text but a list"),
    ("Enterprise", "name", True, "not a text but true or false"),
    ("Enterprise", "name", "a\0b", "NUL"),
    ("Enterprise", "name", "\ud800", "surrogate"),
    ("Enterprise", "formerNames", ["a", 1], "a number where a text is meant"),
    ("Enterprise", "uscc", "9.13E+17", "a spreadsheet turned"),
    ("Enterprise", "uscc", 9.13e17, "a spreadsheet turned"),
    ("Enterprise", "uscc", 913101150000000001, "a spreadsheet turned"),
    ("Enterprise", "uscc", float("nan"), "a spreadsheet turned"),
    ("Enterprise", "uscc", "91999999MA00000078", "check character"),
    ("Enterprise", "uscc", None.__class__, "not a text"),
    ("AdministrativeArea", "adcode", 10115, "does not match"),
    ("Enterprise", "employees", "12.5", "not a whole number"),
    ("Enterprise", "employees", 12.5, "not a whole number"),
    ("Enterprise", "employees", float("inf"), "not a whole number"),
    ("Enterprise", "employees", True, "not a whole number"),
    ("Enterprise", "employees", "1,200", "not a whole number"),
    ("Enterprise", "employees", 2**31, "outside the 32 bits"),
    ("AdministrativeArea", "population", 2**63, "outside the 64 bits"),
    ("Enterprise", "registeredCapital", float("nan"), "not a finite number"),
    ("Enterprise", "registeredCapital", "nan", "not a number"),
    ("Enterprise", "registeredCapital", "1e999", "not a finite number"),
    ("Enterprise", "registeredCapital", 10**400, "too large"),
    ("Enterprise", "registeredCapital", 1.7976931348623157e308, "too large"),
    ("Enterprise", "registeredCapital", "5000万", "not a number"),
    ("Enterprise", "registeredCapital", False, "not a number but true or false"),
    ("Enterprise", "registeredCapital", [1.0], "not a number but a list"),
    ("Space", "dualSupply", "ja", "not true or false"),
    ("Space", "dualSupply", 1, "not true or false"),
    ("Enterprise", "establishedOn", "2023-02-29", "no such day"),
    ("Enterprise", "establishedOn", "2023-13", "no such day"),
    ("Enterprise", "establishedOn", "0000", "no such day"),
    ("Enterprise", "establishedOn", "2023/02/01", "not a date"),
    ("Enterprise", "establishedOn", "２０２３", "not a date"),
    ("Enterprise", "establishedOn", 2023, "not a date"),
    ("Enterprise", "establishedOn", datetime(2023, 1, 1, tzinfo=UTC), "not a date"),
    ("Event", "startedAt", "2024-05-01T08:30:00", "without an offset"),
    ("Event", "startedAt", datetime(2024, 5, 1), "without an offset"),  # noqa: DTZ001
    ("Event", "startedAt", "2024-05-01", "not an instant"),
    ("Event", "startedAt", 1_714_523_400, "not an instant"),
    ("Event", "startedAt", "2024-05-01T24:30:00Z", "no such instant"),
    ("Event", "startedAt", "2024-02-30T00:00:00Z", "no such instant"),
    ("Event", "startedAt", "2024-05-01T00:30:00.0000001Z", "finer than a microsecond"),
    ("Event", "startedAt", datetime.min.replace(tzinfo=timezone(timedelta(hours=8))), "outside the years"),
    ("Enterprise", "geometry", {"type": "Point", "coordinates": [31.2, 121.5]}, "Latitude"),
    ("Enterprise", "geometry", "somewhere", ""),
    ("Enterprise", "attributes", [1], "not a JSON object"),
    ("Enterprise", "attributes", "{", "not JSON"),
    ("Enterprise", "attributes", '{"a":1,"a":2}', "a key twice"),
    ("Enterprise", "attributes", {"a": float("nan")}, "not a finite number"),
    ("Enterprise", "attributes", '{"a": NaN}', "not a finite number"),
    ("Enterprise", "attributes", {"a": 2**64}, "64 bits"),
    ("Enterprise", "attributes", {1: 2}, "a key that is no text"),
    ("Enterprise", "attributes", {"a": object()}, "has no form in JSON"),
]


@pytest.mark.parametrize(("cls", "name", "value", "stored"), ACCEPTED)
def test_accepted(checks: Checks, cls: str, name: str, value: Any, stored: Any) -> None:
    found, violations = checks.values(cls, {name: value})
    assert not violations
    assert found == {name: stored}
    assert type(found[name]) is type(stored)


@pytest.mark.parametrize(("cls", "name", "value", "reason"), REFUSED)
def test_refused(checks: Checks, cls: str, name: str, value: Any, reason: str) -> None:
    found, violations = checks.values(cls, {name: value, "description": "stays"}, where="a.csv row 3")
    assert found == {"description": "stays"}
    (violation,) = violations
    assert reason in violation.message
    assert violation.remedy
    assert (violation.where, violation.field) == ("a.csv row 3", name)
    assert isinstance(violation.error(), ValidationError)
    assert "a.csv row 3" in str(violation)


def test_absent_values(checks: Checks) -> None:
    row: dict[str, object] = {"name": None, "formerNames": []}
    assert checks.values("Enterprise", row) == ({}, [])
    assert checks.values("Enterprise", row, patch=True) == ({"name": None, "formerNames": None}, [])


def test_a_zone_for_local_times(checks: Checks) -> None:
    row = {"startedAt": "2024-05-01T08:30:00"}
    assert checks.values("Event", row, zone=SHANGHAI) == ({"startedAt": MAY_DAY}, [])
    # Clocks in Shanghai went from 2:00 to 3:00 on 1986-05-04.
    _, (violation,) = checks.values("Event", {"startedAt": "1986-05-04T02:30:00"}, zone=SHANGHAI)
    assert "skipped" in violation.message
    assert checks.values("Event", {"startedAt": "1986-05-04T02:30:00+08:00"}, zone=SHANGHAI)[1] == []


@pytest.mark.parametrize(
    ("cls", "row", "remedy"),
    [
        ("Enterprise", {"nmae": "x"}, "Did you mean 'name'?"),
        ("Enterprise", {"注册资本": 1}, "Did you mean 'registeredCapital'?"),
        ("Enterprise", {"Registered Capital": 1}, "Did you mean 'registeredCapital'?"),
        ("Enterprise", {"suppliesTo": "x"}, "It is a relation: state it as one."),
        ("Enterprise", {"containedBy": "x"}, ""),
        ("Enterprize", {}, "Did you mean 'Enterprise'?"),
        ("企业", {}, "Did you mean 'Enterprise'?"),
        ("Organisation", {}, "Use one of Agency"),
    ],
)
def test_names_that_do_not_exist(checks: Checks, cls: str, row: dict[str, object], remedy: str) -> None:
    _, (violation,) = checks.values(cls, row)
    assert violation.remedy.startswith(remedy)
    if not row:
        assert checks.resolved(cls, {}) == checks.claimed(cls, {}) == [violation]


def test_constraints_wait_for_the_resolved_entity(checks: Checks) -> None:
    values, violations = checks.values("Enterprise", {"status": "存续", "rdRatio": 2, "name": ""})
    assert not violations
    found = {v.field: v for v in checks.claimed("Enterprise", values, where="row 1")}
    assert {name: v.constraint for name, v in found.items()} == {
        "status": "sh:in",
        "rdRatio": "sh:maxInclusive",
        "name": "sh:minLength",
    }
    assert found["status"].remedy.startswith("Did you mean 'ACTIVE'?")
    assert found["status"].where == "row 1"
    assert checks.resolved("Enterprise", values, where="row 1") == list(found.values())
    (closed,) = checks.resolved("Enterprise", {"nmae": "x"})
    assert (closed.constraint, closed.remedy) == ("sh:closed", "Did you mean 'name'?")


def test_relations(checks: Checks) -> None:
    product = object()
    values, violations = checks.relation_values(
        "suppliesTo", {"product": product, "share": "0.5", "qualification": "TESTING", "since": "2024-05"}
    )
    assert not violations
    assert values == {"product": product, "share": 0.5, "qualification": "TESTING", "since": "2024-05"}
    assert checks.relation_resolved("suppliesTo", values) == []
    (wrong,) = checks.relation_resolved("suppliesTo", {"share": 1.5})
    assert wrong.constraint == "sh:maxInclusive"
    _, (unknown,) = checks.relation_values("suppliesTo", {"shear": 1})
    assert unknown.remedy == "Did you mean 'share'?"
    _, (bad,) = checks.relation_values("suppliesTo", {"product": 7})
    assert "not a reference" in bad.message
    _, (missing,) = checks.relation_values("supplysTo", {})
    assert missing.remedy == "Did you mean 'suppliesTo'?"


def test_relation_ends(checks: Checks) -> None:
    assert checks.relation_ends("suppliesTo", "Enterprise", "Enterprise") == []
    assert checks.relation_ends("locatedIn", "Sensor", "Cleanroom") == []
    wrong = checks.relation_ends("suppliesTo", "Agency", "Plot", where="row 2")
    assert [(v.field, v.value, v.constraint) for v in wrong] == [
        ("start", "Agency", "sh:class"),
        ("end", "Plot", "sh:class"),
    ]


def test_geometry_needs_its_function(schema: Schema) -> None:
    bare = compile_checks(schema)
    assert bare.values("Park", {"name": "x"}) == ({"name": "x"}, [])
    with pytest.raises(TypeError, match="canonical"):
        bare.values("Park", {"geometry": {"type": "Point", "coordinates": [0, 0]}})


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_of_fifteen_digits(number: float) -> None:
    if abs(number) > 1.79769313486231e308:
        return
    made = rounded(number)
    assert made == float(f"{number:.15g}")
    assert rounded(made) == made
    assert str(made) != "-0.0"


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)


@given(
    st.dictionaries(
        WORDS,
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | WORDS,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
            max_leaves=6,
        ),
        max_size=4,
    )
)
def test_json_text_is_canonical(value: dict[str, Any]) -> None:
    text = json_text(value)
    assert orjson.loads(text) == value
    assert json_text(text) == text
    assert json_text(dict(reversed(value.items()))) == text


def test_json_of_any_depth_ends() -> None:
    value: dict[str, Any] = {}
    for _ in range(80):
        value = {"a": value}
    with pytest.raises(Refused, match="deeper"):
        json_text(value)
    with pytest.raises(Refused):
        json_text('{"a":' * 100_000)


def test_a_violation_is_an_error_too() -> None:
    error = Violation("no", "do", "row 1", "name", 5, "sh:in").error()
    assert error.as_dict() == {
        "code": "DATA_INVALID",
        "message": "no",
        "where": "row 1",
        "field": "name",
        "value": 5,
        "remedy": "do",
    }
