"""Approves every request of a chaos run, and some of them twice."""

import asyncio
from random import Random
from typing import Final

from nats.errors import Error as NatsError

from perdure.approvers import SigningKey
from perdure.bus import Bus
from perdure.bus.decision_client import DecisionClient, DecisionDraft
from perdure.bus.views.approval_index import open_requests
from perdure.contracts import ApprovalRequested
from perdure.errors import Unavailable

__all__ = ["ApprovingBot"]

_LOOK_EVERY: Final = 0.3  # seconds
_TWICE: Final = 0.3  # the share of requests that get a second decision


class ApprovingBot:
    """Decides as one approver.

    Args:
        bus: A connection as the operator.
        approver: Its name in the approvers file.
        key: Its key.
        seed: Determines which requests get a second decision.
    """

    def __init__(self, bus: Bus, approver: str, key: SigningKey, *, seed: int) -> None:
        self._bus = bus
        self._client = DecisionClient(bus, key)
        self._approver = approver
        self._seed = seed
        self._decided: set[str] = set()

    async def decide_for_ever(self) -> None:
        """Look for open requests and approve each; after an outage the same decision is published again."""
        while True:
            try:
                for request in await open_requests(self._bus):
                    await self._decide(request)
            except (Unavailable, NatsError, OSError):
                await asyncio.sleep(_LOOK_EVERY)
            await asyncio.sleep(_LOOK_EVERY)

    async def _decide(self, request: ApprovalRequested) -> None:
        if request.request_id in self._decided:
            return
        twice = Random(f"{request.request_id} {self._seed}").random() < _TWICE  # noqa: S311 (repeatable, not secret)
        for nonce in ("first", "second") if twice else ("first",):
            await self._client.publish(
                DecisionDraft(
                    request_id=request.request_id,
                    digest=request.digest,
                    decision="approve",
                    approver=self._approver,
                    comment="",
                    nonce=nonce,
                    first_run_id=request.first_run_id,
                )
            )
        self._decided.add(request.request_id)
