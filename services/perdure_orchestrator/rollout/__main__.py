"""Rolls out the code that lies here: ``python -m perdure_orchestrator.rollout REQUEST`` prints each step as JSON."""

import asyncio
import os
import sys
from functools import partial
from typing import Final, TextIO

from temporalio.service import RPCError

from perdure.builds.version import Version, own_version
from perdure.bus import connect
from perdure.bus.views.version_records import VersionRecords
from perdure.config.loader import load_settings
from perdure.config.settings import Settings
from perdure.contracts import VersionChanged
from perdure.errors import PerdureError, SetupError, Unavailable
from perdure.local.approver import login_name
from perdure.runtime.exit import exit_process
from perdure.values.rollout import RolloutEvent, RolloutRefused, RolloutRequest
from perdure.versions.acts import VersionActs
from perdure.versions.places import open_places
from perdure.versions.version_runs import VersionRuns
from perdure_orchestrator.rollout.gate import replay_open_runs
from perdure_orchestrator.rollout.open_runs import ProvenRuns
from perdure_orchestrator.rollout.rollout import Rollout
from perdure_orchestrator.temporal import connect_temporal

_SOURCE: Final = "perdure/rollout"
_BUS_WITHIN: Final = 30.0  # seconds


async def _roll_out(request: RolloutRequest, lines: TextIO) -> None:
    def report(event: RolloutEvent) -> None:
        lines.write(f"{event.model_dump_json()}\n")
        lines.flush()

    try:
        settings = load_settings()
        version = _version(settings)
        client, queue = await connect_temporal(settings.temporal), settings.temporal.task_queue
        open_runs = ProvenRuns(partial(open_places, client, queue), version.build, replay_open_runs)
        acts = VersionActs(client, version.deployment, queue, by=request.by or login_name())
        runs = VersionRuns(client, version.deployment, queue)
        rollout = partial(Rollout, acts, runs, open_runs, report=report, go_ahead=_go_ahead)
        if request.dry_run:
            await rollout(record=_refuse_record).run(request)
            return
        async with connect(settings.nats, source=_SOURCE, role="orchestrator", within=_BUS_WITHIN) as bus:
            await rollout(record=VersionRecords(bus).add).run(request)
    except (RPCError, Unavailable) as error:
        report(RolloutRefused(why=f"A server does not answer: {error}. Repeat it: it continues.", is_passing=True))
    except PerdureError as error:
        report(RolloutRefused(why=str(error)))


async def _refuse_record(change: VersionChanged) -> None:
    raise AssertionError(f"a dry run changes nothing, so it does not need NATS, but made: {change}")


async def _go_ahead() -> None:
    """Wait until whoever follows the rollout has started the workers: for a line.

    Raises:
        SetupError: It has ended before.
    """
    if not await asyncio.to_thread(sys.stdin.buffer.readline):
        raise SetupError("Nothing was changed: the program that began the deploy has ended. Repeat `perdure deploy`.")


def _version(settings: Settings) -> Version:
    version = own_version(settings.temporal, settings.workflows)
    if version is None:
        raise SetupError("Workers have no versions here: set `temporal.deployment`, and start them anew.")
    return version


if __name__ == "__main__":
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(output, "w", encoding="utf-8") as lines:
        asyncio.run(_roll_out(RolloutRequest.model_validate_json(sys.argv[1]), lines))
    exit_process(0)
