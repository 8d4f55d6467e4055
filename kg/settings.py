"""Settings: ``JINGWEI_*`` variables over a TOML file over the defaults below; the only reader of the environment.

The file is the one that ``JINGWEI_CONFIG`` names, else ``jingwei.toml`` in the working folder where there is one. Its
keys are the field names of :class:`Settings`; a variable is the same name in capitals after ``JINGWEI_``. A name that
is no setting is an error with a suggestion, since a misspelt limit would otherwise be no limit.
"""

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from kg.errors import SettingsError

PREFIX: Final = "JINGWEI_"
CONFIG_VARIABLE: Final = "JINGWEI_CONFIG"
CONFIG_FILE: Final = "jingwei.toml"


def _paths(value: object) -> object:
    """A variable holds several paths joined as in ``PATH``; a file holds a list."""
    return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (LookupError, ValueError, OSError) as error:
            message = "not a time zone of the IANA database, such as Asia/Shanghai or UTC"
            raise ValueError(message) from error
    return value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Settings(BaseModel):
    """What a process of Jingwei may be told from outside. Relative paths count from the working folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    store: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+]*:")] = Field(
        default="sqlite:///jingwei.db",
        description="The store, as a URL: `sqlite:///park.db`, `sqlite:////srv/park.db`, `memory:`, or a Neo4j server: "
        "`neo4j://host:7687`, `neo4j+s://host:7687` with TLS, `bolt://…` without routing. No credentials in it.",
    )
    ontology: Annotated[tuple[Path, ...], BeforeValidator(_paths)] = Field(
        default=(),
        description="Turtle modules of your own, files or folders, read after those that ship with Jingwei. "
        "A list in the file; joined by `:` (`;` on Windows) in the variable.",
    )
    data_dir: Path = Field(
        default=Path("var"),
        description="Folder for what Jingwei writes beside the store: audit file, dead letters, generated secrets.",
    )
    models: Path | None = Field(
        default=None,
        description="Folder of the models that `jingwei ml train` makes. When unset: `park.db.models` beside a SQLite "
        "store `park.db`, else a folder in `data_dir`.",
    )
    cache_dir: Path = Field(
        default=Path("var/cache"),
        description="Folder for what can be made again: compiled schemas. It may be emptied at any time.",
    )
    timezone: Annotated[str, BeforeValidator(_zone)] = Field(
        default="Asia/Shanghai",
        description="IANA time zone of dates and local times in sources that name none.",
    )
    author: str = Field(
        default="",
        description="Name under which commands commit, where `--author` does not say it. When unset: the name of the "
        "operating system's user.",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="Address that `jingwei serve` listens on.")
    port: int = Field(
        default=8000, ge=0, le=65535, description="Port that `jingwei serve` listens on; 0 takes a free one."
    )
    demo: bool = Field(
        default=False,
        description="Open access without keys, reading and writing everything. Refused unless `host` is a loopback "
        "address.",
    )
    grants: Path | None = Field(
        default=None,
        description="File of grants: which API key may see and do what. Without it every request is refused, "
        "except in the demo.",
    )
    cursor_secret: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Key that seals page cursors, at least 16 characters. When unset, one is generated and kept beside "
        "the store; set it where several processes serve one store.",
    )
    neo4j_user: str = Field(default="", description="User at the Neo4j server; unset, none is named.")
    neo4j_password: SecretStr | None = Field(default=None, description="That user's password. It is never logged.")
    neo4j_database: str = Field(
        default="", description="Database of the Neo4j server that is the store; unset, the user's home database."
    )
    neo4j_ca: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the Neo4j server's certificate, where the system does not "
        "know it; the URL is then `neo4j://` or `bolt://`, and the connection encrypted all the same.",
    )
    neo4j_pool: int = Field(default=50, ge=2, description="Most connections of one process to the Neo4j server.")
    type_prefix: Annotated[str, Field(pattern=r"^([A-Z][A-Za-z0-9]*)?$")] = Field(
        default="",
        description="Put before every GraphQL type name, for a supergraph in which `Product` or `Event` collide.",
    )
    field_prefix: Annotated[str, Field(pattern=r"^([a-z][A-Za-z0-9]*)?$")] = Field(
        default="", description="Put before every GraphQL root field name, for the same reason."
    )
    max_depth: int = Field(default=12, ge=1, description="Deepest nesting of relations that a request may ask for.")
    max_cost: int = Field(
        default=200_000,
        ge=1,
        description="Most values that a request may ask for, bounded from its page sizes before any statement runs.",
    )
    max_aliases: int = Field(default=60, ge=1, description="Most aliases in one request.")
    max_tokens: int = Field(default=10_000, ge=1, description="Most tokens in the text of one request.")
    max_directives: int = Field(default=50, ge=0, description="Most directives in one request.")
    max_batch: int = Field(default=10, ge=1, description="Most operations in one HTTP request.")
    max_representations: int = Field(
        default=1000,
        ge=1,
        description="Most representations in one `_entities` field, and identifiers in one `lookup`.",
    )
    max_page_size: int = Field(default=1000, ge=1, description="Largest page of a connection.")
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, description="Largest request body, in bytes.")
    statement_timeout_seconds: float = Field(
        default=10.0, gt=0, le=3600, description="A statement of one request is stopped after this many seconds."
    )
    scan_timeout_seconds: float = Field(
        default=600.0,
        gt=0,
        description="A statement of a scan on Neo4j, of some thousand entities, is stopped after this many seconds.",
    )
    commit_timeout_seconds: float = Field(
        default=600.0, gt=0,
        description="A commit, backup or check on Neo4j is stopped after this many seconds, and nothing of it stays.",
    )  # fmt: skip
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        default="INFO", description="Least severity that is logged."
    )

    @model_validator(mode="after")
    def _demo_stays_on_loopback(self) -> Self:
        if self.demo and not is_loopback(self.host):
            message = "demo opens everything to everybody, and is refused on an address that others can reach"
            raise ValueError(message)
        return self


def is_loopback(host: str) -> bool:
    """Whether ``host`` (an address or ``localhost``) can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def variable(field: str) -> str:
    """The environment variable of a field of :class:`Settings`."""
    return PREFIX + field.upper()


