"""``perdure approvals watch``: prints what happens to approval requests as it happens."""

import typer
from rich.text import Text

from perdure.cli.approvals.options import Workflow
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, local_time, print_json

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Ends with Ctrl-C. Example: perdure approvals watch --json | my-bot")
    def watch(workflow: Workflow = None, *, as_json: Json = False) -> None:
        """Print requests, reminders, escalations and outcomes as they come."""
        run_command(_watch(workflow, as_json=as_json))


async def _watch(workflow: str | None, *, as_json: bool) -> None:
    from perdure.bus import decode
    from perdure.cli.approvals.text import line
    from perdure.contracts import to_pattern

    async with open_bus() as bus:
        async for received in bus.subscribe(f"approvals.*.{to_pattern(workflow)}.*"):
            message = decode(received.raw)
            if as_json:
                print_json([message])
            elif text := line(message):
                console.print(Text.assemble((f"{local_time(received.stored_at)} ", "dim"), text))
