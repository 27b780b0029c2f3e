"""Agents that ask models and use tools. FROZEN, see the package."""

import asyncio
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from temporalio import workflow
from temporalio.common import RetryPolicy

from perdure.flow import Agent, note
from tests.replay.workflows.functions import add_ten, now, refuse


class Mood(BaseModel):
    good: bool
    why: str


@workflow.defn
class Conversing:
    """Has two conversations with an agent that has a server and functions."""

    @workflow.run
    async def run(self, prompts: list[str]) -> list[str]:
        functions: list[Any] = [now, add_ten, refuse]
        async with Agent("clerk", instruction="You are a clerk.", server_names=["shop"], functions=functions) as clerk:
            answers = []
            for prompt in prompts:
                answers.append((await clerk.llm.generate(prompt)).text)
                await note(f"Answered: {prompt}")
        return answers


@workflow.defn
class Judging:
    """Wants an answer in a shape, whatever the model answers first."""

    @workflow.run
    async def run(self, prompt: str) -> Mood:
        return await Agent("judge", model_settings={"temperature": 0}).llm.generate_structured(prompt, Mood)


@workflow.defn
class Looking:
    """Looks at all that a server offers."""

    @workflow.run
    async def run(self) -> list[Any]:
        clerk = Agent("clerk", server_names=["shop"], functions=[now])
        tools = [tool["name"] for tool in await clerk.tools.list()]
        (resource,) = await clerk.resources.list()
        (content,) = await clerk.resources.read(resource["uri"])
        (prompt,) = await clerk.prompts.list()
        (message,) = await clerk.prompts.get("offer", item="hat")
        return [tools, content["text"], prompt["name"], message["content"]["text"]]


@workflow.defn
class Calling:
    """Calls one tool of a server, or one function."""

    @workflow.run
    async def run(self, tool: str, arguments: dict[str, Any]) -> str:
        functions: list[Any] = [now, add_ten, refuse]
        clerk = Agent("clerk", server_names=["shop"], functions=functions)
        return (await clerk.tools.call(tool, arguments)).text


@workflow.defn
class AtOnce:
    """Calls tools in every way that there is, several at the same time."""

    @workflow.run
    async def run(self) -> list[str]:
        functions: list[Any] = [now, add_ten]
        async with Agent("clerk", server_names=["shop"], functions=functions) as clerk:
            tools = clerk.tools
            together = await asyncio.gather(tools.price("hat", 2), tools.add_ten(second=5), tools.now())
            again = await tools.price(item="coat")
        return [*together, again]


@workflow.defn
class Patient:
    """Gives up on a model that is away after three tries."""

    @workflow.run
    async def run(self) -> str:
        agent = Agent("clerk", retry_policy=RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=3))
        return await agent.llm.generate_str("Well?", start_to_close_timeout=timedelta(minutes=1))


@workflow.defn
class Talking:
    """Has a conversation so long that the worker keeps the older part of it elsewhere."""

    @workflow.run
    async def run(self, turns: int) -> int:
        async with Agent("talker") as talker:
            answers = [await talker.llm.generate_str(f"{turn} " + "word " * 1500) for turn in range(turns)]
        return len(answers)
