"""A run numbers its facts, gives each step its numbers, and says its own beginning and end."""

import asyncio
import inspect
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NoReturn

from opentelemetry import trace
from pydantic_core import to_jsonable_python
from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
    is_cancelled_exception,
)
from temporalio.worker import (
    ExecuteWorkflowInput,
    HandleSignalInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowInboundInterceptor,
    WorkflowOutboundInterceptor,
)

from perdure.connections.temporal_internals import accept_any_signal_arguments, is_single_batch_activation
from perdure.contracts import Progress, ProgressKind
from perdure.flow.error_text import error_text
from perdure.flow.facts import DRAIN_DECISIONS, PUBLISH_FACTS, STEP_HEADER, EndedStep, ExpectedFacts, StepHeader
from perdure.flow.messages import READ_RULES, ModelResult, ToolResult
from perdure.flow.result import WorkflowResult
from perdure.flow.run import EVENT_MEMO, Run
from perdure.flow.waiting import await_through_cancellation, cancellation_count
from perdure_orchestrator.interceptors import gen_ai
from perdure_orchestrator.interceptors.signal_arguments import SignalMismatch, bind_signal_arguments

__all__ = ["FAILURE_TYPES", "RunInterceptor"]

FAILURE_TYPES: Final = (RuntimeError,)
"""What fails a run beside what is raised in it: input that does not fit, which comes before any interceptor.

Never ``Exception``: that includes temporalio's ``NondeterminismError``, and a bad deploy would fail every open run. As
it is, they wait, ``perdure status`` tells why, and they go on when the code fits again.
"""

_NO_STEPS: Final = frozenset({DRAIN_DECISIONS, READ_RULES, PUBLISH_FACTS})

_UNFIT_IS_TOLD: Final = "perdure-unfit-signals-are-told"

_HANDLERS_WAIT: Final = "perdure-handlers-wait-for-the-run"

_tracer: Final = trace.get_tracer("perdure.runs")


class RunInterceptor(WorkflowInboundInterceptor):
    """Around one run."""

    def init(self, outbound: WorkflowOutboundInterceptor) -> None:
        """Stand between the run and the steps it schedules."""
        self._scheduling = _Scheduling(outbound)
        self._run: Run | None = None
        self._begun = asyncio.Event()
        self._unfit: list[str] = []
        self._signals = accept_any_signal_arguments()
        super().init(self._scheduling)

    async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (theirs)
        """Run the workflow between its first and its last fact."""
        run = self._run = self._scheduling.run = Run.open()
        self._begun.set()
        self._tell_unfit(run)
        info = workflow.info()
        attributes = {"perdure.workflow_id": info.workflow_id, "perdure.run_id": info.run_id}
        with _tracer.start_as_current_span(f"run {info.workflow_type}", attributes=attributes):
            try:
                result = await self._executed(run, input)
                outcome = to_jsonable_python(_value(result))
            except asyncio.CancelledError as error:
                await _surely(self._end(run, "cancelled", error=error_text(error)))
                raise
            except Exception as error:  # noqa: BLE001 (whatever it is, it is told, and `_fail` raises)
                kind: ProgressKind = "cancelled" if is_cancelled_exception(error) else "failed"
                await _surely(self._end(run, kind, error=error_text(error)))
                _fail(error)
            await _surely(self._end(run, "completed", result=outcome))
            return result

    async def _executed(self, run: Run, input: ExecuteWorkflowInput) -> Any:  # noqa: A002 (theirs)
        try:
            return await super().execute_workflow(input)
        except workflow.ContinueAsNewError:
            await run.all_published()
            raise

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 (theirs)
        """Let a signal's handler fail the run as the run's own code does; whoever sends what does not fit may not."""
        try:
            if (known := self._signals.get(input.signal)) is not None:
                handler = partial(known.fn, None) if known.is_method else known.fn
                input = replace(input, args=bind_signal_arguments(handler, input.args, workflow.payload_converter()))  # noqa: A001 (theirs)
                if self._run is None and inspect.iscoroutinefunction(known.fn) and workflow.patched(_HANDLERS_WAIT):
                    await self._begun.wait()  # what a handler says and does is of the run
            await super().handle_signal(input)
        except SignalMismatch as error:
            self._refuse(input.signal, error)
        except asyncio.CancelledError:
            if cancellation_count():
                raise  # else temporalio told a handler that waited of the run's cancellation: the run tells its end
        except Exception as error:  # noqa: BLE001 (likewise)
            _fail(error)

    def _refuse(self, signal: str, why: SignalMismatch) -> None:
        if workflow.patched(_UNFIT_IS_TOLD):
            self._unfit.append(f"The signal {signal} does not fit and was left out: {why}")
            if self._run is not None:  # what came before the run is handled before it begins
                self._tell_unfit(self._run)

    def _tell_unfit(self, run: Run) -> None:
        facts = [run.fact("note", result=words) for words in self._unfit]
        self._unfit.clear()
        if facts:
            run.publish_soon(facts)

    async def _end(self, run: Run, kind: ProgressKind, **how: Any) -> None:
        trace.get_current_span().set_attributes(gen_ai.of_usage(run.usage))
        await _let_woken_tasks_run()  # whoever was answered in this very task tells it first
        beginning = run.take_beginning()
        await run.all_published()
        begun = [] if beginning is None else [beginning]
        last = await run.close()
        story = ExpectedFacts(beginning=run.beginning, steps=tuple(self._scheduling.seen()))
        unseen = self._scheduling.unseen(run)
        ending = run.fact(kind, usage=run.usage or None, **how)
        await run.publish([*begun, *unseen, *last, ending], after=story)
        await run.all_published()  # receipts of what arrived meanwhile


