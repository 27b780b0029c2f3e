"""``perdure audit receipt``: proves that a message is in the ledger, in a file that others verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import open_bus, run_command
from perdure.errors import NotFound, Pending, WrongArgument
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.explain import FactSnapshot
    from perdure.record.witness import Proven

__all__ = ["OutputFile", "proven", "register", "write_out"]

_EXIT_CODES: Final = (
    "Exit codes: 0 written, 1 the ledger shows another history than before, 3 not recorded and signed yet, "
    "4 nothing has this id. Example: perdure audit receipt DocumentAnalysis~42.1 > decision.tlog-proof"
)

OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.", show_default="stdout")
]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EXIT_CODES)
    def receipt(
        what: Annotated[str, typer.Argument(metavar="WHAT", help="A run, request or event id, or STREAM:SEQUENCE.")],
        output: OutputFile = None,
    ) -> None:
        """Prove a message to people who trust only the ledger's key.

        Of a run it is the ending, or the command that started it; of a request what settled it, or the request itself.
        The file has the format C2SP tlog-proof.
        """
        place, file = run_command(_receipt(what))
        write_out(output, file)
        print_error(f"{place[1]}: {place[0]}")


async def _receipt(what: str) -> tuple[tuple[str, str], str]:
    async with open_bus() as bus:
        place, noun = await _place(bus, what)
        found = await proven(bus, [place])
        return (place, noun), str(found[place].proof)


async def proven(bus: NatsBus, places: list[str], *, kept: bool = False) -> dict[str, Proven]:
    """Return the proofs of all of these messages.

    Raises:
        LedgerForked: The ledger shows another history than before.
        Pending: One of them is not recorded, or not signed yet.
        Unavailable: The audit service does not answer.
    """
    from perdure.cli.witnessing import new_witness

    found = await new_witness(bus).proofs(places, kept=kept)
    if missing := [place for place in places if place not in found]:
        raise Pending(
            f"{', '.join(missing)}: no signed checkpoint has it yet. `perdure doctor` says whether the audit service "
            "records and signs."
        )
    return found


def write_out(file: Path | None, text: str) -> None:
    """Write a text to a file, whole or not at all, or to standard output.

    Raises:
        WrongArgument: The file cannot be written.
    """
    from perdure.config.replace_file import replace_file

    if file is None:
        typer.echo(text, nl=False)
        return
    try:
        if file.exists() and not file.is_file():
            file.write_text(text, encoding="utf-8")  # a pipe or a device keeps its place
        else:
            replace_file(file, text.encode())
    except OSError as error:
        raise WrongArgument(f"--output {file} cannot be written: {error.strerror}.") from error


async def _place(bus: NatsBus, what: str) -> tuple[str, str]:
    """Return the place of the message that stands for a thing, and what it is.

    Raises:
        NotFound: Nothing has this id.
    """
    import re

    from perdure.bus import NatsKeyValue
    from perdure.bus.views.snapshots import AskedSources, snapshot_of

    if re.fullmatch(r"[A-Z]+:[1-9][0-9]{0,17}", what):
        return what, "The message"
    sources = AskedSources(bus, bus.request, NatsKeyValue(bus.js, "BRIDGE"))
    found = await snapshot_of(sources, what)
    if (place := _standing_for(found)) is None:
        raise NotFound(f"Nothing that is recorded has the id {what}: no run, event or approval request.")
    return place


def _standing_for(found: FactSnapshot) -> tuple[str, str] | None:
    match found.about:
        case "event" if found.event is not None:
            return found.event.place, "The event"
        case "request" if found.requests:
            last = found.requests[-1]
            return (last.settled, "What settled the request") if last.settled else (last.request.place, "The request")
        case "decision" if found.decision is not None:
            return found.decision.place, "The decision"
        case "dead_letter" if found.dead_letters:
            return found.dead_letters[0].place, "The dead letter"
        case "run" if found.runs:
            return _of_run(found)
    return None


def _of_run(found: FactSnapshot) -> tuple[str, str] | None:
    from perdure.contracts import ENDINGS, StartWorkflow

    run = found.runs[0]
    if run.last is not None and run.last.message.kind in ENDINGS:
        return run.last.place, "The ending of the run"
    for command in found.commands:
        if isinstance(command.message, StartWorkflow) and command.message.workflow_id == run.workflow_id:
            return command.place, "The command that started the run"
    return (run.first.place, "The first progress of the run") if run.first is not None else None
