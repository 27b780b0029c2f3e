"""A run that is recorded: on a worker of production's, with scripted models, whatever time it waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from perdure.bus import MemoryBus, RawMessage
from perdure.config.settings import Settings
from perdure.contracts import ApprovalRequested, Decision
from perdure.flow.approvals_host import DECISION_SIGNAL
from perdure.flow.publisher import EVENT_MEMO
from perdure.testing import ScriptedModel
from perdure.testing.scripted_model import Line
from perdure.voting.ballot import ReceivedDecision
from perdure_orchestrator.activities import AgentBackends
from perdure_orchestrator.agents.in_process import InProcessServer
from perdure_orchestrator.plugin import PerdurePlugin
from perdure_orchestrator.registry import Registry
from perdure_orchestrator.worker import run_worker
from tests.replay.corpus import SEPARATOR
from tests.replay.signers import Signers

__all__ = ["OPEN", "Recording", "Run", "Script"]

Script = Sequence[Line] | Callable[[str], Line]
Run = WorkflowHandle[Any, Any]

OPEN: Final = "open"
"""What the history of a run is called that goes on."""

FUNCTIONS: Final = "tests.replay.workflows.functions"
_KNOWN: Final = ("roles", "stands_in_for", "proxy", "stored_at", "place")  # what the bridge adds to a decision
_PATIENCE: Final = 30.0  # seconds
_STILL: Final = 0.3  # seconds in which nothing may be added to the history of a run that is at rest


class KeptObjects:
    """An object store in memory, of which one can see what it holds."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        self.data[name] = data

    async def get(self, name: str) -> bytes:
        return self.data[name]


