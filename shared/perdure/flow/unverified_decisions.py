"""The decisions of one run that its worker has yet to verify.

Anybody who may signal a run can send it anything: of a signal only the place in the stream is used.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from temporalio import workflow

from perdure.flow.decision_verdict import VERIFY_DECISIONS, DecisionVerdict, VerificationBatch
from perdure.flow.publisher import BUS_RETRY, BUS_TIMEOUT
from perdure.voting.ballot import ReceivedDecision

__all__ = ["UnverifiedDecisions"]

# Patch ids: histories hold them. The second is followed by the number of the decision.
_VERIFIED: Final = "perdure-verified-decisions"
_VERIFIED_ONE: Final = "perdure-verified-decision"

_PLACE: Final = re.compile(r"DECISIONS\.([1-9][0-9]{0,18})")
_REMEMBERED: Final = 500  # places; about 4 KiB in the memo of the run that continues

Judge = Callable[[DecisionVerdict, ReceivedDecision], None]


class UnverifiedDecisions:
    """Collects the decisions of a workflow task, and has one local activity verify them.

    Args:
        judge: Called with each verdict, in the order of the stream, and with what the signal claimed.
        judged: Called after the verdicts of one activity.
    """

    def __init__(self, judge: Judge, judged: Callable[[], None]) -> None:
        self._judge = judge
        self._judged = judged
        self._claims: dict[int, ReceivedDecision] = {}
        self._done: dict[int, None] = {}  # in the order in which they were judged
        self._verifying: asyncio.Task[None] | None = None
        self._count = 0

    @property
    def places(self) -> tuple[int, ...]:
        """The sequences of the decisions that were judged last."""
        return tuple(self._done)[-_REMEMBERED:]

    @property
    def are_pending(self) -> bool:
        """Whether decisions have arrived that are not judged yet."""
        return self._verifying is not None

    def skip(self, sequences: Iterable[int]) -> None:
        """Ignore what an earlier run of the chain has judged."""
        self._done |= dict.fromkeys(sequences)

    def takes_next(self) -> bool:
        """Return whether the next decision must be verified: all but those that an older run judged unverified.

        An answer of ``patched`` holds for the whole run. So a run that was False once, as it replayed a decision of
        the time before, is asked again for each decision: no open run goes on believing signals.
        """
        self._count += 1
        return workflow.patched(_VERIFIED) or workflow.patched(f"{_VERIFIED_ONE}-{self._count}")

    def add(self, received: ReceivedDecision) -> bool:
        """Verify the decision at this place soon; returns whether it names a place."""
        named = _PLACE.fullmatch(received.place)
        if named is None:
            return False
        sequence = int(named[1])
        if sequence not in self._done:
            self._claims.setdefault(sequence, received)
            if self._verifying is None:
                self._verifying = asyncio.create_task(self._verify())
        return True

    async def settled(self) -> None:
        """Wait until every decision that has arrived is judged."""
        while self._verifying is not None:
            await asyncio.shield(self._verifying)

    async def _verify(self) -> None:
        while self._claims:
            claims, self._claims = self._claims, {}
            for verdict in await _verdicts(claims):
                if verdict.code != "not_kept":  # a place that nobody has written to yet may get a decision
                    self._done[verdict.sequence] = None
                self._judge(verdict, claims[verdict.sequence])
            self._judged()
        self._verifying = None


async def _verdicts(claims: Mapping[int, ReceivedDecision]) -> list[DecisionVerdict]:
    verdicts: list[DecisionVerdict] = await workflow.execute_local_activity(
        VERIFY_DECISIONS,
        VerificationBatch(sequences=tuple(claims)),
        result_type=list[DecisionVerdict],
        start_to_close_timeout=BUS_TIMEOUT,
        retry_policy=BUS_RETRY,
    )
    return verdicts
