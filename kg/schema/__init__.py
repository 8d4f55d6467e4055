"""Turtle and SHACL read once into a frozen `Schema`."""
