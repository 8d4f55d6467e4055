import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import ValidationError
from kg.geo.beidou import LENGTHS, LEVELS, decode, encode, grid_of

lons = st.floats(-180, 180)
lats = st.floats(-87.99, 87.99)
levels = st.integers(1, LEVELS)


def test_a_worked_position_level_by_level() -> None:
    # 116°18'45.37"E 39°59'35.38"N, worked by hand from the divisions of the standard (and by two other codecs).
    lon, lat = 116 + 18 / 60 + 45.37 / 3600, 39 + 59 / 60 + 35.38 / 3600
    codes = [encode(lon, lat, level) for level in range(1, 10)]
    assert codes == [
        "N50J",
        "N50J47",
        "N50J475",
        "N50J47539",
        "N50J47539B8",
        "N50J47539B82",
        "N50J47539B8255",
        "N50J47539B825534",
        "N50J47539B82553461",
    ]
    cell = decode("N50J47539B8")
    assert cell.east - cell.west == pytest.approx(4 / 3600)
    assert cell.north - cell.south == pytest.approx(4 / 3600)
    assert cell.level == 5


@given(lons, lats, levels)
def test_a_code_decodes_to_a_cell_that_holds_the_position(lon: float, lat: float, level: int) -> None:
    code = encode(lon, lat, level)
    cell = decode(code)
    assert len(code) == LENGTHS[level - 1]
    assert cell.level == level
    assert cell.west - 1e-9 <= lon <= cell.east + 1e-9
    assert cell.south - 1e-9 <= lat <= cell.north + 1e-9
    assert encode(*cell.centre, level) == code


@given(lons, lats, levels, levels)
def test_a_prefix_is_the_cell_around(lon: float, lat: float, one: int, other: int) -> None:
    low, high = sorted((one, other))
    outer, inner = encode(lon, lat, low), encode(lon, lat, high)
    assert inner.startswith(outer)
    around, cell = decode(outer), decode(inner)
    assert around.west <= cell.west
    assert around.south <= cell.south
    assert around.east >= cell.east
    assert around.north >= cell.north


@given(lons.filter(lambda x: 1e-8 < abs(x) < 180), lats.filter(lambda y: abs(y) > 1e-8), levels)
def test_hemispheres_mirror_each_other_from_level_2(lon: float, lat: float, level: int) -> None:
    assert encode(lon, lat, level)[4:] == encode(-lon, -lat, level)[4:]


def test_zones_and_bands() -> None:
    assert encode(0, 0, 1) == "N31A"
    assert encode(-1, -1, 1) == "S30A"
    assert encode(-180, 87, 1) == "N01V"
    assert encode(180, 0, 1) == "N60A"
    assert grid_of(0, 88, 1) is None


@pytest.mark.parametrize(
    "code", ["", "N50", "X50J", "N61J", "N00A", "N50W", "N50JC0", "N50J08", "N50J476", "N50J4", "N50J475FF"]
)
def test_wrong_codes_are_refused(code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        decode(code)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("lon", "lat", "level"), [(0, 88, 1), (181, 0, 1), (0, 0, 0), (0, 0, 11), (float("nan"), 0, 1)]
)
def test_positions_outside_are_refused(lon: float, lat: float, level: int) -> None:
    with pytest.raises(ValidationError):
        encode(lon, lat, level)
