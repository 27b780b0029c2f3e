"""Gives each step that a run schedules its name and sequence numbers, and remembers how each step ended."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import (
    ContinueAsNewInput,
    SignalChildWorkflowInput,
    SignalExternalWorkflowInput,
    StartActivityInput,
    StartChildWorkflowInput,
    StartLocalActivityInput,
    WorkflowOutboundInterceptor,
)

from perdure.contracts import Progress
from perdure.flow.bugs import CODE_MEMO, CODE_OF_TODAY
from perdure.flow.decision_verdict import VERIFY_DECISIONS
from perdure.flow.error_text import error_text
from perdure.flow.facts import (
    CARRIED_STATE_MEMO,
    DRAIN_DECISIONS,
    PUBLISH_FACTS,
    STEP_HEADER,
    EndedStep,
    StepHeader,
)
from perdure.flow.messages import (
    CALL_FUNCTION,
    CALL_MODEL,
    CALL_TOOL,
    QUERY_SERVERS,
    READ_RULES,
    ModelResult,
    ToolResult,
)
from perdure.flow.policy_request import RESOLVE_POLICY
from perdure.flow.publisher import EVENT_MEMO, KEY_MEMO
from perdure.flow.run import Run
from perdure.flow.saga_step import retry_policy
from perdure.values.reserved import is_reserved
from perdure.values.summary_text import fit_summary
from perdure_orchestrator.interceptors.reserved import refuse_reserved

__all__ = ["HIDES_SUMMARIES", "StepScheduler"]

HIDES_SUMMARIES: Final = "perdure_hides_summaries"
"""The function that returns whether summaries of steps are encrypted."""

_OF_AGENTS: Final = frozenset({CALL_FUNCTION, CALL_MODEL, CALL_TOOL, QUERY_SERVERS})
"""Whose summaries name an agent and a tool."""
_NO_STEPS: Final = frozenset({DRAIN_DECISIONS, READ_RULES, RESOLVE_POLICY, PUBLISH_FACTS, VERIFY_DECISIONS})


@dataclass(frozen=True, slots=True)
class _ScheduledStep:
    header: StepHeader
    handle: workflow.ActivityHandle[Any]


class StepScheduler(WorkflowOutboundInterceptor):
    """The outbound interceptor of one run.

    Attributes:
        run: Set by the inbound interceptor before the run's code executes.
    """

    run: Run

    def __init__(self, next: WorkflowOutboundInterceptor) -> None:  # noqa: A002 (temporalio's signature)
        super().__init__(next)
        self._steps: list[_ScheduledStep] = []
        self._continuation: ContinueAsNewInput

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 (temporalio's signature)
        """Schedule a step."""
        header = self._header(input)
        waits = input.cancellation_type == workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
        headers = _with(input, header.model_copy(update={"heartbeats": waits}))
        policy = input.retry_policy or retry_policy(None)
        summary = _summary(input)
        handle = super().start_activity(replace(input, headers=headers, retry_policy=policy, summary=summary))
        self._steps.append(_ScheduledStep(header, handle))
        return handle

    def start_local_activity(self, input: StartLocalActivityInput) -> workflow.ActivityHandle[Any]:  # noqa: A002 (temporalio's signature)
        """Schedule a short step; Perdure's own local activities are no steps."""
        if input.activity in _NO_STEPS:
            return super().start_local_activity(input)
        header = self._header(input)
        handle = super().start_local_activity(replace(input, headers=_with(input, header), summary=_summary(input)))
        self._steps.append(_ScheduledStep(header, handle))
        return handle

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:  # noqa: A002 (temporalio's signature)
        """End the run in favour of a new one; see ``continue_with_state``."""
        self._continuation = input
        super().continue_as_new(input)

    def continue_with_state(self) -> NoReturn:
        """Continue as the run's code demands, with Perdure's state as it is now, whatever memo the code gives."""
        given = self._continuation
        current = {name: workflow.memo_value(name) for name in workflow.memo()}
        own = {name: value for name, value in current.items() if is_reserved(name)}
        memo = {**current, **(given.memo or {}), **own, CARRIED_STATE_MEMO: self.run.carried_state()}
        super().continue_as_new(replace(given, memo=memo))

    async def start_child_workflow(
        self,
        input: StartChildWorkflowInput,  # noqa: A002 (temporalio's signature)
    ) -> workflow.ChildWorkflowHandle[Any, Any]:
        """Start a child run; it belongs to the same event and key."""
        refuse_reserved("memo field", input.memo or ())
        publisher = self.run.publisher
        inherited = {EVENT_MEMO: publisher.event_id, KEY_MEMO: publisher.key}
        memo = {CODE_MEMO: CODE_OF_TODAY, **{name: value for name, value in inherited.items() if value}}
        return await super().start_child_workflow(replace(input, memo={**memo, **(input.memo or {})}))

    async def signal_child_workflow(self, input: SignalChildWorkflowInput) -> None:  # noqa: A002 (temporalio's signature)
        """Signal a child run by a name of its author's."""
        refuse_reserved("signal", (input.signal,))
        await super().signal_child_workflow(input)

    async def signal_external_workflow(self, input: SignalExternalWorkflowInput) -> None:  # noqa: A002 (temporalio's signature)
        """Signal another run by a name of its author's."""
        refuse_reserved("signal", (input.signal,))
        await super().signal_external_workflow(input)

    def ended_on_workers(self) -> Iterator[EndedStep]:
        """Yield the steps whose end a worker saw and has to publish."""
        for step in self._steps:
            if _unseen_end(step.handle) is None:
                error = step.handle.exception()
                result = step.handle.result() if error is None else None
                text = _failure(result) if error is None else error_text(error)
                usage = result.usage if isinstance(result, ModelResult | ToolResult) else None
                yield EndedStep(name=step.header.name, sequence=step.header.sequence, error=text, usage=usage)

    def ended_unseen(self, run: Run) -> Iterator[Progress]:
        """Yield the facts of steps whose end no worker can publish: lost, timed out, cancelled or abandoned."""
        for step in self._steps:
            reason = _unseen_end(step.handle)
            if reason is not None:
                name, first = step.header.name, step.header.sequence
                if step.header.beginning is not None:
                    yield step.header.beginning
                yield run.publisher.fact("step_started", sequence=first, step=name)
                yield run.publisher.fact("step_failed", sequence=first + 1, step=name, error=reason)

    def _header(self, input: StartActivityInput | StartLocalActivityInput) -> StepHeader:  # noqa: A002 (temporalio's signature)
        publisher = self.run.publisher
        starts_soon = isinstance(input, StartLocalActivityInput) or input.task_queue in {
            None,
            workflow.info().task_queue,
        }
        return StepHeader(
            name=_name(input),
            sequence=publisher.reserve(2),
            event_id=publisher.event_id,
            key=publisher.key,
            beginning=publisher.take_beginning() if starts_soon else None,
        )


