"""Where workflow code executes: in temporalio's sandbox, which catches what is not deterministic, or without."""

from typing import Final

from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

__all__ = ["workflow_runner"]

# Imported once for all runs: each is free of side effects, and importing them anew costs about 10 ms a run.
_PASSED_THROUGH: Final = (
    "perdure",
    "pydantic",
    "pydantic_core",
    "annotated_types",
    "typing_extensions",
    "opentelemetry",
)


def workflow_runner(*, sandboxed: bool) -> WorkflowRunner:
    """Return what executes workflow code."""
    if not sandboxed:
        return UnsandboxedWorkflowRunner()
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH)
    return SandboxedWorkflowRunner(restrictions=restrictions)
