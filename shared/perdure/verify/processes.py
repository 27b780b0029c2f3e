"""Looks at the processes of a local suite: whether each is ready, and whether it goes on."""

import os
from pathlib import Path
from typing import Final

from perdure.local.service_house import service_state
from perdure.local.state import Endpoints, read_endpoints
from perdure.verify.records import ProcessState

__all__ = ["process_states"]

_LASTS: Final = 5.0  # seconds; a younger process may be one of many that end again and again
_ANSWERS_WITHIN: Final = 1.0  # seconds
_STARTED_AT: Final = 19  # the field of /proc/<pid>/stat after the process' name, in ticks since the machine started


async def process_states(state: Path) -> list[ProcessState]:
    """Return the processes of the suite of a state folder; none if no suite runs there."""
    endpoints = read_endpoints(state)
    if endpoints is None:
        return []
    return [ProcessState(name, await _problem(endpoints, name)) for name in endpoints.pids]


async def _problem(endpoints: Endpoints, name: str) -> str:
    pid = endpoints.pids[name]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return f"process {pid} has ended, and no other is ready"
    if name in endpoints.services:
        found = await service_state(endpoints.services[name], endpoints.instance, within=_ANSWERS_WITHIN)
        if found.house != "ours" or found.missing:
            return f"process {pid} is not ready: {', '.join(found.missing) or found.house}"
    age = _age(pid)
    return "" if age >= _LASTS else f"process {pid} has run for {age:.0f} s only"


def _age(pid: int) -> float:
    """Return how long a process has run, in seconds; where there is no /proc, as if for ever."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        up = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return float("inf")
    return up - int(fields[_STARTED_AT]) / os.sysconf("SC_CLK_TCK")
