"""A manifest: several loads in order, each with its recording instant, such as a demo or a history to be replayed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from kg.errors import LoadError
from kg.ingest.load import Load, LoadOptions
from kg.ingest.mapping import read_mapping
from kg.ingest.replaying import DecisionStep, Replay

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from kg.model.changes import Receipt
    from kg.model.records import Table
    from kg.store.base import Store

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Part):
    """A file, the name of its mapping in `mappings/`, when it was recorded; `crs` where the file does not say."""

    file: str
    mapping: str
    recorded: AwareDatetime
    crs: str = ""

    @property
    def about(self) -> str:
        """A few words for people."""
        return self.file


class Manifest(_Part):
    """What `park.yaml` says. `today` is the instant at which the demo is shown."""

    name: dict[str, str]
    provenance: str
    today: AwareDatetime
    loads: tuple[Step | DecisionStep, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """One step done."""

    step: Step | DecisionStep
    receipt: Receipt


def micros(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a YAML file. LoadError for one that is wrong, or whose steps are not in order of recording."""
    try:
        manifest = Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise LoadError(
            f"The manifest cannot be read: {error}", where=str(path), remedy="It is YAML in UTF-8."
        ) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise LoadError(
            f"The manifest is wrong: {first['msg']}", where=str(path), field=".".join(map(str, first["loc"])),
            remedy="examples/park/park.yaml is one that is right.",
        ) from None  # fmt: skip
    instants = [step.recorded for step in manifest.loads]
    if instants != sorted(instants) or instants[-1] > manifest.today:
        raise LoadError(
            "The steps are not in the order of their recording instants, or one lies after `today`", where=str(path),
            field="loads", remedy="Put them in order.",
        )  # fmt: skip
    return manifest


async def load_all(
    store: Store,
    folder: Path,
    manifest: Manifest,
    open_table: Callable[[Path], Table],
    *,
    timezone: str = "Asia/Shanghai",
) -> AsyncIterator[Loaded]:
    """Load the files of `folder` one after the other; the store's clock reads `today`.

    A load that was interrupted goes on, and one that was finished does nothing. LoadError for a store that holds
    anything else.
    """
    loads = [
        (step, Replay(step, micros(step.recorded)))
        if isinstance(step, DecisionStep)
        else (step, _load(store, folder, step, timezone, open_table))
        for step in manifest.loads
    ]
    done = [await load.done(store) for _, load in loads]
    count = done.index(False) if False in done else len(done)
    if any(done[count:]) or ((await store.clock()).seq and not count and not await loads[0][1].begun(store)):
        raise LoadError(
            "The store holds something else, or the files have changed since it was loaded", where=store.url,
            field="store", remedy="Remove that store, or give another one.",
        )  # fmt: skip
    for step, load in loads[count:]:
        yield Loaded(step, await load.run(store, now=micros(manifest.today)))


def _load(store: Store, folder: Path, step: Step, timezone: str, open_table: Callable[[Path], Table]) -> Load:
    path = folder / "mappings" / f"{step.mapping}.yaml"
    options = LoadOptions(
        mapping=read_mapping(path),
        mapping_where=str(path),
        timezone=timezone,
        recorded_at=micros(step.recorded),
        crs=step.crs,
    )
    return Load(open_table(folder / step.file), store.schema, options)
