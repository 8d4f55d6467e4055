"""Minted ids: opaque, stable, and apart from one another."""

from kg.model.changes import RecordKey
from kg.model.ids import edge_id, entity_id, line_id


def test_ids_tell_their_parts_apart() -> None:
    seen = {
        entity_id("identifier", "uscc", "1"), entity_id("identifier", "usc", "c1"), entity_id("record", "uscc", "1"),
        entity_id("record", "uscc", "1", "1"),
    }  # fmt: skip
    assert len(seen) == 4
    assert all(len(one) == 24 and one.isascii() for one in seen)


def test_lines_and_edges_follow_their_key() -> None:
    a, b = RecordKey("s", "1"), RecordKey("s", "2")
    lines = {
        line_id("s", "r", a, b, {}, {}), line_id("s", "r", b, a, {}, {}), line_id("t", "r", a, b, {}, {}),
        line_id("s", "r", a, b, {"k": 1}, {}), line_id("s", "r", a, b, {}, {"k": a}),
    }  # fmt: skip
    assert len(lines) == 5
    assert edge_id("r", "x", "y", {"a": 1, "b": 2}) == edge_id("r", "x", "y", {"b": 2, "a": 1})
    assert edge_id("r", "x", "y", {"a": 1}) != edge_id("r", "x", "y", {"a": "1"})
