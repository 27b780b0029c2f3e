"""The runner of workflow code: temporalio's sandbox, which catches non-determinism, or none."""

from typing import Any, Final

from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

__all__ = ["workflow_runner"]

# Imported once for all runs: these modules have no side effects, and importing them again costs about 10 ms a run.
_PASSED_THROUGH: Final = (
    "perdure",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "opentelemetry",
)


def workflow_runner(given: WorkflowRunner | None = None, *, sandboxed: bool) -> WorkflowRunner:
    """Return what executes workflow code.

    Args:
        given: The runner of the worker; its own restrictions are kept, and one without a sandbox stays as it is.
        sandboxed: Whether to use temporalio's sandbox.
    """
    if not sandboxed or isinstance(given, UnsandboxedWorkflowRunner):
        return UnsandboxedWorkflowRunner()
    restrictions = given.restrictions if isinstance(given, SandboxedWorkflowRunner) else SandboxRestrictions.default
    return _Sandboxed(restrictions=restrictions.with_passthrough_modules(*_PASSED_THROUGH))


class _Sandboxed(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Lean(super().create_instance(det))


class _Lean(WorkflowInstance):
    """A sandboxed run that does not compute the serialization context of each payload.

    No converter of Perdure uses the context, and computing it took half of the time spent in the sandbox.
    """

    def __init__(self, sandboxed: WorkflowInstance) -> None:
        self._sandboxed = sandboxed

    def get_serialization_context(self, command_info: Any) -> None:  # noqa: ARG002 (temporalio's signature)
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ARG002 (temporalio's signature)
        return StorageDriverStoreContext(target=None)

    def activate(self, act: Any) -> Any:
        return self._sandboxed.activate(act)

    def get_info(self) -> Info:
        return self._sandboxed.get_info()

    def get_thread_id(self) -> int | None:
        return self._sandboxed.get_thread_id()
