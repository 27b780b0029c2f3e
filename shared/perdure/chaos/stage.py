"""What must be in place before a suite starts, so that faults can strike it later: wires, small disks and clocks."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perdure.chaos.clock import build_skewed_clock, clock_environment
from perdure.chaos.disk import small_disks
from perdure.chaos.wire import Wire, open_wire
from perdure.local.services import service_of

__all__ = ["STAGED", "Stage", "open_stage"]

STAGED: Final = frozenset({"partition", "delay", "disk", "clock"})
"""The faults that need a stage, and so a suite of their own."""

_LOCALHOST: Final = "127.0.0.1"


@dataclass(slots=True)
class Stage:
    """The stage of one suite.

    Attributes:
        wires: The proxy of each process before each server.
        disks: The folder of each part with a disk of its own.
        clocks: The file that says how wrong the clock of each process is.
        environment: Variables of each process.
    """

    wires: dict[tuple[str, str], Wire] = field(default_factory=dict)
    disks: Mapping[str, Path] = field(default_factory=dict)
    clocks: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, dict[str, str]] = field(default_factory=dict)


@asynccontextmanager
async def open_stage(
    faults: frozenset[str], state: Path, *, ports: Mapping[str, int], processes: Collection[str]
) -> AsyncIterator[Stage]:
    """Put in place what these faults need, for the duration of the block.

    Args:
        faults: The kinds of faults.
        state: The state folder, in which no suite runs yet.
        ports: The ports that the suite will use, by name.
        processes: The names of the services' processes.

    Raises:
        SetupError: This machine lacks something, such as a C compiler.
    """
    stage = Stage(environment={name: {} for name in processes})
    async with AsyncExitStack() as stack:
        if "disk" in faults:
            stage.disks = stack.enter_context(small_disks(state))
        if faults & {"partition", "delay"}:
            await _open_wires(stage, ports, stack)
        if "clock" in faults:
            library = build_skewed_clock(state)
            for name in processes:
                stage.clocks[name] = state / f"clock-{name}"
                stage.environment[name] |= clock_environment(library, stage.clocks[name])
        yield stage


async def _open_wires(stage: Stage, ports: Mapping[str, int], stack: AsyncExitStack) -> None:
    for name, variables in stage.environment.items():
        stage.wires[name, "nats"] = nats = await stack.enter_async_context(open_wire(_LOCALHOST, ports["nats"]))
        variables["PERDURE_NATS__SERVERS"] = f'["nats://{_LOCALHOST}:{nats.port}"]'
        if service_of(name) == "orchestrator":
            stage.wires[name, "temporal"] = wire = await stack.enter_async_context(
                open_wire(_LOCALHOST, ports["temporal"])
            )
            variables["PERDURE_TEMPORAL__PORT"] = str(wire.port)
