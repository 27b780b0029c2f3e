"""``perdure approvals``: lists, shows and watches approval requests."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from perdure.approvers import ApproversFile, may_vote
from perdure.bus import decode
from perdure.bus.views.approval_index import open_requests
from perdure.bus.views.requests import find_request
from perdure.cli.approval_text import approvers_text, deadline_text, facts_of, line
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.command_group import new_group
from perdure.cli.output import console, local_time, print_json, table
from perdure.config.loader import load_settings
from perdure.contracts import ApprovalRequested, to_pattern

__all__ = ["RequestId", "register"]

RequestId = Annotated[str, typer.Argument(help="The request id, as `perdure approvals` lists it.", show_default=False)]
Workflow = Annotated[str | None, typer.Option(help="Only requests of this workflow.", show_default=False)]
Containing = Annotated[str | None, typer.Option(help="Only titles that contain this.", show_default=False)]
Mine = Annotated[
    str | None, typer.Option("--for", help="Only requests that this person may answer.", show_default=False)
]

_approvals = new_group("List, show and watch approval requests.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_approvals, name="approvals")


@_approvals.callback(invoke_without_command=True)
def approvals(context: typer.Context, *, as_json: Json = False) -> None:
    """List the open approval requests, unless a sub-command is given."""
    if context.invoked_subcommand is None:
        list_open(as_json=as_json)


@_approvals.command("list", epilog="Example: perdure approvals list --workflow DocumentAnalysis --for ada")
def list_open(
    workflow: Workflow = None, containing: Containing = None, person: Mine = None, *, as_json: Json = False
) -> None:
    """List the open approval requests, oldest first."""
    known = ApproversFile(load_settings().approvers_file).current()
    now = datetime.now(UTC)
    waiting = [
        request
        for request in run_command(_open(workflow))
        if (containing or "").lower() in request.title.lower()
        and (person is None or may_vote(known, person, request, now))
    ]
    if as_json:
        print_json(waiting)
        return
    rows = [
        (request.request_id, request.title, approvers_text(request.policy), deadline_text(request))
        for request in waiting
    ]
    console.print(
        table("request", "title", "approvers", "until", rows=rows) if rows else "Nothing waits for an approval."
    )


@_approvals.command(epilog="Example: perdure approvals show DocumentAnalysis-EVENTS.1.1")
def show(request_id: RequestId, *, as_json: Json = False) -> None:
    """Show one request: its text, action, approvers and deadline."""
    request = run_command(_find(request_id))
    if as_json:
        print_json([request])
        return
    for name, value in facts_of(request):
        console.print(f"[dim]{name:<10}[/]", end=" ")
        console.out(value, highlight=False)


@_approvals.command(epilog="Ends with Ctrl-C. Example: perdure approvals watch --json | my-bot")
def watch(workflow: Workflow = None, *, as_json: Json = False) -> None:
    """Print requests, reminders, escalations and outcomes as they come."""
    run_command(_watch(workflow, as_json=as_json))


async def _open(workflow: str | None) -> list[ApprovalRequested]:
    async with open_bus() as bus:
        return await open_requests(bus, workflow)


async def _find(request_id: str) -> ApprovalRequested:
    async with open_bus() as bus:
        return (await find_request(bus, request_id)).request


async def _watch(workflow: str | None, *, as_json: bool) -> None:
    async with open_bus() as bus:
        async for received in bus.subscribe(f"approvals.*.{to_pattern(workflow)}.*"):
            message = decode(received.raw)
            if as_json:
                print_json([message])
            elif text := line(message):
                console.print(Text.assemble((f"{local_time(received.stored_at)} ", "dim"), text))
