"""Notes and alerts: facts that an author publishes without waiting for anybody."""

from collections.abc import Sequence
from typing import Any

from temporalio import workflow

from perdure.contracts import Alert, Severity
from perdure.flow.reviewable_json import reviewable_json
from perdure.flow.run import Run

__all__ = ["alert", "note"]


async def alert(title: str, *, details: Any = None, severity: Severity = "normal", roles: Sequence[str] = ()) -> None:
    """Publish an alert, and return once it is stored; the notifier sends it to people.

    Args:
        title: What happened, one line.
        details: What people need to know; anything that pydantic can turn into JSON.
        severity: How urgent it is.
        roles: Whom it concerns: the notifier routes by them, and mails people who have one of them.
    """
    run, info = Run.current(), workflow.info()
    run.alerts += 1
    raised = Alert(
        workflow=info.workflow_type,
        workflow_id=info.workflow_id,
        run_id=info.run_id,
        number=run.alerts,
        title=title,
        details=reviewable_json(details),
        severity=severity,
        roles=tuple(roles),
        raised_at=workflow.now(),
    )
    await run.publisher.publish([raised])


async def note(text: str) -> None:
    """Publish free text about this run as ``note`` progress."""
    publisher = Run.current().publisher
    await publisher.publish([publisher.fact("note", result=text)])
