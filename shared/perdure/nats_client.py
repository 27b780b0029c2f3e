"""What every client of NATS needs, whoever it is: as whom to speak, and to survive any bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from perdure.settings import NatsSettings

__all__ = ["credentials", "plain_client", "tolerate"]


def credentials(settings: NatsSettings) -> dict[str, Any]:
    """Return nats-py's options that say as whom to speak."""
    options: dict[str, Any] = {}
    if settings.credentials_file is not None:
        options["user_credentials"] = str(Path(settings.credentials_file).expanduser())
    if settings.nkey_seed_file is not None:
        options["nkeys_seed"] = str(Path(settings.nkey_seed_file).expanduser())
    return options


@asynccontextmanager
async def plain_client(settings: NatsSettings, *, name: str) -> AsyncIterator[Client]:
    """Open a client for as long as the block lasts: it comes back for ever, silent about what breaks meanwhile."""
    client = await nats.connect(
        list(settings.servers), name=name, max_reconnect_attempts=-1, error_cb=_quietly, **credentials(settings)
    )
    tolerate(client)
    try:
        yield client
    finally:
        with suppress(NatsError, OSError):  # a connection that has just broken cannot be closed in peace
            await client.close()


async def _quietly(_: Exception) -> None:
    """Whoever asks for something sees it fail; that is enough."""


def tolerate(client: Client) -> None:
    """Let a subject that is no UTF-8 arrive in escapes: nats-server takes it, and nats-py's reader would die of it."""
    client._build_message = partial(_message, client)  # type: ignore[method-assign]  # noqa: SLF001 (there is no other way in)


def _message(  # noqa: PLR0913, PLR0917 (nats-py calls it so)
    client: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
) -> Msg:
    return client.msg_class(
        subject=subject.decode(errors="backslashreplace"),
        reply=reply.decode(errors="backslashreplace"),
        data=data,
        headers=headers,
        _client=client,
        _sid=sid,
    )
