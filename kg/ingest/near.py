"""Where the places are that a graph holds already: what ranks reference systems that a file does not declare."""

from __future__ import annotations

from contextlib import aclosing
from statistics import median
from typing import TYPE_CHECKING, Final

import orjson

from kg.ingest.crs import Position, positions
from kg.query.secure import EVERYTHING
from kg.schema.types import Datatype
from kg.store.base import Scan

if TYPE_CHECKING:
    from kg.schema.types import EntityClass, Schema
    from kg.store.base import Store

SAMPLED: Final = 1000


async def held_near(store: Store, *, now: int) -> Position | None:
    """The middle (longitude, latitude on WGS 84) of some places valid at `now`, None where the graph has none.

    `now` in microseconds UTC.
    """
    found: list[Position] = []
    for cls, prop in _placed(store.schema):
        scan = Scan(now, cls=cls.name, properties=(prop,), batch=SAMPLED)
        async with aclosing(store.scan(scan, EVERYTHING)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                for text in batch.column(prop).to_pylist():
                    found += [] if text is None else list(positions(orjson.loads(text)))[:1]
                break
        if len(found) >= SAMPLED:
            break
    return (median(x for x, _ in found), median(y for _, y in found)) if found else None


def _placed(schema: Schema) -> list[tuple[EntityClass, str]]:
    """Topmost classes that have a geometry, each with the property that holds it."""
    own = {
        name: next((p.name for p in cls.properties if p.datatype is Datatype.GEOMETRY and not p.many), "")
        for name, cls in schema.classes.items()
    }
    return [
        (cls, own[name])
        for name, cls in schema.classes.items()
        if own[name] and not any(own[parent] for parent in cls.ancestors)
    ]
