"""How every connection to NATS behaves: it comes back for ever, says once what is wrong, and survives any bytes."""

import logging
from typing import Any, Final

from perdure.config.settings import NatsSettings
from perdure.connections.nats import accept_any_subject, credentials, refusal

__all__ = ["RECONNECT_EVERY", "accept_any_subject", "connection_options"]

RECONNECT_EVERY: Final = 0.25
"""Seconds between two tries; nats-py tries each server in turn."""

_log = logging.getLogger(__name__)


def connection_options(settings: NatsSettings, name: str, role: str) -> dict[str, Any]:
    """Return nats-py's options.

    Raises:
        SetupError: The credentials cannot be read.
    """
    return {
        "servers": list(settings.servers),
        "name": name,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": RECONNECT_EVERY,
        "error_cb": _ErrorLog(name).report,
        **credentials(settings, role),
    }


class _ErrorLog:
    """nats-py reports every failed try; said is what is new, not the same each quarter of a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = ""

    async def report(self, error: Exception) -> None:
        words = refusal(error) or repr(error)
        if words != self._last:
            self._last = words
            _log.warning("%s and NATS: %s", self._name, words)
