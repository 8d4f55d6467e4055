import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import CursorError
from kg.query.algebra import (
    After,
    Cmp,
    Comparison,
    Const,
    Extent,
    Obj,
    Order,
    PageOf,
    Prop,
    Range,
    Rows,
    Select,
    Time,
)
from kg.query.cursor import CursorCodec, Token, binding, resume
from kg.query.secure import Scope

CODEC = CursorCodec(b"k" * 32)
SELECT = Select(Extent("Plot"), Rows(Obj(())), order=(Order(Prop("name")),))
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
instants = st.none() | st.integers(-(2**62), 2**62)
whens = instants | st.builds(Range, instants, instants)
tokens = st.builds(
    Token,
    st.builds(Time, whens, whens),
    st.builds(After, st.lists(scalars, max_size=3).map(tuple), st.text("ab\ue000𠮷", max_size=5), instants, instants),
)


@given(tokens.filter(lambda t: all(v not in {float("inf"), float("-inf")} for v in t.after.values)))
def test_a_token_comes_back(token: Token) -> None:
    text = CODEC.encode(token, "b")
    assert CODEC.decode(text, "b") == token
    assert CODEC.encode(token, "b") == text
    assert CursorCodec(b"k" * 32).decode(text, "b") == token


def test_nothing_else_decodes() -> None:
    token = Token(Time(1, 2), After(("中芯",), "e1"))
    text = CODEC.encode(token, "b")
    assert "e1" not in text
    for other in (text[:-1], text + "A", "", "é", text.swapcase(), text[4:], "A" * len(text)):
        with pytest.raises(CursorError) as caught:
            CODEC.decode(other, "b")
        assert caught.value.remedy
    with pytest.raises(CursorError):
        CODEC.decode(text, "c")
    with pytest.raises(CursorError):
        CursorCodec(b"j" * 32).decode(text, "b")
    with pytest.raises(ValueError, match="16 bytes"):
        CursorCodec(b"short")


def test_a_cursor_is_bound_to_query_schema_and_scope() -> None:
    scope = Scope(
        1, frozenset({"Plot"}), {"Plot": Cmp(Comparison.EQ, Prop("name"), Const("x"))}, {"Plot": frozenset("ab")}
    )
    base = binding(SELECT, "h", scope)
    assert base == binding(Select(SELECT.source, PageOf(()), order=SELECT.order), "h", scope)
    assert base == binding(SELECT, "h", Scope(1, frozenset({"Plot"}), dict(scope.rows), {"Plot": frozenset("ba")}))
    others = [
        binding(Select(Extent("Product"), SELECT.shape, order=SELECT.order), "h", scope),
        binding(Select(SELECT.source, SELECT.shape, order=(Order(Prop("name"), True),)), "h", scope),
        binding(Select(SELECT.source, SELECT.shape, order=SELECT.order, time=Time(5)), "h", scope),
        binding(SELECT, "h2", scope),
        binding(SELECT, "h", Scope(2, scope.classes, scope.rows, scope.masks)),
        binding(SELECT, "h", Scope(1, None, scope.rows, scope.masks)),
        binding(SELECT, "h", Scope(1, scope.classes, {}, scope.masks)),
        binding(SELECT, "h", Scope(1, scope.classes, scope.rows, {})),
    ]
    assert len({base, *others}) == len(others) + 1


def test_resume_pins_the_instants() -> None:
    token = Token(Time(5, 6), After((None,), "e"))
    again = resume(SELECT, token, 10)
    assert (again.time, again.page.first, again.page.after) == (Time(5, 6), 10, token.after)
    assert again.shape == Rows(Obj(()))
