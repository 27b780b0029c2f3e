"""A user's module for tests: one agent that calls the tools of MCP servers that the event names."""

from typing import Any

from temporalio import workflow

from perdure.flow import Agent


@workflow.defn
class Errand:
    """Runs ``{"servers": [...], "calls": [[tool, arguments], ...]}``, then reads a resource and a prompt, if named."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> list[Any]:
        async with Agent("errand", server_names=data["servers"]) as agent:
            results: list[Any] = []
            for tool, arguments in data["calls"]:
                result = await agent.tools.call(tool, arguments, raises=False)
                results.append(result.model_dump(mode="json", include={"text", "structured", "other", "is_error"}))
            if uri := data.get("resource"):
                results.append(await agent.resources.read(uri))
            if prompt := data.get("prompt"):
                results.append(await agent.prompts.get(prompt))
            return results
