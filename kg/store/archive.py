"""Backups that any store reads: a zip of JSON Lines, one member a kind of row, with a manifest.

`manifest.json` holds the format, the schema's hash, how many rows each member has and its SHA-256. Rows are lists in
the order of their dataclass's fields; versions, claims and the like stand in the order of their system instants.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import orjson

from kg.errors import StoreCorrupt, StoreError
from kg.model.changes import Clipped, Receipt, RecordKey, Rejection, Source
from kg.model.intervals import Interval
from kg.model.rows import ClaimRow, EdgeRow, IdentifierRow, RecordRow, RelationClaimRow, VersionRow
from kg.schema import serialise
from kg.store.tables import Tables, TxRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from kg.schema.types import Schema

FORMAT = 1
ROWS: dict[str, type[Any]] = {
    "records": RecordRow,
    "claims": ClaimRow,
    "versions": VersionRow,
    "relation_claims": RelationClaimRow,
    "edges": EdgeRow,
    "identifiers": IdentifierRow,
    "tx": TxRow,
}
_STAMP = (1980, 1, 1, 0, 0, 0)  # equal stores give equal bytes

T = TypeVar("T")


class Archived(Protocol):
    """What is written: `kg.store.tables.Tables`, or something that reads its rows from a file as they are asked for.

    Collections of rows may be mappings by row id. Each is gone through once.
    """

    pruned_before: int

    @property
    def sources(self) -> Any: ...
    @property
    def records(self) -> Any: ...
    @property
    def claims(self) -> Any: ...
    @property
    def versions(self) -> Any: ...
    @property
    def relation_claims(self) -> Any: ...
    @property
    def edges(self) -> Any: ...
    @property
    def identifiers(self) -> Any: ...
    @property
    def tx(self) -> Any: ...
    @property
    def affirmed(self) -> Any:
        """(relation?, claim's row id) → runs"""
        ...

    @property
    def erased(self) -> Any: ...
    @property
    def earlier(self) -> Any:
        """Schemas before the one that the rows fit, oldest first: they say what values without a property are."""
        ...


def write_archive(path: Path, schema: Schema, rows: Archived) -> None:
    """Write everything to a new file. StoreError where it cannot be written."""
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            members: dict[str, dict[str, object]] = {}

            def put(name: str, lines: Iterable[bytes]) -> None:
                digest, count = hashlib.sha256(), 0
                with archive.open(zipfile.ZipInfo(name, _STAMP), "w", force_zip64=True) as member:
                    for line in lines:
                        digest.update(line)
                        member.write(line)
                        count += 1
                members[name] = {"rows": count, "sha256": digest.hexdigest()}

            put("schema.json", [serialise.to_json(schema).encode()])
            put("earlier.jsonl", (f"{serialise.to_json(one)}\n".encode() for one in rows.earlier))
            put("sources.jsonl", (_line(asdict(source)) for source in _values(rows.sources)))
            for kind in ROWS:
                put(f"{kind}.jsonl", (_line(_row(row)) for row in _ordered(kind, getattr(rows, kind))))
            put("affirmed.jsonl", (_line([rel, row, list(runs)]) for (rel, row), runs in sorted(rows.affirmed.items())))
            put("erased.jsonl", (_line(entry) for entry in rows.erased))
            manifest = {
                "format": FORMAT, "schema": schema.hash, "pruned_before": rows.pruned_before, "members": members,
            }  # fmt: skip
            archive.writestr(zipfile.ZipInfo("manifest.json", _STAMP), orjson.dumps(manifest))
    except OSError as error:
        raise StoreError(
            f"The backup cannot be written: {error}",
            where=str(path),
            remedy="Give a path that can be written, with room.",
        ) from error


def _values(rows: Any) -> Iterable[Any]:
    return rows.values() if isinstance(rows, Mapping) else rows


def _ordered(kind: str, rows: Any) -> Iterable[Any]:
    if not isinstance(rows, Mapping):
        return rows  # type: ignore[no-any-return]  # a file gives them in order
    assert kind != "tx"
    return sorted(rows.values(), key=lambda row: (row.system_from, row.row))


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, tuple) or not is_dataclass(value) else _row(value)


def _row(row: Any) -> list[Any]:
    return [_cell(getattr(row, f.name)) for f in fields(row)]


