"""What administrators do is on ADMIN and in the audit record: keys, absences, policies, dead letters, backfills."""

import asyncio
import json
from collections.abc import Callable
from typing import TypeVar

import pytest
import yaml

from perdure.bus import decode
from perdure.config.project import DEFAULT_FILE
from perdure.contracts import ApproverChanged, ApproversFileRead, DeadLetterSettled, Message, PoliciesRead
from tests.support.command_line import perdure_of, printed
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

here = shared_world(
    routes=[{"on": "work.lost", "start": "Lost"}, {"on": "work.quick", "start": "Quick"}],
    approvals={"policies": {"Quick": {"rejections": 1}}},
    temporal={"task_timeout_seconds": 3, "signals_wait_seconds": 1},
)

Act = TypeVar("Act", bound=Message)


async def acts(here: World, kind: type[Act], done: Callable[[list[Act]], bool]) -> list[Act]:
    """Wait until the acts of a kind on ADMIN are as they should be."""
    found: list[Act] = []
    async for message in here.bus.subscribe("admin.>", replay=True):
        act = decode(message.raw)
        found += [act] if isinstance(act, kind) else []
        if found and done(found):
            return found
    raise AssertionError("the subscription ended")


async def run(here: World, *arguments: str) -> str:
    ended = await perdure_of(here.settings.state, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


async def test_the_orchestrator_records_its_policies_and_each_version_of_the_approvers_file(here: World) -> None:
    (policies,) = await acts(here, PoliciesRead, bool)
    (first, *_) = await acts(here, ApproversFileRead, bool)

    assert list(policies.policies) == ["Quick"]
    added = await run(here, "approvers", "add", "ada", "--role", "editor")
    versions = await acts(here, ApproversFileRead, lambda found: "ada" in found[-1].approvers)
    assert "No bus" not in added
    assert first.digest != versions[-1].digest
    assert versions[-1].content == here.settings.approvers_file.read_text()


async def test_keys_and_absences_are_recorded_with_who_changed_them(here: World) -> None:
    await run(here, "approvers", "add", "bob")
    await run(here, "approvers", "rotate", "bob")
    await run(here, "approvers", "add", "eve")
    lines = [json.loads(line) for line in (await run(here, "approvers", "list", "--json")).splitlines()]
    first, second = (line["key_id"] for line in lines if line["owner"] == "bob")
    await run(here, "approvers", "revoke", first)
    await run(here, "approvals", "delegate", "bob", "--to", "eve")
    await run(here, "approvals", "delegate", "bob", "--back")

    found = [
        it for it in await acts(here, ApproverChanged, lambda it: it[-1].act == "returned") if it.approver == "bob"
    ]

    assert [(it.act, it.key_id, it.delegates) for it in found] == [
        ("key_added", first, ()),
        ("key_rotated", second, ()),
        ("key_revoked", first, ()),
        ("delegated", None, ("eve",)),
        ("returned", None, ()),
    ]
    assert len({it.digest for it in found}) == len(found) - 1
    assert found[-1].digest == found[2].digest, "who is back leaves no trace in the file"
    assert all(it.by for it in found)


async def test_what_became_of_a_dead_letter_is_recorded_and_audited(here: World) -> None:
    await here.publish("work.lost", b"{}", Nats_Msg_Id="lost")
    await here.dead_letters(1)
    (dead_letter,) = printed(await perdure_of(here.settings.state, "dlq", "list", "--json"))

    await run(here, "dlq", "drop", str(dead_letter["number"]))

    (act,) = await acts(here, DeadLetterSettled, bool)
    assert (act.act, act.number, act.reason) == ("dropped", dead_letter["number"], "unknown_workflow")
    async with asyncio.timeout(60):
        while "dropped dead letter" not in await run(here, "audit", "tail", "--stream", "ADMIN"):
            await asyncio.sleep(0.2)


async def test_stored_events_run_on_a_new_route_once_and_the_record_says_by_whose_backfill(here: World) -> None:
    for event in ("b1", "b2"):
        await here.publish("work.quick", b'{"steps": 1}', Nats_Msg_Id=event)
    await here.stories("Quick~b1", "Quick~b2")
    await use_routes(
        here, {"on": "work.quick", "start": "Quick"}, {"on": "work.quick", "start": "Quick", "name": "late"}
    )

    backfill = ("routes", "backfill", "late", "--since", "1h", "--rate", "50/s")
    dry = await run(here, *backfill, "--dry-run")
    done = [json.loads(line) for line in (await run(here, *backfill, "--json")).splitlines()]
    await here.stories("late~b1", "late~b2")
    name = done[-1]["backfill"]
    again = await run(here, *backfill)
    unknown = await perdure_of(here.settings.state, "routes", "backfill", "latte", "--since", "1h")

    assert "started: starts Quick  run late~b1" in dry
    assert "Dry run, nothing was done: 2 taken (2 started)." in dry
    assert [it["fate"] for it in done[:-1]] == ["taken", "taken"]
    assert done[-1]["counts"] == {"taken": 2}
    assert ": 2 already." in again
    assert (unknown.returncode, "there are: Quick, late" in unknown.stderr) == (4, True)
    async with asyncio.timeout(60):
        while f"backfill {name} of late ended" not in await run(here, "audit", "tail", "--stream", "ADMIN"):
            await asyncio.sleep(0.2)
    about = await run(here, "audit", "tail", "--event", "b1", "-n", "500")
    assert f"late: started: starts Quick (backfill {name})" in about
    assert f"for event b1 (backfill {name})" in about


async def use_routes(here: World, *routes: dict[str, str]) -> None:
    """Restart ingest with other routes."""
    file = here.settings.state.parent / DEFAULT_FILE
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "routes": list(routes)}))
    here.suite.configuration.keep(file.read_bytes())
    await here.suite.supervisor.restart("ingest", "it has other routes")
    await here.suite.supervisor.ready("ingest")
