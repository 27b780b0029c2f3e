"""``perdure admin chaos``: load while faults strike at random, and a verdict from outside."""

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
from perdure.chaos.strike import DURATIONS
from perdure.cli.client import Json, run_command
from perdure.cli.exit_codes import INTERRUPTED
from perdure.cli.output import console
from perdure.cli.replicas import Replicas, read_replicas
from perdure.cli.signals import cancel_on_signal
from perdure.runtime.stderr import print_error

if TYPE_CHECKING:
    from perdure.chaos.play import ChaosRun
    from perdure.chaos.stage import Stage
    from perdure.config.settings import Settings

__all__ = ["read_faults", "read_victims", "register"]

_USUAL_VICTIMS: Final = "ingest,orchestrator,nats,temporal"
_ON_RUNNING: Final = ("kill", "stall", "consumer")
"""The faults that a suite in use takes: the others need to be in place before it starts, or destroy messages."""


@dataclass(frozen=True, slots=True)
class _ChaosOptions:
    """The options of one chaos run.

    Attributes:
        within: The longest wait for all runs to end after the last fault.
    """

    run: ChaosRun
    within: timedelta
    as_json: bool


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(
        epilog="Exit codes: 0 every check holds, 1 a check fails, with the ids, 2 wrong usage. "
        "Examples: perdure admin chaos --events 500 --kill ingest,nats --every 3s --seed 7; "
        "perdure admin chaos --faults stall,partition,clock --seed 3; "
        "perdure admin chaos --faults all --strikes 20 --json"
    )
    def chaos(  # noqa: PLR0913, PLR0917 (each is a flag)
        events: Annotated[int, typer.Option(min=1, max=100_000, help="Number of events.")] = 200,
        faults: Annotated[
            str, typer.Option(help=f"Kinds of faults, separated by commas: {', '.join(DURATIONS)}, or all.")
        ] = "kill",
        kill: Annotated[
            str, typer.Option(help=f"Parts to kill, separated by commas: {', '.join(VICTIMS)}.")
        ] = _USUAL_VICTIMS,
        strikes: Annotated[
            int | None,
            typer.Option(min=1, help="Number of faults; default: one a target.", show_default=False),
        ] = None,
        every: Annotated[str, typer.Option(help="Time between two faults, as 3s or 500ms.")] = "3s",
        seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 1,
        type_: Annotated[str | None, typer.Option("--type", help="On a running suite: the events' type.")] = None,
        data: Annotated[str | None, typer.Option(help="On a running suite: the events' data, JSON.")] = None,
        within: Annotated[str, typer.Option(help="Longest wait for all runs to end after the last fault.")] = "120s",
        replicas: Replicas = "",
        *,
        keep: Annotated[bool, typer.Option("--keep", help="Keep the folder of the suite.")] = False,
        as_json: Json = False,
    ) -> None:
        """Publish events, strike parts with faults, and verify every outcome.

        Uses the suite that runs on this state folder, or else starts one and removes it afterwards.

        Faults: kill (SIGKILL), stall (SIGSTOP for seconds), partition and delay (between services and servers), disk
        (full under NATS, audit or Temporal), consumer and stream (deleted), clock (a service's is up to an hour wrong).
        """
        from perdure.chaos.own_mounts import enter_own_mounts
        from perdure.chaos.plan import plan_given, plan_mixture
        from perdure.chaos.play import ChaosRun
        from perdure.cli.admin.check import needs_parts
        from perdure.config.loader import load_settings
        from perdure.local.state import read_endpoints

        needs_parts()
        processes, victims, kinds = read_replicas(replicas), read_victims(kill), read_faults(faults)
        apart, bound = _duration(every, "--every"), _duration(within, "--within")
        settings = load_settings()
        runs = read_endpoints(settings.state) is not None
        _check(settings, victims, kinds, runs=runs, given=(type_, data), replicas=replicas)
        if "disk" in kinds:
            enter_own_mounts()
        label = f"chaos-{datetime.now(UTC):%Y%m%dT%H%M%S}-{seed}"
        planned = (
            plan_given(events, seed, label=label, type_=type_ or "", body=(data or "").encode())
            if runs
            else plan_mixture(events, seed, label=label)
        )
        order = _ChaosOptions(ChaosRun(label, planned, kinds, victims, apart, seed, strikes), bound, as_json)
        work = _on_running(order, settings) if runs else _on_own(order, processes, keep=keep)
        code = run_command(cancel_on_signal(work))
        raise typer.Exit(INTERRUPTED if code is None else code)