def _summary(input: StartActivityInput | StartLocalActivityInput) -> str | None:  # noqa: A002 (temporalio's signature)
    """Return the summary of a step as Temporal takes it; a longer one would hold up the run for ever."""
    return None if input.summary is None else fit_summary(input.summary)


def _name(input: StartActivityInput | StartLocalActivityInput) -> str:  # noqa: A002 (temporalio's signature)
    """Return the name of a step, which is plain everywhere: with encryption an author's summary is content."""
    if input.summary is None or (input.activity not in _OF_AGENTS and workflow.extern_functions()[HIDES_SUMMARIES]()):
        return input.activity
    return input.summary


def _with(input: StartActivityInput | StartLocalActivityInput, header: StepHeader) -> dict[str, Any]:  # noqa: A002 (temporalio's signature)
    return {**input.headers, STEP_HEADER: workflow.payload_converter().to_payload(header)}


def _unseen_end(handle: workflow.ActivityHandle[Any]) -> str | None:
    """Return why no worker can have seen the end of a step; None if one did."""
    if not handle.done():
        return "the run ended before this step"
    if handle.cancelled():
        return "cancelled before its end was known"
    error = handle.exception()
    if isinstance(error, ActivityError) and not isinstance(error.cause, ApplicationError):
        return error_text(error)
    return None


def _failure(result: object) -> str | None:
    return result.failure if isinstance(result, ToolResult) else None
