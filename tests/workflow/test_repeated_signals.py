"""A signal with a message id counts once, also when NATS has forgotten the id."""

import itertools
from dataclasses import replace

import pytest
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryKeyValue, StoredMessage
from perdure.bus.envelope import MESSAGE_ID
from tests.support.bridges import Cart, new_bridge, stored_message
from tests.support.fuse import Fuse, Fused, Killed
from tests.support.scripted_worker import open_scripted_worker

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_signal_that_is_sent_again_after_any_time_counts_once_wherever_the_bridge_dies(
    real_server: WorkflowEnvironment,
) -> None:
    async with open_scripted_worker(real_server, Cart) as worker:
        for number in itertools.count(1):
            entries, fuse, cart = MemoryKeyValue(), Fuse(number), f"again-{number}"
            await real_server.client.start_workflow("Cart", {}, id=cart, task_queue=worker.queue)
            first, again = (added(cart, "one", sequence, message_id="act") for sequence in (1, 2))
            try:
                await new_bridge(worker, Fused(real_server.client, fuse), Fused(entries, fuse)).signal(first)
            except Killed:
                await new_bridge(worker, real_server.client, entries).signal(first)
            bridge = new_bridge(worker, real_server.client, entries)
            for message in (again, added(cart, "other", 3, message_id="other"), added(cart, "one", 4), again):
                await bridge.signal(message)
            await bridge.signal(added(cart, "all", 5))

            assert await real_server.client.get_workflow_handle(cart).result() == ["one", "other", "one", "all"]
            if fuse.left > 0:
                break
    assert number > 5


def added(cart: str, word: str, sequence: int, message_id: str | None = None) -> StoredMessage:
    """Return a stored signal that adds a word to a cart, with the message id if one is given."""
    stored = stored_message(f"signals.{cart}.add", sequence, b'{"word": "%s"}' % word.encode())
    headers = {} if message_id is None else {MESSAGE_ID: message_id}
    return replace(stored, raw=replace(stored.raw, headers=headers))
