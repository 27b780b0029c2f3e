"""Payloads that stand for large ones, and what they stand for."""

from typing import Final

from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter

__all__ = ["fetched", "is_reference", "read_whole"]

_REFERENCE: Final = b"temporal.api.sdk.v1.ExternalStorageReference"
_FORMER_REFERENCE: Final = b"json/external-storage-reference"


def is_reference(payload: Payload) -> bool:
    """Return whether a payload says where the large one is that it stands for."""
    metadata = payload.metadata
    return metadata.get("encoding") == _FORMER_REFERENCE or metadata.get("messageType") == _REFERENCE


async def read_whole(payload: Payload, converter: DataConverter) -> Payload:
    """Return what a payload holds or stands for, decrypted.

    Raises:
        MissingKey: The key ring has not its key.
        NotKept: The large payload is gone.
        Unavailable: The store does not answer.
    """
    found: list[RawValue] = await converter.decode([payload], [RawValue])
    return found[0].payload


async def fetched(payload: Payload, converter: DataConverter) -> Payload:
    """Return the large payload that one stands for as it is stored, still encrypted; any other as it is.

    Raises:
        NotKept: It is gone.
        Unavailable: The store does not answer.
    """
    return await read_whole(payload, DataConverter(external_storage=converter.external_storage))
