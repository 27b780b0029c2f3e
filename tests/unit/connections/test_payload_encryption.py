import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import ActivitySerializationContext, WorkflowSerializationContext

from perdure.connections.payload_encryption import PayloadEncryption
from perdure.encryption import KeySource, WrongRun, new_key_line


def codec() -> PayloadEncryption:
    """Return a codec with a new key."""
    ring = new_key_line("may")
    return PayloadEncryption(KeySource(lambda: ring, look_every=3600, name="test"))


def standalone(id_: str) -> ActivitySerializationContext:
    """Return the context of an activity that no workflow has started."""
    return ActivitySerializationContext("default", id_, None, None, None, None, is_local=False)


async def test_a_value_of_a_standalone_activity_is_refused_by_a_run_of_a_like_name() -> None:
    own = codec()
    (encrypted,) = await own.with_context(standalone("tulip")).encode([Payload(data=b"1")])

    for run in ("activity tulip", "tulip"):
        with pytest.raises(WrongRun):
            await own.with_context(WorkflowSerializationContext("default", run)).decode([encrypted])
    assert await own.with_context(standalone("tulip")).decode([encrypted]) == [Payload(data=b"1")]


async def test_a_value_of_another_namespace_is_refused() -> None:
    own = codec()
    (encrypted,) = await own.with_context(WorkflowSerializationContext("sales", "r")).encode([Payload(data=b"1")])

    with pytest.raises(WrongRun, match="namespace sales"):
        await own.with_context(WorkflowSerializationContext("default", "r")).decode([encrypted])


async def test_a_value_whose_key_id_or_run_was_changed_is_refused() -> None:
    context = WorkflowSerializationContext("default", "r")
    own = codec().with_context(context)
    (encrypted,) = await own.encode([Payload(data=b"1")])
    for name, value in {"encryption-run": b'["default","other"]', "encryption-key-id": b"\x1b[2J"}.items():
        changed = Payload(metadata={**encrypted.metadata, name: value}, data=encrypted.data)

        with pytest.raises(WrongRun) as refused:
            await PayloadEncryption(own.keys).decode([changed])
        assert "\x1b" not in str(refused.value)
