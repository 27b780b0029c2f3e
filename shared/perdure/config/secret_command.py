"""Runs the operator's programs that print secrets, such as ``op``, ``vault`` and ``sops``."""

import logging
import subprocess
import threading
import time
from typing import Annotated, Final

from pydantic import Field

from perdure.errors import SetupError

__all__ = ["CommandSecrets", "SecretCommand", "run_secret_command"]

SecretCommand = Annotated[tuple[str, ...], Field(min_length=1)]
"""A program that prints a secret, with its arguments."""

_WITHIN: Final = 30.0  # seconds
_REFRESH_EVERY: Final = 60.0  # seconds
_AGAIN_AFTER: Final = 5.0  # seconds after a failure

_log: Final = logging.getLogger(__name__)


def run_secret_command(what: str, command: tuple[str, ...], *, within: float = _WITHIN) -> str:
    """Return what a program prints. No error shows its arguments or its output.

    Args:
        what: The secret, or the key of the configuration, in error messages.
        command: The program and its arguments.
        within: Seconds in which it must end.

    Raises:
        SetupError: It failed, or took too long.
    """
    try:
        done = subprocess.run(  # noqa: S603 (the operator's own)
            command, check=True, capture_output=True, timeout=within, text=True, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise SetupError(f"{what}: {command[0]} ended with {error.returncode}: {last[:500]}.") from None
    except subprocess.TimeoutExpired:
        raise SetupError(f"{what}: {command[0]} did not end within {within:g} seconds.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{what}: {command[0]} cannot be run ({type(error).__name__}).") from None
    return done.stdout


class CommandSecrets:
    """Keeps what programs have printed. Each runs again after a minute, in a thread: only its first caller waits.

    Args:
        refresh_every: Seconds after which a program runs again.
        within: Seconds in which it must end.
    """

    def __init__(self, *, refresh_every: float = _REFRESH_EVERY, within: float = _WITHIN) -> None:
        self._refresh_every, self._within = refresh_every, within
        self._kept: dict[tuple[str, ...], _Kept] = {}
        self._turn = threading.Lock()

    def read(self, what: str, command: tuple[str, ...]) -> str:
        """Return a secret, as a program printed it last.

        Raises:
            SetupError: It never printed one.
        """
        with self._turn:
            kept = self._kept.setdefault(command, _Kept())
        if kept.text is not None:
            if self._is_due(kept, self._refresh_every) and kept.turn.acquire(blocking=False):
                threading.Thread(target=self._refresh, args=(what, command, kept), daemon=True).start()
            return kept.text
        with kept.turn:
            if kept.text is None and (kept.error is None or self._is_due(kept, _AGAIN_AFTER)):
                self._run(what, command, kept)
        if kept.text is None:
            raise SetupError(str(kept.error))
        return kept.text

    @staticmethod
    def _is_due(kept: "_Kept", seconds: float) -> bool:
        return time.monotonic() - kept.ran_at >= seconds

    def _refresh(self, what: str, command: tuple[str, ...], kept: "_Kept") -> None:
        try:
            self._run(what, command, kept)
            if kept.error is not None:
                _log.warning("%s What was printed before stays in use.", kept.error)
        finally:
            kept.turn.release()

    def _run(self, what: str, command: tuple[str, ...], kept: "_Kept") -> None:
        try:
            kept.text, kept.error = run_secret_command(what, command, within=self._within), None
        except SetupError as error:
            kept.error = error
        kept.ran_at = time.monotonic()


class _Kept:
    """What one program printed, and why it failed last."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.error: SetupError | None = None
        self.ran_at = 0.0
        self.turn = threading.Lock()
