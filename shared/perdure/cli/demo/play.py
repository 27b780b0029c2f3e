"""Plays the demo: publishes an event, kills the orchestrator during the run, and has the approval decided."""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

import typer

from perdure.approvers import ApproversFile
from perdure.approvers.enrolment import enrol, find_key, key_file
from perdure.bus import NatsBus, connect
from perdure.bus.views.approval_index import open_requests
from perdure.bus.views.run_index import follow_progress
from perdure.cli.approvals.decide import decide_request
from perdure.cli.demo.epilogue import show_results
from perdure.cli.demo.folder import DOCUMENT
from perdure.cli.output import console, progress_line
from perdure.cli.up_display import show
from perdure.client.publishing import publish_event
from perdure.config.settings import Settings
from perdure.contracts import Event, Progress
from perdure.errors import PerdureError
from perdure.local.discovery import discover
from perdure.local.state import State
from perdure.local.suite import Suite, open_suite
from perdure.telemetry.tracing import tracing
from perdure.values.run_id import default_run_id

__all__ = ["BOT", "play"]

Decide = Callable[[str], Coroutine[None, None, None]]
"""Has the approval request of a run decided."""

BOT: Final = (sys.executable, str(Path(__file__).with_name("bot.py")))
"""The command of the bot: a file, since ``-m`` would import Perdure."""

_BOT_NAME: Final = "demo-bot"
_PARALLEL: Final = {"sentiment: ask", "entities: ask", "summary: ask"}
_EVENT: Final = "documents.submitted"
_WITHIN: Final = 180.0  # seconds; unlimited with --ask
_MODEL_LATENCY: Final = "1.0"  # seconds per request, so that the kill comes in the middle of a step
_KILL_AFTER: Final = 0.4  # seconds into the steps


async def play(settings: Settings, *, ask: bool) -> None:
    """Run the demo and print it.

    Args:
        settings: The configuration of the demo.
        ask: Let the user decide the approval request, not the bot.

    Raises:
        PerdureError: A part of the demo failed.
    """
    environment = {"PERDURE_LLM__OFFLINE_LATENCY_SECONDS": _MODEL_LATENCY}
    _heading(1, "Real servers and four services, each in its own process")
    async with open_suite(settings, report=show, environment=environment) as suite:
        if suite.endpoints.temporal_ui:
            console.print(f"  Temporal UI   {suite.endpoints.temporal_ui}", soft_wrap=True)
        async with connect(discover(settings)[0], source="perdure/demo") as bus:
            event, facts, killed_after = await _run(settings, bus, suite, ask=ask)
            _heading(6, "What is left: report, timeline, trace, audit records")
            await show_results(settings, bus, event, facts, killed_after=killed_after)
    console.print("\n[bold green]All of it happened.[/]")
    console.print(f"Next, a workflow of your own: {_own_name()} init hello", soft_wrap=True, markup=False)


def _own_name() -> str:
    """Return how a shell calls this program: by its name if that is in PATH, else as it was called."""
    called = Path(sys.argv[0])
    found = shutil.which("perdure")
    return "perdure" if found and Path(found).resolve() == called.resolve() else str(called)


def _heading(number: int, text: str) -> None:
    console.print(f"\n[bold]{number}. {text}[/]")


