"""Small drawings as SVG: a source's months, and an entity's versions on two clocks. Colours are the style sheet's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.page.history import Version
    from api.page.voice import Voice

_SHADES: Final = 6
_LEFT: Final = 96
_TOP: Final = 26
_ROW: Final = 26
_WIDTH: Final = 1200
_MOST: Final = 16


def sparkline(figures: Sequence[int], label: str) -> Markup:
    """A bar for each figure, scaled to the largest by its square root, so that a few stay visible beside many."""
    top = max(figures, default=0) ** 0.5 or 1.0
    drawn = ""
    for i, figure in enumerate(figures):
        height = round(max(2.0, 18 * figure**0.5 / top), 1)
        drawn += f"M{i * 5} 20v-{height}h4v{height}z" if figure else ""
    width = len(figures) * 5 - 1
    return Markup(
        '<svg class="spark" viewBox="0 0 {} 20" role="img" aria-label="{}"><path class="none" d="M0 19h{}v1H0z"/>'
        '<path class="some" d="{}"/></svg>'
    ).format(width, label, width, drawn)


def bar(share: float) -> Markup:
    """How large against the largest."""
    return Markup(
        '<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="ground" width="100" height="6"/><rect class="some" width="{}" height="6"/></svg>'
    ).format(round(max(share * 100, 0.6), 2))


def clocks(versions: Sequence[Version], voice: Voice, label: str) -> Markup | None:
    """Each version as a box: valid time to the right, system time downward, a step for each instant that occurs.

    None where there is nothing to compare, or more instants than can be told apart.
    """
    bounds = {at for one in versions for at in (one.valid_from, one.valid_to) if at is not None}
    learned = sorted({at for one in versions for at in (one.known_from, one.known_to) if at is not None})
    columns = [None, *sorted(bounds)] if any(one.valid_from is None for one in versions) else sorted(bounds)
    if len(versions) < 2 or len(columns) > _MOST or len(learned) > _MOST:
        return None
    step = (_WIDTH - _LEFT - 8) / len(columns)
    height = _TOP + _ROW * len(learned) + 4

    def x(at: str | None, *, end: bool) -> float:
        if at is None:
            return _WIDTH - 8 if end else _LEFT
        return _LEFT + step * columns.index(at)

    def y(at: str | None) -> float:
        return _TOP + _ROW * (len(learned) if at is None else learned.index(at))

    parts = [
        Markup('<text class="tick" x="{}" y="16">{}</text>').format(
            round(_LEFT + step * i, 1), "…" if at is None else voice.day(at)
        )
        for i, at in enumerate(columns)
    ]
    ruled = Markup('<line class="rule" x1="0" x2="{}" y1="{}" y2="{}"/><text class="tick" x="0" y="{}">{}</text>')
    parts += [ruled.format(_WIDTH, y(at), y(at), y(at) + 17, voice.day(at)) for at in learned]
    for one in versions:
        left, right = x(one.valid_from, end=False), x(one.valid_to, end=True)
        upper, lower = y(one.known_from), y(one.known_to)
        kind = "now" if one.known_to is None else "past"
        title = f"{voice.interval(one.valid_from, one.valid_to)} · {voice.day(one.known_from)}"
        parts.append(
            Markup(
                '<a href="{}"><rect class="box {} shade{}" x="{}" y="{}" width="{}" height="{}" rx="3">'
                "<title>{}</title></rect></a>"
            ).format(
                one.href, kind, one.shade % _SHADES, round(left + 1, 1), upper + 1, round(right - left - 2, 1),
                lower - upper - 2, title,
            )
        )  # fmt: skip
    return Markup('<svg class="clocks" viewBox="0 0 {} {}" role="group" aria-label="{}">{}</svg>').format(
        _WIDTH, height, label, Markup("").join(parts)
    )
