"""The formats that can be loaded. A format is one entry here, one module beside it, and its row in docs/loading.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kg.errors import LoadError
from loaders.csv import open_csv
from loaders.excel import open_excel
from loaders.geojson import open_geojson
from loaders.geopackage import open_geopackage
from loaders.jsonl import open_jsonl
from loaders.shapefile import open_shapefile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kg.model.records import Table


@dataclass(frozen=True, slots=True)
class OpenOptions:
    """What a caller may say of a source rather than have it found out; "" is not said."""

    encoding: str = ""
    separator: str = ""
    layer: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """A format by its name and the endings of its files, in lower case with their dot."""

    name: str
    endings: tuple[str, ...]
    about: str
    open: Callable[[Path, OpenOptions], Table]


FORMATS: tuple[Format, ...] = (
    Format(
        "csv", (".csv", ".txt"), "delimited text with a line of column names",
        lambda path, o: open_csv(path, encoding=o.encoding, separator=o.separator),
    ),
    Format(
        "tsv", (".tsv", ".tab"), "the same, separated by tabs",
        lambda path, o: open_csv(path, encoding=o.encoding, separator=o.separator or "\t", name="tsv"),
    ),
    Format(
        "excel", (".xlsx", ".xlsm"), "a sheet of a workbook; --layer names one",
        lambda path, o: open_excel(path, layer=o.layer),
    ),
    Format(
        "jsonl", (".jsonl", ".ndjson"), "a JSON object on each line",
        lambda path, o: open_jsonl(path, encoding=o.encoding),
    ),
    Format(
        "geojson", (".geojson", ".json"), "a FeatureCollection of GeoJSON",
        lambda path, o: open_geojson(path, encoding=o.encoding),
    ),
    Format(
        "shapefile", (".shp", ".zip"), "a shapefile with its companions, or a zip of one",
        lambda path, o: open_shapefile(path, encoding=o.encoding),
    ),
    Format(
        "geopackage", (".gpkg",), "a layer of features of a GeoPackage",
        lambda path, o: open_geopackage(path, layer=o.layer),
    ),
)  # fmt: skip


def format_of(path: Path, name: str = "") -> Format:
    """The format by its name, else by the file's ending. LoadError for one that is not known."""
    if name:
        found = next((f for f in FORMATS if f.name == name), None)
    else:
        found = next((f for f in FORMATS if path.name.lower().endswith(f.endings)), None)
    if found is None:
        known = ", ".join(f"{f.name} ({' '.join(f.endings)})" for f in FORMATS)
        raise LoadError(
            "The format is not known", where=str(path), field="format", value=name or path.suffix,
            remedy=f"Say it with --format: {known}.",
        )  # fmt: skip
    return found


def open_table(path: Path, options: OpenOptions | None = None, *, format_name: str = "") -> Table:
    """Open a source. LoadError where it cannot be read at all; bad rows come among the rows."""
    if not path.is_file():
        raise LoadError(
            "There is no such file" if not path.exists() else "This is a folder, not a file", where=str(path),
            remedy="Check the path.",
        )  # fmt: skip
    return format_of(path, format_name).open(path, options or OpenOptions())
