"""The record that a command verifies: an export in a folder or behind an address, or the audit database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure.cli.audit.trusted_key import named_key, own_key
from perdure.cli.client import open_bus, run_command
from perdure.errors import NotFound, Unavailable, WrongArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import URL

    from perdure.config.settings import Settings
    from perdure.ledger import Verifier
    from perdure.record.export import PublishedNote
    from perdure.record.verified import LedgerParts

__all__ = ["OpenedRecord", "checkpoints_beyond", "database_url", "open_record"]

CHECKPOINTS: Final = "CHECKPOINTS"
_SIGNED_WITHIN = 3.0  # seconds: the audit service signs once a second
_LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """A record that can be verified.

    Attributes:
        parts: Its leaves.
        source: Where its checkpoints come from, as a report names it.
        ledger: Name of the ledger.
        notes: The checkpoints that come with it, oldest first.
        claimed: The keys that come with it.
        silent: Why the checkpoints of the bus are not among them; empty if they are, or if none are needed.
        as_of: How far it goes: what was stored before should have its leaf. None if it does not tell.
        is_foreign: Whether it is another ledger than that of this suite.
    """

    parts: LedgerParts
    source: str
    ledger: str
    notes: Sequence[PublishedNote]
    claimed: Sequence[Verifier] = ()
    silent: str = ""
    as_of: datetime | None = None
    is_foreign: bool = False

    @property
    def is_of_bus(self) -> bool:
        """Whether its checkpoints are those on the bus of this suite."""
        return self.source == CHECKPOINTS


def open_record(what: str | None, database: str | None, key: str | None, settings: Settings) -> OpenedRecord:
    """Open an export, or the database if none is named.

    Args:
        what: Folder or address of an export.
        database: URL of a database.
        key: The key by which it is judged: that of another ledger shows that a database is not this suite's.
        settings: Those of this suite.

    Raises:
        NotFound: There is none.
        WrongArgument: Both are named, or the key is none.
        Unavailable: It cannot be reached.
    """
    if what is None:
        url = database_url(database, settings)
        named = None if key is None or url == database_url(None, settings) else named_key(key)
        return run_command(_open_database(url, named, settings))
    if database is not None:
        raise WrongArgument("Name a folder or an address, or --database.")
    return _open_export(what)


def database_url(database: str | None, settings: Settings) -> URL:
    """Return the database that an option names, else the one that is configured.

    Raises:
        WrongArgument: It is no URL.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    from perdure.record.database import default_database

    named = database or settings.audit.database
    try:
        return default_database(settings.state) if named is None else make_url(named)
    except ArgumentError as error:
        raise WrongArgument(
            f"--database takes a SQLAlchemy URL such as sqlite+aiosqlite:///audit.db: {error}"
        ) from error


def _open_export(what: str) -> OpenedRecord:
    from perdure.record.export import Export
    from perdure.record.export_files import FolderFiles
    from perdure.record.export_record import ExportRecord
    from perdure.record.http_files import HttpFiles
    from perdure.record.layout import DamagedExport

    files = HttpFiles(what) if what.startswith(("http://", "https://")) else FolderFiles(Path(what))
    try:
        export = Export(files)
        notes = export.checkpoints()
        as_of = max((note.stored_at for note in notes), default=None)
        return OpenedRecord(ExportRecord(export), "the export", export.ledger, notes, export.keys(), as_of=as_of)
    except FileNotFoundError as error:
        raise NotFound(f"No exported record lies at {what}: it has no export.json.") from error
    except DamagedExport as damage:
        raise NotFound(f"The export at {what} cannot be read: {damage}") from damage
    except OSError as error:
        raise Unavailable(str(error)) from error


async def _open_database(url: URL, named: Verifier | None, settings: Settings) -> OpenedRecord:
    """Open a database.

    Args:
        url: The database.
        named: The key that the command line names for a database that is not the configured one.
        settings: Those of this suite.
    """
    from perdure.record.database import size_of_ledger
    from perdure.record.database_record import DatabaseRecord, read_database

    ledger = settings.audit.ledger
    async with read_database(url) as connection:
        as_of, size = datetime.now(UTC), await size_of_ledger(connection)
    if named is not None and named.name != ledger:
        return _foreign(DatabaseRecord(url, size), named, as_of)
    notes, silent = await checkpoints_beyond(size, ledger)
    if named is not None and not silent and named != own_key(settings) and not _has_signed(named, notes):
        return _foreign(DatabaseRecord(url, size), named, as_of)
    async with read_database(url) as connection:
        now = await size_of_ledger(connection)
    end = min(now, max(size, max((_size(note) for note in notes[-1:]), default=0)))
    source = CHECKPOINTS if not silent else "the database"
    return OpenedRecord(DatabaseRecord(url, end), source, ledger, notes, silent=silent, as_of=as_of)


def _foreign(parts: LedgerParts, named: Verifier, as_of: datetime) -> OpenedRecord:
    """Return the record of another ledger than this suite's, of which no checkpoint is on its bus."""
    why = f"{named} is another ledger's key than that of this suite. Name its checkpoints: --known."
    return OpenedRecord(parts, "the database", named.name, [], silent=why, as_of=as_of, is_foreign=True)


def _has_signed(key: Verifier, notes: Sequence[PublishedNote]) -> bool:
    """Return whether a key has signed any of these checkpoints, as one that was replaced has."""
    from perdure.ledger import BadNote, open_checkpoint

    for note in notes:
        try:
            open_checkpoint(note.note, [key])
        except BadNote:
            continue
        return True
    return False


async def checkpoints_beyond(size: int, ledger: str, after: int = 0) -> tuple[Sequence[PublishedNote], str]:
    """Return the checkpoints on the bus, once one covers so many leaves or none does within some seconds.

    Args:
        size: Leaves to be covered.
        ledger: Name of the ledger.
        after: Only checkpoints with a higher sequence.

    Returns:
        The checkpoints, oldest first, and why there are none: empty if the bus has answered.
    """
    import asyncio

    from perdure.record.published_notes import newest_published, published_notes

    try:
        async with open_bus() as bus:
            ends_at = asyncio.get_running_loop().time() + _SIGNED_WITHIN
            while asyncio.get_running_loop().time() < ends_at:
                newest = await newest_published(bus, ledger)
                if newest is not None and _size(newest) >= size:
                    break
                await asyncio.sleep(_LOOK_EVERY)
            return await published_notes(bus, ledger, after), ""
    except Unavailable as error:
        return [], str(error)


def _size(note: PublishedNote) -> int:
    from perdure.ledger import BadNote, read_checkpoint

    try:
        return read_checkpoint(note.note).size
    except BadNote:
        return 0
