"""Records the histories that must replay for ever: ``python -m tests.replay.record [SCENE…]`` adds those missing.

They lie in a folder of the version that made them, or will be released with them. A history is never recorded anew
because a change broke its replay: such a change needs ``workflow.patched``.
"""

import asyncio
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final
from unittest.mock import patch

from opentelemetry import trace
from temporalio import workflow
from temporalio.contrib.opentelemetry import OpenTelemetryPlugin, create_tracer_provider
from temporalio.testing import WorkflowEnvironment

from perdure.runtime.exit import exit_process
from perdure_orchestrator.registry import Registry
from tests.replay.corpus import HISTORIES, PAYLOADS, SEPARATOR, registry
from tests.replay.recording import Recording
from tests.replay.scenes import SCENES, Scene
from tests.replay.sums import add_to_sums
from tests.support.binaries import binary

_FOLDER: Final = HISTORIES / "0.2-sessions"
_ROOT: Final = Path(__file__).parents[2]


async def main(names: list[str]) -> None:
    logging.disable()  # that runs fail is what some scenes are about
    known = registry()
    trace.set_tracer_provider(create_tracer_provider(shutdown_on_exit=False))
    for name in names or SCENES:
        if _is_recorded(name):
            continue
        print(name)  # noqa: T201 (a program)
        _write(await _record(name, SCENES[name], known))
    add_to_sums(HISTORIES)


async def _record(name: str, scene: Scene, known: Registry) -> Recording:
    """Play a scene on a server of its own: the time that one lets pass is no other's."""
    async with await _server(real=scene.real) as environment:
        recording = Recording(environment, known, name, scene.script, scene.settings, unpatched=set(scene.unpatched))
        tracer = trace.get_tracer("recorder")
        with _as_then(scene, recording.unpatched), tracer.start_as_current_span(name):
            await scene.play(recording)
        return recording


async def _server(*, real: bool) -> WorkflowEnvironment:
    plugins = [OpenTelemetryPlugin()]
    if real:
        return await WorkflowEnvironment.start_local(
            dev_server_existing_path=binary("temporal"),
            identity="recorder",
            plugins=plugins,
            dev_server_log_level="error",
        )
    return await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=binary("temporal-test-server"), identity="recorder", plugins=plugins
    )


@contextmanager
def _as_then(scene: Scene, unpatched: set[str]) -> Iterator[None]:
    """Let the code be what it was before certain changes, and name files as they lie in the repository."""
    patched, formatted = workflow.patched, traceback.format_tb

    def known(patch_id: str) -> bool:
        return re.sub(r"-\d+$", "", patch_id) not in unpatched and patched(patch_id)

    def neutral(tb: TracebackType | None, limit: int | None = None) -> list[str]:
        lines = formatted(tb, limit)
        for place in (*sys.path, str(_ROOT)):
            lines = [line.replace(f"{place}/", "") for line in lines if place] if place else lines
        return lines

    with ExitStack() as stack:
        stack.enter_context(patch.object(workflow, "patched", known))
        stack.enter_context(patch.object(traceback, "format_tb", neutral))
        if scene.signals_first:
            stack.enter_context(patch("perdure_orchestrator.plugin.enable_single_batch_activation", lambda _: None))
        yield


def _is_recorded(name: str) -> bool:
    return any(
        file.stem == name or file.stem.startswith((f"{name}.", f"{name}{SEPARATOR}"))
        for file in HISTORIES.glob("*/*.json")
    )


def _write(recording: Recording) -> None:
    """Write what was kept, but never over what is there."""
    (_FOLDER / PAYLOADS).mkdir(parents=True, exist_ok=True)
    for name, history in recording.kept.items():
        with (_FOLDER / f"{name}.json").open("x") as file:
            file.write(history)
    for digest, data in recording.objects.data.items():
        if not (_FOLDER / PAYLOADS / digest).exists():
            (_FOLDER / PAYLOADS / digest).write_bytes(data)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
    exit_process(0)