async def _run(settings: Settings, bus: NatsBus, suite: Suite, *, ask: bool) -> tuple[Event, list[Progress], int]:
    event = Event(
        id=uuid4().hex[:12], type=_EVENT, source="perdure/demo", time=datetime.now(UTC), data={"path": DOCUMENT}
    )
    facts: list[Progress] = []
    _heading(2, f"An event: {_EVENT}, about {DOCUMENT}")
    with tracing("demo", folder=settings.state / "traces"):
        sequence = (await publish_event(bus, event)).stream_sequence
    console.print(f"  EVENTS {sequence}: {event.model_dump_json(include={'id', 'type', 'data'})}", soft_wrap=True)
    _heading(3, "The run, by the facts that it publishes")
    try:
        async with asyncio.timeout(None if ask else _WITHIN), asyncio.TaskGroup() as tasks:
            decide = partial(_let_user_decide, settings, bus) if ask else partial(_let_bot_decide, settings, suite)
            killed_after = await _watch(bus, event, suite, facts, decide=decide, tasks=tasks)
    except TimeoutError as error:
        raise PerdureError(f"The run has not ended within {_WITHIN:.0f} s.") from error
    except ExceptionGroup as group:
        raise group.exceptions[0] from None
    if facts[-1].kind != "completed":
        raise PerdureError(f"The run ended as {facts[-1].kind}: {facts[-1].error}")
    return event, facts, killed_after


async def _watch(  # noqa: PLR0913 (the run, and what acts on it)
    bus: NatsBus, event: Event, suite: Suite, facts: list[Progress], *, decide: Decide, tasks: asyncio.TaskGroup
) -> int:
    """Print the facts of the run, kill the orchestrator, and have the approval decided.

    Returns:
        How many facts preceded the kill.
    """
    workflow_id = default_run_id("DocumentAnalysis", event.id, event.source)
    killed_after, deciding = 0, False
    async for fact in follow_progress(bus, workflow_id, replay=True):
        facts.append(fact)
        console.print("  ", progress_line(fact), sep="", soft_wrap=True)
        if not killed_after and _in_flight(facts) >= _PARALLEL:
            killed_after = len(facts)
            await _kill(suite)
        if fact.kind == "waiting" and not deciding:
            deciding = True
            tasks.create_task(decide(workflow_id))
    if not killed_after:
        raise PerdureError("The three agents were never in flight together, so there was nothing to kill.")
    return killed_after


def _in_flight(facts: list[Progress]) -> set[str]:
    started = {fact.step for fact in facts if fact.kind == "step_started" and fact.step}
    return started - {fact.step for fact in facts if fact.kind == "step_completed"}


async def _kill(suite: Suite) -> None:
    await asyncio.sleep(_KILL_AFTER)
    _heading(4, "kill -9, in the middle of three steps")
    console.print(f"  [bold red]SIGKILL[/] to the orchestrator, process {suite.supervisor.pid('orchestrator')}")
    suite.supervisor.kill("orchestrator")


async def _let_bot_decide(settings: Settings, suite: Suite, workflow_id: str) -> None:
    _heading(5, "An approval is requested; a bot that knows only NATS decides")
    key = key_file(settings.keys_folder, _BOT_NAME)
    if not key.exists():
        enrol(ApproversFile(settings.approvers_file), settings.keys_folder, _BOT_NAME)
    command = [*BOT, suite.endpoints.nats, workflow_id, str(key)]
    environment = {**os.environ, **_bot_nkey(settings)}
    bot = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=environment)
    try:
        output, _ = await bot.communicate()
    finally:
        if bot.returncode is None:
            bot.kill()
    for line in output.decode().splitlines():
        console.print(f"  [cyan]{line}[/]", soft_wrap=True)
    if bot.returncode:
        raise PerdureError("The bot's approval was not accepted.")


def _bot_nkey(settings: Settings) -> dict[str, str]:
    """Return the variable with the bot's nkey; only the local suite's NATS has one for it."""
    seed = State(settings.state).seed("bot")
    return {"NATS_NKEY_SEED_FILE": str(seed)} if settings.execution_engine == "local" else {}


async def _let_user_decide(settings: Settings, bus: NatsBus, workflow_id: str) -> None:
    _heading(5, "An approval is requested")
    approver, key = find_key(settings.keys_folder, None)
    request = next(request for request in await open_requests(bus) if request.workflow_id == workflow_id)
    console.print(request.details, markup=False)
    approved = await asyncio.to_thread(typer.confirm, f"{request.title} (digest {request.digest[:12]}…)")
    await decide_request(bus, request, "approve" if approved else "reject", approver=approver, key=key)
