"""Encrypts and decrypts one value: AES-256-GCM, with the run as associated data."""

import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from perdure.encryption.key_ring import KeyRing
from perdure.encryption.run_binding import RunBinding
from perdure.errors import NotKept, Unavailable

__all__ = ["MissingKey", "Sealed", "WrongRun", "open_sealed", "seal"]

_NONCE_BYTES: Final = 12  # NIST SP 800-38D, 8.2.2: random nonces of 96 bits, for at most 2^32 values a key


class MissingKey(Unavailable):
    """The key ring has not the key of a value: whatever needs the value waits until it has."""


class WrongRun(NotKept):
    """An encrypted value stands in another run than the one that it was written for, or was changed."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encrypted value.

    Attributes:
        key_id: The key that decrypts it.
        run: The run that it was written for, as it says itself; the cipher proves it.
        data: Nonce, ciphertext and tag.
    """

    key_id: str
    run: RunBinding
    data: bytes


def seal(plain: bytes, run: RunBinding, ring: KeyRing) -> Sealed:
    """Encrypt a value for a run, by the newest key."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    encrypted = AESGCM(ring.keys[ring.newest]).encrypt(nonce, plain, run.to_bytes())
    return Sealed(ring.newest, run, nonce + encrypted)


def open_sealed(sealed: Sealed, ring: KeyRing, *, within: RunBinding | None = None) -> bytes:
    """Decrypt a value.

    Args:
        sealed: The value.
        ring: The keys.
        within: The run in which it stands, if that is known.

    Raises:
        MissingKey: The ring has not its key.
        WrongRun: It was written for another run, or was changed.
    """
    if within is not None and within != sealed.run:
        raise WrongRun(
            f"An encrypted value of the run {sealed.run.workflow_id} (namespace {sealed.run.namespace}) stands in the "
            f"run {within.workflow_id} (namespace {within.namespace}): it was copied there, and is refused. Find out "
            "who may write to Temporal, and terminate or reset this run."
        )
    if (key := sealed.key_id) not in ring.keys:
        raise missing_key(key, ring)
    try:
        return AESGCM(ring.keys[key]).decrypt(
            sealed.data[:_NONCE_BYTES], sealed.data[_NONCE_BYTES:], sealed.run.to_bytes()
        )
    except (InvalidTag, ValueError) as error:  # a value that is too short for a nonce is a ValueError
        raise WrongRun(
            f"An encrypted value of the run {sealed.run.workflow_id} does not fit its key {key}: it was changed, or "
            "comes from another run, or the key ring has another key under this id. Compare the ring with its backup."
        ) from error


def missing_key(key_id: str, ring: KeyRing) -> MissingKey:
    """Return the error for a value whose key is not in the ring."""
    return MissingKey(
        f"A value is encrypted with the key {key_id}, which the key ring has not (it has {', '.join(ring.keys)}): add "
        "that key to the ring of `encryption`. It is read again by itself, and the run waits until then."
    )
