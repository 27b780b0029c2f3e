"""A bucket of JetStream's object store."""

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

_SILENCE: Final = 5.0  # seconds without another chunk after which an object counts as not whole
_CHUNKS_AT_ONCE: Final = 32  # of 128 KiB each, as nats-py makes them
_READING: Final = ConsumerConfig(
    deliver_policy=DeliverPolicy.ALL,
    ack_policy=AckPolicy.NONE,
    inactive_threshold=30.0,  # seconds after which the server drops a consumer that nobody reads from
)


class NatsObjects:
    """Keeps data in chunks, each confirmed by JetStream; the bucket is declared in the topology."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        self._js = js
        self._name = bucket
        self._stream = f"OBJ_{bucket}"
        self._opened: ObjectStore | None = None

    async def put(self, name: str, data: bytes) -> None:
        """Keep data under a name, if it is not kept already; see ``Objects.put``."""
        try:
            bucket = await self._bucket()
            if not await self._is_kept(bucket, name, data):
                await bucket.put(name, data)
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error

    async def get(self, name: str) -> bytes:
        """Return the data; see ``Objects.get``."""
        try:
            info = await (await self._bucket()).get_info(name)
            data = b"".join(await self._chunks(info))
        except ObjectNotFoundError as error:
            raise NotKept(f"There is no object {name} in the bucket {self._name}, or no longer") from error
        except (NatsError, OSError) as error:
            raise self._unavailable(error) from error
        if _digest(data) != info.digest:
            raise Unavailable(f"The object {name} in the bucket {self._name} is not whole")
        return data

    async def _is_kept(self, bucket: ObjectStore, name: str, data: bytes) -> bool:
        """Tell whether this very data is kept, all of it, and for at least half as long as the bucket keeps anything.

        Who puts it may need it for as long as anybody who puts something new.
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
        """Read them in order. nats-py's own reader waits for ever where one is missing, and copies all for each."""
        chunks: list[bytes] = []
        if not info.chunks:
            return chunks
        subscription = await self._js.pull_subscribe(self._subject(info), stream=self._stream, config=_READING)
        try:
            while (missing := info.chunks - len(chunks)) > 0:
                fetched = await subscription.fetch(min(missing, _CHUNKS_AT_ONCE), timeout=_SILENCE)
                chunks += [message.data for message in fetched]
        finally:
            await subscription.unsubscribe()
        return chunks

    async def _bucket(self) -> ObjectStore:
        if self._opened is None:
            self._opened = await self._js.object_store(self._name)  # raises where there is none
        return self._opened

    def _subject(self, info: ObjectInfo) -> str:
        return f"$O.{self._name}.C.{info.nuid}"

    def _unavailable(self, error: Exception) -> Unavailable:
        return Unavailable(f"NATS does not answer for the bucket {self._name}: {error!r}")


def _digest(data: bytes) -> str:
    """Return what an object's entry says of its data."""
    return f"SHA-256={urlsafe_b64encode(sha256(data).digest()).decode()}"


def _age(info: ObjectInfo) -> float:
    """Return how long ago it was put, in seconds, by the clock of who put it."""
    if not info.mtime:
        return float("inf")
    return (datetime.now(UTC) - datetime.fromisoformat(info.mtime)).total_seconds()
