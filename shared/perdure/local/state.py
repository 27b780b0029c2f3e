"""The state folder of a local suite: its lock, its version, its ports and its endpoints."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from perdure.config.private_folder import private_folder
from perdure.config.replace_file import replace_file
from perdure.errors import SetupError
from perdure.local.absence import ENDPOINTS
from perdure.local.nkeys import ensure_nkeys, seed_file

__all__ = ["STATE_VERSION", "Endpoints", "State", "read_endpoints"]

STATE_VERSION: Final = 1

_LOCK: Final = "lock"
_LOOKS_WITHIN: Final = 0.5  # seconds; a command that looks for a suite holds the lock for a moment of that
_LOOK_EVERY: Final = 0.005  # seconds
_OPERATOR: Final = "operator"
_PORTS: Final = TypeAdapter(dict[str, int])


class Endpoints(BaseModel):
    """The addresses and process ids of a running suite.

    Attributes:
        pid: Process id of the supervisor.
        instance: Id of this start, which each service returns in ``/readyz`` and which names the NATS server.
        temporal: ``host:port`` of the gRPC front end.
        services: Base URL of each service, by name.
        pids: Process ids of servers and services, by name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = STATE_VERSION
    pid: int
    instance: str | None = None
    nats: str
    temporal: str
    temporal_ui: str | None = None
    services: dict[str, str]
    pids: dict[str, int]


class State:
    """The state folder; at most one supervisor holds its lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder for the duration of the block; the kernel releases the lock of a killed process.

        Raises:
            SetupError: Another supervisor holds the lock, a newer Perdure wrote the folder, or it cannot be used.
        """
        with self._lock_file() as lock:
            self._take(lock)
            self._occupy(lock)
            try:
                yield
            finally:
                (self.folder / ENDPOINTS).unlink(missing_ok=True)

    def _lock_file(self) -> TextIOWrapper:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / _LOCK).open("a+")
        except OSError as error:
            raise self._unusable(error) from error

    def _take(self, lock: TextIOWrapper) -> None:
        end = time.monotonic() + _LOOKS_WITHIN
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:  # of a suite, or of a command that looks for one at this moment
                if time.monotonic() < end:
                    time.sleep(_LOOK_EVERY)
                    continue
                lock.seek(0)
                raise SetupError(
                    f"A suite already runs on {self.folder} (process {lock.read().strip()}). Use it, stop it, or "
                    "choose another folder with --state."
                ) from error
            return

    def _occupy(self, lock: TextIOWrapper) -> None:
        try:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._check_version()
            (self.folder / "logs").mkdir(exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> SetupError:
        reason = "a file of this name exists" if isinstance(error, FileExistsError) else str(error.strerror).lower()
        return SetupError(
            f"The state folder {self.folder} cannot be used: {reason} ({error.filename}). Mend that, or choose another "
            "folder with --state."
        )

    @property
    def nkeys(self) -> Path:
        """The folder of the NATS roles' seeds, but for the operator's."""
        return self.folder / "nkeys"

    def seed(self, role: str) -> Path:
        """Return the path of a role's seed; the operator, who may do everything, has it outside of the state folder."""
        folder = private_folder(self.folder) if role == _OPERATOR else self.nkeys
        return seed_file(folder, role)

    def ensure_seeds(self, roles: Collection[str]) -> dict[str, str]:
        """Create the missing seeds and return the public nkey of each role; the operator's of 0.1 is moved.

        Raises:
            SetupError: A seed file is invalid, or cannot be read or moved.
        """
        earlier, now = seed_file(self.nkeys, _OPERATOR), self.seed(_OPERATOR)
        if earlier.exists() and not now.exists():
            try:
                now.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                shutil.move(earlier, now)
            except OSError as error:
                raise SetupError(f"The operator's seed cannot be moved from {earlier} to {now}: {error}.") from error
        others = [role for role in roles if role != _OPERATOR]
        return ensure_nkeys(self.nkeys, others) | ensure_nkeys(now.parent, [_OPERATOR])

    def remembered_ports(self) -> dict[str, int]:
        """Return the ports of the last start.

        Raises:
            SetupError: The file that holds them is damaged.
        """
        file = self.folder / "ports.json"
        try:
            return _PORTS.validate_json(file.read_bytes()) if file.exists() else {}
        except ValidationError as error:
            raise SetupError(f"{file} is damaged. Delete it: the suite then chooses its ports anew.") from error

    def remember_ports(self, ports: Mapping[str, int]) -> None:
        """Store the ports, so that the next start uses the same."""
        replace_file(self.folder / "ports.json", json.dumps(ports).encode())

    def write_endpoints(self, endpoints: Endpoints) -> None:
        """Write ``endpoints.json``, by which clients find the suite."""
        replace_file(self.folder / ENDPOINTS, endpoints.model_dump_json(indent=2).encode())

    def _check_version(self) -> None:
        file = self.folder / "version"
        text = file.read_text().strip() if file.exists() else str(STATE_VERSION)
        found = int(text) if text.isdecimal() else 0
        if not found:
            raise SetupError(
                f"{file} is damaged: write {STATE_VERSION} into it, or choose another folder with --state."
            )
        if found > STATE_VERSION:
            raise SetupError(
                f"{self.folder} was written by a newer Perdure (state version {found}, this one supports "
                f"{STATE_VERSION}): upgrade Perdure, or choose another folder with --state."
            )
        replace_file(file, str(STATE_VERSION).encode())


def read_endpoints(folder: Path) -> Endpoints | None:
    """Return the endpoints of the suite that runs on this folder, or None.

    Those of a killed suite do not count, even if another process has its process id by now.

    Raises:
        SetupError: The folder cannot be read.
    """
    try:
        endpoints = Endpoints.model_validate_json((folder / ENDPOINTS).read_bytes())
        return endpoints if _holder(folder / _LOCK) == endpoints.pid else None
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None
    except OSError as error:
        raise SetupError(
            f"{error.filename} cannot be read: {str(error.strerror).lower()}. Act as the user who runs the suite, or "
            "choose another folder with --state."
        ) from error


def _holder(file: Path) -> int | None:
    """Return the process id of the supervisor that holds a lock; None if none does."""
    with file.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            text = lock.read().strip()
            return int(text) if text.isdecimal() else None
    return None
