"""One agent writes, another judges, until it is good enough or enough has been tried."""

from dataclasses import dataclass

from pydantic import BaseModel, Field

from perdure.flow.agent import Agent

__all__ = ["Refined", "Verdict", "refine"]


class Verdict(BaseModel):
    """How good an answer is.

    Attributes:
        score: From 0, useless, to 10, perfect.
        advice: What to mend.
    """

    score: float = Field(ge=0, le=10)
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Refined:
    """The best answer.

    Attributes:
        text: It.
        verdict: What the evaluator said of it.
        rounds: How many answers were written.
        good_enough: Whether it reached the score that was asked for.
    """

    text: str
    verdict: Verdict
    rounds: int
    good_enough: bool


async def refine(writer: Agent, evaluator: Agent, request: str, *, good_enough: float = 8, rounds: int = 3) -> Refined:
    """Write, judge, and write again by the judge's advice.

    Args:
        writer: Answers the request.
        evaluator: Judges each answer.
        request: What is wanted.
        good_enough: The score, of 10, at which it ends.
        rounds: So many answers are written at most; the best of them is returned.
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
        raise ValueError(f"rounds is {rounds}: at least one answer has to be written")
    return Refined(*best, rounds, good_enough=False)
