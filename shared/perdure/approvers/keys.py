"""Ed25519 keys (RFC 8032): private keys in PEM files, and ids of public keys."""

import os
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from perdure.approvers.protection import lock_secret, locked_headers, read_headers, unlock_secret
from perdure.config.private_file import read_private_text
from perdure.errors import SetupError
from perdure.values.protection import Protection

__all__ = ["SigningKey", "is_encrypted", "key_id_in", "key_id_of"]


def key_id_of(public: bytes) -> str:
    """Return a public key's id: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return sha256(public).hexdigest()[:16]


def is_encrypted(file: Path) -> bool:
    """Return whether a private key is encrypted.

    Raises:
        SetupError: The file cannot be read.
    """
    return b"-----BEGIN ENCRYPTED" in _content(file)


def key_id_in(file: Path) -> str:
    """Return the id of the key in a file, without opening it where its header names the id.

    Raises:
        SetupError: As in ``SigningKey.read``.
    """
    return read_headers(_content(file)).get("Perdure-Key") or SigningKey.read(file).key_id


def _content(file: Path) -> bytes:
    try:
        return read_private_text(file).encode()
    except OSError as error:
        raise SetupError(f"The key {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise SetupError(f"{file} is not a private key in PEM: it is no text.") from error


class SigningKey:
    """A private key that signs decisions.

    Attributes:
        public: The public key, 32 bytes in base64.
        key_id: Its id, as ``key_id_of`` returns it.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.public = b64encode(raw).decode()
        self.key_id = key_id_of(raw)

    @classmethod
    def new(cls) -> Self:
        """Generate a key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a key from PKCS #8 in PEM, as ``openssl genpkey -algorithm ed25519`` writes it too.

        An encrypted key is opened by the keyring, or by the passphrase for which this asks on the terminal.

        Raises:
            SetupError: The file cannot be read or opened, or holds no such key.
        """
        pem = _content(file)
        encrypted = b"-----BEGIN ENCRYPTED" in pem
        password = unlock_secret(file, read_headers(pem)) if encrypted else None
        try:
            private = load_pem_private_key(pem, password=password)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            if encrypted:
                raise SetupError(f"{file} does not open: the passphrase is another one.") from error
            raise SetupError(f"{file} is not a private key in PEM: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SetupError(f"{file} holds a key that is not Ed25519; `perdure approvers add` makes Ed25519 keys.")
        return cls(private)

    def write(self, file: Path, protection: Protection = "none", passphrase: str | None = None) -> None:
        """Write the key to a new file that only its owner can read (mode 600).

        Args:
            file: The new file.
            protection: How it is encrypted; ``none`` writes what any program can read.
            passphrase: The passphrase, if that protects it.

        Raises:
            SetupError: The file exists, or there is no keyring.
        """
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = self._pem(protection, passphrase)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise SetupError(f"{file} exists already; a key is never overwritten: name another file.") from error
        with os.fdopen(descriptor, "wb") as private:
            private.write(pem)

    def _pem(self, protection: Protection, passphrase: str | None) -> bytes:
        if protection == "none":
            return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        headers = locked_headers(self.key_id, protection)
        encryption = BestAvailableEncryption(lock_secret(headers, passphrase))
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        return "".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + pem

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data, 64 bytes."""
        return self._private.sign(data)
