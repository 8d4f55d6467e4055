"""`jingwei ml train | evaluate | predict | card`: learning over a store, as known at a split instant."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.opening import JsonOption, OntologyOption, StoreOption, instant, now, opened, run, settings_of, show
from kg.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api.learning.models import Trained
    from api.learning.serving import Asking, Learned, LinkAnswer, SiteAnswer
    from kg.ml.links.model import Progress
    from kg.store.base import Store

app = typer.Typer(help="Predict relations and score sites, with reasons. 链接预测与选址评分。", no_args_is_help=True)

_DAY = 86_400_000_000
TaskOption = Annotated[str, typer.Option("--task", help="links or sites.")]
NameOption = Annotated[str, typer.Option("--name", help="Of the model. Default: the task's.")]


@app.command()
def train(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    task: TaskOption = "links",
    name: NameOption = "",
    known_at: Annotated[
        str | None, typer.Option("--known-at", help="Split instant of the system clock. Default: the latest commit.")
    ] = None,
    level: Annotated[
        int, typer.Option("--level", min=0, max=3, help="Read as this level; readers below are not told.")
    ] = 0,
    cls: Annotated[list[str] | None, typer.Option("--class", help="Read only this class and below; repeat.")] = None,
    relation: Annotated[list[str] | None, typer.Option("--relation", help="Learn from this one only; repeat.")] = None,
    every: Annotated[
        str, typer.Option("--every", help="Cut valid time by year, quarter or month: a temporal model.")
    ] = "",
    moments: Annotated[int, typer.Option("--moments", min=2, help="How many, with --every.")] = 8,
    rank: Annotated[int, typer.Option("--rank", min=1, help="Complex numbers an entity.")] = 64,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="At most.")] = 30,
    walks: Annotated[int, typer.Option("--walks", min=1, help="Random walks that rules are mined from.")] = 60_000,
    valid: Annotated[float, typer.Option("--valid", help="Share of facts held out to choose by.")] = 0.1,
    test: Annotated[float, typer.Option("--test", help="Share of facts held out for the figures.")] = 0.1,
    place: Annotated[str, typer.Option("--place", help="Class of the places (sites).")] = "Building",
    kind: Annotated[str, typer.Option("--kind", help="Class of the kinds of firms (sites).")] = "Industry",
    seed: Annotated[int, typer.Option("--seed", help="The same seed and facts give the same model.")] = 0,
    json: JsonOption = False,
) -> None:
    """Train a model on what was known at an instant, and keep it beside the store. 训练模型。"""
    from dataclasses import replace

    from api.learning.models import Shelf

    settings = settings_of(store, ontology)
    split = instant(known_at, "--known-at")
    classes = tuple(sorted(cls)) if cls else None

    async def work() -> Trained:
        async with opened(settings) as opened_store:
            _check_classes(opened_store, classes or ())
            if _task(task) == "sites":
                from api.learning import sites

                recipe = sites.SiteRecipe(name or "sites", level, classes, place, kind, seed=seed)
                return await sites.train(opened_store, Shelf(settings), recipe, split, _note)
            from api.learning import links
            from kg.ml.graph import Shares

            base = links.LinkRecipe()
            made = links.LinkRecipe(
                name or "links",
                level,
                classes,
                tuple(relation) if relation else None,
                every,
                moments,
                Shares(valid, test, seed),
                replace(base.training, rank=rank, epochs=epochs),
                replace(base.mining, walks=walks),
            )
            with _bar() as progress:
                return await links.train(opened_store, Shelf(settings), made, split, progress)

    trained = run(work())
    _tell(trained, trained.figures, json=json)


@app.command()
def evaluate(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    name: NameOption = "links",
    known_at: Annotated[
        str | None, typer.Option("--known-at", help="Also rank what became known after the split, up to this instant.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Figures of a model: on held-out facts, and on what became known since. 评估模型。"""
    settings = settings_of(store, ontology)
    until = instant(known_at, "--known-at")

    async def work() -> tuple[Trained, dict[str, float]]:
        from api.learning import links, sites
        from api.learning.models import Shelf

        async with opened(settings) as opened_store:
            shelf = Shelf(settings)
            trained = shelf.get(name)
            if trained.task == "sites":
                loaded = await sites.load(opened_store, shelf, trained)
                return trained, sites.held_out_figures(loaded.ground.city, trained.shares[2])
            ready = await links.load(opened_store, shelf, trained)
            return trained, await links.evaluate(opened_store, ready, until, _note)

    trained, figures = run(work())
    _tell(trained, figures, json=json)


