"""``perdure admin chaos``: load while parts are killed at random, and a verdict from outside."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.chaos.plan import VICTIMS
from perdure.cli.client import Json, run_command
from perdure.cli.exit_codes import INTERRUPTED
from perdure.cli.output import console
from perdure.cli.replicas import Replicas, read_replicas
from perdure.cli.signals import cancel_on_signal
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.chaos.plan import Planned
    from perdure.config.settings import Settings

__all__ = ["read_victims", "register"]

_USUAL_VICTIMS: Final = "ingest,orchestrator,nats,temporal"


@dataclass(frozen=True, slots=True)
class _ChaosOptions:
    """The options of one chaos run."""

    events: Sequence[Planned]
    victims: Sequence[str]
    every: timedelta
    seed: int
    within: timedelta
    as_json: bool


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 every check holds, 1 a check fails, with the ids, 2 wrong usage. "
        "Example: perdure admin chaos --events 500 --kill ingest,nats --every 3s --seed 7"
    )
    def chaos(  # noqa: PLR0913, PLR0917 (each is a flag)
        events: Annotated[int, typer.Option(min=1, max=100_000, help="Number of events.")] = 200,
        kill: Annotated[
            str, typer.Option(help=f"Parts to kill, separated by commas: {', '.join(VICTIMS)}.")
        ] = _USUAL_VICTIMS,
        every: Annotated[str, typer.Option(help="Time between two kills, as 3s or 500ms.")] = "3s",
        seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 1,
        type_: Annotated[str | None, typer.Option("--type", help="On a running suite: the events' type.")] = None,
        data: Annotated[str | None, typer.Option(help="On a running suite: the events' data, JSON.")] = None,
        within: Annotated[str, typer.Option(help="Longest wait for all runs to end after the last kill.")] = "120s",
        replicas: Replicas = "",
        *,
        keep: Annotated[bool, typer.Option("--keep", help="Keep the folder of the suite.")] = False,
        as_json: Json = False,
    ) -> None:
        """Publish events, kill parts at random, and verify every outcome.

        Uses the suite that runs on this state folder, or else starts one and removes it afterwards.
        """
        from perdure.chaos.plan import plan_given, plan_probes
        from perdure.cli.admin.check import needs_parts
        from perdure.config.loader import load_settings
        from perdure.local.state import read_endpoints

        needs_parts()
        processes, victims = read_replicas(replicas), read_victims(kill)
        apart, bound = _duration(every, "--every"), _duration(within, "--within")
        settings = load_settings()
        runs = read_endpoints(settings.state) is not None
        _check(settings, victims, runs=runs, given=(type_, data), replicas=replicas)
        label = f"chaos-{datetime.now(UTC):%Y%m%dT%H%M%S}-{seed}"
        planned = (
            plan_given(events, seed, label=label, type_=type_ or "", body=(data or "").encode())
            if runs
            else plan_probes(events, seed, label=label)
        )
        order = _ChaosOptions(planned, victims, apart, seed, bound, as_json)
        work = _on_running(order, settings) if runs else _on_own(order, processes, keep=keep)
        code = run_command(cancel_on_signal(work))
        raise typer.Exit(INTERRUPTED if code is None else code)


def read_victims(text: str) -> list[str]:
    """Read ``--kill``.

    Raises:
        typer.BadParameter: There is no such part, or none is named.
    """
    victims = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if unknown := [name for name in victims if name not in VICTIMS]:
        raise typer.BadParameter(f"there is no {unknown[0]!r} to kill; there are: {', '.join(VICTIMS)}")
    if not victims:
        raise typer.BadParameter(f"name at least one of: {', '.join(VICTIMS)}")
    return victims


def _duration(text: str, option: str) -> timedelta:
    from perdure.values.duration import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def _check(
    settings: Settings, victims: Sequence[str], *, runs: bool, given: tuple[str | None, str | None], replicas: str
) -> None:
    from perdure.local.services import service_of
    from perdure.local.state import read_endpoints

    type_, data = given
    if not runs:
        if type_ is not None or data is not None:
            raise typer.BadParameter(f"--type and --data are for a running suite, and none runs on {settings.state}")
        return
    if type_ is None or data is None:
        raise typer.BadParameter(f"a suite runs on {settings.state}: name an event with --type and --data")
    try:
        json.loads(data)
    except ValueError as error:
        raise typer.BadParameter(f"it is not JSON: {error}", param_hint="--data") from error
    if replicas:
        raise typer.BadParameter("the suite runs already: `perdure up --replicas` sets the number of its processes")
    endpoints = read_endpoints(settings.state)
    parts = {service_of(name) for name in endpoints.pids} if endpoints else set()
    if missing := [name for name in victims if name not in parts]:
        raise typer.BadParameter(f"{missing[0]} is not a process of the running suite, so it cannot be killed")


async def _on_running(order: _ChaosOptions, settings: Settings) -> int:
    with tempfile.TemporaryDirectory(prefix="perdure-chaos-") as folder:
        return await _play(order, settings, Path(folder))


async def _on_own(order: _ChaosOptions, replicas: dict[str, int], *, keep: bool) -> int:
    from perdure.chaos.own_suite import own_suite
    from perdure.cli.admin.chaos_display import ChaosDisplay

    async with _folder(keep=keep) as (folder, keeps):
        display = ChaosDisplay(as_json=order.as_json)
        async with own_suite(folder, replicas=replicas, report=display.suite) as settings:
            display.started = True
            code = await _play(order, settings, folder)
            keeps(code != 0)
    return code


@asynccontextmanager
async def _folder(*, keep: bool) -> AsyncIterator[tuple[Path, Callable[[bool], None]]]:
    """Make a folder, and remove it unless there is something to find in it."""
    folder = Path(tempfile.mkdtemp(prefix="perdure-chaos-"))
    keeping = [keep]
    try:
        yield folder, keeping.append
    except Exception:
        keeping.append(True)
        raise
    finally:
        if any(keeping):
            print_error(f"Kept {folder}: configuration, state, and logs in state/logs.")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _play(order: _ChaosOptions, settings: Settings, folder: Path) -> int:
    from perdure.chaos.play import play_chaos
    from perdure.cli.admin.chaos_display import ChaosDisplay
    from perdure.local.discovery import discover
    from perdure.verify.expectation import write_expected

    expected = folder / "events.jsonl"
    write_expected(expected, [event.expected for event in order.events])
    with console.status("") as status:
        await play_chaos(
            order.events,
            bus=discover(settings)[0],
            state=settings.state,
            victims=order.victims,
            every=order.every,
            seed=order.seed,
            report=ChaosDisplay(as_json=order.as_json, status=status).chaos,
        )
    return await _verified(expected, order)


async def _verified(expected: Path, order: _ChaosOptions) -> int:
    from perdure.cli.admin.check import VERIFIER

    arguments = ["--events", str(expected), "--ended", "--within", f"{order.within.total_seconds()}s"]
    arguments += ["--json"] if order.as_json else []
    verifier = await asyncio.create_subprocess_exec(*VERIFIER, *arguments)
    try:
        return await verifier.wait()
    finally:
        if verifier.returncode is None:
            verifier.kill()
            await verifier.wait()
