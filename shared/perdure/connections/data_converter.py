"""Perdure's data converter. It overrides private methods of temporalio 1.35's; a test fails when they change."""

from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, StorageDriverStoreContext

from perdure.connections.payload_encryption import refuse_encrypted

__all__ = ["LeanDataConverter"]


class LeanDataConverter(DataConverter):
    """A data converter that is not copied for each payload: no store of ours asks for the context (30 µs each).

    Without a codec it refuses encrypted payloads with a sentence, by which a run waits. temporalio's own error for an
    unknown encoding fails the run.
    """

    def _with_store_context(self, store_ctx: StorageDriverStoreContext) -> DataConverter:  # noqa: ARG002 (temporalio's signature)
        return self

    async def _decode_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self.payload_codec is None:
            refuse_encrypted(payloads)
        return await super()._decode_payload_sequence(payloads)
