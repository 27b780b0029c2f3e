"""Signs what the ledger has come to, at most once a second, and never a head that did not grow from the one before."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from prometheus_client import Metric
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure.bus import Bus, decode, encode
from perdure.contracts import CheckpointSigned
from perdure.errors import InvalidMessage, Unavailable
from perdure.ledger import BadNote, Checkpoint, Signer, open_checkpoint, sign_checkpoint
from perdure.ledger.hashes import EMPTY
from perdure.telemetry.catalogue import CHECKPOINT_AGE
from perdure_audit.leaves import grown_tree, size_of

__all__ = ["Checkpoints"]

_EVERY: Final = 1.0  # seconds
_SOURCE: Final = "perdure/audit"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest checkpoint on the bus.

    Attributes:
        sequence: Its sequence in its stream; 0 if there is none.
        checkpoint: What it says.
    """

    sequence: int
    checkpoint: Checkpoint


class Checkpoints:
    """Publishes a signed checkpoint whenever the ledger has grown.

    Each follows the newest one on the bus: the bus takes it only if no other process has published one meanwhile.

    Args:
        engine: The database of the ledger.
        signer: The ledger's key; its name is the ledger's.
        bus: Takes the checkpoints, and has the newest one.

    Attributes:
        refusal: Why nothing is signed, as a sentence; empty otherwise.
    """

    def __init__(self, engine: AsyncEngine, signer: Signer, bus: Bus) -> None:
        self._engine = engine
        self._signer = signer
        self._bus = bus
        self._newest: _Newest | None = None  # unknown: it is read before the next one is signed
        self._signed_at = time.monotonic()
        self.refusal = ""

    async def run(self) -> None:
        """Sign for as long as the service runs, or until the ledger did not grow from what was signed."""
        while not self.refusal:
            try:
                await self.sign()
                if not self.refusal:
                    self._signed_at = time.monotonic()
            except (Unavailable, SQLAlchemyError, OSError) as error:
                _log.warning("the next checkpoint of the ledger waits: %s", error)
            await asyncio.sleep(_EVERY)

    async def age(self) -> Iterable[Metric]:
        """Return since when not the whole ledger is signed, as a metric."""
        return [CHECKPOINT_AGE.value(time.monotonic() - self._signed_at)]

    async def sign(self) -> None:
        """Sign the head of the ledger, if it has grown from the newest checkpoint.

        Raises:
            Unavailable: The bus does not answer.
            sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
        """
        try:
            newest = self._newest or await self._read_newest()
            async with self._engine.connect() as connection:
                if self._newest is not None and await size_of(connection) == newest.checkpoint.size:
                    return  # the usual case, which shall cost little
                head = await self._grown(connection, newest.checkpoint)
        except _Refused as refused:
            self._refuse(str(refused))
            return
        self._newest = newest
        if head.size > newest.checkpoint.size:
            self._newest = await self._publish(head, newest.sequence)

    async def _read_newest(self) -> _Newest:
        nothing = Checkpoint(self._signer.name, 0, EMPTY)
        stored = await self._bus.last(self._message(nothing).subject)
        if stored is None:
            return _Newest(0, nothing)
        try:
            message = decode(stored.raw)
            note = message.note if isinstance(message, CheckpointSigned) else ""
            checkpoint, _ = open_checkpoint(note, [self._signer.verifier])
        except (InvalidMessage, BadNote) as error:
            which = f"message {stored.sequence} of CHECKPOINTS"
            raise _Refused(f"{which} is no checkpoint that its key has signed ({error})") from error
        return _Newest(stored.sequence, checkpoint)

    async def _grown(self, connection: AsyncConnection, last: Checkpoint) -> Checkpoint:
        """Return the head of the ledger, which has the leaves of the last checkpoint at its start."""
        size = await size_of(connection)
        if last.size > size:
            raise _Refused(f"it has {size} leaves, and a checkpoint over {last.size} was signed")
        if last.size and (await grown_tree(connection, last.size)).root() != last.root:
            raise _Refused(f"its first {last.size} leaves are not those of the checkpoint that was signed")
        return Checkpoint(last.origin, size, (await grown_tree(connection, size)).root())

    async def _publish(self, head: Checkpoint, after: int) -> _Newest | None:
        """Publish a checkpoint after the newest one; return None if another one is there now."""
        stored = await self._bus.store_after(encode(self._message(head), source=_SOURCE), last=after)
        return None if stored is None else _Newest(stored.sequence, head)

    def _message(self, head: Checkpoint) -> CheckpointSigned:
        note = sign_checkpoint(head, self._signer)
        return CheckpointSigned(ledger=head.origin, size=head.size, root=head.root.hex(), note=note)

    def _refuse(self, why: str) -> None:
        self.refusal = (
            f"The ledger {self._signer.name} is not signed any more: {why}. The database or the key was restored from "
            f"a backup, lost or changed; records go on. Restore a newer one and start the audit service again, or "
            f"begin a new series of checkpoints: another audit.ledger, with another audit.key_file."
        )
        _log.error("%s", self.refusal)


class _Refused(Exception):
    """The ledger did not grow from the newest checkpoint."""
