"""Texts that rows name by number: entities, sources, runs, attributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from kg.model.changes import Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import apsw


def keys_json(values: Collection[object]) -> str:
    """One parameter for many keys, read in the statement by json_each."""
    return orjson.dumps(list(values)).decode()


class Names:
    """One write transaction's view of them. Reads the small tables whole, entities as asked."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._next_entity = 0
        self.entities: dict[str, int] = {}
        self.fresh: set[int] = set()  # keys minted here: nothing is stored of them yet
        self.sources: dict[str, int] = {}
        self.source_ids: dict[int, str] = {}
        self.source_rows: dict[str, Source] = {}
        for key, name, label, priority, level, timezone in db.execute(
            "select key, id, label, priority, level, timezone from source"
        ):
            self.sources[name] = key
            self.source_ids[key] = name
            self.source_rows[name] = Source(name, label, priority, level, timezone)
        self._runs: dict[str, int] = {}
        self._run_ids: dict[int, str] = {}
        self._attributions: dict[str, int] = {}
        self._only: dict[str, int] = {}
        self._attribution_maps: dict[int, Mapping[str, str]] = {}

    def put_sources(self, sources: Iterable[Source]) -> None:
        for source in sources:
            self._db.execute(
                "insert into source (id, label, priority, level, timezone) values (?, ?, ?, ?, ?) on conflict (id) do "
                "update set label = excluded.label, priority = excluded.priority, level = excluded.level, "
                "timezone = excluded.timezone",
                (source.id, source.label, source.priority, source.level, source.timezone),
            )
            if source.id not in self.sources:
                key = self._db.last_insert_rowid()
                self.sources[source.id] = key
                self.source_ids[key] = source.id
            self.source_rows[source.id] = source

    def source(self, name: str) -> int:
        """Its number; a source that nobody declared is one with the defaults."""
        key = self.sources.get(name)
        if key is None:
            self.put_sources((Source(name),))
            key = self.sources[name]
        return key

    def run(self, name: str) -> int:
        key = self._runs.get(name)
        if key is None:
            found = self._db.execute("select key from run where id = ?", (name,)).get
            if found is None:
                self._db.execute("insert into run (id) values (?)", (name,))
                found = self._db.last_insert_rowid()
            key = self._runs[name] = int(found)
        return key

    def run_id(self, key: int) -> str:
        name = self._run_ids.get(key)
        if name is None:
            name = self._run_ids[key] = str(self._db.execute("select id from run where key = ?", (key,)).get)
        return name

    def attribution(self, sources: Mapping[str, str]) -> int:
        if len(sources) == 1 and "" in sources:  # the common case: one source says all
            only = sources[""]
            key = self._only.get(only)
            if key is None:
                key = self._only[only] = self._attribution(sources)
            return key
        return self._attribution(sources)

    def _attribution(self, sources: Mapping[str, str]) -> int:
        text = orjson.dumps(dict(sources), option=orjson.OPT_SORT_KEYS).decode()
        key = self._attributions.get(text)
        if key is None:
            found = self._db.execute("select key from attribution where sources = ?", (text,)).get
            if found is None:
                self._db.execute("insert into attribution (sources) values (?)", (text,))
                found = self._db.last_insert_rowid()
            key = self._attributions[text] = int(found)
        return key

    def attributed(self, key: int) -> Mapping[str, str]:
        known = self._attribution_maps.get(key)
        if known is None:
            text = self._db.execute("select sources from attribution where key = ?", (key,)).get
            known = self._attribution_maps[key] = orjson.loads(text)
        return known

    def mint(self, ids: Collection[str]) -> None:
        """Makes `entities` know all these ids, with new keys for new ones."""
        unknown = [i for i in ids if i not in self.entities]
        if not unknown:
            return
        wanted = dict.fromkeys(unknown)
        for name, key in self._db.execute(
            "select e.id, e.key from json_each(?) j cross join entity e on e.id = j.value", (keys_json(list(wanted)),)
        ):
            self.entities[name] = key
            del wanted[name]
        if wanted:
            if not self._next_entity:
                self._next_entity = int(self._db.execute("select coalesce(max(key), 0) + 1 from entity").get)
            new = list(zip(wanted, range(self._next_entity, self._next_entity + len(wanted)), strict=True))
            self._db.executemany("insert into entity (id, key) values (?, ?)", new)
            self._next_entity += len(new)
            self.entities.update(new)
            self.fresh.update(key for _, key in new)
