"""No text or log names the credentials of a server's URL."""

import pytest

from perdure.config.nats import NatsSettings


@pytest.mark.parametrize(
    ("server", "shown"),
    [
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
        ("nats://bob:s3cretpass@127.0.0.1:1", "nats://127.0.0.1:1"),
        ("tls://s3cretpass@nats.example", "tls://nats.example"),
        ("nats://bob:s3cret@pass@host:1", "nats://host:1"),
        ("bob:s3cretpass@host", "host"),
        ("NATS://bob:s3c/ret@host:1", "NATS://host:1"),
    ],
)
def test_a_server_is_shown_without_its_credentials(server: str, shown: str) -> None:
    assert NatsSettings(servers=(server, server)).shown == f"{shown}, {shown}"
