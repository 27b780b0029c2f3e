"""Verifies decisions from their bytes in the stream, and keeps the first verdict on each.

A kept verdict only keeps: whoever can write to the bucket can refuse a decision with it, and never make one count.
"""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Final, Literal

from pydantic import BaseModel, ValidationError

from perdure.bus import Bus, KeyValue, StoredMessage
from perdure.errors import InvalidMessage, Unavailable
from perdure.flow.decision_verdict import DecisionVerdict
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.identified_decision import Approvers, identified
from perdure_orchestrator.parsing import read_decision

__all__ = ["VERIFICATIONS", "DecisionVerifier"]

VERIFICATIONS: Final = "VERIFICATIONS"
"""Name of the key-value bucket of the verdicts; see ``topology.BUCKETS``."""

_STREAM: Final = "DECISIONS"
_MOST_AHEAD: Final = 256  # messages
_ELSEWHERE: Final = "it is a decision on another run"
_NOBODY: Final = (
    "The approvers file names nobody. Does `approvals.approvers` name it, and does it lie where this worker runs?"
)
_GONE: Final = "DECISIONS no longer holds it, so that nobody can verify it: decide again"


class DecisionVerifier:
    """Reads decisions by their places and says who signed them.

    Attributes:
        on_received: Called with each decision for which a run asks.
    """

    def __init__(self, bus: Bus, approvers: Approvers, verifications: KeyValue) -> None:
        self._bus = bus
        self._approvers = approvers
        self._verifications = verifications
        self._ahead: dict[int, asyncio.Task[DecisionVerdict]] = {}
        self.on_received: Callable[[ReceivedDecision], None] = lambda _: None

    def verify_ahead(self, message: StoredMessage) -> None:
        """Begin to verify a message that is being handed to its run, which asks for the verdict in a moment.

        Args:
            message: As the server delivered it to this process.
        """
        task = asyncio.create_task(self._first_verdict(message))
        task.add_done_callback(_retrieve_error)
        self._ahead[message.sequence] = task
        if len(self._ahead) > _MOST_AHEAD:  # another worker was asked
            del self._ahead[next(iter(self._ahead))]

    async def verdict(self, sequence: int, workflow_id: str) -> DecisionVerdict:
        """Return the verdict on the message at this place, as of the time at which the server stored it.

        Args:
            sequence: Its sequence in DECISIONS.
            workflow_id: The run that judges it.

        Raises:
            Unavailable: The bus or the approvers file cannot be read.
        """
        ahead = self._ahead.pop(sequence, None)
        if ahead is not None:
            await asyncio.wait([ahead])
        if ahead is not None and not ahead.cancelled() and ahead.exception() is None:
            verdict = ahead.result()
        elif (message := await self._bus.get(_STREAM, sequence)) is not None:
            verdict = await self._first_verdict(message)
        else:
            kept = await self._kept(sequence)
            return kept.verdict if kept and kept.refuses(workflow_id) else _refused(sequence, "not_kept", _GONE)
        if verdict.received is None or verdict.received.decision.workflow_id != workflow_id:
            return _refused(sequence, "unreadable", verdict.reason or _ELSEWHERE)
        self.on_received(verdict.received)
        return verdict

    async def _first_verdict(self, message: StoredMessage) -> DecisionVerdict:
        """Return the verdict that is kept, or verify and keep it; on what is no decision none is kept."""
        verdict, sha256 = await self._verified(message), _sha256(message)
        if verdict.received is None:
            return verdict
        sequence = message.sequence
        if await self._verifications.create(_key(sequence), _Kept(sha256=sha256, verdict=verdict).to_json()):
            return verdict
        kept = await self._kept(sequence)
        return kept.verdict if kept and kept.sha256 == sha256 and kept.grants_no_more_than(verdict) else verdict

    async def _verified(self, message: StoredMessage) -> DecisionVerdict:
        try:
            decision, body = read_decision(message)
        except InvalidMessage as error:
            return _refused(message.sequence, "unreadable", error.detail)
        except RecursionError:
            return _refused(message.sequence, "unreadable", "it is nested too deeply")
        approvers = await self._approvers.version()
        if not approvers.directory.approvers:
            raise Unavailable(_NOBODY)
        received, refusal = identified(message, decision, body, approvers)
        if refusal is not None:
            return DecisionVerdict(sequence=message.sequence, received=received, code=refusal.code, reason=str(refusal))
        return DecisionVerdict(sequence=message.sequence, received=received)

    async def _kept(self, sequence: int) -> "_Kept | None":
        found = await self._verifications.get(_key(sequence))
        try:
            return None if found is None else _Kept.model_validate_json(found)
        except ValidationError:
            return None  # nobody of ours wrote it


class _Kept(BaseModel):
    """A verdict with the SHA-256 of the message that it is about."""

    sha256: str
    verdict: DecisionVerdict

    def to_json(self) -> bytes:
        return self.model_dump_json().encode()

    def refuses(self, workflow_id: str) -> bool:
        received = self.verdict.received
        return self.verdict.code is not None and received is not None and received.decision.workflow_id == workflow_id

    def grants_no_more_than(self, fresh: DecisionVerdict) -> bool:
        """Return whether it refuses, or accepts a decision with no more than the bytes and the file yield today."""
        kept, now = self.verdict.received, fresh.received
        if kept is None or now is None or kept.decision != now.decision or kept.decision_id != now.decision_id:
            return False
        if self.verdict.code is not None:
            return True
        may_shrink = {"roles", "own_roles", "stands_in_for", "approvers_digest"}
        return (
            fresh.code is None
            and set(kept.roles) <= set(now.roles)
            and kept.own_roles is not None
            and set(kept.own_roles) <= set(now.own_roles or ())
            and set(kept.stands_in_for) <= set(now.stands_in_for)
            and kept.model_dump(exclude=may_shrink) == now.model_dump(exclude=may_shrink)
        )


def _refused(sequence: int, code: Literal["not_kept", "unreadable"], reason: str) -> DecisionVerdict:
    return DecisionVerdict(sequence=sequence, code=code, reason=reason)


def _retrieve_error(task: asyncio.Task[DecisionVerdict]) -> None:
    """Take the error of a task that perhaps nobody awaits: whoever asks for the verdict verifies again."""
    if not task.cancelled():
        task.exception()


def _key(sequence: int) -> str:
    return f"{_STREAM}.{sequence}"


def _sha256(message: StoredMessage) -> str:
    return hashlib.sha256(message.raw.subject.encode() + b"\0" + message.raw.body).hexdigest()
