"""Every error has a code, a description and a rendering that says what, where and what to do."""

import importlib
import pickle
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kg.errors
from kg.errors import SHOWN_VALUE_CHARS, JingweiError


def tree(root: type[JingweiError]) -> Iterator[type[JingweiError]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


ERRORS = sorted({error for error in tree(JingweiError) if error.__module__ == kg.errors.__name__}, key=str)


def test_the_tree_is_the_module() -> None:
    named = {
        value for value in vars(kg.errors).values() if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert named == set(ERRORS)


def test_errors_that_other_packages_derive_have_codes_of_their_own() -> None:
    root = str(Path(__file__).parents[2])
    for package in ("kg", "loaders", "api"):
        for module in pkgutil.walk_packages([f"{root}/{package}"], prefix=f"{package}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    owners: dict[str, type[JingweiError]] = {}
    for error in set(tree(JingweiError)):
        assert "code" in vars(error), error
        assert vars(error).get("about", "").endswith("."), error
        assert owners.setdefault(error.code, error) is error


def test_codes_are_stable_and_unique() -> None:
    codes = [error.code for error in ERRORS]
    assert len(set(codes)) == len(codes)
    assert sorted(codes) == [
        "ACCESS_DENIED",
        "CURSOR_INVALID",
        "DATA_INVALID",
        "IDEMPOTENCY_CONFLICT",
        "IDENTIFIER_INVALID",
        "IDENTITY_CONFLICT",
        "JINGWEI_ERROR",
        "LIMIT_EXCEEDED",
        "LOAD_FAILED",
        "NOT_FOUND",
        "QUERY_INVALID",
        "SCHEMA_INVALID",
        "SCOPE_DENIED",
        "SETTINGS_INVALID",
        "STALE_EXPECTATION",
        "STORE_BUSY",
        "STORE_CORRUPT",
        "STORE_ERROR",
        "STORE_FULL",
        "STORE_READ_ONLY",
        "STORE_UNAVAILABLE",
    ]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_each_class_describes_itself_and_survives_pickling(error: type[JingweiError]) -> None:
    assert "code" in vars(error)
    assert "about" in vars(error)
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.code)
    assert error.about.endswith(".")
    raised = error("Bad area", remedy="Use ha.", where="parks.csv row 3", field="area", value="-1")
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is error
    assert again.as_dict() == raised.as_dict()
    assert str(again) == str(raised)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (JingweiError("No such class"), "No such class"),
        (JingweiError("No such class", remedy="Did you mean Park?"), "No such class. Did you mean Park?"),
        (JingweiError("No such class!", remedy="Look."), "No such class! Look."),
        (JingweiError("Wrong type", field="area"), "Wrong type (field area)"),
        (
            JingweiError("Wrong type", where="parks.csv row 3", field="area", value="many", remedy="Give a number."),
            "Wrong type (parks.csv row 3, field area, value 'many'). Give a number.",
        ),
        (JingweiError("Zero is refused", value=0), "Zero is refused (value 0)"),
    ],
)
def test_rendering(error: JingweiError, text: str) -> None:
    assert str(error) == text
    assert repr(error) == f"JingweiError({text!r})"


def test_as_dict_leaves_out_what_is_not_set() -> None:
    assert JingweiError("No").as_dict() == {"code": "JINGWEI_ERROR", "message": "No"}
    assert JingweiError("No", where="a", field="b", value=0, remedy="c").as_dict() == {
        "code": "JINGWEI_ERROR",
        "message": "No",
        "where": "a",
        "field": "b",
        "value": 0,
        "remedy": "c",
    }


def test_a_long_or_structured_value_is_shown_cut_and_as_text() -> None:
    long = JingweiError("No", value="x" * 1000)
    assert len(str(long)) < SHOWN_VALUE_CHARS + 40
    assert str(long.as_dict()["value"]).endswith("…")
    assert JingweiError("No", value=["a"]).as_dict()["value"] == "['a']"
    assert long.value == "x" * 1000
