"""Geometry, reference systems, map offsets and grid codes: pure functions on GeoJSON text and numbers."""
