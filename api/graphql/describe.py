"""Descriptions of generated types and fields, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kg.schema.types import Label, Property


def describe(label: Label, definition: Label, *more: str) -> str:
    """Label and definition in English, then in Chinese."""
    parts = []
    for language, colon in (("en", ": "), ("zh", "：")):
        texts = [getattr(label, language), getattr(definition, language)]
        parts.append(colon.join(t for t in texts if t))
    return "\n\n".join(p for p in (*parts, *more) if p)


def property_notes(prop: Property) -> list[str]:
    notes = []
    if prop.unit:
        notes.append(f"Unit 单位: {prop.unit}")
    if prop.scheme:
        notes.append(f"Identifier scheme 标识体系: {prop.scheme}")
    if prop.sensitivity:
        notes.append(f"Read from level 密级 {prop.sensitivity} upward.")
    return notes
