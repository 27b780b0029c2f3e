"""How every connection to NATS behaves: it comes back for ever, says once what is wrong, and survives any bytes."""

import logging
from functools import partial
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from perdure.settings import NatsSettings

__all__ = ["RECONNECT_EVERY", "connection_options", "tolerate"]

RECONNECT_EVERY: Final = 0.25
"""Seconds between two tries; nats-py tries each server in turn."""

_log = logging.getLogger(__name__)


def connection_options(settings: NatsSettings, name: str) -> dict[str, Any]:
    """Return nats-py's options."""
    return {
        "servers": list(settings.servers),
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_EVERY,
        "error_cb": _Complaints(name).hear,
        **_credentials(settings),
    }


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


class _Complaints:
    """nats-py reports every failed try; said is what is new, not the same each quarter of a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = ""

    async def hear(self, error: Exception) -> None:
        words = repr(error)
        if words != self._last:
            self._last = words
            _log.warning("%s and NATS: %s", self._name, words)


def _credentials(settings: NatsSettings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.credentials_file is not None:
        options["user_credentials"] = str(Path(settings.credentials_file).expanduser())
    if settings.nkey_seed_file is not None:
        options["nkeys_seed"] = str(Path(settings.nkey_seed_file).expanduser())
    return options
