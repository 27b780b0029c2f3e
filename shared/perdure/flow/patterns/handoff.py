"""Agents hand a request over to each other until one of them answers."""

from collections.abc import Mapping

from pydantic import BaseModel
from temporalio.exceptions import ApplicationError

from perdure.flow.agent import Agent
from perdure.values.nearest import nearest

__all__ = ["handoff"]


class _Turn(BaseModel):
    """Answer, or hand over to a colleague who can do it better.

    Attributes:
        answer: The answer, if you have it.
        hand_to: The colleague's name otherwise.
        why: What the colleague must know.
    """

    answer: str | None = None
    hand_to: str | None = None
    why: str = ""


async def handoff(
    agents: Mapping[str, tuple[str, Agent]], first: str, request: str, *, turns: int = 5
) -> tuple[str, str]:
    """Give a request to the first agent, and let each answer or hand over.

    Args:
        agents: By name: its skill, and the agent.
        first: The name of the first agent.
        request: The task.
        turns: The maximum number of turns.

    Returns:
        The name of the agent that answered, and the answer.

    Raises:
        ApplicationError: Nobody answered within the turns (``NobodyAnswered``).
    """
    if first not in agents:
        raise ValueError(f"No agent is called {first}{nearest(first, agents)}")
    name, story, path = first, f"Request:\n{request}", [first]
    for _ in range(turns):
        colleagues = "\n".join(f"- {other}: {skill}" for other, (skill, _) in agents.items() if other != name)
        turn = await agents[name][1].llm.generate_structured(
            f"Answer, or hand over to a colleague.\n\n{story}\n\nColleagues:\n{colleagues}", _Turn
        )
        if turn.answer is not None:
            return name, turn.answer
        wanted = turn.hand_to or ""
        if wanted in agents:
            story += f"\n\n{name} handed over to {wanted}: {turn.why}"
            name = wanted
            path.append(name)
        else:
            story += f"\n\nThere is no colleague {wanted}{nearest(wanted, agents)}"
    message = f"Nobody answered within {turns} turns: {' → '.join(path)}."
    raise ApplicationError(message, type="NobodyAnswered", non_retryable=True)
