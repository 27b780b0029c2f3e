"""A keyring backend for tests: ``PYTHON_KEYRING_BACKEND=tests.support.keyring_file.FileKeyring``."""

import json
import os
from pathlib import Path

from keyring.backend import KeyringBackend

__all__ = ["FileKeyring"]


class FileKeyring(KeyringBackend):
    """Keeps secrets in the file that ``KEYRING_FILE`` names."""

    priority = 1.0

    def get_password(self, service: str, username: str) -> str | None:
        return self._secrets().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._file.write_text(json.dumps({**self._secrets(), f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        self._file.write_text(json.dumps({k: v for k, v in self._secrets().items() if k != f"{service} {username}"}))

    @property
    def _file(self) -> Path:
        return Path(os.environ["KEYRING_FILE"])

    def _secrets(self) -> dict[str, str]:
        secrets: dict[str, str] = json.loads(self._file.read_text()) if self._file.exists() else {}
        return secrets
