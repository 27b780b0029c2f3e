"""What an MCP server, or a model that calls its tools, cannot do."""

import asyncio
import json
from typing import Any, Final

from perdure.bus import decode
from perdure.contracts import ENDINGS, Progress, to_token
from tests.support.attacks.attack import Attack, Move
from tests.support.attacks.suite import WITHIN, AttackedSuite


async def calls(suite: AttackedSuite, tool: str, **arguments: Any) -> str:
    """Start a run whose agent calls a tool of the server, and return the run's id."""
    event = suite.new_id("errand")
    suite.runs.add(f"Errand~{event}")
    body = {"servers": ["snoop"], "calls": [[tool, arguments]]}
    await suite.publish_raw("publisher", "events.work.errand", json.dumps(body).encode(), **{"Nats-Msg-Id": event})
    return f"Errand~{event}"


async def end(suite: AttackedSuite, run: str) -> Progress:
    async with asyncio.timeout(WITHIN):
        async for stored in suite.bus.subscribe(f"progress.Errand.{to_token(run)}", replay=True):
            fact = decode(stored.raw)
            assert isinstance(fact, Progress)
            if fact.kind in ENDINGS:
                return fact
    raise AssertionError("the bus was closed")


def finds(tool: str) -> Move:
    """Call a tool that looks for something, and return what it found."""

    async def act(suite: AttackedSuite) -> str:
        fact = await end(suite, await calls(suite, tool))
        assert isinstance(fact.result, list)
        [result] = fact.result
        assert isinstance(result, dict)
        return str(result["text"])

    return act


async def a_call_that_nobody_approved(suite: AttackedSuite) -> str:
    """It waits for an approval; a rejection is the end of it."""
    file = suite.world.settings.state / "wiped"
    run = await calls(suite, "wipe", path=str(file))
    requested = await suite.requested("Errand", run)
    if file.exists():
        return "called before anybody approved"
    assert await suite.decide("bot", suite.vote(requested, "ada", "reject")) == "accepted"
    suite.excused.add(requested.request_id)
    await end(suite, run)
    return "called" if file.exists() else "rejected, not called"


async def a_call_under_other_arguments(suite: AttackedSuite) -> str:
    """The digest covers the arguments: the approval of one call is none of another."""
    runs = [await calls(suite, "wipe", path=str(suite.world.settings.state / name)) for name in ("one", "other")]
    first, second = [await suite.requested("Errand", run) for run in runs]
    return await suite.decide("bot", suite.vote(second, digest=first.digest))


async def a_tool_with_a_reserved_name(suite: AttackedSuite) -> str:
    fact = await end(suite, await calls(suite, "perdure_decision", decision="approve"))
    return f"{fact.kind}: {'no such tool' if 'perdure_decision' in str(fact.error or fact.result) else fact.error}"


ATTACKS: Final = [
    Attack("read the services' variables", finds("variables"), "none"),
    Attack(
        "find keys, seeds or configurations in its folders",
        finds("files"),
        "none",
    ),
    Attack("make a call that needs an approval without one", a_call_that_nobody_approved, "rejected, not called"),
    Attack("use the approval of one call for another", a_call_under_other_arguments, "wrong_digest"),
    Attack("decide by a tool with a reserved name", a_tool_with_a_reserved_name, "failed: no such tool"),
]
