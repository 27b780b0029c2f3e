"""Records the histories that must replay for ever: ``python -m tests.replay.record [SCENE…]`` adds those missing.

With ``--release <major>.<minor>`` it records all that today's code can, in the folder of that release.

They lie in a folder of the version that made them, or will be released with them. A history is never recorded anew
because a change broke its replay: such a change needs ``workflow.patched``.
"""

import asyncio
import logging
import re
import sys
import traceback
from argparse import ArgumentParser
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


async def main(names: list[str], release: str | None) -> int:
    """Record them, and return how many scenes today's code does not play to their end."""
    logging.disable()  # that runs fail is what some scenes are about
    known, folder = registry(), _FOLDER if release is None else HISTORIES / release
    trace.set_tracer_provider(create_tracer_provider(shutdown_on_exit=False))
    failed = 0
    for name in names or SCENES:
        scene = SCENES[name]
        if _is_recorded(name, release or "*") or (release and scene.is_of_the_past):
            continue
        print(name, flush=True)  # noqa: T201 (a program)
        try:
            _write(await _record(name, scene, known), folder)
        except TimeoutError:
            if release is None:
                raise
            failed += 1
            print(f"  {name}: does not end; adapt the scene to today's code", flush=True)  # noqa: T201 (likewise)
    add_to_sums(HISTORIES)
    return failed


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


def _is_recorded(name: str, folder: str) -> bool:
    return any(
        file.stem == name or file.stem.startswith((f"{name}.", f"{name}{SEPARATOR}"))
        for file in HISTORIES.glob(f"{folder}/*.json")
    )


def _write(recording: Recording, folder: Path) -> None:
    """Write what was kept, but never over what is there."""
    (folder / PAYLOADS).mkdir(parents=True, exist_ok=True)
    for name, history in recording.kept.items():
        with (folder / f"{name}.json").open("x") as file:
            file.write(history)
    for digest, data in recording.objects.data.items():
        if not (folder / PAYLOADS / digest).exists():
            (folder / PAYLOADS / digest).write_bytes(data)


if __name__ == "__main__":
    arguments = ArgumentParser()
    arguments.add_argument("--release")
    arguments.add_argument("scenes", nargs="*")
    given = arguments.parse_args()
    exit_process(min(asyncio.run(main(given.scenes, given.release)), 1))
