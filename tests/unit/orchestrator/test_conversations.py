"""Stored conversations keep their recorded form, so that open runs of 0.1 can go on."""

import json
from hashlib import sha256

from perdure.bus import MemoryObjects
from perdure_orchestrator.agents.conversations import Conversations

FIRST, SECOND = {"kind": "request"}, {"kind": "response"}


async def test_parts_are_stored_under_their_digest_in_the_recorded_form() -> None:
    objects = MemoryObjects()

    name = await Conversations(objects).store(None, [FIRST])

    data = await objects.get(name)
    assert (name, json.loads(data)) == (sha256(data).hexdigest(), {"before": None, "said": [FIRST]})


async def test_another_worker_loads_all_parts_oldest_first() -> None:
    objects = MemoryObjects()
    before = await Conversations(objects).store(None, [FIRST])
    name = await Conversations(objects).store(before, [SECOND])

    assert await Conversations(objects).load(name) == [FIRST, SECOND]
