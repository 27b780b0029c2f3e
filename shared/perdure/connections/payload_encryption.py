"""temporalio's payload codec over a key ring: what Temporal and the object store hold is encrypted for its run."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    NexusSerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from perdure.encryption import KeySource, MissingKey, RunBinding, Sealed, WrongRun, check_key_id, open_sealed, seal
from perdure.errors import PerdureError

__all__ = ["PayloadEncryption", "is_encrypted", "refuse_encrypted", "run_of"]

_ENCODING: Final = b"binary/encrypted"  # as temporalio's samples name it
_KEY_ID: Final = "encryption-key-id"
_RUN: Final = "encryption-run"

_WAITS: Final = 1.0  # seconds between two looks for the missing key of a step

_log: Final = logging.getLogger(__name__)


class PayloadEncryption(PayloadCodec, WithSerializationContext):
    """Encrypts payloads, each for its run. Payloads that are not encrypted are read as they are.

    Args:
        keys: The key ring.
        context: Where the payloads stand; temporalio gives it.
    """

    def __init__(self, keys: KeySource, context: SerializationContext | None = None) -> None:
        self.keys = keys
        self._run = _binding(context)
        # The result of a Nexus operation may be that of a run, which its caller does not know.
        self._within = None if isinstance(context, NexusSerializationContext) else self._run
        self._is_step = isinstance(context, ActivitySerializationContext)

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec for the payloads of a run."""
        return type(self)(self.keys, context)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt payloads.

        Raises:
            PerdureError: It is not known for which run, as if an activity is completed by its task token.
            SetupError: There is no key ring.
        """
        if (run := self._run) is None:
            raise PerdureError(
                "A value cannot be encrypted, because it is not known for which run: complete an activity by workflow "
                "id, run id and activity id instead of its task token, and give `data_converter.with_context(...)` the "
                "run where you encode yourself."
            )
        ring = await self.keys.current()
        return [_written(seal(payload.SerializeToString(deterministic=True), run, ring)) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt those payloads that are encrypted.

        A step waits here for a missing key: a failed attempt could fail the run.

        Raises:
            MissingKey: The key ring has not the key.
            WrongRun: A payload was written for another run, or was changed.
        """
        return [await self._decoded(payload) if is_encrypted(payload) else payload for payload in payloads]

    async def _decoded(self, payload: Payload) -> Payload:
        sealed = _read(payload)
        is_reported = False
        while True:
            ring = await self.keys.current(sealed.key_id)
            try:
                return Payload.FromString(open_sealed(sealed, ring, within=self._within))
            except MissingKey as error:
                if not self._is_step:
                    raise
                if not is_reported:
                    _log.error("A step of the run %s waits: %s", sealed.run.workflow_id, error)
                is_reported = True
            await asyncio.sleep(_WAITS)


def is_encrypted(payload: Payload) -> bool:
    """Return whether Perdure has encrypted a payload."""
    return payload.metadata.get("encoding") == _ENCODING and _KEY_ID in payload.metadata


def refuse_encrypted(payloads: Sequence[Payload]) -> None:
    """Refuse encrypted payloads where encryption is not configured.

    Raises:
        MissingKey: One is encrypted.
    """
    for payload in payloads:
        if is_encrypted(payload):
            key = payload.metadata[_KEY_ID].decode(errors="replace")
            raise MissingKey(
                f"A value is encrypted with the key {key}, but `encryption` is not configured here: name the key ring "
                "by `encryption: {keys_file: …}` in perdure.yaml, and start this program again. The run waits."
            )


def run_of(payload: Payload) -> RunBinding:
    """Return the run for which an encrypted payload says that it was written; only its decryption proves that.

    Raises:
        WrongRun: It says nothing of the kind.
    """
    return _read(payload).run


def _binding(context: SerializationContext | None) -> RunBinding | None:
    """Return the run that a context names, or what else a payload can belong to."""
    match context:
        case WorkflowSerializationContext():
            return RunBinding(context.namespace, context.workflow_id)
        case ActivitySerializationContext() if context.workflow_id:
            return RunBinding(context.namespace, context.workflow_id)
        case ActivitySerializationContext():  # without a run
            return RunBinding(f"{context.namespace} (activities)", str(context.activity_id))  # no namespace has a space
        case NexusSerializationContext():
            return RunBinding("", f"nexus {context.endpoint}/{context.service}/{context.operation}")
    return None


def _written(sealed: Sealed) -> Payload:
    metadata = {"encoding": _ENCODING, _KEY_ID: sealed.key_id.encode(), _RUN: sealed.run.to_bytes()}
    return Payload(metadata=metadata, data=sealed.data)


def _read(payload: Payload) -> Sealed:
    try:
        key_id, run = payload.metadata[_KEY_ID].decode(), RunBinding.from_bytes(payload.metadata[_RUN])
        check_key_id(key_id)
    except (KeyError, ValueError) as error:
        raise WrongRun(
            "An encrypted value does not say for which run and by which key it was written: it is refused."
        ) from error
    return Sealed(key_id, run, payload.data)
