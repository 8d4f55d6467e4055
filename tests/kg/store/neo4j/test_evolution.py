"""Values stored in Neo4j become identifiers where the ontology says so, as in the other stores."""

from pathlib import Path

import pytest

from kg.errors import SchemaError
from kg.model.changes import ChangeSet, Put, RecordKey, Source
from kg.store.memory import MemoryStore
from tests.kg.store.neo4j.test_contract import fresh
from tests.kg.store.test_evolution import IDENTIFIED, NOW, PLAIN, PLOTS, firm, identifiers

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio]


async def test_stored_values_of_a_property_that_gains_a_scheme_are_identifiers(neo4j_url: str, tmp_path: Path) -> None:
    store, memory = await fresh(neo4j_url, PLAIN), MemoryStore(IDENTIFIED)
    for number, changes in enumerate(PLOTS):
        for one in (store, memory):
            await one.commit(ChangeSet(changes, sources=(Source("a"),)), now=NOW + number)
    assert "Firm: identifiers made again" in await store.migrate(IDENTIFIED)
    same = Put(RecordKey("b", "x"), "Firm", {"name": "Two", "plot": "B-02"})
    for one in (store, memory):
        assert (await one.commit(ChangeSet((same,), sources=(Source("b"),)), now=NOW + 10)).merged == 1
    assert await identifiers(store, tmp_path) == await identifiers(memory, tmp_path)
    assert await store.check() == ()
    await store.close()


async def test_values_that_would_identify_two_are_named(neo4j_url: str) -> None:
    store = await fresh(neo4j_url, PLAIN)
    puts = tuple(firm(str(n), name=f"F{n}", plot="A-01") for n in range(2))
    await store.commit(ChangeSet(puts, sources=(Source("a"),)), now=NOW)
    with pytest.raises(SchemaError, match="A-01"):
        await store.migrate(IDENTIFIED)
    assert (await store.commit(ChangeSet(puts), now=NOW + 1)).unchanged == 2
    await store.close()
