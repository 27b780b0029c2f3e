"""The file with the ledger's private key, which only the audit service reads; it makes one if there is none."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.config.private_file import read_private_text
from perdure.errors import SetupError
from perdure.ledger import BadNote, Signer
from perdure.ledger.key_text import read_signer, signer_text

__all__ = ["ledger_signer", "sync_folder"]


def ledger_signer(file: Path, ledger: str) -> Signer:
    """Return the key in a file that signs for a ledger; make it if the file does not exist.

    Raises:
        SetupError: The file cannot be read or written, or holds another ledger's key.
    """
    try:
        if not file.exists():
            _write(file, signer_text(Signer(ledger, Ed25519PrivateKey.generate())))
        signer = read_signer(read_private_text(file))
    except (OSError, UnicodeError, BadNote) as error:
        raise SetupError(f"{file} holds no key of the ledger: {error}") from error
    if signer.name != ledger:
        raise SetupError(f"{file} holds the key of the ledger {signer.name}, not of {ledger} (audit.ledger).")
    return signer


def _write(file: Path, text: str) -> None:
    """Write a new file whole, for its owner alone; where two do so at once, the first one's stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")  # a process that died left one, perhaps as `file`
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(f"{text}\n")
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    finally:
        draft.unlink()
        sync_folder(file)


def sync_folder(file: Path) -> None:
    """Write to the disk which name the file has."""
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
