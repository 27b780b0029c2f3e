"""Notes and alerts: facts that an author publishes without waiting for anybody."""

from collections.abc import Sequence
from typing import Any

from perdure.contracts import Severity
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
    run = Run.current()
    await run.publisher.publish([run.new_alert(title, reviewable_json(details), severity, roles)])


async def note(text: str) -> None:
    """Publish free text about this run as ``note`` progress."""
    publisher = Run.current().publisher
    await publisher.publish([publisher.fact("note", result=text)])
