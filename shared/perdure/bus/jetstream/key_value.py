"""The port to key-value buckets on JetStream's key-value store."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError, NotFoundError
from nats.js.kv import KeyValue as Bucket

from perdure.bus.key_value import Revision, mentions
from perdure.contracts import to_token
from perdure.errors import Unavailable

__all__ = ["NatsKeyValue"]

_MAX_TOKEN_BYTES: Final = 1_500  # a protocol line has at most 4,096 bytes (nats-server's `max_control_line`)


class NatsKeyValue:
    """Stores values under escaped keys. ``provision`` creates the bucket."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        self._js = js
        self._name = bucket
        self._store: Bucket | None = None

    async def read(self, key: str) -> Revision | None:
        """Return the value with its revision; see ``KeyValue.read``."""
        try:
            found = await (await self._bucket()).get(_token(key))
        except KeyNotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        return Revision(found.value or b"", found.revision or 0)

    async def stored_at(self, key: str) -> datetime | None:
        """Return when the value was stored; see ``KeyValue.stored_at``."""
        stream, subject = f"KV_{self._name}", f"$KV.{self._name}.{_token(key)}"
        try:
            return (await self._js.get_last_msg(stream, subject)).time
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def replace(self, key: str, value: bytes, *, revision: int) -> int | None:
        """Store a value if its revision is unchanged; see ``KeyValue.replace``."""
        try:
            return await (await self._bucket()).update(_token(key), value, last=revision)
        except KeyWrongLastSequenceError:
            return None
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value under a new key; see ``KeyValue.create``."""
        try:
            await (await self._bucket()).create(_token(key), value)
        except KeyWrongLastSequenceError:
            return False
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        return True

    async def get(self, key: str) -> bytes | None:
        """Return the value; see ``KeyValue.get``."""
        found = await self.read(key)
        return None if found is None else found.value

    async def put(self, key: str, value: bytes) -> None:
        """Store a value; see ``KeyValue.put``."""
        try:
            await (await self._bucket()).put(_token(key), value)
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def erase(self, key: str) -> None:
        """Delete a key with its value; see ``KeyValue.erase``."""
        await self._purge(f"$KV.{self._name}.{_token(key)}")

    async def erase_mentions(self, ids: Sequence[bytes]) -> int:
        """Erase the keys whose values mention ids; see ``KeyValue.erase_mentions``."""
        count, after = 0, 0
        while (found := await self._message(f"$KV.{self._name}.>", after=after)) is not None:
            after = found.seq or 0
            if mentions(found.data or b"", ids):
                await self._purge(found.subject or "")
                count += 1
        return count

    async def _message(self, subject: str, *, after: int) -> RawStreamMsg | None:
        try:
            return await self._js.get_msg(f"KV_{self._name}", seq=after + 1, subject=subject, next=True)
        except NotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def _purge(self, subject: str) -> None:
        """Purge a subject: NATS denies to delete single messages of buckets."""
        try:
            await self._js.purge_stream(f"KV_{self._name}", subject=subject)
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def _bucket(self) -> Bucket:
        if self._store is None:
            await self._js.key_value(self._name)  # raises if there is none
            # Never direct, whatever the bucket allows: a follower may lag behind the stream's leader.
            self._store = Bucket(self._name, f"KV_{self._name}", f"$KV.{self._name}.", self._js, direct=False)
        return self._store

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"NATS: cannot use the bucket {self._name}: {error!r}")


def _token(key: str) -> str:
    """Return the subject token of a key; a long key is cut and extended by its SHA-256."""
    token = to_token(key)
    if len(token) <= _MAX_TOKEN_BYTES:
        return token
    return f"{token[: _MAX_TOKEN_BYTES - 65]}-{sha256(key.encode()).hexdigest()}"