def read_settings(
    overrides: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Settings:
    """Settings from the defaults, the TOML file, the environment and ``overrides``, the later winning.

    ``overrides`` are field names with values, for the options of a command; None there means "not given". ``environ``
    and ``folder`` (where ``jingwei.toml`` is looked for) default to those of the process.

    Raises:
        SettingsError: an unknown name, a value that is refused, a file that is missing or is not TOML.
    """
    if environ is None:
        environ = os.environ  # noqa: TID251  # the one place
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    file = _config_file(environ, folder or Path())
    layers = [_environment(environ), ("command line", {k: v for k, v in (overrides or {}).items() if v is not None})]
    if file is not None:
        layers.insert(0, (str(file), _toml(file)))
    for source, layer in layers:
        for name, value in layer.items():
            if name not in Settings.model_fields:
                raise _unknown(source, name, name, Settings.model_fields)
            values[name] = value
            sources[name] = variable(name) if source == "environment" else source
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise _refused(error, sources) from None


def settings_page() -> str:
    """``docs/settings.md``: every setting with its variable, default and meaning."""
    rows = [
        f"| `{name}` | `{variable(name)}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings\n\n"
        "<!-- Generated from kg/settings.py by `make docs`; a test compares. -->\n\n"
        "A setting is read from its environment variable, else from a TOML file, else it has its default. The file is\n"
        f"the one that `{CONFIG_VARIABLE}` names, else `{CONFIG_FILE}` in the working folder; its keys are the names\n"
        "below. Options of a command (`--store`, `--port`) win over both. A variable that starts with "
        f"`{PREFIX}`, or a\nkey, that is not listed here is an error.\n\n"
        "| name | variable | default | meaning |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n"
    )


def _default(field: FieldInfo) -> str:
    value: object = field.default
    if value is None or value in ((), ""):
        return "unset"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _config_file(environ: Mapping[str, str], folder: Path) -> Path | None:
    named = environ.get(CONFIG_VARIABLE, "")
    if not named:
        usual = folder / CONFIG_FILE
        return usual if usual.is_file() else None
    path = folder / named
    if not path.is_file():
        raise SettingsError(
            "The settings file does not exist",
            where=CONFIG_VARIABLE,
            value=named,
            remedy=f"Name a TOML file, or unset {CONFIG_VARIABLE}.",
        )
    return path


def _toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The settings file is not TOML: {error}",
            where=str(file),
            remedy='Write lines such as: port = 8000 or host = "::1".',
        ) from error
    except OSError as error:
        raise SettingsError(f"The settings file cannot be read: {error.strerror}", where=str(file)) from error


def _environment(environ: Mapping[str, str]) -> tuple[str, dict[str, object]]:
    known = {variable(name): name for name in Settings.model_fields}
    found: dict[str, object] = {}
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or name == CONFIG_VARIABLE:
            continue
        if name not in known:
            raise _unknown("environment", name, name, [*known, CONFIG_VARIABLE])
        found[known[name]] = value
    return "environment", found


def _unknown(source: str, field: str, name: str, known: Mapping[str, object] | list[str]) -> SettingsError:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    guess = f"Did you mean {near[0]}? " if near else ""
    return SettingsError(
        "There is no such setting", where=source, field=field, remedy=f"{guess}docs/settings.md lists all."
    )


def _refused(error: ValidationError, sources: Mapping[str, str]) -> SettingsError:
    first = error.errors(include_url=False)[0]
    # A rule over several fields has no place of its own; it is about the demo.
    name = str(first["loc"][0]) if first["loc"] else "demo"
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    # The value of a secret must not reach a log.
    shown = None if name.endswith(("secret", "password")) or not first["loc"] else first["input"]
    return SettingsError(
        f"A setting is refused: {reason[:1].lower()}{reason[1:]}",
        where=sources.get(name, "default"),
        field=name,
        value=shown,
        remedy=f"Meaning: {Settings.model_fields[name].description}",
    )
