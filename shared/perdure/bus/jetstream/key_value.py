"""A bucket of JetStream's key-value store."""

from hashlib import sha256
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue as Bucket

from perdure.bus.key_value import Revised
from perdure.contracts import to_token
from perdure.errors import Unavailable

__all__ = ["NatsKeyValue"]

_LONGEST_TOKEN: Final = 1_500  # bytes; nats-server takes 4,096 for the whole line of a request (`max_control_line`)


class NatsKeyValue:
    """Stores values under keys that NATS can take; the bucket is declared in the topology."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        self._js = js
        self._name = bucket
        self._opened: Bucket | None = None

    async def read(self, key: str) -> Revised | None:
        """Return the value with its revision; see ``KeyValue.read``."""
        try:
            found = await (await self._bucket()).get(_token(key))
        except KeyNotFoundError:
            return None
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        return Revised(found.value or b"", found.revision or 0)

    async def replace(self, key: str, value: bytes, *, revision: int) -> bool:
        """Store a value if nobody changed it; see ``KeyValue.replace``."""
        try:
            await (await self._bucket()).update(_token(key), value, last=revision)
        except KeyWrongLastSequenceError:
            return False
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        return True

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

    async def _bucket(self) -> Bucket:
        if self._opened is None:
            await self._js.key_value(self._name)  # raises where there is none
            # Not direct, whatever the bucket allows: a follower of a cluster may not know yet what its leader stored.
            self._opened = Bucket(self._name, f"KV_{self._name}", f"$KV.{self._name}.", self._js, direct=False)
        return self._opened

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"NATS does not answer for the bucket {self._name}: {error!r}")


def _token(key: str) -> str:
    """Return what stands for a key; of one that is too long, its start and its SHA-256."""
    token = to_token(key)
    if len(token) <= _LONGEST_TOKEN:
        return token
    return f"{token[: _LONGEST_TOKEN - 65]}-{sha256(key.encode()).hexdigest()}"
