"""The approvers file: YAML that people edit, read again for each use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from perdure.approvers.directory import Directory
from perdure.approvers.file_text import changed_text, is_cut_off
from perdure.config.replace_file import replace_file
from perdure.config.yaml_file import NotYaml, read_yaml
from perdure.errors import SetupError

__all__ = ["ApproversFile", "ApproversVersion", "WrongApprovers"]

_RESTORE: Final = "Restore it: until then no decision is judged, and no request expires."


class WrongApprovers(SetupError):
    """The approvers file can be read, and its content is wrong: an unknown key, or a name that is ambiguous."""


@dataclass(frozen=True, slots=True)
class ApproversVersion:
    """The approvers file as it was at one time.

    Attributes:
        directory: Its content.
        digest: SHA-256 of its bytes, in hex; None while the file does not exist.
        text: The file as it was read.
        modified_at: When it was changed (UTC), by the clock of its file system; None while it does not exist.
    """

    directory: Directory
    digest: str | None = None
    text: str = ""
    modified_at: datetime | None = None


class ApproversFile:
    """Reads and writes the approvers file; a file that never existed holds no approvers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version = ApproversVersion(Directory())

    def current(self) -> Directory:
        """Return the content of the file; see ``version``."""
        return self.version().directory

    def version(self) -> ApproversVersion:
        """Return the file as it is now.

        Raises:
            SetupError: The file cannot be read, is empty or cut off, or is gone although it was read before. Its
                earlier content is not used, for the change may be a revocation.
        """
        try:
            content, changed = self.path.read_bytes(), self.path.stat().st_mtime
        except FileNotFoundError as error:
            if self._version.digest is None:
                return self._version
            raise SetupError(f"The approvers file {self.path} is gone. {_RESTORE}") from error
        except OSError as error:
            raise SetupError(f"The approvers file {self.path} cannot be read: {error}") from error
        digest = sha256(content).hexdigest()
        if digest != self._version.digest:
            text, directory = self._parsed(content)
            self._version = ApproversVersion(directory, digest, text, datetime.fromtimestamp(changed, UTC))
        return self._version

    @contextmanager
    def changing(self) -> Iterator[tuple[Directory, list[Directory]]]:
        """Lock the file for a change by one process at a time.

        Yields:
            The current content, and a list: append the new content, and the file is replaced as a whole. Its comments
            and its mode are kept.

        Raises:
            SetupError: As in ``version``; or the new content is ambiguous, or cannot be written into the file's text.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            flock(lock, LOCK_EX)
            changed: list[Directory] = []
            before = self.version()
            yield before.directory, changed
            for directory in changed:
                self._write(before, directory)
                before = self.version()

    def _parsed(self, content: bytes) -> tuple[str, Directory]:
        try:
            text = content.decode()
            fields = read_yaml(text)
        except (UnicodeDecodeError, NotYaml) as error:
            raise SetupError(f"The approvers file {self.path} cannot be read: {error}") from error
        if fields is None:
            raise SetupError(
                f"The approvers file {self.path} is empty. {_RESTORE} If nobody may decide, write `approvers: {{}}`."
            )
        if is_cut_off(text):
            raise SetupError(f"The approvers file {self.path} is cut off: its last line is missing. {_RESTORE}")
        return text, self._validated(fields)

    def _validated(self, fields: Any) -> Directory:
        try:
            return Directory.model_validate(fields)
        except ValidationError as error:
            problem = error.errors()[0]
            where = "".join(f"{part}." for part in problem["loc"]).removesuffix(".")
            what = problem["msg"].removeprefix("Value error, ")
            detail = ": ".join(filter(None, [where, what]))
            raise WrongApprovers(f"The approvers file {self.path} is wrong: {detail}") from error

    def _write(self, before: ApproversVersion, directory: Directory) -> None:
        old, new = (it.model_dump(mode="json", exclude_defaults=True) for it in (before.directory, directory))
        self._validated(new)
        text = changed_text(before.text, old, new)
        if self._validated(read_yaml(text) or {}) != directory:
            raise SetupError(f"The approvers file {self.path} cannot be changed by a command: edit it.")
        replace_file(self.path, text.encode())
