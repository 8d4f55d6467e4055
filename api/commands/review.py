"""`jingwei review list | accept | reject | undo`: what waits for a person's decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.opening import (
    AuthorOption,
    JsonOption,
    OntologyOption,
    StoreOption,
    author_of,
    instant,
    now,
    opened,
    run,
    settings_of,
    show,
)
from kg.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from kg.ingest.review.deciding import By
    from kg.ingest.review.decisions import Decision
    from kg.ingest.review.items import Item, ItemKind, Side
    from kg.model.changes import Receipt
    from kg.store.base import Store

app = typer.Typer(help="Decide on proposed merges, conflicts, mentions and refused rows. 审核。", no_args_is_help=True)

Items = Annotated[list[str], typer.Argument(metavar="ID…", help="As `review list` gives them.")]
Reason = Annotated[str, typer.Option("--reason", help="Kept with the decision.")]
RecordedAt = Annotated[str | None, typer.Option("--recorded-at", help="Replay history: when it was decided.")]


@app.callback()
def review() -> None:
    """Decide on proposed merges, conflicts, mentions and refused rows. 审核。"""


@app.command("list")
def list_items(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", "-k", help="merge, conflict, stub or row; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="How many to show.")] = 50,
    skip: Annotated[int, typer.Option("--skip", min=0, help="How many to pass over first.")] = 0,
    least: Annotated[float | None, typer.Option("--least", min=0.0, max=1.0, help="Least score of a merge.")] = None,
    decided: Annotated[bool, typer.Option("--decided", help="What was decided instead, last first.")] = False,
    json: JsonOption = False,
) -> None:
    """List what waits for a decision, merges first. 列出待审事项。"""
    from kg.ingest.matching.scoring import PROPOSED
    from kg.ingest.review.decisions import decisions
    from kg.ingest.review.listing import waiting

    settings = settings_of(store, ontology)
    kinds = _kinds(kind)

    async def work() -> tuple[list[Item], list[Decision], int]:
        async with opened(settings) as opened_store:
            if decided:
                names = {k.name for k in kinds}
                made = [d for d in (await decisions(opened_store, now=now())).values() if d.kind in names]
                made.sort(key=lambda d: (-d.system, d.item))
                return [], made[skip : skip + limit], len(made)
            shown: list[Item] = []
            total = 0
            async for item in waiting(
                opened_store, now=now(), kinds=kinds, rejects=settings.data_dir / "rejects",
                least=PROPOSED if least is None else least,
            ):  # fmt: skip
                if skip <= total < skip + limit:
                    shown.append(item)
                total += 1
            return shown, [], total

    items, made, total = run(work())
    shown = len(items) + len(made)
    more = skip + shown if skip + shown < total else None
    if json:
        for item in items:
            show(_item_json(item))
        for decision in made:
            show({name: getattr(decision, name) for name in decision.__slots__})
        show({"total": total, "shown": shown, "next": more})
        return
    for item in items:
        _tell(item)
    for decision in made:
        _tell_decision(decision)
    typer.echo(f"{shown} of {total}" + (f"; go on with --skip {more}" if more is not None else ""))


@app.command()
def accept(
    items: Items,
    prefer: Annotated[str, typer.Option("--prefer", help="Of a conflict: the source whose value is right.")] = "",
    into: Annotated[
        str, typer.Option("--as", help="Of a mention: the entity that it means; of a merge: whose id stays.")
    ] = "",
    store: StoreOption = None,
    ontology: OntologyOption = None,
    author: AuthorOption = None,
    reason: Reason = "",
    recorded_at: RecordedAt = None,
    json: JsonOption = False,
) -> None:
    """Accept: make the merge, take one source's value, say what a mention means. 采纳。"""
    from kg.ingest.review.deciding import accept as accepting

    async def decide(opened_store: Store, item: str, by: By) -> tuple[Decision, Receipt]:
        return await accepting(opened_store, item, by, prefer=prefer, into=into)

    _decide(decide, items, store, ontology, author, reason, recorded_at, json=json)


