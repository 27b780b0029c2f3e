"""Puts acts of administration on ADMIN, where a bus can be reached: commands on files work without one."""

from datetime import UTC, datetime
from typing import Final

from perdure.approvers import ApproversFile
from perdure.cli.client import open_bus, run_command
from perdure.cli.output import console
from perdure.config.loader import load_settings
from perdure.contracts import ApproverChanged, Message
from perdure.errors import PerdureError
from perdure.local.approver import login_name

__all__ = ["change_of", "record_change"]

_OFFLINE: Final = "No bus was reached: ADMIN gets the new file when the orchestrator reads it, without who changed it."


def record_change(file: ApproversFile, change: ApproverChanged) -> None:
    """Put a change of the configured approvers file on ADMIN, or print why not; of other files say nothing."""
    if file.path.resolve() != load_settings().approvers_file.resolve():
        return
    try:
        run_command(_publish(change))
    except PerdureError:
        console.print(_OFFLINE, soft_wrap=True)


def change_of(file: ApproversFile, **fields: object) -> ApproverChanged:
    """Return the record of a change that has just been written to the file."""
    return ApproverChanged.model_validate(
        {"digest": file.version().digest, "by": login_name(), "at": datetime.now(UTC), **fields}
    )


async def _publish(message: Message) -> None:
    async with open_bus() as bus:
        await bus.publish(message)
