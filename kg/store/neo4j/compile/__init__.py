"""Queries → Cypher statements, and their rows → the answer."""
