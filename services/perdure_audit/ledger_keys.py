"""The ledger's private key, and its replacement: a leaf that the old and the new key signed, then the new key alone.

The new key is on disk before its leaf, and takes the place of the old one after it: whenever the process dies, the next
one finds in the ledger which of the two is valid.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from perdure.errors import SetupError
from perdure.ledger import KEY, KeyChain, KeyChange, Signer, Verifier, change_statement, key_body, read_key_change
from perdure_audit.key_file import ledger_signer, sync_folder
from perdure_audit.records import MARKS, leaves, records
from perdure_audit.writer import Row, Writer

__all__ = ["STREAM", "LedgerKeys", "key_changes"]

STREAM: Final = "LEDGER"
"""The stream of a new key's record; no stream on the bus has this name."""


class LedgerKeys:
    """The key of a ledger, which may change.

    Args:
        file: The file with the private key, which is made if it is missing.
        ledger: Name of the ledger.

    Raises:
        SetupError: The file cannot be read or written, or holds another ledger's key.
    """

    def __init__(self, file: Path, ledger: str) -> None:
        self._file = file
        self._next = file.with_name(f"{file.name}.next")
        self._ledger = ledger
        self._signer = ledger_signer(file, ledger)

    @property
    def verifier(self) -> Verifier:
        """A key of the ledger: the newest that this process knows."""
        return self._signer.verifier

    async def chain(self, connection: AsyncConnection) -> KeyChain:
        """Return the keys of the ledger, by its leaves.

        Raises:
            BadNote: A leaf changes the key, and not both keys have signed that.
        """
        changes = await _changes(connection)
        chain = KeyChain(changes[-1][1].new if changes else self._signer.verifier)
        for entry, change in changes:
            chain.add(change.leaf, entry)
        return chain

    async def signer(self, connection: AsyncConnection) -> Signer:
        """Return the key that is valid at the end of the ledger.

        Raises:
            BadNote: As ``chain``.
            SetupError: The key files do not hold it.
        """
        valid = (await self.chain(connection)).keys[-1]
        if self._signer.verifier != valid:
            self._signer = self._read(valid)
        return self._signer

    async def rotate(self, writer: Writer) -> KeyChange:
        """Replace the key; return the change.

        Raises:
            BadNote: As ``chain``.
            SetupError: The key files cannot be read or written.
            sqlalchemy.exc.SQLAlchemyError: The leaf cannot be written.
        """
        made: list[tuple[Signer, Signer]] = []

        async def record(connection: AsyncConnection) -> Row:
            old = await self._settle(connection)
            new = ledger_signer(self._next, self._ledger)
            made.append((old, new))
            return await _row(connection, old, new)

        leaf = await writer.add_own(record)
        async with writer.alone() as connection:
            await self._settle(connection)
        [(old, new)] = made
        return KeyChange(leaf, old.verifier, new.verifier)

    async def _settle(self, connection: AsyncConnection) -> Signer:
        """Return the valid key, and put its file where it belongs; nobody else appends in this transaction."""
        signer = await self.signer(connection)
        if self._next.exists() and ledger_signer(self._next, self._ledger).verifier == signer.verifier:
            self._next.replace(self._file)
            sync_folder(self._file)
        return signer

    def _read(self, valid: object) -> Signer:
        """Return the valid key from its file, where it belongs or where it waits since its leaf was written."""
        for file in (self._file, self._next, self._file):  # another process may put it where it belongs just now
            if file.exists() and (signer := ledger_signer(file, self._ledger)).verifier == valid:
                return signer
        raise SetupError(
            f"{self._file} does not hold the key {valid}, to which the ledger {self._ledger} has changed: put the"
            " file of the audit service that changed it there."
        )


async def key_changes(connection: AsyncConnection) -> Sequence[RowMapping]:
    """Return the records that gave the ledger another key, with their entries, in the order of their leaves."""
    query = select(records, leaves.c.entry).join(leaves, leaves.c.leaf == records.c.leaf)
    own = query.where(records.c.stream == STREAM).order_by(records.c.leaf)
    return (await connection.execute(own)).mappings().all()


async def _changes(connection: AsyncConnection) -> list[tuple[bytes, KeyChange]]:
    rows = await key_changes(connection)
    found = [(row["entry"], read_key_change(row["leaf"], row["entry"])) for row in rows]
    return [(entry, change) for entry, change in found if change is not None]


async def _row(connection: AsyncConnection, old: Signer, new: Signer) -> Row:
    now = datetime.now(UTC)
    return {
        "stream": STREAM,
        "sequence": len(await _changes(connection)) + 1,
        "subject": KEY,
        "said_at": now,
        "heard_at": now,
        **dict.fromkeys(MARKS),
        "headers": {},
        "body": key_body(str(new.verifier), change_statement(old, new)),
        "salt": b"",
    }
