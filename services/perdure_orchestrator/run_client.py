"""Starts, signals and cancels runs at Temporal, each idempotently."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from opentelemetry import propagate
from pydantic import BaseModel, JsonValue
from temporalio.api.common.v1 import Memo, Payload, Payloads, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import WorkflowIdConflictPolicy, WorkflowIdReusePolicy
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import SignalWithStartWorkflowExecutionRequest, SignalWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.converter import PayloadConverter, encode_search_attributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from perdure.bus.views.start_ledger import by_another_event, duplicate_id, run_exists
from perdure.config.settings import TemporalSettings
from perdure.connections.executions import describe_execution
from perdure.connections.run_context import converter_of_run
from perdure.contracts import RunOptions, SignalWorkflow, StartWorkflow
from perdure.errors import InvalidMessage, Unavailable
from perdure.flow.bugs import CODE_MEMO, CODE_OF_TODAY
from perdure.flow.publisher import DIGEST_MEMO, EVENT_MEMO, KEY_MEMO, RERUN_MEMO, SOURCE_MEMO
from perdure_orchestrator.run_attributes import RunAttributes
from perdure_orchestrator.run_summary import run_details, run_summary

__all__ = ["RunClient", "is_no_run", "never_began", "no_open_run", "translated"]

_TRACE_HEADER: Final = "_tracer-data"  # where temporalio's OpenTelemetry plugin keeps the trace context
_NO_DELAY: Final = timedelta()
_LONGEST_CHAIN: Final = 20  # runs that are searched for a signal


class RunClient:
    """The calls of the bridge; each returns once Temporal has stored it, or raises ``RPCError``.

    Args:
        client: The client of Temporal.
        settings: The own task queue and limits.
        attributes: Which search attributes runs begin with; by default none.
        is_current: Returns whether new runs start on the code of this process. Temporal hands an eager start to the
            worker that asks for it, whatever its version.
    """

    def __init__(
        self,
        client: Client,
        settings: TemporalSettings,
        *,
        attributes: RunAttributes | None = None,
        is_current: Callable[[], bool] = lambda: True,
    ) -> None:
        self._client = client
        self._attributes = attributes or RunAttributes(client, {}, may_register=False)
        self._settings = settings
        self._is_current = is_current

    async def start(self, start: StartWorkflow, *, at_least: timedelta = _NO_DELAY) -> None:
        """Start a run, unless this event has started it before.

        Args:
            start: The command.
            at_least: The run begins no sooner than after this time.

        Raises:
            InvalidMessage: ``run_exists`` or ``duplicate_id``: another event, or somebody else, started the run of this
                id. The ledger, which refuses it first, may have been lost.
            RPCError: Temporal does not take it.
        """
        try:
            await self._attributes.without_refused(lambda: self._start(start, at_least))
        except WorkflowAlreadyStartedError:
            await self._refuse_other_event(start)

    async def _start(self, start: StartWorkflow, at_least: timedelta) -> None:
        options, delay = start.options, max(_delay(start.options), at_least)
        await self._client.start_workflow(
            start.workflow,
            args=_arguments(start.input),
            id=start.workflow_id,
            task_queue=options.task_queue or self._settings.task_queue,
            run_timeout=_seconds(options.timeout_seconds),
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            memo=_memo(start),
            search_attributes=self._attributes.of(start),
            static_summary=run_summary(start),
            static_details=run_details(start),
            task_timeout=self._settings.task_timeout,
            start_delay=delay or None,
            request_eager_start=not delay and options.task_queue is None and self._is_current(),
            priority=_priority(options),
        )

    async def _refuse_other_event(self, start: StartWorkflow) -> None:
        run = await describe_execution(self._client, start.workflow_id)
        event_id = await run.memo(EVENT_MEMO)
        source = await run.memo(SOURCE_MEMO)  # runs of 0.1 have none
        digest = await run.memo(DIGEST_MEMO)  # nor this
        if event_id is None:
            raise run_exists(start, "by no event")
        if event_id != start.event.id or source not in {None, start.event.source}:
            raise run_exists(start, by_another_event(start, event_id, source))
        former = None if source is not None or start.former is None else start.former.digest
        if digest not in {None, start.digest, former}:
            raise duplicate_id(start, f"for the run {start.workflow_id}, with other data")

    async def signal(self, workflow_id: str, signal: str, argument: JsonValue | BaseModel, *, request_id: str) -> None:
        """Signal an open run; Temporal de-duplicates by the request id."""
        request = SignalWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id),
            signal_name=signal,
            input=await self._encoded(workflow_id, argument),
            identity=self._client.identity,
            request_id=request_id,
        )
        await self._client.workflow_service.signal_workflow_execution(request, retry=True)

    async def signal_with_start(self, command: SignalWorkflow, workflow: str) -> None:
        """Signal an open run, and start it first if there is none."""
        await self._attributes.without_refused(lambda: self._signal_with_start(command, workflow))

    async def _signal_with_start(self, command: SignalWorkflow, workflow: str) -> None:
        options = command.options
        run = command.workflow_id
        memo: dict[str, JsonValue] = {CODE_MEMO: CODE_OF_TODAY, EVENT_MEMO: command.event.id}
        request = SignalWithStartWorkflowExecutionRequest(
            namespace=self._client.namespace,
            workflow_id=run,
            workflow_type=WorkflowType(name=workflow),
            task_queue=TaskQueue(name=options.task_queue or self._settings.task_queue),
            input=await self._encoded(run, command.input),
            signal_name=command.signal,
            signal_input=await self._encoded(run, command.argument),
            identity=self._client.identity,
            request_id=command.request_id,
            memo=Memo(fields={name: (await self._encoded(run, it)).payloads[0] for name, it in memo.items()}),
            workflow_id_reuse_policy=WorkflowIdReusePolicy.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
            workflow_id_conflict_policy=WorkflowIdConflictPolicy.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
        )
        request.workflow_task_timeout.FromTimedelta(self._settings.task_timeout)
        if options.timeout_seconds is not None:
            request.workflow_run_timeout.FromTimedelta(timedelta(seconds=options.timeout_seconds))
        if options.priority is not None:
            request.priority.priority_key = options.priority
        request.priority.fairness_key = options.fairness_key or ""
        encode_search_attributes(self._attributes.of(command), request.search_attributes)
        request.user_metadata.summary.CopyFrom((await self._encoded(run, run_summary(command))).payloads[0])
        request.user_metadata.details.CopyFrom((await self._encoded(run, run_details(command))).payloads[0])
        for name, payload in _trace_header().items():
            request.header.fields[name].CopyFrom(payload)
        await self._client.workflow_service.signal_with_start_workflow_execution(request, retry=True)

    async def was_signalled(self, workflow_id: str, *, request_id: str) -> bool:
        """Return whether the newest run of this id, open or ended, received the signal of this request.

        The runs that it continues as new are searched too, as far as Temporal has them.
        """
        run_id: str | None = None
        try:
            for _ in range(_LONGEST_CHAIN):
                former = ""
                async for event in self._client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events():
                    former = former or event.workflow_execution_started_event_attributes.continued_execution_run_id
                    if _request_of(event) == request_id:
                        return True
                if not former:
                    return False
                run_id = former
        except RPCError as error:
            if not is_no_run(error):
                raise
        return False

    async def cancel(self, workflow_id: str) -> None:
        """Request the cancellation of an open run."""
        await self._client.get_workflow_handle(workflow_id).cancel()

    async def _encoded(self, workflow_id: str, argument: JsonValue | BaseModel) -> Payloads:
        return Payloads(payloads=await converter_of_run(self._client, workflow_id).encode(_arguments(argument)))


def is_no_run(error: RPCError) -> bool:
    """Return whether Temporal knows no open run of this id."""
    return error.status is RPCStatusCode.NOT_FOUND and not error.message.lower().startswith("namespace")


def never_began(error: RPCError) -> bool:
    """Return whether Temporal knows no run of this id at all: it calls a run that has ended completed."""
    return is_no_run(error) and "completed" not in error.message.lower()


def no_open_run(workflow_id: str) -> InvalidMessage:
    """Return the refusal of a message to a run that Temporal does not know, or no longer."""
    return InvalidMessage("unknown_run", f"No run {workflow_id} is open: it never started, or it has ended")


def translated(error: RPCError, workflow_id: str) -> Exception:
    """Return what the error means for the message that caused the call."""
    if never_began(error):
        return no_open_run(workflow_id)
    if is_no_run(error):
        return InvalidMessage("unknown_run", f"The run {workflow_id} has ended")
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return InvalidMessage("bad_message", f"Temporal refuses it: {error.message}")
    return Unavailable(f"Temporal does not accept it: {error.status.name} {error.message}")


def _request_of(event: HistoryEvent) -> str | None:
    if event.HasField("workflow_execution_signaled_event_attributes"):
        return event.workflow_execution_signaled_event_attributes.request_id
    return None


def _trace_header() -> dict[str, Payload]:
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return {_TRACE_HEADER: PayloadConverter.default.to_payload(carrier)} if carrier else {}


def _priority(options: RunOptions) -> Priority:
    return Priority(priority_key=options.priority, fairness_key=options.fairness_key)


def _memo(start: StartWorkflow) -> dict[str, str | int]:
    return {
        CODE_MEMO: CODE_OF_TODAY,
        EVENT_MEMO: start.event.id,
        DIGEST_MEMO: start.digest,
        **({} if start.former is None else {SOURCE_MEMO: start.event.source}),
        **({} if start.key is None else {KEY_MEMO: start.key}),
        **({} if start.rerun_of is None else {RERUN_MEMO: start.rerun_of}),
    }


def _delay(options: RunOptions) -> timedelta:
    return _NO_DELAY if options.not_before is None else max(_NO_DELAY, options.not_before - datetime.now(UTC))


def _seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


def _arguments(value: Any) -> list[Any]:
    return [] if value is None else [value]
