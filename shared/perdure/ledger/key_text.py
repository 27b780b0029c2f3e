"""The private key of a ledger as text, in the form of Go's package note: ``PRIVATE+KEY+name+id+key``."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from perdure.ledger.base64_text import decoded, encoded
from perdure.ledger.note import BadNote, Signer

__all__ = ["read_signer", "signer_text"]

_PREFIX = "PRIVATE+KEY+"
_ED25519 = b"\1"


def signer_text(signer: Signer) -> str:
    """Return a private key as text, which whoever has it can sign with."""
    seed = signer.key.private_bytes_raw()
    return f"{_PREFIX}{signer.name}+{signer.verifier.id.hex()}+{encoded(_ED25519 + seed)}"


def read_signer(text: str) -> Signer:
    """Read a private key.

    Raises:
        BadNote: It is none; the message does not repeat it.
    """
    name, _, rest = text.strip().removeprefix(_PREFIX).partition("+")
    identifier, _, material = rest.partition("+")
    seed = decoded(material) or b""
    if not text.startswith(_PREFIX) or seed[:1] != _ED25519 or len(seed) != 33:  # noqa: PLR2004 (type and RFC 8032)
        raise BadNote(f"This is no private key of a ledger ({_PREFIX}name+id+key).")
    signer = Signer(name, Ed25519PrivateKey.from_private_bytes(seed[1:]))
    if signer.verifier.id.hex() != identifier:
        raise BadNote("The id in the private key is not that of its name and key.")
    return signer
