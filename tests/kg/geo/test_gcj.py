import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.geo.gcj import (
    bd09_to_gcj02,
    bd09_to_wgs84,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    has_offset,
    wgs84_to_bd09,
    wgs84_to_gcj02,
)
from kg.geo.geometry import haversine_m

# Inside the rectangle by more than any offset.
lons = st.floats(72.02, 137.8)
lats = st.floats(0.85, 55.8)


@given(lons, lats)
def test_every_offset_has_its_inverse(lon: float, lat: float) -> None:
    assert gcj02_to_wgs84(*wgs84_to_gcj02(lon, lat)) == pytest.approx((lon, lat), abs=1e-10)
    assert bd09_to_gcj02(*gcj02_to_bd09(lon, lat)) == pytest.approx((lon, lat), abs=1e-10)
    assert bd09_to_wgs84(*wgs84_to_bd09(lon, lat)) == pytest.approx((lon, lat), abs=2e-10)


@given(lons, lats)
def test_the_offset_is_hundreds_of_metres(lon: float, lat: float) -> None:
    there = wgs84_to_gcj02(lon, lat)
    assert 0 < haversine_m(lon, lat, *there) < 2500


def test_a_known_position() -> None:
    # Tiananmen: WGS 84 to GCJ-02 and on to BD-09, as the published formulas give them.
    gcj = wgs84_to_gcj02(116.397428, 39.90923)
    assert gcj == pytest.approx((116.403671, 39.910633), abs=2e-5)
    assert gcj02_to_bd09(116.404, 39.915) == pytest.approx((116.41036949371029, 39.92133699351021), abs=1e-12)


@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (-73.9, 40.7), (151.2, -33.9)])
def test_nothing_moves_outside(lon: float, lat: float) -> None:
    assert not has_offset(lon, lat)
    assert wgs84_to_gcj02(lon, lat) == (lon, lat)
    assert gcj02_to_wgs84(lon, lat) == (lon, lat)
