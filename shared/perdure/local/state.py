"""The state folder of a local suite: its lock, its version, its ports and its endpoints."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from perdure.errors import SetupError

__all__ = ["STATE_VERSION", "Endpoints", "State", "read_endpoints"]

STATE_VERSION: Final = 1

_ENDPOINTS: Final = "endpoints.json"


class Endpoints(BaseModel):
    """The addresses and process ids of a running suite.

    Attributes:
        pid: Process id of the supervisor.
        temporal: ``host:port`` of the gRPC front end.
        services: Base URL of each service, by name.
        pids: Process ids of servers and services, by name.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: int = STATE_VERSION
    pid: int
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
            SetupError: Another supervisor holds the lock, or a newer Perdure wrote the folder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                raise SetupError(
                    f"A suite already runs on {self.folder} (process {lock.read().strip()}). Use it, stop it, or "
                    "choose another folder with --state."
                ) from error
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._check_version()
            try:
                yield
            finally:
                (self.folder / _ENDPOINTS).unlink(missing_ok=True)

    @property
    def nkeys(self) -> Path:
        """The folder of the NATS roles' seeds."""
        return self.folder / "nkeys"

    def remembered_ports(self) -> dict[str, int]:
        """Return the ports of the last start."""
        file = self.folder / "ports.json"
        ports: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        return ports

    def remember_ports(self, ports: Mapping[str, int]) -> None:
        """Store the ports, so that the next start uses the same."""
        _write(self.folder / "ports.json", json.dumps(ports))

    def write_endpoints(self, endpoints: Endpoints) -> None:
        """Write ``endpoints.json``, by which clients find the suite."""
        _write(self.folder / _ENDPOINTS, endpoints.model_dump_json(indent=2))

    def _check_version(self) -> None:
        file = self.folder / "version"
        found = int(file.read_text()) if file.exists() else STATE_VERSION
        if found > STATE_VERSION:
            raise SetupError(
                f"{self.folder} was written by a newer Perdure (state version {found}, this one supports "
                f"{STATE_VERSION}): upgrade Perdure, or choose another folder with --state."
            )
        _write(file, str(STATE_VERSION))


def read_endpoints(folder: Path) -> Endpoints | None:
    """Return the endpoints of the suite that runs on this folder, or None."""
    try:
        endpoints = Endpoints.model_validate_json((folder / _ENDPOINTS).read_bytes())
        os.kill(endpoints.pid, 0)
    except (FileNotFoundError, ProcessLookupError, ValidationError):
        return None
    except PermissionError:
        pass  # the process exists and belongs to another user
    return endpoints


def _write(file: Path, text: str) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(file)
