"""``perdure audit tail``: the messages that the audit service recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.completion import complete_run
from perdure.cli.output import console, local_time
from perdure.cli.states import kinds_of_state, read_state
from perdure.cli.times import Since, Until
from perdure.errors import SetupError
from perdure.values.nearest import nearest
from perdure.values.printable import one_line

if TYPE_CHECKING:
    from perdure.bus import NatsBus
    from perdure.contracts.audit import AuditRecord, AuditRecordsFound, AuditRecordsQuery

__all__ = ["newest_records", "register"]

_POLL_EVERY: Final = 0.5  # seconds

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
            tokens=tuple(to_token(name) for name in (workflow, run) if name is not None),
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
    while True:
        found = await _find_records(bus, query)
        records = [*found.records, *records]
        if not found.more or not found.records:
            return records
        left = query.limit - len(found.records)
        query = query.model_copy(update={"before": found.records[0].position, "limit": left})


async def _tail(query: AuditRecordsQuery, *, follow: bool, as_json: bool) -> None:
    async with open_bus() as bus:
        while True:
            records = await (newest_records if query.after is None else _records_after)(bus, query)
            _print(records, as_json=as_json)
            if not follow:
                return
            last = records[-1].position if records else query.after or 0
            query = query.model_copy(update={"after": last})
            await asyncio.sleep(_POLL_EVERY)


async def _records_after(bus: NatsBus, query: AuditRecordsQuery) -> list[AuditRecord]:
    return list((await _find_records(bus, query)).records)


def _print(records: Iterable[AuditRecord], *, as_json: bool) -> None:
    for record in records:
        if as_json:
            console.out(_json(record), highlight=False)
        else:
            where = f"{record.position:>6} {local_time(record.stored_at)} {one_line(record.subject)}"
            console.print(f"{where}  {_text(record)}", soft_wrap=True, markup=False)


def _json(record: AuditRecord) -> str:
    """Return a record with its body as JSON, or in base64 if it is none."""
    fields = json.loads(record.model_dump_json())
    with suppress(ValueError):
        fields["data"] = json.loads(record.body)
        del fields["body"]
    return json.dumps({**fields, "text": _text(record)})


def _text(record: AuditRecord) -> str:
    from perdure.bus import RawMessage
    from perdure.cli.message_text import describe

    if record.body_left_out:
        return f"(too large to be shown; message {record.sequence} of {record.stream})"
    return describe(RawMessage(record.subject, record.body, record.headers))
