"""``perdure runs signal``: sends a signal to a run over the bus."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.output import console
from perdure.cli.runs.options import RunId
from perdure.errors import NotFound
from perdure.values.reserved import is_reserved, reserved_text

if TYPE_CHECKING:
    from pydantic import JsonValue

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 sent, 3 its run has not begun, 4 no such run. "
        'Example: perdure runs signal content-42 approve \'{"reviewer": "ann"}\''
    )
    def signal(
        run: RunId,
        name: Annotated[str, typer.Argument(help="The signal, as the workflow names it.")],
        argument: Annotated[
            str | None, typer.Argument(help="Its argument, JSON; - reads it from standard input.")
        ] = None,
        *,
        early: Annotated[bool, typer.Option("--early", help="Send it though no run of this id is known yet.")] = False,
        as_json: Json = False,
    ) -> None:
        """Send a signal to a run, which receives it once."""
        if is_reserved(name):
            raise typer.BadParameter(reserved_text("signal", name))
        body = b"" if argument is None else json.dumps(parse_json(read_text(argument))).encode()
        workflow_id, sequence = run_command(_send(run, name, body, early=early))
        if as_json:
            sent: JsonValue = {"workflow_id": workflow_id, "signal": name, "stream_sequence": sequence}
            console.out(json.dumps(sent), highlight=False)
        else:
            console.print(f"Sent {name} to {workflow_id} (SIGNALS {sequence}).", markup=False)


async def _send(run: str, name: str, body: bytes, *, early: bool) -> tuple[str, int]:
    from perdure.bus import RawMessage
    from perdure.bus.views.run_lookup import RunNotBegun, find_run
    from perdure.contracts import to_token

    async with open_bus() as bus:
        try:
            workflow_id = await find_run(bus, run)
        except (NotFound, RunNotBegun) as error:
            planned = error.run if isinstance(error, RunNotBegun) else run
            if planned is None:
                raise
            if not early:
                raise type(error)(
                    f"{error} A signal may come before its run: with --early it is sent to {planned}, and waits there."
                ) from error
            workflow_id = planned  # a dead letter follows if no run begins in time
        subject = f"signals.{to_token(workflow_id)}.{to_token(name)}"
        return workflow_id, await bus.publish_raw(RawMessage(subject, body, {}))
