"""``perdure approvals``, ``approve`` and ``reject``: what waits for a human, and the human's answer."""

import asyncio
import getpass
from typing import Annotated, Final, Literal
from uuid import uuid4

import typer

from perdure.bus import Bus, decode
from perdure.cli.client import Json, open_bus, run
from perdure.cli.output import console, print_json, table
from perdure.cli.story import newest_facts
from perdure.contracts import (
    ENDINGS,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalRequested,
    Decision,
    Receipt,
    to_token,
)
from perdure.errors import PerdureError, Unavailable

__all__ = ["answer", "open_requests", "register"]

_RECEIPT_WITHIN: Final = 30.0  # seconds

RequestId = Annotated[str, typer.Argument(help="The request, as `perdure approvals` names it.", show_default=False)]
Approver = Annotated[str, typer.Option("--as", help="Who answers.", default_factory=getpass.getuser)]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command()
    def approvals(*, as_json: Json = False) -> None:
        """List the requests that wait for an answer."""
        waiting = run(_open())
        if as_json:
            print_json(waiting)
            return
        rows = [(ask.request_id, ask.title, f"{ask.expires_at or 'no end'}") for ask in waiting]
        console.print(table("request", "title", "until", rows=rows) if rows else "Nothing waits for an approval.")

    @app.command(epilog="Exit codes: 0 the decision counts, 1 it does not, and why is said.")
    def approve(
        request_id: RequestId,
        approver: Approver,
        comment: Annotated[str, typer.Option(help="What to say to it.")] = "",
        *,
        as_json: Json = False,
    ) -> None:
        """Say yes, and wait for the receipt."""
        _conclude(run(_decide(request_id, "approve", approver, comment)), as_json=as_json)

    @app.command(epilog="Exit codes: 0 the decision counts, 1 it does not, and why is said.")
    def reject(
        request_id: RequestId,
        approver: Approver,
        reason: Annotated[str, typer.Option(help="Why not.")],
        *,
        as_json: Json = False,
    ) -> None:
        """Say no, and wait for the receipt."""
        _conclude(run(_decide(request_id, "reject", approver, reason)), as_json=as_json)


async def open_requests(bus: Bus) -> list[ApprovalRequested]:
    """Return the requests that are neither answered nor expired, and whose run has not ended; oldest first."""
    requests: dict[str, ApprovalRequested] = {}
    async for heard in bus.recall("approvals.>"):
        match decode(heard.wire):
            case ApprovalRequested() as request:
                requests[request.request_id] = request
            case ApprovalDecided(request_id=closed) | ApprovalExpired(request_id=closed):
                requests.pop(closed, None)
    ended = {fact.workflow_id for fact in await newest_facts(bus) if fact.kind in ENDINGS}
    return [request for request in requests.values() if request.workflow_id not in ended]


async def answer(
    bus: Bus, request: ApprovalRequested, decision: Literal["approve", "reject"], approver: str, comment: str
) -> Receipt:
    """Send a decision on what was seen, and return its receipt.

    Raises:
        Unavailable: No receipt came in time; the decision is stored all the same and will be judged.
    """
    said = Decision(
        workflow_id=request.workflow_id,
        request_id=request.request_id,
        decision=decision,
        approver=approver,
        comment=comment,
        digest=request.digest,
        nonce=uuid4().hex,
    )
    await bus.say(said)
    try:
        async with asyncio.timeout(_RECEIPT_WITHIN):
            return await _receipt(bus, said)
    except TimeoutError as error:
        raise Unavailable(
            f"No receipt within {_RECEIPT_WITHIN:.0f} s. The decision is stored and will be judged once the "
            "orchestrator is back. Look for it with: perdure audit tail --subject "
            f"receipts.{to_token(request.request_id)}"
        ) from error


async def _receipt(bus: Bus, said: Decision) -> Receipt:
    async for heard in bus.listen(f"receipts.{to_token(said.request_id)}", replay=True):
        message = decode(heard.wire)
        if isinstance(message, Receipt) and message.decision_id == said.message_id:
            return message
    raise Unavailable("The bus closed before a receipt came.")


async def _open() -> list[ApprovalRequested]:
    async with open_bus() as bus:
        return await open_requests(bus)


async def _decide(request_id: str, decision: Literal["approve", "reject"], approver: str, comment: str) -> Receipt:
    async with open_bus() as bus:
        requests = {request.request_id: request for request in await open_requests(bus)}
        if request_id not in requests:
            raise PerdureError(f"No request {request_id} is open. `perdure approvals` lists those that are.")
        return await answer(bus, requests[request_id], decision, approver, comment)


def _conclude(receipt: Receipt, *, as_json: bool) -> None:
    if as_json:
        print_json([receipt])
    else:
        console.print("[green]Accepted[/]" if receipt.accepted else "[red]Refused[/]", receipt.reason, sep=": ")
    raise typer.Exit(0 if receipt.accepted else 1)
