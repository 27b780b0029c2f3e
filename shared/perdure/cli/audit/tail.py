"""``perdure audit tail``: the messages that the audit service recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.completion import complete_run
from perdure.cli.output import console, local_time
from perdure.cli.states import kinds_of_state, read_state
from perdure.cli.times import Since, Until
from perdure.cli.witnessing import look
from perdure.errors import SetupError
from perdure.runtime.stderr import print_error
from perdure.values.nearest import nearest
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.bus.views.erasures import Erasures
    from perdure.contracts.audit import AuditRecord, AuditRecordsFound, AuditRecordsQuery

__all__ = ["newest_records", "register"]

_POLL_EVERY: Final = 0.5  # seconds
_MOST_REPLIES: Final = 200  # to one question: each searches 5,000 records at most

_STATE_HELP: Final = "Only progress that reports this state, as failed or open."
_EVENT_HELP: Final = "Only an event, its commands, progress and dead letters."


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure audit tail --subject decisions --since 2h")
    def tail(  # noqa: PLR0913, PLR0917 (each is a flag)
        number: Annotated[int, typer.Option("--limit", "--number", "-n", min=1, max=500, help="How many.")] = 20,
        subject: Annotated[str | None, typer.Option(help="Only subjects that contain this.")] = None,
        stream: Annotated[
            str | None, typer.Option(help="Only of this stream, as DECISIONS.", callback=_read_stream)
        ] = None,
        workflow: Annotated[str | None, typer.Option(help="Only about runs of this workflow.")] = None,
        run: Annotated[str | None, typer.Option(help="Only about this run.", autocompletion=complete_run)] = None,
        request: Annotated[str | None, typer.Option(help="Only about this approval request.")] = None,
        state: Annotated[str | None, typer.Option(help=_STATE_HELP, callback=read_state)] = None,
        event: Annotated[str | None, typer.Option(help=_EVENT_HELP)] = None,
        key: Annotated[str | None, typer.Option(help="Only commands and progress with this flow.key.")] = None,
        since: Since = None,
        until: Until = None,
        *,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records.")] = False,
        as_json: Json = False,
    ) -> None:
        """Print the newest records: when, where, who and what."""
        from perdure.contracts import to_token
        from perdure.contracts.audit import AuditRecordsQuery

        query = AuditRecordsQuery(
            subject=subject,
            stream=stream,
            tokens=() if workflow is None else (to_token(workflow),),
            run=None if run is None else to_token(run),
            request=None if request is None else to_token(request),
            kinds=kinds_of_state(state),
            event=event,
            key=key,
            since=since,
            until=until,
            limit=number,
        )
        run_command(_tail(query, follow=follow, as_json=as_json))


def _read_stream(name: str | None) -> str | None:
    from perdure.bus.topology import STREAMS

    if name is not None and name not in STREAMS:
        raise typer.BadParameter(f"there is no stream {name}{nearest(name, STREAMS)}")
    return name


async def _find_records(bus: NatsBus, query: AuditRecordsQuery) -> AuditRecordsFound:
    """Query the audit service.

    Raises:
        SetupError: The service is older and would ignore a part of the query.
        Unavailable: The service does not answer.
    """
    from perdure.contracts.audit import AUDIT_RECORDS, AuditRecordsFound

    found = AuditRecordsFound.model_validate_json(await bus.request(AUDIT_RECORDS, query.model_dump_json().encode()))
    ignored = query.model_dump(exclude_defaults=True).keys() - set(found.filters)
    if ignored:
        names = ", ".join(sorted(ignored))
        raise SetupError(
            f"The audit service is older than this command and ignores {names}: restart it with this version."
        )
    return found


async def newest_records(bus: NatsBus, query: AuditRecordsQuery) -> list[AuditRecord]:
    """Query the audit service for the newest records, reply by reply where they do not fit into one.

    Raises:
        SetupError: The service is older and would ignore a part of the query.
        Unavailable: The service does not answer.
    """
    records: list[AuditRecord] = []
    for _ in range(_MOST_REPLIES):
        found = await _find_records(bus, query)
        records = [*found.records, *records]
        if not found.more or (end := _end(found, 0)) is None:
            return records
        left = query.limit - len(found.records)
        query = query.model_copy(update={"before": end, "limit": left})
    stopped = "The search stopped before the oldest records: give --since and --until, or --run, --event or --request."
    print_error(stopped)
    return records


async def _tail(query: AuditRecordsQuery, *, follow: bool, as_json: bool) -> None:
    from perdure.contracts.audit import AuditRecordsQuery

    async with open_bus() as bus:
        newest = (await _find_records(bus, AuditRecordsQuery(limit=1))).records if follow else ()
        records = await newest_records(bus, query)
        await look(bus)
        await _print(bus, records, as_json=as_json)
        printed = {record.position for record in records}
        query = query.model_copy(update={"after": newest[0].position if newest else 0})
        while follow:
            found = await _find_records(bus, query)
            await _print(bus, [it for it in found.records if it.position not in printed], as_json=as_json)
            query = query.model_copy(update={"after": _end(found, -1) or query.after})
            if not found.more:
                await asyncio.sleep(_POLL_EVERY)


def _end(found: AuditRecordsFound, last: int) -> int | None:
    """Return the position from which the search goes on; by the last record where the service names none."""
    return found.end or (found.records[last].position if found.records else None)


async def _print(bus: NatsBus, records: Sequence[AuditRecord], *, as_json: bool) -> None:
    from perdure.bus.views.erasures import Erasures, erasures

    erased = await erasures(bus) if any(it.erased for it in records) else Erasures(())
    for record in records:
        text = _erased_text(record, erased) if record.erased else _text(record)
        if as_json:
            console.out(_json(record, text), highlight=False)
        else:
            where = f"{record.position:>6} {local_time(record.stored_at)} {one_line(record.subject)}"
            console.print(f"{where}  {text}", soft_wrap=True, markup=False)


def _json(record: AuditRecord, text: str) -> str:
    """Return a record with its body as JSON, or in base64 if it is none."""
    fields = json.loads(record.model_dump_json())
    with suppress(ValueError):
        fields["data"] = json.loads(record.body)
        del fields["body"]
    return json.dumps({**fields, "text": text})


def _erased_text(record: AuditRecord, erased: Erasures) -> str:
    from perdure.values.run_id import place_of

    order = erased.of(place_of(record.stream, record.sequence, record.stored_at))
    return "(erased, and no order on ADMIN says by whom)" if order is None else f"({one_line(order.sentence)})"


def _text(record: AuditRecord) -> str:
    from perdure.bus import RawMessage
    from perdure.cli.message_text import describe

    if record.body_left_out:
        return f"(too large to be shown; message {record.sequence} of {record.stream})"
    return describe(RawMessage(record.subject, record.body, record.headers))
