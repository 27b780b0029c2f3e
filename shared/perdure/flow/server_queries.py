"""Queries of an agent's MCP servers for what they offer, as durable steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from temporalio.exceptions import ActivityError, ApplicationError

from perdure.flow.messages import QUERY_SERVERS, FunctionTool, ServerQuery, ServerQueryResult
from perdure.flow.run import Run
from perdure.flow.server_session import ServerSession
from perdure.flow.step_options import StepOptions, rules_for_servers, run_step
from perdure.values.nearest import nearest

__all__ = ["ServerQueries"]

Items = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ServerQueries:
    """Queries the servers of one agent, each where the run's session with it is.

    Attributes:
        agent: The agent's name.
        servers: Its servers.
        functions: Its functions, which are listed among the tools.
        options: Timeout and retries.
    """

    agent: str
    servers: tuple[str, ...]
    functions: tuple[FunctionTool, ...]
    options: StepOptions

    async def list(self, about: Literal["tools", "resources", "prompts"]) -> Items:
        """Return what the servers offer, in their order.

        Raises:
            ApplicationError: The state in which the run has worked is gone (``SessionLost``): the next query or call
                goes on without it.
        """
        await rules_for_servers(self.servers)
        sessions = Run.current().sessions
        if not sessions.each_has_its_queue(self.servers):
            return await self._query(self.servers, sessions.queue(self.servers), about)
        if about == "tools":  # any worker lists them
            return await self._query(self.servers, None, about)
        groups = sessions.by_queue(self.servers)
        found = [item for queue, servers in groups.items() for item in await self._query(servers, queue, about)]
        return sorted(found, key=lambda item: self.servers.index(item["server"]))

    async def read(
        self, about: Literal["resource", "prompt"], name: str, arguments: Mapping[str, str] | None = None
    ) -> Items:
        """Return the parts of a resource or prompt, from the server that offers it.

        Raises:
            ApplicationError: As with ``list``.
        """
        await rules_for_servers(self.servers)
        sessions = Run.current().sessions
        if not sessions.each_has_its_queue(self.servers) or len(sessions.by_queue(self.servers)) == 1:
            return await self._query(self.servers, sessions.queue(self.servers), about, name, arguments)
        offers = await self.list("resources" if about == "resource" else "prompts")
        servers = {item["uri" if about == "resource" else "name"]: item["server"] for item in reversed(offers)}
        if name not in servers:
            message = f"There is no {about} {name}{nearest(name, servers)}"
            raise ApplicationError(message, type="ToolRefused", non_retryable=True)
        server = servers[name]
        return await self._query((server,), sessions.queue([server]), about, name, arguments)

    async def _query(
        self,
        servers: tuple[str, ...],
        queue: str | None,
        about: Literal["tools", "resources", "resource", "prompts", "prompt"],
        name: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> Items:
        run = Run.current()
        query = ServerQuery(
            agent=self.agent,
            servers=servers,
            functions=self.functions,
            about=about,
            name=name,
            arguments=dict(arguments or {}),
            sessions=run.sessions.ids(servers),
        )
        try:
            answer = await run_step(
                QUERY_SERVERS,
                query,
                ServerQueryResult,
                agent=self.agent,
                does=f"{about} {name}".strip(),
                options=self.options,
                kind="calls",
                first_queue=queue,
            )
        except ActivityError as error:
            lost = error.cause
            if not (isinstance(lost, ApplicationError) and lost.type == "SessionLost" and lost.details):
                raise
            run.sessions.forget(ServerSession.model_validate(lost.details[0]))
            raise lost from error
        return list(answer.items)
