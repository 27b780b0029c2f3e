"""``perdure approvals list``: approval requests, open ones by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, get_args

import typer

from perdure.cli.approvals.options import Workflow
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import age, console, local_day, table
from perdure.cli.times import Since
from perdure.errors import NotFound
from perdure.values.nearest import nearest
from perdure.values.request_state import RequestState
from perdure.values.short_code import request_word

if TYPE_CHECKING:
    from perdure.approvers import Directory
    from perdure.bus.views.request_record import RequestRecord
    from perdure.bus.views.requests import RequestFilter

__all__ = ["register"]

_STATES: Final = (*get_args(RequestState), "all")


def _state(text: str) -> str:
    if text not in _STATES:
        raise typer.BadParameter(f"there is no state {text}{nearest(text, _STATES)}")
    return text


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", epilog="Example: perdure approvals list --state rejected --since 7d")
    def list_(  # noqa: PLR0913, PLR0917 (each is a flag)
        workflow: Workflow = None,
        state: Annotated[str, typer.Option(help=f"One of: {', '.join(_STATES)}.", callback=_state)] = "open",
        containing: Annotated[str, typer.Option(help="Only titles that contain this.")] = "",
        person: Annotated[
            str | None, typer.Option("--for", help="Only requests that this person may answer, or did.")
        ] = None,
        since: Since = None,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="At most so many.")] = 50,
        *,
        as_json: Json = False,
    ) -> None:
        """List open approval requests, oldest first, or settled ones."""
        from perdure.bus.views.requests import RequestFilter
        from perdure.cli.approvals.records import record_json

        selection = RequestFilter(
            workflow=workflow,
            state=None if state == "all" else state,  # type: ignore[arg-type]  # checked by _state
            person=person,
            text=containing,
            since=since,
            limit=limit,
        )
        found = run_command(_list(selection, _known(person)))
        if as_json:
            for record in found:
                console.out(record_json(record), highlight=False)
        elif found:
            console.print(table("request", "title", "state", "votes", "needs", "age", "until", rows=map(_row, found)))
        else:
            console.print("Nothing waits for an approval." if state == "open" else "There are no such requests.")


def _known(person: str | None) -> Directory | None:
    """Return the approvers, if they matter, and refuse somebody whom they do not know."""
    from perdure.approvers import ApproversFile
    from perdure.config.loader import load_settings

    if person is None:
        return None
    file = ApproversFile(load_settings().approvers_file)
    known = file.current()
    if person not in known.approvers:
        raise NotFound(f"{file.path} knows no approver {person}{nearest(person, known.approvers)}")
    return known


async def _list(selection: RequestFilter, known: Directory | None) -> list[RequestRecord]:
    from perdure.bus.views.requests import list_requests

    async with open_bus() as bus:
        return await list_requests(bus, selection, known)


def _row(record: RequestRecord) -> tuple[str, ...]:
    from perdure.approvers.policy_text import approvers_text
    from perdure.cli.approvals.records import votes_text
    from perdure.cli.approvals.text import deadline_text

    request = record.request
    needs = approvers_text(record.current_policy)
    until = local_day(record.settled_at) if record.settled_at else deadline_text(request)
    return (
        request_word(request.request_id),
        request.title,
        record.state,
        votes_text(record) or "none",
        needs,
        age(request.opened_at),
        until,
    )
