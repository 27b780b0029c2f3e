"""Ed25519 keys (RFC 8032): private keys in PEM files, and ids of public keys."""

import os
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from perdure.errors import SetupError

__all__ = ["SigningKey", "key_id_of"]


def key_id_of(public: bytes) -> str:
    """Return a public key's id: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return sha256(public).hexdigest()[:16]


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

        Raises:
            SetupError: The file cannot be read or holds no such key.
        """
        try:
            private = load_pem_private_key(file.read_bytes(), password=None)
        except OSError as error:
            raise SetupError(f"The key {file} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SetupError(f"{file} is not a private key in PEM without a password: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SetupError(f"{file} holds a key that is not Ed25519; `perdure approvers add` makes Ed25519 keys.")
        return cls(private)

    def write(self, file: Path) -> None:
        """Write the key to a new file that only its owner can read (mode 600).

        Raises:
            SetupError: The file exists.
        """
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        pem = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as error:
            raise SetupError(f"{file} exists already; a key is never overwritten: name another file.") from error
        with os.fdopen(descriptor, "wb") as private:
            private.write(pem)

    def sign(self, data: bytes) -> bytes:
        """Return the signature of the data, 64 bytes."""
        return self._private.sign(data)
