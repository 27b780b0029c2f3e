"""``perdure audit``: the messages that the audit service recorded."""

import asyncio
from collections.abc import Iterable
from typing import Annotated, Final

import typer
from rich.markup import escape

from perdure.bus import NatsBus
from perdure.cli.client import Json, open_bus, run_command
from perdure.cli.command_group import new_group
from perdure.cli.output import console, local_time, print_json
from perdure.contracts.audit import AUDIT_RECORDS, AuditRecord, AuditRecordsFound, AuditRecordsQuery

__all__ = ["find_records", "register"]

_POLL_EVERY: Final = 0.5  # seconds


def register(app: typer.Typer) -> None:
    """Add the commands."""
    audit = new_group("Read the audit record.")
    app.add_typer(audit, name="audit")

    @audit.callback()
    def group() -> None:
        """Read the audit record."""

    @audit.command(epilog="Example: perdure audit tail --subject decisions -f")
    def tail(
        number: Annotated[int, typer.Option("--number", "-n", min=1, max=500, help="How many records.")] = 20,
        subject: Annotated[str | None, typer.Option(help="Only subjects that contain this.")] = None,
        *,
        follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new records.")] = False,
        as_json: Json = False,
    ) -> None:
        """Print the newest records."""
        run_command(_tail(AuditRecordsQuery(subject=subject, limit=number), follow=follow, as_json=as_json))


async def find_records(bus: NatsBus, query: AuditRecordsQuery) -> AuditRecordsFound:
    """Query the audit service."""
    return AuditRecordsFound.model_validate_json(await bus.request(AUDIT_RECORDS, query.model_dump_json().encode()))


async def _tail(query: AuditRecordsQuery, *, follow: bool, as_json: bool) -> None:
    async with open_bus() as bus:
        while True:
            records = (await find_records(bus, query)).records
            _print(records, as_json=as_json)
            if not follow:
                return
            last = records[-1].position if records else query.after or 0
            query = query.model_copy(update={"after": last})
            await asyncio.sleep(_POLL_EVERY)


def _print(records: Iterable[AuditRecord], *, as_json: bool) -> None:
    if as_json:
        print_json(records)
        return
    for record in records:
        console.print(
            f"{record.position:>6} [dim]{local_time(record.stored_at)}[/] {escape(record.subject)}", soft_wrap=True
        )
