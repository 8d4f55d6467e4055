"""Text by code point over an engine that compares by UTF-16, played here by Python."""

from hypothesis import given
from hypothesis import strategies as st

from kg.store.neo4j.compile.texts import detours, sort_key

ALPHABET = "ab甲\ud7ff\ue000\uffee\uffff\U00010000\U00020bb7\U0010ffff"
TEXTS = st.text(alphabet=ALPHABET, max_size=5)


def utf16(text: str) -> bytes:
    return text.encode("utf-16-be")


def turned_round(text: str, bound: str) -> bool:
    """As `corrected` has it in Cypher."""
    return any(
        text.startswith(str(prefix)) and utf16(text) >= utf16(str(low)) and (high is None or utf16(text) < utf16(high))
        for prefix, low, high in detours(bound)
    )


@given(TEXTS, TEXTS)
def test_a_comparison_with_a_parameter_is_by_code_point(text: str, bound: str) -> None:
    assert ((utf16(text) < utf16(bound)) != turned_round(text, bound)) == (text < bound)
    assert ((utf16(text) <= utf16(bound)) != turned_round(text, bound)) == (text <= bound)
    assert ((utf16(text) > utf16(bound)) != turned_round(text, bound)) == (text > bound)


@given(st.lists(TEXTS, max_size=8))
def test_sort_keys_sort_by_code_point_in_either_way(texts: list[str]) -> None:
    assert sorted(texts, key=lambda text: utf16(sort_key(text))) == sorted(texts)
    assert sorted(texts, key=sort_key) == sorted(texts)


def test_the_two_orders_differ_and_most_texts_need_nothing() -> None:
    assert utf16("\uffee") > utf16("\U00020bb7")
    assert detours("中芯国际（上海)"[:4]) == []
    assert detours("（") == [["", "\U00010000", "\ue000"]]
    assert sort_key("中芯国际") == "中芯国际"