@app.command()
def predict(
    entity: Annotated[
        list[str] | None, typer.Argument(help="Entity ids. None: all that the relation can start from.")
    ] = None,
    relation: Annotated[str, typer.Option("--relation", "-r", help="Relation, or its inverse's name (links).")] = "",
    store: StoreOption = None,
    ontology: OntologyOption = None,
    task: TaskOption = "links",
    name: NameOption = "",
    first: Annotated[int, typer.Option("--first", min=1, max=1000, help="Answers for each entity.")] = 5,
    least: Annotated[float, typer.Option("--least", min=0, max=1, help="Least probability (links).")] = 0.0,
    keep: Annotated[bool, typer.Option("--keep", help="Commit them as Prediction entities (links).")] = False,
    days: Annotated[int, typer.Option("--days", min=1, help="Until they expire, with --keep.")] = 90,
    json: JsonOption = False,
) -> None:
    """Say what is likely and not known yet, with reasons. 预测。"""
    settings = settings_of(store, ontology)
    if _task(task) == "links" and not relation:
        raise QueryError("Which relation is to be predicted?", field="--relation", remedy="Name it: -r suppliesTo.")
    if _task(task) == "sites" and (keep or not entity):
        raise QueryError(
            "Sites are scored for the enterprises or kinds that are named, and are not kept", field="ENTITY",
            remedy="Give entity ids, without --keep.",
        )  # fmt: skip

    async def work() -> list[Any]:
        from api.learning.models import Shelf
        from api.learning.predictions import keep as put
        from api.learning.serving import Asking, Learned

        async with opened(settings) as opened_store:
            trained = Shelf(settings).get(name or task)
            learned, at = Learned(opened_store, settings), now()
            # With the model's own eyes: what only others may read must not show by what is left out.
            asking = Asking(trained.view.scope, at)
            if task == "sites":
                return await _sites(learned, entity or [], first, asking, trained.name)
            out: list[LinkAnswer] = []
            for one in entity or await _subjects(opened_store, trained, relation):
                found = await learned.links(one, relation, first, asking, trained.name)
                out += [answer for answer in found if answer.probability >= least]
            if keep:
                receipts = await put(opened_store, trained, out, now=at, expires=at + days * _DAY)
                for receipt in receipts:
                    typer.echo(f"{receipt.loaded} kept, {receipt.unchanged} unchanged", err=True)
            return out

    for answer in run(work()):
        _show(answer, json=json)


@app.command()
def card(
    store: StoreOption = None,
    ontology: OntologyOption = None,
    name: Annotated[str, typer.Option("--name", help="Of the model. Default: list them.")] = "",
) -> None:
    """Print a model's card: data, split, figures, limits; without a name, list the models. 模型卡。"""
    from api.learning.models import Shelf
    from api.learning.reading import moment

    shelf = Shelf(settings_of(store, ontology))
    if name:
        typer.echo(shelf.card(name))
        return
    for trained in shelf.all():
        typer.echo(f"{trained.name}: {trained.kind} {trained.version}, known at {moment(trained.system).isoformat()}")


# ---------------------------------------------------------------- parts


def _task(task: str) -> str:
    if task not in {"links", "sites"}:
        raise QueryError("There is no such task", field="--task", value=task, remedy="Say links or sites.")
    return task


def _check_classes(store: Store, classes: tuple[str, ...]) -> None:
    for cls in classes:
        if cls not in store.schema.classes:
            raise QueryError(
                "There is no such class", field="--class", value=cls, remedy="See `jingwei ontology docs`."
            )


async def _subjects(store: Store, trained: Trained, relation: str) -> list[str]:
    """All entities that the relation can start from, as known at the split."""
    from api.learning.reading import read_links
    from kg.ml.graph import Shares

    step = store.schema.step(relation)
    if step is None:
        raise QueryError("There is no such relation", field="--relation", value=relation)
    graph = await read_links(store, trained.view, (trained.system,), trained.relations, Shares(0, 0, 0))
    number = graph.relation(step[0].name)
    rows = graph.train.rows[graph.train.rows[:, 1] == number]
    return sorted({graph.entities[i] for i in rows[:, 0 if step[1] else 2].tolist()})


async def _sites(learned: Learned, entities: list[str], first: int, asking: Asking, model: str) -> list[SiteAnswer]:
    seen = await learned.seen(entities, asking)
    out: list[SiteAnswer] = []
    for entity in entities:
        is_firm = entity in seen and learned.store.schema.is_a(seen[entity].cls, "Organisation")
        out += await learned.sites(entity if is_firm else "", "" if is_firm else entity, first, asking, model)
    return out


def _note(text: str) -> None:
    if sys.stderr.isatty():
        typer.echo(text, err=True)


@contextmanager
def _bar() -> Iterator[Progress]:
    from kg.ml.links.model import silent
    from kg.ml.progress import training_bar

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console

    with training_bar("links", console=Console(stderr=True)) as shown:
        yield shown


def _tell(trained: Trained, figures: dict[str, float], *, json: bool) -> None:
    from api.learning.models import text_table
    from api.learning.reading import moment

    if json:
        show({"name": trained.name, "version": trained.version, "system": trained.system, "figures": figures})
        return
    typer.echo(
        f"{trained.name} {trained.version}, known at {moment(trained.system).isoformat()}, level {trained.level}"
    )
    whole = {
        name: f"{value:,.0f}" if float(value).is_integer() and value >= 2 else f"{value:.4f}"
        for name, value in figures.items()
    }
    typer.echo(text_table(whole))


def _show(answer: Any, *, json: bool) -> None:
    if json:
        told = {name: getattr(answer, name) for name in answer.__slots__ if name not in {"model", "rules"}}
        rules = [{n: getattr(r, n) for n in r.__slots__} for r in getattr(answer, "rules", ())]
        show(told | {"rules": rules, "model": answer.model.name, "modelVersion": answer.model.version})
        return
    if hasattr(answer, "place"):
        typer.echo(f"{answer.name} ({answer.place}): {answer.score:+.3f} from {answer.constant:+.3f}")
    else:
        typer.echo(
            f"{answer.subject} {answer.relation} {answer.name} ({answer.object}): "
            f"probability {answer.probability:.4f}, score {answer.score:+.3f}"
        )
        for fired in answer.rules[:2]:
            typer.echo(f"  {fired.text}: {fired.confidence:.2f}")
    largest = sorted(answer.contributions.items(), key=lambda item: -abs(item[1]))[:5]
    typer.echo("  " + ", ".join(f"{name} {value:+.3f}" for name, value in largest))
