"""A client as witness of the ledger: what it is shown must have grown from what it has seen before.

Two clients who are shown two histories, or one who is shown less than before, find it out without asking each other:
neither history grows from the other.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final

from perdure.config.replace_file import replace_file
from perdure.contracts.audit_proofs import AUDIT_PROOFS, MOST_PLACES, AuditProof, AuditProofsFound, AuditProofsQuery
from perdure.errors import PerdureError, Unavailable
from perdure.ledger import BadNote, BadProof, Checkpoint, Kept, KeyChain, ProofFile, Verifier, is_consistent
from perdure.record.seen import Seen, SeenCheckpoints

__all__ = ["LedgerForked", "Proven", "Witness"]

Request = Callable[[str, bytes], Awaitable[bytes]]
"""Sends a NATS request to a service, and returns the body of its reply; raises ``Unavailable``."""

_TRIES: Final = 5  # other processes may keep a newer checkpoint meanwhile, and a replica of NATS may lag
_LAG: Final = 0.5  # seconds between two tries
_SIGNED_WITHIN: Final = 5.0  # seconds: a checkpoint follows its leaves after one


class LedgerForked(PerdureError):
    """The ledger shows another history than the one that was seen before."""


@dataclass(frozen=True, slots=True)
class Proven:
    """A message that is proven to be in the ledger.

    Attributes:
        place: ``STREAM:sequence``.
        entry: The entry of its leaf.
        proof: What proves it, which others verify without us.
        key: The ledger's key (a `vkey`).
        kept: What is kept of the message; None unless it was asked for, or if it does not fit into a reply.
    """

    place: str
    entry: bytes
    proof: ProofFile
    key: str
    kept: Kept | None = None


class Witness:
    """Asks the audit service for proofs, verifies each, and keeps the newest checkpoint that it has seen.

    Args:
        request: Asks a service.
        seen: The checkpoints that were seen before.
    """

    def __init__(self, request: Request, seen: SeenCheckpoints) -> None:
        self._request = request
        self._seen = seen
        self._grown_from: int | None = None

    async def look(self) -> Checkpoint | None:
        """Return the newest signed checkpoint, which grew from the last one seen; None if nothing is signed yet.

        Raises:
            LedgerForked: It did not grow from it.
            Unavailable: The audit service does not answer.
        """
        _, head = await self._answer(AuditProofsQuery())
        return head

    async def proofs(
        self, places: Sequence[str], *, kept: bool = False, within: float = _SIGNED_WITHIN
    ) -> dict[str, Proven]:
        """Return the proofs of messages by place; one that is not recorded, or not signed in time, is absent.

        Args:
            places: The messages, each as ``STREAM:sequence``.
            kept: Whether to return what is kept of them too.
            within: Seconds to wait for messages that were stored a moment ago.

        Raises:
            LedgerForked: As in ``look``, or a proof does not lead to the checkpoint.
            Unavailable: The audit service does not answer.
        """
        proven: dict[str, Proven] = {}
        ends_at = asyncio.get_running_loop().time() + within
        waiting = list(dict.fromkeys(places))
        while waiting:
            asked, later = waiting[:MOST_PLACES], waiting[MOST_PLACES:]
            found, _ = await self._answer(AuditProofsQuery(places=tuple(asked), kept=kept))
            for proof in found.proofs:
                proven[proof.place] = _verified(found, proof)
            waiting = [*later, *(place for place in asked if place not in proven)]
            if asyncio.get_running_loop().time() > ends_at and not found.proofs:
                break
            if not found.proofs:
                await asyncio.sleep(_LAG)
        return {place: proven[place] for place in places if place in proven}

    async def _answer(self, query: AuditProofsQuery) -> tuple[AuditProofsFound, Checkpoint | None]:
        """Return the reply to a query with its checkpoint, which is the newest one seen from now on."""
        for attempt in range(_TRIES):
            body = query.model_copy(update={"grown_from": self._grown_from}).model_dump_json().encode()
            found = _read(await self._request(AUDIT_PROOFS, body))
            before = self._seen.newest(Verifier.parse(found.key).name)
            if found.refusal:
                raise LedgerForked(f"The audit service cannot prove its record. {found.refusal}")
            if not found.checkpoint and before is None:
                return found, None
            shown = Seen(found.key, found.checkpoint)
            head = self._opened(before, shown, found)
            old = head if before is None else before.opened()
            if head == old:
                is_newest = before is not None or self._seen.replace(head.origin, None, shown)
            elif head.size < old.size:
                is_newest = False
                if attempt == _TRIES - 1:
                    raise self._forked(before, shown, "fewer leaves: some were taken away")
                await asyncio.sleep(_LAG)
            else:
                is_newest = self._grown_from == old.size and self._has_grown(before, shown, found)
            self._grown_from = old.size
            if is_newest:
                return found, head
        raise Unavailable("The audit service signs faster than this program can follow: try again.")

    def _opened(self, before: Seen | None, shown: Seen, found: AuditProofsFound) -> Checkpoint:
        try:
            head = shown.opened()
        except BadNote as error:
            if not shown.note:
                raise self._forked(before, shown, "no checkpoint at all") from error
            raise self._forked(before, shown, f"one that does not hold ({error})") from error
        if before is not None and before.key != shown.key and not _follows(before, shown, found):
            raise self._forked(before, shown, "one that another key has signed")
        return head

    def _has_grown(self, before: Seen | None, shown: Seen, found: AuditProofsFound) -> bool:
        """Prove that a checkpoint grew from the one that was seen, and keep it in its place if that still stands."""
        head = shown.opened()
        old = head if before is None else before.opened()
        if found.growth is None or not is_consistent(old.size, old.root, head.size, head.root, found.growth):
            raise self._forked(before, shown, "leaves that do not begin with those")
        return self._seen.replace(head.origin, before, shown)

    def _forked(self, before: Seen | None, shown: Seen, what: str) -> LedgerForked:
        """Keep both checkpoints, which prove the fork to others; return the error that names them."""
        name = Verifier.parse(shown.key).name
        which = sha256(shown.note.encode()).hexdigest()[:8]
        file = self._seen.file(name).with_suffix(f".fork-{which}.json")
        both = {"seen": None if before is None else asdict(before), "shown": asdict(shown)}
        self._seen.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(file, f"{json.dumps(both, indent=2)}\n".encode())
        return LedgerForked(
            f"The ledger {name} shows two histories. Seen before: {_head(before)}. Shown now: {_head(shown)}, {what}. "
            f"Both signed checkpoints are kept in {file}. Do not rely on the record: find out who restored or changed "
            f"it. If the suite was set up anew on purpose, remove {self._seen.file(name)}."
        )


def _read(reply: bytes) -> AuditProofsFound:
    try:
        found = AuditProofsFound.model_validate_json(reply)
        Verifier.parse(found.key)
    except ValueError as error:
        raise LedgerForked(f"The audit service's reply is none: {error}") from error
    return found


def _verified(found: AuditProofsFound, proof: AuditProof) -> Proven:
    """Return a proof that leads to the checkpoint.

    Raises:
        LedgerForked: It does not.
    """
    file = ProofFile(proof.leaf, proof.path, found.checkpoint, proof.entry)
    try:
        file.verified([Verifier.parse(found.key)])
    except BadProof as error:
        raise LedgerForked(f"The audit service's proof of {proof.place} does not hold: {error}") from error
    stream, _, sequence = proof.place.partition(":")
    return Proven(proof.place, proof.entry, file, found.key, _kept(stream, int(sequence), proof))


def _follows(before: Seen, shown: Seen, found: AuditProofsFound) -> bool:
    """Return whether the key that was seen has handed on to the new one, by leaves of the ledger."""
    chain = KeyChain(Verifier.parse(before.key))
    try:
        for proof in found.keys:
            chain.add(_verified(found, proof).proof.index, proof.entry)
        return str(chain.valid_at(shown.opened().size)) == shown.key
    except BadNote:
        return False


def _head(seen: Seen | None) -> str:
    if seen is None:
        return "nothing"
    try:
        head = seen.opened()
    except BadNote:
        return "an unsigned head"
    return f"{head.size} leaves with the root {head.root.hex()}"


def _kept(stream: str, sequence: int, proof: AuditProof) -> Kept | None:
    if proof.subject is None or proof.stored_at is None or proof.headers is None:
        return None
    return Kept(stream, sequence, proof.stored_at, proof.subject, proof.headers, proof.body, proof.salt or b"")