async def _let_woken_tasks_run() -> None:
    """Let the tasks go on that wait for what arrived with this workflow task; this adds no command."""
    if is_single_batch_activation():
        for _ in range(2):  # the tasks that are woken, and the tasks that these wake
            await workflow.wait_condition(lambda: True)


async def _surely(ending: Coroutine[Any, Any, None]) -> None:
    """Say an end as it is: a cancellation that comes meanwhile comes too late."""
    saying = asyncio.create_task(ending)
    await await_through_cancellation(saying)
    saying.result()


@dataclass(frozen=True, slots=True)
class _Scheduled:
    header: StepHeader
    handle: workflow.ActivityHandle[Any]


class _Scheduling(WorkflowOutboundInterceptor):
    """Gives each step its name and numbers, and remembers those whose end nobody may have seen."""

    run: Run

    def __init__(self, next: WorkflowOutboundInterceptor) -> None:  # noqa: A002 (theirs)
        super().__init__(next)
        self._steps: list[_Scheduled] = []

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 (theirs)
        """Schedule a step."""
        header = self._header(input)
        handle = super().start_activity(replace(input, headers=_with(input, header)))
        self._steps.append(_Scheduled(header, handle))
        return handle

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 (theirs)
        """Schedule a short step; what the run says itself, and the rules that it reads, are none."""
        if input.activity in _NO_STEPS:
            return super().start_local_activity(input)
        header = self._header(input)
        handle = super().start_local_activity(replace(input, headers=_with(input, header)))
        self._steps.append(_Scheduled(header, handle))
        return handle

    async def start_child_workflow(
        self,
        input: StartChildWorkflowInput,  # noqa: A002 (theirs)
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        """Start a child run, of the same event."""
        memo = {EVENT_MEMO: self.run.event_id} if self.run.event_id else {}
        return await super().start_child_workflow(replace(input, memo={**memo, **(input.memo or {})}))

    def seen(self) -> Iterator[EndedStep]:
        """Name the steps whose end a worker saw, and was to say."""
        for step in self._steps:
            if _unseen_end(step.handle) is None:
                error = step.handle.exception()
                why = None if error is None else error_text(error)
                answer = step.handle.result() if why is None else None
                usage = answer.usage if isinstance(answer, ModelResult | ToolResult) else None
                yield EndedStep(name=step.header.name, sequence=step.header.sequence, error=why, usage=usage)

    def unseen(self, run: Run) -> Iterator[Progress]:
        """Make the facts of steps that ended where no worker could say so: lost, timed out, or given up on."""
        for step in self._steps:
            why = _unseen_end(step.handle)
            if why is not None:
                name, first = step.header.name, step.header.sequence
                if step.header.beginning is not None:
                    yield step.header.beginning
                yield run.fact("step_started", sequence=first, step=name)
                yield run.fact("step_failed", sequence=first + 1, step=name, error=why)

    def _header(self, input: StartActivityInput | StartLocalActivityInput) -> StepHeader:  # noqa: A002 (theirs)
        soon = isinstance(input, StartLocalActivityInput) or input.task_queue in {None, workflow.info().task_queue}
        return StepHeader(
            name=input.summary or input.activity,
            sequence=self.run.reserve(2),
            event_id=self.run.event_id,
            beginning=self.run.take_beginning() if soon else None,
        )


def _value(result: Any) -> Any:
    """Return what the run gave.

    Raises:
        ApplicationError: It is a ``WorkflowResult`` that tells an error.
    """
    if not isinstance(result, WorkflowResult):
        return result
    if result.error is not None:
        raise ApplicationError(result.error, type="WorkflowResult", non_retryable=True)
    return result.value


def _with(input: StartActivityInput | StartLocalActivityInput, header: StepHeader) -> dict[str, Any]:  # noqa: A002 (theirs)
    return {**input.headers, STEP_HEADER: workflow.payload_converter().to_payload(header)}


def _unseen_end(handle: workflow.ActivityHandle[Any]) -> str | None:
    if not handle.done():
        return "the run ended before this step"
    if handle.cancelled():
        return "cancelled"
    error = handle.exception()
    if isinstance(error, ActivityError) and not isinstance(error.cause, ApplicationError):
        return error_text(error)
    return None


def _fail(error: Exception) -> NoReturn:
    """Make a programming error fail the run: on its own it would let Temporal try the same task again for ever."""
    if isinstance(error, FailureError):
        raise error
    raise ApplicationError(str(error), type=type(error).__name__) from error
