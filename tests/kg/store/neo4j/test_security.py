"""A server with a password and TLS: who is let in, and that no secret is told."""

from __future__ import annotations

import ipaddress
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from neo4j import AsyncGraphDatabase
from pydantic import SecretStr

from kg.errors import StoreError, StoreUnavailable
from kg.model.changes import ChangeSet
from kg.settings import Settings
from kg.store.open import open_store
from kg.testing.contract import firm
from kg.testing.machine import FIRM_SCHEMA, SOURCES
from tests.kg.store.neo4j.test_commits import NOW
from tools.neo4j.server import LTS, Unavailable, start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tools.neo4j.server import Server

pytestmark = [pytest.mark.neo4j, pytest.mark.anyio, pytest.mark.timeout(600)]
PASSWORD = "correct-horse-经纬"


def certificate(folder: Path) -> Path:
    """Made for this address, signed by nobody that the system knows."""
    folder.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pkcs8 = serialization.PrivateFormat.PKCS8
    (folder / "private.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    )
    public = folder / "public.crt"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return public


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[tuple[Server, Path]]:
    home = tmp_path_factory.mktemp("locked")
    authority = certificate(home / "certificates/bolt")
    policy = {
        "enabled": "true", "base_directory": "certificates/bolt", "private_key": "private.key",
        "public_certificate": "public.crt", "client_auth": "NONE",
    }  # fmt: skip
    more = {f"dbms.ssl.policy.bolt.{name}": value for name, value in policy.items()}
    more |= {"dbms.security.auth_enabled": "true", "server.bolt.tls_level": "REQUIRED"}
    try:
        server = start(home, version=request.config.getoption("--neo4j-version") or LTS, more=more)
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        yield server, authority
    finally:
        server.stop()


async def test_a_password_and_tls(
    locked: tuple[Server, Path], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    server, authority = locked
    caplog.set_level(logging.DEBUG)
    first = server.url.replace("bolt://", "bolt+ssc://")
    async with AsyncGraphDatabase.driver(first, auth=("neo4j", "neo4j")) as driver:
        await driver.execute_query(
            "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $password", password=PASSWORD, database_="system"
        )
    caplog.clear()
    right = Settings(neo4j_user="neo4j", neo4j_password=SecretStr(PASSWORD), neo4j_ca=authority)
    told = [repr(right), str(right), right.model_dump_json()]
    async with await open_store(server.url, FIRM_SCHEMA, settings=right) as store:
        receipt = await store.commit(ChangeSet((firm("a/1", name="A"),), sources=tuple(SOURCES.values())), now=NOW)
        assert receipt.seq == 1
        told += [repr(store.link), repr(store.link.access)]  # type: ignore[attr-defined]
    async with await open_store(server.url.replace("bolt", "neo4j", 1), FIRM_SCHEMA, settings=right) as store:
        assert (await store.clock()).seq == 1
    wrong = right.model_copy(update={"neo4j_password": SecretStr(PASSWORD + "!")})
    nobody = right.model_copy(update={"neo4j_user": "", "neo4j_password": None})
    for settings in (wrong, nobody):
        with pytest.raises(StoreError, match="JINGWEI_NEO4J_PASSWORD") as caught:
            await open_store(server.url, FIRM_SCHEMA, settings=settings)
        told.append(str(caught.value))
    # A server whose certificate nobody vouches for, and one that wants TLS and is not offered it.
    hasty = {"neo4j_ca": None, "statement_timeout_seconds": 1.0}
    for url in (server.url.replace("bolt://", "bolt+s://"), server.url):
        with pytest.raises(StoreUnavailable) as refused:
            await open_store(url, FIRM_SCHEMA, settings=right.model_copy(update=hasty))
        told.append(str(refused.value))
    told += [caplog.text, *capfd.readouterr()]
    assert "correct-horse" not in "\n".join(told)
    assert "neo4j" in caplog.text, "nothing was logged, so that nothing was looked at"