def read_faults(text: str) -> list[str]:
    """Read ``--faults``.

    Raises:
        typer.BadParameter: There is no such fault, or none is named.
    """
    names = _names(text)
    if names == ["all"]:
        return list(DURATIONS)
    if unknown := [name for name in names if name not in DURATIONS]:
        raise typer.BadParameter(f"there is no fault {unknown[0]!r}; there are: {', '.join(DURATIONS)}, or all")
    if not names:
        raise typer.BadParameter(f"name at least one of: {', '.join(DURATIONS)}")
    return names


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def read_victims(text: str) -> list[str]:
    """Read ``--kill``.

    Raises:
        typer.BadParameter: There is no such part, or none is named.
    """
    victims = _names(text)
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


def _check(  # noqa: PLR0913 (everything that must fit together)
    settings: Settings,
    victims: Sequence[str],
    faults: Sequence[str],
    *,
    runs: bool,
    given: tuple[str | None, str | None],
    replicas: str,
) -> None:
    from perdure.local.services import service_of
    from perdure.local.state import read_endpoints

    type_, data = given
    if not runs:
        if type_ is not None or data is not None:
            raise typer.BadParameter(f"--type and --data are for a running suite, and none runs on {settings.state}")
        return
    if own := [name for name in faults if name not in _ON_RUNNING]:
        raise typer.BadParameter(
            f"{own[0]} needs a suite of its own: use a folder without a running suite. A running one takes "
            f"{', '.join(_ON_RUNNING)}",
            param_hint="--faults",
        )
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
    if missing := [name for name in victims if "kill" in faults and name not in parts]:
        raise typer.BadParameter(f"{missing[0]} is not a process of the running suite, so it cannot be killed")


async def _on_running(order: _ChaosOptions, settings: Settings) -> int:
    with tempfile.TemporaryDirectory(prefix="perdure-chaos-") as folder:
        return await _play(order, settings, Path(folder), None)


async def _on_own(order: _ChaosOptions, replicas: dict[str, int], *, keep: bool) -> int:
    from perdure.chaos.own_suite import own_suite
    from perdure.cli.admin.chaos_display import ChaosDisplay

    async with _folder(keep=keep) as (folder, keeps):
        display = ChaosDisplay(as_json=order.as_json)
        suite = own_suite(folder, replicas=replicas, faults=frozenset(order.run.faults), report=display.suite)
        async with suite as (settings, stage):
            display.started = True
            code = await _play(order, settings, folder, stage)
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


async def _play(order: _ChaosOptions, settings: Settings, folder: Path, stage: Stage | None) -> int:
    from perdure.chaos.play import Scene, play_chaos
    from perdure.cli.admin.chaos_display import ChaosDisplay
    from perdure.verify.expectation import write_expected

    expected, kept = folder / "events.jsonl", folder / "deleted.jsonl"
    kept.touch()
    with console.status("") as status:
        display = ChaosDisplay(as_json=order.as_json, status=status)
        published = await play_chaos(order.run, Scene(settings, stage, kept), report=display.chaos)
    write_expected(expected, [event.expected for event in published])
    return await _verified(expected, kept, order)


async def _verified(expected: Path, kept: Path, order: _ChaosOptions) -> int:
    from perdure.cli.admin.check import VERIFIER

    arguments = ["--events", str(expected), "--deleted", str(kept), "--ended"]
    arguments += ["--within", f"{order.within.total_seconds()}s", *(["--json"] if order.as_json else [])]
    verifier = await asyncio.create_subprocess_exec(*VERIFIER, *arguments)
    try:
        return await verifier.wait()
    finally:
        if verifier.returncode is None:
            verifier.kill()
            await verifier.wait()
