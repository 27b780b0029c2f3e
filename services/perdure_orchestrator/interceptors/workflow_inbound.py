"""Publishes the beginning and the end of each run, and keeps signals from failing it by accident."""

import asyncio
import inspect
from collections.abc import Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final, NoReturn

from opentelemetry import trace
from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError, is_cancelled_exception
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleQueryInput,
    HandleSignalInput,
    HandleUpdateInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from perdure.connections.temporal_internals import (
    UnreadableInput,
    accept_any_signal_arguments,
    guard_handlers,
    is_single_batch_activation,
    watch_unhandled_signals,
)
from perdure.contracts import ProgressKind
from perdure.flow.bugs import waits_for_mending
from perdure.flow.error_text import error_text, message_of
from perdure.flow.facts import ExpectedFacts, RunEnd
from perdure.flow.result import WorkflowResult
from perdure.flow.run import Run
from perdure.flow.waiting import await_through_cancellation, cancellation_count
from perdure_orchestrator.endings.worker_endings import BEGIN_RUN, PREPARE_END
from perdure_orchestrator.interceptors import gen_ai
from perdure_orchestrator.interceptors.continuation import Continuation, settled
from perdure_orchestrator.interceptors.failures import log_failure, run_error_text
from perdure_orchestrator.interceptors.lost_state import lost_state
from perdure_orchestrator.interceptors.request_arguments import RequestArguments
from perdure_orchestrator.interceptors.reserved import refuse_handler
from perdure_orchestrator.interceptors.result_fields import result_fields
from perdure_orchestrator.interceptors.run_spans import RunSpans
from perdure_orchestrator.interceptors.signal_arguments import SignalMismatch, bind_signal_arguments
from perdure_orchestrator.interceptors.unhandled_signals import UnhandledSignals
from perdure_orchestrator.interceptors.workflow_outbound import StepScheduler

__all__ = ["FAILURE_TYPES", "RunInterceptor"]

FAILURE_TYPES: Final = (UnreadableInput,)
"""What fails a run, besides errors that are raised to end it; it is found before any interceptor.

Never ``Exception``, nor ``RuntimeError``: one bad deploy would fail every open run, because temporalio raises them for
results that the new code cannot read, and for code that does not fit the history. Such runs wait under an alert.
"""

# Patch ids: histories hold them.
_MISMATCH_IS_NOTED: Final = "perdure-unfit-signals-are-told"
_HANDLERS_WAIT: Final = "perdure-handlers-wait-for-the-run"
_UPDATES_WAIT: Final = "perdure-updates-wait-for-the-run"
_FITS_BY_PLACE: Final = "perdure-an-object-fits-by-place"


