"""Settings: every one documented, read from each source, refused with a reason."""

import os
from pathlib import Path

import pytest

from kg.errors import SettingsError
from kg.settings import PREFIX, Settings, is_loopback, read_settings, settings_page, variable

# One acceptable value, not the default, for each setting: as the text of a variable, and as what it becomes.
EXAMPLES: dict[str, tuple[str, object]] = {
    "store": ("memory:", "memory:"),
    "ontology": (f"a.ttl{os.pathsep}more/b.ttl", (Path("a.ttl"), Path("more/b.ttl"))),
    "data_dir": ("/srv/jingwei", Path("/srv/jingwei")),
    "models": ("/srv/models", Path("/srv/models")),
    "cache_dir": ("/tmp/cache", Path("/tmp/cache")),
    "timezone": ("Asia/Urumqi", "Asia/Urumqi"),
    "author": ("李工", "李工"),
    "host": ("::1", "::1"),
    "port": ("0", 0),
    "demo": ("true", True),
    "grants": ("grants.toml", Path("grants.toml")),
    "cursor_secret": ("0123456789abcdef", "0123456789abcdef"),
    "neo4j_user": ("jingwei", "jingwei"),
    "neo4j_password": ("hush", "hush"),
    "neo4j_database": ("park", "park"),
    "neo4j_ca": ("/etc/ca.pem", Path("/etc/ca.pem")),
    "neo4j_pool": ("4", 4),
    "type_prefix": ("Park", "Park"),
    "field_prefix": ("park", "park"),
    "max_depth": ("3", 3),
    "max_cost": ("1000", 1000),
    "max_aliases": ("5", 5),
    "max_tokens": ("700", 700),
    "max_directives": ("0", 0),
    "max_batch": ("1", 1),
    "max_representations": ("20", 20),
    "max_page_size": ("100", 100),
    "max_body_bytes": ("4096", 4096),
    "statement_timeout_seconds": ("2.5", 2.5),
    "scan_timeout_seconds": ("7200", 7200.0),
    "commit_timeout_seconds": ("60", 60.0),
    "log_level": ("debug", "DEBUG"),
}

REFUSED: dict[str, str] = {
    "store": "park.db",
    "timezone": "Asia/Peking",
    "host": "",
    "port": "65536",
    "demo": "perhaps",
    "cursor_secret": "short",
    "neo4j_pool": "1",
    "type_prefix": "park",
    "field_prefix": "Park",
    "max_depth": "0",
    "max_cost": "many",
    "max_aliases": "0",
    "max_tokens": "-1",
    "max_directives": "-1",
    "max_batch": "0",
    "max_representations": "0",
    "max_page_size": "0",
    "max_body_bytes": "10",
    "statement_timeout_seconds": "nan",
    "scan_timeout_seconds": "0",
    "commit_timeout_seconds": "nan",
    "log_level": "LOUD",
}


def plain(settings: Settings, name: str) -> object:
    value = getattr(settings, name)
    return value.get_secret_value() if name in {"cursor_secret", "neo4j_password"} and value is not None else value


def test_every_setting_is_described_and_has_an_example() -> None:
    assert set(EXAMPLES) == set(Settings.model_fields)
    for name, field in Settings.model_fields.items():
        assert field.description is not None, name
        assert field.description.endswith("."), name


def test_the_page_is_the_one_generated() -> None:
    page = Path(__file__).parents[2] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(), "run `make docs`"
    for name in Settings.model_fields:
        assert f"| `{name}` | `{variable(name)}` |" in settings_page()


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_variable_is_read(name: str, tmp_path: Path) -> None:
    text, value = EXAMPLES[name]
    read = read_settings(environ={variable(name): text}, folder=tmp_path)
    assert plain(read, name) == value
    default = read_settings(environ={}, folder=tmp_path)
    assert plain(default, name) != value
    assert [other for other in EXAMPLES if plain(read, other) != plain(default, other)] == [name]


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_value_is_refused_with_its_source(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ={variable(name): REFUSED[name]}, folder=tmp_path)
    assert caught.value.field == name
    assert caught.value.where == variable(name)
    assert caught.value.remedy


def test_environment_wins_over_file_and_command_line_over_both(tmp_path: Path) -> None:
    (tmp_path / "jingwei.toml").write_text('port = 1\nhost = "::1"\nmax_depth = 3\nontology = ["a.ttl"]\n')
    read = read_settings(
        {"port": 9, "host": None}, environ={"JINGWEI_PORT": "2", "JINGWEI_MAX_DEPTH": "4"}, folder=tmp_path
    )
    assert (read.port, read.host, read.max_depth, read.ontology) == (9, "::1", 4, (Path("a.ttl"),))


def test_a_named_file_is_read_instead_of_the_usual_one(tmp_path: Path) -> None:
    (tmp_path / "jingwei.toml").write_text("port = 1\n")
    (tmp_path / "other.toml").write_text("max_depth = 3\n")
    read = read_settings(environ={"JINGWEI_CONFIG": "other.toml"}, folder=tmp_path)
    assert (read.port, read.max_depth) == (8000, 3)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist") as caught:
        read_settings(environ={"JINGWEI_CONFIG": "gone.toml"}, folder=tmp_path)
    assert caught.value.value == "gone.toml"


@pytest.mark.parametrize("content", [b"port: 8000\n", b"\xff\xfe\x00"])
def test_a_file_that_is_not_toml_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "jingwei.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"not TOML.*jingwei\.toml"):
        read_settings(environ={}, folder=tmp_path)


def test_an_unknown_variable_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean JINGWEI_MAX_DEPTH") as caught:
        read_settings(environ={"JINGWEI_MAX_DEPHT": "4"}, folder=tmp_path)
    assert caught.value.field == "JINGWEI_MAX_DEPHT"


def test_an_unknown_key_in_the_file_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "jingwei.toml").write_text("max_dept = 4\n")
    with pytest.raises(SettingsError, match="Did you mean max_depth") as caught:
        read_settings(environ={}, folder=tmp_path)
    assert caught.value.where.endswith("jingwei.toml")


def test_a_secret_never_shows(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(environ={"JINGWEI_CURSOR_SECRET": "hunter2"}, folder=tmp_path)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in str(caught.value.as_dict())
    read = read_settings(environ={"JINGWEI_CURSOR_SECRET": "correct horse battery"}, folder=tmp_path)
    assert "correct" not in repr(read)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "park.example"])
def test_the_demo_stays_on_loopback(host: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="others can reach"):
        read_settings({"demo": True, "host": host}, environ={}, folder=tmp_path)
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


def test_other_variables_are_nobodys_business(tmp_path: Path) -> None:
    assert read_settings(environ={"PATH": "/bin", "JING": "1"}, folder=tmp_path) == Settings()
    assert PREFIX == "JINGWEI_"


def test_settings_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]
