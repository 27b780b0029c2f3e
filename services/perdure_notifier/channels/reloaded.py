"""Builds what uses a secret anew when the secret changes: no service restarts for a new token."""

import logging
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

from perdure.errors import SetupError
from perdure_notifier.channels.channel import Channel
from perdure_notifier.notice import Notice

__all__ = ["Reloaded", "ReloadedChannel"]

_Secret = TypeVar("_Secret")
_Built = TypeVar("_Built")

_log: Final = logging.getLogger(__name__)


class Reloaded(Generic[_Secret, _Built]):
    """Something that is built with a secret, as it is now.

    Args:
        read: Returns the secret.
        build: Builds what uses it; it keeps no state of its own.

    Raises:
        SetupError: The secret is missing.
    """

    def __init__(self, read: Callable[[], _Secret], build: Callable[[_Secret], _Built]) -> None:
        self._read, self._build = read, build
        self._secret = read()
        self._built = build(self._secret)

    def now(self) -> _Built:
        """Return it with the secret of now; one that cannot be read is logged, and the one before stays in use."""
        try:
            secret = self._read()
            if secret != self._secret:
                self._built, self._secret = self._build(secret), secret
        except SetupError as error:
            _log.warning("%s What was read before stays in use.", error)
        return self._built


class ReloadedChannel(Generic[_Secret]):
    """A channel that is built anew when its secret changes."""

    def __init__(self, name: str, read: Callable[[], _Secret], build: Callable[[_Secret], Channel]) -> None:
        self.name = name
        self._channel = Reloaded(read, build)

    async def send(self, notices: Sequence[Notice]) -> str:
        """Send by the channel as it is now; raises as that one does."""
        return await self._channel.now().send(notices)
