"""NATS behind TLS: a private authority, a client's certificate, files that are missing or are replaced."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from prometheus_client import CollectorRegistry

from perdure.bus import NatsBus, RawMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.connections.nats import plain_client
from perdure.connections.nats_tls import tls_context
from perdure.errors import SetupError, Unavailable
from tests.support.nats_server import nats_server
from tests.support.secret_file import write_secret


class Files:
    """An authority with the certificates of a server and of a client, as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.renew()

    def renew(self) -> None:
        """Replace all files by those of a new authority."""
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.folder / "ca.pem"))
        for name in ("127.0.0.1", "client@perdure.example"):
            issued = authority.issue_cert(name)
            file = "server" if name[0].isdigit() else "client"
            write_secret(self.folder / f"{file}.key", issued.private_key_pem.bytes().decode())
            issued.cert_chain_pems[0].write_to_path(str(self.folder / f"{file}.pem"))

    @property
    def server(self) -> str:
        """The server's section `tls`."""
        own = ", ".join(f'{name}: "{self.folder / file}"' for name, file in self._names("server").items())
        return f"tls {{ {own}, verify: true }}"

    @property
    def client(self) -> dict[str, Path]:
        return {name: self.folder / file for name, file in self._names("client").items()}

    @staticmethod
    def _names(who: str) -> dict[str, str]:
        return {"ca_file": "ca.pem", "cert_file": f"{who}.pem", "key_file": f"{who}.key"}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    folder = tmp_path / "tls"
    folder.mkdir()
    return Files(folder)


@contextmanager
def server(files: Files, **options: Any) -> Iterator[NatsSettings]:
    with nats_server(files.folder, files.server, **options) as settings:
        yield settings


def with_tls(settings: NatsSettings, **tls: Path) -> NatsSettings:
    url = settings.servers[0].replace("nats://", "tls://")
    return NatsSettings.model_validate({"servers": [url], "tls": tls})


async def test_all_clients_connect_with_the_files_of_the_configuration(files: Files) -> None:
    handled: asyncio.Queue[str] = asyncio.Queue()

    async def handle(message: Any) -> None:
        await handled.put(message.raw.subject)

    with server(files) as plain:
        settings = with_tls(plain, **files.client)
        async with connect(settings, source="perdure/test", within=5) as bus:
            await provision(bus.js, "ingest")
            app = App("ingest", [Subscription("EVENTS", handle)])
            async with subscribed(app, bus, settings, CollectorRegistry()), plain_client(settings, name="p") as client:
                await client.publish("events.a", b"{}")
                async with asyncio.timeout(10):
                    assert await handled.get() == "events.a"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ((), r"certificate of the NATS server .*is not trusted.*`nats\.tls\.ca_file`"),
        (("ca_file",), r"NATS server .*demands a client's certificate.*`nats\.tls\.cert_file`"),
    ],
)
async def test_what_tls_refuses_is_a_sentence_on_certificates(
    files: Files, given: tuple[str, ...], sentence: str
) -> None:
    with server(files) as plain:
        settings = with_tls(plain, **{name: files.client[name] for name in given})
        with pytest.raises(Unavailable, match=sentence):
            async with connect(settings, source="perdure/test", within=2):
                pass


async def test_a_certificate_for_another_host_is_a_sentence(files: Files) -> None:
    with server(files) as plain:
        other = plain.model_copy(update={"servers": (plain.servers[0].replace("127.0.0.1", "localhost"),)})
        with pytest.raises(Unavailable, match=r"certificate of the NATS server .*not for localhost|is not valid for"):
            async with connect(with_tls(other, **files.client), source="perdure/test", within=2):
                pass


async def test_a_server_without_tls_gets_nothing_from_who_expects_it(tmp_path: Path, files: Files) -> None:
    with nats_server(tmp_path) as plain, pytest.raises(Unavailable, match="offers no TLS"):
        async with connect(with_tls(plain, **files.client), source="perdure/test", within=5):
            pass


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("ca_file", None, r"`nats\.tls\.ca_file`.*cannot be read \(No such file"),
        ("key_file", None, r"`nats\.tls\.key_file`.*cannot be read \(No such file"),
        ("ca_file", "no certificate", r"`nats\.tls\.ca_file`.*holds no certificate"),
        ("cert_file", "no certificate", r"`nats\.tls\.cert_file` and `nats\.tls\.key_file`"),
    ],
)
async def test_a_file_that_is_missing_or_wrong_is_a_sentence(
    files: Files, name: str, content: str | None, sentence: str
) -> None:
    path = files.client[name]
    path.unlink() if content is None else path.write_text(content)

    with pytest.raises(SetupError, match=sentence):
        async with connect(with_tls(NatsSettings(), **files.client), source="perdure/test", within=1):
            pass


async def test_files_that_are_replaced_are_read_at_the_next_connection(files: Files) -> None:
    with ExitStack() as first:
        plain = first.enter_context(server(files))
        async with connect(with_tls(plain, **files.client), source="perdure/test", within=5) as bus:
            await provision(bus.js, "ingest")
            first.close()
            files.renew()
            with server(files, port=int(plain.servers[0].rpartition(":")[2])):
                async with asyncio.timeout(20):
                    while not await publishes(bus):
                        await asyncio.sleep(0.1)


async def publishes(bus: NatsBus) -> bool:
    try:
        return await bus.publish_raw(RawMessage("events.a", b"{}", {})) > 0
    except Unavailable:
        return False


async def test_without_verify_a_certificate_of_any_authority_is_accepted(files: Files) -> None:
    with server(files) as plain:
        settings = with_tls(plain, cert_file=files.client["cert_file"], key_file=files.client["key_file"])
        assert settings.tls is not None
        unchecked = settings.model_copy(update={"tls": settings.tls.model_copy(update={"verify": False})})
        with pytest.raises(Unavailable, match="is not trusted"):
            async with connect(settings, source="perdure/test", within=10):
                pass
        async with connect(unchecked, source="perdure/test", within=10) as bus:
            assert bus.js is not None  # `connect` refuses a connection that is not encrypted


def test_a_private_key_that_others_may_read_is_refused(files: Files) -> None:
    files.client["key_file"].chmod(0o644)

    with pytest.raises(SetupError, match=r"client\.key holds secrets.*chmod o="):
        tls_context(with_tls(NatsSettings(), **files.client))
