"""``perdure admin chaos``: load while faults strike at random, and a verdict from outside."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from perdure.chaos.plan import VICTIMS
from perdure.chaos.strike import DURATIONS
from perdure.cli.admin.chaos_options import check_options, read_duration, read_faults, read_victims
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

__all__ = ["register"]

_USUAL_VICTIMS: Final = "ingest,orchestrator,nats,temporal"


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
        apart, bound = read_duration(every, "--every"), read_duration(within, "--within")
        settings = load_settings()
        runs = read_endpoints(settings.state) is not None
        check_options(settings, victims, kinds, runs=runs, given=(type_, data), replicas=replicas)
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
