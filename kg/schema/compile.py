"""Turtle modules → one frozen `Schema`, or an `OntologyError` with everything that must be mended.

The modules that ship with Jingwei lie in the package `ontology`; a user's own modules are read after them and may
add classes, relations and schemes, and properties to classes that ship. docs/ontology-annotations.md lists the terms.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from kg.errors import SchemaError
from kg.schema.problems import Problems, SchemaProblem, ontology_error
from kg.schema.serialise import from_json, hashed, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kg.schema.types import Schema

_log = logging.getLogger(__name__)

SHIPPED: Final = "ontology"
"""The package that holds the modules."""


def compile_schema(paths: Sequence[Path] | None = None, *, shipped: bool = True) -> Schema:
    """The schema of the shipped modules and of `paths`: Turtle files, or folders of `*.ttl`.

    `shipped=False` leaves the shipped modules out; `paths` must then declare the root class `Thing` themselves.
    Raises OntologyError (a SchemaError) with all problems, SchemaError for a file that cannot be read.
    """
    schema, problems = compile_files(read_files(paths, shipped=shipped))
    if problems:
        raise ontology_error(problems)
    assert schema is not None
    return schema


def load_schema(paths: Sequence[Path] | None = None, cache_dir: Path | None = None, *, shipped: bool = True) -> Schema:
    """As `compile_schema`, kept in `cache_dir` under a hash of the files' content and of the compiler.

    A warm start reads one JSON file and imports no RDF library. A cache that cannot be read or written costs time
    and is logged, never an error.
    """
    files = read_files(paths, shipped=shipped)
    if cache_dir is None:
        return _compiled(files)
    cached = cache_dir / f"schema-{_key(files)}.json"
    try:
        return from_json(cached.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, SchemaError) as error:
        _log.warning("The cached schema %s is of no use and is made again: %s", cached, error)
    schema = _compiled(files)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Renamed into place, so that another process never reads half of it.
        with NamedTemporaryFile("w", encoding="utf-8", dir=cache_dir, suffix=".part", delete=False) as part:
            part.write(to_json(schema))
        Path(part.name).replace(cached)
    except OSError as error:
        _log.warning("The compiled schema cannot be cached in %s: %s", cache_dir, error)
    return schema


def read_files(paths: Sequence[Path] | None = None, *, shipped: bool = True) -> dict[str, bytes]:
    """File name as shown to people → content: shipped modules first, then `paths`, folders read in name order."""
    files: dict[str, bytes] = {}
    if shipped:
        files.update(_shipped())
    for path in paths or ():
        found = sorted(path.glob("*.ttl")) if path.is_dir() else [path]
        if not found:
            raise SchemaError("no Turtle file in the folder", where=str(path), remedy="Its files must end in .ttl.")
        for file in found:
            try:
                files[str(file)] = file.read_bytes()
            except OSError as error:
                raise SchemaError(
                    f"the ontology file cannot be read: {error.strerror}",
                    where=str(file),
                    remedy="Check the path and its permissions.",
                ) from None
    return files


def compile_files(files: Mapping[str, bytes]) -> tuple[Schema | None, tuple[SchemaProblem, ...]]:
    """The schema and no problems, or None and every problem found, with lines where they could be told."""
    from kg.schema.assemble import Assembly

    problems = Problems()
    schema = Assembly(files, problems).schema()
    if problems or schema is None:
        return None, problems.relined(_lines(problems, files))
    frozen = replace(
        schema,
        classes=MappingProxyType(dict(schema.classes)),
        relations=MappingProxyType(dict(schema.relations)),
        schemes=MappingProxyType(dict(schema.schemes)),
        prefixes=MappingProxyType(dict(schema.prefixes)),
    )
    return hashed(frozen), ()


def _compiled(files: Mapping[str, bytes]) -> Schema:
    schema, problems = compile_files(files)
    if schema is None:
        raise ontology_error(problems)
    return schema


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, bytes]:
    folder = resources.files(SHIPPED)
    return {
        f"{SHIPPED}/{file.name}": file.read_bytes()
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".ttl")
    }


def _key(files: Mapping[str, bytes]) -> str:
    digest = sha256(_compiler().encode())
    for name, content in files.items():
        digest.update(f"\0{Path(name).stem}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _compiler() -> str:
    """Changes whenever the compiler does: a hash of this package's own source."""
    digest = sha256()
    for file in sorted(resources.files("kg.schema").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".py"):
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _lines(problems: Problems, files: Mapping[str, bytes]) -> dict[SchemaProblem, int]:
    """Lines of problems that have none: rdflib keeps no positions, so the subject is looked for in the text."""
    found: dict[SchemaProblem, int] = {}
    for problem in problems.sorted():
        if problem.line or not problem.subject or problem.file not in files:
            continue
        text = files[problem.file].decode("utf-8", "replace")
        start = 0
        for term in problem.subject.split(" "):
            match = re.compile(rf"(?<![\w:/#<]){re.escape(term)}(?![\w>])").search(text, start)
            if match is None:
                break
            start = match.start()
            found[problem] = text.count("\n", 0, start) + 1
    return found
