import json
import math

import orjson
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import ValidationError
from kg.geo import geometry as g

lons = st.floats(-180, 180)
lats = st.floats(-90, 90)
SQUARE = g.canonical({"type": "Polygon", "coordinates": [[[121, 31], [121, 32], [122, 32], [122, 31]]]})
LINE = g.canonical('{"type":"LineString","coordinates":[[121,31],[122,31]]}')


@given(lons, lats)
def test_a_point_is_canonical_and_read_without_a_parser(lon: float, lat: float) -> None:
    text = g.point(lon, lat)
    assert g.canonical(text) == text
    assert g.canonical(orjson.loads(text)) == text
    x, y = json.loads(text)["coordinates"]
    assert g.point_of(text) == (x, y)
    assert abs(x - lon) <= 5.1e-10
    assert g.bounds(text) == (x, y, x, y)


def test_rings_are_closed_and_turned() -> None:
    ring = json.loads(SQUARE)["coordinates"][0]
    assert ring == [[121, 31], [122, 31], [122, 32], [121, 32], [121, 31]]
    holed = {
        "type": "Polygon",
        "coordinates": [ring, [[121.2, 31.2], [121.4, 31.2], [121.4, 31.4], [121.2, 31.4], [121.2, 31.2]]],
    }
    text = g.canonical(holed)
    outer, hole = json.loads(text)["coordinates"]
    assert shapely.LinearRing(outer).is_ccw
    assert not shapely.LinearRing(hole).is_ccw
    assert g.canonical(text) == text
    assert not g.within(g.point(121.3, 31.3), text)
    assert g.area_m2(text) < g.area_m2(SQUARE)


def test_keys_order_repeats_and_heights() -> None:
    text = g.canonical({"coordinates": [[1, 2, 3], [1, 2, 3], [2, 3, -0.0]], "type": "LineString"})
    assert text == '{"type":"LineString","coordinates":[[1.0,2.0,3.0],[2.0,3.0,0.0]]}'
    high = g.canonical({"type": "Point", "coordinates": [121, 31, 12.5]})
    assert g.point_of(high) == (121.0, 31.0)
    assert g.distance_m(high, 121, 31) == 0.0


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"type": "Point", "coordinates": [31.2, 121.5]}, "write [121.5, 31.2]"),
        ({"type": "Point", "coordinates": [float("nan"), 1]}, "no finite number"),
        ({"type": "Point", "coordinates": [1, 2, float("inf")]}, "out of range"),
        ({"type": "Point", "coordinates": [40500123.1, 3456789.0]}, "EPSG"),
        ({"type": "Point", "coordinates": [181, 12]}, "-180..180"),
        ({"type": "Point", "coordinates": [1]}, "two or three numbers"),
        ({"type": "Point", "coordinates": [True, 1]}, "two or three numbers"),
        ({"type": "Point", "coordinates": ["1", 1]}, "two or three numbers"),
        ({"type": "LineString", "coordinates": []}, "empty"),
        ({"type": "LineString", "coordinates": [[1, 1], [1, 1]]}, "two different"),
        ({"type": "LineString", "coordinates": [[1, 1], [1, 1, 2]]}, "height"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]]}, "no area"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 3]]]}, "Self-intersection"),
        ({"type": "Feature", "geometry": {}}, "geometry of the feature"),
        ({"type": "GeometryCollection", "geometries": []}, "one entity for each part"),
        ({"type": "point", "coordinates": [1, 2]}, "MultiPolygon"),
        ({"type": "Point", "coordinates": [1, 2], "crs": {"properties": {"name": "EPSG:4490"}}}, "WGS 84"),
        ("{", "no JSON"),
        ("[1]", "JSON object"),
    ],
)
def test_what_is_no_geometry_is_refused_with_a_remedy(value: object, says: str) -> None:
    with pytest.raises(ValidationError) as caught:
        g.canonical(value)  # type: ignore[arg-type]
    assert says in str(caught.value)
    assert caught.value.remedy


def test_distance_is_haversine_on_the_mean_sphere() -> None:
    quarter = math.pi / 2 * g.EARTH_RADIUS_M
    assert g.distance_m(g.point(0, 0), 90, 0) == g.round_mm(quarter)
    assert g.distance_m(g.point(0, 90), 33, 0) == g.round_mm(quarter)
    assert g.distance_m(g.point(179.5, 0), -179.5, 0) == g.round_mm(math.radians(1) * g.EARTH_RADIUS_M)
    assert g.round_mm(0.0005) == 0.001
    assert g.distance_m(g.point(121.47, 31.23), 121.47, 31.23) == 0.0


