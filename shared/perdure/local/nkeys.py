"""The nkeys of the NATS roles: one seed file a role, readable by its owner only."""

import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Final

import nkeys  # type: ignore[import-untyped]

from perdure.config.private_file import read_private_text
from perdure.errors import SetupError

__all__ = ["ensure_nkeys", "public_nkey", "seed_file"]

_SEED_BYTES: Final = 32  # of Ed25519


def seed_file(folder: Path, role: str) -> Path:
    """Return the path of a role's seed."""
    return folder / f"{role}.nk"


def ensure_nkeys(folder: Path, roles: Collection[str]) -> dict[str, str]:
    """Create the missing seeds and return the public nkey of each role.

    Raises:
        SetupError: A seed file exists, and is invalid or cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for role in roles:
        if not seed_file(folder, role).exists():
            _write(seed_file(folder, role))
    return {role: public_nkey(seed_file(folder, role)) for role in roles}


def public_nkey(file: Path) -> str:
    """Return the public nkey of a seed.

    Raises:
        SetupError: The file is no nkey seed, cannot be read, or is open to others.
    """
    try:
        public: bytes = nkeys.from_seed(bytearray(read_private_text(file).strip().encode())).public_key
    except OSError as error:
        raise SetupError(f"The seed {file} cannot be read: {error.strerror}.") from error
    except (nkeys.NkeysError, UnicodeDecodeError) as error:
        raise SetupError(f"{file} is not an nkey seed. Remove it: the next start creates a new one.") from error
    return public.decode()


def _write(file: Path) -> None:
    """Write a new seed atomically, so that a crash leaves no partial file."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as seed:
        seed.write(nkeys.encode_seed(secrets.token_bytes(_SEED_BYTES), nkeys.PREFIX_BYTE_USER))
    draft.replace(file)
