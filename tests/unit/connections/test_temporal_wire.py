"""What goes over the wire to Temporal: TLS with certificates of both sides, and never an API key in clear text."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from perdure.config.loader import load_settings
from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client
from perdure.connections.temporal_refusals import failure_text
from perdure.errors import SetupError
from tests.support.ports import free_port
from tests.support.secret_file import write_secret
from tests.support.temporal_server import temporal_server
from tests.support.tls_proxy import tls_proxy

KEY = "api-k3y-of-the-house"
HANDSHAKE = b"\x16\x03"  # RFC 8446, 5.1: a record of a handshake
HTTP = b"PRI * HTTP/2.0"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the key, and without any configuration of Temporal's."""
    for name in ("ADDRESS", "NAMESPACE", "API_KEY", "PROFILE", "CONFIG_FILE", "TLS"):
        monkeypatch.delenv(f"TEMPORAL_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_secret(tmp_path / "key", KEY)
    return tmp_path


@asynccontextmanager
async def recorder() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Listen without TLS, record what comes first, and hang up."""
    recorded: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recorded.append(await reader.read(65_536))
        writer.close()

    async with await asyncio.start_server(record, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], recorded


def settings(port: int, **fields: Any) -> TemporalSettings:
    return TemporalSettings.model_validate({"port": port, **fields})


async def sent(given: TemporalSettings) -> None:
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(open_client(given), 60)


async def test_an_api_key_never_goes_in_clear_text(folder: Path) -> None:
    async with recorder() as (port, recorded):
        await sent(settings(port))
        assert recorded
        assert all(it.startswith(HTTP) for it in recorded)  # without a key nothing asks for TLS

        recorded.clear()
        await sent(settings(port, api_key_file=folder / "key"))
        assert recorded
        assert all(it.startswith(HANDSHAKE) and KEY.encode() not in it for it in recorded)


@pytest.mark.usefixtures("folder")
async def test_an_api_key_of_temporals_own_configuration_never_goes_in_clear_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with recorder() as (port, recorded):
        monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{port}")
        monkeypatch.setenv("TEMPORAL_NAMESPACE", "house")
        monkeypatch.setenv("TEMPORAL_API_KEY", KEY)
        found = load_settings(execution_engine="temporal").temporal
        assert (found.host, found.port, found.namespace, found.environment) == ("127.0.0.1", port, "house", True)
        assert KEY not in found.model_dump_json()

        await sent(found)
        assert recorded
        assert all(it.startswith(HANDSHAKE) for it in recorded)
        recorded.clear()
        monkeypatch.setenv("TEMPORAL_TLS", "false")
        with pytest.raises(SetupError, match="never sent without TLS") as refused:
            await open_client(found)
    assert KEY not in str(refused.value)
    assert not recorded


@pytest.mark.usefixtures("folder")
def test_a_key_without_tls_is_refused_in_the_configuration() -> None:
    with pytest.raises(ValidationError, match="never sent without TLS"):
        settings(1, api_key_file="key", tls={"enabled": False})


def test_a_profile_is_honoured_and_what_perdure_configures_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profiles = folder / "temporal.toml"
    profiles.write_text('[profile.prod]\naddress = "cloud.example:7234"\nnamespace = "prod.a"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profiles))
    monkeypatch.setenv("TEMPORAL_PROFILE", "prod")

    found = load_settings(execution_engine="temporal").temporal
    assert (found.host, found.port, found.namespace) == ("cloud.example", 7234, "prod.a")
    own = load_settings(execution_engine="temporal", temporal={"namespace": "mine"}).temporal
    assert (own.host, own.namespace) == ("cloud.example", "mine")
    other = load_settings(execution_engine="temporal", temporal={"host": "here"}).temporal
    assert (other.host, other.namespace, other.environment) == ("here", "default", False)
    assert load_settings().temporal == TemporalSettings()  # a local suite has its own


class Wire:
    """Temporal behind TLS that demands a client's certificate."""

    def __init__(self, folder: Path, **validity: Any) -> None:
        self.folder, self.authority = folder, trustme.CA()
        self.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("127.0.0.1", **validity).configure_cert(self.context)
        self.authority.configure_trust(self.context)
        self.context.verify_mode = ssl.CERT_REQUIRED

    def client(self, authority: trustme.CA) -> dict[str, str]:
        issued = authority.issue_cert("client@perdure.example")
        issued.cert_chain_pems[0].write_to_path(str(self.folder / "client.pem"))
        write_secret(self.folder / "client.key", issued.private_key_pem.bytes().decode())
        return {"ca_file": "ca.pem", "cert_file": "client.pem", "key_file": "client.key"}


async def test_both_sides_show_certificates_and_a_key_goes_inside(folder: Path) -> None:
    wire, upstream = Wire(folder), free_port()
    async with temporal_server(upstream), tls_proxy(upstream, wire.context) as port:
        given = settings(port, tls=wire.client(wire.authority), api_key_file="key")
        async with asyncio.timeout(60):
            while True:
                try:
                    client = await open_client(given)
                    break
                except RuntimeError:  # the server is starting
                    await asyncio.sleep(0.1)
        assert client.api_key == KEY
        assert await client.service_client.check_health()


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("foreign client", r"demands a client's certificate that it trusts.*`temporal\.tls\.cert_file`"),
        ("no client", r"demands a client's certificate that it trusts.*`temporal\.tls\.cert_file`"),
        ("expired", r"certificate of Temporal .* is not valid now .*Expired"),
        ("foreign server", r"certificate of Temporal .* is not trusted.*`temporal\.tls\.ca_file`"),
        ("no TLS", r"speaks no TLS.*`temporal\.tls`"),
    ],
)
async def test_a_wrong_certificate_is_a_sentence_about_certificates(folder: Path, kind: str, sentence: str) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    wire, upstream = Wire(folder, **({"not_after": yesterday} if kind == "expired" else {})), free_port()
    tls = wire.client(trustme.CA() if kind == "foreign client" else wire.authority)
    if kind == "no client":
        tls = {"ca_file": "ca.pem"}
    if kind == "foreign server":
        trustme.CA().cert_pem.write_to_path(str(folder / "ca.pem"))
    async with temporal_server(upstream), tls_proxy(upstream, wire.context) as port:
        given = settings(upstream if kind == "no TLS" else port, tls=tls, api_key_file="key")
        async with asyncio.timeout(60):
            while True:
                with pytest.raises(RuntimeError) as failed:
                    await open_client(given)
                if "refused" not in str(failed.value):  # the server listens
                    break
                await asyncio.sleep(0.1)

    assert re.search(sentence, failure_text(failed.value, given)), failed.value
    assert KEY not in failure_text(failed.value, given)
