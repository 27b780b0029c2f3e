"""Decrypts payloads for a person, after ADMIN has recorded it."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import uuid4

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from perdure.connections.payload_encryption import is_encrypted, run_of
from perdure.connections.whole_payloads import fetched, is_reference, read_whole
from perdure.contracts import Message, ValuesDecrypted

__all__ = ["Decryption"]

_UNKNOWN = "unknown"  # of a large payload that is not encrypted


class Decryption:
    """Decrypts, and fetches large payloads.

    Args:
        converter: Has the keys, and the store of large payloads.
        record: Publishes on ADMIN.
    """

    def __init__(self, converter: DataConverter, record: Callable[[Message], Awaitable[object]]) -> None:
        self._converter = converter
        self._record = record

    async def decrypt(self, payloads: list[Payload], *, by: str, namespace: str) -> list[Payload]:
        """Return the payloads decrypted; those that are plain stay as they are, and are not recorded.

        Args:
            payloads: What somebody looks at.
            by: Who does.
            namespace: Where, if a payload does not say it.

        Raises:
            MissingKey: The key ring has not the key of one.
            WrongRun: One was changed.
            NotKept: A large one is gone.
            Unavailable: It cannot be recorded, or the store does not answer; nothing is decrypted.
        """
        hidden = [payload for payload in payloads if is_encrypted(payload) or is_reference(payload)]
        if not hidden:
            return payloads
        stored = {id(payload): await fetched(payload, self._converter) for payload in hidden}
        opened = {of: await read_whole(payload, self._converter) for of, payload in stored.items()}
        for (where, run), values in Counter(self._run(it, namespace) for it in stored.values()).items():
            at = datetime.now(UTC)
            act = ValuesDecrypted(namespace=where, workflow_id=run, values=values, by=by, request=uuid4().hex, at=at)
            await self._record(act)
        return [opened.get(id(payload), payload) for payload in payloads]

    def _run(self, payload: Payload, namespace: str) -> tuple[str, str]:
        if not is_encrypted(payload):
            return namespace, _UNKNOWN
        run = run_of(payload)
        return run.namespace, run.workflow_id
