"""The newest checkpoint that this client has seen of each ledger: whoever shows it another history later is found out.

The files lie outside the suite's state folder: who owns the record does not own what others have seen of it.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from perdure.config.private_folder import private_folder
from perdure.config.replace_file import replace_file
from perdure.errors import SetupError
from perdure.ledger import BadNote, Checkpoint, Verifier, open_checkpoint

__all__ = ["Seen", "SeenCheckpoints"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A signed head of a ledger, and the key that signed it.

    Attributes:
        key: The ledger's key, as a `vkey`.
        note: The signed checkpoint (C2SP tlog-checkpoint).
    """

    key: str
    note: str

    def opened(self) -> Checkpoint:
        """Return the checkpoint.

        Raises:
            BadNote: The key did not sign it.
        """
        return open_checkpoint(self.note, [Verifier.parse(self.key)])[0]


class SeenCheckpoints:
    """The newest checkpoint seen of each ledger, a file each; several processes may use them at once.

    Args:
        folder: Where the files lie; it is made when the first one is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_suite(cls, state: Path) -> "SeenCheckpoints":
        """Return what this user has seen of the suite with this state folder."""
        return cls(private_folder(state) / "seen")

    def file(self, ledger: str) -> Path:
        """Return the file of a ledger."""
        return self.folder / f"{quote(ledger, safe='')}.json"

    def newest(self, ledger: str) -> Seen | None:
        """Return the newest checkpoint seen of a ledger; None if there is none yet.

        Raises:
            SetupError: The file cannot be read, or holds no signed checkpoint of the ledger.
        """
        file = self.file(ledger)
        try:
            content = json.loads(file.read_bytes())
            seen = Seen(str(content["key"]), str(content["note"]))
            if seen.opened().origin != ledger:
                raise BadNote(f"It is a checkpoint of {seen.opened().origin}.")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SetupError(f"{file} holds no checkpoint that was seen of the ledger {ledger}: {error}") from error
        return seen

    def replace(self, ledger: str, before: Seen | None, seen: Seen) -> bool:
        """Keep a checkpoint in place of ``before``, from which it is proven to have grown.

        Returns:
            False if another process has kept one meanwhile: read it, prove that, and try again.

        Raises:
            SetupError: The file cannot be read or written.
        """
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self.folder / ".lock"):
                if self.newest(ledger) != before:
                    return False
                replace_file(self.file(ledger), f"{json.dumps(asdict(seen))}\n".encode())
        except OSError as error:
            raise SetupError(f"{self.file(ledger)} cannot be written: {error}") from error
        return True


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock that the system releases when the process ends, however it does."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
