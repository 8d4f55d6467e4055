"""The grants file and the audit file."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from api.auth.audit import Audit, of_text
from api.auth.grants import new_key, read_grants
from kg.errors import AccessDenied, SettingsError
from kg.query.algebra import Cmp, Comparison, Const, Prop

if TYPE_CHECKING:
    from pathlib import Path

    from api.graphql.schema import GraphQLApi

HASH = "sha256:" + "ab" * 32


def test_a_key_opens_its_grant(tmp_path: Path, api: GraphQLApi) -> None:
    key, stored = new_key()
    file = tmp_path / "grants.toml"
    file.write_text(
        f"""
        [[grant]]
        name = "office"
        keys = ["{stored}"]
        level = 1
        classes = ["Organisation", "Plot"]
        rows.Enterprise = {{status = {{eq = "active"}}}}
        masks.Enterprise = ["revenue"]
        """
    )
    grant = read_grants(file, api).of(key)
    assert grant.name == "office"
    assert grant.scope.level == 1
    assert grant.scope.classes == frozenset({"Organisation", "Plot"})
    assert grant.scope.rows == {"Enterprise": Cmp(Comparison.EQ, Prop("status"), Const("active"))}
    assert grant.scope.masks == {"Enterprise": frozenset({"revenue"})}
    with pytest.raises(AccessDenied):
        read_grants(file, api).of(key + "x")


def test_yaml_is_read_too(tmp_path: Path, api: GraphQLApi) -> None:
    key, stored = new_key()
    file = tmp_path / "grants.yaml"
    file.write_text(f"grant:\n  - name: public\n    keys: ['{stored}']\n")
    assert read_grants(file, api).of(key).scope.level == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[grant]]", "name"),
        ('[[grant]]\nname = "a"\nkeys = []', "keys"),
        ('[[grant]]\nname = "a"\nkeys = ["jw_plain"]', "sha256:"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\nlevels = 1', "levels"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\nlevel = 4', "level"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\nclasses = ["Firm"]', "Firm"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\nmasks.Plot = ["revenue"]', "revenue"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\nrows.Plot = {{aera = {{gt = 1}}}}', "area"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\nrows.Plot = {{}}', "nothing"),
        (f'[[grant]]\nname = "a"\nkeys = ["{HASH}"]\n[[grant]]\nname = "b"\nkeys = ["{HASH}"]', "two places"),
        ("grant = [", "parsed"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, api: GraphQLApi, text: str, says: str) -> None:
    file = tmp_path / "grants.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_grants(file, api)
    assert says in str(caught.value)
    assert "jw_plain" not in str(caught.value)
    assert str(file) in caught.value.where


def test_a_missing_file_is_refused(tmp_path: Path, api: GraphQLApi) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_grants(tmp_path / "none.toml", api)


def test_the_audit_file_grows_and_is_private(tmp_path: Path) -> None:
    audits = [Audit(tmp_path / "var"), Audit(tmp_path / "var")]
    for number, audit in enumerate(audits):
        audit.write({"number": number, **of_text("{ x }" * 1000)})
        audit.close()
        audit.close()
    lines = audits[0].path.read_text().splitlines()
    assert len(lines) == 2
    assert all(len(line) < 2200 for line in lines)
    assert stat.S_IMODE(audits[0].path.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_an_error_at_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="audit"):
        Audit(tmp_path / "file")
