"""Answers requests to replace the ledger's key."""

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError

from perdure.bus import RawMessage
from perdure.contracts.audit import LedgerKeyRotated
from perdure.errors import SetupError
from perdure.ledger import BadNote
from perdure_audit.ledger_keys import LedgerKeys
from perdure_audit.store import Store

__all__ = ["rotates"]


def rotates(keys: LedgerKeys, store: Store) -> Callable[[RawMessage], Awaitable[bytes]]:
    """Return what replaces the key at a request."""

    async def rotate(_: RawMessage) -> bytes:
        try:
            change = await keys.rotate(store.writer)
        except (BadNote, SetupError, SQLAlchemyError, OSError) as error:
            return LedgerKeyRotated(problem=str(error)).model_dump_json().encode()
        return LedgerKeyRotated(old=str(change.old), new=str(change.new), leaf=change.leaf).model_dump_json().encode()

    return rotate
