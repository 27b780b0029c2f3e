"""Signs what the ledger has come to, at most once a second, and never a head that did not grow from the one before."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from prometheus_client import Metric
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure.bus import Bus, StoredMessage, decode, encode
from perdure.contracts import Alert, CheckpointSigned
from perdure.errors import InvalidMessage, SetupError, Unavailable
from perdure.ledger import BadNote, Checkpoint, KeyChain, Signer, sign_checkpoint
from perdure.ledger.hashes import EMPTY
from perdure.record.database import size_of_ledger
from perdure.telemetry.catalogue import CHECKPOINT_AGE
from perdure_audit.leaves import grown_further, grown_tree
from perdure_audit.ledger_keys import LedgerKeys

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
        ledger: Name of the ledger.
        keys: Its keys.
        bus: Takes the checkpoints, and has the newest one.

    Attributes:
        refusal: Why nothing is signed, as a sentence; empty otherwise.
    """

    def __init__(self, engine: AsyncEngine, ledger: str, keys: LedgerKeys, bus: Bus) -> None:
        self._engine = engine
        self._ledger = ledger
        self._keys = keys
        self._bus = bus
        self._newest: _Newest | None = None  # unknown: it is read before the next one is signed
        self._signed_at = time.monotonic()
        self.refusal = ""

    async def run(self) -> None:
        """Sign for as long as the service runs, or until the ledger did not grow from what was signed: then alert."""
        is_alerted = False
        while not is_alerted:
            try:
                await self.sign()
                if self.refusal:
                    await self._bus.publish(_alert(self._ledger, self.refusal))
                    is_alerted = True
                else:
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
        if self.refusal:
            return
        unsigned = CheckpointSigned(ledger=self._ledger, size=0, root=EMPTY.hex(), note="")
        # Read before the database, which has all that it vouches for by then.
        stored = None if self._newest is not None else await self._bus.last(unsigned.subject)
        try:
            async with self._engine.connect() as connection:
                size = await size_of_ledger(connection)
                if self._newest is not None and size == self._newest.checkpoint.size:
                    return  # the usual case, which shall cost little
                newest = self._newest or self._open(stored, await self._keys.chain(connection))
                head = await self._grown(connection, size, newest.checkpoint)
                signer = await self._signer(connection, size)
        except (_Refused, BadNote, SetupError) as refused:
            self._refuse(str(refused))
            return
        self._newest = newest
        if head.size > newest.checkpoint.size:
            self._newest = await self._publish(_signed(head, signer), newest.sequence)

    async def _signer(self, connection: AsyncConnection, size: int) -> Signer:
        """Return the key of that size.

        Raises:
            Unavailable: It has just been replaced: the next checkpoint is over more leaves.
        """
        signer = await self._keys.signer(connection)
        if signer.verifier != (await self._keys.chain(connection)).valid_at(size):
            raise Unavailable("the key was just replaced")
        return signer

    def _open(self, stored: StoredMessage | None, chain: KeyChain) -> _Newest:
        """Return the checkpoint in a message of the bus; one over no leaf if there is none."""
        if stored is None:
            return _Newest(0, Checkpoint(self._ledger, 0, EMPTY))
        try:
            message = decode(stored.raw)
            note = message.note if isinstance(message, CheckpointSigned) else ""
            checkpoint = chain.open(note)
        except (InvalidMessage, BadNote) as error:
            which = f"message {stored.sequence} of CHECKPOINTS"
            raise _Refused(f"{which} is no checkpoint that its key has signed ({error})") from error
        return _Newest(stored.sequence, checkpoint)

    async def _grown(self, connection: AsyncConnection, size: int, last: Checkpoint) -> Checkpoint:
        """Return the head of the ledger, which has the leaves of the last checkpoint at its start."""
        if last.size > size:
            raise _Refused(f"it has {size} leaves, and a checkpoint over {last.size} was signed")
        tree = await grown_tree(connection, last.size)
        if tree.root() != last.root:
            raise _Refused(f"its first {last.size} leaves are not those of the checkpoint that was signed")
        return Checkpoint(last.origin, size, (await grown_further(connection, tree, size)).root())

    async def _publish(self, message: CheckpointSigned, after: int) -> _Newest | None:
        """Publish a checkpoint after the newest one; return None if another one is there now."""
        stored = await self._bus.store_after(encode(message, source=_SOURCE), last=after)
        head = Checkpoint(message.ledger, message.size, bytes.fromhex(message.root))
        return None if stored is None else _Newest(stored.sequence, head)

    def _refuse(self, why: str) -> None:
        self.refusal = (
            f"The ledger {self._ledger} is not signed any more: {why}. The database or the key was restored from "
            f"a backup, lost or changed; records go on. Restore a newer one and start the audit service again, or "
            f"begin a new series of checkpoints: another audit.ledger, with another audit.key_file."
        )
        _log.error("%s", self.refusal)


class _Refused(Exception):
    """The ledger did not grow from the newest checkpoint."""


def _signed(head: Checkpoint, signer: Signer) -> CheckpointSigned:
    note = sign_checkpoint(head, signer)
    return CheckpointSigned(ledger=head.origin, size=head.size, root=head.root.hex(), note=note)


def _alert(ledger: str, refusal: str) -> Alert:
    """Return the alert of a day; no run is concerned, so it is of the workflow ``perdure``, a name that is reserved."""
    at = datetime.now(UTC)
    return Alert(
        workflow="perdure",
        workflow_id="perdure-ledger",
        run_id=f"perdure-ledger-{ledger}",
        number=at.toordinal(),
        title=f"The ledger {ledger} is not signed any more",
        details={"why": refusal},
        severity="high",
        raised_at=at,
    )
