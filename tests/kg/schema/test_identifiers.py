"""Identifier schemes: the standards' algorithms against their declarations in Turtle. All codes are of nobody."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import IdentifierError, SchemaError
from kg.schema.identifiers import check, check_character, normalise
from kg.schema.types import Schema, Scheme

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def gb32100(body: str) -> str:
    """GB 32100-2015, 4.6: weights are 3^(i-1) mod 31."""
    total = sum(USCC_ALPHABET.index(character) * pow(3, i, 31) for i, character in enumerate(body))
    return USCC_ALPHABET[(31 - total % 31) % 31]


def gb11714(body: str) -> str:
    """GB 11714-1997, 3.3: C9 = 11 - MOD(Σ Ci × Wi, 11); 10 is X, 11 is 0."""
    alphabet = string.digits + string.ascii_uppercase
    remainder = 11 - sum(alphabet.index(c) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)) % 11
    return {10: "X", 11: "0"}.get(remainder, str(remainder))


# Worked by hand. MA000000: M=22×3 + A=10×7 = 136, 136 mod 11 = 4, 11-4 = 7.
# D2143569: 13×3+2×7+1×9+4×10+3×5+5×8+6×4+9×2 = 199, 199 mod 11 = 1, 11-1 = 10 = X.
@pytest.mark.parametrize(
    ("scheme", "body", "character"),
    [
        ("organisationCode", "MA000000", "7"),
        ("organisationCode", "D2143569", "X"),
        ("organisationCode", "00000000", "0"),
        ("uscc", "91999999MA0000007", "9"),
        ("uscc", "00000000000000000", "0"),
        ("uscc", "10000000000000000", "Y"),
    ],
)
def test_vectors(schema: Schema, scheme: str, body: str, character: str) -> None:
    assert check_character(schema.schemes[scheme], body) == character


@given(st.text(USCC_ALPHABET, min_size=17, max_size=17))
def test_uscc_after_the_standard(schema: Schema, body: str) -> None:
    assert check_character(schema.schemes["uscc"], body) == gb32100(body)


@given(st.text(string.digits + string.ascii_uppercase, min_size=8, max_size=8))
def test_organisation_code_after_the_standard(schema: Schema, body: str) -> None:
    character = check_character(schema.schemes["organisationCode"], body)
    assert character == gb11714(body)
    check(schema.schemes["organisationCode"], body + character)


@given(
    st.from_regex(r"\A9[1-3][0-9]{6}[0-9A-HJ-NPQRTUWXY]{9}\Z", fullmatch=True),
    st.integers(0, 17),
    st.sampled_from(USCC_ALPHABET),
)
def test_every_single_mistake_is_found(schema: Schema, body: str, at: int, other: str) -> None:
    scheme = schema.schemes["uscc"]
    good = body + check_character(scheme, body)
    check(scheme, good)
    wrong = good[:at] + other + good[at + 1 :]
    if wrong != good:
        with pytest.raises(IdentifierError):
            check(scheme, wrong)


@pytest.mark.parametrize(
    ("scheme", "written", "normal"),
    [
        ("uscc", " 91999999ma00000079 ", "91999999MA00000079"),
        ("uscc", "91999999-MA000000-79", "91999999MA00000079"),
        ("uscc", "９１９９９９９９ＭＡ００００００７９", "91999999MA00000079"),
        ("uscc", "\ufeff91999999MA00000079\u200b", "91999999MA00000079"),
        ("organisationCode", "MA000000-7", "MA0000007"),
        ("adcode", "310 115", "310115"),
        ("industryCode", "c3973", "C3973"),
    ],
)
def test_normal_form(schema: Schema, scheme: str, written: str, normal: str) -> None:
    held = schema.schemes[scheme]
    assert normalise(held, written) == normal
    assert normalise(held, normal) == normal
    check(held, normal)


@pytest.mark.parametrize(
    ("scheme", "value", "reason"),
    [
        ("uscc", "9.13E+17", "a spreadsheet turned"),
        ("uscc", "9.13101E17", "a spreadsheet turned"),
        ("uscc", "913101150000000000.0", "a spreadsheet turned"),
        ("adcode", "3.1E5", "a spreadsheet turned"),
        ("uscc", "91999999MA00000078", "the check character is '8'"),
        ("uscc", "91999999MA0000079", "does not match"),
        ("uscc", "91999999MI00000079", "does not match"),
        ("uscc", "", "does not match"),
        ("organisationCode", "MA000000X", "the other characters give '7'"),
        ("adcode", "10115", "does not match"),
        ("adcode", "010115", "does not match"),
        ("adcode", "３１０１１5".replace("5", "五"), "does not match"),
        ("industryCode", "Z99", "does not match"),
    ],
)
def test_refusals_say_why(schema: Schema, scheme: str, value: str, reason: str) -> None:
    with pytest.raises(IdentifierError, match=reason) as caught:
        check(schema.schemes[scheme], value)
    assert caught.value.remedy
    assert caught.value.field == scheme
    assert caught.value.value == value


def test_a_body_that_does_not_fit(schema: Schema) -> None:
    with pytest.raises(IdentifierError, match="has 8 characters, not 2"):
        check_character(schema.schemes["organisationCode"], "MA")
    with pytest.raises(IdentifierError, match="does not occur"):
        check_character(schema.schemes["uscc"], "I" * 17)
    with pytest.raises(SchemaError, match="no check character"):
        check_character(schema.schemes["adcode"], "31011")


def test_every_scheme_holds_for_its_example(schema: Schema) -> None:
    for scheme in schema.schemes.values():
        assert scheme.example
        check(scheme, scheme.example)
        assert scheme.owner


def test_a_pattern_wider_than_the_tables(schema: Schema) -> None:
    wide = Scheme("wide", "", schema.schemes["uscc"].label, ".+", "01", (1, 1), 2, "01")
    check(wide, "110")
    for value in ("11", "1100", "12x"):
        with pytest.raises(IdentifierError):
            check(wide, value)
