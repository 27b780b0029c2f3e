"""``perdure publish``: an event onto the bus, and with ``--wait`` its result."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.exit_codes import NO
from perdure.cli.json_argument import parse_json, read_text
from perdure.cli.output import console
from perdure.errors import PerdureError
from perdure.runtime.stderr import print_error
from perdure.values.short_code import is_plain

if TYPE_CHECKING:
    from perdure.client import EventOutcome, PublishedEvent
    from perdure.contracts import Event

__all__ = ["register"]

_EXIT_CODES = (
    "Exit codes: 0 stored, with --wait also completed; 1 refused, failed or a dead letter; 3 still running when the "
    "time is over; 75 not stored, or repeat it with the same --id. "
    'Example: perdure publish documents.submitted \'{"path": "contract.md"}\' --wait'
)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog=_EXIT_CODES)
    def publish(  # noqa: PLR0913 (each is a flag)
        type_: Annotated[str, typer.Argument(metavar="TYPE", help="What happened, such as documents.submitted.")],
        data: Annotated[str, typer.Argument(help="The event's data, JSON; - reads it from standard input.")] = "{}",
        event_id: Annotated[str | None, typer.Option("--id", help="The same id is the same event.")] = None,
        source: Annotated[str, typer.Option(help="The CloudEvents source.")] = "perdure/cli",
        within: Annotated[
            str, typer.Option(help="How long to wait, such as 90s or 5m.", callback=_checked_duration)
        ] = "60s",
        *,
        wait: Annotated[bool, typer.Option("--wait", help="Wait for the run, and print its result.")] = False,
        as_json: Json = False,
    ) -> None:
        """Publish an event, and print its id and its place in the stream."""
        from perdure.cli.published_text import json_of, outcome_lines
        from perdure.client.publishing import new_event
        from perdure.values.duration import parse_duration

        new = new_event(type_, parse_json(read_text(data)), event_id, source)
        warnings = list(_warnings(type_))
        for warning in () if as_json else warnings:
            print_error(f"perdure: {warning}")
        seconds = parse_duration(within).total_seconds() if wait else None
        event, outcome = run_command(_publish(new, seconds, is_repeatable=event_id is not None, as_json=as_json))
        if as_json:
            console.out(json.dumps(json_of(event, outcome, warnings)), highlight=False)
        elif outcome is not None:
            for line in outcome_lines(outcome):
                console.out(line, highlight=False)
        _conclude(event, outcome)


async def _publish(
    new: Event, within: float | None, *, is_repeatable: bool, as_json: bool
) -> tuple[PublishedEvent, EventOutcome | None]:
    from perdure.cli.published_text import StuckNotice, json_of, published_line
    from perdure.client import NotConfirmed, Pending, Unavailable
    from perdure.client.outcomes import EventName, wait_for_outcome
    from perdure.client.publishing import publish_event

    async with open_bus() as bus:
        try:
            event = await publish_event(bus, new)
        except NotConfirmed as error:
            if not is_repeatable:  # this command, repeated as it was, would make another event
                raise PerdureError(str(error)) from error
            raise
        if within is None:
            if not as_json:
                console.out(published_line(event), highlight=False)
            return event, None
        print_error(json.dumps(json_of(event)) if as_json else published_line(event))  # who waits can give up
        try:
            name = EventName.of(event, None, None)
            return event, await wait_for_outcome(bus, name, within=within, meanwhile=StuckNotice(as_json=as_json))
        except Unavailable as error:
            raise Pending(str(error)) from error


def _conclude(event: PublishedEvent, outcome: EventOutcome | None) -> None:
    """End with the exit code of the outcome."""
    from perdure.client import Pending

    if outcome is None or outcome.state == "completed":
        return
    if outcome.is_settled:
        raise typer.Exit(NO)
    name = event.id if is_plain(event.id) else "EVENT"
    raise Pending(
        f"The event {event.id} is stored, and its run has not ended: go on with `perdure result {name} --wait`."
    )


def _warnings(type_: str) -> Iterator[str]:
    """Yield a sentence if no route of this folder's configuration is for events of this type."""
    from perdure.bus.subject_patterns import matches
    from perdure.config.loader import load_settings

    known = sorted({route.on for route in load_settings().routes})
    if known and not any(matches(on, type_) for on in known):
        yield (
            f"no route of this folder's configuration is for {type_}, only for {', '.join(known)}: without one, this "
            "event becomes a dead letter (no_route)."
        )


def _checked_duration(text: str) -> str:
    from perdure.values.duration import parse_duration

    try:
        parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text
