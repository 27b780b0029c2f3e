"""The runner of workflow code: temporalio's sandbox, which catches non-determinism, or none."""

from dataclasses import replace
from typing import Any, Final

from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from perdure_orchestrator.library_modules import library_modules

__all__ = ["workflow_runner"]

_OWN: Final = "perdure"  # imported once for all runs, as the libraries are: it has no side effects


def workflow_runner(given: WorkflowRunner | None = None, *, sandboxed: bool) -> WorkflowRunner:
    """Return what executes workflow code.

    Args:
        given: The runner of the worker. A sandbox keeps its restrictions and passes Perdure's modules through, too; a
            runner of the author's own class stays one of that class.
        sandboxed: Whether temporalio's sandbox is used where the author has chosen none.
    """
    if given is not None and not isinstance(given, SandboxedWorkflowRunner):
        return given
    is_own = given is not None and type(given) is not SandboxedWorkflowRunner
    if not sandboxed and not is_own:
        return UnsandboxedWorkflowRunner()
    given = given or SandboxedWorkflowRunner()
    restrictions = given.restrictions.with_passthrough_modules(_OWN, *library_modules())
    if is_own:
        return replace(given, restrictions=restrictions)
    return _Sandboxed(restrictions=restrictions, runner_class=given.runner_class)


class _Sandboxed(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Create an instance; the workflow's own package is imported anew, also if it is installed as a library."""
        package = det.defn.cls.__module__.partition(".")[0]
        if package == _OWN or package not in library_modules():
            return _Lean(super().create_instance(det))
        passed = self.restrictions.passthrough_modules - {package}
        runner = SandboxedWorkflowRunner(replace(self.restrictions, passthrough_modules=passed), self.runner_class)
        return _Lean(runner.create_instance(det))


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