def test_distance_to_lines_and_polygons_is_from_the_nearest_point() -> None:
    assert g.distance_m(SQUARE, 121.5, 31.5) == 0.0
    assert g.distance_m(SQUARE, 121, 31.5) == 0.0
    assert g.distance_m(LINE, 120.5, 31) == g.distance_m(g.point(121, 31), 120.5, 31)
    # The nearest point of a side is not at the same longitude on a sphere, but close to it.
    straight = g.haversine_m(121.5, 31.0, 121.5, 30.9)
    assert straight - 5 < g.distance_m(LINE, 121.5, 30.9) <= straight


@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5))
def test_no_point_of_a_side_is_nearer(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> None:
    if math.hypot(ax - bx, ay - by) < 1e-3:
        return
    line = g.canonical({"type": "LineString", "coordinates": [[x + ax, y + ay], [x + bx, y + by]]})
    (x1, y1), (x2, y2) = json.loads(line)["coordinates"]
    sampled = min(g.haversine_m(x1 + (x2 - x1) * i / 400, y1 + (y2 - y1) * i / 400, x, y) for i in range(401))
    found = g.distance_m(line, x, y)
    assert found <= sampled + 0.001
    assert found >= sampled - g.haversine_m(x1, y1, x2, y2) / 200


def test_areas_and_lengths_are_geodesic() -> None:
    # A degree of longitude on the WGS 84 equator, and the published area of the ellipsoid over an octant.
    equator = g.canonical({"type": "LineString", "coordinates": [[0, 0], [1, 0]]})
    assert g.length_m(equator) == pytest.approx(6378137 * math.pi / 180, abs=0.001)
    octant = g.canonical({"type": "Polygon", "coordinates": [[[0, 0], [90, 0], [0, 90]]]})
    assert g.area_m2(octant) == pytest.approx(510_065_621_724_089 / 8, rel=1e-12)
    assert g.area_m2(LINE) == 0.0
    assert g.length_m(g.point(1, 1)) == 0.0
    two = g.canonical({"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 0], [0, 1]]], [[[5, 0], [6, 0], [5, 1]]]]})
    one = g.canonical({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1]]]})
    assert g.area_m2(two) == pytest.approx(2 * g.area_m2(one), rel=1e-9)
    assert g.length_m(two) == pytest.approx(2 * g.length_m(one), abs=0.002)


def test_predicates_count_the_border() -> None:
    assert g.within(g.point(121, 31), SQUARE)
    assert g.intersects(g.point(122, 31.5), SQUARE)
    assert not g.within(g.point(122.000000001, 31.5), SQUARE)
    assert g.within(LINE, SQUARE)
    wide = g.canonical({"type": "LineString", "coordinates": [[120, 31.5], [121.5, 31.5]]})
    assert g.intersects(wide, SQUARE)
    assert not g.within(wide, SQUARE)
    assert g.within(SQUARE, SQUARE)


@given(lons, lats)
def test_points_take_the_same_answer_on_the_fast_path(lon: float, lat: float) -> None:
    text = g.point(lon, lat)
    multi = text.replace('"Point"', '"MultiPoint"').replace('":[', '":[[').replace("]}", "]]}")
    big = g.canonical({"type": "Polygon", "coordinates": [[[-90, -45], [90, -45], [90, 45], [-90, 45]]]})
    assert g.within(text, big) == g.within(multi, big)
    assert g.intersects(text, big) == g.intersects(multi, big)
    assert g.distance_m(text, 10, 10) == g.distance_m(multi, 10, 10)
    assert g.bounds(text) == g.bounds(multi)


def test_boxes() -> None:
    assert g.meets_bbox(SQUARE, g.parse_bbox("[121.9, 31.9, 123, 33]"))
    assert not g.meets_bbox(SQUARE, g.parse_bbox("[122.1,31,123,33]"))
    pacific = g.parse_bbox("[170,-10,-170,10]")
    assert g.meets_bbox(g.point(175, 0), pacific)
    assert g.meets_bbox(g.point(-175, 0), pacific)
    assert not g.meets_bbox(g.point(0, 0), pacific)
    for bad in ("[1,2,3]", "{}", "[1,3,2,2]", "[31,121,32,122]", "x", '["a",1,2,3]'):
        with pytest.raises(ValidationError):
            g.parse_bbox(bad)


def test_a_representative_point_lies_on_the_geometry() -> None:
    for text in (SQUARE, LINE):
        assert g.intersects(g.point(*g.point_of(text)), text)
    assert g.geometry_type(SQUARE) == "Polygon"