class RunInterceptor(WorkflowInboundInterceptor):
    """The inbound interceptor of one run."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Put a ``StepScheduler`` between the run and Temporal."""
        self._scheduler = StepScheduler(outbound)
        self._continuation = Continuation(self._scheduler)
        self._run: Run | None = None
        self._has_begun = asyncio.Event()
        self._mismatches: list[str] = []
        self._signals = accept_any_signal_arguments()
        self._requests = RequestArguments()
        self._spans = RunSpans()
        guard_handlers(refuse_handler)
        info = outbound.info()
        workflow.extern_functions()[BEGIN_RUN](info.run_id, info.workflow_id)
        watch_unhandled_signals(UnhandledSignals(self._signals, self._begun).note)
        super().init(self._scheduler)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (temporalio's signature)
        """Execute the workflow between its first and its last fact."""
        run = self._run = self._scheduler.run = Run.open()
        self._has_begun.set()
        self._publish_mismatches(run)
        info = workflow.info()
        with self._spans.run(info.workflow_type):
            try:
                result = await self._execute(run, input)
                _raise_error_of(result)
                fields = result_fields(result)
            except asyncio.CancelledError as error:
                await _shielded(self._end(run, error, error=error_text(error)))
                raise
            except Exception as error:
                if waits_for_mending(error):
                    raise
                text = run_error_text(error)
                if _kind(error) == "failed":
                    log_failure(text, error)
                await _shielded(self._end(run, error, error=text))
                _fail(error)
            await _shielded(self._end(run, result, **fields))
            return result

    async def _execute(self, run: Run, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (temporalio's signature)
        try:
            return await super().execute_workflow(input)
        except workflow.ContinueAsNewError:
            await self._continuation.of_run(run)

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 (temporalio's signature)
        """Call a signal's handler: its errors fail the run as the run's own do, arguments that do not fit never do."""
        try:
            if (known := self._signals.get(input.signal)) is not None:
                handler = partial(known.fn, None) if known.is_method else known.fn
                arguments = bind_signal_arguments(
                    handler, input.args, workflow.payload_converter(), by_place=lambda: workflow.patched(_FITS_BY_PLACE)
                )
                input = replace(input, args=arguments)  # noqa: A001 (temporalio's signature)
                if self._run is None and inspect.iscoroutinefunction(known.fn) and workflow.patched(_HANDLERS_WAIT):
                    await self._has_begun.wait()  # the facts and steps of a handler belong to the run
            await super().handle_signal(input)
        except workflow.ContinueAsNewError as error:
            await self._continuation.of_handler(error)
        except SignalMismatch as error:
            self._refuse(input.signal, error)
        except asyncio.CancelledError:
            if cancellation_count():
                raise  # otherwise temporalio cancelled a waiting handler with the run: the run publishes its own end
        except Exception as error:
            if waits_for_mending(error):
                raise
            log_failure(run_error_text(error), error)
            _fail(error)

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 (temporalio's signature)
        """Refuse an update whose arguments do not fit, or that its author's validator refuses."""
        super().handle_update_validator(replace(input, args=self._requests.bind("update", input.update, input.args)))

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002 (temporalio's signature)
        """Call an update's handler, once the run has begun."""
        if self._run is None and workflow.patched(_UPDATES_WAIT):
            await self._begun()
        args = self._requests.bind("update", input.update, input.args)
        try:
            with self._spans.request("update", input.update):
                return await super().handle_update_handler(replace(input, args=args))
        except Exception as error:
            if waits_for_mending(error):
                raise
            _fail(error)

    async def handle_query(self, input: HandleQueryInput) -> Any:  # noqa: A002 (temporalio's signature)
        """Call a query's handler."""
        args = self._requests.bind("query", input.query, input.args)
        with self._spans.request("query", input.query):
            return await super().handle_query(replace(input, args=args))

    async def _begun(self) -> Run:
        """Wait until the run has begun: the facts and steps of a handler belong to it."""
        await self._has_begun.wait()
        return self._scheduler.run

    def _refuse(self, signal: str, reason: SignalMismatch) -> None:
        if workflow.patched(_MISMATCH_IS_NOTED):
            self._mismatches.append(f"The signal {signal} does not fit and was left out: {reason}")
            if self._run is not None:  # a signal that came first is handled before the run begins
                self._publish_mismatches(self._run)

    def _publish_mismatches(self, run: Run) -> None:
        facts = [run.publisher.fact("note", result=text) for text in self._mismatches]
        self._mismatches.clear()
        if facts:
            run.publisher.publish_soon(facts)

    async def _end(self, run: Run, outcome: Any, **details: Any) -> None:
        """Prepare the end of the run, after everything that belongs before it is published."""
        publisher = run.publisher
        trace.get_current_span().set_attributes(gen_ai.of_usage(run.usage.used))
        await run.approvals.settled()
        await _let_woken_tasks_run()  # their facts come first
        beginning = publisher.take_beginning()
        await publisher.all_published()
        begun = [] if beginning is None else [beginning]
        last = await run.approvals.close_all()
        expected = ExpectedFacts(beginning=publisher.beginning, steps=tuple(self._scheduler.ended_on_workers()))
        unseen = tuple(self._scheduler.ended_unseen(run))
        ending = publisher.fact(_kind(outcome), sequence=publisher.next_number, usage=run.usage.used or None, **details)
        lost = lost_state(run) if _may_begin_again(_kind(outcome)) else ""
        end = RunEnd(facts=(*unseen, ending), wraps_result=isinstance(outcome, WorkflowResult), lost_then=lost)
        await publisher.publish([*begun, *last], after=expected, end=end)
        await settled(run)  # decisions that arrived meanwhile
        if not workflow.unsafe.is_replaying():
            kind = _kind(outcome)  # a cancellation may have arrived meanwhile
            end = end.with_ending(kind=kind, sequence=publisher.next_number)
            workflow.extern_functions()[PREPARE_END](end.model_copy(update={"may_begin_again": _may_begin_again(kind)}))


async def _let_woken_tasks_run() -> None:
    """Let the tasks go on that wait for what arrived with this workflow task; this adds no command."""
    if is_single_batch_activation():
        for _ in range(2):  # the tasks that are woken, and the tasks that these wake
            await workflow.wait_condition(lambda: True)


async def _shielded(ending: Coroutine[Any, Any, None]) -> None:
    """Publish an ending as it is: a cancellation that arrives meanwhile comes too late."""
    publishing = asyncio.create_task(ending)
    await await_through_cancellation(publishing)
    publishing.result()


def _kind(outcome: Any) -> ProgressKind:
    """Return how Temporal closes a run that returns or raises this now."""
    if not isinstance(outcome, BaseException):
        return "completed"
    is_cancellation = isinstance(outcome, asyncio.CancelledError) or is_cancelled_exception(outcome)
    return "cancelled" if is_cancellation and workflow.cancellation_reason() is not None else "failed"


def _may_begin_again(kind: ProgressKind) -> bool:
    info = workflow.info()
    return info.cron_schedule is not None or (kind == "failed" and info.retry_policy is not None)


def _raise_error_of(result: Any) -> None:
    """Fail the run if its result is a ``WorkflowResult`` with an error."""
    if isinstance(result, WorkflowResult) and result.error is not None:
        raise ApplicationError(result.error, type="WorkflowResult", non_retryable=True)


def _fail(error: Exception) -> NoReturn:
    """Raise what fails the run, unless it waits for mended code: a replayed task may have come this far."""
    if isinstance(error, FailureError) or waits_for_mending(error):
        raise error
    raise ApplicationError(message_of(error), type=type(error).__name__) from error