def _cell(value: Any) -> Any:
    if isinstance(value, RecordKey):
        return [value.source, value.local]
    if isinstance(value, Receipt):
        return asdict(value)
    if isinstance(value, Mapping):
        return {name: _cell(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


# ---------------------------------------------------------------- reading


class Archive:
    """An archive opened for reading, its checksums verified as members are read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
            self.manifest: dict[str, Any] = orjson.loads(self._zip.read("manifest.json"))
        except FileNotFoundError as error:
            raise StoreError("The backup is not there", where=str(path), remedy="Give the path of a backup.") from error
        except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise StoreCorrupt(
                f"The file is no backup of Jingwei, or it is damaged: {error}", where=str(path),
                remedy="Take another backup.",
            ) from error  # fmt: skip
        if self.manifest.get("format") != FORMAT:
            raise StoreError(
                f"The backup has format {self.manifest.get('format')}, this version reads {FORMAT}", where=str(path),
                remedy="Use the version of Jingwei that wrote it.",
            )  # fmt: skip
        self.schema = serialise.from_json(b"".join(self._lines("schema.json")))
        self.pruned_before: int = self.manifest["pruned_before"]

    def _lines(self, name: str) -> Iterator[bytes]:
        digest, known = hashlib.sha256(), self.manifest["members"].get(name, {})
        try:
            with self._zip.open(name) as member:
                for line in member:
                    digest.update(line)
                    yield line
        except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise StoreCorrupt(
                f"{name} cannot be read: {error}", where=str(self.path), remedy="Take another backup."
            ) from error
        if digest.hexdigest() != known.get("sha256"):
            raise StoreCorrupt(f"{name} was altered", where=str(self.path), remedy="Take another backup.")

    def earlier(self) -> Iterator[Schema]:
        return map(serialise.from_json, self._lines("earlier.jsonl"))

    def sources(self) -> Iterator[Source]:
        for line in self._lines("sources.jsonl"):
            yield Source(**orjson.loads(line))

    def rows(self, kind: str) -> Iterator[Any]:
        """Rows of one of `ROWS`, in the order of their system instants."""
        make = _MAKERS.get(kind, _plain_row)
        cls = ROWS[kind]
        for line in self._lines(f"{kind}.jsonl"):
            yield make(cls, orjson.loads(line))

    def affirmed(self) -> Iterator[tuple[bool, int, list[str]]]:
        for line in self._lines("affirmed.jsonl"):
            relation, row, runs = orjson.loads(line)
            yield bool(relation), row, runs

    def erased(self) -> Iterator[dict[str, Any]]:
        return map(orjson.loads, self._lines("erased.jsonl"))

    def close(self) -> None:
        self._zip.close()


def _plain_row(cls: type[Any], values: list[Any]) -> Any:
    return cls(*values)


def _named(cls: type[Any], values: list[Any]) -> dict[str, Any]:
    return {f.name: value for f, value in zip(fields(cls), values, strict=True)}


def _tuples(properties: dict[str, Any]) -> dict[str, Any]:
    return {n: tuple(v) if isinstance(v, list) else v for n, v in properties.items()}


def _with_properties(cls: type[Any], values: list[Any]) -> Any:
    named = _named(cls, values)
    named["properties"] = _tuples(named["properties"])
    if "anchors" in named:
        named["anchors"] = tuple(named["anchors"])
    return cls(**named)


def _relation_claim(cls: type[Any], values: list[Any]) -> Any:
    named = _named(cls, values)
    named["properties"] = _tuples(named["properties"])
    named["anchors"] = tuple(named["anchors"])
    for end in ("start", "end"):
        named[end] = RecordKey(*named[end])
    named["references"] = {n: RecordKey(*key) for n, key in named["references"].items()}
    return cls(**named)


def _tx(cls: type[Any], values: list[Any]) -> Any:
    named = _named(cls, values)
    named["receipt"] = receipt_from(named["receipt"])
    return cls(**named)


def receipt_from(body: dict[str, Any]) -> Receipt:
    """A Receipt from its JSON object."""
    body = dict(body)
    body["entities"] = tuple(body["entities"])
    body["clipped"] = tuple(
        Clipped(c["relation"], c["start"], c["end"], Interval(*c["was"]), tuple(Interval(*i) for i in c["now"]))
        for c in body["clipped"]
    )
    body["rejections"] = tuple(Rejection(**r) for r in body["rejections"])
    return Receipt(**body)


_MAKERS: dict[str, Callable[[type[Any], list[Any]], Any]] = {
    "claims": _with_properties,
    "versions": _with_properties,
    "edges": _with_properties,
    "relation_claims": _relation_claim,
    "tx": _tx,
}


def read_archive(path: Path) -> tuple[Schema, Tables]:
    """The whole archive in memory. StoreCorrupt where a checksum fails."""
    archive = Archive(path)
    tables = Tables(pruned_before=archive.pruned_before, earlier=list(archive.earlier()))
    tables.sources.update((source.id, source) for source in archive.sources())
    for kind in ROWS:
        if kind == "tx":
            tables.tx.extend(archive.rows(kind))
            continue
        table = getattr(tables, kind)
        for row in archive.rows(kind):
            table.add(row)
    for relation, row, runs in archive.affirmed():
        tables.affirmed[relation, row] = runs
    tables.erased.extend(archive.erased())
    archive.close()
    return archive.schema, tables


def as_tables(rows: Archived) -> Tables:
    """All of a store's rows in memory."""
    tables = Tables(sources=rows.sources, pruned_before=rows.pruned_before, earlier=list(rows.earlier))
    for kind in ROWS:
        if kind != "tx":
            table = getattr(tables, kind)
            for row in getattr(rows, kind):
                table.add(row)
    tables.tx.extend(rows.tx)
    tables.affirmed.update(rows.affirmed)
    tables.erased.extend(rows.erased)
    return tables


def batches(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size`."""
    rest = iter(rows)
    while found := list(islice(rest, size)):
        yield found
