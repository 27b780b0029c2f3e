"""How a private key is kept from other programs of its owner: by a passphrase, or by the system's keyring."""

import getpass
import secrets
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from perdure.errors import SetupError
from perdure.values.protection import Protection

__all__ = ["ask_passphrase", "lock_secret", "locked_headers", "read_headers", "unlock_secret"]

_KEY, _PROTECTION, _SALT = "Perdure-Key", "Perdure-Protection", "Perdure-Salt"
_SERVICE: Final = "perdure"
_SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_COST: Final = 2**17  # with blocks of 8: 128 MiB and about half a second (RFC 7914; OWASP's minimum for scrypt)


def read_headers(pem: bytes) -> dict[str, str]:
    """Return the lines ``Name: value`` before the key: which key it is, and how it is protected."""
    lines = pem.partition(b"-----BEGIN")[0].decode(errors="replace").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines) if value}


def locked_headers(key_id: str, protection: Protection) -> dict[str, str]:
    """Return the headers of a new file."""
    headers = {_KEY: key_id, _PROTECTION: protection}
    if protection == "passphrase":
        headers[_SALT] = b64encode(secrets.token_bytes(_SALT_BYTES)).decode()
    return headers


def lock_secret(headers: Mapping[str, str], passphrase: str | None) -> bytes:
    """Return the password by which a new file is encrypted; a new one is put into the keyring.

    Raises:
        SetupError: There is no keyring.
    """
    if headers[_PROTECTION] == "passphrase":
        return _derived(passphrase or "", headers)
    secret = secrets.token_hex(_SECRET_BYTES)
    _keyring("set_password", headers[_KEY], secret)
    return secret.encode()


def unlock_secret(file: Path, headers: Mapping[str, str]) -> bytes:
    """Return the password of an encrypted file: from the keyring, or from whoever sits at the terminal.

    Raises:
        SetupError: There is no keyring, or it does not hold the secret; or there is no terminal to ask on.
    """
    if headers.get(_PROTECTION) == "keyring":
        secret = _keyring("get_password", headers[_KEY])
        if secret is None:
            raise SetupError(f"The keyring does not hold the secret of {file}: another machine or user made it.")
        return str(secret).encode()
    passphrase = ask_passphrase(f"Passphrase of {file.stem}: ", file)
    return _derived(passphrase, headers) if _SALT in headers else passphrase.encode()


def ask_passphrase(prompt: str, file: Path) -> str:
    """Ask on the terminal, without an echo.

    Raises:
        SetupError: There is no terminal.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        raise SetupError(
            f"{file} is encrypted with a passphrase, and there is no terminal to ask on. Sign at a terminal, or give "
            "programs a key of their own: `perdure approvers add NAME --protect keyring`, or none."
        )
    try:
        return getpass.getpass(prompt)
    except EOFError as error:
        raise SetupError("No passphrase was given.") from error


def _derived(passphrase: str, headers: Mapping[str, str]) -> bytes:
    key = Scrypt(salt=b64decode(headers[_SALT]), length=_SECRET_BYTES, n=_COST, r=8, p=1).derive(passphrase.encode())
    return b64encode(key)


def _keyring(action: Literal["get_password", "set_password"], key_id: str, *value: str) -> str | None:
    try:
        import keyring  # noqa: PLC0415 (optional)
        from keyring.errors import KeyringError  # noqa: PLC0415 (likewise)
    except ImportError as error:
        raise SetupError("The keyring needs a library: pip install 'perdure[keyring]'.") from error
    try:
        result: str | None = getattr(keyring, action)(_SERVICE, key_id, *value)
    except KeyringError as error:
        raise SetupError(f"The system's keyring cannot be used: {error}. Use `--protect passphrase`.") from error
    return result
