"""How a connection ends that is lost already."""

import pytest
from nats.aio.client import Client

from perdure.bus import connect
from perdure.config.settings import NatsSettings
from perdure.errors import Unavailable


class Lost(Client):
    """Was connected once; closing it fails, as nats-py's does when the server went a moment ago."""

    async def connect(self, **_: object) -> None:  # type: ignore[override]
        pass

    async def close(self) -> None:
        raise ConnectionResetError("Connection lost")


async def test_a_connection_that_is_lost_ends_with_what_was_wrong_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.bus.jetstream.bus.Client", Lost)

    with pytest.raises(Unavailable, match="stored"):
        async with connect(NatsSettings(), source="test"):
            raise Unavailable("It is stored.")