class RecordingBus(MemoryBus):
    """A bus on which something may happen while a run makes sure that nobody has answered."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def wait_until_consumed(self, service: str, stream: str) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            await happens()
        await super().wait_until_consumed(service, stream)


@dataclass
class Recording:
    """One scene, on a queue of its own."""

    environment: WorkflowEnvironment
    registry: Registry
    name: str
    script: Script = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    bus: RecordingBus = field(default_factory=RecordingBus)
    objects: KeptObjects = field(default_factory=KeptObjects)
    kept: dict[str, str] = field(default_factory=dict)
    unpatched: set[str] = field(default_factory=set)
    approvers: Signers = field(default_factory=Signers)
    places: int = 0

    def __post_init__(self) -> None:
        temporal = {"task_queue": self.name, "sandbox": False, **self.settings.get("temporal", {})}
        ours = {
            **self.settings,
            "temporal": temporal,
            "orchestrator": {"max_cached_runs": 0},  # every task replays from the start while it is recorded
            "workflows": [FUNCTIONS],
        }
        self.configured = Settings.model_validate(ours)
        self.model = ScriptedModel(self.script)
        servers = {
            "shop": InProcessServer(shop()),
            "filesystem": InProcessServer(files()),
            "desk": InProcessServer(desk(), session="run"),
        }
        backends = AgentBackends(self.model, servers)
        configuration = self.environment.client.config()
        configuration["plugins"] = [
            PerdurePlugin(
                self.configured, bus=self.bus, objects=self.objects, backends=backends, approvers=self.approvers
            )
        ]
        self.client = Client(**configuration)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Let a worker work for as long as the block lasts; what comes meanwhile to nobody, the next one takes."""
        async with run_worker(self.client, self.registry, self.configured):
            yield

    async def start(self, workflow: str, *args: Any, run_id: str | None = None, **options: Any) -> Run:
        """Start a run as the bridge does; its id is that of the scene, unless it has one of its own."""
        return await self.client.start_workflow(
            workflow,
            args=args,
            id=run_id or self.name,
            task_queue=self.name,
            memo={EVENT_MEMO: f"event-{self.name}"},
            task_timeout=self.configured.temporal.task_timeout,
            request_eager_start=not options and not self.environment.supports_time_skipping,
            **options,
        )

    def handle(self, workflow_id: str, run_id: str | None = None) -> Run:
        """Return a run that somebody else started."""
        return self.client.get_workflow_handle(workflow_id, run_id=run_id)

    async def requested(self, count: int = 1) -> list[ApprovalRequested]:
        """Wait until so many requests were made, by whichever runs; oldest first."""
        async with asyncio.timeout(_PATIENCE):
            while len(found := [it for it in self.bus.published if isinstance(it, ApprovalRequested)]) < count:
                await asyncio.sleep(0.01)
        return found

    async def decide(
        self, request: ApprovalRequested, approver: str = "ann", answer: Any = "approve", **more: Any
    ) -> None:
        """Decide on a request, as the bridge hands it over."""
        self.places += 1
        fields = {"digest": request.digest, "first_run_id": request.first_run_id, "nonce": f"n{self.places}", **more}
        known = {name: fields.pop(name) for name in _KNOWN if name in fields}
        unsigned = Decision(
            workflow_id=request.workflow_id,
            request_id=request.request_id,
            decision=answer,
            approver=approver,
            **fields,
        )
        signing = {name: known[name] for name in ("roles", "stands_in_for", "proxy") if name in known}
        decision, now = self.approvers.sign(unsigned, **signing), known.get("stored_at", await self.now())
        self.bus.clock = lambda: now
        place = await self.bus.publish_raw(RawMessage(decision.subject, decision.model_dump_json().encode(), {}))
        arrived = ReceivedDecision(
            decision_id=decision.message_id,
            decision=decision,
            **{"place": f"DECISIONS.{place}", "stored_at": now, **known},
        )
        await self.handle(request.workflow_id).signal(DECISION_SIGNAL, arrived)

    async def now(self) -> datetime:
        """Return Temporal's own time."""
        return (await self.environment.get_current_time()).astimezone(UTC)

    async def skip(self, **time: float) -> None:
        """Let time pass."""
        await self.environment.sleep(timedelta(**time))

    async def until(self, run: Run, event: str, count: int = 1) -> None:
        """Wait until the history holds so many events of this kind."""
        async with asyncio.timeout(_PATIENCE):
            while await self._count(run, event) < count:
                await asyncio.sleep(0.05)

    async def at_rest(self, run: Run) -> None:
        """Wait until the run has done what there is to do, and nothing is added to its history."""
        async with asyncio.timeout(_PATIENCE):
            before = -1
            while (now := len((await run.fetch_history()).events)) != before:
                before = now
                await asyncio.sleep(_STILL)

    async def keep(self, run: Run, which: str = "") -> None:
        """Keep the history as it is now; of a run that goes on when it is at rest.

        Args:
            run: Whose.
            which: Names one of several histories of the same workflow id.
        """
        history = await run.fetch_history()
        self.kept[f"{run.id}{SEPARATOR}{which}" if which else run.id] = history.to_json() + "\n"

    async def ended(self, run: Run, which: str = "") -> None:
        """Wait for the end, over any time that the run waits itself, and keep the history."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await run.result(follow_runs=False)
        except (TimeoutError, RPCError):
            raise
        except Exception as error:  # noqa: BLE001 (that a run fails or is cancelled may be what is recorded)
            print(f"  {run.id}: {error.__cause__ or error}")  # noqa: T201 (a program)
        await self.keep(run, which)

    async def _count(self, run: Run, event: str) -> int:
        return sum(
            it.WhichOneof("attributes") == f"{event}_event_attributes" for it in (await run.fetch_history()).events
        )


def shop() -> MCPServer:
    """Sell things; one may be given back, another is guarded."""
    server = MCPServer("shop")

    @server.tool()
    def price(item: str, count: int = 1) -> str:
        """Give a price."""
        return f"{count} {item} cost {3 * count}"

    @server.tool()
    def buy(item: str) -> str:
        """Buy something."""
        return f"bought {item}"

    @server.tool()
    def give_back(item: str) -> str:
        """Give something back."""
        if item == "sticky":
            raise ToolError("nobody takes it")
        return f"gave {item} back"

    @server.tool()
    def steal(item: str) -> str:
        """Fail."""
        raise ToolError(f"the {item} is guarded")

    @server.resource("shop://opening")
    def opening() -> str:
        return "nine to five"

    @server.prompt()
    def offer(item: str) -> str:
        return f"Offer a {item}."

    return server


def files() -> MCPServer:
    """Hold a folder of two documents; what is written is lost."""
    server = MCPServer("filesystem")

    @server.tool()
    def list_directory(path: str) -> str:
        """List a folder."""
        if path == "crowded":
            return "\n".join(f"[FILE] {number}.md" for number in range(501))
        return "[FILE] contract.md\n[FILE] minutes.txt\n[FILE] contract.report.md\n[DIR] old" if path else ""

    @server.tool()
    def read_text_file(path: str) -> str:
        """Read a document."""
        return f"# {path}\n\nAnn and Bob agree."

    @server.tool()
    def write_file(path: str, content: str) -> str:
        """Write a document."""
        return f"{len(content)} characters in {path}"

    return server


def desk() -> MCPServer:
    """Keep lines."""
    server = MCPServer("desk")

    @server.tool()
    def jot(line: str) -> str:
        """Jot a line down."""
        return f"jotted {line}"

    @server.resource("desk://lines")
    def lines() -> str:
        return "some lines"

    return server
