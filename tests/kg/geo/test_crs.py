import pyproj
import pytest

from kg.errors import ValidationError
from kg.geo.crs import ZONES, crs, lon_lat, parse_code, transformer, zone_for


def test_the_zones_are_what_epsg_says() -> None:
    assert sorted(ZONES) == list(range(4491, 4555))
    for code, zone in ZONES.items():
        found = pyproj.CRS.from_epsg(code)
        assert found.coordinate_operation is not None
        facts: dict[str, object] = {p.name: p.value for p in found.coordinate_operation.params}
        assert facts["Longitude of natural origin"] == zone.central_meridian
        assert facts["False easting"] == zone.false_easting
        assert found.name.startswith("CGCS2000 / 3-degree") == (zone.width == 3)
        assert ("zone" in found.name) == zone.prefixed
        if zone.prefixed:
            assert found.name.endswith(f"zone {zone.number}")
        assert [axis.direction for axis in crs(code).axes] == ["north", "east"]


def test_positions_come_back_through_a_zone() -> None:
    for code in (4490, 4509, 4549, 4528, 3857):
        there = transformer(4326, code).transform(31.23, 121.47)
        assert lon_lat(code, [there])[0] == pytest.approx((121.47, 31.23), abs=1e-9)
    northing, easting = transformer(4326, 4549).transform(31.23, 121.47)
    assert lon_lat(4549, [(easting, northing)], easting_first=True)[0] == pytest.approx((121.47, 31.23), abs=1e-9)
    assert lon_lat(4326, [(121.47, 31.23)], easting_first=True)[0] == pytest.approx((121.47, 31.23), abs=1e-12)


def test_mistaken_zones_are_named() -> None:
    northing, easting = transformer(4326, 4528).transform(31.23, 120.2)
    with pytest.raises(ValidationError, match="use EPSG:4528"):
        lon_lat(4549, [(northing, easting)])
    with pytest.raises(ValidationError, match="use EPSG:4549"):
        lon_lat(4528, [(northing, easting - 40_000_000)])
    with pytest.raises(ValidationError, match="axes look swapped"):
        lon_lat(4549, [(500_000.0, 3_456_789.0)])
    with pytest.raises(ValidationError, match="outside EPSG:4490"):
        lon_lat(4490, [(121.47, 31.23)])


def test_zone_for() -> None:
    assert zone_for(121.47).code == 4549 + (121.47 >= 121.5)
    assert zone_for(121.5).central_meridian == 123.0
    assert zone_for(121.47, width=6, prefixed=True).number == 21
    with pytest.raises(ValidationError):
        zone_for(0.0)


@pytest.mark.parametrize(
    "text",
    ["4490", "EPSG:4490", "epsg:4490", "urn:ogc:def:crs:EPSG::4490", "http://www.opengis.net/def/crs/EPSG/0/4490"],
)
def test_codes_are_read(text: str) -> None:
    assert parse_code(text) == 4490


def test_unknown_codes_are_refused_with_suggestions() -> None:
    with pytest.raises(ValidationError, match="EPSG:4490"):
        parse_code("CGCS 2000")
    with pytest.raises(ValidationError, match="Similar codes"):
        crs(45491)
    with pytest.raises(ValidationError):
        transformer(4326, 99999)
