"""``perdure publish``: an event onto the bus."""

import json
import sys
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

import typer
from opentelemetry import propagate, trace
from pydantic import JsonValue

from perdure.bus import NatsBus, RawMessage, write_event
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.output import console
from perdure.contracts import Event
from perdure.errors import PerdureError

__all__ = ["parse_data", "publish_event", "register"]


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog='Example: perdure publish documents.submitted \'{"path": "contract.md"}\'')
    def publish(
        type_: Annotated[str, typer.Argument(metavar="TYPE", help="What happened, such as documents.submitted.")],
        data: Annotated[str, typer.Argument(help="The event's data, JSON; - reads it from standard input.")] = "{}",
        event_id: Annotated[str | None, typer.Option("--id", help="The same id is the same event.")] = None,
        source: Annotated[str, typer.Option(help="The CloudEvents source.")] = "perdure/cli",
        *,
        as_json: Json = False,
    ) -> None:
        """Publish an event, and print its id and its place in the stream."""
        event = Event(
            id=event_id or uuid4().hex,
            type=type_,
            source=source,
            time=datetime.now(UTC),
            data=parse_data(sys.stdin.read() if data == "-" else data),
        )
        sequence = run_command(_publish(event))
        if as_json:
            console.out(json.dumps({"id": event.id, "type": event.type, "stream_sequence": sequence}))
        else:
            console.print(f"Published [bold]{event.type}[/] as {event.id} (EVENTS {sequence}).")


async def publish_event(bus: NatsBus, event: Event) -> int:
    """Publish an event within a span of its own, from which its whole trace grows; returns its place in the stream."""
    wire = write_event(event)
    tracer = trace.get_tracer("perdure.cli")
    with tracer.start_as_current_span(f"publish {event.type}", attributes={"perdure.event_id": event.id}):
        headers = dict(wire.headers)
        propagate.inject(headers)
        return await bus.publish_raw(RawMessage(wire.subject, wire.body, headers))


async def _publish(event: Event) -> int:
    async with open_bus() as bus:
        return await publish_event(bus, event)


def parse_data(text: str) -> JsonValue:
    """Read what was given as an event's data.

    Raises:
        PerdureError: It is no JSON.
    """
    try:
        data: JsonValue = json.loads(text)
    except ValueError as error:
        raise PerdureError(f'The data is not JSON: {error}. Quote it for the shell: \'{{"key": "value"}}\'') from error
    return data
