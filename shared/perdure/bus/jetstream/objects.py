"""The port to objects on JetStream's object store."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, ObjectInfo
from nats.js.errors import ObjectNotFoundError
from nats.js.object_store import ObjectStore

from perdure.errors import NotKept, Unavailable

__all__ = ["NatsObjects"]

_CHUNK_TIMEOUT_SECONDS: Final = 5.0  # after which an object counts as incomplete
_FETCH_SIZE: Final = 32  # chunks, which nats-py makes of 128 KiB each
_CHUNK_CONSUMER: Final = ConsumerConfig(
    deliver_policy=DeliverPolicy.ALL,
    ack_policy=AckPolicy.NONE,
    inactive_threshold=30.0,  # seconds after which the server deletes an idle consumer
)


class NatsObjects:
    """Stores data in chunks, each acked by JetStream. ``provision`` creates the bucket."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        self._js = js
        self._name = bucket
        self._stream = f"OBJ_{bucket}"
        self._store: ObjectStore | None = None

    async def put(self, name: str, data: bytes) -> None:
        """Store data under a name; see ``Objects.put``."""
        try:
            bucket = await self._bucket()
            if not await self._is_stored(bucket, name, data):
                await bucket.put(name, data)
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def get(self, name: str) -> bytes:
        """Return the whole data; see ``Objects.get``."""
        try:
            info = await (await self._bucket()).get_info(name)
            data = b"".join(await self._chunks(info))
        except ObjectNotFoundError as error:
            raise NotKept(f"The bucket {self._name} has no object {name}; it may have expired") from error
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        if _digest(data) != info.digest:
            raise Unavailable(f"The object {name} in the bucket {self._name} is incomplete or altered; put it again")
        return data

    async def delete(self, name: str) -> None:
        """Delete an object; see ``ErasableObjects.delete``."""
        try:
            bucket = await self._bucket()
            chunks = self._subject(await bucket.get_info(name))
            await self._js.purge_stream(self._stream, subject=chunks)  # nats-py forgets first which ones they are
            await bucket.delete(name)
        except ObjectNotFoundError:
            return
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def _is_stored(self, bucket: ObjectStore, name: str, data: bytes) -> bool:
        """Return whether the bucket holds this very data for at least another half of its maximum age.

        Callers rely on data that they put, also on data that was stored long before.
        """
        try:
            info = await bucket.get_info(name)
        except ObjectNotFoundError:
            return False
        chunks = self._subject(info)
        stream = await self._js.stream_info(self._stream, subjects_filter=chunks)
        whole = (stream.state.subjects or {}).get(chunks, 0) == (info.chunks or 0)
        keep = stream.config.max_age
        return whole and info.digest == _digest(data) and (not keep or _age(info) < keep / 2)

    async def _chunks(self, info: ObjectInfo) -> list[bytes]:
        """Return the chunks in order.

        nats-py's own reader waits for ever for a missing chunk, and copies all previous chunks for each one.
        """
        chunks: list[bytes] = []
        if not info.chunks:
            return chunks
        subscription = await self._js.pull_subscribe(self._subject(info), stream=self._stream, config=_CHUNK_CONSUMER)
        try:
            while (missing := info.chunks - len(chunks)) > 0:
                fetched = await subscription.fetch(min(missing, _FETCH_SIZE), timeout=_CHUNK_TIMEOUT_SECONDS)
                chunks += [message.data for message in fetched]
        finally:
            await subscription.unsubscribe()
        return chunks

    async def _bucket(self) -> ObjectStore:
        if self._store is None:
            self._store = await self._js.object_store(self._name)  # raises if there is none
        return self._store

    def _subject(self, info: ObjectInfo) -> str:
        return f"$O.{self._name}.C.{info.nuid}"

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"NATS: cannot use the bucket {self._name}: {error!r}")


def _digest(data: bytes) -> str:
    """Return the digest of data in the format of JetStream's object info."""
    return f"SHA-256={urlsafe_b64encode(sha256(data).digest()).decode()}"


def _age(info: ObjectInfo) -> float:
    """Return the age of an object in seconds, by the clock of the process that put it."""
    if not info.mtime:
        return float("inf")
    return (datetime.now(UTC) - datetime.fromisoformat(info.mtime)).total_seconds()
