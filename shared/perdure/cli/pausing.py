"""What the commands share that pause something and let it go on: they put the act on ADMIN, which is what holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perdure.cli.client import open_bus, run_command
from perdure.cli.output import console

if TYPE_CHECKING:
    from perdure.contracts import PauseChanged

__all__ = ["Reason", "change", "name_of", "resume_command"]

Reason = Annotated[str, typer.Option("--reason", help="Why, for the record.", show_default=False)]


def change(what: str, act: Literal["paused", "resumed"], *, reason: str, as_json: bool, then: str) -> None:
    """Pause something or let it go on, unless it is so already, and print what holds.

    Args:
        what: What ``PauseChanged`` calls it.
        act: What to do.
        reason: Why.
        as_json: Whether to print the record as JSON, with ``changed``: whether it is of now.
        then: A sentence about what happens from now on.
    """
    record, changed = run_command(_change(what, act, reason))
    if as_json:
        console.out(json.dumps({**record.model_dump(mode="json"), "changed": changed}), highlight=False)
    elif changed:
        console.print(f"{name_of(what).capitalize()}: {act}. {then}", markup=False, soft_wrap=True)
    elif act == "paused":
        console.print(f"{name_of(what).capitalize()}: {record.sentence}. Nothing was changed.", markup=False)
    else:
        console.print(f"{name_of(what).capitalize()}: not paused. Nothing was changed.", markup=False)


def name_of(what: str) -> str:
    """Return how people call what is paused."""
    return f"the {what.replace('/', ' ', 1)}"


def resume_command(what: str) -> str:
    """Return the command that lets it go on."""
    _, is_route, name = what.partition("/")
    return f"perdure routes resume {name}" if is_route else "perdure resume"


async def _change(what: str, act: Literal["paused", "resumed"], reason: str) -> tuple[PauseChanged, bool]:
    import asyncio
    from datetime import UTC, datetime

    from perdure.bus.views.pauses import pause_of
    from perdure.contracts import PauseChanged
    from perdure.local.approver import login_name
    from perdure.runtime.suite_pause import LOOK_SECONDS

    wanted = PauseChanged(what=what, act=act, reason=reason, by=login_name(), at=datetime.now(UTC))
    async with open_bus() as bus:
        holding = await pause_of(bus, what)
        if (holding is None) == (act == "resumed"):
            return holding or wanted, False
        await bus.publish(wanted)
        await asyncio.sleep(2 * LOOK_SECONDS)  # whoever reads the answer may rely on it
        return wanted, True
