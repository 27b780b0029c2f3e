"""Tests of the workflow in `greetings.py`: they need no server and no key."""

from greetings import Greeting


async def test_ada_is_greeted_after_a_human_has_approved(run_workflow):
    outcome = await run_workflow(Greeting, {"name": "Ada"}, answers={"Say it?": "approve"})

    assert outcome.result == "Hello, Ada!"
    assert outcome.steps == ["greet"]


async def test_a_rejected_greeting_stays_unsaid(run_workflow):
    outcome = await run_workflow(Greeting, {"name": "Ada"}, answers={"Say it?": "reject"})

    assert outcome.result == "(silence)"
