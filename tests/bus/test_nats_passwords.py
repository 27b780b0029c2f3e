"""A user of NATS with a password in a file: it is replaced while clients run, and no text shows it."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from perdure.bus import NatsBus, RawMessage, connect
from perdure.bus.app import App, Subscription
from perdure.bus.jetstream.provision import provision
from perdure.bus.jetstream.subscriptions import subscribed
from perdure.config.settings import NatsSettings
from perdure.errors import SetupError, Unavailable
from tests.support.nats_server import nats_server
from tests.support.ports import free_port
from tests.support.secret_file import write_secret

OLD, NEW = "0ld-s3cret-pass", "n3w-s3cret-pass"


@contextmanager
def server(folder: Path, password: str, port: int) -> Iterator[None]:
    users = f'authorization {{ users: [{{user: perdure, password: "{password}"}}] }}'
    with nats_server(folder, users, port=port):
        yield


def as_user(port: int, file: Path, **more: Any) -> NatsSettings:
    return NatsSettings(servers=(f"nats://127.0.0.1:{port}",), user="perdure", password_file=file, **more)


async def publishes(bus: NatsBus) -> bool:
    try:
        return await bus.publish_raw(RawMessage("events.a", b"{}", {})) > 0
    except Unavailable:
        return False


async def test_a_password_that_is_replaced_is_used_at_the_next_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handled: asyncio.Queue[str] = asyncio.Queue()

    async def handle(message: Any) -> None:
        await handled.put(message.raw.subject)

    port, file = free_port(), write_secret(tmp_path / "password", OLD)
    with caplog.at_level(logging.DEBUG), ExitStack() as first:
        first.enter_context(server(tmp_path, OLD, port))
        settings = as_user(port, file)
        async with connect(settings, source="perdure/test", within=20) as bus:
            await provision(bus.js, "ingest")
            app = App("ingest", [Subscription("EVENTS", handle)])
            async with subscribed(app, bus, settings, CollectorRegistry()):
                first.close()
                with server(tmp_path, NEW, port):
                    async with asyncio.timeout(60):
                        while not any("rejects these credentials" in it for it in caplog.messages):
                            await asyncio.sleep(0.05)
                    file.unlink()  # for a moment there is none: the one before stays in use
                    await asyncio.sleep(0.5)
                    write_secret(file, NEW)
                    async with asyncio.timeout(60):
                        while not await publishes(bus):
                            await asyncio.sleep(0.1)
                        assert await handled.get() == "events.a"

    assert not any(secret in caplog.text for secret in (OLD, NEW))


async def test_no_error_shows_a_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port, closed = free_port(), free_port()
    file = write_secret(tmp_path / "password", NEW)
    in_url = NatsSettings(servers=(f"nats://perdure:{NEW}@127.0.0.1:{port}",))
    with caplog.at_level(logging.DEBUG), server(tmp_path, OLD, port):
        wrong = [
            as_user(port, file),
            as_user(closed, file),
            as_user(port, file, tls={}),
            in_url,
            NatsSettings(servers=(f"nats://perdure:{NEW}@127.0.0.1:{closed}",)),
            NatsSettings(servers=(f"tls://perdure:{NEW}@127.0.0.1:{port}",)),
        ]
        for settings in wrong:
            with pytest.raises(Unavailable) as failed:
                async with connect(settings, source="perdure/test", within=2):
                    pass
            assert NEW not in f"{failed.value} {failed.value!r} {failed.value.__cause__!r}"
    file.chmod(0o644)
    with pytest.raises(SetupError) as refused:
        async with connect(as_user(port, file), source="perdure/test", within=2):
            pass

    assert NEW not in str(refused.value)
    assert NEW not in caplog.text


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"user": "perdure"}, "belong together"),
        ({"password_file": "p"}, "belong together"),
        ({"user": "perdure", "password_file": "p", "nkey_seed_file": "s"}, "exclude each other"),
        ({"credentials_file": "c", "nkey_seed_file": "s"}, "exclude each other"),
    ],
)
def test_a_connection_is_of_one_user(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        NatsSettings.model_validate(given)
