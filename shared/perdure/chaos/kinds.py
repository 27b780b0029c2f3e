"""The kinds of faults, and which can strike where."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from nats.js import JetStreamContext

from perdure.chaos.clock import ClockSkew
from perdure.chaos.consumer import ConsumerLoss
from perdure.chaos.disk import DiskFull
from perdure.chaos.kill import Kill
from perdure.chaos.network import Delay, Partition
from perdure.chaos.plan import VICTIMS
from perdure.chaos.processes import Processes
from perdure.chaos.stage import Stage
from perdure.chaos.stall import Stall
from perdure.chaos.storing import stores_messages
from perdure.chaos.stream import StreamLoss
from perdure.chaos.strike import Fault

__all__ = ["make_faults"]


def make_faults(  # noqa: PLR0913 (what faults are made of)
    kinds: Sequence[str], *, state: Path, victims: Sequence[str], stage: Stage, js: JetStreamContext, kept: Path
) -> dict[str, Fault]:
    """Return the faults of these kinds, by kind.

    Args:
        kinds: The kinds, all of which the stage is made for.
        state: The state folder of the suite.
        victims: The parts to kill.
        stage: What was put in place before the suite started.
        js: JetStream, as the operator.
        kept: A file for what deleted streams held.
    """
    processes = Processes(state)
    parts = processes.parts()  # your own NATS or Temporal is none
    faults: Mapping[str, Fault] = {
        "kill": Kill(processes, victims),
        "stall": Stall(processes, [it for it in VICTIMS if it in parts]),
        "partition": Partition(stage.wires, processes),
        "delay": Delay(stage.wires, processes),
        "disk": DiskFull(stage.disks, processes, lambda: stores_messages(js)),
        "consumer": ConsumerLoss(js),
        "stream": StreamLoss(js, kept),
        "clock": ClockSkew(stage.clocks),
    }
    return {kind: faults[kind] for kind in kinds}
