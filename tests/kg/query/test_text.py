import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.query.text import (
    EXACT,
    INSIDE,
    PREFIX,
    SOUND_INSIDE,
    SOUND_PREFIX,
    TOKENIZER,
    forms,
    index_tokens,
    matches,
    normalise,
    query_tokens,
    rank,
)

SMIC = "中芯国际集成电路制造有限公司"
ALPHABET = "中芯长江重庆行银国际上海绿 zhxonigABCé１Ａ·（）-+.'\"*\ue000\uffff𠮷😀ßİ"
values = st.lists(st.text(ALPHABET, min_size=0, max_size=10), min_size=1, max_size=3)
queries = st.one_of(
    st.text(ALPHABET, max_size=4),
    st.sampled_from(
        ["zhongxin", "zx", "chongqing", "cq", "cj", "changjiang", "xinguo", "中", "芯国", "zhong 国", "h", "lv"]
    ),
)


def kind(row: list[str], query: str) -> int | None:
    found = rank(row, query)
    return None if found is None else found // 10**8


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (SMIC, EXACT),
        ("中芯", PREFIX),
        ("中", PREFIX),
        ("国际", INSIDE),
        ("司", INSIDE),
        ("zhongxin", SOUND_PREFIX),
        ("ZhongX", SOUND_PREFIX),
        ("zx", SOUND_PREFIX),
        ("xinguo", SOUND_INSIDE),
        ("gj", SOUND_INSIDE),
        ("hongxin", None),  # does not begin where a syllable begins
        ("z", SOUND_PREFIX),
        ("Ｚｘ", SOUND_PREFIX),  # full-width
        ("中芯 公司", INSIDE),
        ("公司 zx", SOUND_PREFIX),
        ("中芯 上海", None),
        ("", None),
        ("  ", None),
    ],
)
def test_kinds(query: str, expected: int | None) -> None:
    assert kind([SMIC], query) == expected


def test_words_decide_on_readings() -> None:
    assert forms("重庆长江银行").pinyin == "chongqingchangjiangyinhang"
    assert forms("行长").initials == "hz"
    assert forms("绿地").pinyin == "lvdi"
    assert matches(["重庆"], "cq")
    assert not matches(["重庆"], "zq")


def test_widths_case_and_spaces_do_not_count() -> None:
    assert normalise("　ＡＢｃ　１２\t中 芯 ") == "abc 12 中 芯"
    assert normalise("Straße") == "strasse"
    assert matches(["（ABC）公司"], "(abc)")
    assert matches(["Shanghai Huahong"], "hua")


def test_several_values_and_terms() -> None:
    row = ["中芯国际", "SMIC"]
    assert kind(row, "smic") == EXACT
    assert kind(row, "smi 国际") == INSIDE
    assert kind(row, "smic zx") == SOUND_PREFIX


def test_order_is_kind_then_position_then_length() -> None:
    rows = ["芯", "芯片", "芯片厂", "中芯", "中芯国", "大中芯", "辛", "辛中", "大辛"]
    ranks = [rank([row], "芯" if "芯" in row else "xin") for row in rows]
    assert ranks == sorted(ranks, key=lambda r: -1 if r is None else r)
    assert len(set(ranks)) == len(ranks)


def test_kept_letters_sound_with_their_neighbours() -> None:
    assert matches(["TCL科技"], "tclkeji")
    assert matches(["TCL科技"], "tclkj")
    assert not matches(["TCL科技"], "clkeji")
    assert matches(["TCL科技"], "clkj")  # initials, anywhere


def index(rows: list[list[str]]) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.execute(f"create virtual table f using fts5(tokens, tokenize = '{TOKENIZER}', detail = none)")
    db.executemany("insert into f(rowid, tokens) values (?, ?)", [(i, index_tokens(r)) for i, r in enumerate(rows)])
    return db


@given(st.lists(values, min_size=1, max_size=4), queries)
def test_the_index_finds_all_that_matches(rows: list[list[str]], query: str) -> None:
    expression = query_tokens(query)
    found = {i for i, row in enumerate(rows) if matches(row, query)}
    if expression is None:
        return
    candidates = {i for (i,) in index(rows).execute("select rowid from f where f match ?", (expression,))}
    assert found <= candidates


@given(values, st.data())
def test_every_part_of_a_value_finds_it(row: list[str], data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(row))
    start = data.draw(st.integers(0, len(text)))
    part = text[start : data.draw(st.integers(start, len(text)))]
    # Normalising a part may differ from the part of what is normalised where characters compose.
    if normalise(part) and normalise(part) in normalise(text):
        assert matches(row, part)
        expression = query_tokens(part)
        if expression is not None:
            assert list(index([row]).execute("select rowid from f where f match ?", (expression,))) == [(0,)]


def test_candidates_are_few() -> None:
    rows = [[SMIC], ["华虹半导体"], ["上海张江"], ["长江存储"], ["Zhongxing"]]
    db = index(rows)
    for query, expected in {
        "中芯": [0],
        "zx": [0],
        "zhongx": [0, 4],
        "cj": [3],
        "江": [2, 3],
        "zhangjiang": [2],
    }.items():
        got = [i for (i,) in db.execute("select rowid from f where f match ? order by rowid", (query_tokens(query),))]
        assert got == expected, query
