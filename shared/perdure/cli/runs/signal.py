"""``perdure runs signal``: sends a signal to a run over the bus."""

import json
import sys
from typing import Annotated

import typer
from pydantic import JsonValue

from perdure.bus import RawMessage
from perdure.cli.client import Json, RunId, open_bus, run_command
from perdure.cli.output import console
from perdure.cli.publish import parse_data
from perdure.contracts import to_token

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog='Example: perdure runs signal content-42 approve \'{"reviewer": "ann"}\'')
    def signal(
        workflow_id: RunId,
        name: Annotated[str, typer.Argument(help="The signal, as the workflow names it.")],
        argument: Annotated[
            str | None, typer.Argument(help="Its argument, JSON; - reads it from standard input.")
        ] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Send a signal to a run, which receives it once."""
        text = sys.stdin.read() if argument == "-" else argument
        body = b"" if text is None else json.dumps(parse_data(text)).encode()
        sequence = run_command(_send(workflow_id, name, body))
        if as_json:
            sent: JsonValue = {"workflow_id": workflow_id, "signal": name, "stream_sequence": sequence}
            console.out(json.dumps(sent))
        else:
            console.print(f"Sent [bold]{name}[/] to {workflow_id} (SIGNALS {sequence}).")


async def _send(workflow_id: str, name: str, body: bytes) -> int:
    async with open_bus() as bus:
        return await bus.publish_raw(RawMessage(f"signals.{to_token(workflow_id)}.{to_token(name)}", body, {}))