@app.command()
def reject(
    items: Items,
    store: StoreOption = None,
    ontology: OntologyOption = None,
    author: AuthorOption = None,
    reason: Reason = "",
    recorded_at: RecordedAt = None,
    json: JsonOption = False,
) -> None:
    """Reject: it is not proposed again. 否决。"""
    from kg.ingest.review.deciding import reject as rejecting

    _decide(rejecting, items, store, ontology, author, reason, recorded_at, json=json)


@app.command()
def undo(
    items: Items,
    store: StoreOption = None,
    ontology: OntologyOption = None,
    author: AuthorOption = None,
    reason: Reason = "",
    recorded_at: RecordedAt = None,
    json: JsonOption = False,
) -> None:
    """Take decisions back: what was made one is two again. 撤回决定。"""
    from kg.ingest.review.deciding import undo as undoing

    _decide(undoing, items, store, ontology, author, reason, recorded_at, json=json)


def _decide(
    deciding: Callable[[Store, str, By], Awaitable[tuple[Decision, Receipt]]],
    items: Sequence[str],
    store: str | None,
    ontology: Any,
    author: str | None,
    reason: str,
    recorded_at: str | None,
    *,
    json: bool,
) -> None:
    from kg.ingest.review.deciding import By

    settings = settings_of(store, ontology, author=author)
    at = instant(recorded_at, "--recorded-at")

    async def work() -> None:
        async with opened(settings) as opened_store:
            for item in items:
                decision, receipt = await deciding(opened_store, item, By(author_of(settings), reason, now(), at))
                if json:
                    show({name: getattr(decision, name) for name in decision.__slots__} | {"seq": receipt.seq})
                else:
                    _tell_decision(decision)

    run(work())


def _kinds(said: list[str] | None) -> tuple[ItemKind, ...]:
    from kg.ingest.review.items import ItemKind

    try:
        return tuple(ItemKind(name) for name in said) if said else tuple(ItemKind)
    except ValueError:
        raise QueryError(
            "There is no such kind", field="--kind", value=", ".join(said or ()),
            remedy=f"Name {', '.join(ItemKind)}.",
        ) from None  # fmt: skip


def _item_json(item: Item) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": item.id, "kind": item.kind.value, "score": item.score,
        "reasons": [{"name": r.name, "weight": r.weight, "detail": r.detail} for r in item.reasons],
        "sides": [{name: getattr(side, name) for name in side.__slots__} for side in item.sides],
        "sources": item.sources,
    }  # fmt: skip
    if item.field_name:
        out["property"] = item.field_name
    if item.wrong:
        out |= {"file": item.file, "row": item.row, "wrong": item.wrong}
    return out


def _tell(item: Item) -> None:
    typer.echo(item.id + (f"  {item.score:.2f}" if item.score is not None else ""))
    for wrong in item.wrong:
        typer.echo(f"  {item.file}, row {item.row}: {wrong['field']}={wrong['value']!r}: {wrong['reason']}.")
        typer.echo(f"  {wrong['remedy']}")
    if item.wrong:
        return
    for side in item.sides:
        typer.echo(f"  {_side(side, item.field_name)}")
    if item.reasons:
        typer.echo("  " + "; ".join(f"{r.name} {r.weight:+.2f} {r.detail}" for r in item.reasons))


def _side(side: Side, name: str) -> str:
    sources = ", ".join(side.sources)
    if name:
        return f"{name} of {side.label or side.id} is {side.value!r} in {sources}" + (" (shown)" if side.chosen else "")
    return f"{side.label} ({side.cls} {side.id}, in {sources})"


def _tell_decision(decision: Decision) -> None:
    reason = f": {decision.reason}" if decision.reason else ""
    kept = f"; {decision.kept} goes on" if decision.kept and decision.outcome == "ACCEPTED" else ""
    taken = f"; as {decision.preferred} says" if decision.preferred else ""
    typer.echo(
        f"{decision.item} {decision.outcome.lower()} by {decision.decided_by or 'nobody named'}{taken}{kept}{reason}"
    )
