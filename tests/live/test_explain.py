"""`perdure explain` on a whole suite: what became of an event, why, and what to do, with the places that prove it."""

import asyncio
from typing import Any

import pytest

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol
from perdure.contracts import DeadLetter
from perdure.ledger import ProofFile
from perdure.record.seen import SeenCheckpoints
from tests.support.command_line import perdure_of, printed, published_run
from tests.support.suite import World, shared_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

live = shared_world(
    routes=[
        {"on": "work.quick", "start": "Quick", "when": "data.size > 5"},
        {"on": "work.asking", "start": "Asking"},
        {"on": "work.chained", "start": "Chain"},
    ]
)


async def publish(live: World, type_: str, data: str, event: str) -> None:
    done = await perdure_of(live.settings.state, "publish", type_, data, "--id", event)
    assert done.returncode == 0, done.stderr


async def approve(live: World, request: str, person: str) -> None:
    (shown,) = printed(await perdure_of(live.settings.state, "approvals", "show", request, "--json"))
    options = ("--as", person, "--digest", shown["digest"])
    done = await perdure_of(live.settings.state, "approve", request, *options)
    assert done.returncode == 0, done.stderr


async def explained(live: World, cause: str, *arguments: str) -> dict[str, Any]:
    """Wait until something is explained by a cause, with every source answering."""
    found: dict[str, Any] = {}
    async with asyncio.timeout(90):
        while found.get("cause") != cause or found["silent"]:
            done = await perdure_of(live.settings.state, "explain", *arguments, "--json")
            if done.returncode != 4:  # its run has not begun
                (found,) = printed(done)
    return found


async def cited(live: World, found: dict[str, Any]) -> list[str]:
    """Return the places of an explanation, each of which holds a message."""
    sentences = [found["became"], found["why"], found["remedy"], *found["evidence"]]
    places = list(dict.fromkeys(place for it in sentences for place in it["places"]))
    for place in places:
        stream, _, sequence = place.partition(":")
        assert await live.bus.get(stream, int(sequence)) is not None, place
    return places


async def test_an_event_that_completed_is_followed_from_its_verdict_to_its_result(live: World) -> None:
    await publish(live, "work.quick", '{"size": 9}', "done")
    run = published_run("Quick", "done")

    found = await explained(live, "completed", "done")
    of_run = await explained(live, "completed", run)

    streams = [place.partition(":")[0] for place in await cited(live, found)]
    assert [it["part"] for it in found["evidence"]][:3] == ["event", "verdict", "command"]
    assert {"EVENTS", "VERDICTS", "COMMANDS", "PROGRESS"} == set(streams)
    assert (of_run["about"], found["why"]["text"]) == ("run", "Its workflow Quick returned 1.")


async def test_each_leaf_is_proven_under_a_checkpoint_that_the_command_keeps(live: World) -> None:
    await publish(live, "work.quick", '{"size": 9}', "proven")
    found = await explained(live, "completed", "proven")
    async with asyncio.timeout(60):
        while None in found["became"]["leaves"]:  # audit signs at most once a second
            found = await explained(live, "completed", "proven")
    (place,), (leaf,) = found["became"]["places"], found["became"]["leaves"]

    receipt = await perdure_of(live.settings.state, "audit", "receipt", place)

    seen = SeenCheckpoints.of_suite(live.settings.state).newest("perdure")
    assert seen is not None
    assert (ProofFile.parse(receipt.stdout).index, leaf < seen.opened().size) == (leaf, True)


async def test_an_event_without_route_and_one_whose_condition_is_false_say_so(live: World) -> None:
    await publish(live, "work.nobody", "{}", "lost")
    await publish(live, "work.quick", '{"size": 3}', "small")

    no_route = await explained(live, "no_route", "lost")
    false = await explained(live, "no_match", "small")
    asked = await explained(live, "no_match", "--why-not", "Quick", "small")
    other = await explained(live, "not_named", "--why-not", "Chain", "small")
    (dead_letter,) = await live.dead_letters(1)

    assert isinstance(dead_letter, DeadLetter)
    assert "DLQ:1" in await cited(live, no_route)
    assert "perdure dlq resend 1" in no_route["remedy"]["text"]
    assert "data.size" in false["why"]["text"]
    assert (asked["why"], other["about"]) == (false["why"], "event")


async def test_a_run_that_waits_for_a_person_names_who_is_missing_until_they_have_voted(live: World) -> None:
    for name in ("ada", "bob"):
        enrol(ApproversFile(live.settings.approvers_file), live.settings.keys_folder, name, roles=[])
    await publish(live, "work.asking", '{"title": "Send it", "policy": {"people": ["ada", "bob"], "quorum": 2}}', "ask")
    request = f"{published_run('Asking', 'ask')}.1"

    open_ = await explained(live, "waiting_person", "ask")
    await approve(live, request, "ada")
    half = await explained(live, "waiting_person", request)
    by_run = await explained(live, "waiting_person", published_run("Asking", "ask"))
    await approve(live, request, "bob")
    approved = await explained(live, "approved", request)

    assert "2 missing, from ada or bob" in open_["why"]["text"]
    assert "1 missing, from bob" in half["why"]["text"]
    assert half["why"]["text"] == by_run["why"]["text"]
    assert half["why"]["places"] == by_run["why"]["places"]
    assert {"APPROVALS", "RECEIPTS"} <= {place.partition(":")[0] for place in await cited(live, approved)}


async def test_a_stuck_run_names_the_error_and_its_place_in_the_code(live: World) -> None:
    await publish(live, "work.chained", "{}", "bug")

    found = await explained(live, "mended_code", "bug")
    async with asyncio.timeout(60):  # Temporal reports the failure before the worker publishes it on STUCK
        while not any(place.startswith("STUCK:") for place in found["why"]["places"]):
            found = await explained(live, "mended_code", "bug")

    assert "KeyError: 'steps' (workshop.py:" in found["why"]["text"]
    assert "Mend the code and deploy it" in found["remedy"]["text"]
    assert "worker" in [it["part"] for it in found["evidence"]]
    await cited(live, found)


async def test_a_person_reads_three_sentences_first_and_an_unknown_id_ends_with_its_exit_code(live: World) -> None:
    await publish(live, "work.quick", '{"size": 9}', "read")
    await explained(live, "completed", "read")

    shown = await perdure_of(live.settings.state, "explain", "read")
    unknown = await perdure_of(live.settings.state, "explain", "nothing-of-this-name")

    became, why, remedy, blank, *_ = shown.stdout.splitlines()
    assert became.startswith(f"The run {published_run('Quick', 'read')} has completed. [PROGRESS:")
    assert (why.startswith("Its workflow Quick returned 1."), "perdure result" in remedy, blank) == (True, True, "")
    assert (unknown.returncode, "never stored" in unknown.stdout) == (4, True)
