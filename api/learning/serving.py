"""Answers for readers: picks a model that the reader may be told of, and leaves out what the reader does not see."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from api.learning.models import Shelf, Trained, fits, not_before
from kg.errors import JingweiError, NotFound, QueryError, SettingsError
from kg.query.algebra import (
    Aligned,
    Field,
    Ids,
    Leaf,
    Meta,
    MetaName,
    Obj,
    One,
    Prop,
    Query,
    Root,
    Rows,
    Select,
    Step,
    Time,
)
from kg.schema.types import ROOT_CLASS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from api.learning.links import Links, Scored
    from api.learning.sites import Sites
    from kg.query.secure import Scope
    from kg.settings import Settings
    from kg.store.base import Store

_LEAST_LOOKED_UP: Final = 100


LATEST: Final = Time()


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, and as of when. `now`: the default valid instant."""

    scope: Scope
    now: int
    time: Time = LATEST


@dataclass(frozen=True, slots=True)
class Seen:
    """An entity as the reader sees it; `id` is the survivor's where it was merged."""

    id: str
    cls: str
    name: str


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that speaks for an answer: in words, with a path of entity ids and the relations along it."""

    text: str
    confidence: float
    support: int
    covered: int
    path: tuple[str, ...]
    via: tuple[str, ...]
    reaches: bool
    """The path ends in the answer."""


@dataclass(frozen=True, slots=True)
class LinkAnswer:
    subject: str
    relation: str
    object: str
    name: str
    score: float
    probability: float
    contributions: dict[str, float]
    rules: tuple[Fired, ...]
    model: Trained


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    place: str
    name: str
    kind: str
    score: float
    constant: float
    contributions: dict[str, float]
    evidence: tuple[str, ...]
    model: Trained


class Learned:
    """The models of one store, read when they are first asked."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.shelf = Shelf(settings)
        self._ready: dict[tuple[str, str], asyncio.Future[Any]] = {}

    # ------------------------------------------------------------ questions

    async def links(self, entity: str, relation: str, first: int, asking: Asking, model: str = "") -> list[LinkAnswer]:
        """The `first` likeliest new answers of `relation` (or of its inverse's name) for an entity, best first.

        Raises NotFound, QueryError, BeforeSplit, UnknownName, SchemaMismatch, ModelFileError.
        """
        step = self.store.schema.step(relation)
        if step is None:
            raise QueryError("There is no such relation", field="relation", value=relation)
        system, valid = await self._instants(asking)
        trained = await self._choose("links", model, asking.scope, system, valid)
        links: Links = await self._load(trained)
        from api.learning.links import candidates, query_of

        subject = await self._one(entity, asking)
        query = query_of(links, subject.id, step[0].name, out=step[1], valid=valid)
        ranked = await asyncio.to_thread(candidates, links, query)
        known = await self._ends(subject.id, step[0].name, step[1], asking)
        wanted = step[0].range if step[1] else step[0].domain
        chosen = await self._visible(ranked, wanted, known | {subject.id}, first, asking)
        return await self._told(links, query, subject.id, relation, chosen, asking)

    async def sites(self, enterprise: str, kind: str, first: int, asking: Asking, model: str = "") -> list[SiteAnswer]:
        """The `first` best places for the kind of an enterprise, or for a kind. Raises as `links` does."""
        if bool(enterprise) == bool(kind):
            raise QueryError(
                "Sites are scored for one enterprise or for one kind",
                field="enterprise",
                remedy="Give `enterprise` or `kind`, not both.",
            )
        system, valid = await self._instants(asking)
        trained = await self._choose("sites", model, asking.scope, system, valid)
        sites: Sites = await self._load(trained)
        from api.learning.sites import answer, kind_of

        asked = await self._one(enterprise or kind, asking)
        brand = kind_of(sites, asked.id) if enterprise else asked.id
        found = await asyncio.to_thread(answer, sites, brand)
        seen = await self.seen([s.place for s in found], asking)
        shown = [s for s in found if s.place in seen][:first]
        return [
            SiteAnswer(
                seen[s.place].id, seen[s.place].name, brand, s.score, s.constant, s.contributions, s.evidence, trained
            )
            for s in shown
        ]

    # ------------------------------------------------------------ models

    async def _instants(self, asking: Asking) -> tuple[int, int]:
        system, valid = asking.time.system, asking.time.valid
        latest = (await self.store.clock()).system
        return (
            latest if not isinstance(system, int) else system,
            asking.now if not isinstance(valid, int) else valid,
        )

    async def _choose(self, task: str, name: str, scope: Scope, system: int, valid: int) -> Trained:
        """The named model, else of those that may be told the one that saw most and, among these, the latest."""
        _check_installed()
        schema = self.store.schema
        # A name that the reader may not be told of is as good as none.
        all_of = await asyncio.to_thread(self.shelf.all) if not name or name in self.shelf.names() else ()
        told = [t for t in all_of if t.task == task and name in {"", t.name} and t.may_be_told(scope, schema)]
        if not told:
            raise NotFound(
                f"There is no model of {task} whose sources this reader sees",
                field="model",
                value=name or None,
                remedy=f"Train one as this reader: jingwei ml train --task {task} --level N --class …; a reader with "
                "conditions on rows cannot be answered.",
            )
        fitting = [t for t in told if t.schema_hash == schema.hash and t.system <= system] or told
        chosen = max(fitting, key=lambda t: (t.level, t.system, t.name))
        fits(chosen, schema.hash)
        not_before(chosen, system, valid, temporal=len(chosen.valids) > 1)
        return chosen

    async def _load(self, trained: Trained) -> Any:
        """The model, ready. Who waits for it may go away: it is made once, for all who ask."""
        key = (trained.name, trained.version)
        if key not in self._ready:
            from api.learning import links, sites

            made: Any = links if trained.task == "links" else sites
            self._ready = {k: v for k, v in self._ready.items() if k[0] != trained.name}
            self._ready[key] = asyncio.ensure_future(made.load(self.store, self.shelf, trained))
        try:
            return await asyncio.shield(self._ready[key])
        except JingweiError:
            self._ready.pop(key, None)
            raise

    # ------------------------------------------------------------ what the reader sees

    async def _one(self, entity: str, asking: Asking) -> Seen:
        found = await self.seen([entity], asking)
        if entity not in found:
            raise NotFound("There is no such entity", field="entity", value=entity, remedy="Find it by `search`.")
        return found[entity]

    async def seen(self, ids: Sequence[str], asking: Asking) -> dict[str, Seen]:
        """Those that the reader sees at the instants, by the id asked for."""
        if not ids:
            return {}
        leaves = [Field("id", Leaf(Meta(MetaName.ID))), Field("class", Leaf(Meta(MetaName.CLASS)))]
        if self.store.schema.classes[ROOT_CLASS].property("name") is not None:
            leaves.append(Field("name", Leaf(Prop("name"))))
        select = Select(Ids(ROOT_CLASS, tuple(ids)), Aligned(Obj(tuple(leaves))))
        rows = (await self._ask(select, asking))["rows"]
        return {
            asked: Seen(row["id"], row["class"], row.get("name") or row["id"])
            for asked, row in zip(ids, rows, strict=True)
            if row is not None
        }

    async def _ends(self, entity: str, relation: str, out: bool, asking: Asking) -> set[str]:
        """Who is related already, as the reader sees it."""
        declared = self.store.schema.relations[relation]
        ends = Select(
            Step(relation, out, declared.range if out else declared.domain),
            Rows(Obj((Field("id", Leaf(Meta(MetaName.ID))),))),
        )
        select = Select(Ids(ROOT_CLASS, (entity,)), One(Obj((Field("ends", ends),))))
        row = (await self._ask(select, asking))["rows"]
        return {end["id"] for end in row["ends"]} if row else set()

    async def _ask(self, select: Select, asking: Asking) -> Any:
        query = Query((Root("rows", select),), now=asking.now, time=asking.time)
        return orjson.loads(await self.store.execute(query, asking.scope))

    async def _visible(
        self, ranked: Sequence[Scored], cls: str, known: set[str], first: int, asking: Asking
    ) -> list[tuple[Scored, Seen]]:
        """The first candidates that exist for the reader, are of the class that the relation leads to, and are new."""
        out: list[tuple[Scored, Seen]] = []
        taken = set(known)
        size = max(4 * first, _LEAST_LOOKED_UP)
        for start in range(0, len(ranked), size):
            if len(out) >= first:
                break
            part = ranked[start : start + size]
            seen = await self.seen([c.entity for c in part], asking)
            for candidate in part:
                found = seen.get(candidate.entity)
                if found and found.id not in taken and self.store.schema.is_a(found.cls, cls):
                    taken.add(found.id)
                    out.append((candidate, found))
        return out[:first]

    async def _told(
        self, links: Links, query: Any, subject: str, relation: str, chosen: list[tuple[Scored, Seen]], asking: Asking
    ) -> list[LinkAnswer]:
        from api.learning.links import reasons
        from kg.ml.links.rules.model import rule_text

        graph = links.graph
        why = [await asyncio.to_thread(reasons, links, query, candidate.entity) for candidate, _ in chosen]
        constants = {
            graph.entities[i]
            for found in why
            for fired in found.rules
            for i in (fired.rule.tail, fired.rule.end)
            if i is not None
        }
        names = {key: seen.name for key, seen in (await self.seen(sorted(constants), asking)).items()}
        return [
            LinkAnswer(
                subject,
                relation,
                seen.id,
                seen.name,
                candidate.score,
                candidate.probability,
                found.contributions,
                tuple(
                    Fired(
                        rule_text(fired.rule, graph, names),
                        fired.rule.confidence,
                        fired.rule.support,
                        fired.rule.covered,
                        fired.path,
                        self._via(graph.relations, fired.rule.body),
                        fired.rule.is_cyclic,
                    )
                    for fired in found.rules
                ),
                links.trained,
            )
            for (candidate, seen), found in zip(chosen, why, strict=True)
        ]

    def _via(self, relations: Sequence[str], body: Sequence[int]) -> tuple[str, ...]:
        n = len(relations)
        names = (relations[r % n] for r in body)
        return tuple(
            name if r < n else (self.store.schema.relations[name].inverse or name)
            for r, name in zip(body, names, strict=True)
        )


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("sklearn") is None:
        raise SettingsError("Learning needs scikit-learn", remedy="Install it: pip install 'jingwei[ml]'.")
