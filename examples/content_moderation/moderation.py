"""A model reviews a text, a human approves or rejects it, and the model improves it by the human's comments."""

from typing import Literal

from pydantic import BaseModel
from temporalio import workflow

from perdure.flow import Agent, note


class Content(BaseModel):
    text: str


class Approval(BaseModel):
    reviewer: str
    comments: str = ""


class Rejection(BaseModel):
    reviewer: str
    reason: str


class Moderated(BaseModel):
    outcome: Literal["approved", "rejected"]
    reviewer: str
    text: str | None = None
    reason: str | None = None


@workflow.defn
class ContentModeration:
    """Started by ``content.submitted``; the first signal, ``approve`` or ``reject``, decides."""

    def __init__(self) -> None:
        self._review: Approval | Rejection | None = None

    @workflow.run
    async def run(self, content: Content) -> Moderated:
        async with Agent("moderator", instruction="You review what people want to publish.") as moderator:
            await note(await moderator.llm.generate_str(f"Review this content:\n\n{content.text}"))
            await workflow.wait_condition(lambda: self._review is not None)  # no timeout: a waiting run uses no worker
            match self._review:
                case Approval(reviewer=reviewer, comments=comments):
                    text = await moderator.llm.generate_str(
                        f"Improve this content.\n\nComments: {comments}\n\nContent:\n{content.text}"
                    )
                    return Moderated(outcome="approved", reviewer=reviewer, text=text)
                case Rejection(reviewer=reviewer, reason=reason):
                    return Moderated(outcome="rejected", reviewer=reviewer, reason=reason)
        raise AssertionError  # unreachable: the condition holds only after a signal

    @workflow.signal
    def approve(self, approval: Approval) -> None:
        self._review = self._review or approval

    @workflow.signal
    def reject(self, rejection: Rejection) -> None:
        self._review = self._review or rejection
