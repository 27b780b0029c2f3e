"""Who may decrypt: a file of names and tokens, and sessions of browsers that have shown such a token."""

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from perdure.config.private_file import read_private_text
from perdure.errors import SetupError

__all__ = ["SESSION_SECONDS", "Logins"]

SESSION_SECONDS: Final = 8 * 3600

_SHORTEST: Final = 16  # characters of a token


class Logins:
    """Knows people by their tokens. The file is read at each login, so that a line that is deleted lets nobody in.

    Args:
        file: A person a line: ``<name> <token>``.
        now: Returns the time in seconds.
    """

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        self._file = file
        self._now = now
        self._secret = secrets.token_bytes(32)  # sessions end with the process

    def read(self) -> dict[str, str]:
        """Return the tokens by name.

        Raises:
            SetupError: The file cannot be read, others may read it, or a line is no name and token.
        """
        try:
            lines = read_private_text(self._file.expanduser()).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"The tokens cannot be read from {self._file} ({error}).") from error
        tokens: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if len(words) != 2 or len(words[1]) < _SHORTEST:  # noqa: PLR2004 (name and token)
                raise SetupError(
                    f"{self._file}, line {number}: write `<name> <token>`, with a token of {_SHORTEST} characters or "
                    "more, such as one of `openssl rand -hex 24`."
                )
            tokens[words[0]] = words[1]
        if not tokens:
            raise SetupError(f"{self._file} names nobody: write a line `<name> <token>` for each person.")
        return tokens

    def name_of(self, token: str) -> str | None:
        """Return whose token it is, or None."""
        found = [name for name, own in self.read().items() if hmac.compare_digest(own.encode(), token.encode())]
        return found[0] if found else None

    def open_session(self, name: str) -> str:
        """Return what a browser keeps as a cookie."""
        until = f"{name}.{int(self._now()) + SESSION_SECONDS}"
        return f"{until}.{self._signature(until)}"

    def name_in(self, session: str) -> str | None:
        """Return whose session it is; None if it has ended, is nobody's, or its person is not in the file any more."""
        until, _, signature = session.rpartition(".")
        if not hmac.compare_digest(self._signature(until).encode(), signature.encode()):
            return None
        name, _, end = until.rpartition(".")
        return name if self._now() < int(end) and name in self.read() else None

    def _signature(self, text: str) -> str:
        return hmac.new(self._secret, text.encode(), sha256).hexdigest()
