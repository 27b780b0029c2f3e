"""The audit service's NATS request/reply: proofs that messages are in the ledger, and that it only grew."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from perdure.contracts.instant import Instant

__all__ = ["AUDIT_PROOFS", "MOST_PLACES", "AuditProof", "AuditProofsFound", "AuditProofsQuery"]

AUDIT_PROOFS: Final = "queries.audit.proofs"
"""Request subject. The request body is an ``AuditProofsQuery``, the reply body an ``AuditProofsFound``."""

MOST_PLACES: Final = 256
"""Places of one query."""

_Place = Annotated[str, Field(pattern=r"^[A-Z]{1,30}:[1-9][0-9]{0,17}$")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", ser_json_bytes="base64", val_json_bytes="base64")


class AuditProofsQuery(_Body):
    """A question for proofs.

    Attributes:
        places: The messages, each as ``STREAM:sequence``.
        grown_from: Size of an earlier checkpoint, from which the newest one shall be proven to have grown.
        kept: Whether to return what is kept of the messages too.
    """

    places: Annotated[tuple[_Place, ...], Field(max_length=MOST_PLACES)] = ()
    grown_from: PositiveInt | None = None
    kept: bool = False


class AuditProof(_Body):
    """The proof of one message.

    Attributes:
        place: The message.
        leaf: Index of its leaf.
        entry: The leaf's entry: canonical JSON of the message's place and digests.
        path: Hashes that lead from the leaf to the root of the checkpoint (RFC 6962).
        subject: The message's subject; absent, as all that follow, unless it was asked for.
        stored_at: When its stream stored it (UTC).
        headers: Its headers.
        body: Its body; absent too if it was erased or is too large for a reply.
        salt: The salt of the digests in the entry.
    """

    place: str
    leaf: int
    entry: bytes
    path: tuple[bytes, ...]
    subject: str | None = None
    stored_at: Instant | None = None
    headers: dict[str, str] | None = None
    body: bytes | None = None
    salt: bytes | None = None


class AuditProofsFound(_Body):
    """Proofs, all to one signed checkpoint.

    Attributes:
        key: The ledger's key (a `vkey`).
        checkpoint: The newest signed checkpoint; empty if nothing is signed yet.
        size: Leaves that the ledger has now, signed or not.
        proofs: One for each place that is in the checkpoint and fits into the reply.
        unsigned: Places that are recorded, and in no checkpoint yet.
        unknown: Places that are not recorded.
        more: Places that did not fit into the reply: ask for them again.
        growth: Hashes that prove that the checkpoint grew from ``grown_from`` leaves; absent if it did not.
        refusal: Why nothing can be proven, as a sentence; empty otherwise.
    """

    key: str
    checkpoint: str
    size: int
    proofs: tuple[AuditProof, ...] = ()
    unsigned: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    growth: tuple[bytes, ...] | None = None
    refusal: str = ""
