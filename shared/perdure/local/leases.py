"""Leases of ports: two suites of one user never choose the same port, however close together they start.

A lease is a locked file outside of every state folder. The supervisor holds the lease for its whole life, also while
the program on the port restarts; the kernel releases the leases of a killed process.
"""

import fcntl
import os
import tempfile
from collections.abc import Collection
from io import TextIOWrapper
from pathlib import Path
from typing import Final, Self

from perdure.errors import SetupError
from perdure.local.ports import is_free

__all__ = ["PortLeases"]

_PRIVATE: Final = 0o700


class PortLeases:
    """The ports that one supervisor keeps from the other suites of its user, until the block ends.

    Args:
        holder: What another suite reports about a port that it cannot have.
        folder: The folder of lease files; all suites of a user must use the same.
    """

    def __init__(self, holder: str, folder: Path | None = None) -> None:
        self._holder = holder
        self._folder = folder or Path(tempfile.gettempdir(), f"perdure-{os.getuid()}", "ports")
        self._held: dict[int, TextIOWrapper] = {}

    def __enter__(self) -> Self:
        """Create the folder of lease files.

        Raises:
            SetupError: It cannot be created or belongs to another user.
        """
        try:
            self._folder.parent.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            self._folder.mkdir(mode=_PRIVATE, exist_ok=True)
            mine = self._folder.stat().st_uid == os.getuid()
        except OSError as error:
            raise SetupError(f"The folder of port leases {self._folder} cannot be used: {error.strerror}.") from error
        if not mine:
            raise SetupError(f"The folder of port leases {self._folder} belongs to another user: set TMPDIR.")
        return self

    def __exit__(self, *_: object) -> None:
        self.release(list(self._held))

    def take(self, port: int) -> bool:
        """Lease a port, unless another suite holds it or a program listens on it; return whether that succeeded."""
        if port in self._held:
            return is_free(port)
        lease = self._file(port).open("a+")
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lease.close()
            return False
        if not is_free(port):
            lease.close()
            return False
        lease.truncate(0)
        lease.write(self._holder)
        lease.flush()
        self._held[port] = lease
        return True

    def release(self, ports: Collection[int]) -> None:
        """Give ports back."""
        for port in ports:
            self._held.pop(port).close()

    def holder_of(self, port: int) -> str | None:
        """Return who leases a port, if that is another suite; None where any other program has it."""
        file = self._file(port)
        if port in self._held or not file.exists():
            return None
        with file.open() as lease:
            try:
                fcntl.flock(lease, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return lease.read() or None
        return None

    def _file(self, port: int) -> Path:
        return self._folder / str(port)
