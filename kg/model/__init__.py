"""Entities, claims, the two clocks and the level axis: values and pure functions."""
