"""``perdure doctor`` on what is paused."""

from perdure.bus.views.pauses import pauses
from perdure.cli.client import reach
from perdure.cli.finding import Finding
from perdure.cli.pausing import name_of, resume_command
from perdure.config.settings import Settings
from perdure.errors import Unavailable
from perdure.local.discovery import discover
from perdure.values.printable import one_line

__all__ = ["check_pauses"]


async def check_pauses(settings: Settings) -> list[Finding]:
    """List what is paused, since when, by whom and why."""
    try:
        async with reach(discover(settings)[0], source="perdure/doctor") as bus:
            found = await pauses(bus)
    except Unavailable:  # the finding about NATS reports it
        return []
    return [
        Finding(name_of(what), good=False, detail=f"{one_line(it.sentence)}. Let it go on: `{resume_command(what)}`")
        for what, it in found.items()
    ] or [Finding("pauses", good=True, detail="nothing is paused")]
