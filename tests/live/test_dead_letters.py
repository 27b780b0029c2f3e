"""Dead letters as an operator handles them: listed, resent, dropped."""

import subprocess
from typing import Any

import pytest

from perdure.values.run_id import default_run_id
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTES = [
    {"on": "work.quick", "start": "Quick", "schema": {"required": ["steps"]}},
    {"on": "work.lost", "start": "Lost"},
]

here = shared_world(routes=ROUTES)


async def dlq(here: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await perdure_of(here.settings.state, "dlq", *arguments)


async def listed(here: World, *arguments: str) -> list[dict[str, Any]]:
    return printed(await dlq(here, "list", "--json", *arguments))


async def test_a_dead_letter_is_resent_as_the_same_event_and_leaves_the_dlq(here: World) -> None:
    await here.publish("work.quick", b"{}", Nats_Msg_Id="fixed later")
    await here.publish("work.lost", b"{}", Nats_Msg_Id="lost")
    await here.dead_letters(2)

    (bad_data,) = await listed(here, "--reason", "bad_data")
    shown = (await dlq(here, "show", str(bad_data["number"]))).stdout
    dry = await dlq(here, "resend", "--all", "--dry-run")
    still = await listed(here)
    again = await dlq(here, "resend", str(bad_data["number"]))
    dead_letters = await here.dead_letters(3)
    dropped = await dlq(here, "drop", "--all", "--service", "orchestrator")
    left = await listed(here)

    assert "'steps' is a required property" in shown
    assert (dry.returncode, len(still)) == (0, 2)
    assert again.stdout == f"{bad_data['number']} went to events.work.quick\n"
    assert dead_letters[-1].reason == "bad_data"
    assert dead_letters[-1].headers["ce-id"] == "fixed%20later"
    assert dropped.returncode == 0
    assert [it["number"] for it in left] == [3]


async def test_an_event_whose_run_has_started_is_not_resent(here: World) -> None:
    after = await here.last("DLQ")
    for extra in (b'{"steps": 1}', b'{"steps": 2}'):
        cloud = {"ce_specversion": "1.0", "ce_id": "e1", "ce_type": "work.quick", "ce_source": "test"}
        await here.publish("work.quick", extra, **cloud)
    await here.dead_letters(1, after=after)
    run = default_run_id("Quick", "e1", "test")
    await here.stories(run)

    refused = await dlq(here, "resend", "--all", "--reason", "duplicate_id")
    left = await listed(here, "--reason", "duplicate_id")

    assert refused.returncode == 1
    assert "was used before" in refused.stdout
    assert len(left) == 1


async def test_a_wrong_call_names_the_right_one(here: World) -> None:
    neither = await dlq(here, "resend")
    unknown = await dlq(here, "list", "--reason", "boredom")
    missing = await dlq(here, "show", "99")

    assert (neither.returncode, unknown.returncode, missing.returncode) == (2, 2, 4)
    assert "use --all" in neither.stderr
    assert "duplicate_id" in unknown.stderr
    assert "There is no dead letter 99" in missing.stderr
