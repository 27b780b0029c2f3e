"""Signs what the ledger has come to, at most once a second, and never a head that did not grow from the one before."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from perdure.errors import Unavailable
from perdure.ledger import Checkpoint, Signer, sign_checkpoint
from perdure_audit.leaves import grown_tree, size_of
from perdure_audit.writer import Writer

__all__ = ["Checkpoints"]

_EVERY: Final = 1.0  # seconds

_log = logging.getLogger(__name__)


class Checkpoints:
    """Signs the head of the ledger whenever it has grown.

    Args:
        writer: Appends to the ledger.
        engine: The database of the ledger.
        signer: The ledger's key; its name is the ledger's.
        publish: Takes a signed checkpoint to those who keep it; raises Unavailable if it cannot.

    Attributes:
        refusal: Why nothing is signed, as a sentence; empty otherwise.
    """

    def __init__(
        self,
        writer: Writer,
        engine: AsyncEngine,
        signer: Signer,
        publish: Callable[[Checkpoint, str], Awaitable[None]],
    ) -> None:
        self._writer = writer
        self._engine = engine
        self._signer = signer
        self._publish = publish
        self._signed = 0
        self.refusal = ""

    async def go_on_from(self, last: Checkpoint | None) -> None:
        """Compare the ledger with the last checkpoint that others have; sign nothing if it did not grow from it.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: The database cannot be read.
        """
        async with self._engine.connect() as connection:
            size = await size_of(connection)
            if last is not None and last.size > size:
                self._refuse(f"it has {size} leaves, and a checkpoint over {last.size} was signed")
            elif last is not None:
                tree = await grown_tree(connection, last.size)
                if tree.root() != last.root:
                    self._refuse(f"its first {last.size} leaves are not those of the checkpoint that was signed")
                self._signed = last.size
            tree = await grown_tree(connection, size)
        if not self.refusal and size > self._signed:
            await self._sign(Checkpoint(self._signer.name, size, tree.root()))

    async def run(self) -> None:
        """Sign for as long as the service runs."""
        while True:
            await asyncio.sleep(_EVERY)
            head = self._writer.head
            if head is None or head[0] <= self._signed or self.refusal:
                continue
            try:
                await self._sign(Checkpoint(self._signer.name, *head))
            except Unavailable as error:
                _log.warning("a checkpoint over %s leaves waits: %s", head[0], error)

    async def _sign(self, checkpoint: Checkpoint) -> None:
        await self._publish(checkpoint, sign_checkpoint(checkpoint, self._signer))
        self._signed = checkpoint.size

    def _refuse(self, why: str) -> None:
        self.refusal = (
            f"The ledger {self._signer.name} is not signed any more: {why}. The database was restored from a backup, "
            f"or changed. Restore a newer one, or begin a new ledger under another name (audit.ledger)."
        )
        _log.error("%s", self.refusal)
