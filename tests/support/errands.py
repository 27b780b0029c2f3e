"""A user's module for tests: one agent asks MCP servers whatever the event says."""

from typing import Any

from temporalio import workflow

from perdure.flow import Agent


@workflow.defn
class Errand:
    """``{"servers": [...], "calls": [[tool, arguments], ...]}`` gives the tools' answers; resources and prompts too."""

    @workflow.run
    async def run(self, data: dict[str, Any]) -> list[Any]:
        async with Agent("errand", server_names=data["servers"]) as agent:
            answers: list[Any] = []
            for tool, arguments in data["calls"]:
                answer = await agent.tools.call(tool, arguments, raises=False)
                answers.append(answer.model_dump(mode="json", include={"text", "structured", "other", "is_error"}))
            if uri := data.get("resource"):
                answers.append(await agent.resources.read(uri))
            if prompt := data.get("prompt"):
                answers.append(await agent.prompts.get(prompt))
            return answers
