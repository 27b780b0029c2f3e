"""One agent writes and another judges, until the answer is good enough or the rounds are used up."""

from dataclasses import dataclass

from pydantic import BaseModel, Field

from perdure.flow.agent import Agent

__all__ = ["Refined", "Verdict", "refine"]


class Verdict(BaseModel):
    """The evaluation of an answer.

    Attributes:
        score: From 0, useless, to 10, perfect.
        advice: What to improve.
    """

    score: float = Field(ge=0, le=10)
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Refined:
    """The best answer.

    Attributes:
        text: The answer.
        verdict: Its evaluation.
        rounds: How many answers were written.
        good_enough: Whether it reached the requested score.
    """

    text: str
    verdict: Verdict
    rounds: int
    good_enough: bool


async def refine(writer: Agent, evaluator: Agent, request: str, *, good_enough: float = 8, rounds: int = 3) -> Refined:
    """Write, judge, and write again by the advice.

    Args:
        writer: Answers the request.
        evaluator: Judges each answer.
        request: The task.
        good_enough: The score, of 10, that ends it.
        rounds: The maximum number of answers; the best one is returned.
    """
    best: tuple[str, Verdict] | None = None
    prompt = request
    for number in range(1, rounds + 1):
        text = await writer.llm.generate_str(prompt)
        verdict = await evaluator.llm.generate_structured(
            f"Judge this answer.\n\nRequest:\n{request}\n\nAnswer:\n{text}", Verdict
        )
        if verdict.score >= good_enough:
            return Refined(text, verdict, number, good_enough=True)
        if best is None or verdict.score > best[1].score:
            best = text, verdict
        prompt = f"Write it again, better. Advice: {verdict.advice}\n\nRequest:\n{request}\n\nYour answer was:\n{text}"
    if best is None:
        raise ValueError(f"rounds is {rounds}: it must be at least 1")
    return Refined(*best, rounds, good_enough=False)
