"""Models kept beside the store: a file of arrays, a file that says what it is and what it saw, and its card."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.learning.reading import View, moment
from kg.errors import NotFound, QueryError, SettingsError

if TYPE_CHECKING:
    from kg.query.secure import Scope
    from kg.schema.types import Schema
    from kg.settings import Settings

VERSION_CHARS: Final = 16
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


class Probabilities(BaseModel):
    """A calibrator: see `kg.ml.calibration.Calibrator`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["platt", "isotonic"]
    knots: tuple[float, ...]
    values: tuple[float, ...]


class Trained(BaseModel):
    """What a model is and what it saw. Instants in microseconds UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    task: Literal["links", "sites"]
    kind: str
    version: str
    schema_hash: str
    system: int
    level: int = Field(ge=0, le=3)
    classes: tuple[str, ...] | None = None
    data: str
    """A hash of what it learned from: read again, the store must give the same."""
    valids: tuple[int, ...] = ()
    relations: tuple[str, ...] = ()
    shares: tuple[float, float, int] = (0.0, 0.0, 0)
    probabilities: Probabilities | None = None
    places: dict[str, str] = Field(default_factory=dict)
    figures: dict[str, float]

    @property
    def view(self) -> View:
        return View(self.system, self.level, self.classes)

    def may_be_told(self, scope: Scope, schema: Schema) -> bool:
        """Whether a reader sees all that the model learned from. Else its answers would tell of what is hidden."""
        if scope.level < self.level or scope.rows:
            return False
        if scope.masks and self.task == "sites":
            return False
        if scope.classes is None:
            return True
        return self.classes is not None and all(any(schema.is_a(c, s) for s in scope.classes) for c in self.classes)


class Shelf:
    """The folder of one store's models: `park.db.models` beside `park.db`, unless the setting `models` says else."""

    def __init__(self, settings: Settings) -> None:
        self.folder = folder_of(settings)
        self._read: dict[tuple[object, ...], Trained] = {}

    def names(self) -> tuple[str, ...]:
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(path.stem for path in self.folder.glob("*.json")))

    def paths(self, name: str) -> tuple[Path, Path, Path]:
        """(arrays, description, card). Raises QueryError for a name that is none."""
        if not _NAME.match(name):
            raise QueryError(
                "That is no name for a model",
                field="model",
                value=name,
                remedy="Use small letters, digits and hyphens, a letter first.",
            )
        arrays, told, card = (self.folder / f"{name}{ending}" for ending in (".model", ".json", ".md"))
        return arrays, told, card

    def put(self, trained: Trained, card: str) -> None:
        """Write the description and the card of a model whose arrays are there."""
        _, told, shown = self.paths(trained.name)
        for path, text in ((shown, card), (told, trained.model_dump_json(indent=1))):
            part = path.with_name(path.name + ".part")
            part.write_text(text + "\n", encoding="utf-8")
            part.replace(path)

    def make(self) -> Shelf:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(
                f"The folder of models cannot be made: {error.strerror}", field="models", value=str(self.folder)
            ) from error
        return self

    def get(self, name: str) -> Trained:
        """Raises NotFound, and ModelFileError for a description that is damaged or not that of the arrays."""
        arrays, told, _ = self.paths(name)
        state = (name, *(_state(path) for path in (arrays, told)))
        if state not in self._read:
            self._read = {key: one for key, one in self._read.items() if key[0] != name}
            self._read[state] = self._checked(name, arrays, told)
        return self._read[state]

    def _checked(self, name: str, arrays: Path, told: Path) -> Trained:
        from kg.ml.errors import ModelFileError

        if not told.is_file():
            known = ", ".join(self.names())
            raise NotFound(
                "There is no such model",
                where=str(self.folder),
                field="model",
                value=name,
                remedy=f"There are: {known}." if known else "Train one: jingwei ml train.",
            )
        try:
            trained = Trained.model_validate_json(told.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise ModelFileError(
                "The model's description cannot be read", where=str(told), remedy="It is damaged. Train again."
            ) from error
        if version_of(arrays) != trained.version:
            raise ModelFileError(
                "The model's file is not the one that was described",
                where=str(arrays),
                field="version",
                value=trained.version,
                remedy="It was changed or copied alone. Copy both files, or train again.",
            )
        return trained

    def all(self) -> tuple[Trained, ...]:
        return tuple(self.get(name) for name in self.names())

    def card(self, name: str) -> str:
        self.get(name)
        return self.paths(name)[2].read_text(encoding="utf-8")


def folder_of(settings: Settings) -> Path:
    """Where the models of the settings' store lie."""
    if settings.models is not None:
        return settings.models
    scheme, _, path = settings.store.partition(":///")
    if scheme == "sqlite":
        return Path(path + ".models")
    # A URL may hold a password, and is no file name.
    return settings.data_dir / "models" / hashlib.sha256(settings.store.encode()).hexdigest()[:VERSION_CHARS]


def version_of(path: Path) -> str:
    """The first characters of the file's hash. Raises ModelFileError where there is none."""
    from kg.ml.errors import ModelFileError

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:VERSION_CHARS]
    except FileNotFoundError as error:
        raise ModelFileError("There is no such model file", where=str(path), remedy="Train the model first.") from error


def fits(trained: Trained, schema_hash: str) -> None:
    """Raises SchemaMismatch where the ontology has changed since the model was trained."""
    from kg.ml.errors import SchemaMismatch

    if trained.schema_hash != schema_hash:
        raise SchemaMismatch(
            "The model was trained under another schema",
            where=f"model {trained.name}",
            field="schema_hash",
            value=trained.schema_hash[:12],
            remedy=f"The schema in force is {schema_hash[:12]}: train again.",
        )


def not_before(trained: Trained, system: int, valid: int, *, temporal: bool) -> None:
    """Raises BeforeSplit where a question is put as of an instant that lies before what the model knows.

    `system` before the split would tell then what was known only later. A model that knows no time says what holds at
    the split and after it.
    """
    from kg.ml.errors import BeforeSplit

    if system < trained.system:
        raise BeforeSplit(
            "The model knows more than was known then",
            where=f"model {trained.name}",
            field="asOf.system",
            value=moment(system).isoformat(),
            remedy=f"It was split at {moment(trained.system).isoformat()}: ask as known then or later, or train one "
            "with an earlier --known-at.",
        )
    first = trained.valids[0] if temporal else trained.system
    if valid < first:
        raise BeforeSplit(
            "The model has learned nothing of that time",
            where=f"model {trained.name}",
            field="asOf.valid",
            value=moment(valid).isoformat(),
            remedy=f"Ask about {moment(first).isoformat()} or later.",
        )


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when the file does; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size


def text_table(rows: dict[str, Any]) -> str:
    """`name value` lines, names padded."""
    width = max((len(name) for name in rows), default=0)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
