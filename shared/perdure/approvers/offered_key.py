"""Keys that people offer from a browser: the proof that they hold them, and their way into the approvers file."""

from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import UTC, datetime

from pydantic import JsonValue

from perdure.approvers.enrolment import with_key
from perdure.approvers.entries import PublicKey
from perdure.approvers.file import ApproversFile
from perdure.approvers.keys import SigningKey, key_id_of
from perdure.approvers.signature import canonical, verifies
from perdure.contracts import KeyOffered
from perdure.errors import Conflict, NotFound, WrongArgument

__all__ = ["accept_key", "check_offer", "offer_key", "proven"]


def proven(approver: str, public: str) -> dict[str, JsonValue]:
    """Return the object whose canonical form the proof of a key signs."""
    return {"type": "admin.enrolment", "approver": approver, "public": public}


def offer_key(key: SigningKey, approver: str, at: datetime) -> KeyOffered:
    """Return the offer of a key, as a browser makes one.

    Args:
        key: The key.
        approver: Whose it is.
        at: The current time (UTC).
    """
    proof = b64encode(key.sign(canonical(proven(approver, key.public)))).decode()
    return KeyOffered(approver=approver, public=key.public, key_id=key.key_id, proof=proof, at=at)


def check_offer(offer: KeyOffered) -> None:
    """Check that whoever offers a key holds it, and that it has the id that people compare.

    Raises:
        WrongArgument: One of them is not so.
    """
    try:
        raw = b64decode(offer.public, validate=True)
    except ValueError as error:
        raise WrongArgument("The key that is offered is not base64.") from error
    if key_id_of(raw) != offer.key_id:
        raise WrongArgument(f"The key that is offered has the id {key_id_of(raw)}, not {offer.key_id}.")
    if not verifies({**proven(offer.approver, offer.public), "signature": offer.proof}, raw):
        raise WrongArgument(f"Whoever offers the key {offer.key_id} does not prove that they hold it.")


def accept_key(file: ApproversFile, offer: KeyOffered, *, roles: Iterable[str] = ()) -> None:
    """Put a key that was offered into the approvers file; other keys of the person stay valid.

    Args:
        file: The approvers file.
        offer: The offer.
        roles: Roles to add to those that the person has. Somebody new needs one.

    Raises:
        WrongArgument: See ``check_offer``.
        NotFound: The file does not know the person, and no role was named.
        Conflict: The key is in the file already.
    """
    check_offer(offer)
    key = PublicKey(public=offer.public, created=datetime.now(UTC).replace(microsecond=0))
    added = tuple(roles)
    with file.changing() as (known, changed):
        keys = [it for person in known.approvers.values() for it in person.keys]
        keys += [it for program in known.proxies.values() for it in program.keys]
        if any(it.key_id == key.key_id for it in keys):
            raise Conflict(f"{file.path} has the key {key.key_id} already.")
        if offer.approver not in known.approvers and not added:
            raise NotFound(
                f"{file.path} does not know {offer.approver}: name a role with --role, and they are added with it."
            )
        changed.append(with_key(known, offer.approver, key, roles=added, proxy=False))
