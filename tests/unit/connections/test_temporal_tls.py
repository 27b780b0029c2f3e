"""Certificates and API keys for Temporal: what is wrong with a file or a certificate is a sentence."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme
from pydantic import ValidationError
from temporalio.client import Client

from perdure.config.settings import TemporalSettings
from perdure.connections.temporal import open_client, refresh_api_key
from perdure.connections.temporal_refusals import failure_text
from perdure.errors import SetupError
from tests.support.secret_file import write_secret


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """An authority, whose certificate lies in the working folder."""
    monkeypatch.chdir(tmp_path)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    write_secret(tmp_path / "wrong.pem", "no certificate")
    return authority


@pytest_asyncio.fixture
async def port(authority: trustme.CA) -> AsyncIterator[int]:
    """The port of a server that speaks TLS, and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    authority.issue_cert("localhost").configure_cert(context)
    serving = asyncio.start_server(lambda _reader, writer: writer.close(), "localhost", 0, ssl=context)
    async with await serving as server:
        yield server.sockets[0].getsockname()[1]


def settings(port: int = 1, host: str = "localhost", **fields: Any) -> TemporalSettings:
    return TemporalSettings.model_validate({"host": host, "port": port, **fields})


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"tls": {"enabled": True, "ca_file": "gone.pem"}}, r"`temporal\.tls\.ca_file`.*gone\.pem cannot be read"),
        ({"api_key_file": "gone.key"}, r"API key for Temporal cannot be read from gone\.key"),
        (
            {"tls": {"enabled": True, "cert_file": "wrong.pem", "key_file": "wrong.pem"}},
            r"`temporal\.tls\.key_file`.*wrong\.pem .*no private key",
        ),
    ],
)
async def test_a_file_that_is_missing_or_wrong_is_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SetupError, match=sentence):
        await open_client(settings(**fields))


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        settings(tls={"enabled": True, "cert_file": "a.pem"})


@pytest.mark.parametrize(
    ("tls", "host", "sentence"),
    [
        ({}, "localhost", r"certificate of Temporal at localhost:\d+ is not trusted.*`temporal\.tls\.ca_file`"),
        ({"ca_file": "ca.pem"}, "127.0.0.1", r"certificate of Temporal .*another name.*`temporal\.tls\.server_name`"),
    ],
)
async def test_what_tls_refuses_is_a_sentence_on_certificates(
    tls: dict[str, str], host: str, sentence: str, port: int
) -> None:
    given = settings(port, host, tls={"enabled": True, **tls})

    with pytest.raises(RuntimeError) as failed:
        await open_client(given)
    assert re.search(sentence, failure_text(failed.value, given))


async def test_an_api_key_that_is_replaced_is_used(tmp_path: Path) -> None:
    file = tmp_path / "key"
    client = await Client.connect("localhost:1", api_key="old", tls=True, lazy=True)
    given = settings(api_key_file=file)

    await refresh_api_key(client, given)  # it is not there for a moment
    assert client.api_key == "old"
    write_secret(file, "new\n")
    await refresh_api_key(client, given)
    assert client.api_key == "new"
