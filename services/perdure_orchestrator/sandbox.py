"""The runner of workflow code: temporalio's sandbox, which catches non-determinism, or none."""

from dataclasses import replace
from typing import Any, ClassVar, Final

from temporalio.api.enums.v1 import CommandType
from temporalio.converter import SerializationContext, StorageDriverStoreContext, WorkflowSerializationContext
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import Info

from perdure_orchestrator.library_modules import library_modules

__all__ = ["workflow_runner"]

_OWN: Final = "perdure"  # imported once for all runs, as the libraries are: it has no side effects


_TO_OTHERS: Final = {
    CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SCHEDULE_NEXUS_OPERATION,
}


def workflow_runner(given: WorkflowRunner | None = None, *, sandboxed: bool, contexts: bool = False) -> WorkflowRunner:
    """Return what executes workflow code.

    Args:
        given: The runner of the worker. A sandbox keeps its restrictions and passes Perdure's modules through, too; a
            runner of the author's own class stays one of that class.
        sandboxed: Whether temporalio's sandbox is used where the author has chosen none.
        contexts: Whether a codec needs to know the run of each payload.
    """
    if given is not None and not isinstance(given, SandboxedWorkflowRunner):
        return given
    is_own = given is not None and type(given) is not SandboxedWorkflowRunner
    if not sandboxed and not is_own:
        return _UnsandboxedWithContexts() if contexts else UnsandboxedWorkflowRunner()
    given = given or SandboxedWorkflowRunner()
    restrictions = given.restrictions.with_passthrough_modules(_OWN, *library_modules())
    if is_own:
        return replace(given, restrictions=restrictions)
    kind = _SandboxedWithContexts if contexts else _Sandboxed
    return kind(restrictions=restrictions, runner_class=given.runner_class)


class _Lean(WorkflowInstance):
    """A run that does not compute the serialization context of each payload.

    Without encryption no converter of Perdure uses it, and computing it took half of the time spent in the sandbox.
    """

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:  # noqa: ARG002 (temporalio's signature)
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ARG002 (temporalio's signature)
        return StorageDriverStoreContext(target=None)

    def activate(self, act: Any) -> Any:
        return self._instance.activate(act)

    def get_info(self) -> Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


class _WithContexts(_Lean):
    """A run whose payloads are bound to it; only commands to other runs have the context of those."""

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        if command_info is not None and command_info.command_type in _TO_OTHERS:
            return self._instance.get_serialization_context(command_info)
        info = self.get_info()
        return WorkflowSerializationContext(info.namespace, info.workflow_id)


class _Sandboxed(SandboxedWorkflowRunner):
    instance_class: ClassVar[type[_Lean]] = _Lean

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Create an instance; the workflow's own package is imported anew, also if it is installed as a library."""
        package = det.defn.cls.__module__.partition(".")[0]
        if package == _OWN or package not in library_modules():
            return self.instance_class(super().create_instance(det))
        passed = self.restrictions.passthrough_modules - {package}
        runner = SandboxedWorkflowRunner(replace(self.restrictions, passthrough_modules=passed), self.runner_class)
        return self.instance_class(runner.create_instance(det))


class _SandboxedWithContexts(_Sandboxed):
    instance_class = _WithContexts


class _UnsandboxedWithContexts(UnsandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Create an instance whose task fails, as in the sandbox, if it cannot decrypt the result of a step."""
        return _WithContexts(super().create_instance(det))
