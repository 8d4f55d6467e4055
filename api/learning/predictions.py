"""Predictions kept in the graph: entities of their own class, put by a source of their own; no relation is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from api.learning.reading import moment
from kg.errors import SchemaError
from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.model.intervals import Interval
from kg.schema.checks import compile_checks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from api.learning.models import Trained
    from api.learning.serving import LinkAnswer
    from kg.model.changes import Receipt
    from kg.schema.types import Schema
    from kg.store.base import Store

CLASS: Final = "Prediction"
_BATCH: Final = 500


def source_of(trained: Trained) -> Source:
    """Who says it: the model. Its statements are read from the level that the model read from."""
    return Source(f"model:{trained.name}", f"Model {trained.name} 预测模型", level=trained.level)


def put_of(schema: Schema, answer: LinkAnswer, *, now: int, expires: int) -> Put:
    """One prediction, held from `now` until it expires; the model's next one about the same replaces it."""
    step = schema.step(answer.relation)
    assert step is not None
    start, end = (answer.subject, answer.object) if step[1] else (answer.object, answer.subject)
    values = {
        "subject": start,
        "relation": step[0].name,
        "object": end,
        "score": answer.score,
        "probability": answer.probability,
        "modelName": answer.model.name,
        "modelVersion": answer.model.version,
        "knownAt": moment(answer.model.system),
        "expiresAt": moment(expires),
        "evidence": {
            "contributions": answer.contributions,
            "rules": [
                {"text": r.text, "confidence": r.confidence, "path": list(r.path), "via": list(r.via)}
                for r in answer.rules
            ],
        },
    }
    stored, violations = compile_checks(schema).values(CLASS, values, where=f"{start} {step[0].name} {end}")
    if violations:
        raise violations[0].error()
    record = RecordKey(source_of(answer.model).id, f"{start} {step[0].name} {end}")
    return Put(record, CLASS, stored, Interval(now, expires))


async def keep(
    store: Store, trained: Trained, answers: Sequence[LinkAnswer], *, now: int, expires: int, author: str = ""
) -> tuple[Receipt, ...]:
    """Commit predictions, in batches of one run (`jingwei retract RUN` takes it back). Raises SchemaError."""
    if CLASS not in store.schema.classes:
        raise SchemaError(
            f"The ontology has no class {CLASS}",
            remedy="It comes with the shipped module `learning`; do not leave it out.",
        )
    run = f"predictions/{trained.name}/{trained.version}/{now}"
    return tuple(
        [
            await store.commit(
                ChangeSet(
                    tuple(put_of(store.schema, answer, now=now, expires=expires) for answer in part),
                    run=run,
                    sources=(source_of(trained),),
                    author=author,
                    reason=f"Predictions of model {trained.name} {trained.version}",
                ),
                now=now,
            )
            for part in _parts(answers)
        ]
    )


def _parts(answers: Sequence[LinkAnswer]) -> Iterable[Sequence[LinkAnswer]]:
    return (answers[at : at + _BATCH] for at in range(0, len(answers), _BATCH))
