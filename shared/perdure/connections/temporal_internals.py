"""Uses of private parts of temporalio 1.35, each with a test that fails when a new version changes it.

``pyproject.toml`` pins this minor version. ``replay_internals``, ``running_activities`` and ``data_converter`` touch
private names, too.
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

from temporalio import activity, workflow
from temporalio.bridge.proto.workflow_activation import RemoveFromCache, SignalWorkflow
from temporalio.worker import Worker, WorkflowRunner
from temporalio.worker._workflow_instance import _WorkflowLogicFlag

__all__ = [
    "METADATA_QUERY",
    "UnreadableInput",
    "accept_any_request_arguments",
    "accept_any_signal_arguments",
    "activity_name",
    "enable_single_batch_activation",
    "guard_handlers",
    "handler_names",
    "is_completed_elsewhere",
    "is_single_batch_activation",
    "is_unhandled",
    "kept_signals",
    "load_workflow",
    "on_eviction",
    "restore_signals",
    "run_parameters",
    "running_handlers",
    "shutdown_requested",
    "watch_unhandled_signals",
    "workflow_name",
]

METADATA_QUERY: Final = "__temporal_workflow_metadata"
"""The query that every run of temporalio answers with the names of its signals, queries and updates."""

_WORKFLOW: Final = "__temporal_workflow_definition"  # set on a class by @workflow.defn
_ACTIVITY: Final = "__temporal_activity_definition"  # set on a function by @activity.defn


def workflow_name(candidate: Any) -> str | None:
    """Return the name of a workflow class, or None if ``@workflow.defn`` does not mark it."""
    return _name(candidate, _WORKFLOW)


def activity_name(candidate: Any) -> str | None:
    """Return the name of an activity, or None if ``@activity.defn`` does not mark it."""
    return _name(candidate, _ACTIVITY)


def handler_names(workflow_class: type) -> Iterator[tuple[str, str]]:
    """Yield the kind and name of a workflow class and of each signal, query and update that it handles.

    A dynamic one has no name and is left out; so is a class that is no workflow.
    """
    if (definition := vars(workflow_class).get(_WORKFLOW)) is None:
        return
    own = (("workflow", (definition.name,)), ("signal", definition.signals))
    for kind, names in (*own, ("query", definition.queries), ("update", definition.updates)):
        yield from ((kind, name) for name in names if name is not None)


def run_parameters(workflow_class: type) -> tuple[Callable[..., Any], list[type] | None]:
    """Return the run method of a workflow class and the types of its arguments; None if they are not known."""
    definition = vars(workflow_class)[_WORKFLOW]
    return definition.run_fn, definition.arg_types


def load_workflow(runner: WorkflowRunner, workflow_class: type) -> None:
    """Load a workflow as a worker does at its start; raises whatever its code raises."""
    runner.prepare_workflow(vars(workflow_class)[_WORKFLOW])


def _name(candidate: Any, mark: str) -> str | None:
    definition = getattr(candidate, "__dict__", {}).get(mark)
    return None if definition is None else str(definition.name or "*")  # a dynamic one has no name


def enable_single_batch_activation(worker: Worker) -> None:
    """Let workflow code see everything that arrived with a workflow task at once, instead of its signals first.

    Signals first loses cancellations: a signal that cancels an activity which has just ended asks Temporal to cancel
    it, and the result that is applied next lets the run go on. temporalio has the other order, disabled by default
    until all workers know it. Histories record the order of each task, so old tasks replay in the old order.
    """
    flag = _WorkflowLogicFlag.PROCESS_WORKFLOW_ACTIVATION_JOBS_AS_SINGLE_BATCH
    worker._set_default_workflow_logic_flag(flag, enabled=True)  # noqa: SLF001 (no public setter in 1.35)


def on_eviction(worker: Worker, evicted: Callable[[str, str, str], None]) -> None:
    """Let ``evicted(run_id, reason, text)`` see each run that leaves a worker's memory, in the worker's event loop.

    The reason ``WORKFLOW_EXECUTION_ENDING`` means that Temporal has accepted the last commands of the run. Without a
    cache each task ends with ``CACHE_FULL`` instead. The text of ``LANG_FAIL`` shows the failure as Rust prints it for
    debugging. What ``evicted`` raises ends the worker.
    """
    name = RemoveFromCache.EvictionReason.Name
    if (runs := worker._workflow_worker) is not None:  # noqa: SLF001 (no public hook in 1.35)
        runs._on_eviction_hook = lambda run_id, job: evicted(run_id, name(job.reason), job.message)  # noqa: SLF001


def is_single_batch_activation() -> bool:
    """Return whether the current workflow task is processed as a single batch."""
    return bool(_instance()._single_batch_activation)  # noqa: SLF001 (no public getter in 1.35)


def accept_any_signal_arguments() -> dict[str | None, Any]:
    """Let every signal handler of the current run accept any type, and return the handlers by signal name.

    temporalio drops a signal whose arguments it cannot decode, and only logs that.
    """
    signals: dict[str | None, Any] = _instance()._signals  # noqa: SLF001 (no public table of handlers in 1.35)
    signals.update({name: replace(signal, arg_types=[Any]) for name, signal in signals.items() if name is not None})
    return signals


def accept_any_request_arguments() -> dict[str, dict[str | None, Any]]:
    """Let every update and query handler of the current run accept any type, and return them by kind and name.

    temporalio refuses arguments that it cannot decode without saying why. It lets interceptors validate only those
    updates that have a validator, so each gets one.
    """
    instance = _instance()
    queries, updates = instance._queries, instance._updates  # noqa: SLF001 (no public tables of handlers in 1.35)
    for name, query in queries.items():
        if name is not None and not name.startswith("__"):  # those are temporalio's own
            queries[name] = replace(query, arg_types=[Any])
    for name, update in updates.items():
        if name is not None:
            updates[name] = replace(update, arg_types=[Any], validator=update.validator or _accept)
    return {"query": queries, "update": updates}


def _accept(*_: Any) -> None:
    """Accept an update."""


def guard_handlers(check: Callable[[str, str, Any], None]) -> None:
    """Let ``check(kind, name, handler)`` see every handler that the current run sets or takes away, before it does.

    No interceptor sees that. The handlers of a workflow class are not set, but found: see ``handler_names``.
    """
    instance = _instance()

    def guarded(kind: str, set_handler: Callable[..., None]) -> Callable[..., None]:
        def set_checked(name: str | None, handler: Any, *more: Any, **options: Any) -> None:
            if name is not None:  # a dynamic one has no name
                check(kind, name, handler)
            set_handler(name, handler, *more, **options)

        return set_checked

    for kind in ("signal", "query", "update"):
        setter = f"workflow_set_{kind}_handler"  # of temporalio's own runtime interface, without a public door in 1.35
        setattr(instance, setter, guarded(kind, getattr(instance, setter)))


def watch_unhandled_signals(unhandled: Callable[[str], Coroutine[Any, Any, None]]) -> None:
    """Run ``unhandled(name)`` in the current run for each signal that has no handler when it arrives.

    temporalio keeps such a signal until there is a handler of its name, and tells no interceptor.
    """
    instance = _instance()
    apply = instance._apply_signal_workflow  # noqa: SLF001 (the only place that knows in 1.35)

    def watched(job: SignalWorkflow) -> None:
        apply(job)
        if job.signal_name in instance._buffered_signals:  # noqa: SLF001 (likewise)
            instance.create_task(unhandled(job.signal_name))

    instance._apply_signal_workflow = watched  # noqa: SLF001 (likewise)


def is_unhandled(signal: str) -> bool:
    """Return whether signals of this name wait for a handler of the current run."""
    return signal in _instance()._buffered_signals  # noqa: SLF001 (no public access in 1.35)


def kept_signals(taken: Mapping[str, Iterable[Sequence[Any]]]) -> Iterator[tuple[str, bytes]]:
    """Yield name and message of the signals that the code of the current run has not had.

    Args:
        taken: The arguments of those that a handler has put aside, by name.
    """
    instance, converter = _instance(), workflow.payload_converter()
    for name, signals in taken.items():
        for args in signals:
            yield name, SignalWorkflow(signal_name=name, input=converter.to_payloads(args)).SerializeToString()
    for name, jobs in instance._buffered_signals.items():  # noqa: SLF001 (no public access in 1.35)
        yield from ((name, job.SerializeToString()) for job in jobs)


def restore_signals(kept: Iterable[tuple[str, bytes]]) -> None:
    """Let signals of ``kept_signals`` arrive in the current run, before those that wait for a handler already."""
    instance = _instance()
    arrived, instance._buffered_signals = instance._buffered_signals, {}  # noqa: SLF001 (no public access in 1.35)
    for _, data in kept:
        type(instance)._apply_signal_workflow(instance, SignalWorkflow.FromString(data))  # noqa: SLF001 (likewise)
    for name, jobs in arrived.items():
        instance._buffered_signals.setdefault(name, []).extend(jobs)  # noqa: SLF001 (likewise)


def running_handlers() -> list[str]:
    """Return the names of the signals and updates whose handlers run, once each time; not of those that may be left."""
    signals, updates = _instance()._in_progress_signals, _instance()._in_progress_updates  # noqa: SLF001 (likewise)
    running, left = [*signals.values(), *updates.values()], workflow.HandlerUnfinishedPolicy.ABANDON
    return [execution.name for execution in running if execution.unfinished_policy is not left]


def _instance() -> Any:
    return cast("Any", workflow._Runtime.current())  # noqa: SLF001 (no public access to the running instance in 1.35)


async def shutdown_requested(worker: Worker) -> None:
    """Wait until a worker shall shut down, also if it does not run yet."""
    await worker._shutdown_event.wait()  # noqa: SLF001 (no public event in 1.35)


def is_completed_elsewhere(error: BaseException) -> bool:
    """Return whether an activity raised this by ``activity.raise_complete_async``: it has not ended."""
    return isinstance(error, activity._CompleteAsyncError)  # noqa: SLF001 (no public class in 1.35)


class _OfInput(type):
    def __instancecheck__(cls, error: object) -> bool:
        """Return whether temporalio raised the error as it read the arguments of a run."""
        trace = error.__traceback__ if isinstance(error, RuntimeError) else None
        while trace is not None and trace.tb_frame.f_code.co_name != "_make_workflow_input":
            trace = trace.tb_next
        return trace is not None


class UnreadableInput(RuntimeError, metaclass=_OfInput):
    """Temporalio's ``RuntimeError`` for arguments that a workflow cannot take; it has no class of its own.

    A run that cannot begin fails. In a run that has begun, a failure contradicts the history, and Temporal waits.
    """
