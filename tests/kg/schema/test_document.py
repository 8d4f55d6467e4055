"""The pages of the ontology, and what `ontology check` reports about files."""

import re
from pathlib import Path

import pytest

from kg.schema.check_files import check, shipped_module
from kg.schema.document import document
from kg.schema.types import Datatype, Schema


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_is_on_the_page(schema: Schema, language: str) -> None:
    page = document(schema, language)
    for cls in schema.classes.values():
        assert f"\n#### {cls.name} · {cls.label.text(language)}\n" in page
        assert cls.definition.text(language) in page
    for relation in schema.relations.values():
        assert f"\n### {relation.name} · {relation.label.text(language)}\n" in page
        assert relation.definition.text(language) in page
    for scheme in schema.schemes.values():
        assert f"\n### {scheme.name} · {scheme.label.text(language)}\n" in page
        assert scheme.example in page
    for (_, name), held in schema.property_owners.items():
        assert f"| `{name}` | {held.label.text(language)} |" in page
    # Every row of a table has as many cells as its head.
    tables = re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE)
    assert len(tables) > 50
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_a_page_of_one_language_is_of_that_language(schema: Schema) -> None:
    chinese = "[一-鿿]"
    assert not re.search(chinese, document(schema, "en"))
    for line in document(schema, "zh").splitlines():
        if line.startswith(("#### ", "| `")):
            assert re.search(chinese, line), line


def test_rules_are_said(schema: Schema) -> None:
    page = document(schema, "en", ["industry", "organisation"])
    assert "`SAMPLE` (sample), `TESTING` (testing), `QUALIFIED` (qualified)" in page
    assert "part of the identity" in page
    assert "≥ 0; ≤ 1" in page
    assert "identifier: Unified social credit code; indexed" in page
    assert "weights 1 3 9 27" in page
    assert "from level 1" in page
    assert "#### Plot" not in page
    assert "\n### adcode" not in page
    assert set(Datatype) - {Datatype.ENTITY} <= {p.datatype for c in schema.classes.values() for p in c.properties}


def test_check_reports_and_goes_on(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.ttl", tmp_path / "bad.ttl"
    good.write_text(
        "@prefix park: <https://jingwei.example/ontology#> .\n"
        "@prefix : <https://example.org/mine#> .\n"
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        ':Crane a owl:Class ; rdfs:subClassOf park:Facility ; rdfs:label "Crane"@en , "起重机"@zh .\n',
        encoding="utf-8",
    )
    assert check([good]) == []
    assert check([]) == []
    bad.write_text(
        good.read_text(encoding="utf-8").replace(":Crane", ":塔吊") + ':Shed a owl:Class ; rdfs:label "Shed"@en .\n',
        encoding="utf-8",
    )
    found = check([tmp_path / "none.ttl", bad])
    assert [(Path(p.file).name, p.line, p.subject) for p in found] == [
        ("bad.ttl", 5, ":塔吊"),
        ("bad.ttl", 6, ":Shed"),
        ("none.ttl", 0, ""),
    ]
    assert 'jw:graphqlName "TaDiao"' in found[0].remedy
    assert all(p.remedy for p in found)
    assert not any(map(shipped_module, found))
    assert str(found[1]).startswith(f"{bad}:6: :Shed: has no label in Chinese. Add")


def test_a_clash_with_a_shipped_module_names_it(tmp_path: Path) -> None:
    mine = tmp_path / "mine.ttl"
    mine.write_text(
        "@prefix park: <https://jingwei.example/ontology#> .\n"
        "@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n"
        'park:Enterprise rdfs:label "Firm"@en .\n',
        encoding="utf-8",
    )
    (problem,) = check([mine])
    assert problem.subject == "park:Enterprise"
    assert "two texts in 'en'" in problem.message
