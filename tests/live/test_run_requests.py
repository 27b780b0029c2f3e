"""``perdure runs update`` and ``perdure runs query`` ask a run, and their exit codes say what came of it."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from perdure.bus import RawMessage
from tests.support.command_line import perdure_of
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


async def test_updates_and_queries_print_results_and_say_why_there_is_none(world: OpenWorld) -> None:
    async with world(routes=[{"on": "tally.begun", "start": "Tally"}]) as live:
        await live.publish("tally.begun", b"{}", Nats_Msg_Id="one")
        await live.bus.publish_raw(RawMessage("signals.Tally=7Eone.add", b"1", {}))

        async def ask(*arguments: str) -> tuple[int, str]:
            asked = await perdure_of(live.settings.state, "runs", *arguments)
            return asked.returncode, asked.stdout.strip() or asked.stderr.strip()

        async with asyncio.timeout(60):
            while await ask("query", "Tally~one", "count") != (0, "1"):
                await asyncio.sleep(0.2)

        assert await ask("update", "Tally~one", "raise_to", "7") == (0, "7")
        code, line = await ask("query", "Tally~one", "count", "--json")
        assert (code, json.loads(line)) == (0, {"workflow_id": "Tally~one", "query": "count", "result": 7})
        assert await ask("update", "Tally~one", "raise_to", "3") == (1, "perdure: 3 is less than 7")
        assert await ask("update", "Tally~one", "rise_to", "8") == (
            1,
            "perdure: Tally~one has no update rise_to: did you mean raise_to?",
        )
        code, text = await ask("update", "Tally~one", "raise_to", '"many"')
        assert (code, "The update raise_to does not fit: " in text) == (1, True), text
        code, text = await ask("update", "Tally~one", "hesitate", "--within", "1")
        assert (code, "do not send it again" in text) == (3, True), text
        assert (await ask("update", "Tally~two", "raise_to", "8"))[0] == 4
        for kind, name in (("query", "dots"), ("update", "draw")):  # more than Temporal holds itself
            code, text = await ask(kind, "Tally~one", name, "300000")
            assert (code, len(json.loads(text))) == (0, 300_000), text[:200]
        await live.bus.publish_raw(RawMessage("signals.Tally=7Eone.stop", b"", {}))
        facts = await live.completed(1)
        assert facts["Tally~one"][-1].result == 7
        assert (await ask("update", "Tally~one", "raise_to", "8"))[0] == 4
