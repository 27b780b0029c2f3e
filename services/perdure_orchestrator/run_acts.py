"""Acts of operators on single runs, each recorded on ADMIN once Temporal has stored it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client
from temporalio.service import RPCError

from perdure.bus import Bus, RawMessage
from perdure.bus.views.recorded_acts import recorded_act
from perdure.bus.views.start_ledger import StartLedger
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import ExecutionDescription, describe_execution
from perdure.contracts import RunActed
from perdure.contracts.run_acts import RunAct, RunActReply, RunActRequest
from perdure.errors import PerdureError
from perdure_orchestrator.act_marks import has_mark
from perdure_orchestrator.change_execution import change_execution
from perdure_orchestrator.continued_runs import continues
from perdure_orchestrator.rerun import rerun_start
from perdure_orchestrator.retry import history_of, retry, was_retried
from perdure_orchestrator.retry_turns import RetryTurns
from perdure_orchestrator.run_client import is_no_run, never_began

__all__ = ["RunActor"]

Past = Literal["cancelled", "terminated", "paused", "resumed", "retried", "rerun"]

_PAST: Final[dict[RunAct, Past]] = {
    "cancel": "cancelled",
    "terminate": "terminated",
    "pause": "paused",
    "resume": "resumed",
    "retry": "retried",
    "rerun": "rerun",
}
_LOOKS: Final = 4  # at a run that is continued as new again and again while it is acted on
_CHANGED: Final[dict[RunAct, str]] = {
    "cancel": "Its cancellation is requested.",
    "terminate": "It is ended, and has undone nothing.",
    "pause": "It takes no task until `perdure runs resume`; a step that runs now ends.",
    "resume": "It goes on.",
}


class RunActor:
    """Does what the operator asks for; asked for again with the same id, nothing happens twice.

    Args:
        client: The client of Temporal.
        bus: Where acts are recorded.
        ledger: The start ledger, which knows the route and the event of a run.
        settings: The own task queue.
        turns: Lets one retry of a run happen at a time.
    """

    def __init__(
        self, client: Client, bus: Bus, ledger: StartLedger, settings: TemporalSettings, turns: RetryTurns
    ) -> None:
        self._client = client
        self._bus = bus
        self._ledger = ledger
        self._settings = settings
        self._turns = turns

    async def answer(self, request: RawMessage) -> bytes:
        """Answer a ``RunActRequest`` with a ``RunActReply``, both in JSON."""
        return (await self.act(RunActRequest.model_validate_json(request.body))).model_dump_json().encode()

    async def act(self, request: RunActRequest) -> RunActReply:
        """Do it, unless it was done before.

        Raises:
            RPCError: Temporal does not answer.
            Unavailable: The bus does not store the record: it may be done, so ask again with the same id.
        """
        if request.act != "retry":
            return await self._act(request)
        async with self._turns.of(request.workflow_id):
            return await self._act(request)

    async def _act(self, request: RunActRequest) -> RunActReply:
        known = await recorded_act(self._bus, request.id, _PAST[request.act], request.workflow_id)
        if known is not None:
            return _reply(request, "already", "This act has done it before.", became=known.became)
        for _ in range(_LOOKS - 1):
            try:
                return await self._act_on_newest(request)
            except RPCError as error:
                if not is_no_run(error) or never_began(error):
                    raise
        return await self._act_on_newest(request)

    async def _act_on_newest(self, request: RunActRequest) -> RunActReply:
        """Act on the newest execution of a workflow id, if it is the one that the operator saw, or continues it.

        Raises:
            RPCError: It has been closed in this moment; or Temporal does not answer.
        """
        try:
            execution = await describe_execution(self._client, request.workflow_id)
            events = await history_of(self._client, execution) if request.act == "retry" else ()
            if await was_retried(self._client, self._bus, request, execution, events):
                reply = _reply(request, "done", "This act has tried it again.", became=execution.run_id)
            elif (later := await self._is_another(request, execution)) is not None:
                return later
            else:
                reply = await self._do(request, execution, events)
                if reply.outcome != "done" and await has_mark(self._client, request, execution):
                    reply = _reply(request, "done", "This act has done it.")
        except RPCError as error:
            if not never_began(error):
                raise
            return _reply(request, "unknown_run", f"Temporal does not know the run {request.workflow_id} any more.")
        except PerdureError as error:
            return _reply(request, "refused", str(error))
        if reply.outcome == "done" and reply.start is None:
            await self._bus.publish(_record(request, execution.run_id, reply.became))
        return reply

    async def _is_another(self, request: RunActRequest, newest: ExecutionDescription) -> RunActReply | None:
        """Refuse if the operator saw another run of this workflow id, unless this one continues it."""
        if request.run_id in {None, newest.run_id} or await continues(self._client, newest, str(request.run_id)):
            return None
        detail = f"It was run again since, and is {newest.status.lower()} now."
        if request.act in {"retry", "rerun"}:
            return _reply(request, "already", detail)
        return _reply(request, "refused", f"{detail} Name the run again if you mean that one.")

    async def _do(
        self, request: RunActRequest, execution: ExecutionDescription, events: Sequence[HistoryEvent]
    ) -> RunActReply:
        match request.act:
            case "retry":
                return await self._retry(request, execution, events)
            case "rerun":
                return await self._rerun(request, execution)
            case _:
                return await self._change(request, execution)

    async def _change(self, request: RunActRequest, execution: ExecutionDescription) -> RunActReply:
        """Cancel, terminate, pause or resume."""
        status = execution.status.lower().replace("_", " ")
        if request.act == "resume" and execution.status != "PAUSED":
            return _reply(request, "already", f"It is not paused but {status}.")
        if not execution.is_open:
            return _reply(request, "refused", f"It has ended before: {status}.")
        if request.act == "pause" and execution.status == "PAUSED":
            return _reply(request, "already", "It is paused already.")
        await change_execution(self._client, request, execution)
        return _reply(request, "done", _CHANGED[request.act])

    async def _retry(
        self, request: RunActRequest, execution: ExecutionDescription, events: Sequence[HistoryEvent]
    ) -> RunActReply:
        if execution.is_open or execution.status == "COMPLETED":
            state = "is open" if execution.is_open else "has completed"
            return _reply(request, "refused", f"It {state}: only a run that has failed is tried again.")
        run_id, step = await retry(self._client, self._bus, request, execution, events)
        where = f"at its step {step}" if step else "at its last task"
        return _reply(request, "done", f"It goes on {where}, as the run {run_id}.", became=run_id)

    async def _rerun(self, request: RunActRequest, execution: ExecutionDescription) -> RunActReply:
        if execution.is_open:
            return _reply(request, "refused", "It is open: cancel it first, or let it end.")
        start = await rerun_start(self._client, self._bus, self._ledger, self._settings, execution, request=request)
        reply = _reply(request, "done", f"It begins anew as {start.workflow_id}.", became=start.workflow_id)
        return reply.model_copy(update={"start": start})


def _reply(
    request: RunActRequest,
    outcome: Literal["done", "already", "refused", "unknown_run"],
    detail: str,
    *,
    became: str | None = None,
) -> RunActReply:
    return RunActReply(workflow_id=request.workflow_id, outcome=outcome, detail=detail, became=became)


def _record(request: RunActRequest, run_id: str, became: str | None) -> RunActed:
    return RunActed(
        act=_PAST[request.act],
        id=request.id,
        workflow_id=request.workflow_id,
        run_id=run_id,
        became=became,
        reason=request.reason,
        by=request.by,
        at=datetime.now(UTC),
    )
