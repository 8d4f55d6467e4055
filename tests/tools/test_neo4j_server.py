"""The server that the tests marked ``neo4j`` run on."""

from pathlib import Path

import pytest
from neo4j import GraphDatabase

from tools.neo4j.server import LTS, Unavailable, java_for, main

pytestmark = pytest.mark.neo4j


def test_it_answers(neo4j_url: str) -> None:
    with GraphDatabase.driver(neo4j_url) as driver:
        records, _, _ = driver.execute_query(
            "CALL dbms.components() YIELD name, versions, edition WHERE name = 'Neo4j Kernel' "
            "RETURN versions[0], edition"
        )
    ((version, edition),) = map(tuple, records)
    assert (version, edition) == (version, "community")


def test_what_is_missing_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tools.neo4j.server.CACHE", tmp_path)
    monkeypatch.setattr("shutil.which", lambda name: None if name == "mvn" else f"/bin/{name}")
    assert main(["jars"]) == 1
    assert "mvn" in capsys.readouterr().err
    monkeypatch.setattr("tools.neo4j.server._java_version", lambda java: 8)
    with pytest.raises(Unavailable, match="Java"):
        java_for(LTS)
