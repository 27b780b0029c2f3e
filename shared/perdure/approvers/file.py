"""The approvers file: YAML that people edit, reread whenever it changes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from typing import Final

import yaml
from pydantic import ValidationError

from perdure.approvers.directory import Directory
from perdure.config.yaml_file import read_yaml
from perdure.errors import SetupError

__all__ = ["ApproversFile", "ApproversVersion"]

_HEAD: Final = "# Who may vote on approval requests. `perdure approvers` writes this file too.\n"


@dataclass(frozen=True, slots=True)
class ApproversVersion:
    """The approvers file as it was at one time.

    Attributes:
        directory: Its content.
        digest: SHA-256 of its bytes, in hex; None while the file does not exist.
    """

    directory: Directory
    digest: str | None = None


class ApproversFile:
    """Reads and writes the approvers file; a missing file holds no approvers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._version = ApproversVersion(Directory())

    def current(self) -> Directory:
        """Return the content of the file; see ``version``."""
        return self.version().directory

    def version(self) -> ApproversVersion:
        """Return the file as it is now, reread if it has changed.

        Raises:
            SetupError: The file cannot be read. Its earlier content is not used, for the change may be a revocation.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return ApproversVersion(Directory())
        seen = found.st_mtime_ns, found.st_size, found.st_ino
        if seen != self._seen:
            self._version = self._read()
            self._seen = seen
        return self._version

    @contextmanager
    def changing(self) -> Iterator[tuple[Directory, list[Directory]]]:
        """Lock the file for a change by one process at a time.

        Yields:
            The current content, and a list: append the new content, and the file is replaced as a whole.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            changed: list[Directory] = []
            yield self.current(), changed
            for directory in changed:
                self._write(directory)

    def _read(self) -> ApproversVersion:
        try:
            content = self.path.read_bytes()
            directory = Directory.model_validate(read_yaml(content.decode()) or {})
            return ApproversVersion(directory, sha256(content).hexdigest())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise SetupError(f"The approvers file {self.path} cannot be read: {error}") from error
        except ValidationError as error:
            problem = error.errors()[0]
            where = ".".join(map(str, problem["loc"]))
            raise SetupError(f"The approvers file {self.path} is wrong: {where}: {problem['msg']}") from error

    def _write(self, directory: Directory) -> None:
        content = directory.model_dump(mode="json", exclude_defaults=True)
        draft = self.path.with_name(f".{self.path.name}.draft")
        draft.write_text(_HEAD + yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
        draft.replace(self.path)
