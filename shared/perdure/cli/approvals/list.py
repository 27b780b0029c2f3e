"""``perdure approvals list``: approval requests, open ones by default."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from perdure.approvers import ApproversFile, may_vote
from perdure.bus.views.approval_index import open_requests
from perdure.cli.approvals.options import Workflow
from perdure.cli.approvals.text import approvers_text, deadline_text
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console, print_json, shell_word, table
from perdure.config.loader import load_settings
from perdure.contracts import ApprovalRequested
from perdure.errors import NotFound
from perdure.values.nearest import nearest

__all__ = ["register"]

Containing = Annotated[str | None, typer.Option(help="Only titles that contain this.", show_default=False)]
Mine = Annotated[
    str | None, typer.Option("--for", help="Only requests that this person may answer.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure approvals list --workflow DocumentAnalysis --for ada")
    def list_(
        workflow: Workflow = None, containing: Containing = None, person: Mine = None, *, as_json: Json = False
    ) -> None:
        """List the open approval requests, oldest first."""
        file = ApproversFile(load_settings().approvers_file)
        known = file.current()
        if person is not None and person not in known.approvers:
            raise NotFound(f"{file.path} knows no approver {person}{nearest(person, known.approvers)}")
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
            (
                shell_word(request.request_id),
                request.title,
                approvers_text(request.policy),
                deadline_text(request),
            )
            for request in waiting
        ]
        console.print(
            table("request", "title", "approvers", "until", rows=rows) if rows else "Nothing waits for an approval."
        )


async def _open(workflow: str | None) -> list[ApprovalRequested]:
    async with open_bus() as bus:
        return await open_requests(bus, workflow)
