"""Model files: a zip of a JSON header and one .npy a array. No pickle: a file from elsewhere can run no code."""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kg.ml.errors import ModelFileError, SchemaMismatch
from kg.ml.links.facts import LinkGraph
from kg.ml.links.model import LinkModel, model_kinds

FORMAT: Final = "jingwei-model/1"
_HEADER: Final = "header.json"


def write_arrays(path: Path, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write beside the target and swap, so that a reader or a crash never meets half a file."""
    part = path.with_name(path.name + ".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry(_HEADER), json.dumps({"format": FORMAT, **header}, ensure_ascii=False))
        for name, value in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, value, allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), buffer.getbuffer())
    part.replace(path)


def _entry(name: str) -> zipfile.ZipInfo:
    """Without the time of day, so that equal content is equal bytes."""
    return zipfile.ZipInfo(name)


def read_arrays(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays. Raises ModelFileError for a missing, truncated, altered or foreign file."""
    try:
        with zipfile.ZipFile(path) as archive:
            header = json.loads(archive.read(_HEADER))
            arrays = {
                name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name != _HEADER
            }
    except FileNotFoundError as cause:
        raise ModelFileError("There is no such model file", where=str(path), remedy="Train the model first.") from cause
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as cause:
        raise ModelFileError(
            f"The model file cannot be read: {cause}",
            where=str(path),
            remedy="It is truncated, altered or no model file. Copy it again or train again.",
        ) from cause
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ModelFileError(
            "The file is of another format", where=str(path), field="format", remedy=f"Expected {FORMAT}."
        )
    return header, arrays


def graph_print(graph: LinkGraph, *, with_facts: bool = False) -> str:
    """A hash of the graph's names (and, for a checkpoint, of the facts it trains on)."""
    digest = hashlib.sha256()
    for names in (graph.entities, graph.relations, graph.moments):
        digest.update(json.dumps(names, ensure_ascii=False).encode())
    if with_facts:
        digest.update(graph.train.rows.tobytes())
        digest.update(graph.valid.rows.tobytes())
    return digest.hexdigest()


def save_model(model: LinkModel, path: Path) -> None:
    """Save a fitted model. Raises NotFitted."""
    graph = model.graph
    header = {
        "kind": model.kind,
        "settings": model.settings(),
        "schema_hash": graph.schema_hash,
        "graph": graph_print(graph),
    }
    write_arrays(path, header, model.arrays())


def load_model(path: Path, graph: LinkGraph) -> LinkModel:
    """Load a model for ``graph``. Raises SchemaMismatch if it was trained under another schema, ModelFileError else."""
    header, arrays = read_arrays(path)
    if header.get("schema_hash") != graph.schema_hash:
        raise SchemaMismatch(
            "The model was trained under another schema",
            where=str(path),
            field="schema_hash",
            value=header.get("schema_hash"),
            remedy=f"The schema in force is '{graph.schema_hash}': train again.",
        )
    if header.get("graph") != graph_print(graph):
        raise ModelFileError(
            "The model knows other entities, relations or moments than this graph",
            where=str(path),
            field="graph",
            remedy="Read the graph at the model's split instant, or train again.",
        )
    cls = model_kinds().get(str(header.get("kind")))
    if cls is None:
        raise ModelFileError(
            "The model is of an unknown kind",
            where=str(path),
            field="kind",
            value=header.get("kind"),
            remedy=f"Known are {', '.join(sorted(model_kinds()))}.",
        )
    model = cls.from_settings(header["settings"])
    model.restore(arrays, graph)
    return model
