"""Signed notes (C2SP signed-note): a text and the Ed25519 signatures of those who vouch for it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from perdure.ledger.base64_text import decoded, encoded

__all__ = ["BadNote", "Signer", "Verifier", "open_note", "sign_note"]

_ED25519: Final = b"\1"
_KEY_ID: Final = 4  # bytes
_MOST_SIGNATURES: Final = 100
_LARGEST: Final = 1_000_000  # bytes: as in Go's note package


class BadNote(ValueError):
    """A text is no note, or none of the known keys signed it."""


@dataclass(frozen=True)
class Verifier:
    """A public key and the name under which it signs.

    Attributes:
        name: Non-empty, without spaces and ``+``.
        key: 32 bytes.
    """

    name: str
    key: bytes

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or any(character.isspace() for character in self.name):
            raise BadNote(f"The name of a key is not empty and has no space and no +, unlike {self.name!r}.")
        if len(self.key) != 32:  # noqa: PLR2004 (RFC 8032)
            raise BadNote(f"A public key of Ed25519 has 32 bytes, not {len(self.key)}.")

    @property
    def id(self) -> bytes:
        """Its first four bytes of a hash, by which a signature names it."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:_KEY_ID]

    def __str__(self) -> str:
        """Return it as people hand it on, a `vkey`."""
        return f"{self.name}+{self.id.hex()}+{encoded(_ED25519 + self.key)}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read a `vkey`.

        Raises:
            BadNote: It is none of Ed25519.
        """
        name, _, rest = text.strip().partition("+")
        identifier, _, material = rest.partition("+")
        key = decoded(material) or b""
        if key[:1] != _ED25519:
            raise BadNote(f"This is no verifier key of Ed25519 (name+id+key): {text.strip()!r}.")
        verifier = cls(name, key[1:])
        if identifier != verifier.id.hex():
            raise BadNote(f"The id in the verifier key {text.strip()!r} is not that of its name and key.")
        return verifier

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Return whether this key made a signature (64 bytes) over a note's text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key and the name under which it signs."""

    name: str
    key: Ed25519PrivateKey

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self.key.public_key().public_bytes_raw())


def sign_note(text: str, *signers: Signer) -> str:
    """Return the note of a text, which ends with a newline, and the signatures of all signers over it."""
    if not text.endswith("\n"):
        raise BadNote("The text of a note ends with a newline.")
    lines = [f"— {signer.name} {encoded(signer.verifier.id + signer.key.sign(text.encode()))}\n" for signer in signers]
    return f"{text}\n{''.join(lines)}"


def open_note(note: str | bytes, verifiers: Iterable[Verifier]) -> tuple[str, list[Verifier]]:
    """Return the text of a note, and who of the known keys signed it, at least one.

    Raises:
        BadNote: It is no note, a known key's signature is wrong, or none of them signed it.
    """
    text, lines = _parted(note)
    known = {(verifier.name, verifier.id): verifier for verifier in verifiers}
    signed: list[Verifier] = []
    for line in lines:
        name, signature = _signature(line)
        verifier = known.get((name, signature[:_KEY_ID]))
        if verifier is None or verifier in signed:
            continue
        if not verifier.has_signed(text, signature[_KEY_ID:]):
            raise BadNote(f"The signature of {name} is not one over this text.")
        signed.append(verifier)
    if not signed:
        signers = ", ".join(sorted({_signature(line)[0] for line in lines}))
        raise BadNote(f"None of the known keys signed it; it names {signers}.")
    return text, signed


def _parted(note: str | bytes) -> tuple[str, list[str]]:
    """Return a note's text and its signature lines."""
    try:
        whole = note.decode() if isinstance(note, bytes) else note
        size = len(whole.encode())
    except UnicodeError:
        raise BadNote("A note is UTF-8.") from None
    if size > _LARGEST:
        raise BadNote(f"A note of more than {_LARGEST} bytes is not read.")
    if any(character < " " and character != "\n" for character in whole):
        raise BadNote("A note has no control characters but newlines.")
    text, blank, signatures = whole.rpartition("\n\n")
    lines = signatures.split("\n")
    if not blank or lines.pop() or not 0 < len(lines) <= _MOST_SIGNATURES:
        raise BadNote("A note is a text, an empty line and 1 to 100 lines of signatures, each ended by a newline.")
    return f"{text}\n", lines


def _signature(line: str) -> tuple[str, bytes]:
    """Return the name in a signature line, and its bytes after the base64."""
    dash, _, rest = line.partition(" ")
    name, _, written = rest.partition(" ")
    signature = decoded(written) or b""
    if dash != "—" or not name or "+" in name or len(signature) <= _KEY_ID:
        raise BadNote(f"This is no signature line: {line[:80]!r}.")
    return name, signature
