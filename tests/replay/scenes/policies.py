"""Policies of the operator and of workflows, joined when a request opens."""

from typing import Any

from tests.replay.recording import OPEN, Recording
from tests.replay.scenes.scene import scene

POLICIES: dict[str, Any] = {
    "approvals": {
        "policies": {
            "Asking": {
                "roles": ["finance", "legal"],
                "role_quorums": {"finance": 1, "legal": 1},
                "proxies": {"distinct_people": True},
                "timeout": "2d",
                "tighten": [{"when": "details.amount > 1000", "quorum": 3}],
            }
        }
    }
}


def question(title: str, amount: int, **policy: Any) -> dict[str, Any]:
    return {"title": title, "details": {"amount": amount}, "policy": policy}


@scene(settings=POLICIES, before="perdure-policy-floor")
async def policy_of_the_operator(recording: Recording) -> None:
    """Two votes are enough for little, three for much; and the author asks for less, in vain."""
    async with recording.worker():
        run = await recording.start("Asking", [question("Little?", 5, quorum=1), question("Much?", 5_000, quorum=1)])
        for number in (1, 2):
            request = (await recording.requested(number))[-1]
            await recording.decide(request, "ann", roles=("finance",), nonce=f"ann-{number}")
            await recording.decide(request, "bob", roles=("finance",), proxy="slack", nonce=f"bob-{number}")
            await recording.decide(request, "lee", roles=("legal",), proxy="slack", nonce=f"lee-{number}")
            await recording.decide(request, "max", roles=("finance",), stands_in_for=("ann",), nonce=f"max-{number}")
        await recording.ended(run)


@scene(settings=POLICIES)
async def policies_that_exclude_each_other(recording: Recording) -> None:
    async with recording.worker():
        await recording.ended(await recording.start("Asking", [question("Well?", 5, roles=["support"])]))


@scene(also_real=True)
async def digests_that_cover_no_instant(recording: Recording) -> None:
    """The first request is decided before its time is up; nobody decides the second."""
    async with recording.worker():
        run = await recording.start("Asking", [question("Well?", 5, timeout="6h"), question("Now?", 5, timeout="1s")])
        [request] = await recording.requested()
        await recording.at_rest(run)
        await recording.keep(run, OPEN)
        await recording.decide(request, "ann", comment="fine")
        await recording.ended(run)
