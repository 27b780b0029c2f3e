"""The password of a NATS user, as it is at each connection."""

import logging
from typing import Final

from perdure.config.nats import NatsSettings
from perdure.config.secrets import read_secret
from perdure.errors import SetupError

__all__ = ["NatsPassword"]

_log: Final = logging.getLogger(__name__)


class NatsPassword:
    """Reads the password anew for each connection. What nats-py calls must not fail: it would never connect again.

    Raises:
        SetupError: The password cannot be read, at first.
    """

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._last = self._read()

    def __call__(self) -> str:
        """Return the password; one that cannot be read is logged, and the one before stays in use."""
        try:
            self._last = self._read()
        except SetupError as error:
            _log.warning("%s The password that was read before stays in use.", error)
        return self._last

    def _read(self) -> str:
        nats = self._settings
        return read_secret(
            f"The password of the NATS user {nats.user}",
            file=nats.password_file,
            command=nats.password_command,
            variable=nats.password_variable,
        )
