"""All activities of Perdure on one worker, with the models, MCP servers and stores that they share."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.worker import Interceptor

from perdure.bus import Bus, Objects
from perdure.config.settings import Settings
from perdure_orchestrator.activities.call_function import CallFunction
from perdure_orchestrator.activities.call_model import CallModel
from perdure_orchestrator.activities.call_tool import CallTool
from perdure_orchestrator.activities.drain_decisions import DrainDecisions
from perdure_orchestrator.activities.publish import PublishFacts
from perdure_orchestrator.activities.query_servers import QueryServers
from perdure_orchestrator.activities.read_rules import ReadRules
from perdure_orchestrator.activities.resolve_policy import ResolvePolicy
from perdure_orchestrator.activities.step_notes import note_publisher
from perdure_orchestrator.activities.verify_decisions import VerifyDecisions
from perdure_orchestrator.activities.worker_queue import WorkerQueue
from perdure_orchestrator.agents.breakers import Breakers
from perdure_orchestrator.agents.conversations import Conversations
from perdure_orchestrator.agents.function_runner import Functions
from perdure_orchestrator.agents.model_port import ModelPort
from perdure_orchestrator.agents.model_requests import ModelRequests
from perdure_orchestrator.agents.models import Models
from perdure_orchestrator.agents.permissions import ToolPermissions
from perdure_orchestrator.agents.redaction import Redactor
from perdure_orchestrator.agents.server_folder import SERVER_FOLDERS
from perdure_orchestrator.agents.server_transports import ServerConfig
from perdure_orchestrator.agents.tool_servers import ToolServers
from perdure_orchestrator.decision_verifier import DecisionVerifier
from perdure_orchestrator.publish_log import PublishLog

__all__ = ["AgentBackends", "WorkerActivities"]


@dataclass(frozen=True, slots=True)
class AgentBackends:
    """The models and MCP servers that agents use."""

    models: ModelPort
    servers: Mapping[str, ServerConfig]


class WorkerActivities:
    """The activities of one plugin.

    Args:
        settings: The configuration of agents, limits, models and servers.
        bus: Where facts are published.
        objects: Where long conversations are stored.
        log: The facts that this process knows to be stored.
        verifier: Verifies decisions.
        redactor: Learns the keys that are read.
        backends: The models and MCP servers; by default those of the configuration.
        interceptors: Those of the worker.
    """

    def __init__(  # noqa: PLR0913 (its ports)
        self,
        settings: Settings,
        bus: Bus,
        objects: Objects,
        log: PublishLog,
        *,
        verifier: DecisionVerifier,
        redactor: Redactor,
        backends: AgentBackends | None = None,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        self._interceptors = interceptors
        self._own_queues: list[WorkerQueue] = []  # of each worker: not all have the same functions
        self._settings = settings
        self._bus = bus
        self._log = log
        self._verifier = verifier
        self._backends = backends or AgentBackends(Models(settings.llm, redactor), settings.mcp.servers)
        self._servers = ToolServers(self._backends.servers, settings.state / SERVER_FOLDERS, redactor, note_publisher)
        self._conversations = Conversations(objects)
        self._requests = ModelRequests(self._backends.models, Breakers(), self._conversations)

    def of(self, modules: Iterable[str]) -> list[Callable[..., Any]]:
        """Return the activities for a worker whose workflows stand in these modules: their functions may be tools."""
        return [
            PublishFacts(self._bus, self._log).run,
            DrainDecisions(self._bus).run,
            VerifyDecisions(self._verifier).run,
            ResolvePolicy(self._settings).run,
            *self.of_agents(Functions({*self._settings.workflows, *modules})),
        ]

    def of_agents(self, functions: Functions) -> list[Callable[..., Any]]:
        """Return the activities that agents schedule."""
        settings, servers, conversations = self._settings, self._servers, self._conversations
        marked = {name: server.requires_approval for name, server in self._backends.servers.items()}
        permissions, limits = ToolPermissions(settings.agents, marked), settings.limits
        own_queue = WorkerQueue(self._interceptors)
        self._own_queues.append(own_queue)
        model = CallModel(
            self._requests,
            servers,
            functions,
            permissions=permissions,
            conversations=conversations,
            limits=limits,
            tool_result_bytes=settings.llm.tool_result_bytes,
        )
        return [
            model.run,
            *own_queue.serving(
                CallTool(servers, permissions, conversations, limits, own_queue=own_queue).run,
                QueryServers(servers, functions, permissions).run,
            ),
            CallFunction(functions, permissions, conversations, limits).run,
            ReadRules(settings, self._backends.servers).run,
        ]

    async def close_own_queues(self) -> None:
        """Take no step on the queues of single workers any more, and wait until those that run have ended."""
        await asyncio.gather(*(queue.close() for queue in self._own_queues))

    async def close(self) -> None:
        """Close the sessions with MCP servers and the clients of models; a later call opens them again."""
        await self._servers.close()
        await self._backends.models.close()
