"""Readers that are compiled from source of their own give what a loop over the values gives."""

from typing import Any

from kg.query.cursor import CursorCodec
from kg.store.neo4j.compile.context import Answering, Reader, as_it_is
from kg.store.neo4j.compile.shaper import Columns, Each, Record

AT = Answering((), CursorCodec(b"x" * 32))


def double(value: Any, at: Answering) -> Any:
    assert at is AT
    return None if value is None else value * 2


def test_a_list_of_objects() -> None:
    read = Each(Record(["name", "volume"], [as_it_is, double]))
    assert read([["甲", 2], ["乙", None]], AT) == [{"name": "甲", "volume": 4}, {"name": "乙", "volume": None}]
    assert list(read([["甲", 2]], AT)[0]) == ["name", "volume"]


def test_a_list_of_columns() -> None:
    read = Columns(Record(["name", "volume"], [as_it_is, double]))
    assert read([[["甲", "乙"], [2, None]]], AT) == [{"name": "甲", "volume": 4}, {"name": "乙", "volume": None}]
    assert read([[[], []]], AT) == []


def test_an_object_of_one_key_is_its_value_alone() -> None:
    assert Record(["a"], [double])(3, AT) == {"a": 6}
    assert Each(Record(["a"], [as_it_is]))([None, 1], AT) == [{"a": None}, {"a": 1}]
    assert Each(Record(["a"], [Each(Record(["b"], [double]))]))([[1], []], AT) == [{"a": [{"b": 2}]}, {"a": []}]


def test_keys_are_text_and_never_source() -> None:
    keys = ['"', "'}; {", "\\", "{0}", "\n", "名"]
    values = list(range(len(keys)))
    assert Record(keys, [as_it_is] * len(keys))(values, AT) == dict(zip(keys, values, strict=True))


def test_deeper_than_comprehensions_nest() -> None:
    read: Reader = Record(["n", "m"], [as_it_is, double])
    value: Any = [1, 2]
    wanted: Any = {"n": 1, "m": 4}
    for _ in range(40):
        read, value, wanted = Record(["n", "in"], [as_it_is, Each(read)]), [0, [value]], {"n": 0, "in": [wanted]}
    assert read(value, AT) == wanted


def test_a_list_of_another_length_is_refused() -> None:
    read = Each(Record(["a", "b"], [as_it_is, as_it_is]))
    for rows in ([[1]], [[1, 2, 3]]):
        try:
            read(rows, AT)
        except ValueError:
            continue
        raise AssertionError(rows)
