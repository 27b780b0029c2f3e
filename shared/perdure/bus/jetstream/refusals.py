"""What JetStream refuses for good when a stream or bucket is to be created: which setting, and what to do."""

import asyncio
from contextlib import suppress
from typing import Final

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from perdure.bus.topology import APPEND_ONLY, QUEUES, STREAMS

__all__ = ["OWN_ACCOUNT", "other_stream_text", "refusal_text"]

OWN_ACCOUNT: Final = "Give Perdure an account of its own on that server: `perdure admin nats accounts` prints one."

_OVERLAP: Final = 10065
_SENTENCES: Final = {  # by `err_code` of nats-server's errors.json
    10027: "The account of this NATS user has reached its limit of streams: raise `max_streams` of its `jetstream`.",
    10039: "The account of this NATS user has no JetStream: give it `jetstream: enabled` on the server.",
    10074: "`nats.replicas` is more than 1, but this NATS server is in no cluster.",
    10113: "The account of this NATS user demands `max_bytes` of every stream, and most of Perdure's have no bound: "
    f"set `max_bytes_required: false` in its `jetstream`. {OWN_ACCOUNT}",
}
_WITHIN: Final = 2.0  # seconds; a service may not ask, and gets no reply then


async def refusal_text(js: JetStreamContext, error: Exception) -> str | None:
    """Return what is wrong, if no retry will help; None if JetStream may only not be ready."""
    if isinstance(error, ServiceUnavailableError) and error.err_code is None and not _offers_jetstream(js):
        return (
            "JetStream is off on that NATS server: put `jetstream {}` into its configuration, or start it with `-js`."
        )
    if not isinstance(error, APIError):
        return None
    if error.err_code == _OVERLAP:
        return await _overlap_text(js)
    return _SENTENCES.get(error.err_code or 0)


def other_stream_text(found: StreamConfig, needed: StreamConfig) -> str:
    """Return why a stream that has the name of one of Perdure's cannot be used; whose it is, is not known."""
    return (
        f"There is a stream {found.name} with {found.retention} retention on {found.storage} storage already, for "
        f"{', '.join(found.subjects or ())}. Perdure's stream of this name has {needed.retention} retention on "
        f"{needed.storage} storage, for it would lose messages otherwise. Nothing was changed. {OWN_ACCOUNT}"
    )


def _offers_jetstream(js: JetStreamContext) -> bool:
    return bool(js._nc._server_info.get("jetstream"))  # noqa: SLF001 (nats-py has no other way to it)


async def _overlap_text(js: JetStreamContext) -> str:
    """Name the streams of others that store subjects of Perdure's."""
    others: dict[str, str] = {}
    with suppress(NatsError, TimeoutError):
        async with asyncio.timeout(_WITHIN):
            for stream in (STREAMS | QUEUES | APPEND_ONLY).values():
                with suppress(NotFoundError):
                    name = await js.find_stream_name_by_subject(stream.subjects)
                    if name not in {*STREAMS, *QUEUES, *APPEND_ONLY}:
                        others[name] = stream.subjects
    named = ", ".join(f"The stream {name} of this NATS account stores {subjects}" for name, subjects in others.items())
    who = named or "A stream of this NATS account stores subjects of Perdure's (`nats stream ls` names it)"
    return f"{who}, and JetStream lets no second stream store them. {OWN_ACCOUNT}"
