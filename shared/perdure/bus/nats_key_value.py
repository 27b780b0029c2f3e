"""A bucket of JetStream's key-value store."""

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue as Bucket

from perdure.contracts import to_token
from perdure.errors import Unavailable

__all__ = ["NatsKeyValue"]


class NatsKeyValue:
    """Stores values under keys that NATS can take; the bucket is declared in the topology."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        self._js = js
        self._name = bucket
        self._opened: Bucket | None = None

    async def create(self, key: str, value: bytes) -> bool:
        """Store a value under a new key; see ``KeyValue.create``."""
        try:
            await (await self._bucket()).create(to_token(key), value)
        except KeyWrongLastSequenceError:
            return False
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        return True

    async def get(self, key: str) -> bytes | None:
        """Return the value; see ``KeyValue.get``."""
        try:
            return (await (await self._bucket()).get(to_token(key))).value
        except KeyNotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def put(self, key: str, value: bytes) -> None:
        """Store a value; see ``KeyValue.put``."""
        try:
            await (await self._bucket()).put(to_token(key), value)
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def _bucket(self) -> Bucket:
        if self._opened is None:
            self._opened = await self._js.key_value(self._name)
        return self._opened

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"NATS does not answer for the bucket {self._name}: {error!r}")
