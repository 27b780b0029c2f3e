"""Reads the key ring from a file or a program, and again as it changes: no service restarts for a new key."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from perdure.config.encryption import EncryptionSettings
from perdure.config.private_file import read_private_text
from perdure.config.secret_command import run_secret_command
from perdure.encryption.key_ring import KeyRing, parse_key_ring
from perdure.errors import SetupError

__all__ = ["KeySource", "key_source"]

_LOOK_EVERY: Final = 1.0  # seconds between two looks at a file
_AGAIN_AFTER: Final = 1.0  # seconds between two looks for a key that is not known

_log: Final = logging.getLogger(__name__)


class KeySource:
    """The key ring as it is now. What cannot be read is logged, and the ring that was read before stays in use.

    Args:
        read: Returns the text of the ring.
        look_every: Seconds between two reads.
        name: The file or program, for people.
    """

    def __init__(self, read: Callable[[], str], *, look_every: float, name: str) -> None:
        self._read = read
        self._look_every = look_every
        self._name = name
        self._ring: KeyRing | None = None
        self._looked_at = 0.0
        self._turn = threading.Lock()

    def ring(self, wanted: str | None = None) -> KeyRing:
        """Return the ring, after another look at its source if that is due.

        A program that takes long delays its caller only for a key that is not known: see ``current``.

        Args:
            wanted: The id of a key; the ring is looked at anew if it has not this key.

        Raises:
            SetupError: It was never read, and cannot be.
        """
        if self._ring is None or self._is_due(wanted):
            self._look(wanted)
        assert self._ring is not None  # noqa: S101 (for mypy: loaded or raised)
        return self._ring

    async def current(self, wanted: str | None = None) -> KeyRing:
        """Return the ring, after another look at its source if that is due.

        Args:
            wanted: The id of a key; the ring is looked at anew if it has not this key.

        Raises:
            SetupError: It was never read, and cannot be.
        """
        if self._ring is not None and not self._is_due(wanted):
            return self._ring
        return await asyncio.to_thread(self.ring, wanted)

    def _is_due(self, wanted: str | None) -> bool:
        since = time.monotonic() - self._looked_at
        is_missing = wanted is not None and self._ring is not None and wanted not in self._ring.keys
        return since >= (min(_AGAIN_AFTER, self._look_every) if is_missing else self._look_every)

    def _look(self, wanted: str | None) -> None:
        if self._ring is None:
            self._load()
            return
        try:
            with self._turn:
                if self._is_due(wanted):
                    self._load_now()
        except SetupError as error:
            _log.warning("%s The keys that were read before stay in use.", error)

    def _load(self) -> None:
        with self._turn:
            if self._ring is None:
                self._load_now()

    def _load_now(self) -> None:
        self._looked_at = time.monotonic()
        try:
            ring = parse_key_ring(self._read())
        except ValueError as error:
            raise SetupError(f"`encryption`: {self._name} is no key ring: {error}.") from error
        if self._ring is not None and ring != self._ring:
            _log.info("The key ring has changed: values are encrypted with the key %s now.", ring.newest)
        self._ring = ring


@cache
def key_source(settings: EncryptionSettings) -> KeySource | None:
    """Return the source of keys of this process, the same for the same settings; None if encryption is off."""
    if settings.keys_file is not None:
        file = settings.keys_file.expanduser()
        return KeySource(lambda: _read_file(file), look_every=_LOOK_EVERY, name=str(file))
    if settings.keys_command is not None:
        command = settings.keys_command
        return KeySource(
            lambda: run_secret_command("`encryption.keys_command`", command),
            look_every=settings.refresh_seconds,
            name=f"the output of {command[0]}",
        )
    return None


def _read_file(file: Path) -> str:
    try:
        return read_private_text(file)
    except FileNotFoundError as error:
        raise SetupError(
            f"`encryption.keys_file`: there is no file {file}. `perdure admin encryption new-key` writes one; if "
            "values are encrypted already, restore the file from its backup instead."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"`encryption.keys_file`: {file} cannot be read ({error}).") from error
