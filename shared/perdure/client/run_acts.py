"""Acts on runs over the bus: what the orchestrator and ingest are asked for, and what becomes of it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from secrets import token_hex
from typing import Final, Protocol

from pydantic import JsonValue

from perdure.bus import Bus, RawMessage
from perdure.bus.envelope import MESSAGE_ID
from perdure.bus.views.found_runs import Requests
from perdure.bus.views.recorded_acts import recorded_act
from perdure.client.patience import PatientRequests
from perdure.contracts import RunActed, to_token
from perdure.contracts.run_acts import (
    ACT_ON_RUN,
    START_AGAIN,
    RunAct,
    RunActReply,
    RunActRequest,
    StartAgainReply,
    StartAgainRequest,
)

__all__ = ["ActBus", "RunActs", "Target", "new_act_id"]

_AT_ONCE: Final = 16  # requests


class ActBus(Bus, Requests, Protocol):
    """A bus over which requests can be sent."""


@dataclass(frozen=True, slots=True)
class Target:
    """A run to act on.

    Attributes:
        workflow_id: Temporal's workflow id.
        run_id: Temporal's run id that the operator saw: a later run of the workflow id is left alone.
    """

    workflow_id: str
    run_id: str | None = None


def new_act_id() -> str:
    """Return the id of a new act; ids sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(2)}"


@dataclass(frozen=True, slots=True)
class RunActs:
    """One act on any number of runs; done again with the same id, it changes nothing twice.

    Attributes:
        bus: The bus, as the operator.
        id: Id of the act.
        by: Who acts.
        reason: Why.
        report: Called with the subject of a request while nobody answers it.
    """

    bus: ActBus
    id: str
    by: str
    reason: str = ""
    report: Callable[[str], None] = lambda _: None

    async def each(
        self, targets: Sequence[Target], do: Callable[[Target], Awaitable[RunActReply]]
    ) -> AsyncIterator[RunActReply]:
        """Yield what came of each, in order; some are done at once.

        Raises:
            Unavailable: A service has not answered for a minute. Do it again with the same id.
        """
        under_way = deque[asyncio.Future[RunActReply]]()
        left = iter(targets)
        try:
            while True:
                under_way.extend(map(asyncio.ensure_future, map(do, islice(left, _AT_ONCE - len(under_way)))))
                if not under_way:
                    return
                yield await under_way.popleft()
        finally:
            for future in under_way:
                future.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def act(
        self,
        act: RunAct,
        target: Target,
        *,
        force: bool = False,
        input: tuple[JsonValue] | None = None,  # noqa: A002 (the field's name)
    ) -> RunActReply:
        """Act on one run; see ``RunActRequest``; raises as ``each`` does."""
        request = RunActRequest(
            id=self.id,
            act=act,
            workflow_id=target.workflow_id,
            run_id=target.run_id,
            reason=self.reason,
            by=self.by,
            force=force,
            input=input,
        )
        reply = RunActReply.model_validate_json(await self._ask(ACT_ON_RUN, request.model_dump_json().encode()))
        if reply.start is None:
            return reply
        body = StartAgainRequest(start=reply.start).model_dump_json().encode()
        taken = StartAgainReply.model_validate_json(await self._ask(START_AGAIN, body))
        if taken.outcome in {"done", "already"}:
            await self.record("rerun", target, became=reply.became)
        detail = taken.detail if taken.outcome == "refused" else f"{reply.detail} {taken.detail}".rstrip()
        return reply.model_copy(update={"outcome": taken.outcome, "detail": detail, "start": None})

    async def signal(self, target: Target, name: str, body: bytes) -> RunActReply:
        """Send a signal to one run, which has it once however often the act is repeated; raises as ``each`` does."""
        if await recorded_act(self.bus, self.id, "signalled", target.workflow_id) is not None:
            detail = "This act has done it before."
            return RunActReply(workflow_id=target.workflow_id, outcome="already", detail=detail)
        subject = f"signals.{to_token(target.workflow_id)}.{to_token(name)}"
        headers = {MESSAGE_ID: f"signal.{self.id}.{to_token(target.workflow_id)}"}
        sequence = await self.bus.publish_raw(RawMessage(subject, body, headers))
        await self.record("signalled", target, signal=name)
        return RunActReply(workflow_id=target.workflow_id, outcome="done", detail=f"Sent {name} (SIGNALS {sequence}).")

    async def record(self, act: str, target: Target, **more: str | None) -> None:
        """Record on ADMIN what was done to one run by another service than the orchestrator, which records its own.

        Raises:
            Unavailable: NATS does not answer.
        """
        record = {"act": act, "id": self.id, "reason": self.reason, "by": self.by, "at": datetime.now(UTC), **more}
        about = {"workflow_id": target.workflow_id, "run_id": target.run_id}
        await self.bus.publish(RunActed.model_validate({**record, **about}))

    async def _ask(self, subject: str, body: bytes) -> bytes:
        return await PatientRequests(self.bus, self.report).request(subject, body)
