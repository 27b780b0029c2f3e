"""Secrets that a person shows to be let in: a link that works once, a session that lasts.

Each is a file that has the name of the secret's SHA-256: who reads the folder learns none, and a process that was
killed knows them all when it comes back.
"""

import json
import os
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from perdure.config.private_folder import private_folder

__all__ = ["SecretFiles", "console_links", "console_sessions"]

_SECRET_BYTES: Final = 32
_LINK: Final = timedelta(minutes=15)
_SESSION: Final = timedelta(hours=12)


class SecretFiles:
    """The secrets of one kind, each for one person.

    Args:
        folder: Where they lie, for their owner only.
        lifetime: How long each is good.
    """

    def __init__(self, folder: Path, lifetime: timedelta) -> None:
        self._folder = folder
        self._lifetime = lifetime

    def issue(self, person: str) -> str:
        """Return a new secret for a person; those whose time is over are removed."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for old in self._folder.iterdir():
            if self._person(old) is None:
                old.unlink(missing_ok=True)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        file = self._file(secret)
        draft = file.with_suffix(".draft")
        until = datetime.now(UTC) + self._lifetime
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as content:
            json.dump({"person": person, "until": until.isoformat()}, content)
        draft.replace(file)
        return secret

    def person(self, secret: str) -> str | None:
        """Return whose secret it is; None if it is none, or its time is over."""
        return self._person(self._file(secret))

    def take(self, secret: str) -> str | None:
        """Return whose secret it is, once: it is used up then, also where two take it at the same time."""
        person = self.person(secret)
        try:
            self._file(secret).unlink()
        except FileNotFoundError:
            return None
        return person

    def _file(self, secret: str) -> Path:
        return self._folder / sha256(secret.encode(errors="surrogatepass")).hexdigest()

    @staticmethod
    def _person(file: Path) -> str | None:
        try:
            found = json.loads(file.read_text())
            return str(found["person"]) if datetime.now(UTC) < datetime.fromisoformat(found["until"]) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None


def console_links(state: Path) -> SecretFiles:
    """Return the links by which the user of this machine enters the console of a suite, each once."""
    return SecretFiles(private_folder(state) / "console" / "links", _LINK)


def console_sessions(state: Path) -> SecretFiles:
    """Return the sessions of a suite's console."""
    return SecretFiles(private_folder(state) / "console" / "sessions", _SESSION)
