"""One event leaves one trace: from the publisher, through every step, to the notifications."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from perdure.cli.runs.trace import trace_of
from perdure.telemetry.span_tree import SpanNode
from tests.support.command_line import perdure_of, published_run
from tests.support.suite import World

OpenWorld = Callable[..., AbstractAsyncContextManager[World]]
Tree = list[tuple[str, "Tree"]]

DOCUMENTS = Path(__file__).parents[2] / "examples" / "documents"
RUN = published_run("DocumentAnalysis", "one")

EXPECTED = """
perdure: publish documents.submitted
  ingest: ingest receives EVENTS
    orchestrator: orchestrator receives COMMANDS
      orchestrator: run DocumentAnalysis
        orchestrator: step loader: read_text_file
          orchestrator: MCP send server/discover
          orchestrator: MCP send tools/list
          orchestrator: MCP send tools/call read_text_file
        orchestrator: step analyst: ask
          orchestrator: chat offline
        orchestrator: step sentiment: ask
          orchestrator: chat offline
        orchestrator: step entities: ask
          orchestrator: chat offline
        orchestrator: step summary: ask
          orchestrator: chat offline
        orchestrator: step reporter: ask
          orchestrator: chat offline
        orchestrator: approval Publish the report on contract.md?
          notifier: notifier receives APPROVALS
            notifier: notifier sends terminal
          orchestrator: orchestrator receives DECISIONS
          notifier: notifier receives APPROVALS
            notifier: notifier sends terminal
        orchestrator: step publisher: write_file
          orchestrator: MCP send tools/call write_file
"""


async def test_a_run_leaves_one_whole_trace(world: OpenWorld, tmp_path: Path) -> None:
    folder = shutil.copytree(DOCUMENTS, tmp_path / "documents")
    filesystem = {"command": sys.executable, "args": ["-m", "perdure_orchestrator.filesystem_server", str(folder)]}
    routes = [{"on": "documents.submitted", "start": "DocumentAnalysis"}]
    patient = {"task_timeout_seconds": 60}  # a slow machine must not repeat a step: its span would be there twice
    async with world(routes=routes, mcp={"servers": {"filesystem": filesystem}}, temporal=patient) as here:
        traces = here.settings.state / "traces"
        await published(here)
        await notified(here, 1)
        await approved(here)
        await notified(here, 2)
        await written(traces)

    trace = trace_of(traces, RUN)
    assert trace is not None
    assert as_tree(trace.roots) == parsed(EXPECTED.strip().splitlines())
    assert trace_ids(traces) == {trace.roots[0].trace_id}


async def published(here: World) -> None:
    """The event comes from a process of its own, as `perdure publish` sends it."""
    document = '{"path": "contract.md"}'
    answer = await perdure_of(here.settings.state, "publish", "documents.submitted", document, "--id", "one")
    assert answer.returncode == 0, answer.stderr


async def approved(here: World) -> None:
    """The decision comes from a process that knows NATS and nothing else."""
    (key,) = here.settings.keys_folder.glob("*.pem")
    command = [sys.executable, "-m", "perdure.cli.demo.bot", here.suite.endpoints.nats, RUN, str(key)]
    seed = str(here.settings.state / "nkeys" / "bot.nk")
    bot = await asyncio.create_subprocess_exec(*command, env={**os.environ, "NATS_NKEY_SEED_FILE": seed})
    assert await bot.wait() == 0


async def notified(here: World, count: int) -> None:
    """Wait until so many notifications are recorded."""
    async with asyncio.timeout(60):
        async for message in here.bus.subscribe("notifications.>", replay=True):
            if message.sequence >= count:
                return


async def written(traces: Path) -> None:
    """Wait until the run has ended and its own span is on disk: before that, its steps have no parent."""
    async with asyncio.timeout(60):
        while (trace := trace_of(traces, RUN)) is None or not trace.complete:
            await asyncio.sleep(0.1)


def as_tree(nodes: Sequence[SpanNode]) -> Tree:
    """Service and name of every span, siblings by name: agents that work at once start in any order."""
    return sorted((f"{node.service}: {node.name}", as_tree(node.children)) for node in nodes)


def parsed(lines: Sequence[str], depth: int = 0) -> Tree:
    """Read an indented text into the same shape."""
    starts = [number for number, line in enumerate(lines) if not line.startswith("  " * (depth + 1))]
    ends = [*starts, len(lines)][1:]
    return sorted(
        (lines[start].strip(), parsed(lines[start + 1 : end], depth + 1))
        for start, end in zip(starts, ends, strict=True)
    )


def trace_ids(folder: Path) -> set[str]:
    """All ids of all traces that the suite left."""
    return {found for file in folder.iterdir() for found in re.findall(r'"traceId":"(\w+)"', file.read_text())}
