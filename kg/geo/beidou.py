"""BeiDou grid location codes in two dimensions (GB/T 39409-2020).

Ten levels, each dividing the cells of the one above; a code is a prefix of the codes of all cells inside it. Level 1 is
the hemisphere, the zone of 6 degrees (01 from 180 W) and the band of 4 degrees (A at the equator), as on the
1:1 000 000 map: `N50J`. From level 2 on, cells are counted from the corner nearest to 0 N 0 E, so that the four
hemispheres mirror each other. Levels 3 and 6 are one digit, row by row from that corner (2 columns); all others are a
column and a row. Beyond 88 degrees the standard has a polar grid of its own, which is not offered here.
Coordinates are longitude and latitude in degrees on CGCS2000, which WGS 84 equals within its own accuracy.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from kg.errors import ValidationError

LEVELS = 10
LATITUDE_LIMIT = 88.0

_UNITS = 3600 * 2048  # a degree in units of level 10, 1/2048 second
_NANO = 10**9  # coordinates are taken to 9 decimals, so that integers decide on which side of a border they lie
_DIGITS = "0123456789ABCDE"
_BANDS = "ABCDEFGHIJKLMNOPQRSTUV"
# Columns and rows into which a cell of the level above is divided, from level 2.
_DIVISIONS = ((12, 8), (2, 3), (15, 10), (15, 15), (2, 2), (8, 8), (8, 8), (8, 8), (8, 8))
_ONE_DIGIT = (3, 6)


def _sizes() -> tuple[tuple[int, int], ...]:
    out = [(6 * _UNITS, 4 * _UNITS)]
    for columns, rows in _DIVISIONS:
        out.append((out[-1][0] // columns, out[-1][1] // rows))
    return tuple(out)


_SIZES = _sizes()  # of a cell of each level, in units
_WIDTHS = tuple(1 if level in _ONE_DIGIT else 2 for level in range(2, LEVELS + 1))
LENGTHS = tuple(4 + sum(_WIDTHS[:level]) for level in range(LEVELS))
"""Characters of a code of level 1, 2, …"""


class Cell(NamedTuple):
    """A decoded cell: its box in degrees, and its level."""

    west: float
    south: float
    east: float
    north: float
    level: int

    @property
    def centre(self) -> tuple[float, float]:
        """(longitude, latitude)"""
        return (self.west + self.east) / 2.0, (self.south + self.north) / 2.0


def encode(lon: float, lat: float, level: int) -> str:
    """The code of the cell that holds a position.

    A position on a border belongs to the cell further from 0 N 0 E; 180 degrees to the last zone. ValidationError
    beyond 88 degrees of latitude, out of range, or for a level outside 1..10.
    """
    if not 1 <= level <= LEVELS:
        raise ValidationError("No such grid level", field="level", value=level, remedy=f"Levels are 1 to {LEVELS}.")
    if not (-180.0 <= lon <= 180.0 and -LATITUDE_LIMIT < lat < LATITUDE_LIMIT):
        raise ValidationError(
            "The position is outside the grid",
            value=(lon, lat),
            remedy="Give longitude, latitude in degrees, with latitude in -88..88: the polar grid is not offered.",
        )
    east, north = lon >= 0, lat >= 0
    x = min(abs(round(lon * _NANO)) * _UNITS // _NANO, 180 * _UNITS - 1)
    y = abs(round(lat * _NANO)) * _UNITS // _NANO
    (width, height) = _SIZES[0]
    column, row = x // width, y // height
    zone = 31 + column if east else 30 - column
    out = [f"{'N' if north else 'S'}{zone:02d}{_BANDS[row]}"]
    for below in range(2, level + 1):
        x, y = x - column * width, y - row * height
        width, height = _SIZES[below - 1]
        column, row = x // width, y // height
        out.append(str(row * 2 + column) if below in _ONE_DIGIT else _DIGITS[column] + _DIGITS[row])
    return "".join(out)


def grid_of(lon: float, lat: float, level: int) -> str | None:
    """`encode`, but None where the grid does not reach."""
    return encode(lon, lat, level) if abs(lat) < LATITUDE_LIMIT else None


def decode(code: str) -> Cell:
    """The cell of a code of any level. ValidationError names the part that is wrong."""
    level = LENGTHS.index(len(code)) + 1 if len(code) in LENGTHS else 0
    head = re.fullmatch(r"([NS])(\d\d)([A-V])", code[:4])
    if not level or not head or not 1 <= int(head[2]) <= 60:
        raise ValidationError(
            "Not a BeiDou grid code",
            value=code,
            remedy=f"It begins like N50J (hemisphere, zone 01-60, band A-V) and has one of {LENGTHS} characters.",
        )
    zone = int(head[2])
    east, north = zone >= 31, head[1] == "N"
    width, height = _SIZES[0]
    x, y = (zone - 31 if east else 30 - zone) * width, _BANDS.index(head[3]) * height
    at = 4
    for below in range(2, level + 1):
        part = code[at : at + _WIDTHS[below - 2]]
        column, row = _place(part, below, code)
        width, height = _SIZES[below - 1]
        x, y, at = x + column * width, y + row * height, at + len(part)
    near_x, far_x, near_y, far_y = (n / _UNITS for n in (x, x + width, y, y + height))
    west, right = (near_x, far_x) if east else (-far_x, -near_x)
    south, top = (near_y, far_y) if north else (-far_y, -near_y)
    return Cell(west + 0.0, south + 0.0, right + 0.0, top + 0.0, level)


def _place(part: str, level: int, code: str) -> tuple[int, int]:
    columns, rows = _DIVISIONS[level - 2]
    digits = [_DIGITS.find(c) for c in part]
    if level in _ONE_DIGIT:
        row, column = divmod(digits[0], 2)
    else:
        column, row = digits
    if min(digits) < 0 or column >= columns or row >= rows:
        raise ValidationError(
            f"Level {level} of the grid code is wrong: {part!r}",
            value=code,
            remedy=f"It counts {columns} columns and {rows} rows from 0, with A-E for 10-14.",
        )
    return column, row
