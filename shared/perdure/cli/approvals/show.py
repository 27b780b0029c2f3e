"""``perdure approvals show``: one approval request, with its policy and what became of it."""

import typer

from perdure.bus.views.approval_index import find_request
from perdure.cli.approvals.options import RequestId
from perdure.cli.approvals.text import facts_of
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, print_json
from perdure.contracts import ApprovalRequested

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure approvals show DocumentAnalysis-EVENTS.1.1")
    def show(request_id: RequestId, *, as_json: Json = False) -> None:
        """Show a request: text, action, policy, votes and deadline."""
        request = run_command(_find(request_id))
        if as_json:
            print_json([request])
            return
        for name, value in facts_of(request):
            console.print(f"[dim]{name:<10}[/]", end=" ")
            console.out(value, highlight=False)


async def _find(request_id: str) -> ApprovalRequested:
    async with open_bus() as bus:
        return await find_request(bus, request_id)
