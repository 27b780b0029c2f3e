"""Closing a connection that is already lost."""

import pytest
from nats.aio.client import Client

from perdure.bus import connect
from perdure.config.settings import NatsSettings
from perdure.errors import Unavailable


class LostClient(Client):
    """A client whose server has just failed: closing it raises, as nats-py's client does then."""

    async def connect(self, **_: object) -> None:  # type: ignore[override]
        pass

    async def close(self) -> None:
        raise ConnectionResetError("Connection lost")


async def test_closing_a_lost_connection_keeps_the_first_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.bus.jetstream.connecting.Client", LostClient)

    with pytest.raises(Unavailable, match="stored"):
        async with connect(NatsSettings(), source="test"):
            raise Unavailable("It is stored.")
