"""Replays recorded histories: new code must do what the recorded run did."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

from perdure.bus import MemoryBus, MemoryObjects
from perdure.config.settings import Settings
from perdure.connections.temporal_internals import workflow_name
from perdure.testing.given_settings import given_settings
from perdure.values.nearest import nearest
from perdure_orchestrator.plugin import PerdurePlugin

__all__ = ["replay"]

_WITHIN: Final = timedelta(seconds=60)
_ADVICE: Final = "Undo the change, or guard it by workflow.patched(...): docs/upgrading.md."


async def replay(
    history: WorkflowHistory | Path | str,
    *workflows: type,
    settings: Settings | None = None,
    within: timedelta = _WITHIN,
) -> None:
    """Replay a history through the code of today, with the plugin of production.

    Args:
        history: The history, or a file of ``perdure runs history RUN``. The file's name without ``.json`` must be the
            run id, because the id is part of what replays.
        workflows: The class of the run, and of others that the history may be of.
        settings: The configuration, such as ``load_settings()``: then values that are too large for the history are
            read from its NATS. By default there is no NATS.
        within: How much real time the replay may take: temporalio hangs at some differences.

    Raises:
        AssertionError: The code does something else than the recorded run, or the history is of another workflow.
    """
    recorded = history if isinstance(history, WorkflowHistory) else _read(Path(history))
    began = recorded.events[0].workflow_execution_started_event_attributes.workflow_type.name
    names = [name for name in map(workflow_name, workflows) if name is not None]
    if began not in names:
        raise AssertionError(f"{recorded.workflow_id} is a run of {began}{nearest(began, names)}")
    replayer = Replayer(workflows=list(workflows), plugins=[_plugin(settings, workflows)], build_id="replay")
    try:
        async with asyncio.timeout(within.total_seconds()):
            await replayer.replay_workflow(recorded)
    except TimeoutError:
        raise AssertionError(f"{recorded.workflow_id} does not replay within {within}. {_ADVICE}") from None
    except (NondeterminismError, RuntimeError) as error:
        raise AssertionError(f"{recorded.workflow_id} does not replay: {error}. {_ADVICE}") from error


def _read(file: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(file.name.removesuffix(".json"), file.read_text(encoding="utf-8"))


def _plugin(settings: Settings | None, workflows: tuple[type, ...]) -> PerdurePlugin:
    if settings is not None:
        return PerdurePlugin(settings)
    own = given_settings(dict.fromkeys(one.__module__ for one in workflows), {"temporal": {"on_bug": "wait"}})
    return PerdurePlugin(own, bus=MemoryBus(), objects=MemoryObjects())
