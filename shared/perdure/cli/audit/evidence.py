"""``perdure audit evidence``: all that is recorded about an approval request, for a third party to check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.audit.receipt import OutputFile, proven, write_out
from perdure.cli.client import open_bus, run_command
from perdure.errors import NotKept
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.contracts import ApprovalRequested
    from perdure.record.evidence import EvidenceFile, EvidenceMessage
    from perdure.record.witness import Proven

__all__ = ["register"]

_EXIT_CODES: Final = (
    "Exit codes: 0 written, 1 the ledger shows another history than before, 3 not recorded and signed yet, "
    "4 no request has this id. Example: perdure audit evidence DocumentAnalysis~42.1 -o decision.json"
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EXIT_CODES)
    def evidence(
        request_id: Annotated[str, typer.Argument(metavar="REQUEST", help="The approval request.")],
        output: OutputFile = None,
    ) -> None:
        """Prove who decided a request, in a file that needs no suite.

        It holds the request with its policy, each decision as its approver signed it, the approvers' keys of that time,
        the receipts and the outcome, each with its proof in the ledger.
        """
        file = run_command(_evidence(request_id))
        write_out(output, f"{file.model_dump_json(indent=2)}\n")
        print_error(f"{len(file.messages)} messages about {file.request_id}, proven to {file.key}")


async def _evidence(text: str) -> EvidenceFile:
    from perdure.bus.views.requests import find_request
    from perdure.record.evidence import EvidenceFile

    async with open_bus() as bus:
        request = (await find_request(bus, text)).request
        places = await _places(bus, request)
        found = await proven(bus, places, kept=True)
        messages = [await _message(bus, found[place]) for place in places]
        return EvidenceFile(request_id=request.request_id, key=found[places[0]].key, messages=tuple(messages))


async def _places(bus: NatsBus, request: ApprovalRequested) -> list[str]:
    """Return the places of all messages about a request."""
    from perdure.bus import decode
    from perdure.bus.views.request_votes import decision_in
    from perdure.bus.views.snapshots.sources import place_of_message
    from perdure.contracts import (
        AboutRequest,
        ApprovalReminded,
        ApproversFileRead,
        Receipt,
        to_token,
    )

    run = to_token(request.workflow_id)
    places: list[str] = []
    files: set[str | None] = set()
    async for message in bus.read(f"approvals.*.{to_token(request.workflow)}.{run}"):
        about = decode(message.raw)
        if not isinstance(about, AboutRequest) or isinstance(about, ApprovalReminded):
            continue
        if (about.run_id, about.request_id) == (request.run_id, request.request_id):
            places.append(place_of_message(message))
    async for message in bus.read(f"receipts.{to_token(request.request_id)}"):
        if isinstance(receipt := decode(message.raw), Receipt):
            places.append(place_of_message(message))
            files.add(receipt.approvers_digest)
    async for message in bus.read(f"decisions.{run}"):
        decision = decision_in(message, request.workflow_id)
        if decision is not None and decision.request_id == request.request_id:
            places.append(place_of_message(message))
    async for message in bus.read("admin.approvers_file"):
        read = decode(message.raw)
        if isinstance(read, ApproversFileRead) and read.digest in files:
            places.append(place_of_message(message))
            files.discard(read.digest)
    return places


async def _message(bus: NatsBus, proven: Proven) -> EvidenceMessage:
    """Return a message with its proof; a body that is too large for a reply is still in its stream.

    Raises:
        NotKept: Its body was erased.
    """
    from perdure.record.evidence import EvidenceMessage

    kept = proven.kept
    if kept is not None and kept.body is not None:
        return EvidenceMessage.of(proven, kept, kept.body)
    stored = await bus.get(*_stream_and_sequence(proven.place))
    if kept is None or not kept.salt or stored is None:
        raise NotKept(f"{proven.place} was erased from the record: `perdure audit receipt {proven.place}` still works.")
    return EvidenceMessage.of(proven, kept, stored.raw.body)


def _stream_and_sequence(place: str) -> tuple[str, int]:
    stream, _, sequence = place.partition(":")
    return stream, int(sequence)
