"""``perdure audit export``: the record in a folder of static files, which others verify without us."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.cli.audit.records import checkpoints_beyond, database_url
from perdure.cli.audit.trusted_key import own_key
from perdure.cli.client import Json, run_command
from perdure.cli.output import console
from perdure.errors import Conflict, WrongArgument
from perdure.runtime.stderr import print_error, show_progress

if TYPE_CHECKING:
    from sqlalchemy.engine import URL
    from sqlalchemy.ext.asyncio import AsyncConnection

    from perdure.config.settings import Settings
    from perdure.record.export_writer import ExportWriter

__all__ = ["register"]

_FINISH_EVERY: Final = 16 * 16_384  # leaves: a killed export goes on from there


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(epilog="Example: perdure audit export ./record && perdure audit verify ./record")
    def export(
        folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it shall lie; made if it is missing.")],
        database: Annotated[
            str | None, typer.Option(metavar="URL", help="An audit database; by default, the configured one.")
        ] = None,
        *,
        as_json: Json = False,
    ) -> None:
        """Write the record into a folder, or add what is new to it.

        The folder holds static files that any client of C2SP tlog-tiles reads, and what is kept of each message. It
        needs no bus; with one, the newest checkpoints come along. A killed export goes on at the next call.
        """
        from perdure.config.loader import load_settings

        settings = load_settings()
        before, size = run_command(_export(folder, database_url(database, settings), settings))
        if as_json:
            console.out(json.dumps({"folder": str(folder), "leaves": size, "added": size - before}), highlight=False)
        else:
            console.print(f"{size - before:,} leaves were added: {folder} has {size:,}.", markup=False, soft_wrap=True)


async def _export(folder: Path, url: URL, settings: Settings) -> tuple[int, int]:
    """Return how many leaves the folder had, and has now.

    Raises:
        Conflict: The folder has another ledger, or one that this one does not go on, or other files.
        WrongArgument: The folder cannot be made or read.
    """
    from perdure.record.database import leaves_of, size_of_ledger
    from perdure.record.database_record import read_database
    from perdure.record.export_writer import ExportWriter
    from perdure.record.layout import LEAVES_A_FILE, DamagedExport

    async with read_database(url) as connection:
        size = await size_of_ledger(connection)
        try:
            opened = ExportWriter(folder, settings.audit.ledger)
        except DamagedExport as damage:
            raise Conflict(f"The export in {folder} is damaged: {damage} Export into another folder.") from damage
        except OSError as error:
            raise WrongArgument(f"No export can lie at {folder}: {error.strerror}.") from error
        with opened as writer:
            before = writer.size
            await _refuse_other_history(connection, writer, folder)
            known = writer.newest()
            notes, silent = await checkpoints_beyond(size, settings.audit.ledger, known.sequence if known else 0)
            if silent:
                print_error(f"perdure: the newest checkpoints are not exported: {silent}")
            end = max(size, min(await size_of_ledger(connection), writer.size_of(notes)))
            for part in range(before // LEAVES_A_FILE, -(-end // LEAVES_A_FILE)):
                if writer.unfinished >= _FINISH_EVERY:
                    writer.finish([], [])
                async for leaves in leaves_of(connection, writer.size, min(end, (part + 1) * LEAVES_A_FILE)):
                    writer.add(leaves)
                    show_progress(f"{writer.size:,} of {end:,} leaves")
            key = own_key(settings)
            writer.finish(notes, [] if key is None else [key])
            show_progress("")
            return before, writer.size


async def _refuse_other_history(connection: AsyncConnection, writer: ExportWriter, folder: Path) -> None:
    from perdure.record.database import edge_of, size_of_ledger

    size = await size_of_ledger(connection)
    if size < writer.size:
        what = f"has {size:,} leaves, and the folder {writer.size:,}: its end was cut, or it is an older copy"
    elif await edge_of(connection, writer.size) != writer.edge:
        what = f"has other leaves among the first {writer.size:,}: one of the two was changed"
    else:
        return
    raise Conflict(
        f"The database does not go on with the record in {folder}: it {what}. Verify both; export elsewhere."
    )
