"""A run of ten model requests and ten tool calls, with instant servers: the cost of durability."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from temporalio.client import Client

from bench.agents_floor import open_agent_floor
from bench.agents_workload import TURNS
from bench.house import open_house, publishing_agents
from bench.measure import Latency, latency
from bench.report import at_most, median, tell
from perdure.connections.executions import describe_execution, each_execution
from tests.support.llm_peer import llm_peer

__all__ = ["Agents", "measure_agents"]

_AIM: Final = 1.3
_SERVER: Final = str(Path(__file__).parents[1] / "tests" / "unit" / "orchestrator" / "tiny_server.py")
_WARM_UP: Final = 3


@dataclass(frozen=True, slots=True)
class Agents:
    """Latencies by round, and sizes of histories.

    Attributes:
        perdure: From the published event to ``completed``.
        by_hand: With temporalio alone, from the request to the result.
        history_bytes: The history of one run with Perdure.
        history_bytes_by_hand: The history of one run by hand.
    """

    perdure: Sequence[Latency]
    by_hand: Sequence[Latency]
    history_bytes: int
    history_bytes_by_hand: int

    def summary(self) -> dict[str, Any]:
        """Return medians over the rounds; the ratio is taken within each round."""
        ratios = [perdure.p50 / floor.p50 for perdure, floor in zip(self.perdure, self.by_hand, strict=True)]
        calls = 2 * TURNS
        return {
            "p50_ms": median([it.p50 for it in self.perdure]),
            "by_hand_p50_ms": median([it.p50 for it in self.by_hand]),
            "ratio": median(ratios),
            "aim": _AIM,
            "history_bytes_per_call": round(self.history_bytes / calls),
            "by_hand_history_bytes_per_call": round(self.history_bytes_by_hand / calls),
        }

    def show(self, console: Console) -> None:
        """Print a table."""
        found = self.summary()
        table = Table("", "p50", "to by hand", "history a call", title="Ten model requests and ten tool calls")
        table.add_row(
            "by hand", f"{found['by_hand_p50_ms']:.0f} ms", "", f"{found['by_hand_history_bytes_per_call']} B"
        )
        table.add_row(
            "Perdure",
            f"{found['p50_ms']:.0f} ms",
            at_most(found["ratio"], _AIM),
            f"{found['history_bytes_per_call']} B",
        )
        console.print(table)


async def measure_agents(folder: Path, runs: int, rounds: int) -> Agents:
    """Let both contestants take turns on the same servers."""
    async with llm_peer() as peer:
        url = f"{peer.url}/v1"
        (folder.parent / "key").write_text("none")
        provider = {"compatible": True, "base_url": url, "api_key_file": str(folder.parent / "key")}
        more = {
            "llm": {"model": "house:any", "providers": {"house": provider}},
            "mcp": {"servers": {"tiny": {"command": "python", "args": [_SERVER]}}},
        }
        async with (
            open_house(folder, more) as house,
            open_agent_floor(house.endpoints.temporal, url, _SERVER) as floor,
            publishing_agents(house) as perdure,
        ):
            for contestant in (floor, perdure):
                await latency(contestant, _WARM_UP)
            found: list[tuple[Latency, Latency]] = []
            for number in range(rounds):
                tell(f"agents, round {number + 1} of {rounds}")
                found.append((await latency(floor, runs), await latency(perdure, runs)))
            sizes = await _history_sizes(house.endpoints.temporal)
    return Agents([it for _, it in found], [it for it, _ in found], sizes["AgentRun"], sizes["ByHand"])


async def _history_sizes(temporal: str) -> dict[str, int]:
    """Return the history size of the newest run in bytes, by workflow."""
    client = await Client.connect(temporal)
    sizes: dict[str, int] = {}
    for name in ("AgentRun", "ByHand"):
        async for run in each_execution(client, f"WorkflowType = '{name}'", limit=1):
            sizes[name] = (await describe_execution(client, run.workflow_id)).raw.history_size_bytes
    return sizes
