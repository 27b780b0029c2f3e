"""A model chooses one of several named things: agents, functions, servers or anything else."""

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel
from temporalio.exceptions import ApplicationError

from perdure.flow.agent import Agent
from perdure.values.nearest import nearest

__all__ = ["route"]

Choice = TypeVar("Choice")

_TRIES: Final = 3


class _Chosen(BaseModel):
    """Which of the choices fits best."""

    name: str


async def route(router: Agent, request: str, choices: Mapping[str, tuple[str, Choice]]) -> Choice:
    """Let an agent's model choose.

    Args:
        router: The agent that chooses.
        request: The task.
        choices: By name: its purpose, and the value to return when it is chosen.

    Raises:
        ApplicationError: The model named something else three times (``UnknownChoice``).
    """
    listed = "\n".join(f"- {name}: {purpose}" for name, (purpose, _) in choices.items())
    prompt = f"Choose by its name who is to do this.\n\nRequest:\n{request}\n\nChoices:\n{listed}"
    for _ in range(_TRIES):
        name = (await router.llm.generate_structured(prompt, _Chosen)).name.strip()
        if name in choices:
            return choices[name][1]
        prompt = f"There is no {name}{nearest(name, choices)}. Choose one of these by its name:\n{listed}"
    raise ApplicationError(
        f"The model of {router.name} chose none of {', '.join(choices)}: it answered {name}.",
        type="UnknownChoice",
        non_retryable=True,
    )
